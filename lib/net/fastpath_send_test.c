/* Send and Data indications in the kernel's path (fastpath_fixture.h), written here by the relay's own codec. */
#include "fastpath_fixture.h"

#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

enum { COOKIE_BYTES = 4, SIZES = 9, AT = ETH + IP4 + UDP };
static const uint8_t id[16] = { 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
static const size_t sizes[SIZES] = { 0, 1, 2, 3, 4, 37, 160, 1200, 1398 };

static void add_send_flow(struct bench *t, uint8_t client, uint8_t peer)
{
	bench_begin(t, client, peer);
	fastpath_del(t->f, t->id, NULL);
	t->flow.channel = 0;
	assert_int_equal(fastpath_add(t->f, &t->flow, &t->id), 0);
}

static void indication(struct frame *f, const struct stunaddr *from, const struct stunaddr *to, enum stunmsg_method method,
                       const uint8_t transaction[16], const struct stunaddr *peer, size_t n)
{
	uint8_t data[FRAME_MAX], message[FRAME_MAX];
	struct stunmsg_writer w;

	payload_make(data, n);
	stunmsg_begin(&w, message, sizeof message, STUN_INDICATION, method, transaction);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, peer);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, bytes_make(data, n));
	frame_put(f, from, to, stunmsg_end(&w));
}

static void send_make(struct frame *f, const struct bench *t, size_t n)
{
	indication(f, &t->flow.client, &t->flow.server, STUN_SEND, id, &t->flow.peer, n);
}

static void assert_data_indication(const struct bench *t, const struct frame *in, size_t n)
{
	const struct fastpath_flow *w = &t->flow;
	size_t at = ETH + (w->client.family == 4 ? IP4 : IP6) + UDP;
	struct frame out, want;

	assert_int_equal(bench_run(t, in, &out), XDP_REDIRECT);
	assert_memory_equal(out.b + at + 4, id, COOKIE_BYTES);
	indication(&want, &w->server, &w->client, STUN_DATA, out.b + at + 4, &w->peer, n);
	assert_same(&out, &want);
}

static void families(struct bench *t, uint8_t client, uint8_t peer)
{
	struct fastpath_counts c;
	struct frame in;
	size_t bytes = 0;

	add_send_flow(t, client, peer);
	const struct fastpath_flow *w = &t->flow;
	for (size_t i = 0; i < SIZES; i++) {
		send_make(&in, t, sizes[i]);
		assert_forwarded(t, &in, &w->relay, &w->peer, 0, sizes[i]);
		frame_make(&in, &w->peer, &w->relay, 0, sizes[i]);
		assert_data_indication(t, &in, sizes[i]);
		bytes += sizes[i];
	}
	fastpath_del(t->f, t->id, &c);
	assert_passed(t, &in);
	assert_int_equal(c.to_peer, SIZES);
	assert_int_equal(c.to_client, SIZES);
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

/* RFC 8489 6: an id is drawn anew for each. */
static void transactions_differ(void **state)
{
	struct bench *t = *state;
	struct frame in, one, other;

	add_send_flow(t, 4, 4);
	frame_make(&in, &t->flow.peer, &t->flow.relay, 0, 20);
	assert_int_equal(bench_run(t, &in, &one), XDP_REDIRECT);
	assert_int_equal(bench_run(t, &in, &other), XDP_REDIRECT);
	assert_memory_not_equal(one.b + AT + 8, other.b + AT + 8, 12);
	fastpath_del(t->f, t->id, NULL);
}

/* What a peer sends means nothing to the relay. */
static void a_peer_may_send_an_indication(void **state)
{
	struct bench *t = *state;
	struct frame in, out;

	add_send_flow(t, 4, 4);
	indication(&in, &t->flow.peer, &t->flow.relay, STUN_SEND, id, &t->flow.peer, 20);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(out.n, in.n + 36);
	assert_memory_equal(out.b + AT + 36, in.b + AT, in.n - AT);
	assert_int_equal(udp_sum(out.b + ETH), 0xffff);
	fastpath_del(t->f, t->id, NULL);
}

/* A short frame is padded to Ethernet's least, with whatever was there: none of it gets into the indication. */
static void trailers_of_frames_are_cut(void **state)
{
	struct bench *t = *state;
	struct frame in;

	add_send_flow(t, 4, 4);
	for (size_t n = 0; n < 6; n++) {
		frame_make(&in, &t->flow.peer, &t->flow.relay, 0, n);
		memset(in.b + in.n, 0xee, 60 - in.n);
		in.n = 60;
		assert_data_indication(t, &in, n);
		send_make(&in, t, n);
		memset(in.b + in.n, 0xee, 4);
		in.n += 4;
		assert_forwarded(t, &in, &t->flow.relay, &t->flow.peer, 0, n);
	}
	fastpath_del(t->f, t->id, NULL);
}

/* One change to a good Send indication of 33 bytes to an IPv4 (IPv6) peer: each hands it up. */
static const struct {
	const char *what;
	uint8_t peer;
	size_t at; /* of the message */
	uint8_t value;
} changes[] = {
	{ "a Send request", 4, 1, 0x06 }, { "a Data indication", 4, 1, 0x17 }, { "length", 4, 3, 48 }, { "longer", 4, 3, 56 },
	{ "cookie", 4, 7, 0x43 }, { "no XOR-PEER-ADDRESS", 4, 21, 0x20 }, { "its length", 4, 23, 20 }, { "its length", 6, 23, 8 },
	{ "its length", 4, 23, 4 }, { "reserved byte", 4, 24, 1 }, { "family", 4, 25, 2 }, { "family", 6, 25, 1 },
	{ "family 0", 4, 25, 0 }, { "other port", 4, 27, 0 }, { "other peer", 4, 31, 0 }, { "other peer", 6, 43, 0 },
	{ "transaction, so another peer", 6, 12, 0 }, { "no DATA", 4, 33, 0x22 }, { "DATA is longer", 4, 35, 37 },
	{ "DATA is shorter", 4, 35, 32 }, { "no DATA", 6, 45, 0x1a }, { "padding", 4, 69, 1 }, { "padding", 4, 71, 0x20 },
	{ "padding", 6, 83, 1 },
};

static void hands_up_what_is_not_plain(void **state)
{
	struct bench *t = *state;
	struct frame in, out;

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		add_send_flow(t, 4, changes[i].peer);
		send_make(&in, t, 33);
		assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
		in.b[AT + changes[i].at] = changes[i].value;
		if (bench_run(t, &in, &out) != XDP_PASS)
			fail_msg("%s was not handed up", changes[i].what);
		assert_memory_equal(out.b, in.b, in.n);
		fastpath_del(t->f, t->id, NULL);
	}
}

