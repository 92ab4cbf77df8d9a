/* Send and Data indications in the kernel's path, which the test plays (server_play.h). */
#include "server_play.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MOST = 8 }; /* peers of an allocation */
static const struct turn_door door = { TURN_UDP, .at = { 4, 3478, { 9, 1, 1, 1 } }, .seen = { 4, 3478, { 9, 9, 9, 9 } } };

static int begin(void **state)
{
	(void)play_up(state);
	play_kernel(&play, &door);
	return 0;
}

static struct stunaddr peer(uint16_t port)
{
	return (struct stunaddr){ 4, port, { 8, 8, 8, 8 } };
}

static void send_to(struct play_client *c, uint16_t port)
{
	static const uint8_t id[16] = { 0x21, 0x12, 0xa4, 0x42, 1 };
	const struct stunaddr to = peer(port);
	uint8_t message[100];
	struct stunmsg_writer w;

	stunmsg_begin(&w, message, sizeof message, STUN_INDICATION, STUN_SEND, id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &to);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, BYTES("data"));
	play_clear(&play);
	play_from_client(c, stunmsg_end(&w));
}

/* It was relayed here. */
static bool is_sent(struct play_client *c, uint16_t port)
{
	send_to(c, port);
	return play_last(&play) && play_last(&play)->what == OUT_PEER;
}

static void permit(struct play_client *c)
{
	const struct stunaddr any = peer(0);

	assert_int_equal(play_permit(c, &any), 0);
}

static uint64_t stat(enum turn_stat which)
{
	return turn_server_stats(play.workers[0].server)[which];
}

/* An allocation with a permission and one peer in the kernel: the first flow. */
static struct play_client talking(struct stunaddr *relayed)
{
	struct play_client c = play_client(&play, 1, 1000);

	*relayed = play_allocate(&c);
	permit(&c);
	assert_int_equal(play_flows(&play), 0);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 1);
	return c;
}

static void what_goes_in(void **state)
{
	struct stunaddr relayed, other = peer(7002);
	(void)state;
	struct play_client c = talking(&relayed), stream = play_client(&play, 2, 2000);
	const struct fastpath_flow *f = &play.flows[0].is;
	const struct stunaddr first = peer(7000);

	assert_true(stunaddr_eq(&f->client, &c.path.from));
	assert_true(stunaddr_eq(&f->server, &door.at));
	assert_true(stunaddr_eq(&f->relay, &relayed));
	assert_true(stunaddr_eq(&f->peer, &first));
	assert_int_equal(f->channel, 0);
	assert_int_equal(f->lasts_s, 300);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 1);
	assert_int_equal(play.flows[0].renewed, 0);
	assert_true(is_sent(&c, 7001));
	assert_int_equal(play_flows(&play), 2);
	play_from_peer(&play, 0, relayed.port, &other, BYTES("x"));
	assert_int_equal(play_flows(&play), 3);
	assert_true(stunaddr_eq(&play.flows[2].is.peer, &other));
	(void)is_sent(&c, 0);
	assert_int_equal(play_flows(&play), 3);
	/* streams are not the kernel's */
	stream.path.transport = TURN_TCP;
	stream.path.conn = 5;
	(void)play_allocate(&stream);
	permit(&stream);
	assert_true(is_sent(&stream, 7000));
	assert_int_equal(play_flows(&play), 3);
	assert_int_equal(play_refresh(&c, 0), 0);
	assert_int_equal(play_flows(&play), 0);
	assert_int_equal(stat(TURN_STAT_KERNEL_FLOWS), 0);
}

static void nothing_without_permission(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	const struct stunaddr from = peer(7000);

	(void)state;
	struct stunaddr relayed = play_allocate(&c);
	assert_false(is_sent(&c, 7000));
	play_from_peer(&play, 0, relayed.port, &from, BYTES("x"));
	assert_int_equal(play_flows(&play), 0);
}

