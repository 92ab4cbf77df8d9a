/* gateway/proxy/sipframe.h - SIP over WebSocket (RFC 7118) and as the stream that gh-line speaks (RFC 3261 18.3): one turned into the
 * other, both ways. A WebSocket message is one SIP message, or a keep-alive of line ends (RFC 5626 3.5.1, 4.4.1); where the message ends
 * the frame says, so Content-Length may be missing from it, and a stream needs it. What the message says gh-line judges as for any
 * client. Pure: no sockets, no clock. */
#ifndef PROXY_SIPFRAME_H
#define PROXY_SIPFRAME_H

#include "base/buf.h"

enum {
	SIPFRAME_MAX = 128 << 10, /* of a message, either way: twice what gh-line takes of head and body (sip/message.h) */
};

/* A message of the client, as bytes of a stream put into `out`. ERR_SYNTAX: it is not one whole message: *why says it (static text).
 * ERR_LIMIT: longer than SIPFRAME_MAX. ERR_NOMEM. */
int sipframe_from_client(struct bytes message, struct buf *out, const char **why);

/* What gh-line says, cut into messages. An all-zero struct is none. */
struct sipframes {
	struct buf in;
	size_t scanned; /* bytes in which the end of the head was looked for */
};
void sipframes_init(struct sipframes *s);
void sipframes_fini(struct sipframes *s);
/* Takes bytes. ERR_LIMIT: more than SIPFRAME_MAX and a read wait; ERR_NOMEM: the stream is dead. */
int sipframes_feed(struct sipframes *s, struct bytes in);
/* The next whole message, or line ends between two; a view, valid until the next call. False: none now; *rc tells whether an error is
 * why: ERR_SYNTAX, ERR_LIMIT. */
bool sipframes_next(struct sipframes *s, struct bytes *message, int *rc);

#endif
