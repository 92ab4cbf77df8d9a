#include "fastpath_fixture.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const net_setup[] = {
	"ip link set lo up", "ip link add out0 address 02:00:00:00:00:01 mtu 1500 type veth peer name far0", "ip link set far0 up",
	"ip addr add 192.0.2.1/24 dev out0", "ip addr add 2001:db8::1/64 dev out0 nodad", "ip link set out0 up",
	"ip neigh add 192.0.2.10 lladdr 02:00:00:00:00:10 dev out0", "ip neigh add 192.0.2.20 lladdr 02:00:00:00:00:20 dev out0",
	"ip neigh add 2001:db8::10 lladdr 02:00:00:00:00:10 dev out0", "ip neigh add 2001:db8::20 lladdr 02:00:00:00:00:20 dev out0",
	"echo 1 > /proc/sys/net/ipv4/conf/lo/forwarding", "echo 1 > /proc/sys/net/ipv6/conf/lo/forwarding",
};

struct stunaddr bench_address(uint8_t family, unsigned host, uint16_t port)
{
	struct stunaddr a = { .family = family, .port = port };
	char text[64];
	(void)snprintf(text, sizeof text, family == 4 ? "192.0.2.%u" : "2001:db8::%u", host);
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, a.ip), 1);
	return a;
}

static int bench_fd(const struct bench *t, const char *map)
{
	int fd = bpf_object__find_map_fd_by_name(t->obj, map);
	assert_true(fd >= 0);
	return dup(fd);
}

struct fastpath_maps bench_maps(const struct bench *t)
{
	struct fastpath_maps m = { .cpus = (unsigned)libbpf_num_possible_cpus(), .first_slot = 100, .slots = 3 };
	m.fds[FLOWMAP_WAYS] = bench_fd(t, "ways");
	m.fds[FLOWMAP_FLOWS] = bench_fd(t, "flows");
	m.fds[FLOWMAP_METERS] = bench_fd(t, "meters");
	m.fds[FLOWMAP_COUNTS] = bench_fd(t, "counts");
	m.fds[FLOWMAP_SENDS] = bench_fd(t, "sends");
	return m;
}

int bench_load(void **state)
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
	struct fastpath_maps m = bench_maps(t);
	assert_int_equal(fastpath_open(&m, &t->f), 0);
	return 0;
}

int bench_unload(void **state)
{
	struct bench *t = *state;
	fastpath_close(t->f);
	bpf_object__close(t->obj);
	free(t);
	return 0;
}

void bench_begin(struct bench *t, uint8_t client_family, uint8_t peer_family)
{
	t->flow = (struct fastpath_flow){ .client = bench_address(client_family, 10, 5000), .server = bench_address(client_family, 1, 3478),
		.relay = bench_address(peer_family, 1, 50000), .peer = bench_address(peer_family, 20, 6000),
		.channel = CHANNEL, .lasts_s = 60 };
	assert_int_equal(fastpath_add(t->f, &t->flow, &t->id), 0);
}

void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

unsigned get16(const uint8_t *p)
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

uint32_t udp_sum(const uint8_t *l3)
{
	bool is4 = l3[0] >> 4 == 4;
	const uint8_t *udp = l3 + (is4 ? IP4 : IP6);
	uint8_t tail[4] = { 0, 17, udp[4], udp[5] };
	uint32_t sum = add_bytes(0, is4 ? l3 + 12 : l3 + 8, is4 ? 8 : 32);
	return add_bytes(add_bytes(sum, tail, 4), udp, get16(udp + 4));
}

void frame_put(struct frame *f, const struct stunaddr *from, const struct stunaddr *to, struct bytes payload)
{
	size_t l3 = from->family == 4 ? IP4 : IP6, udp = UDP + payload.n;
	memset(f, 0, sizeof *f);
	f->n = ETH + l3 + udp;
	put16(f->b + 12, from->family == 4 ? 0x0800 : 0x86dd);
	uint8_t *ip = f->b + ETH, *u = ip + l3;
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
	memcpy(u + UDP, payload.p, payload.n);
	put16(u + 6, ~udp_sum(ip));
}

void payload_make(uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 37 + n);
}

void frame_make(struct frame *f, const struct stunaddr *from, const struct stunaddr *to, unsigned channel, size_t n)
{
	uint8_t data[FRAME_MAX];
	put16(data, channel);
	put16(data + 2, (unsigned)n);
	payload_make(data + 4, n);
	frame_put(f, from, to, channel ? bytes_make(data, n + 4) : bytes_make(data + 4, n));
}

unsigned bench_run(const struct bench *t, const struct frame *in, struct frame *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in->b, .data_size_in = (uint32_t)in->n, .data_out = out->b,
		    .data_size_out = sizeof out->b, .repeat = 1);
	assert_int_equal(bpf_prog_test_run_opts(t->prog, &o), 0);
	out->n = o.data_size_out;
	return o.retval;
}

void assert_passed(const struct bench *t, const struct frame *in)
{
	struct frame out;
	assert_int_equal(bench_run(t, in, &out), XDP_PASS);
	assert_int_equal(out.n, in->n);
	assert_memory_equal(out.b, in->b, in->n);
}

void assert_same(const struct frame *got, const struct frame *want)
{
	assert_int_equal(got->n, want->n);
	const uint8_t *ip = got->b + ETH, *w = want->b + ETH;
	bool is4 = get16(want->b + 12) == 0x0800;
	size_t l3 = is4 ? IP4 : IP6;
	uint8_t mac[12] = { 2, 0, 0, 0, 0, 0x10, 2, 0, 0, 0, 0, 1 };
	if (get16(w + l3 + 2) == 6000)
		mac[5] = 0x20;
	assert_memory_equal(got->b, mac, 12);
	if (is4) {
		assert_int_equal(ip[8], 63);
		assert_int_equal(add_bytes(0, ip, IP4), 0xffff);
		assert_int_equal(get16(ip + 2), got->n - ETH);
		assert_memory_equal(ip + 12, w + 12, 8);
		assert_int_equal(ip[1], 0xb9);
	} else {
		assert_int_equal(ip[7], 63);
		assert_int_equal(get16(ip) & 0xff0, 0xb90);
		assert_memory_equal(ip + 4, w + 4, 3);
		assert_memory_equal(ip + 8, w + 8, 32);
	}
	assert_memory_equal(ip + l3, w + l3, 6);
	assert_memory_equal(ip + l3 + UDP, w + l3 + UDP, got->n - ETH - l3 - UDP);
	assert_int_equal(udp_sum(ip), 0xffff);
	assert_true(get16(ip + l3 + 6) != 0);
}

void assert_forwarded(const struct bench *t, const struct frame *in, const struct stunaddr *from,
		      const struct stunaddr *to, unsigned channel, size_t n)
{
	struct frame out, want;
	assert_int_equal(bench_run(t, in, &out), XDP_REDIRECT);
	frame_make(&want, from, to, channel, n);
	assert_same(&out, &want);
}
