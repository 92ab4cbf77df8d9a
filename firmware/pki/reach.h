/* reach.h - which addresses gh-pki may connect to. A URL that an administrator typed may lead to private networks, since a
 * company's authority is there; one that came out of a certificate leads to public hosts only, as a stranger wrote it.
 * Neither leads back to this box by loopback, nor to link-local addresses (metadata services). `fetch allow` opens ranges
 * for both. IPv6 addresses are judged by the IPv4 address that they carry as well. Pure. */
#ifndef PKI_REACH_H
#define PKI_REACH_H

#include "net/prefix.h"

enum { REACH_RANGES_MAX = 64 };

struct reach {
	struct prefix allow[REACH_RANGES_MAX];
	size_t n;
};

/* ERR_SYNTAX, ERR_LIMIT. */
int reach_allow(struct reach *r, struct bytes range);
/* is_stranger: the URL is of a certificate. NULL: it may; else the name of what forbids it, for the log. */
const char *reach_forbids(const struct reach *r, const struct sockaddr *to, bool is_stranger);

#endif
