/* kernel.h - the kernel's links, addresses, routes and rules by libnl-route, the one file that includes it. */
#ifndef PRIV_KERNEL_H
#define PRIV_KERNEL_H

#include "plan.h"

struct kernel;
struct link_about {
	uint64_t rx_packets, tx_packets, rx_errors, tx_errors, rx_dropped, tx_dropped;
	unsigned speed_mbps; /* 0: not known */
	bool is_full_duplex;
};

/* Before the fence: sockets are made here, and none later. ERR_SYS, ERR_NOMEM. */
int kernel_open(struct kernel **out);
void kernel_close(struct kernel *k);
/* A descriptor that is readable when something about the network has changed; kernel_drain empties it. */
int kernel_events(const struct kernel *k);
void kernel_drain(struct kernel *k);
/* All that plan_make looks at. ERR_SYS, ERR_LIMIT: more than the tables hold. */
int kernel_read(struct kernel *k, struct have *out);
/* ERR_SYS: why (static text) says what the kernel said. */
int kernel_do(struct kernel *k, const struct step *s, const char **why);
/* Counters and speed. ERR_NOT_FOUND. */
int kernel_about(struct kernel *k, const struct have_link *l, struct link_about *out);

#endif
