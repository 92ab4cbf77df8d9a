/* places.h - where to try a remote domain: targets in order, the addresses of each in turn. Pure. */
#ifndef S2S_PLACES_H
#define S2S_PLACES_H

#include "net/dns.h"

struct places {
	struct dns_target *targets; /* owned */
	uint16_t n_targets, target; /* the one being tried */
	struct dns_addr addrs[DNS_ADDRS_MAX];
	uint16_t n_addrs, addr; /* the next to try */
};

/* ERR_NOMEM. */
int places_set_targets(struct places *p, const struct dns_target *t, size_t n);
/* Addresses of the current target. */
void places_set_addrs(struct places *p, const struct dns_addr *a, size_t n);
/* The target being tried, or NULL when all were. */
const struct dns_target *places_target(const struct places *p);
/* Next address of the current target, or NULL: then places_next_target. */
const struct dns_addr *places_next_addr(struct places *p);
/* Goes on to the next target. False: there is none. */
bool places_next_target(struct places *p);
void places_fini(struct places *p);

#endif
