/* net/flowmap.h - what the worker writes into the kernel's maps and reads there. Shared by
 * turn/xdp and net/fastpath; numbers are in network order where named wire_, else the host's.
 *
 *   ways[5-tuple, channel] -> struct way -> flows[slot] limits (the worker writes) -> meters[number] buckets
 *   sends[5-tuple, peer]   ->               counts[slot] per CPU (the kernel writes)  (the kernel writes)
 * A flow has two ways: client to peer (in ways with the channel, or of Send indications in sends) and peer to
 * client (channel 0). Flows that share a limit (of one user, of the worker) name the same bucket. */
#ifndef NET_FLOWMAP_H
#define NET_FLOWMAP_H

#include <linux/types.h>

enum {
	FLOWMAP_FLOWS_MAX = 65536,
	FLOWMAP_CAPS = 2, /* limits that a flow is under */
	FLOWMAP_METERS_MAX = FLOWMAP_CAPS * FLOWMAP_FLOWS_MAX,
};
/* In this order fastpath_open takes the descriptors. */
enum flowmap { FLOWMAP_WAYS, FLOWMAP_FLOWS, FLOWMAP_METERS, FLOWMAP_COUNTS, FLOWMAP_SENDS, FLOWMAP_COUNT };

struct way_key {
	__u8 src[16], dst[16]; /* IPv4: the first four, zeros behind */
	__u16 wire_sport, wire_dport;
	__u16 wire_channel; /* 0: a datagram of a peer */
	__u16 family;       /* 4 or 6 */
};
struct send_key {
	struct way_key way; /* its channel is 0 */
	__u8 peer[16];      /* of XOR-PEER-ADDRESS */
	__u16 wire_port;
	__u16 family;
};
struct way {
	__u8 src[16], dst[16];
	__u16 wire_sport, wire_dport;
	__u16 wire_channel; /* to put in front; 0: to the client a Data indication, to the peer nothing */
	__u8 family, to_peer;
	__u32 slot;
};
struct flow_cap {
	__u32 bytes_per_s; /* 0: no limit */
	__u32 meter;
};
struct flow_limits {
	__u64 expires_ns; /* CLOCK_MONOTONIC_COARSE, as the program reads it */
	struct flow_cap caps[FLOWMAP_CAPS];
};
struct flow_meter {
	__u64 due_ns; /* when the bucket is full again */
};
struct flow_counts {
	__u64 to_peer, to_peer_bytes, to_client, to_client_bytes, dropped;
};

#endif
