/* posh.h - PKIX over Secure HTTP (RFC 7711): what a domain's web server says of the certificate that
 * speaks for it. Pure: the request, and reading the answer. */
#ifndef S2S_POSH_H
#define S2S_POSH_H

#include "base/buf.h"

enum { POSH_MAX = 8, POSH_ANSWER_BYTES = 65536 };

struct posh {
	uint8_t sha256[POSH_MAX][32]; /* fingerprints of certificates (RFC 7711 5) */
	size_t n;
};

/* Appends the request for https://HOST/.well-known/posh/xmpp-server.json. host: A-labels. */
void posh_request(struct buf *b, const char *host);
/* Reads a whole HTTP answer, up to the end of the connection. ERR_SYNTAX; ERR_NOT_FOUND: no such
 * document (status not 200); ERR_UNSUPPORTED: it only refers to another place. */
int posh_read(struct bytes answer, struct posh *out);

#endif
