/* turn/xdp/xdp.h - gh-xdp: loads the relay's kernel program before the fence, attaches it to the interfaces that carry
 * the relay's addresses, and hands its maps to the workers. Reads nothing from a network. After the fence it has no
 * capability: a descriptor of the program is enough for a link. */
#ifndef TURN_XDP_XDP_H
#define TURN_XDP_XDP_H

#include "load.h"
#include "netlink.h"
#include "run/proc.h"

enum { XDP_ADDRESSES_MAX = 128, XDP_WHY_BYTES = 160 };
enum xdp_mode { XDP_OFF, XDP_ON, XDP_GENERIC }; /* places in the range of the setting */

struct xdp_conf {
	enum xdp_mode mode;
	uint32_t workers;
	struct stunaddr addresses[XDP_ADDRESSES_MAX];
	size_t n_addresses;
};
void xdp_conf_read(struct xdp_conf *c, const struct settings *s);

/* An interface that carries an address of the relay's. */
struct xdp_port {
	unsigned ifindex;
	bool is_seen;    /* in this round */
	const char *why; /* why it has no program; NULL: it has */
};

struct xdp {
	struct proc *proc;
	struct xdp_kernel *kernel; /* NULL: none, and load_why says why */
	const char *load_why;
	int load_errno;
	struct netlink netlink;
	struct loop_watch news;
	struct loop_timer rescan;
	struct xdp_conf conf;
	struct xdp_port ports[XDP_PORTS_MAX];
	size_t n_ports;
	uint32_t slots; /* of each worker; 0: none has any */
	int fds[FLOWMAP_COUNT];
	char why[XDP_WHY_BYTES]; /* why the workers have no path now */
};

/* ---- ports.c ---- */
/* Attaches and detaches until the program is where it should be. How many interfaces have it. */
size_t ports_settle(struct xdp *x);
void ports_release(struct xdp *x);

/* ---- hand.c: the workers ---- */
/* All have the path, each with so many slots; or none has, and why. */
void hand_out(struct xdp *x, uint32_t slots);
void hand_back(struct xdp *x, const char *why);
void hand_up(struct xdp *x, struct chan *c);
void hand_down(struct xdp *x, struct chan *c);

#endif
