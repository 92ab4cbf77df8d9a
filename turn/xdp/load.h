/* turn/xdp/load.h - brings forward.bpf.o into the kernel and onto interfaces. Attached by links: what
 * is attached is gone when this process is. Native mode unless asked otherwise. */
#ifndef TURN_XDP_LOAD_H
#define TURN_XDP_LOAD_H

#include "net/fastpath.h"

enum { XDP_PORTS_MAX = 64 };
struct xdp_kernel;

/* Loads the object and tries it (probe.c). ERR_SYS: the kernel refuses, *why says which step; errno is of it. */
int xdp_kernel_open(const char *object, struct xdp_kernel **out, const char **why);
void xdp_kernel_close(struct xdp_kernel *k);
enum xdp_how {
	XDP_PORT_GENERIC = 1, /* not the driver's own mode: for debugging */
	XDP_PORT_EXIT = 2,    /* frames of other interfaces may leave here: the driver has ndo_xdp_xmit */
};
/* how: of enum xdp_how. ERR_EXISTS: it is attached there. ERR_SYS, ERR_FULL with the reason in *why. Needs no
 * capability. */
int xdp_kernel_attach(struct xdp_kernel *k, unsigned ifindex, unsigned how, const char **why);
void xdp_kernel_detach(struct xdp_kernel *k, unsigned ifindex); /* harmless when it is not */
/* The loopback interface routes, so that the program may look up routes as this box does; no other
 * interface forwards by that. Needs /proc/sys. ERR_SYS. */
int xdp_kernel_routes(void);
int xdp_kernel_prog(const struct xdp_kernel *k); /* its descriptor, for BPF_PROG_RUN */
unsigned xdp_kernel_cpus(void);
/* New descriptors (the caller's) in the order of enum flowmap. ERR_SYS. */
int xdp_kernel_maps(const struct xdp_kernel *k, int fds[static FLOWMAP_COUNT]);

/* probe.c: packets of known flows, in both directions and all families, through the program by BPF_PROG_RUN.
 * False: one came out otherwise than it should. */
bool xdp_probe(int prog, const struct fastpath_maps *m);

#endif
