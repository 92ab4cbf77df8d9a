/* turn/xdp/forward.bpf.c - the relay's data path in the kernel: ChannelData and Send indications
 * of UDP clients to UDP peers, and back (RFC 8656 11, 12, 15, 16). Whatever is not plainly a packet of a known
 * flow goes up. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "net/flowmap.h"

#define NS_PER_S 1000000000ull
#define BURST_NS (NS_PER_S / 10)
#define LOOPBACK_IFINDEX 1
#define AF_INET_ 2
#define AF_INET6_ 10
#define IPV4_DF 0x4000
#define IPV4_FRAGMENT 0x3fff
#define COOKIE 0x2112a442
#define SEND_INDICATION 0x0016
#define DATA_INDICATION 0x0017
#define XOR_PEER_ADDRESS 0x0012
#define DATA 0x0013
/* Of an indication before its payload: header, XOR-PEER-ADDRESS, DATA. */
#define HEAD_V4 36
#define HEAD_V6 48
#define FRAME_MAX 0x4000 /* longer than Ethernet's; what the verifier can follow */
#define PATH_BITS 8
#define PATHS (1 << PATH_BITS) /* destinations whose way out is remembered */
#define PATH_LASTS_NS (NS_PER_S / 10)
#define RFC7915_MTU 1260 /* RFC 7915 5.1: DF only above it */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC); /* a box that relays little holds little */
	__type(key, struct way_key);
	__type(value, struct way);
	__uint(max_entries, 2 * FLOWMAP_FLOWS_MAX);
} ways SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct send_key);
	__type(value, struct way);
	__uint(max_entries, FLOWMAP_FLOWS_MAX);
} sends SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct flow_limits);
	__uint(max_entries, FLOWMAP_FLOWS_MAX);
} flows SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct flow_meter);
	__uint(max_entries, FLOWMAP_METERS_MAX);
} meters SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct flow_counts);
	__uint(max_entries, FLOWMAP_FLOWS_MAX);
} counts SEC(".maps");
/* Interfaces that a frame of another one may leave by. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 64);
} ports SEC(".maps");

/* Where datagrams of a pair of addresses leave: the routing tables are asked for some of them only. A change of
 * theirs is seen after PATH_LASTS_NS. */
struct path {
	__u8 src[16], dst[16];
	__u64 until_ns;
	__u32 ifindex, in_ifindex;
	__u16 most_bytes; /* as long a datagram has been let through */
	__u8 family, tos;
	__u8 smac[ETH_ALEN], dmac[ETH_ALEN];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct path);
	__uint(max_entries, PATHS);
} paths SEC(".maps");

struct packet {
	struct way_key key;
	__u16 l3_bytes;  /* of its IP header */
	__u16 udp_bytes; /* with the UDP header */
	__u16 head;      /* of the framing that came; in gone its sum, complemented */
	__u16 payload;
	__u16 trailer;   /* of the frame, behind the datagram */
	__u64 gone;
	__u16 wire_check, wire_id;
	__u8 hops, tos;
	__u8 is_df, has_id;
};
/* What is put in front of the payload. */
struct head {
	__u32 words[HEAD_V6 / 4];
	__u64 sum;
	__u16 bytes; /* 0, 4, HEAD_V4, HEAD_V6 */
	__u16 pad;   /* behind the payload */
};

#define INLINE static __always_inline

INLINE void copy4(__u8 *to, const void *from)
{
	*(__u32 *)to = *(const __u32 *)from;
}

INLINE void copy16(__u8 *to, const void *from)
{
	__builtin_memcpy(to, from, 16);
}

INLINE __u64 sum16(const __u8 *ip)
{
	const __u32 *w = (const __u32 *)ip;
	return (__u64)w[0] + w[1] + w[2] + w[3];
}

INLINE __u64 unsum16(const __u8 *ip)
{
	const __u32 *w = (const __u32 *)ip;
	return (__u64)(__u32)~w[0] + (__u32)~w[1] + (__u32)~w[2] + (__u32)~w[3];
}

INLINE __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

