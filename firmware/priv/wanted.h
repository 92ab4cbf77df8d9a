/* wanted.h - what the settings want of the interfaces. Pure. */
#ifndef PRIV_WANTED_H
#define PRIV_WANTED_H

#include "net.h"
#include "run/settings.h"

enum wanted_mode { WANTED_OFF, WANTED_STATIC, WANTED_AUTO }; /* auto: DHCP, SLAAC */

struct wanted_interface {
	char name[2];                     /* "a" */
	char device[NET_DEVICE_MAX + 1];  /* name, MAC address, or "": by its place */
	enum wanted_mode ipv4, ipv6;
	struct net_address addresses[NET_ADDRESSES_MAX];
	size_t n_addresses;
	struct net_address gateway4, gateway6; /* family 0: none */
	unsigned mtu;
};

struct wanted {
	struct wanted_interface v[NET_INTERFACES_MAX]; /* those that are set, in order */
	size_t n;
};

/* Which letter, from 0. */
unsigned wanted_place(const struct wanted_interface *i);

/* ERR_RANGE, ERR_SYNTAX: *path (256 bytes) names the setting, *why says what is wrong: a key but a to d (acceptance 10),
 * an address or a gateway that is none, a gateway outside its interface's subnets, two interfaces in one subnet
 * (G-NET-04). */
struct wanted_error {
	char path[64];
	const char *why;
};
int wanted_read(const struct settings *s, struct wanted *out, struct wanted_error *error);

#endif