/* RFC 8656: 300 s a permission, 600 s the allocation; indications renew neither. */
static void lasts_as_long_as_both(void **state)
{
	struct stunaddr relayed;
	(void)state;
	struct play_client c = talking(&relayed);
	const struct play_flow *f = &play.flows[0];

	loop_fake_advance(play.loop, 200000);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(f->renewed, 0);
	permit(&c);
	assert_int_equal(f->is.lasts_s, 300);
	loop_fake_advance(play.loop, 250000);
	permit(&c);
	assert_int_equal(f->is.lasts_s, 150); /* the allocation's */
	assert_int_equal(play_refresh(&c, -1), 0);
	assert_int_equal(f->is.lasts_s, 300);
	loop_fake_advance(play.loop, 299000);
	assert_int_equal(play_flows(&play), 1);
	loop_fake_advance(play.loop, 3500);
	assert_int_equal(play_flows(&play), 0); /* the permission has ended, the allocation lives */
	assert_int_equal(turn_server_count(play.workers[0].server), 1);
	assert_false(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 0);
	permit(&c);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 1);
}

/* RFC 8656 12.7: what a peer with a channel sends goes by it, and Send indications to him still pass here. */
static void a_channel_takes_over(void **state)
{
	struct stunaddr relayed, to = peer(7000);
	(void)state;
	struct play_client c = talking(&relayed);

	assert_int_equal(play_bind(&c, 0x4001, &to), 0);
	assert_int_equal(play_flows(&play), 1);
	assert_int_equal(play.flows[0].is.channel, 0x4001);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 1);
	assert_true(is_sent(&c, 7001));
	assert_int_equal(play_flows(&play), 2);
	/* the channel ends, and its flow before the round that would find it */
	loop_fake_advance(play.loop, 290000);
	assert_int_equal(play_refresh(&c, -1), 0);
	permit(&c);
	loop_fake_advance(play.loop, 290000);
	permit(&c);
	loop_fake_advance(play.loop, 20000);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 2);
	for (unsigned i = 0; i < PLAY_FLOWS; i++)
		assert_true(!play.flows[i].is_used || !play.flows[i].is.channel);
	assert_int_equal(stat(TURN_STAT_KERNEL_REFUSED), 0);
}

static void few_of_an_allocation(void **state)
{
	struct stunaddr relayed;
	(void)state;
	struct play_client c = talking(&relayed);

	for (uint16_t i = 1; i < MOST + 3; i++)
		assert_true(is_sent(&c, 7000 + i));
	assert_int_equal(play_flows(&play), MOST);
	assert_int_equal(stat(TURN_STAT_KERNEL_REFUSED), 0);
	/* all but one go on, one of them here and the others in the kernel */
	loop_fake_advance(play.loop, 9000);
	for (unsigned i = 0; i < MOST - 1; i++)
		play.flows[i].passed = (struct fastpath_counts){ .to_client = i != 3 };
	assert_true(is_sent(&c, 7003));
	assert_true(is_sent(&c, 7008));
	assert_int_equal(play.flows[7].is.peer.port, 7007);
	loop_fake_advance(play.loop, 2000);
	assert_true(is_sent(&c, 7008));
	assert_int_equal(play.flows[7].is.peer.port, 7008);
	assert_true(is_sent(&c, 7009));
	assert_int_equal(play_flows(&play), MOST);
	for (unsigned i = 0; i < MOST; i++)
		assert_int_not_equal(play.flows[i].is.peer.port, 7009);
}

static void counts_what_passes_there(void **state)
{
	struct stunaddr relayed;
	struct turn_seen seen;
	size_t at = 0;
	(void)state;
	struct play_client c = talking(&relayed);

	play.flows[0].passed = (struct fastpath_counts){ .to_peer = 3, .to_peer_bytes = 300, .to_client = 1, .to_client_bytes = 7, .dropped = 2 };
	loop_fake_advance(play.loop, 1100);
	assert_int_equal(stat(TURN_STAT_TO_PEER_BYTES), 304); /* and the first one, here */
	assert_int_equal(stat(TURN_STAT_KERNEL), 4);
	assert_int_equal(stat(TURN_STAT_RATE_DROPPED), 2);
	play.flows[0].passed = (struct fastpath_counts){ .to_client = 1, .to_client_bytes = 5 };
	assert_true(turn_server_next(play.workers[0].server, &at, &seen));
	assert_int_equal(seen.to_client_bytes, 12);
	assert_int_equal(seen.dropped, 2);
	play.flows[0].passed = (struct fastpath_counts){ .to_peer = 1, .to_peer_bytes = 50 };
	assert_int_equal(play_refresh(&c, 0), 0);
	assert_int_equal(stat(TURN_STAT_TO_PEER_BYTES), 354);
}

static void set_all(void)
{
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		turn_server_set(play.workers[i].server, &play.conf);
}