INLINE int read_ipv4(struct packet *p, void *l3, void *end, struct udphdr **udp)
{
	struct iphdr *ip = l3;
	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return -1;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return -1;
	p->l3_bytes = sizeof *ip;
	p->hops = ip->ttl;
	p->tos = ip->tos;
	p->wire_id = ip->id;
	p->has_id = 1;
	p->is_df = !!(ip->frag_off & bpf_htons(IPV4_DF));
	p->udp_bytes = bpf_ntohs(ip->tot_len) - sizeof *ip;
	p->key.family = 4;
	copy4(p->key.src, &ip->saddr);
	copy4(p->key.dst, &ip->daddr);
	*udp = (void *)(ip + 1);
	return 0;
}

INLINE int read_ipv6(struct packet *p, void *l3, void *end, struct udphdr **udp)
{
	struct ipv6hdr *ip = l3;
	if ((void *)(ip + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP)
		return -1;
	p->l3_bytes = sizeof *ip;
	p->hops = ip->hop_limit;
	p->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	p->udp_bytes = bpf_ntohs(ip->payload_len);
	p->key.family = 6;
	copy16(p->key.src, &ip->saddr);
	copy16(p->key.dst, &ip->daddr);
	*udp = (void *)(ip + 1);
	return 0;
}

/* The UDP header, whose length must be the IP header's and inside the frame. */
INLINE int read_udp(struct packet *p, struct udphdr *udp, void *end)
{
	if ((void *)(udp + 1) > end || p->hops < 2)
		return -1;
	if (bpf_ntohs(udp->len) != p->udp_bytes || p->udp_bytes < sizeof *udp)
		return -1;
	__u64 rest = (__u64)end - (__u64)udp;
	if (rest < p->udp_bytes)
		return -1;
	p->trailer = rest - p->udp_bytes;
	p->wire_check = udp->check;
	p->key.wire_sport = udp->source;
	p->key.wire_dport = udp->dest;
	return 0;
}

/* Padding is zero (RFC 8489 14): it is cut off, and the sum stays. */
INLINE int pads_with_zeros(const struct packet *p, struct udphdr *udp, void *end)
{
	__u64 at = p->udp_bytes - 4;
	__u32 over = p->payload & 3;
	if (p->udp_bytes > FRAME_MAX)
		return 0;
	/* What was checked, for the verifier: the compiler may have checked a copy. */
	asm volatile("%0 &= %1" : "+r"(at) : "i"(FRAME_MAX - 1));
	const __u32 *last = (void *)udp + at;
	if ((void *)(last + 1) > end)
		return 0;
	return !over || !(bpf_ntohl(*last) & 0xffffffffu >> 8 * over);
}

INLINE void take(struct packet *p, const __u32 *words, int n)
{
	p->head = 4 * n;
#pragma unroll
	for (int i = 0; i < n; i++)
		p->gone += (__u32)~words[i];
}

INLINE int read_peer(struct send_key *k, const __u32 *w, int is6)
{
	__u32 first = bpf_ntohl(w[6]);
	if (first >> 16 != (is6 ? 2 : 1))
		return -1;
	k->wire_port = bpf_htons((__u16)first ^ COOKIE >> 16);
	k->family = is6 ? 6 : 4;
	copy4(k->peer, &(__u32){ w[7] ^ w[1] });
	if (!is6)
		return 0;
#pragma unroll
	for (int i = 1; i < 4; i++)
		copy4(k->peer + 4 * i, &(__u32){ w[7 + i] ^ w[1 + i] });
	return 0;
}

/* A Send indication (RFC 8656 11.1) of XOR-PEER-ADDRESS and DATA, in this order and nothing else. */
INLINE struct way *find_send(struct packet *p, struct udphdr *udp, void *end)
{
	const __u32 *w = (void *)(udp + 1);
	struct send_key k = { .way = p->key };
	if ((void *)w + HEAD_V4 > end || w[0] != bpf_htonl(SEND_INDICATION << 16 | (__u16)(p->udp_bytes - 28)) || w[1] != bpf_htonl(COOKIE))
		return 0;
	int is6 = w[5] == bpf_htonl(XOR_PEER_ADDRESS << 16 | 20);
	if ((!is6 && w[5] != bpf_htonl(XOR_PEER_ADDRESS << 16 | 8)) || (is6 && (void *)w + HEAD_V6 > end) || read_peer(&k, w, is6))
		return 0;
	__u32 data = bpf_ntohl(is6 ? w[11] : w[8]), head = is6 ? HEAD_V6 : HEAD_V4;
	p->payload = data;
	if (data >> 16 != DATA || sizeof *udp + head + ((p->payload + 3u) & ~3u) != p->udp_bytes || !pads_with_zeros(p, udp, end))
		return 0;
	if (is6)
		take(p, w, HEAD_V6 / 4);
	else
		take(p, w, HEAD_V4 / 4);
	return bpf_map_lookup_elem(&sends, &k);
}

INLINE struct way *find_channel(struct packet *p, const __u16 *head)
{
	struct way *w;

	p->key.wire_channel = head[0];
	w = bpf_map_lookup_elem(&ways, &p->key);
	if (!w) {
		p->key.wire_channel = 0;
		return 0;
	}
	p->payload -= 4;
	take(p, (const void *)head, 1);
	return w;
}

/* ChannelData of a client (RFC 8656 12.4) without padding, a peer's datagram, a client's indication. No peer's 5-tuple
 * is a client's, as relays have ports of their own: what a peer's payload looks like means nothing. */
INLINE struct way *find_way(struct packet *p, struct udphdr *udp, void *end)
{
	const __u16 *head = (void *)(udp + 1);
	int has_head = p->udp_bytes >= sizeof *udp + 4 && (void *)(head + 2) <= end;
	struct way *w = 0;

	p->payload = p->udp_bytes - sizeof *udp;
	if (has_head && bpf_ntohs(head[0]) >> 12 == 4 && bpf_ntohs(head[1]) + sizeof *udp + 4 == p->udp_bytes)
		w = find_channel(p, head);
	if (!w)
		w = bpf_map_lookup_elem(&ways, &p->key);
	return !w && has_head && head[0] == bpf_htons(SEND_INDICATION) ? find_send(p, udp, end) : w;
}

/* One virtual bucket (GCRA): due is when it is full again; a burst of BURST_NS is free. */
INLINE int meter(__u64 *due, __u64 now, __u64 cost_ns)
{
	for (int i = 0; i < 4; i++) {
		__u64 old = *(volatile __u64 *)due;
		__u64 from = old > now ? old : now;
		if (from - now > BURST_NS)
			return -1;
		if (__sync_val_compare_and_swap(due, old, from + cost_ns) == old)
			return 0;
	}
	return -1;
}

INLINE int within_caps(const struct flow_limits *f, __u64 now, __u32 bytes)
{
	for (int i = 0; i < FLOWMAP_CAPS; i++) {
		const struct flow_cap *cap = &f->caps[i];
		if (!cap->bytes_per_s)
			continue;
		__u32 number = cap->meter;
		struct flow_meter *m = bpf_map_lookup_elem(&meters, &number);
		if (!m || meter(&m->due_ns, now, bytes * NS_PER_S / cap->bytes_per_s))
			return 0;
	}
	return 1;
}

INLINE void count(struct flow_counts *c, const struct way *w, __u32 bytes)
{
	if (w->to_peer) {
		c->to_peer++;
		c->to_peer_bytes += bytes;
	} else {
		c->to_client++;
		c->to_client_bytes += bytes;
	}
}

INLINE int ask_route(struct xdp_md *ctx, const struct way *w, __u16 l3_total, __u8 tos, struct bpf_fib_lookup *r)
{
	r->l4_protocol = IPPROTO_UDP;
	r->sport = w->wire_sport;
	r->dport = w->wire_dport;
	r->tot_len = l3_total;
	r->ifindex = LOOPBACK_IFINDEX;
	if (w->family == 4) {
		r->family = AF_INET_;
		r->tos = tos;
		r->ipv4_src = *(const __u32 *)w->src;
		r->ipv4_dst = *(const __u32 *)w->dst;
	} else {
		r->family = AF_INET6_;
		copy16((__u8 *)r->ipv6_src, w->src);
		copy16((__u8 *)r->ipv6_dst, w->dst);
	}
	return bpf_fib_lookup(ctx, r, sizeof *r, 0) == BPF_FIB_LKUP_RET_SUCCESS ? 0 : -1;
}

INLINE struct path *path_of(const struct way *w)
{
	const __u32 *from = (const __u32 *)w->src, *to = (const __u32 *)w->dst;
	/* The highest bits of a product are those that all others have part in. */
	__u32 at = ((from[0] ^ from[3]) * 0x85ebca6b + (to[0] ^ to[1] ^ to[2] ^ to[3])) * 0x9e3779b1 >> (32 - PATH_BITS);
	return bpf_map_lookup_elem(&paths, &at);
}

INLINE int same16(const __u8 *a, const __u8 *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;
	return x[0] == y[0] && x[1] == y[1];
}

INLINE int path_fits(const struct path *t, const struct way *w, __u32 in, __u16 l3_total, __u8 tos, __u64 now)
{
	return t->until_ns > now && t->most_bytes >= l3_total && t->in_ifindex == in && t->family == w->family && t->tos == tos &&
	       same16(t->dst, w->dst) && same16(t->src, w->src);
}

/* An interface may have gone since its path was found. */
INLINE int can_leave_by(struct xdp_md *ctx, __u32 out)
{
	return out == ctx->ingress_ifindex || bpf_map_lookup_elem(&ports, &out);
}

/* Routed like a datagram of this box: the lookup enters at the loopback interface, so that no real
 * interface needs to be a router. The frame's own routes and neighbours only. */
INLINE struct path *route(struct xdp_md *ctx, const struct way *w, __u16 l3_total, __u8 tos, __u64 now)
{
	struct path *t = path_of(w);
	struct bpf_fib_lookup r = {};

	tos = w->family == 4 ? tos & 0x1c : 0;
	if (!t)
		return 0;
	if (path_fits(t, w, ctx->ingress_ifindex, l3_total, tos, now))
		return can_leave_by(ctx, t->ifindex) ? t : 0;
	t->until_ns = 0;
	if (ask_route(ctx, w, l3_total, tos, &r) || !can_leave_by(ctx, r.ifindex))
		return 0;
	copy16(t->src, w->src);
	copy16(t->dst, w->dst);
	t->family = w->family;
	t->tos = tos;
	t->in_ifindex = ctx->ingress_ifindex;
	t->ifindex = r.ifindex;
	t->most_bytes = l3_total;
	__builtin_memcpy(t->smac, r.smac, ETH_ALEN);
	__builtin_memcpy(t->dmac, r.dmac, ETH_ALEN);
	t->until_ns = now + PATH_LASTS_NS;
	return t;
}

/* A Data indication (RFC 8656 11.3) of what the peer has sent. */
INLINE void make_indication(struct head *h, const struct packet *p)
{
	int is6 = p->key.family == 6;
	h->bytes = is6 ? HEAD_V6 : HEAD_V4;
	h->pad = -p->payload & 3;
	h->words[0] = bpf_htonl(DATA_INDICATION << 16 | (__u16)(h->bytes - 20 + p->payload + h->pad));
	h->words[1] = bpf_htonl(COOKIE);
#pragma unroll
	for (int i = 2; i < 5; i++)
		h->words[i] = bpf_get_prandom_u32();
	h->words[5] = bpf_htonl(XOR_PEER_ADDRESS << 16 | (is6 ? 20 : 8));
	h->words[6] = bpf_htonl((is6 ? 2 : 1) << 16 | (__u16)(bpf_ntohs(p->key.wire_sport) ^ COOKIE >> 16));
	const __u32 *ip = (const __u32 *)p->key.src;
	h->words[7] = ip[0] ^ h->words[1];
	h->words[8] = is6 ? ip[1] ^ h->words[2] : bpf_htonl(DATA << 16 | p->payload);
	if (is6) {
		h->words[9] = ip[2] ^ h->words[3];
		h->words[10] = ip[3] ^ h->words[4];
		h->words[11] = bpf_htonl(DATA << 16 | p->payload);
	}
#pragma unroll
	for (int i = 0; i < HEAD_V6 / 4; i++)
		h->sum += h->words[i];
}

INLINE void make_head(struct head *h, const struct packet *p, const struct way *w)
{
	if (w->to_peer)
		return;
	if (!w->wire_channel) {
		make_indication(h, p);
		return;
	}
	h->bytes = 4;
	h->words[0] = bpf_htonl((__u32)bpf_ntohs(w->wire_channel) << 16 | p->payload);
	h->sum = h->words[0];
}

/* RFC 1624: the old words taken out of the sum, the new ones put in. 0 means none and stays so (IPv4). */
INLINE __u16 new_check(const struct packet *p, const struct way *w, const struct head *h, __u16 udp_bytes)
{
	if (!p->wire_check)
		return 0;
	__u64 sum = (__u16)~p->wire_check;
	sum += unsum16(p->key.src) + unsum16(p->key.dst) + sum16(w->src) + sum16(w->dst);
	sum += (__u16)~p->key.wire_sport + (__u64)(__u16)~p->key.wire_dport + w->wire_sport + w->wire_dport;
	/* The length is in the header and in the pseudo-header. */
	sum += 2ull * (__u16)~bpf_htons(p->udp_bytes) + 2ull * bpf_htons(udp_bytes);
	sum += p->gone + h->sum;
	__u16 check = ~fold(sum);
	return check ? check : 0xffff;
}

INLINE void write_ipv4(struct iphdr *ip, const struct packet *p, const struct way *w, __u16 total)
{
	__builtin_memset(ip, 0, sizeof *ip);
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = p->tos;
	ip->tot_len = bpf_htons(total);
	ip->ttl = p->hops - 1;
	ip->protocol = IPPROTO_UDP;
	if (p->has_id) {
		ip->id = p->wire_id;
		ip->frag_off = p->is_df ? bpf_htons(IPV4_DF) : 0;
	} else {
		ip->id = bpf_get_prandom_u32();
		ip->frag_off = total > RFC7915_MTU ? bpf_htons(IPV4_DF) : 0;
	}
	copy4((__u8 *)&ip->saddr, w->src);
	copy4((__u8 *)&ip->daddr, w->dst);
	__u64 sum = 0;
	const __u16 *word = (const __u16 *)ip;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += word[i];
	ip->check = ~fold(sum);
}

INLINE void write_ipv6(struct ipv6hdr *ip, const struct packet *p, const struct way *w, __u16 payload)
{
	ip->version = 6;
	ip->priority = p->tos >> 4;
	ip->flow_lbl[0] = p->tos << 4;
	ip->flow_lbl[1] = ip->flow_lbl[2] = 0;
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = p->hops - 1;
	copy16((__u8 *)&ip->saddr, w->src);
	copy16((__u8 *)&ip->daddr, w->dst);
}

INLINE int write_head(void *to, void *end, const struct head *h)
{
	__u32 *w = to;
	if (!h->bytes)
		return 0;
	if (h->bytes == 4 && (void *)(w + 1) <= end) {
		w[0] = h->words[0];
		return 0;
	}
	if (h->bytes == 4 || to + HEAD_V4 > end)
		return -1;
#pragma unroll
	for (int i = 0; i < HEAD_V4 / 4; i++)
		w[i] = h->words[i];
	if (h->bytes == HEAD_V4)
		return 0;
	if (to + HEAD_V6 > end)
		return -1;
#pragma unroll
	for (int i = HEAD_V4 / 4; i < HEAD_V6 / 4; i++)
		w[i] = h->words[i];
	return 0;
}

INLINE int write_udp(struct udphdr *udp, void *end, const struct packet *p, const struct way *w, const struct head *h, __u16 bytes)
{
	if ((void *)(udp + 1) > end)
		return -1;
	udp->source = w->wire_sport;
	udp->dest = w->wire_dport;
	udp->len = bpf_htons(bytes);
	udp->check = new_check(p, w, h, bytes);
	return write_head(udp + 1, end, h);
}

INLINE int write_frame(struct xdp_md *ctx, const struct packet *p, const struct way *w, const struct head *h,
		       __u16 udp_bytes, const struct path *out)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *l3 = eth + 1;
	if (l3 + sizeof(struct ipv6hdr) > end && (w->family == 6 || l3 + sizeof(struct iphdr) > end))
		return -1;
	__builtin_memcpy(eth->h_dest, out->dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, out->smac, ETH_ALEN);
	if (w->family == 4) {
		if (l3 + sizeof(struct iphdr) > end)
			return -1;
		eth->h_proto = bpf_htons(ETH_P_IP);
		write_ipv4(l3, p, w, udp_bytes + sizeof(struct iphdr));
		return write_udp(l3 + sizeof(struct iphdr), end, p, w, h, udp_bytes);
	}
	if (l3 + sizeof(struct ipv6hdr) > end)
		return -1;
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	write_ipv6(l3, p, w, udp_bytes);
	return write_udp(l3 + sizeof(struct ipv6hdr), end, p, w, h, udp_bytes);
}

