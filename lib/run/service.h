/* run/service.h - the one table of programs: what each is, may do, listens on, how many run, how it
 * is fenced. gh-super starts programs from it; each program fences itself by its own row before it
 * reads the first byte from outside. */
#ifndef RUN_SERVICE_H
#define RUN_SERVICE_H

#include "run/prog.h"
#include "run/settings.h"

enum plane { PLANE_ROOT, PLANE_KEYS, PLANE_MGMT, PLANE_HUB, PLANE_DMZ, PLANE_CORE };
/* What a box is (system role): an edge between strangers and a core, a core behind one, or all in one. */
enum role { ROLE_COMBINED = 1 << 0, ROLE_EDGE = 1 << 1, ROLE_CORE = 1 << 2, ROLE_BOTH = ROLE_COMBINED | ROLE_EDGE | ROLE_CORE };

/* What the system-call filter lets through beyond memory, clock, random, and read, write, poll,
 * send and receive on descriptors it was given. */
enum fence_may {
	FENCE_ACCEPT = 1 << 0,      /* accept4 on listeners it was given */
	FENCE_CONNECT = 1 << 1,     /* new IPv4 and IPv6 sockets, connect (DNS and peers) */
	FENCE_FILES = 1 << 2,       /* open, rename, unlink, fsync, lock below its own folder only */
	FENCE_BIND = 1 << 3,        /* a source address for new sockets; see fence_narrow */
	FENCE_RELAY = 1 << 4,       /* new sockets of IPv4 and IPv6 on ports of its own, datagrams and (RFC 6062) TCP, listening and connecting */
	FENCE_MAPS = 1 << 5,        /* elements of kernel maps whose descriptors it has: walk, look up, update, delete */
	FENCE_YIELDS = 1 << 11,     /* may give up the network later: fence_give_up_network */
	FENCE_PAIRS = 1 << 10,      /* pairs of Unix stream sockets, to hand one end on over a channel */
	FENCE_LINKS = 1 << 6,       /* links between kernel programs whose descriptors it has and interfaces */
	FENCE_NETWORK = 1 << 8,     /* the host's network: CAP_NET_ADMIN as root, on netlink sockets that it opened before; see a card's speed */
	FENCE_CAPTURE = 1 << 7,     /* a packet filter on sockets it was given; room left on the disk of its folder */
};

struct service {
	enum prog prog;
	enum plane plane;
	unsigned roles;       /* bits of enum role in which it runs */
	unsigned may;         /* bits of enum fence_may */
	const char *folder;   /* below the state folder; "" for none: an empty root */
	uint8_t instances_min, instances_max;
	uint32_t fds_max;     /* RLIMIT_NOFILE wanted */
	uint32_t restart_delay_ms, restart_delay_max_ms; /* doubles from first to second */
};

const struct service *service_of(enum prog p);
/* A value of the setting `system role`; ROLE_COMBINED for what is none. */
enum role service_role(struct bytes word);
/* The same, from a snapshot of a program that reads it. */
enum role service_role_of(const struct settings *s);
/* Does the program run in a box of that role? */
bool service_runs(const struct service *s, enum role role);
/* May it listen for others there? What strangers reach stays shut on a core: it dials out to its edges. */
bool service_may_listen(const struct service *s, enum role role);

/* Listeners: the setting that enables it names address and port; nothing listens by itself. */
struct service_listener {
	const char *name; /* "c2s" */
	enum prog prog;
	bool is_unix;        /* path below the run folder instead of address and port */
	bool is_per_instance; /* SO_REUSEPORT: each instance has its own */
	bool is_datagram; /* UDP */
};
const struct service_listener *service_listener(struct bytes name); /* NULL: no such */

#endif
