/* plan.h - from what the kernel has to what the settings want: the steps that are left. Pure, and idempotent: done, the
 * next plan is empty. New things come before old ones go, so that an address that stays is never away. */
#ifndef PRIV_PLAN_H
#define PRIV_PLAN_H

#include "wanted.h"

#include <net/if.h>

/* bond.h fills these. */
struct have_bond {
	int active;                    /* index of the member that carries, without LACP; 0: none */
	uint16_t aggregator, ports, partner_key;
	uint8_t partner_mac[6];        /* of the switch; 0: nobody speaks LACP there */
};
struct have_member {
	uint32_t failures;
	uint16_t aggregator;
	uint8_t state;                 /* of our port (IEEE 802.1AX 6.4.2.3) */
};

struct have_link {
	int index;
	char name[IF_NAMESIZE];
	uint8_t mac[6];
	bool is_ethernet; /* a card, a virtual one, or an end of a pair; not a bridge, a tunnel and such */
	enum wanted_kind kind; /* else a card, as far as it is Ethernet */
	int parent, master;    /* of a VLAN; of a bond's member. 0: none */
	uint16_t vlan;
	bool is_lacp, is_unfinished; /* of a bond; its mode is not known */
	bool is_up, has_carrier;
	unsigned mtu, group;
	struct have_bond bond;
	struct have_member member;
	uint32_t carrier_changes; /* so that one that came and went in between shows */
};

struct have_address {
	int index;
	struct net_address address;
	bool is_permanent; /* else from an advertisement, and it ends by itself */
	bool is_tentative; /* nobody has been asked yet whether it is somebody else's, or nobody could be (RFC 4862 5.4) */
	bool is_duplicate; /* somebody else has it */
};

struct have_route {
	int index; /* of the device */
	uint32_t table, metric;
	uint8_t protocol;
	struct net_address to;      /* prefix 0: default */
	struct net_address gateway; /* family 0: none */
};

struct have_rule {
	uint32_t priority, table;
	struct net_address from;
};

enum {
	HAVE_LINKS_MAX = 64,
	HAVE_ADDRESSES_MAX = 256,
	HAVE_ROUTES_MAX = 256, /* ours and default ones; others are not kept */
	HAVE_RULES_MAX = 128,  /* those of our priorities */
};

struct have {
	struct have_link links[HAVE_LINKS_MAX];
	struct have_address addresses[HAVE_ADDRESSES_MAX];
	struct have_route routes[HAVE_ROUTES_MAX];
	struct have_rule rules[HAVE_RULES_MAX];
	size_t n_links, n_addresses, n_routes, n_rules;
};

enum step_kind {
	STEP_DEVICE_ADD,   /* a VLAN or a bond: name, kind, parent, vlan, is_lacp of link */
	STEP_MASTER,       /* link.index becomes a member of link.master, or of none */
	STEP_LINK,         /* up, mtu, group as in link */
	STEP_ADDRESS_ADD,
	STEP_ROUTE_ADD,
	STEP_RULE_ADD,
	STEP_RULE_DEL,
	STEP_ROUTE_DEL,
	STEP_ADDRESS_DEL,
	STEP_DEVICE_DEL,
};
struct step {
	enum step_kind kind;
	union {
		struct have_link link;
		struct have_address address;
		struct have_route route;
		struct have_rule rule;
	};
};

enum { PLAN_STEPS_MAX = 512 };
struct plan {
	struct step v[PLAN_STEPS_MAX]; /* further ones come with the next plan */
	size_t n;
	int device[NET_INTERFACES_MAX]; /* of wanted->v[i]: index; 0: not there */
};

void plan_make(const struct wanted *w, const struct have *h, struct plan *out);
/* The device of an interface, or NULL. By name, by MAC address, or the first to fourth Ethernet device for a to d; of a VLAN or
 * a bond the one that we made, if it is as wanted. */
const struct have_link *plan_device(const struct wanted_interface *i, const struct have *h);
/* A card by name or MAC address, or NULL. */
const struct have_link *plan_card(const struct have *h, const char *device);
const struct have_link *plan_find(const struct have *h, int index); /* NULL: no such */

#endif