static void with(struct bench *t, enum stunmsg_attribute before, enum stunmsg_attribute behind)
{
	uint8_t message[FRAME_MAX];
	struct stunmsg_writer w;
	struct frame in;

	stunmsg_begin(&w, message, sizeof message, STUN_INDICATION, STUN_SEND, id);
	if (before)
		stunmsg_put(&w, before, BYTES_NONE);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &t->flow.peer);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, BYTES("payload"));
	if (behind == STUN_FINGERPRINT)
		stunmsg_put_fingerprint(&w);
	else if (behind)
		stunmsg_put(&w, behind, BYTES_NONE);
	frame_put(&in, &t->flow.client, &t->flow.server, stunmsg_end(&w));
	assert_passed(t, &in);
}

static void hands_up_other_attributes(void **state)
{
	struct bench *t = *state;
	uint8_t message[FRAME_MAX];
	struct stunmsg_writer w;
	struct frame in;

	add_send_flow(t, 4, 4);
	with(t, STUN_DONT_FRAGMENT, 0);
	with(t, 0, STUN_DONT_FRAGMENT);
	with(t, 0, STUN_FINGERPRINT);
	with(t, 0, STUN_SOFTWARE);
	stunmsg_begin(&w, message, sizeof message, STUN_INDICATION, STUN_SEND, id);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, BYTES("in the other order"));
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &t->flow.peer);
	frame_put(&in, &t->flow.client, &t->flow.server, stunmsg_end(&w));
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void hands_up_every_cut_of_a_packet(void **state)
{
	struct bench *t = *state;
	struct frame in, cut;

	add_send_flow(t, 4, 6);
	send_make(&in, t, 33);
	struct bytes message = bytes_make(in.b + AT, in.n - AT);
	for (size_t n = 0; n < message.n; n++) {
		frame_put(&cut, &t->flow.client, &t->flow.server, bytes_make(message.p, n));
		assert_passed(t, &cut);
	}
	for (in.n = in.n - 1; in.n > ETH; in.n--)
		assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void no_checksum_is_for_ipv4_only(void **state)
{
	struct bench *t = *state;
	struct frame in, out;

	add_send_flow(t, 4, 4);
	send_make(&in, t, 33);
	put16(in.b + ETH + IP4 + 6, 0);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(get16(out.b + ETH + IP4 + 6), 0);
	frame_make(&in, &t->flow.peer, &t->flow.relay, 0, 33);
	put16(in.b + ETH + IP4 + 6, 0);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(get16(out.b + ETH + IP4 + 6), 0);
	fastpath_del(t->f, t->id, NULL);
	add_send_flow(t, 6, 4);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void a_wrong_checksum_stays_wrong(void **state)
{
	struct bench *t = *state;
	struct frame in, out;

	add_send_flow(t, 6, 6);
	send_make(&in, t, 33);
	in.b[in.n - 4] ^= 4; /* of the payload */
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_true(udp_sum(out.b + ETH) != 0xffff);
	frame_make(&in, &t->flow.peer, &t->flow.relay, 0, 33);
	in.b[in.n - 1] ^= 4;
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_true(udp_sum(out.b + ETH) != 0xffff);
	fastpath_del(t->f, t->id, NULL);
}

static void an_indication_over_the_mtu_goes_up(void **state)
{
	enum { MOST = MTU - IP4 - UDP - 36 }; /* a multiple of four */
	struct bench *t = *state;
	struct frame in;

	add_send_flow(t, 4, 4);
	frame_make(&in, &t->flow.peer, &t->flow.relay, 0, MOST);
	assert_data_indication(t, &in, MOST);
	frame_make(&in, &t->flow.peer, &t->flow.relay, 0, MOST + 1);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

static void is_under_the_limits(void **state)
{
	struct bench *t = *state;
	struct fastpath_counts c;
	struct frame in, out;

	add_send_flow(t, 4, 4);
	t->flow.caps[0] = (struct fastpath_cap){ .group = 7, .bytes_per_s = 100 };
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), 0);
	send_make(&in, t, 100);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(bench_run(t, &in, &out), XDP_DROP);
	frame_make(&in, &t->flow.peer, &t->flow.relay, 0, 100);
	assert_int_equal(bench_run(t, &in, &out), XDP_DROP);
	fastpath_del(t->f, t->id, &c);
	assert_int_equal(c.to_peer_bytes, 100);
	assert_int_equal(c.dropped, 2);
}

static void ends_at_its_time(void **state)
{
	struct bench *t = *state;
	struct frame in;

	add_send_flow(t, 4, 4);
	t->flow.lasts_s = 0;
	assert_int_equal(fastpath_renew(t->f, t->id, &t->flow), 0);
	send_make(&in, t, 33);
	assert_passed(t, &in);
	frame_make(&in, &t->flow.peer, &t->flow.relay, 0, 33);
	assert_passed(t, &in);
	fastpath_del(t->f, t->id, NULL);
}

/* Each peer of a client has its own, beside its channels; what a dead worker left goes. */
static void peers_of_a_client_are_apart(void **state)
{
	struct bench *t = *state;
	struct fastpath_flow first, channel;
	struct fastpath *heir = NULL;
	struct fastpath_maps m = bench_maps(t);
	struct frame in, out;
	uint32_t other, third;

	add_send_flow(t, 4, 4);
	first = channel = t->flow;
	t->flow.peer.port = 6001;
	send_make(&in, t, 8);
	assert_passed(t, &in);
	assert_int_equal(fastpath_add(t->f, &t->flow, &other), 0);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(get16(out.b + ETH + IP4 + 2), 6001);
	channel.peer.port = 6002;
	channel.channel = CHANNEL;
	assert_int_equal(fastpath_add(t->f, &channel, &third), 0);
	frame_make(&in, &channel.client, &channel.server, CHANNEL, 9);
	assert_int_equal(bench_run(t, &in, &out), XDP_REDIRECT);
	assert_int_equal(get16(out.b + ETH + IP4 + 2), 6002);
	fastpath_del(t->f, other, NULL);
	t->flow = first;
	assert_int_equal(fastpath_open(&m, &heir), 0);
	send_make(&in, t, 8);
	assert_passed(t, &in);
	fastpath_close(heir);
	fastpath_del(t->f, t->id, NULL);
	fastpath_del(t->f, third, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards_both_ways_in_all_families),
		cmocka_unit_test(transactions_differ),
		cmocka_unit_test(a_peer_may_send_an_indication),
		cmocka_unit_test(trailers_of_frames_are_cut),
		cmocka_unit_test(hands_up_what_is_not_plain),
		cmocka_unit_test(hands_up_other_attributes),
		cmocka_unit_test(hands_up_every_cut_of_a_packet),
		cmocka_unit_test(no_checksum_is_for_ipv4_only),
		cmocka_unit_test(a_wrong_checksum_stays_wrong),
		cmocka_unit_test(an_indication_over_the_mtu_goes_up),
		cmocka_unit_test(is_under_the_limits),
		cmocka_unit_test(ends_at_its_time),
		cmocka_unit_test(peers_of_a_client_are_apart),
	};
	return cmocka_run_group_tests(tests, bench_load, bench_unload);
}
