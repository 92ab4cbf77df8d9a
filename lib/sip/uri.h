/* sip/uri.h - sip:, sips:, im:, pres:, tel: URIs (RFC 3261 19.1, RFC 3860, 3859, 3966). Pure; the parts
 * are views with their escapes, as Sofia-SIP's parser splits them. */
#ifndef SIP_URI_H
#define SIP_URI_H

#include "base/buf.h"
#include "base/bytes.h"

enum sipuri_scheme { SIPURI_SIP, SIPURI_SIPS, SIPURI_IM, SIPURI_PRES, SIPURI_TEL, SIPURI_MSRP, SIPURI_MSRPS, SIPURI_OTHER };
struct sipuri {
	enum sipuri_scheme scheme;
	struct bytes user;    /* without password; empty: none */
	struct bytes host;    /* IPv6 without brackets */
	uint16_t port;        /* 0: none given */
	struct bytes path;    /* msrp: the session id, behind '/' */
	struct bytes params;  /* behind the first ';', see sip_param */
	struct bytes headers; /* behind '?' */
};
enum { SIPURI_MAX_BYTES = 4096 };
/* ERR_SYNTAX: not a URI, or longer than SIPURI_MAX_BYTES. Of a scheme that is none of these only the scheme is
 * looked at. */
int sipuri_parse(struct bytes in, struct sipuri *out);
void sipuri_print(const struct sipuri *u, struct buf *out);
/* RFC 3261 19.1.4; tel: RFC 3966 4; im, pres: like sip. */
bool sipuri_equal(const struct sipuri *a, const struct sipuri *b);
/* Percent-decodes; ERR_SYNTAX for a bad escape. */
int sipuri_decode(struct bytes in, struct buf *out);

#endif
