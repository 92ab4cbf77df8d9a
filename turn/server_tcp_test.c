#include "server_play.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* TCP allocations (RFC 6062): times, limits, users, rules, bandwidth, and connections of one worker at another. */

enum { CONTROL = 1, DATA = 100, TIME_MS = 30 * 1000, NEWS_MS = 10 * 1000 };

static struct play_client control;
static const struct stunaddr peer = { 4, 7000, { 8, 8, 8, 8 } };

static struct turn_server *server(unsigned worker)
{
	return play.workers[worker].server;
}

static struct play_client stream_client(uint32_t conn)
{
	struct play_client c = play_client(&play, 1, (uint16_t)(3000 + conn));

	c.path.transport = TURN_TCP;
	c.path.conn = conn;
	return c;
}

static void put_tcp(struct stunmsg_writer *w, void *arg)
{
	(void)arg;
	stunmsg_put_u32(w, STUN_REQUESTED_TRANSPORT, 6u << 24);
}

static void put_peer(struct stunmsg_writer *w, void *arg)
{
	stunmsg_put_address(w, STUN_XOR_PEER_ADDRESS, arg);
}

static void put_id(struct stunmsg_writer *w, void *arg)
{
	stunmsg_put_u32(w, STUN_CONNECTION_ID, *(uint32_t *)arg);
}

/* Asks twice where the first answer is the challenge. */
static unsigned request(struct play_client *c, uint16_t method, void (*put)(struct stunmsg_writer *, void *), const void *arg)
{
	struct play_ask ask = { .method = method, .put = put, .arg = (void *)arg };

	if (!c->nonce_n)
		(void)play_ask(c, &ask);
	struct stunmsg m = play_ask(c, &ask);
	return m.class == STUN_SUCCESS ? 0 : m.error;
}

static struct turn_relay *allocate(void)
{
	control = stream_client(CONTROL);
	assert_int_equal(request(&control, STUN_ALLOCATE, put_tcp, NULL), 0);
	for (size_t port = 0; port < 65536; port++)
		if (play.workers[0].relay_of[port])
			return play.workers[0].relay_of[port];
	return NULL;
}

/* The id; the peer has not answered yet. */
static uint32_t connect_to(const struct stunaddr *to)
{
	assert_int_equal(request(&control, STUN_CONNECT, put_peer, to), 0);
	assert_int_equal(play.n_out, 1); /* no answer yet */
	assert_int_equal(play.out[0].what, OUT_CONNECT);
	return play.out[0].connection;
}

static uint32_t connected(const struct stunaddr *to)
{
	uint32_t id = connect_to(to);

	turn_server_connected(server(0), id, 0);
	return id;
}

static unsigned bind_at(unsigned worker, uint32_t conn, uint32_t id)
{
	struct play_client data = stream_client(conn);

	data.worker = worker;
	return request(&data, STUN_CONNECTION_BIND, put_id, &id);
}

/* OUT_JOIN comes behind the answer: what bind_at saw last is no message. */
static void joins(unsigned worker, uint32_t conn, uint32_t id)
{
	(void)bind_at(worker, conn, id);
	assert_int_equal(play.n_out, 2);
	assert_int_equal(play.out[0].what, OUT_CLIENT);
	assert_int_equal(play.out[1].what, OUT_JOIN);
	assert_int_equal(play.out[1].worker, worker);
	assert_int_equal(play.out[1].connection, id);
}

static unsigned answer(size_t i)
{
	struct stunmsg m;

	assert_true(i < play.n_out);
	assert_int_equal(play.out[i].what, OUT_CLIENT);
	assert_int_equal(stunmsg_parse(bytes_make(play.out[i].bytes, play.out[i].n), &m), 0);
	assert_int_equal(m.method, STUN_CONNECT);
	return m.class == STUN_SUCCESS ? 0 : m.error;
}

static bool was_closed(unsigned worker, uint32_t id)
{
	for (size_t i = 0; i < play.n_out; i++)
		if (play.out[i].what == OUT_CLOSE && play.out[i].worker == worker && play.out[i].connection == id)
			return true;
	return false;
}

static struct turn_seen seen(void)
{
	struct turn_seen s;
	size_t at = 0;

	assert_true(turn_server_next(server(0), &at, &s));
	return s;
}

/* ---- times (RFC 6062 5.2, 5.3) ---- */

static void a_silent_peer_has_thirty_seconds(void **state)
{
	(void)state;
	(void)allocate();
	uint32_t id = connect_to(&peer);
	play_clear(&play);
	loop_fake_advance(play.loop, TIME_MS - 1);
	assert_int_equal(play.n_out, 0);
	loop_fake_advance(play.loop, 1);
	assert_int_equal(answer(0), 447);
	assert_true(was_closed(0, id));
	turn_server_connected(server(0), id, 0); /* too late */
	assert_int_equal(seen().connections, 0);
	/* one that refuses is said at once, and another attempt is free */
	id = connect_to(&peer);
	play_clear(&play);
	turn_server_connected(server(0), id, -1);
	assert_int_equal(answer(0), 447);
	assert_true(was_closed(0, id));
}

