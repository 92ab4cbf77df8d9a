/* knobs.h - whether a device listens to routers' advertisements (RFC 4861 6.3.4), and makes itself addresses of what they say (RFC
 * 4862 5.5.3). The kernel has this as files only: those
 * of the devices that are there are opened before the fence. Devices that come later begin deaf; to hear they want a restart of
 * gh-priv. */
#ifndef PRIV_KNOBS_H
#define PRIV_KNOBS_H

#include <net/if.h>
#include <stdbool.h>

enum { KNOBS_MAX = 32 };
struct knobs {
	struct knob {
		char device[IF_NAMESIZE];
		int accept, autoconf; /* descriptors */
	} v[KNOBS_MAX];
	unsigned n;
};

/* Without IPv6 there are none. */
void knobs_open(struct knobs *k);
/* has_addresses: addresses are made, too. ERR_NOT_FOUND, ERR_SYS. */
int knobs_accept(const struct knobs *k, const char *device, bool is_on, bool has_addresses);

#endif
