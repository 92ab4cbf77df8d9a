/* wanted.h - what the settings want of the interfaces. Pure. */
#ifndef PRIV_WANTED_H
#define PRIV_WANTED_H

#include "net.h"
#include "run/settings.h"

/* As in the settings' rows. auto: of IPv4 DHCP, of IPv6 SLAAC */
enum wanted_mode { WANTED_OFF, WANTED_STATIC, WANTED_AUTO, WANTED_DHCP6 };

struct wanted_route {
	struct net_address to, gateway;
};

/* "bond-a" and "vlan-a" are the devices that we make. */
enum wanted_kind { WANTED_CARD, WANTED_VLAN, WANTED_BOND };

struct wanted_interface {
	char name[2];                     /* "a" */
	enum wanted_kind kind;
	/* Name, MAC address, or "": by its place. Of a VLAN: what it is on. */
	char device[NET_DEVICE_MAX + 1];
	uint16_t vlan;
	char members[NET_MEMBERS_MAX][NET_DEVICE_MAX + 1]; /* names */
	unsigned n_members;
	bool is_lacp;
	struct wanted_route routes[NET_ROUTES_MAX];
	size_t n_routes;
	unsigned plane; /* as in the setting's row */
	enum wanted_mode ipv4, ipv6;
	struct net_address addresses[NET_ADDRESSES_MAX];
	size_t n_addresses;
	struct net_address gateway4, gateway6; /* family 0: none */
	unsigned mtu;
	bool has_dhcp_dns; /* the name servers of its lease may be asked */
};

struct wanted {
	struct wanted_interface v[NET_INTERFACES_MAX]; /* those that are set, in order */
	size_t n;
};

/* An address by DHCP. */
struct wanted_lease {
	struct net_address address, gateway; /* family 0: none */
};
/* Does the interface ask for a lease of that family? */
bool wanted_asks(const struct wanted_interface *i, uint8_t family);
/* Adds it to an interface that waits for one, unless it is no address of ours to take: it is in another interface's subnet
 * (G-NET-04), in which case the text says so, and *w is as before. NULL: added. */
const char *wanted_take_lease(struct wanted *w, size_t i, const struct wanted_lease *lease);

bool wanted_is_unicast(const struct net_address *a); /* neither of all, of this machine, nor of many */
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
