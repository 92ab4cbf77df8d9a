/* gateway/proxy/greeting.h - what a client says first. In clear, at the port of STARTTLS (RFC 6120 5): the header of a stream and
 * <starttls/>; nothing else is heard, and nothing that was said is kept when TLS begins. Inside TLS: the header of a stream, for a
 * domain of ours (mra.md M-04); what comes after it is for gh-access. Pure: no sockets, no clock. */
#ifndef PROXY_GREETING_H
#define PROXY_GREETING_H

#include "base/buf.h"
#include "proto/xml.h"
#include "proto/xmpp.h"

enum {
	GREETING_HEADER_MAX = 4 << 10,
	GREETING_BYTES_MAX = 8 << 10, /* of all that is said in clear */
	GREETING_DOMAIN_BYTES = 254,
};

/* Is this domain (A-labels) served here? */
typedef bool (*greeting_host_fn)(void *arg, const char *domain);

struct greeting {
	struct xml_stream xml;
	greeting_host_fn is_host;
	void *arg;
	bool is_secure;          /* inside TLS */
	uint32_t bytes;          /* that came in clear */
	bool is_greeted;         /* our header is out */
	bool is_over;
	enum stream_error error; /* FAILED: for the log; why is static text */
	const char *why;
	char domain[GREETING_DOMAIN_BYTES]; /* that the client wants, in A-labels; "" none yet */
};

enum greeting_what {
	GREETING_MORE,   /* is needed */
	GREETING_TLS,    /* in clear: TLS is wanted, and nothing came behind that wish: greeting_proceed or greeting_refuse is due */
	GREETING_STREAM, /* inside TLS: a header of ours came; nothing is answered */
	GREETING_ENDED,  /* by the client, in order */
	GREETING_FAILED, /* s->error, s->why */
};

/* pool: as that of xml_stream_init; it outlives s. */
void greeting_init(struct greeting *s, struct xml_pool *pool, greeting_host_fn is_host, void *arg, bool is_secure);
void greeting_fini(struct greeting *s);
/* Bytes of the client come; what is answered is put into `out`. a: reset for each element. Not after what
 * is not MORE. */
enum greeting_what greeting_feed(struct greeting *s, struct bytes in, struct arena *a, struct buf *out);
/* <proceed/> (5.4.2.3): TLS is next, and whatever was read before is forgotten. */
void greeting_proceed(struct greeting *s, struct buf *out);
/* <failure/> and the end of the stream (5.4.2.2). */
void greeting_refuse(struct greeting *s, struct buf *out);
/* The stream ends with this error, unless it is over already. why: static text or "". */
void greeting_fail(struct greeting *s, struct buf *out, enum stream_error error, const char *why);

#endif
