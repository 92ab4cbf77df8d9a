/* gateway/proxy/framing.h - an XMPP stream as messages (RFC 7395) and as the stream that gh-access speaks (RFC 6120): one
 * turned into the other, both ways. What is inside elements is not judged here: gh-access does that as for any stream.
 * Pure: no sockets, no clock. */
#ifndef PROXY_FRAMING_H
#define PROXY_FRAMING_H

#include "base/buf.h"
#include "proto/xml.h"

struct framing {
	struct xml_stream xml; /* what gh-access says */
	bool is_open;          /* the client has opened its stream */
	bool is_over;          /* one of the two has closed it */
};

/* pool, limits: as those of xml_stream_init; they outlive it. */
void framing_init(struct framing *f, struct xml_pool *pool, const struct xml_limits *limits);
void framing_fini(struct framing *f);
/* A message of the client, as bytes of a stream put into `out`. ERR_SYNTAX: no element alone (3.3.3), or none that may come
 * now: *why says it (static text). ERR_NOMEM. */
int framing_from_client(struct framing *f, struct bytes message, struct arena *a, struct buf *out, const char **why);
/* Bytes of gh-access come. ERR_XML_*, ERR_NOMEM: the stream is dead. */
int framing_feed(struct framing *f, struct bytes in);
/* The next message for the client, put into `message` (emptied first). False: none now; *rc tells whether an error is why.
 * After the one that closes the stream f->is_over is set. */
bool framing_to_client(struct framing *f, struct arena *a, struct buf *message, int *rc);

#endif
