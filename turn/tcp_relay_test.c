#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "stream_fixture.h"
#include "tcp_relay.h"

/* Peers' connections on the loopback, joined with clients of the doors of streams, on the virtual clock. */

enum { ID = 0x00abcdef, RELAY_BYTE = 61, PEER_BYTE = 62 };

/* ---- the engine, as far as this needs it ---- */

static struct {
	struct tcp_relay *t;
	unsigned n_connected, n_gone, n_incoming;
	int connected_rc;
	struct stunaddr incoming;
	bool is_unwanted, is_over_quota;
	uint64_t bytes[2];
	uint32_t gone;
} engine;

void turn_server_connected(struct turn_server *s, uint32_t id, int rc)
{
	(void)s;
	assert_int_equal(id, ID);
	engine.n_connected++;
	engine.connected_rc = rc;
	if (rc < 0)
		tcp_relay_close(engine.t, id);
}

int turn_server_incoming(struct turn_server *s, void *owner, const struct stunaddr *peer, uint32_t *id)
{
	(void)s;
	assert_ptr_equal(owner, &engine);
	engine.n_incoming++;
	engine.incoming = *peer;
	*id = ID;
	return engine.is_unwanted ? ERR_DENIED : 0;
}

void turn_server_peer_gone(struct turn_server *s, uint32_t id)
{
	(void)s;
	engine.n_gone++;
	engine.gone = id;
}

bool turn_server_tcp_bytes(struct turn_server *s, uint32_t id, bool is_to_peer, uint32_t n)
{
	(void)s;
	assert_int_equal(id, ID);
	engine.bytes[is_to_peer] += n;
	return !engine.is_over_quota;
}

/* ---- a relayed address, and peers ---- */

static struct fixture *f;
static struct turn_relay relay;

static struct stunaddr local(uint8_t last, uint16_t port)
{
	return (struct stunaddr){ 4, port, { 127, 0, 0, last } };
}

static int listener(uint8_t last, uint16_t *port)
{
	const struct stunaddr at = local(last, 0);
	union endpoint e;
	socklen_t n = endpoint_of(&at, &e);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	assert_int_equal(bind(fd, &e.any, n), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0); /* as relay_socket.c: after bind */
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, &e.any, &n), 0);
	*port = ntohs(e.v4.sin_port);
	return fd;
}

static int begin(void **state)
{
	(void)state;
	f = fixture_open();
	engine = (__typeof__(engine)){ .t = tcp_relay_new(&f->w) };
	relay = (struct turn_relay){ .is_tcp = true, .at = local(RELAY_BYTE, 0) };
	relay.fd = listener(RELAY_BYTE, &relay.at.port);
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(relay.fd);
	tcp_relay_free(engine.t);
	fixture_close();
	return 0;
}