static void limits_are_the_channels(void **state)
{
	struct stunaddr relayed, to = peer(7001);
	(void)state;
	struct play_client c = talking(&relayed);

	play.conf.limits.bytes_user = 100000;
	play.conf.limits.bytes_total = 500000;
	set_all();
	assert_int_equal(play_bind(&c, 0x4001, &to), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(play.flows[0].is.caps[i].bytes_per_s, i ? 500000 : 100000);
		assert_int_equal(play.flows[0].is.caps[i].group, play.flows[1].is.caps[i].group);
	}
}

static void rules_that_change_take_it_out(void **state)
{
	struct stunaddr relayed;
	struct prefix p;
	(void)state;
	struct play_client c = talking(&relayed);

	assert_int_equal(prefix_parse(BYTES("8.8.8.0/24"), &p), 0);
	assert_int_equal(peer_rules_add(&play.conf.rules.deny, &p), 0);
	turn_server_set(play.workers[0].server, &play.conf);
	assert_int_equal(play_flows(&play), 0);
	assert_false(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 0);
}

static void the_path_comes_and_goes(void **state)
{
	struct stunaddr relayed;
	(void)state;
	struct play_client c = talking(&relayed);
	struct turn_server *s = play.workers[0].server;

	turn_server_kernel(s, false);
	assert_int_equal(play_flows(&play), 0);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 0);
	turn_server_kernel(s, true);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 1);
	turn_server_set_door(s, 0, NULL);
	assert_int_equal(play_flows(&play), 0);
	turn_server_set_door(s, 0, &door);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 1);
}

/* Each client is refused once, not with every datagram; what has room later comes in with the permission. */
static void no_place_is_no_loss(void **state)
{
	struct play_client c[PLAY_FLOWS + 1];

	(void)state;
	for (uint8_t i = 0; i < PLAY_FLOWS + 1; i++) {
		c[i] = play_client(&play, i, 1000);
		(void)play_allocate(&c[i]);
		permit(&c[i]);
		for (unsigned n = 0; n < 3; n++)
			assert_true(is_sent(&c[i], 7000));
	}
	assert_int_equal(play_flows(&play), PLAY_FLOWS);
	assert_int_equal(stat(TURN_STAT_KERNEL_REFUSED), 1);
	assert_int_equal(play_refresh(&c[0], 0), 0);
	assert_int_equal(play_flows(&play), PLAY_FLOWS - 1);
	permit(&c[PLAY_FLOWS]);
	assert_int_equal(play_flows(&play), PLAY_FLOWS);
}

/* RFC 8016: the client's new address replaces the old one with the next datagram. */
static void moves_along(void **state)
{
	(void)state;
	struct play_client c = play_client(&play, 1, 1000), d = play_client(&play, 2, 2000);
	struct play_attribute mobile[] = { PLAY_UDP, { STUN_MOBILITY_TICKET, BYTES_NONE }, { 0, BYTES_NONE } };
	uint8_t kept[STUNMSG_TICKET_MAX];

	(void)play_ask_all(&c, STUN_ALLOCATE, mobile);
	struct stunmsg m = play_ask_all(&c, STUN_ALLOCATE, mobile);
	memcpy(kept, m.ticket.p, m.ticket.n);
	struct play_attribute ticket[] = { { STUN_MOBILITY_TICKET, bytes_make(kept, m.ticket.n) }, { 0, BYTES_NONE } };
	permit(&c);
	assert_true(is_sent(&c, 7000));
	assert_int_equal(play_flows(&play), 1);
	(void)play_ask_all(&d, STUN_REFRESH, ticket);
	assert_int_equal(play_ask_all(&d, STUN_REFRESH, ticket).class, STUN_SUCCESS);
	assert_int_equal(play_flows(&play), 0);
	assert_true(is_sent(&d, 7000));
	assert_int_equal(play_flows(&play), 1);
	assert_true(stunaddr_eq(&play.flows[0].is.client, &d.path.from));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, play_down)
	const struct CMUnitTest tests[] = {
		T(what_goes_in), T(nothing_without_permission), T(lasts_as_long_as_both), T(a_channel_takes_over), T(few_of_an_allocation),
		T(counts_what_passes_there), T(limits_are_the_channels), T(rules_that_change_take_it_out), T(the_path_comes_and_goes),
		T(no_place_is_no_loss), T(moves_along),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
