#include "load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

/* The self-test: what the program makes of a packet must be what is written here byte by byte, and of an indication
 * what the relay's codec writes. */

enum { ETH = 14, IP4 = 20, IP6 = 40, UDP = 8, CHANNELDATA = 4, CHANNEL = 0x4abc, FRAME_MAX = 512, PROTOCOL_UDP = 17, HOPS = 64 };

struct frame {
	uint8_t b[FRAME_MAX];
	size_t n;
};

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* RFC 1071 */
static uint32_t add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static size_t ip_bytes(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

static uint8_t *put_ip(uint8_t *ip, const struct stunaddr *from, const struct stunaddr *to, size_t udp, uint8_t hops)
{
	if (from->family == 4) {
		ip[0] = 0x45;
		put16(ip + 2, (unsigned)(IP4 + udp));
		ip[8] = hops;
		ip[9] = PROTOCOL_UDP;
		memcpy(ip + 12, from->ip, 4);
		memcpy(ip + 16, to->ip, 4);
		put16(ip + 10, ~add(0, ip, IP4));
		return ip + IP4;
	}
	ip[0] = 0x60;
	put16(ip + 4, (unsigned)udp);
	ip[6] = PROTOCOL_UDP;
	ip[7] = hops;
	memcpy(ip + 8, from->ip, 16);
	memcpy(ip + 24, to->ip, 16);
	return ip + IP6;
}

static void put_udp(uint8_t *u, const struct stunaddr *from, const struct stunaddr *to, size_t n)
{
	uint8_t rest[4] = { 0, PROTOCOL_UDP };

	put16(u, from->port);
	put16(u + 2, to->port);
	put16(u + 4, (unsigned)n);
	put16(rest + 2, (unsigned)n);
	uint32_t sum = add(0, from->ip, ip_bytes(from->family));
	sum = add(sum, to->ip, ip_bytes(to->family));
	sum = add(add(sum, rest, sizeof rest), u, n);
	put16(u + 6, sum == 0xffff ? 0xffff : ~sum);
}

static void frame_put(struct frame *f, const struct stunaddr *from, const struct stunaddr *to, struct bytes datagram, uint8_t hops)
{
	size_t udp = UDP + datagram.n;

	memset(f, 0, sizeof *f);
	put16(f->b + 12, from->family == 4 ? 0x0800 : 0x86dd);
	uint8_t *u = put_ip(f->b + ETH, from, to, udp, hops);
	memcpy(u + UDP, datagram.p, datagram.n);
	put_udp(u, from, to, udp);
	f->n = (size_t)(u - f->b) + udp;
}

static void payload_make(uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 31 + 1);
}

static void frame_make(struct frame *f, const struct stunaddr *from, const struct stunaddr *to, unsigned channel, size_t n, uint8_t hops)
{
	uint8_t data[FRAME_MAX];
	size_t head = channel ? CHANNELDATA : 0;

	put16(data, channel);
	put16(data + 2, (unsigned)n);
	payload_make(data + head, n);
	frame_put(f, from, to, bytes_make(data, head + n), hops);
}

/* Between client and server, about the peer. */
static void indication_make(struct frame *f, const struct fastpath_flow *w, enum stunmsg_method method, const uint8_t id[static 16], size_t n)
{
	uint8_t data[FRAME_MAX], message[FRAME_MAX];
	bool is_send = method == STUN_SEND;
	struct stunmsg_writer to;

	payload_make(data, n);
	stunmsg_begin(&to, message, sizeof message, STUN_INDICATION, method, id);
	stunmsg_put_address(&to, STUN_XOR_PEER_ADDRESS, &w->peer);
	stunmsg_put(&to, STUN_DATA_ATTRIBUTE, bytes_make(data, n));
	frame_put(f, is_send ? &w->client : &w->server, is_send ? &w->server : &w->client, stunmsg_end(&to), is_send ? HOPS : HOPS - 1);
}

/* An IPv4 datagram that was IPv6 gets a number of its own, and its header's checksum with it. */
static bool settle_ipv4(struct frame *f)
{
	uint8_t *ip = f->b + ETH;

	if (ip[0] >> 4 != 4)
		return true;
	bool is_summed = add(0, ip, IP4) == 0xffff;
	put16(ip + 4, 0);
	put16(ip + 10, 0);
	return is_summed;
}

