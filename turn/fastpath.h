/* turn/fastpath.h - the kernel's path as the engine sees it (turn/xdp does it). The engine owns all
 * state: it puts in a flow when a channel (or a permission) is there, takes it out when it ends, reads
 * its counters; the kernel forwards what matches and hands up everything else. A flow ends by itself at
 * its time in the kernel too, so that nothing outlives a worker that died. */
#ifndef TURN_FASTPATH_H
#define TURN_FASTPATH_H

#include "proto/stunmsg.h"

struct fastpath_flow {
	struct stunaddr client, server; /* as on the wire at this box */
	struct stunaddr relay, peer;
	uint16_t channel;               /* 0: Send and Data indications of a permission */
	uint32_t lasts_s;
	uint32_t bytes_per_s, packets_per_s; /* both directions; 0: no limit */
};
struct fastpath_counts {
	uint64_t to_peer, to_peer_bytes, to_client, to_client_bytes, dropped;
	uint64_t last_used_ms; /* 0: never */
};

struct fastpath;
/* From the maps' descriptors that gh-xdp hands over (taken). ERR_SYS, ERR_LIMIT (other version). */
int fastpath_open(const int *fds, size_t n, struct fastpath **out);
void fastpath_close(struct fastpath *f);
/* ERR_UNSUPPORTED: this flow cannot go there (why is counted); ERR_FULL. *id for the others. */
int fastpath_add(struct fastpath *f, const struct fastpath_flow *w, uint32_t *id);
int fastpath_renew(struct fastpath *f, uint32_t id, const struct fastpath_flow *w); /* time and rates */
int fastpath_read(struct fastpath *f, uint32_t id, struct fastpath_counts *out);
/* Takes it out; its last counts in *out (may be NULL). */
void fastpath_del(struct fastpath *f, uint32_t id, struct fastpath_counts *out);

#endif
