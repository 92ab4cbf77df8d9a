/* The worker's side and the kernel's program together, by BPF_PROG_RUN in a network of its own. The
 * checksums of what comes out are computed anew over the whole datagram. Needs CAP_BPF, CAP_NET_ADMIN
 * and CAP_SYS_ADMIN (the network namespace): without them it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "fastpath.h"

enum { ETH = 14, IP4 = 20, IP6 = 40, UDP = 8, CHANNEL = 0x4001, FRAME_MAX = 4096, MTU = 1500 };

struct bench {
	struct bpf_object *obj;
	int prog;
	struct fastpath *f;
	uint32_t id;
	struct fastpath_flow flow;
};
struct frame {
	uint8_t b[FRAME_MAX];
	size_t n;
};

static const char *const net_setup[] = {
	"ip link set lo up", "ip link add out0 address 02:00:00:00:00:01 mtu 1500 type veth peer name far0", "ip link set far0 up",
	"ip addr add 192.0.2.1/24 dev out0", "ip addr add 2001:db8::1/64 dev out0 nodad", "ip link set out0 up",
	"ip neigh add 192.0.2.10 lladdr 02:00:00:00:00:10 dev out0", "ip neigh add 192.0.2.20 lladdr 02:00:00:00:00:20 dev out0",
	"ip neigh add 2001:db8::10 lladdr 02:00:00:00:00:10 dev out0", "ip neigh add 2001:db8::20 lladdr 02:00:00:00:00:20 dev out0",
	"echo 1 > /proc/sys/net/ipv4/conf/lo/forwarding", "echo 1 > /proc/sys/net/ipv6/conf/lo/forwarding",
};

static struct stunaddr address(uint8_t family, unsigned host, uint16_t port)
{
	struct stunaddr a = { .family = family, .port = port };
	char text[64];
	(void)snprintf(text, sizeof text, family == 4 ? "192.0.2.%u" : "2001:db8::%u", host);
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, a.ip), 1);
	return a;
}

static int fd_of(const struct bench *t, const char *map)
{
	int fd = bpf_object__find_map_fd_by_name(t->obj, map);
	assert_true(fd >= 0);
	return dup(fd);
}

static int load(void **state)
{
	struct bench *t = calloc(1, sizeof *t);
	assert_non_null(t);
	*state = t;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	for (size_t i = 0; i < sizeof net_setup / sizeof *net_setup; i++)
		assert_int_equal(system(net_setup[i]), 0);
	t->obj = bpf_object__open_file("build/bpf/forward.bpf.o", NULL);
	assert_non_null(t->obj);
	assert_int_equal(bpf_object__load(t->obj), 0);
	t->prog = bpf_program__fd(bpf_object__find_program_by_name(t->obj, "turn_forward"));
	uint32_t port = if_nametoindex("out0");
	assert_int_equal(bpf_map_update_elem(bpf_object__find_map_fd_by_name(t->obj, "ports"), &port, &port, 0), 0);
	struct fastpath_maps m = { .cpus = (unsigned)libbpf_num_possible_cpus(), .first_slot = 100, .slots = 3 };
	m.fds[FLOWMAP_WAYS] = fd_of(t, "ways");
	m.fds[FLOWMAP_FLOWS] = fd_of(t, "flows");
	m.fds[FLOWMAP_METERS] = fd_of(t, "meters");
	m.fds[FLOWMAP_COUNTS] = fd_of(t, "counts");
	m.fds[FLOWMAP_SENDS] = fd_of(t, "sends");
	assert_int_equal(fastpath_open(&m, &t->f), 0);
	return 0;
}

static int unload(void **state)
{
	struct bench *t = *state;
	fastpath_close(t->f);
	bpf_object__close(t->obj);
	free(t);
	return 0;
}

static void begin(struct bench *t, uint8_t client_family, uint8_t peer_family)
{
	t->flow = (struct fastpath_flow){ .client = address(client_family, 10, 5000), .server = address(client_family, 1, 3478),
		.relay = address(peer_family, 1, 50000), .peer = address(peer_family, 20, 6000),
		.channel = CHANNEL, .lasts_s = 60 };
	assert_int_equal(fastpath_add(t->f, &t->flow, &t->id), 0);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* RFC 1071, byte by byte. */
