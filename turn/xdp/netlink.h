/* turn/xdp/netlink.h - what the kernel says about interfaces, over sockets opened before the fence. Read only; the
 * kernel's own messages (rtnetlink(7), and the "netdev" family of generic netlink from Linux 6.3 on). */
#ifndef TURN_XDP_NETLINK_H
#define TURN_XDP_NETLINK_H

#include "proto/stunmsg.h"

enum { NETLINK_NAME_BYTES = 16 };
struct netlink {
	int ask, generic; /* -1: none */
	int news;         /* readable: an interface or address has come, changed or gone */
	uint16_t netdev;  /* number of the family; 0: the kernel has none */
};

int netlink_open(struct netlink *n); /* ERR_SYS */
void netlink_close(struct netlink *n);
/* Each local address with its interface. ERR_SYS. */
typedef void (*netlink_address_fn)(void *arg, unsigned ifindex, const struct stunaddr *a);
int netlink_addresses(const struct netlink *n, netlink_address_fn fn, void *arg);
/* "" when it is gone. */
void netlink_name(const struct netlink *n, unsigned ifindex, char name[static NETLINK_NAME_BYTES]);
/* May frames of other interfaces be sent there by XDP? False where the kernel does not say. */
bool netlink_is_exit(const struct netlink *n, unsigned ifindex);
/* Reads the news away. */
void netlink_drain(const struct netlink *n);

#endif