/* The frame ends where the payload does, padded anew: what the kernel adds at the end is zero. Only what is cut off
 * of an indication would be missed above, and its head is shortened then, which cannot fail. */
INLINE int set_tail(struct xdp_md *ctx, const struct packet *p, const struct head *h)
{
	int over = p->trailer + p->udp_bytes - (int)sizeof(struct udphdr) - p->head - p->payload;
	if (over && bpf_xdp_adjust_tail(ctx, -over))
		return -1;
	return h->pad && bpf_xdp_adjust_tail(ctx, h->pad) ? -1 : 0;
}

INLINE int forward(struct xdp_md *ctx, const struct packet *p, const struct way *w, int is_probe)
{
	__u64 now = bpf_ktime_get_coarse_ns(); /* a tick at most behind: the shortest time here is BURST_NS */
	__u32 slot = w->slot;
	__u16 l3_bytes = w->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	__u32 bytes = p->payload;
	struct head h = {};
	struct flow_limits *f = bpf_map_lookup_elem(&flows, &slot);
	struct flow_counts *c = bpf_map_lookup_elem(&counts, &slot);
	struct path straight_back = { .ifindex = ctx->ingress_ifindex }, *out = &straight_back;

	if (!f || !c || f->expires_ns <= now)
		return XDP_PASS;
	/* RFC 8200 8.1: IPv6 wants a checksum, which is a walk over the payload. */
	if (!p->wire_check && w->family == 6)
		return XDP_PASS;
	make_head(&h, p, w);
	__u32 udp_bytes = sizeof(struct udphdr) + h.bytes + bytes + h.pad;
	if (udp_bytes + l3_bytes > 0xffff)
		return XDP_PASS;
	if (!is_probe && !(out = route(ctx, w, udp_bytes + l3_bytes, p->tos, now)))
		return XDP_PASS;
	if ((p->head > 4 || h.bytes > 4) && set_tail(ctx, p, &h))
		return XDP_PASS;
	if (!within_caps(f, now, bytes)) {
		c->dropped++;
		return XDP_DROP;
	}
	__u32 in = ctx->ingress_ifindex;
	if (bpf_xdp_adjust_head(ctx, (int)p->l3_bytes + p->head - l3_bytes - h.bytes))
		return XDP_PASS;
	if (write_frame(ctx, p, w, &h, udp_bytes, out)) {
		c->dropped++;
		return XDP_DROP;
	}
	count(c, w, bytes);
	return out->ifindex == in ? XDP_TX : bpf_redirect_map(&ports, out->ifindex, XDP_DROP);
}

INLINE int handle(struct xdp_md *ctx, int is_probe)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct packet p = {};
	struct udphdr *udp = 0;
	int rc = -1;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		rc = read_ipv4(&p, eth + 1, end, &udp);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		rc = read_ipv6(&p, eth + 1, end, &udp);
	if (rc || read_udp(&p, udp, end))
		return XDP_PASS;
	/* An IPv6 datagram without a checksum is the kernel's to refuse (RFC 8200 8.1). */
	if (!p.wire_check && p.key.family == 6)
		return XDP_PASS;
	struct way *w = find_way(&p, udp, end);
	return w ? forward(ctx, &p, w, is_probe) : XDP_PASS;
}

SEC("xdp")
int turn_forward(struct xdp_md *ctx)
{
	return handle(ctx, 0);
}

/* The same without a route and neighbours, which a self-test before the first packet cannot have. */
SEC("xdp")
int turn_probe(struct xdp_md *ctx)
{
	return handle(ctx, 1);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