static void a_client_has_thirty_seconds(void **state)
{
	(void)state;
	(void)allocate();
	uint32_t first = connected(&peer);
	loop_fake_advance(play.loop, TIME_MS - 1);
	joins(0, DATA, first);
	play_clear(&play);
	loop_fake_advance(play.loop, 10 * TIME_MS);
	assert_int_equal(play.n_out, 0);
	uint32_t late = connected(&(struct stunaddr){ 4, 7001, { 8, 8, 8, 8 } });
	loop_fake_advance(play.loop, TIME_MS);
	assert_true(was_closed(0, late));
	assert_int_equal(bind_at(0, DATA + 1, late), 400);
}

/* ---- who ---- */

static void another_user_does_not_get_it(void **state)
{
	(void)state;
	(void)allocate();
	uint32_t id = connected(&peer);
	for (unsigned worker = 0; worker < PLAY_WORKERS; worker++) {
		struct play_client thief = stream_client(DATA + worker);
		thief.worker = worker;
		thief.user = "romeo";
		thief.password = "jul13t";
		assert_int_equal(request(&thief, STUN_CONNECTION_BIND, put_id, &id), 441);
	}
	assert_int_equal(bind_at(0, DATA + 5, id ^ 1), 400);
	assert_int_equal(bind_at(1, DATA + 6, id ^ 1), 400);
	joins(1, DATA + 7, id);
	assert_int_equal(bind_at(0, DATA + 8, id), 400); /* once */
	assert_int_equal(bind_at(1, DATA + 9, id), 400);
	assert_int_equal(request(&control, STUN_CONNECTION_BIND, put_id, &id), 400); /* not on the control connection */
}

static void forbidden_peers(void **state)
{
	static const struct stunaddr bad[] = { { 4, 25, { 127, 0, 0, 1 } }, { 4, 25, { 10, 1, 2, 3 } }, { 4, 25, { 0 } },
		                               { 6, 25, { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 } },
		                               { 6, 25, { 0x20, 2, 127, 0, 0, 1 } }, { 4, 25, { 169, 254, 169, 254 } } };

	(void)state;
	(void)allocate();
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(request(&control, STUN_CONNECT, put_peer, &bad[i]), 403);
	assert_int_equal(request(&control, STUN_CONNECT, put_peer, &(struct stunaddr){ 6, 25, { 0x2a } }), 443);
	assert_int_equal(connect_to(&(struct stunaddr){ 6, 25, { [10] = 0xff, [11] = 0xff, 8, 8, 8, 8 } }) >> 24, 0);
	assert_int_equal(play.out[0].peer.family, 4); /* the canonical one */
}

static void rules_that_change_end_connections(void **state)
{
	static struct turn_conf strict;

	(void)state;
	(void)allocate();
	uint32_t here = connected(&peer);
	joins(0, DATA, here);
	uint32_t away = connected(&(struct stunaddr){ 4, 7001, { 8, 8, 8, 8 } });
	joins(1, DATA + 1, away);
	uint32_t other = connected(&(struct stunaddr){ 4, 7000, { 8, 8, 4, 4 } });
	uint32_t waiting = connect_to(&(struct stunaddr){ 4, 7002, { 8, 8, 8, 8 } });
	strict = play.conf;
	assert_int_equal(peer_rules_add_address(&strict.rules.deny, &peer), 0);
	play_clear(&play);
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		turn_server_set(server(i), &strict);
	assert_true(was_closed(0, here));
	assert_true(was_closed(1, away));
	assert_true(was_closed(0, waiting));
	assert_false(was_closed(0, other));
	assert_int_equal(seen().connections, 1);
}

/* ---- how many ---- */

static void so_many_and_no_more(void **state)
{
	struct stunaddr p = peer;
	uint32_t id = 0;

	(void)state;
	struct turn_relay *r = allocate();
	void *owner = play.workers[0].owner_of[r->at.port];
	assert_int_equal(play_permit(&control, &peer), 0);
	uint32_t first = connected(&p);
	for (unsigned i = 1; i < play.conf.peer_connections_allocation; i++) {
		p.port++;
		id = connected(&p);
	}
	p.port++;
	assert_int_equal(request(&control, STUN_CONNECT, put_peer, &p), 508);
	assert_non_null(strstr(play.why, "turn tcp-connections-max"));
	assert_true(turn_server_incoming(server(0), owner, &p, &id) < 0);
	turn_server_peer_gone(server(0), id);
	assert_int_equal(turn_server_incoming(server(0), owner, &p, &id), 0);
	/* of a worker: also those that come from another */
	turn_server_peer_gone(server(0), id);
	play.conf.peer_connections = seen().connections;
	assert_int_equal(request(&control, STUN_CONNECT, put_peer, &p), 508);
	play.conf.peer_connections = 0;
	assert_int_equal(bind_at(1, DATA, first), 508);
	assert_int_equal(seen().connections, play.conf.peer_connections_allocation - 2); /* its allocation knows */
}

