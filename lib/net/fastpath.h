/* net/fastpath.h - the kernel's path as the engine sees it (turn/xdp does it). The engine owns all
 * state: it puts in a flow when a channel (or a permission) is there, takes it out when it ends, reads
 * its counters; the kernel forwards what matches and hands up everything else. A flow ends by itself at
 * its time in the kernel too, so that nothing outlives a worker that died. */
#ifndef NET_FASTPATH_H
#define NET_FASTPATH_H

#include "proto/stunmsg.h"

#include "net/flowmap.h"

struct fastpath_flow {
	struct stunaddr client, server; /* as on the wire at this box */
	struct stunaddr relay, peer;
	uint16_t channel;               /* 0: Send and Data indications of a permission, with this one peer */
	uint32_t lasts_s;
	/* Both directions; flows of one group (a number of the caller's) have the limit together. Always the
	 * same groups in the same places of a flow's. */
	struct fastpath_cap {
		uint64_t group;
		uint32_t bytes_per_s; /* 0: no limit */
	} caps[FLOWMAP_CAPS];
};
struct fastpath_counts {
	uint64_t to_peer, to_peer_bytes, to_client, to_client_bytes, dropped;
};

/* What gh-xdp hands over: the maps in the order of enum flowmap (taken when it succeeds), and this
 * worker's own range of slots, so that workers never meet. cpus: possible ones, as in the kernel's
 * per-CPU values. */
struct fastpath_maps {
	int fds[FLOWMAP_COUNT];
	unsigned cpus;
	uint32_t first_slot, slots;
};

struct fastpath;
/* Takes out first what an earlier holder of these slots has left there. ERR_RANGE, ERR_NOMEM, ERR_SYS. */
int fastpath_open(const struct fastpath_maps *m, struct fastpath **out);
void fastpath_close(struct fastpath *f); /* flows stay in the kernel until their time */
/* ERR_UNSUPPORTED: this flow cannot go there (a family that is none, or not the other's); ERR_EXISTS: one
 * of its two ways is taken; ERR_FULL; ERR_SYS. *id (never 0) for the others. */
int fastpath_add(struct fastpath *f, const struct fastpath_flow *w, uint32_t *id);
/* Time and limits. ERR_NOT_FOUND, ERR_SYS; so the next. */
int fastpath_renew(struct fastpath *f, uint32_t id, const struct fastpath_flow *w);
/* What has passed since it was last read. */
int fastpath_read(struct fastpath *f, uint32_t id, struct fastpath_counts *out);
/* Takes it out; what has passed since it was last read in *out (may be NULL). A packet that a CPU holds at this moment may
 * go uncounted. */
void fastpath_del(struct fastpath *f, uint32_t id, struct fastpath_counts *out);
/* All flows of the range end at once, whoever put them in (a worker has died). ERR_SYS. */
int fastpath_expire(int flows_fd, uint32_t first_slot, uint32_t slots);

#endif
