/* turnframes.h - what gh-turnframes and its programs in the kernel share. Addresses and ports as on the wire. */
#ifndef LOAD_TURNFRAMES_H
#define LOAD_TURNFRAMES_H

#include <linux/types.h>

enum {
	TURNFRAMES_FLOWS_MAX = 20000,
	TURNFRAMES_HEAD = 14 + 20 + 8 + 4, /* Ethernet, IPv4, UDP, ChannelData (RFC 8656 12.4) */
	TURNFRAMES_CHANNEL = 0x4000,
};

struct turnframes_key {
	__u32 src, dst;
	__u16 sport, dport;
};
struct turnframes_flow { /* where such a frame goes, and as what */
	struct turnframes_key as;
	__u32 ifindex;
	__u8 eth[12];
	__u16 is_to_peer;
};
struct turnframes_head {
	__u8 bytes[TURNFRAMES_HEAD];
	__u8 unused[2];
};
struct turnframes_shared { /* the object's .bss; the sink writes the first line, the maker the rest but what is set before */
	__u64 ended;
	__u64 unused[7];
	__u64 made, lost, seen, moved_ns;
	__u64 start_ns, ns_each; /* 0: as many as come back */
	__u32 next_head, n_heads, out_ifindex;
};

#endif
