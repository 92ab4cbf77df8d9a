/* gateway/proxy/discovery.h - the documents by which a client finds the company from its domain (XEP-0156, RFC 6415). Pure. */
#ifndef PROXY_DISCOVERY_H
#define PROXY_DISCOVERY_H

#include "base/buf.h"

/* Where things are at the front. */
struct discovery_paths {
	const char *websocket;
	const char *bosh; /* NULL: there is none */
};

/* host: public name of the front; port: likewise. */
void discovery_xrd(struct buf *out, const char *host, uint16_t port, const struct discovery_paths *paths);
/* The same as JSON. ERR_NOMEM. */
int discovery_json(struct buf *out, const char *host, uint16_t port, const struct discovery_paths *paths);

#endif
