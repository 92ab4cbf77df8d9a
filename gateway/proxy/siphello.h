/* gateway/proxy/siphello.h - what a SIP client says first inside TLS: the head of a request for a domain of ours (mra.md M-09). What
 * comes after it is for gh-line. Pure: no sockets, no clock. */
#ifndef PROXY_SIPHELLO_H
#define PROXY_SIPHELLO_H

#include "base/buf.h"

enum { SIPHELLO_MAX = 8 << 10 };

/* Is this host (lower case, without port) served here? */
typedef bool (*siphello_host_fn)(void *arg, const char *host);

enum siphello_what {
	SIPHELLO_MORE,    /* is needed */
	SIPHELLO_OURS,
	SIPHELLO_FOREIGN, /* a head of SIP, for another host: siphello_answer can say so */
	SIPHELLO_NO,      /* this is not SIP, or longer than SIPHELLO_MAX */
};

/* Whether it begins like a request of SIP, and not of HTTP, which has methods of the same names: OURS says yes. */
enum siphello_what siphello_kind(struct bytes said);
/* said: all that came so far; empty lines before the request count as none (RFC 3261 7.5). */
enum siphello_what siphello_read(struct bytes said, siphello_host_fn is_host, void *arg);
/* An answer to the head in said, made of its own Via, From, To, Call-ID and CSeq (RFC 3261 8.2.6), with a tag. retry_s: Retry-After; 0:
 * none. Nothing of the request but these fields is in it. */
void siphello_answer(struct bytes said, unsigned status, const char *reason, const char *tag, unsigned retry_s, struct buf *out);

#endif
