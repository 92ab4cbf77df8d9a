/* fetch_url.h - URLs as we take them: printable ASCII, http or https, a host, no user, no fragment that matters. libcurl
 * reads them, so that what is judged here is what it connects to. */
#ifndef PKI_FETCH_URL_H
#define PKI_FETCH_URL_H

#include "fetch.h"

struct fetch_url {
	char text[FETCH_URL_MAX + 1];
	char host[254]; /* A-labels or an address, without brackets */
	uint16_t port;
	bool is_secure;
	bool is_numeric; /* the host is an address */
};
/* ERR_SYNTAX: not such a URL; ERR_LIMIT: too long; ERR_DENIED: another scheme, or http without FETCH_PLAIN. */
int fetch_url_parse(struct bytes in, unsigned flags, struct fetch_url *out);

#endif