static uint32_t add_bytes(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t udp_sum(const uint8_t *l3)
{
	bool is4 = l3[0] >> 4 == 4;
	const uint8_t *udp = l3 + (is4 ? IP4 : IP6);
	uint8_t tail[4] = { 0, 17, udp[4], udp[5] };
	uint32_t sum = add_bytes(0, is4 ? l3 + 12 : l3 + 8, is4 ? 8 : 32);
	return add_bytes(add_bytes(sum, tail, 4), udp, get16(udp + 4));
}

static void frame_make(struct frame *f, const struct stunaddr *from, const struct stunaddr *to, unsigned channel, size_t n)
{
	size_t l3 = from->family == 4 ? IP4 : IP6, udp = UDP + n + (channel ? 4 : 0);
	memset(f, 0, sizeof *f);
	f->n = ETH + l3 + udp;
	put16(f->b + 12, from->family == 4 ? 0x0800 : 0x86dd);
	uint8_t *ip = f->b + ETH, *u = ip + l3, *data = u + UDP;
	if (from->family == 4) {
		memcpy(ip, (uint8_t[]){ 0x45, 0xb9, 0, 0, 0x12, 0x34, 0, 0, 64, 17 }, 10);
		put16(ip + 2, (unsigned)(l3 + udp));
		memcpy(ip + 12, from->ip, 4);
		memcpy(ip + 16, to->ip, 4);
		put16(ip + 10, ~add_bytes(0, ip, IP4));
	} else {
		memcpy(ip, (uint8_t[]){ 0x6b, 0x91, 0x23, 0x45, 0, 0, 17, 64 }, 8);
		put16(ip + 4, (unsigned)udp);
		memcpy(ip + 8, from->ip, 16);
		memcpy(ip + 24, to->ip, 16);
	}
	put16(u, from->port);
	put16(u + 2, to->port);
	put16(u + 4, (unsigned)udp);
	if (channel) {
		put16(data, channel);
		put16(data + 2, (unsigned)n);
		data += 4;
	}
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 37 + n);
	put16(u + 6, ~udp_sum(ip));
}

static unsigned run(const struct bench *t, const struct frame *in, struct frame *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in->b, .data_size_in = (uint32_t)in->n, .data_out = out->b,
		    .data_size_out = sizeof out->b, .repeat = 1);
	assert_int_equal(bpf_prog_test_run_opts(t->prog, &o), 0);
	out->n = o.data_size_out;
	return o.retval;
}

static void assert_passed(const struct bench *t, const struct frame *in)
{
	struct frame out;
	assert_int_equal(run(t, in, &out), XDP_PASS);
	assert_int_equal(out.n, in->n);
	assert_memory_equal(out.b, in->b, in->n);
}

static void assert_forwarded(const struct bench *t, const struct frame *in, const struct stunaddr *from,
			     const struct stunaddr *to, unsigned channel, size_t n)
{
	struct frame out, want;
	assert_int_equal(run(t, in, &out), XDP_REDIRECT);
	frame_make(&want, from, to, channel, n);
	assert_int_equal(out.n, want.n);
	uint8_t *ip = out.b + ETH, *w = want.b + ETH;
	uint8_t mac[12] = { 2, 0, 0, 0, 0, 0x10, 2, 0, 0, 0, 0, 1 };
	if (to->port == 6000)
		mac[5] = 0x20;
	assert_memory_equal(out.b, mac, 12);
	if (from->family == 4) {
		assert_int_equal(ip[8], 63);
		assert_int_equal(add_bytes(0, ip, IP4), 0xffff);
		assert_int_equal(get16(ip + 2), out.n - ETH);
		assert_memory_equal(ip + 12, w + 12, 8);
		assert_int_equal(ip[1], 0xb9);
	} else {
		assert_int_equal(ip[7], 63);
		assert_int_equal(get16(ip) & 0xff0, 0xb90);
		assert_memory_equal(ip + 4, w + 4, 3);
		assert_memory_equal(ip + 8, w + 8, 32);
	}
	size_t l3 = from->family == 4 ? IP4 : IP6;
	assert_memory_equal(ip + l3, w + l3, 6);
	assert_memory_equal(ip + l3 + UDP, w + l3 + UDP, out.n - ETH - l3 - UDP);
	assert_int_equal(udp_sum(ip), 0xffff);
	assert_true(get16(ip + l3 + 6) != 0);
}

