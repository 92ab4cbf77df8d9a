/* Channels in the kernel's path, which the test plays (server_play.h). */
#include "server_play.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct stunaddr peer = { 4, 7000, { 8, 8, 8, 8 } }, other_port = { 4, 7001, { 8, 8, 8, 8 } };
static const struct turn_door door = { TURN_UDP, .at = { 4, 3478, { 9, 1, 1, 1 } }, .seen = { 4, 3478, { 9, 9, 9, 9 } } };

static int begin(void **state)
{
	(void)play_up(state);
	play_kernel(&play, &door);
	return 0;
}

static unsigned flows(void)
{
	return play_flows(&play);
}

/* An allocation with one channel in the kernel: the first flow. */
static struct play_client bound(struct stunaddr *relayed)
{
	struct play_client c = play_client(&play, 1, 1000);

	*relayed = play_allocate(&c);
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	assert_int_equal(flows(), 1);
	return c;
}

static void pass(uint64_t packets, uint64_t bytes)
{
	play.flows[0].passed = (struct fastpath_counts){ .to_peer = packets, .to_peer_bytes = bytes, .to_client = 1, .to_client_bytes = 7 };
}

static void what_goes_in(void **state)
{
	struct stunaddr relayed;
	(void)state;
	struct play_client c = bound(&relayed), stream = play_client(&play, 2, 2000);
	const struct fastpath_flow *f = &play.flows[0].is;

	assert_true(stunaddr_eq(&f->client, &c.path.from));
	assert_true(stunaddr_eq(&f->server, &door.at));
	assert_true(stunaddr_eq(&f->relay, &relayed));
	assert_true(stunaddr_eq(&f->peer, &peer));
	assert_int_equal(f->channel, 0x4001);
	assert_int_equal(f->lasts_s, 300);
	assert_int_equal(f->caps[0].bytes_per_s | f->caps[1].bytes_per_s, 0);
	assert_int_equal(play_bind(&c, 0x4002, &other_port), 0);
	assert_int_equal(flows(), 2);
	/* streams are not the kernel's, nor is a permission alone */
	stream.path.transport = TURN_TCP;
	stream.path.conn = 5;
	(void)play_allocate(&stream);
	assert_int_equal(play_permit(&stream, &peer), 0);
	assert_int_equal(play_bind(&stream, 0x4001, &peer), 0);
	assert_int_equal(flows(), 2);
	assert_int_equal(play_refresh(&c, 0), 0);
	assert_int_equal(flows(), 0);
}

static void listeners_on_all_addresses_stay_out(void **state)
{
	const struct turn_door any = { TURN_UDP, .at = { 4, 3478, { 0 } }, .seen = { 4, 3478, { 0 } } };
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	turn_server_set_door(play.workers[0].server, 0, &any);
	(void)play_allocate(&c);
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	assert_int_equal(flows(), 0);
}

/* RFC 8656: 300 s a permission, 600 s a channel, 600 s the allocation. */
static void lasts_as_long_as_all_three(void **state)
{
	struct stunaddr relayed;
	(void)state;
	struct play_client c = bound(&relayed);
	const struct play_flow *f = &play.flows[0];

	loop_fake_advance(play.loop, 200000);
	assert_int_equal(f->renewed, 0);
	assert_int_equal(play_permit(&c, &peer), 0);
	assert_int_equal(f->is.lasts_s, 300);
	loop_fake_advance(play.loop, 250000);
	assert_int_equal(play_permit(&c, &peer), 0);
	assert_int_equal(f->is.lasts_s, 150); /* the channel's and the allocation's end */
	assert_int_equal(play_refresh(&c, -1), 0);
	assert_int_equal(f->is.lasts_s, 150); /* the channel's */
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	assert_int_equal(f->is.lasts_s, 300);
	assert_int_equal(flows(), 1);
	/* the permission ends: the kernel knows when, and nothing of it is asked before the channel's end */
	loop_fake_advance(play.loop, 301000);
	assert_int_equal(flows(), 1);
	assert_int_equal(play_permit(&c, &peer), 0);
	assert_int_equal(f->is.lasts_s, 299);
	loop_fake_advance(play.loop, 297000);
	assert_int_equal(play_refresh(&c, -1), 0);
	loop_fake_advance(play.loop, 3500);
	assert_int_equal(flows(), 0); /* the channel has ended, the allocation lives */
	assert_int_equal(turn_server_count(play.workers[0].server), 1);
}

static struct turn_seen seen(unsigned worker)
{
	struct turn_seen s = { 0 };
	size_t at = 0;

