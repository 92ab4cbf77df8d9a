/* gateway/proxy/discovery.h - the documents by which a client finds the company from its domain (XEP-0156, RFC 6415). Pure. */
#ifndef PROXY_DISCOVERY_H
#define PROXY_DISCOVERY_H

#include "base/buf.h"

/* host: public name of the front; port: likewise. path: of its WebSocket. */
void discovery_xrd(struct buf *out, const char *host, uint16_t port, const char *path);
/* The same as JSON. ERR_NOMEM. */
int discovery_json(struct buf *out, const char *host, uint16_t port, const char *path);

#endif