static bool run(int prog, const struct frame *in, struct frame *out, unsigned verdict)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in->b, .data_size_in = (uint32_t)in->n, .data_out = out->b,
		    .data_size_out = sizeof out->b, .repeat = 1);

	memset(out, 0, sizeof *out);
	if (bpf_prog_test_run_opts(prog, &o) || o.retval != verdict)
		return false;
	out->n = o.data_size_out;
	return true;
}

static bool is_same(struct frame *out, struct frame *want)
{
	return out->n == want->n && settle_ipv4(out) && settle_ipv4(want) && memcmp(out->b, want->b, want->n) == 0;
}

static bool becomes(int prog, const struct frame *in, struct frame *want, unsigned verdict)
{
	struct frame out;

	return run(prog, in, &out, verdict) && is_same(&out, want);
}

static bool passes_unchanged(int prog, const struct fastpath_flow *w)
{
	struct frame in, same;

	frame_make(&in, &w->peer, &w->server, 0, 60, HOPS);
	same = in;
	return becomes(prog, &in, &same, XDP_PASS);
}

static bool both_ways(int prog, const struct fastpath_flow *w, size_t n)
{
	struct frame in, want;

	frame_make(&in, &w->client, &w->server, w->channel, n, HOPS);
	frame_make(&want, &w->relay, &w->peer, 0, n, HOPS - 1);
	if (!becomes(prog, &in, &want, XDP_TX))
		return false;
	frame_make(&in, &w->peer, &w->relay, 0, n, HOPS);
	frame_make(&want, &w->server, &w->client, w->channel, n, HOPS - 1);
	return becomes(prog, &in, &want, XDP_TX);
}

/* The transaction of a Data indication is the kernel's own. */
static bool both_ways_by_indications(int prog, const struct fastpath_flow *w, size_t n)
{
	static const uint8_t id[16] = { 0x21, 0x12, 0xa4, 0x42, 1, 2, 3 };
	struct frame in, want, out;

	indication_make(&in, w, STUN_SEND, id, n);
	frame_make(&want, &w->relay, &w->peer, 0, n, HOPS - 1);
	if (!becomes(prog, &in, &want, XDP_TX))
		return false;
	frame_make(&in, &w->peer, &w->relay, 0, n, HOPS);
	if (!run(prog, &in, &out, XDP_TX))
		return false;
	indication_make(&want, w, STUN_DATA, out.b + ETH + (w->client.family == 4 ? IP4 : IP6) + UDP + 4, n);
	return is_same(&out, &want);
}

/* Addresses for documentation (RFC 5737, RFC 3849): nobody's flow. */
static struct stunaddr address(uint8_t family, uint8_t host, uint16_t port)
{
	if (family == 4)
		return (struct stunaddr){ 4, port, { 192, 0, 2, host } };
	return (struct stunaddr){ 6, port, { 0x20, 0x01, 0x0d, 0xb8, [15] = host } };
}

static bool flow_works(int prog, struct fastpath *f, const struct fastpath_flow *w)
{
	bool (*const test)(int prog, const struct fastpath_flow *w, size_t n) = w->channel ? both_ways : both_ways_by_indications;
	struct fastpath_counts c = { 0 };
	uint32_t id;

	if (fastpath_add(f, w, &id))
		return false;
	bool is_right = test(prog, w, 160) && test(prog, w, 33) && passes_unchanged(prog, w);
	fastpath_del(f, id, &c);
	return is_right && c.to_peer == 2 && c.to_client == 2 && c.to_peer_bytes == 193 && c.to_client_bytes == 193;
}

static bool family_works(int prog, struct fastpath *f, uint8_t client, uint8_t peer)
{
	struct fastpath_flow w = { .client = address(client, 10, 5000), .server = address(client, 1, 3478),
		.relay = address(peer, 1, 50000), .peer = address(peer, 20, 6000), .channel = CHANNEL, .lasts_s = 60 };

	if (!flow_works(prog, f, &w))
		return false;
	w.channel = 0;
	return flow_works(prog, f, &w);
}

bool xdp_probe(int prog, const struct fastpath_maps *m)
{
	struct fastpath *f;

	if (fastpath_open(m, &f))
		return false;
	bool is_right = true;
	for (int i = 0; i < 4; i++)
		is_right &= family_works(prog, f, i & 1 ? 6 : 4, i & 2 ? 6 : 4);
	fastpath_close(f);
	return is_right;
}
