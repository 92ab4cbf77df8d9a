/* Channels in the kernel's path (fastpath_fixture.h), and what all flows have in common. */
#include "fastpath_fixture.h"

#include <linux/bpf.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const size_t sizes[] = { 0, 1, 2, 37, 160, 1200, 1401 };

static void families(struct bench *t, uint8_t client, uint8_t peer)
{
	size_t n_sizes = sizeof sizes / sizeof *sizes, bytes = 0;
	bench_begin(t, client, peer);
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
	bench_begin(t, 4, 4);
	frame_make(&in, &t->flow.peer, &t->flow.relay, CHANNEL, 20);
	struct frame out;
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
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
		bench_begin(t, changes[i].family, 4);
		frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
		assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
		in.b[changes[i].at] = changes[i].value;
		if (bench_run(t, &in, &out) != XDP_PASS)
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
	bench_begin(t, 4, 6);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	for (in.n = in.n - 1; in.n > ETH; in.n--)
		assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void no_checksum_is_for_ipv4_only(void **state)
{
	struct bench *t = *state;
	struct frame in, out;
	bench_begin(t, 4, 4);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	put16(in.b + ETH + IP4 + 6, 0);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(get16(out.b + ETH + IP4 + 6), 0);
	fastpath_del(t->f, t->id, NULL);
	bench_begin(t, 4, 6);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
	bench_begin(t, 6, 4);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	put16(in.b + ETH + IP6 + 6, 0);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void hands_up_over_mtu_and_without_neighbour(void **state)
{
	struct bench *t = *state;
	struct frame in;
	bench_begin(t, 4, 6);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, MTU - IP6 - UDP);
	assert_forwarded(t, &in, &t->flow.relay, &t->flow.peer, 0, MTU - IP6 - UDP);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, MTU - IP6 - UDP + 1);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
	t->flow.peer = bench_address(6, 30, 6000);
	assert_int_equal(fastpath_add(t->f, &t->flow, &t->id), 0);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void ends_at_its_time_and_is_renewed(void **state)
{
	struct bench *t = *state;
	struct frame in, out;
	bench_begin(t, 4, 4);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	t->flow.lasts_s = 0;
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), 0);
	assert_passed(t, &in);
	t->flow.lasts_s = 10;
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), 0);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	fastpath_del(t->f, t->id, NULL);
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), ERR_NOT_FOUND);
}

/* A path is remembered for a tenth of a second, and no longer. */
static void follows_a_neighbour(void **state)
{
	static const uint8_t was[6] = { 2, 0, 0, 0, 0, 0x20 }, is[6] = { 2, 0, 0, 0, 0, 0x21 };
	struct bench *t = *state;
	struct frame in, out;
	unsigned cpu;
	assert_int_equal(getcpu(&cpu, NULL), 0);
	cpu_set_t one, all;
	assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0); /* each processor has a memory of its own */
	bench_begin(t, 4, 4);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_memory_equal(out.b, was, sizeof was);
	assert_int_equal(system("ip neigh replace 192.0.2.20 lladdr 02:00:00:00:00:21 dev out0"), 0);
	usleep(150000);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_memory_equal(out.b, is, sizeof is);
	assert_int_equal(system("ip neigh replace 192.0.2.20 lladdr 02:00:00:00:00:20 dev out0"), 0);
	usleep(150000);
	fastpath_del(t->f, t->id, NULL);
	assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

/* What was let through says nothing of a datagram that is longer. */
static void asks_again_for_a_longer_datagram(void **state)
{
	struct bench *t = *state;
	struct frame in, out;
	bench_begin(t, 4, 4);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 32);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(system("ip link set out0 mtu 600"), 0);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 900);
	assert_passed(t, &in); /* the kernel fragments it or says that it is too long */
	assert_int_equal(system("ip link set out0 mtu 1500"), 0);
	fastpath_del(t->f, t->id, NULL);
}

static void drops(struct bench *t, unsigned cap)
{
	struct frame in, out;
	struct fastpath_counts c;
	bench_begin(t, 4, 4);
	t->flow.caps[cap] = (struct fastpath_cap){ .group = 7, .bytes_per_s = 100 };
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), 0);
	frame_make(&in, &t->flow.client, &t->flow.server, CHANNEL, 100);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(bench_run(t, &in, &out), XDP_DROP);
	frame_make(&in, &t->flow.peer, &t->flow.relay, 0, 100);
	assert_int_equal(bench_run(t, &in, &out), XDP_DROP);
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
	return bench_run(t, &in, &out);
}

static void flows_of_a_group_share_its_limit(void **state)
{
	struct bench *t = *state;
	uint32_t id;
	bench_begin(t, 4, 4);
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
	bench_begin(t, 4, 4);
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
	struct fastpath_maps m = bench_maps(t);
	struct fastpath *heir = NULL;
	uint32_t id;
	bench_begin(t, 4, 4);
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
	bench_begin(t, 4, 4);
	assert_int_equal(fastpath_add(t->f, &t->flow, &id), ERR_EXISTS);
	struct fastpath_flow w = t->flow;
	w.channel = 0; /* its way to the client is the channel's */
	assert_int_equal(fastpath_add(t->f, &w, &id), ERR_EXISTS);
	w.peer = bench_address(6, 20, 6000);
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
	bench_begin(t, 6, 6);
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
		cmocka_unit_test(follows_a_neighbour),
		cmocka_unit_test(asks_again_for_a_longer_datagram),
		cmocka_unit_test(drops_over_the_rates),
		cmocka_unit_test(flows_of_a_group_share_its_limit),
		cmocka_unit_test(reads_what_is_new),
		cmocka_unit_test(what_a_dead_worker_left_goes),
		cmocka_unit_test(works_for_an_ordinary_user),
		cmocka_unit_test(refuses_what_cannot_go_there),
	};
	return cmocka_run_group_tests(tests, bench_load, bench_unload);
}
