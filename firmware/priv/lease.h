/* lease.h - leases of interfaces that get their address by DHCP, of IPv4 or of IPv6. gh-dhcp asks for them; here they are judged,
 * kept until they end, and told. A lease outlives a gh-dhcp that ends. */
#ifndef PRIV_LEASE_H
#define PRIV_LEASE_H

#include "wanted.h"

#include "run/bus.h"

enum { LEASE_SERVERS_MAX = 4 };
enum lease_family { LEASE_4, LEASE_6, LEASE_FAMILY_COUNT };

struct lease {
	bool is_asked;   /* gh-dhcp has been told of this device */
	int device;      /* its index */
	uint8_t mac[6];
	struct net_address local; /* of IPv6: what gh-dhcp sends from */
	uint64_t waits_ms; /* since when there is no such address; 0: there is one */
	bool has_carrier;
	uint32_t carrier_changes;
	bool is_in_use;  /* gh-dhcp has been told that another machine has the address */
	struct wanted_lease got; /* address.family 0: none */
	struct net_address server;
	struct net_address dns[LEASE_SERVERS_MAX], ntp[LEASE_SERVERS_MAX];
	unsigned n_dns, n_ntp;
	uint64_t end_ms; /* 0: no end */
	char why[112];   /* why there is none */
};

struct priv;
/* After a look at the kernel: gh-dhcp hears which devices want a lease, of cables that come back, and of addresses that another
 * machine has. */
void lease_follow(struct priv *p);
/* p->wanted with the leases that stand, into *out. */
void lease_add_all(struct priv *p, struct wanted *out);
/* gh-dhcp has come: it knows of nothing. */
void lease_forget_asked(struct priv *p);
int lease_on_news(void *program, struct chan *from, const struct frame *f);
/* What name and time servers the leases offer, to gh-conf. */
void lease_tell_offers(struct priv *p);

#endif
