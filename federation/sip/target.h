/* target.h - where a request goes when no static route says so: its Route or its Request-URI (RFC 3261 8.1.2,
 * 16.6 steps 6 and 7). Pure. */
#ifndef GSIP_TARGET_H
#define GSIP_TARGET_H

#include "sip/message.h"
#include "sip/uri.h"

struct target {
	char host[256]; /* lower case, IPv6 without brackets */
	uint16_t port;  /* 0: none given */
	int transport;  /* enum siptransport; -1: none given */
	bool is_sips;
	bool is_route;  /* from Route */
};
/* Changes m when the first Route is a strict router's. maddr is not followed: it would send what a partner may
 * send elsewhere. ERR_SYNTAX, ERR_UNSUPPORTED (a scheme that has no host). */
int target_of(struct sipmsg *m, struct target *out);
/* The parts of a Request-URI that decide: host as it stands, user without escapes in `user` (cleared first). */
int target_parts(struct bytes uri, struct sipuri *out, struct buf *user);

#endif