static const size_t sizes[] = { 0, 1, 2, 37, 160, 1200, 1401 };

static void families(struct bench *t, uint8_t client, uint8_t peer)
{
	size_t n_sizes = sizeof sizes / sizeof *sizes, bytes = 0;
	begin(t, client, peer);
	const struct fastpath_flow *w = &t->flow;
	for (size_t i = 0; i < n_sizes; i++) {
		struct frame in;
		frame_make(&in, &w->client, &w->server, CHANNEL, sizes[i]);
		assert_forwarded(t, &in, &w->relay, &w->peer, 0, sizes[i]);
		frame_make(&in, &w->peer, &w->relay, 0, sizes[i]);
		assert_forwarded(t, &in, &w->server, &w->client, CHANNEL, sizes[i]);
		bytes += sizes[i];
	}
	struct fastpath_counts c;
	fastpath_del(t->f, t->id, &c);
	assert_int_equal(c.to_peer, n_sizes);
	assert_int_equal(c.to_client, n_sizes);
	assert_int_equal(c.to_peer_bytes, bytes);
	assert_int_equal(c.to_client_bytes, bytes);
	assert_int_equal(c.dropped, 0);
}

static void forwards_both_ways_in_all_families(void **state)
{
	families(*state, 4, 4);
	families(*state, 4, 6);
	families(*state, 6, 4);
	families(*state, 6, 6);
}

static void payload_of_a_peer_may_look_like_a_channel(void **state)
{
	struct bench *t = *state;
	struct frame in;
	begin(t, 4, 4);
	frame_make(&in, &t->flow.peer, &t->flow.relay, CHANNEL, 20);
	struct frame out;
	assert_int_equal(run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(out.n, in.n + 4);
	assert_memory_equal(out.b + ETH + IP4 + UDP + 4, in.b + ETH + IP4 + UDP, 24);
	assert_int_equal(udp_sum(out.b + ETH), 0xffff);
	fastpath_del(t->f, t->id, NULL);
}

/* One change to a good packet of a client, each of which hands it up: where, and what is written. */
static const struct {
	const char *what;
	uint8_t family;
	size_t at;
	uint8_t value;
} changes[] = {
	{ "another ethertype", 4, 12, 0x88 }, { "IP options", 4, ETH, 0x46 }, { "more fragments", 4, ETH + 6, 0x20 },
	{ "last fragment", 4, ETH + 7, 1 }, { "TTL 1", 4, ETH + 8, 1 }, { "TTL 0", 4, ETH + 8, 0 },
	{ "TCP", 4, ETH + 9, 6 }, { "other client", 4, ETH + 15, 11 }, { "other server", 4, ETH + 19, 2 },
	{ "total length", 4, ETH + 3, 40 }, { "source port", 4, ETH + IP4 + 1, 1 }, { "port", 4, ETH + IP4 + 3, 1 },
	{ "UDP length", 4, ETH + IP4 + 5, 9 }, { "other channel", 4, ETH + IP4 + UDP + 1, 2 },
	{ "STUN", 4, ETH + IP4 + UDP, 0 }, { "channel length", 4, ETH + IP4 + UDP + 3, 31 },
	{ "hop limit 1", 6, ETH + 7, 1 }, { "extension header", 6, ETH + 6, 0 }, { "IPv6 fragment", 6, ETH + 6, 44 },
	{ "payload length", 6, ETH + 5, 40 }, { "version", 6, ETH, 0x4b }, { "other client", 6, ETH + 23, 1 },
};

static void hands_up_what_is_not_plain(void **state)
{
	struct bench *t = *state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct frame in, out;
		begin(t, changes[i].family, 4);
		frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
		assert_int_equal(run(t, &in, &out), XDP_REDIRECT);
		in.b[changes[i].at] = changes[i].value;
		if (run(t, &in, &out) != XDP_PASS)
			fail_msg("%s was not handed up", changes[i].what);
		assert_memory_equal(out.b, in.b, in.n);
		fastpath_del(t->f, t->id, NULL);
		frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
		assert_passed(t, &in);
	}
}

