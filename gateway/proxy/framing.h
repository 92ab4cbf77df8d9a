/* gateway/proxy/framing.h - an XMPP stream as messages (RFC 7395) and as the stream that gh-access speaks (RFC 6120): one
 * turned into the other, both ways. A message is one whole element; what the element is and says gh-access judges as for any stream.
 * Pure: no sockets, no clock. */
#ifndef PROXY_FRAMING_H
#define PROXY_FRAMING_H

#include "base/buf.h"
#include "proto/xml.h"
#include "proto/xmpp.h"

struct framing {
	struct xml_stream xml; /* what gh-access says */
	bool is_open;          /* the client has opened its stream */
	bool is_over;          /* one of the two has closed it */
};

/* pool, limits: as those of xml_stream_init; they outlive it. */
void framing_init(struct framing *f, struct xml_pool *pool, const struct xml_limits *limits);
void framing_fini(struct framing *f);
/* A message of the client, as bytes of a stream put into `out`. ERR_SYNTAX: it may not come, or not now; ERR_XML_*, ERR_LIMIT:
 * it is not one whole element (3.3.3): *why says it (static text). ERR_NOMEM. */
int framing_from_client(struct framing *f, struct bytes message, struct arena *a, struct buf *out, const char **why);
/* The messages that end the client's stream with an error (3.5), put into `message` (emptied first) one by one: 0 is the first.
 * False: there are no more. */
bool framing_put_error(const struct framing *f, unsigned at, enum stream_error error, struct buf *message);
/* Bytes of gh-access come. ERR_XML_*, ERR_NOMEM: the stream is dead. */
int framing_feed(struct framing *f, struct bytes in);
/* The next message for the client, put into `message` (emptied first). False: none now; *rc tells whether an error is why.
 * After the one that closes the stream f->is_over is set. */
bool framing_to_client(struct framing *f, struct arena *a, struct buf *message, int *rc);
/* One element as it stands outside a stream: it declares what it uses, and those of the stream's own namespace keep their prefix. */
void framing_put_element(const struct xml_node *n, struct buf *out);

#endif
