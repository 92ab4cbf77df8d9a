/* scram_client.h - the client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677, 9266).
 * All cryptography is OpenSSL's. */
#ifndef DEMO_SCRAM_CLIENT_H
#define DEMO_SCRAM_CLIENT_H

#include "base/buf.h"

struct scram_client {
	char nonce[33];
	char first_bare[160];
	const char *gs2;        /* "n,," or "p=tls-exporter,," */
	uint8_t binding[32];    /* TLS exporter; used with -PLUS */
	uint8_t server_signature[32];
};

/* client-first-message, appended. user: no ',' or '='. exporter: 32 bytes, or NULL without -PLUS. */
void scram_client_first(struct scram_client *s, const char *user, const uint8_t *exporter, struct buf *out);
/* Reads server-first, appends client-final. ERR_SYNTAX. */
int scram_client_final(struct scram_client *s, const char *password, struct bytes server_first, struct buf *out);
/* Is the server-final-message from somebody who knows the verifier? ERR_AUTH. */
int scram_client_check(const struct scram_client *s, struct bytes server_final);

#endif