static void hands_up_every_cut_of_a_packet(void **state)
{
	struct bench *t = *state;
	struct frame in;
	begin(t, 4, 6);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	for (in.n = in.n - 1; in.n > ETH; in.n--)
		assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void no_checksum_is_for_ipv4_only(void **state)
{
	struct bench *t = *state;
	struct frame in, out;
	begin(t, 4, 4);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	put16(in.b + ETH + IP4 + 6, 0);
	assert_int_equal(run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(get16(out.b + ETH + IP4 + 6), 0);
	fastpath_del(t->f, t->id, NULL);
	begin(t, 4, 6);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
	begin(t, 6, 4);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	put16(in.b + ETH + IP6 + 6, 0);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void hands_up_over_mtu_and_without_neighbour(void **state)
{
	struct bench *t = *state;
	struct frame in;
	begin(t, 4, 6);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, MTU - IP6 - UDP);
	assert_forwarded(t, &in, &t->flow.relay, &t->flow.peer, 0, MTU - IP6 - UDP);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, MTU - IP6 - UDP + 1);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
	t->flow.peer = address(6, 30, 6000);
	assert_int_equal(fastpath_add(t->f, &t->flow, &t->id), 0);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void ends_at_its_time_and_is_renewed(void **state)
{
	struct bench *t = *state;
	struct frame in, out;
	begin(t, 4, 4);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	t->flow.lasts_s = 0;
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), 0);
	assert_passed(t, &in);
	t->flow.lasts_s = 10;
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), 0);
	assert_int_equal(run(t, &in, &out), XDP_REDIRECT);
	fastpath_del(t->f, t->id, NULL);
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), ERR_NOT_FOUND);
}

static void drops(struct bench *t, unsigned cap)
{
	struct frame in, out;
	struct fastpath_counts c;
	begin(t, 4, 4);
	t->flow.caps[cap] = (struct fastpath_cap){ .group = 7, .bytes_per_s = 100 };
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), 0);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 100);
	assert_int_equal(run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(run(t, &in, &out), XDP_DROP);
	frame_make(&in, &t->flow.peer, &t->flow.relay, 0, 100);
	assert_int_equal(run(t, &in, &out), XDP_DROP);
	fastpath_del(t->f, t->id, &c);
	assert_int_equal(c.to_peer, 1);
	assert_int_equal(c.to_client, 0);
	assert_int_equal(c.dropped, 2);
}

static void drops_over_the_rates(void **state)
{
	drops(*state, 0);
	drops(*state, 1);
}

static unsigned to_peer(const struct bench *t, const struct fastpath_flow *w)
{
	struct frame in, out;
	frame_make(&in, &w->client, &w->server, w->channel, 100);
	return run(t, &in, &out);
}

static void flows_of_a_group_share_its_limit(void **state)
{
	struct bench *t = *state;
	uint32_t id;
	begin(t, 4, 4);
	t->flow.caps[0] = (struct fastpath_cap){ .group = 7, .bytes_per_s = 100 };
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), 0);
	struct fastpath_flow w = t->flow;
	w.client.port++;
	w.relay.port++;
	assert_int_equal(fastpath_add(t->f, &w, &id), 0);
	assert_int_equal(to_peer(t, &t->flow), XDP_REDIRECT);
	assert_int_equal(to_peer(t, &w), XDP_DROP);
	/* in another group it has a bucket of its own, and the first one's stays empty without it */
	fastpath_del(t->f, id, NULL);
	w.caps[0].group = 8;
	assert_int_equal(fastpath_add(t->f, &w, &id), 0);
	assert_int_equal(to_peer(t, &w), XDP_REDIRECT);
	assert_int_equal(to_peer(t, &t->flow), XDP_DROP);
	/* the limit goes, and comes again with a full bucket */
	w.caps[0].bytes_per_s = 0;
	assert_int_equal(fastpath_renew(t->f, id, &w), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(to_peer(t, &w), XDP_REDIRECT);
	fastpath_del(t->f, id, NULL);
	fastpath_del(t->f, t->id, NULL);
}

static void reads_what_is_new(void **state)
{
	struct bench *t = *state;
	struct fastpath_counts c;
	begin(t, 4, 4);
	for (unsigned i = 1; i < 3; i++) {
		for (unsigned n = 0; n < i; n++)
			assert_int_equal(to_peer(t, &t->flow), XDP_REDIRECT);
		assert_int_equal(fastpath_read(t->f, t->id, &c), 0);
		assert_int_equal(c.to_peer, i);
		assert_int_equal(c.to_peer_bytes, 100 * i);
	}
	fastpath_del(t->f, t->id, &c);
	assert_int_equal(c.to_peer, 0);
}

