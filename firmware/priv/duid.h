/* duid.h - who this box is to DHCPv6 servers (RFC 8415 11): the same on all interfaces, at each start and in each version, and
 * nothing that tells more than that. Pure but for duid_read. */
#ifndef PRIV_DUID_H
#define PRIV_DUID_H

#include "plan.h"

enum { DUID_BYTES = 18 }; /* of the longest of ours: a type and a UUID */
struct duid {
	uint8_t n; /* 0: none */
	uint8_t bytes[DUID_BYTES];
};

/* DUID-UUID (RFC 6355) of the machine's number, hashed (RFC 9562 5.8): it is not the number itself. n 0: the machine has none.
 * Reads files: before the fence. */
void duid_read(struct duid *out);
/* The same of a number that is known. */
void duid_of_number(const char *number, struct duid *out);
/* DUID-LL (RFC 8415 11.4) of the first Ethernet device, where there is no number. n 0: there is none either. */
void duid_of_card(const struct have *h, struct duid *out);

#endif