	assert_true(turn_server_next(play.workers[worker].server, &at, &s));
	return s;
}

static void counts_what_passes_there(void **state)
{
	struct stunaddr relayed;
	(void)state;
	struct play_client c = bound(&relayed);
	const uint64_t *stats = turn_server_stats(play.workers[0].server);

	pass(3, 300);
	loop_fake_advance(play.loop, 1100);
	assert_int_equal(stats[TURN_STAT_TO_PEER_BYTES], 300);
	pass(1, 60);
	turn_server_read_kernel(play.workers[0].server);
	assert_int_equal(stats[TURN_STAT_TO_PEER_BYTES], 360);
	play.flows[0].passed = (struct fastpath_counts){ .to_peer_bytes = 40 };
	assert_int_equal(seen(0).to_peer, 4);
	assert_int_equal(seen(0).to_peer_bytes, 400);
	assert_int_equal(seen(0).to_client_bytes, 14);
	play_from_client(&c, BYTES("\x40\x01\0\1x")); /* what is handed up counts with it */
	assert_int_equal(seen(0).to_peer_bytes, 401);
	pass(1, 50);
	assert_int_equal(play_refresh(&c, 0), 0);
	assert_int_equal(stats[TURN_STAT_TO_PEER], 6);
	assert_int_equal(stats[TURN_STAT_TO_PEER_BYTES], 451);
	assert_int_equal(stats[TURN_STAT_KERNEL], 8);
	assert_int_equal(stats[TURN_STAT_KERNEL_BYTES], 471);
	assert_int_equal(stats[TURN_STAT_KERNEL_FLOWS], 0);
}

static void rules_that_change_take_it_out(void **state)
{
	struct stunaddr relayed;
	struct prefix p;
	(void)state;
	struct play_client c = bound(&relayed);

	assert_int_equal(prefix_parse(BYTES("8.8.8.0/24"), &p), 0);
	assert_int_equal(peer_rules_add(&play.conf.rules.deny, &p), 0);
	pass(1, 10);
	turn_server_set(play.workers[0].server, &play.conf);
	assert_int_equal(flows(), 0);
	assert_int_equal(seen(0).to_peer_bytes, 10);
	(void)c;
}

static void the_path_comes_and_goes(void **state)
{
	struct stunaddr relayed;
	(void)state;
	struct play_client c = bound(&relayed);
	struct turn_server *s = play.workers[0].server;

	pass(1, 10);
	turn_server_kernel(s, false);
	assert_int_equal(flows(), 0);
	assert_int_equal(seen(0).to_peer_bytes, 10);
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	assert_int_equal(flows(), 0);
	turn_server_kernel(s, true);
	assert_int_equal(flows(), 1);
	turn_server_set_door(s, 0, NULL);
	assert_int_equal(flows(), 0);
	turn_server_set_door(s, 0, &door);
	assert_int_equal(play_refresh(&c, -1), 0);
	assert_int_equal(flows(), 1);
	assert_int_equal(turn_server_end(s, seen(0).number), 0);
	assert_int_equal(flows(), 0);
}

static void no_place_is_no_loss(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < PLAY_FLOWS + 2; i++) {
		struct play_client c = play_client(&play, i, 1000);
		(void)play_allocate(&c);
		assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
		play_clear(&play);
		play_from_client(&c, BYTES("\x40\x01\0\1x"));
		assert_int_equal(play_last(&play)->what, OUT_PEER);
	}
	assert_int_equal(flows(), PLAY_FLOWS);
	assert_int_equal(turn_server_stats(play.workers[0].server)[TURN_STAT_KERNEL_REFUSED], 2);
}

static void set_all(void)
{
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		turn_server_set(play.workers[i].server, &play.conf);
}

/* A limit that the kernel's path does not know takes the flows out of it, and lets them in again. */
static void limits_of_packets_keep_flows_here(void **state)
{
	struct stunaddr relayed;
	(void)state;
	struct play_client c = bound(&relayed);

	assert_int_equal(turn_server_stats(play.workers[0].server)[TURN_STAT_KERNEL_FLOWS], 1);
	play.conf.limits.packets_user = 50;
	set_all();
	assert_int_equal(turn_server_stats(play.workers[0].server)[TURN_STAT_KERNEL_FLOWS], 0);
	play_clear(&play);
	for (unsigned i = 0; i < 100; i++)
		play_from_client(&c, BYTES("\x40\x01\0\1x"));
	assert_int_equal(turn_server_stats(play.workers[0].server)[TURN_STAT_TO_PEER], 12); /* the burst: a quarter of a second */
	play.conf.limits.packets_user = 0;
	set_all();
	assert_int_equal(turn_server_stats(play.workers[0].server)[TURN_STAT_KERNEL_FLOWS], 1);
}