/* The box connects to a peer that listens; the peer's descriptor. */
static int connected_peer(void)
{
	uint16_t port;
	int door = listener(PEER_BYTE, &port);
	struct stunaddr at = local(PEER_BYTE, port), from;
	union endpoint e;
	socklen_t n = sizeof e;

	assert_int_equal(tcp_relay_connect(engine.t, &relay, &at, ID), 0);
	fixture_turns(f);
	assert_int_equal(engine.n_connected, 1);
	assert_int_equal(engine.connected_rc, 0);
	int fd = accept4(door, &e.any, &n, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	endpoint_addr(&e, &from);
	assert_true(stunaddr_eq(&from, &relay.at)); /* from the relayed address and port */
	close(door);
	return fd;
}

static void join(struct fixture *x)
{
	assert_int_equal(tcp_relay_join(engine.t, &x->from, ID), 0);
}

/* A client whose first request joins it. */
static int joined_client(void)
{
	uint8_t b[20];
	int fd = fixture_connect(f, FIXTURE_TCP, 1);

	f->on_heard = join;
	fixture_say(f, fd, b, fixture_binding(b));
	fixture_turns(f);
	return fd;
}

static void comes(int fd, const char *text)
{
	uint8_t got[64];

	assert_int_equal(fixture_read(f, fd, got, sizeof got), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

/* ---- tests ---- */

static void bytes_pass_both_ways(void **state)
{
	(void)state;
	int peer = connected_peer();
	assert_int_equal(send(peer, "early", 5, 0), 5);
	fixture_turns(f);
	assert_int_equal(engine.bytes[0], 0); /* nothing is read before it is joined */
	int client = joined_client();
	comes(client, "early");
	fixture_say(f, client, "to peer", 7);
	comes(peer, "to peer");
	fixture_say(f, peer, "to client", 9);
	comes(client, "to client");
	assert_int_equal(engine.bytes[0], 14);
	assert_int_equal(engine.bytes[1], 7);
	/* the client ends: what it said last arrives, then the end */
	assert_int_equal(send(client, "bye", 3, 0), 3);
	close(client);
	comes(peer, "bye");
	assert_true(fixture_is_closed(f, peer));
	close(peer);
	fixture_turns(f);
	assert_int_equal(engine.n_gone, 1);
	assert_int_equal(engine.gone, ID);
	assert_int_equal(tcp_relay_count(engine.t), 0);
}

static void a_peer_comes(void **state)
{
	union endpoint e;

	(void)state;
	int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = endpoint_of(&relay.at, &e);
	assert_int_equal(connect(peer, &e.any, n), 0);
	tcp_relay_accept(engine.t, &engine, &relay);
	assert_int_equal(engine.n_incoming, 1);
	assert_int_equal(tcp_relay_count(engine.t), 1);
	tcp_relay_accept(engine.t, &engine, &relay); /* nobody more */
	assert_int_equal(engine.n_incoming, 1);
	int client = joined_client();
	fixture_say(f, peer, "hello", 5);
	comes(client, "hello");
	/* the engine has no permission for this one */
	engine.is_unwanted = true;
	assert_int_equal(connect(other, &e.any, n), 0);
	tcp_relay_accept(engine.t, &engine, &relay);
	assert_int_equal(engine.n_incoming, 2);
	assert_true(fixture_is_closed(f, other));
	assert_int_equal(tcp_relay_count(engine.t), 1);
	close(other);
	close(peer); /* the peer ends: the client hears of it */
	assert_true(fixture_is_closed(f, client));
	close(client);
	fixture_turns(f);
	assert_int_equal(engine.n_gone, 1);
}

static void who_does_not_listen_refuses(void **state)
{
	uint16_t port;

	(void)state;
	close(listener(PEER_BYTE, &port));
	struct stunaddr at = local(PEER_BYTE, port);
	int rc = tcp_relay_connect(engine.t, &relay, &at, ID);
	fixture_turns(f);
	assert_true(rc < 0 || (engine.n_connected == 1 && engine.connected_rc < 0));
	assert_int_equal(tcp_relay_count(engine.t), 0);
	engine.n_connected = 0;
	close(connected_peer()); /* the relayed address is as good as before */
}

static void it_moves_to_another_worker(void **state)
{
	(void)state;
	int peer = connected_peer();
	int fd = tcp_relay_release(engine.t, ID);
	assert_true(fd >= 0);
	assert_int_equal(tcp_relay_count(engine.t), 0);
	assert_int_equal(tcp_relay_release(engine.t, ID), -1);
	assert_int_equal(tcp_relay_adopt(engine.t, ID, fd), 0); /* here: the other worker is this one */
	int client = joined_client();
	assert_int_equal(tcp_relay_release(engine.t, ID), -1); /* not any more */
	fixture_say(f, client, "x", 1);
	comes(peer, "x");
	/* the engine ends it: both sides, and is not told */
	tcp_relay_close(engine.t, ID);
	assert_true(fixture_is_closed(f, client));
	assert_true(fixture_is_closed(f, peer));
	close(client);
	close(peer);
	fixture_turns(f);
	assert_int_equal(tcp_relay_count(engine.t), 0);
}

static void nobody_is_joined_with_what_is_not_there(void **state)
{
	const struct turn_path nobody = { .transport = TURN_TCP, .conn = 77 };

	(void)state;
	assert_int_equal(tcp_relay_join(engine.t, &nobody, ID), ERR_NOT_FOUND);
	int peer = connected_peer();
	assert_true(tcp_relay_join(engine.t, &nobody, ID) < 0);
	assert_int_equal(tcp_relay_count(engine.t), 1); /* the engine closes it */
	tcp_relay_close(engine.t, ID);
	assert_true(fixture_is_closed(f, peer));
	close(peer);
}

/* ---- back-pressure ---- */

/* Says as much as the kernel takes without the reader's help; how much that was. */
static size_t fill(int fd)
{
	static uint8_t much[65536];
	size_t sum = 0;
	unsigned idle = 0;

	while (idle < 20) {
		ssize_t n = send(fd, much, sizeof much, MSG_DONTWAIT | MSG_NOSIGNAL);
		idle = n > 0 ? 0 : idle + 1;
		sum += n > 0 ? (size_t)n : 0;
		fixture_turns(f);
		assert_true(sum < 256 << 20);
	}
	return sum;
}

static size_t read_all(int fd, size_t want)
{
	static uint8_t got[65536];
	size_t sum = 0;

	while (sum < want) {
		ssize_t n = fixture_read(f, fd, got, sizeof got);
		if (n < 0)
			break;
		sum += (size_t)n;
	}
	return sum;
}

static void who_does_not_read_stops_the_other(void **state)
{
	(void)state;
	int peer = connected_peer(), client = joined_client();
	for (unsigned way = 0; way < 2; way++) {
		int from = way ? client : peer, to = way ? peer : client;
		size_t sum = fill(from);
		assert_in_range(engine.bytes[way], TCP_QUEUE_MAX, sum - TCP_QUEUE_MAX); /* the rest waits with the kernel */
		assert_int_equal(read_all(to, sum), sum);
		fixture_say(f, from, "on", 2); /* and it goes on */
		comes(to, "on");
		assert_int_equal(engine.bytes[way], sum + 2);
	}
	close(client);
	close(peer);
}

static void the_last_bytes_arrive(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		engine.n_connected = engine.n_gone = 0;
		int peer = connected_peer(), client = joined_client();
		int from = way ? client : peer, to = way ? peer : client;
		size_t sum = fill(from);
		close(from);
		fixture_turns(f);
		loop_fake_advance(f->w.loop, TCP_DRAIN_MS / 2);
		assert_int_equal(engine.n_gone, 0);
		assert_int_equal(read_all(to, sum + 1), sum); /* all of it, then the end */
		close(to);
		loop_fake_advance(f->w.loop, 2 * TCP_DRAIN_MS);
		assert_int_equal(engine.n_gone, 1);
		assert_int_equal(tcp_relay_count(engine.t), 0);
	}
}

static void who_never_reads_them_is_not_waited_for(void **state)
{
	static const uint8_t some[4096];

	(void)state;
	int peer = connected_peer(), client = joined_client();
	while (stream_queued(&f->w, &f->from) == 0)
		fixture_say(f, peer, some, sizeof some);
	close(peer);
	fixture_turns(f);
	loop_fake_advance(f->w.loop, TCP_DRAIN_MS - 1);
	assert_int_equal(engine.n_gone, 0);
	loop_fake_advance(f->w.loop, 1);
	assert_int_equal(engine.n_gone, 1);
	assert_int_equal(tcp_relay_count(engine.t), 0);
	close(client);
}

static void bandwidth_is_kept(void **state)
{
	(void)state;
	int peer = connected_peer(), client = joined_client();
	engine.is_over_quota = true;
	fixture_say(f, peer, "one", 3);
	comes(client, "one"); /* it was read: it passes */
	fixture_say(f, peer, "two", 3);
	fixture_say(f, client, "back", 4);
	loop_fake_advance(f->w.loop, 10 * TCP_SLOW_MS);
	comes(client, "");
	comes(peer, "");
	assert_int_equal(engine.bytes[0] + engine.bytes[1], 3);
	engine.is_over_quota = false;
	loop_fake_advance(f->w.loop, TCP_SLOW_MS);
	comes(client, "two");
	comes(peer, "back");
	assert_int_equal(tcp_relay_stats(engine.t)[TCP_STAT_SLOWED], 1);
	close(client);
	close(peer);
}

/* ---- half a connection ---- */

/* Nothing comes back whose acknowledgement would let the next small write go (RFC 1122 4.2.3.4). */
static void sends_at_once(int fd)
{
	const int on = 1;

	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
}

static void who_has_ended_hears_the_answer(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		engine.n_connected = engine.n_gone = 0;
		engine.bytes[0] = engine.bytes[1] = 0;
		int peer = connected_peer(), client = joined_client();
		int asks = way ? client : peer, answers = way ? peer : client;
		sends_at_once(answers);
		assert_int_equal(send(asks, "question", 8, 0), 8);
		assert_int_equal(shutdown(asks, SHUT_WR), 0);
		comes(answers, "question");
		assert_true(fixture_is_closed(f, answers));
		for (unsigned i = 0; i < 4; i++) { /* as long as something passes */
			loop_fake_advance(f->w.loop, TCP_DRAIN_MS - 1);
			fixture_say(f, answers, "answer", 6);
			comes(asks, "answer");
		}
		assert_int_equal(engine.n_gone, 0);
		size_t sum = fill(answers);
		close(answers);
		fixture_turns(f);
		assert_int_equal(engine.n_gone, 0); /* not before all of it is heard */
		assert_int_equal(read_all(asks, sum + 1), sum);
		fixture_turns(f);
		assert_int_equal(engine.n_gone, 1);
		assert_int_equal(engine.bytes[way], 8);
		assert_int_equal(tcp_relay_count(engine.t), 0);
		close(asks);
	}
}

/* RFC 6062 5.5: who has closed altogether is not told apart from him but by silence. */
static void who_does_not_answer_is_not_waited_for(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		engine.n_connected = engine.n_gone = 0;
		int peer = connected_peer(), client = joined_client();
		int from = way ? client : peer, to = way ? peer : client;
		close(from);
		assert_true(fixture_is_closed(f, to));
		loop_fake_advance(f->w.loop, TCP_DRAIN_MS - 1);
		assert_int_equal(engine.n_gone, 0);
		loop_fake_advance(f->w.loop, 1);
		assert_int_equal(engine.n_gone, 1);
		assert_int_equal(tcp_relay_count(engine.t), 0);
		close(to);
	}
}