/* A worker has died: its flows end at once, and the next one finds its slots empty. */
static void what_a_dead_worker_left_goes(void **state)
{
	struct bench *t = *state;
	struct fastpath_maps m = { .cpus = (unsigned)libbpf_num_possible_cpus(), .first_slot = 100, .slots = 3 };
	struct fastpath *heir = NULL;
	uint32_t id;
	m.fds[FLOWMAP_WAYS] = fd_of(t, "ways");
	m.fds[FLOWMAP_FLOWS] = fd_of(t, "flows");
	m.fds[FLOWMAP_METERS] = fd_of(t, "meters");
	m.fds[FLOWMAP_COUNTS] = fd_of(t, "counts");
	m.fds[FLOWMAP_SENDS] = fd_of(t, "sends");
	begin(t, 4, 4);
	assert_int_equal(fastpath_expire(m.fds[FLOWMAP_FLOWS], 0, 100), 0); /* another's */
	assert_int_equal(to_peer(t, &t->flow), XDP_REDIRECT);
	assert_int_equal(fastpath_expire(m.fds[FLOWMAP_FLOWS], 100, 3), 0);
	assert_int_equal(to_peer(t, &t->flow), XDP_PASS);
	assert_int_equal(fastpath_open(&m, &heir), 0);
	assert_int_equal(fastpath_add(heir, &t->flow, &id), 0);
	assert_int_equal(to_peer(t, &t->flow), XDP_REDIRECT);
	fastpath_del(heir, id, NULL);
	fastpath_close(heir);
	fastpath_del(t->f, t->id, NULL);
}

static void refuses_what_cannot_go_there(void **state)
{
	struct bench *t = *state;
	uint32_t id, ids[2];
	begin(t, 4, 4);
	assert_int_equal(fastpath_add(t->f, &t->flow, &id), ERR_EXISTS);
	struct fastpath_flow w = t->flow;
	w.channel = 0; /* its way to the client is the channel's */
	assert_int_equal(fastpath_add(t->f, &w, &id), ERR_EXISTS);
	w.peer = address(6, 20, 6000);
	assert_int_equal(fastpath_add(t->f, &w, &id), ERR_UNSUPPORTED);
	for (unsigned i = 0; i < 2; i++) {
		w = t->flow;
		w.channel++;
		w.peer.port = (uint16_t)(w.peer.port + 1 + i);
		w.client.port = (uint16_t)(w.client.port + i);
		assert_int_equal(fastpath_add(t->f, &w, &ids[i]), 0);
	}
	w.peer.port++;
	w.channel++;
	assert_int_equal(fastpath_add(t->f, &w, &id), ERR_FULL);
	fastpath_del(t->f, t->id, NULL);
	fastpath_del(t->f, ids[0], NULL);
	fastpath_del(t->f, ids[1], NULL);
}

/* gh-turn has no capability: descriptors are enough. */
static void works_for_an_ordinary_user(void **state)
{
	struct bench *t = *state;
	struct fastpath_counts c;
	int status = -1;
	begin(t, 6, 6);
	pid_t pid = fork();
	if (!pid) {
		bool is_out = setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534);
		_exit(is_out || fastpath_renew(t->f, t->id, &t->flow) || fastpath_read(t->f, t->id, &c));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fastpath_del(t->f, t->id, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards_both_ways_in_all_families),
		cmocka_unit_test(payload_of_a_peer_may_look_like_a_channel),
		cmocka_unit_test(hands_up_what_is_not_plain),
		cmocka_unit_test(hands_up_every_cut_of_a_packet),
		cmocka_unit_test(no_checksum_is_for_ipv4_only),
		cmocka_unit_test(hands_up_over_mtu_and_without_neighbour),
		cmocka_unit_test(ends_at_its_time_and_is_renewed),
		cmocka_unit_test(drops_over_the_rates),
		cmocka_unit_test(flows_of_a_group_share_its_limit),
		cmocka_unit_test(reads_what_is_new),
		cmocka_unit_test(what_a_dead_worker_left_goes),
		cmocka_unit_test(works_for_an_ordinary_user),
		cmocka_unit_test(refuses_what_cannot_go_there),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