static void limits_hold_over_both_paths(void **state)
{
	struct stunaddr relayed;
	(void)state;
	struct play_client c = bound(&relayed), d = play_client(&play, 2, 2000);
	const struct fastpath_flow *f = &play.flows[0].is;

	play.conf.limits.bytes_user = 100000;
	play.conf.limits.bytes_total = 500000;
	set_all();
	assert_int_equal(f->caps[0].bytes_per_s, 100000);
	assert_int_equal(f->caps[1].bytes_per_s, 500000);
	/* the user's second allocation here shares the bucket, another user's does not */
	(void)play_allocate(&d);
	assert_int_equal(play_bind(&d, 0x4001, &peer), 0);
	assert_int_equal(play.flows[1].is.caps[0].group, f->caps[0].group);
	struct play_client e = play_client(&play, 3, 3000);
	e.user = "romeo";
	e.password = "jul13t";
	(void)play_allocate(&e);
	assert_int_equal(play_bind(&e, 0x4001, &peer), 0);
	assert_int_not_equal(play.flows[2].is.caps[0].group, f->caps[0].group);
	assert_int_equal(play.flows[2].is.caps[1].group, f->caps[1].group);
	/* one at the other worker: half of it is left here */
	struct play_client g = play_client(&play, 4, 4000);
	g.worker = 1;
	(void)play_allocate(&g);
	loop_fake_advance(play.loop, 2200);
	assert_int_equal(f->caps[0].bytes_per_s, 50000);
	assert_int_equal(f->caps[1].bytes_per_s, 250000);
	/* what passes in the kernel is not there for user space */
	struct turn_seen each;
	pass(1000, 10000000);
	for (size_t at = 0; turn_server_next(play.workers[0].server, &at, &each);)
		continue;
	play_clear(&play);
	play_from_client(&c, BYTES("\x40\x01\0\1x"));
	assert_null(play_last(&play));
	loop_fake_advance(play.loop, 5000);
	play_from_client(&c, BYTES("\x40\x01\0\1x"));
	assert_int_equal(play_last(&play)->what, OUT_PEER);
}

static void put_ticket(struct stunmsg_writer *w, void *arg)
{
	const struct bytes *ticket = arg;

	stunmsg_put(w, STUN_MOBILITY_TICKET, *ticket);
}

static void put_mobile(struct stunmsg_writer *w, void *arg)
{
	(void)arg;
	stunmsg_put_u32(w, STUN_REQUESTED_TRANSPORT, 17u << 24);
	stunmsg_put(w, STUN_MOBILITY_TICKET, BYTES_NONE);
}

/* RFC 8016: the client's new address replaces the old one in the kernel, at this worker and at another. */
static void moves_along(void **state)
{
	(void)state;
	for (unsigned worker = 0; worker < PLAY_WORKERS; worker++) {
		struct play_client c = play_client(&play, 1, 1000), d = play_client(&play, 2, 2000);
		const struct play_ask allocate = { .method = STUN_ALLOCATE, .put = put_mobile };
		uint8_t kept[STUNMSG_TICKET_MAX];
		d.worker = worker;
		(void)play_ask(&c, &allocate);
		struct stunmsg m = play_ask(&c, &allocate);
		struct bytes ticket = bytes_make(kept, m.ticket.n);
		memcpy(kept, m.ticket.p, m.ticket.n);
		assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
		assert_int_equal(flows(), 1);
		const struct play_ask refresh = { .method = STUN_REFRESH, .put = put_ticket, .arg = &ticket };
		(void)play_ask(&d, &refresh);
		assert_int_equal(play_ask(&d, &refresh).class, STUN_SUCCESS);
		assert_int_equal(flows(), 1);
		assert_true(stunaddr_eq(&play.flows[0].is.client, &d.path.from));
		assert_int_equal(play.flows[0].worker, worker);
		assert_int_equal(play_refresh(&d, 0), 0);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, play_down)
	const struct CMUnitTest tests[] = {
		T(what_goes_in), T(listeners_on_all_addresses_stay_out), T(lasts_as_long_as_all_three), T(counts_what_passes_there),
		T(rules_that_change_take_it_out), T(the_path_comes_and_goes), T(no_place_is_no_loss), T(limits_hold_over_both_paths), T(limits_of_packets_keep_flows_here),
		T(moves_along),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