static void a_user_above_its_bandwidth_is_not_silent(void **state)
{
	(void)state;
	int peer = connected_peer(), client = joined_client();
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_true(fixture_is_closed(f, peer));
	sends_at_once(peer);
	engine.is_over_quota = true;
	fixture_say(f, peer, "one", 3);
	fixture_say(f, peer, "two", 3);
	comes(client, "one");
	loop_fake_advance(f->w.loop, 3 * TCP_DRAIN_MS);
	comes(client, "");
	assert_int_equal(engine.n_gone, 0);
	engine.is_over_quota = false;
	loop_fake_advance(f->w.loop, TCP_SLOW_MS);
	comes(client, "two");
	close(peer);
	assert_true(fixture_is_closed(f, client));
	fixture_turns(f);
	assert_int_equal(engine.n_gone, 1);
	close(client);
}

static void who_answers_somebody_that_is_away_ends(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		engine.n_connected = engine.n_gone = 0;
		int peer = connected_peer(), client = joined_client();
		int from = way ? client : peer, to = way ? peer : client;
		sends_at_once(to);
		close(from);
		assert_true(fixture_is_closed(f, to));
		fixture_say(f, to, "anybody?", 8);
		fixture_turns(f);
		fixture_say(f, to, "anybody?", 8);
		loop_fake_advance(f->w.loop, TCP_DRAIN_MS / 2); /* without waiting for silence */
		assert_int_equal(engine.n_gone, 1);
		close(to);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bytes_pass_both_ways), T(a_peer_comes), T(who_does_not_listen_refuses), T(it_moves_to_another_worker),
		T(nobody_is_joined_with_what_is_not_there), T(who_does_not_read_stops_the_other), T(the_last_bytes_arrive),
		T(who_never_reads_them_is_not_waited_for), T(bandwidth_is_kept),
		T(who_has_ended_hears_the_answer), T(who_does_not_answer_is_not_waited_for), T(a_user_above_its_bandwidth_is_not_silent),
		T(who_answers_somebody_that_is_away_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
