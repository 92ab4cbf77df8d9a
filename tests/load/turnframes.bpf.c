/* turnframes.bpf.c - programs of the bench: a forwarder of ChannelData that does nothing else, a maker of
 * frames, and an end for them. The forwarder takes what the bench sends, IPv4 without options, and no more. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "turnframes.h"

#define LOST_NS 20000000 /* a frame that has not come back by then is lost */
enum { CHANNEL_BYTES = 4, KERNELS_OWN_MAX = 120, /* neighbours and routers are looked for with less */ WINDOW = 192 /* fewer than a veth's ring holds */ };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct turnframes_key);
	__type(value, struct turnframes_flow);
	__uint(max_entries, 2 * TURNFRAMES_FLOWS_MAX);
} flows SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct turnframes_head);
	__uint(max_entries, TURNFRAMES_FLOWS_MAX);
} heads SEC(".maps");

struct turnframes_shared shared;

struct head {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static __always_inline __u64 words(const struct turnframes_key *k)
{
	return (__u64)k->src + k->dst + ((__u32)k->sport | (__u32)k->dport << 16);
}

static __always_inline __u64 words_off(const struct turnframes_key *k)
{
	return (__u64)(__u32)~k->src + (__u32)~k->dst + (__u32) ~((__u32)k->sport | (__u32)k->dport << 16);
}

/* The header before the payload, with its length; what the UDP checksum was becomes what it is (RFC 1624). */
static __always_inline void write_head(struct head *h, const struct turnframes_flow *f, const struct turnframes_key *was,
                                       __u16 udp_was, __u16 udp_is, __u32 channel_word, __u16 check)
{
	__u32 lengths_off = 2 * (__u16)~bpf_htons(udp_was), lengths = 2 * bpf_htons(udp_is);
	__u64 sum = (__u64)(__u16)~check + words_off(was) + words(&f->as) + lengths_off + lengths +
	            (f->is_to_peer ? (__u32)~channel_word : channel_word);
	__builtin_memcpy(&h->eth, f->eth, 12);
	h->eth.h_proto = bpf_htons(ETH_P_IP);
	h->ip = (struct iphdr){ .version = 4, .ihl = 5, .tot_len = bpf_htons(sizeof h->ip + udp_is), .ttl = 64, .protocol = IPPROTO_UDP,
		.saddr = f->as.src, .daddr = f->as.dst };
	h->ip.check = ~fold((__u64)bpf_htons(0x4500) + h->ip.tot_len + bpf_htons(64 << 8 | IPPROTO_UDP) + f->as.src + f->as.dst);
	h->udp = (struct udphdr){ .source = f->as.sport, .dest = f->as.dport, .len = bpf_htons(udp_is), .check = check ? ~fold(sum) : 0 };
	if (check && !h->udp.check)
		h->udp.check = 0xffff;
}

SEC("xdp")
int bare_forward(struct xdp_md *ctx)
{
	struct head *h = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	if ((void *)(h + 1) > end || h->eth.h_proto != bpf_htons(ETH_P_IP) || h->ip.ihl != 5 || h->ip.protocol != IPPROTO_UDP)
		return XDP_PASS;
	struct turnframes_key was = { h->ip.saddr, h->ip.daddr, h->udp.source, h->udp.dest };
	struct turnframes_flow *f = bpf_map_lookup_elem(&flows, &was);
	if (!f)
		return XDP_PASS;
	__u16 udp_was = bpf_ntohs(h->udp.len), check = h->udp.check;
	__u16 payload = udp_was - sizeof h->udp;
	__u32 channel_word = bpf_htons(TURNFRAMES_CHANNEL) | (__u32)bpf_htons(payload) << 16;
	if (f->is_to_peer) {
		__u32 *word = (void *)(h + 1);
		if ((void *)(word + 1) > end)
			return XDP_PASS;
		channel_word = *word;
		payload = bpf_ntohs(channel_word >> 16);
		if (udp_was != sizeof h->udp + CHANNEL_BYTES + payload)
			return XDP_PASS;
	}
	if (bpf_xdp_adjust_head(ctx, f->is_to_peer ? CHANNEL_BYTES : -CHANNEL_BYTES))
		return XDP_PASS;
	h = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)(h + 1) + CHANNEL_BYTES > end)
		return XDP_ABORTED;
	write_head(h, f, &was, udp_was, sizeof h->udp + payload + (f->is_to_peer ? 0 : CHANNEL_BYTES), channel_word, check);
	if (!f->is_to_peer)
		*(__u32 *)(h + 1) = channel_word;
	return bpf_redirect(f->ifindex, 0);
}

/* Never more under way than the rings on the path hold, and none before its time. */
static __always_inline int may_go(void)
{
	__u64 now = bpf_ktime_get_ns(), ended = *(volatile __u64 *)&shared.ended;
	if (ended != shared.seen) {
		shared.seen = ended;
		shared.moved_ns = now;
	} else if (now - shared.moved_ns > LOST_NS) {
		shared.lost = shared.made > ended ? shared.made - ended : 0;
		shared.moved_ns = now;
	}
	return shared.made - shared.lost - ended < WINDOW && (now - shared.start_ns) >= shared.made * shared.ns_each;
}

SEC("xdp")
int make_frame(struct xdp_md *ctx)
{
	void *to = (void *)(long)ctx->data;
	__u32 i = shared.next_head;
	if (!may_go())
		return XDP_DROP;
	if (to + TURNFRAMES_HEAD > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	shared.next_head = i + 1 < shared.n_heads ? i + 1 : 0;
	struct turnframes_head *head = bpf_map_lookup_elem(&heads, &i);
	if (!head)
		return XDP_ABORTED;
	shared.made++;
	__builtin_memcpy(to, head->bytes, TURNFRAMES_HEAD);
	return bpf_redirect(shared.out_ifindex, 0);
}

SEC("xdp")
int end_frame(struct xdp_md *ctx)
{
	if (ctx->data_end - ctx->data <= KERNELS_OWN_MAX)
		return XDP_PASS;
	__sync_fetch_and_add(&shared.ended, 1);
	return XDP_DROP;
}

char license_[] SEC("license") = "GPL";
