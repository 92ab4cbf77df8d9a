/* sip/stream.h - messages out of a TCP or TLS byte stream (RFC 3261 7.5, 18.3). Pure. */
#ifndef SIP_STREAM_H
#define SIP_STREAM_H

#include "sip/message.h"

/* Holds no memory between messages. */
struct sipstream {
	struct buf in;
	size_t scanned; /* bytes in which the end of the headers was looked for */
	size_t want;    /* bytes of the message at hand; 0: its headers are not complete */
	bool is_after_crlf; /* one empty line came, another makes a ping */
};

void sipstream_init(struct sipstream *s);
void sipstream_fini(struct sipstream *s);
/* Takes bytes. ERR_LIMIT: more than 64 KiB behind what sipstream_next was asked for, the connection must go. */
int sipstream_feed(struct sipstream *s, struct bytes in);
/* The next whole message: 0 and *out; 0 and NULL *out: more bytes are needed; *is_ping (then without *out,
 * ask again): a double CRLF came (RFC 5626 3.5.1), answer with one CRLF. ERR_SYNTAX: the framing is lost (no
 * or bad Content-Length, not SIP); ERR_LIMIT: headers or body over the limits: *out may still be a request
 * with a fault to answer before the connection goes. Messages to be dropped (a response with a wrong status
 * line, RFC 4475 3.1.2.19) are dropped here. */
int sipstream_next(struct sipstream *s, struct sipmsg **out, bool *is_ping);
/* Is a message half here? Since when is the owner's to know (FED-13: 30 s). */
bool sipstream_is_inside(const struct sipstream *s);

#endif