/* ---- at another worker ---- */

static void the_allocations_end_reaches_the_other_worker(void **state)
{
	(void)state;
	(void)allocate();
	uint32_t id = connected(&peer);
	joins(1, DATA, id);
	assert_int_equal(request(&control, STUN_CONNECT, put_peer, &peer), 446); /* it is there still */
	play_clear(&play);
	turn_server_client_gone(server(0), &control.path);
	assert_true(was_closed(1, id));
	assert_false(was_closed(0, id)); /* nothing of it is there */
}

static void its_end_at_the_other_worker_is_told(void **state)
{
	(void)state;
	(void)allocate();
	uint32_t id = connected(&peer);
	joins(1, DATA, id);
	assert_true(turn_server_tcp_bytes(server(1), id, true, 1000));
	assert_true(turn_server_tcp_bytes(server(1), id, false, 50));
	assert_int_equal(seen().to_peer_bytes, 0);
	loop_fake_advance(play.loop, NEWS_MS);
	assert_int_equal(seen().to_peer_bytes, 1000);
	assert_int_equal(seen().to_client_bytes, 50);
	assert_true(turn_server_tcp_bytes(server(1), id, true, 7));
	turn_server_peer_gone(server(1), id);
	assert_int_equal(seen().to_peer_bytes, 1007);
	assert_int_equal(seen().connections, 0);
	(void)connect_to(&peer); /* no 446 */
}

static void a_worker_dies(void **state)
{
	(void)state;
	(void)allocate();
	uint32_t id = connected(&peer);
	joins(1, DATA, id);
	play_clear(&play);
	turn_server_worker_gone(server(0), 1);
	assert_int_equal(seen().connections, 0);
	turn_server_worker_gone(server(1), 0);
	assert_true(was_closed(1, id));
	/* others' word about it counts for nothing */
	id = connected(&peer);
	joins(1, DATA + 1, id);
	turn_server_connection_news(server(0), 2, &(struct turn_connection_news){ .id = id, .is_over = true });
	assert_int_equal(seen().connections, 1);
	uint32_t here = connected(&(struct stunaddr){ 4, 7001, { 8, 8, 8, 8 } });
	turn_server_connection_news(server(0), 1, &(struct turn_connection_news){ .id = here, .is_over = true });
	assert_int_equal(seen().connections, 2);
}

static void a_client_that_left_leaves_nothing(void **state)
{
	(void)state;
	(void)allocate();
	play.cannot_join = true;
	for (unsigned worker = 0; worker < PLAY_WORKERS; worker++) {
		uint32_t id = connected(&peer);
		(void)bind_at(worker, DATA + worker, id);
		assert_true(was_closed(worker, id));
		assert_int_equal(seen().connections, 0);
	}
}

/* ---- bandwidth ---- */

static void bytes_count_against_the_user(void **state)
{
	(void)state;
	play.conf.limits.bytes_user = 100000;
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		turn_server_set(server(i), &play.conf);
	(void)allocate();
	for (unsigned worker = 0; worker < PLAY_WORKERS; worker++) {
		uint32_t id = connected(&(struct stunaddr){ 4, (uint16_t)(7000 + worker), { 8, 8, 8, 8 } });
		joins(worker, DATA + worker, id);
		assert_true(turn_server_tcp_bytes(server(worker), id, true, 60000));
		assert_false(turn_server_tcp_bytes(server(worker), id, false, 60000));
		loop_fake_advance(play.loop, 400);
		assert_false(turn_server_tcp_bytes(server(worker), id, true, 0));
		loop_fake_advance(play.loop, 400);
		assert_true(turn_server_tcp_bytes(server(worker), id, true, 0));
		loop_fake_advance(play.loop, NEWS_MS);
	}
	assert_int_equal(seen().to_peer_bytes, 120000);
	assert_int_equal(seen().to_client_bytes, 120000);
}

#define T(test) cmocka_unit_test_setup_teardown(test, play_up, play_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_silent_peer_has_thirty_seconds), T(a_client_has_thirty_seconds), T(another_user_does_not_get_it),
		T(forbidden_peers), T(rules_that_change_end_connections), T(so_many_and_no_more),
		T(the_allocations_end_reaches_the_other_worker), T(its_end_at_the_other_worker_is_told), T(a_worker_dies),
		T(a_client_that_left_leaves_nothing), T(bytes_count_against_the_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
