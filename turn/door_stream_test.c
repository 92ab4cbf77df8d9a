#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "net/link_fixture.h"
#include "net/pki_fixture.h"
#include "stream_fixture.h"

static uint64_t stat_of(const struct fixture *f, enum stream_stat id)
{
	return f->w.streams->counts[id];
}

/* A client that has said one whole message. */
static int known_client(struct fixture *f)
{
	uint8_t b[20];
	int fd = fixture_connect(f, FIXTURE_TCP, 1);

	fixture_say(f, fd, b, fixture_binding(b));
	assert_int_equal(f->from.transport, TURN_TCP);
	return fd;
}

static void put_channel(struct fixture *f, const struct turn_path *to, const uint8_t *payload, size_t n)
{
	static uint8_t frame[4 + 65531];

	channeldata_header(frame, 0x4001, n);
	memcpy(frame + 4, payload, n);
	door_tcp.to_client(&f->w, to, bytes_make(frame, 4 + n));
}

/* ---- framing ---- */

static void frames_in_pieces(void **state)
{
	struct fixture *f = fixture_open();
	uint8_t wire[256], b[20];
	size_t n = fixture_binding(wire);

	(void)state;
	/* Binding, ChannelData of 0, 3 and 4 bytes with padding, Binding */
	for (size_t size = 0; size < 5; size = size ? size + 1 : 3) {
		channeldata_header(wire + n, 0x4001, size);
		memset(wire + n + 4, (int)size, (size + 3) & ~(size_t)3);
		n += 4 + ((size + 3) & ~(size_t)3);
	}
	n += fixture_binding(b);
	memcpy(wire + n - 20, b, 20);
	int fd = fixture_connect(f, FIXTURE_TCP, 1);
	for (size_t cut = 1; cut <= n; cut++) { /* in pieces of each size */
		f->n_heard = 0;
		for (size_t at = 0; at < n; at += cut)
			fixture_say(f, fd, wire + at, at + cut < n ? cut : n - at);
		assert_int_equal(f->n_heard, 5);
		assert_int_equal(f->sizes[0], 20);
		assert_int_equal(f->sizes[1], 4);
		assert_int_equal(f->sizes[2], 7); /* without padding */
		assert_int_equal(f->sizes[3], 8);
		assert_memory_equal(f->heard, b, 20);
	}
	close(fd);
	fixture_turns(f);
	assert_int_equal(f->n_gone, 1);
	assert_int_equal(f->gone.conn, f->from.conn);
	assert_int_equal(streams_count(f->w.streams), 0);
	fixture_close();
}

/* A worker rests by how many packets there are, whatever they came in. */
static void frames_are_counted_one_by_one(void **state)
{
	static const uint8_t two_and_more[] = { 0x40, 1, 0, 1, 0, 0, 0, 0, 0x40, 1, 0, 2, 0, 0, 0, 0, 0x40, 1 };
	struct fixture *f = fixture_open();

	(void)state;
	int fd = known_client(f);
	f->w.pacer.pace = (struct pace){ .most_us = 250, .since_ms = loop_now(f->w.loop) };
	fixture_say(f, fd, two_and_more, sizeof two_and_more);
	assert_int_equal(f->w.pacer.pace.count, 2);
	close(fd);
	fixture_close();
}

static void channel_data_is_padded(void **state)
{
	struct fixture *f = fixture_open();
	uint8_t got[64];

	(void)state;
	int fd = known_client(f);
	for (size_t n = 0; n < 9; n++) {
		put_channel(f, &f->from, (const uint8_t *)"abcdefgh", n);
		assert_int_equal(fixture_read(f, fd, got, sizeof got), 4 + (int)((n + 3) & ~(size_t)3));
		assert_int_equal(got[3], n);
		assert_memory_equal(got + 4, "abcdefgh", n);
		for (size_t i = n; i < ((n + 3) & ~(size_t)3); i++)
			assert_int_equal(got[4 + i], 0);
	}
	close(fd);
	fixture_close();
}

static void garbage_closes_at_once(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		const char *why;
	} rows[] = {
		{ "POST / HTTP/1.1\r\n", 17, "connection: " },
		{ "\0\1\0\3\x21\x12\xa4\x42", 8, "neither STUN nor ChannelData" },
		{ "\0\1\0\0\0\0\0\0", 8, "neither STUN nor ChannelData" },
		{ "\x80", 1, "neither STUN nor ChannelData" },
		{ "GET / HTTP/1.1\r\n", 16, "a message is longer than any is" }, /* the number of a channel, and a length */
		{ "\0\1\x10\0\x21\x12\xa4\x42", 8, "a message is longer than any is" },
	};
	struct fixture *f = fixture_open();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int fd = fixture_connect(f, FIXTURE_TCP, 1);
		f->n_refused = 0;
		fixture_say(f, fd, rows[i].p, rows[i].n);
		assert_true(fixture_is_closed(f, fd));
		assert_int_equal(f->n_refused, 1);
		assert_non_null(strstr(f->why, rows[i].why));
		close(fd);
	}
	assert_int_equal(f->n_heard, 0);
	assert_int_equal(stat_of(f, STREAM_STAT_MALFORMED), 6);
	fixture_close();
}

/* Only who has an allocation may say something long; nobody more than a datagram holds. */
static void lengths(void **state)
{
	struct fixture *f = fixture_open();
	static uint8_t frame[65536];

	(void)state;
	int fd = known_client(f);
	f->has_allocation = true;
	channeldata_header(frame, 0x4001, 65531);
	fixture_say(f, fd, frame, 65536);
	assert_int_equal(f->n_heard, 2);
	assert_int_equal(f->sizes[1], 65535);
	channeldata_header(frame, 0x4001, 65532);
	fixture_say(f, fd, frame, 4);
	assert_true(fixture_is_closed(f, fd));
	assert_int_equal(f->n_gone, 1);
	close(fd);
	fixture_close();
}

/* ---- who may come, and for how long ---- */

static void most_connections(void **state)
{
	struct fixture *f = fixture_open();
	int fds[3];

	(void)state;
	f->conf.connections = 3;
	f->conf.connections_address = 2;
	door_tls.apply(&f->w);
	fds[0] = fixture_connect(f, FIXTURE_TCP, 1);
	fds[1] = fixture_connect(f, FIXTURE_TLS, 1);
	int third = fixture_connect(f, FIXTURE_TCP, 1);
	assert_true(fixture_is_closed(f, third));
	assert_string_equal(f->why, "connection: turn connections-address");
	fds[2] = fixture_connect(f, FIXTURE_TCP, 2);
	int fourth = fixture_connect(f, FIXTURE_TCP, 3);
	assert_true(fixture_is_closed(f, fourth));
	assert_string_equal(f->why, "connection: turn connections-max");
	assert_int_equal(streams_count(f->w.streams), 3);
	close(fds[0]);
	fixture_turns(f);
	fds[0] = fixture_connect(f, FIXTURE_TCP, 1); /* its place is free again */
	assert_false(fixture_is_closed(f, fds[0]));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(third);
	close(fourth);
	fixture_close();
}

static bool is_closed_after(struct fixture *f, int fd, uint64_t ms)
{
	loop_fake_advance(f->w.loop, ms - 1);
	bool is_early = fixture_is_closed(f, fd);
	loop_fake_advance(f->w.loop, 1);
	bool is_closed = fixture_is_closed(f, fd);
	close(fd);
	return !is_early && is_closed;
}

static void everything_takes_its_time_at_most(void **state)
{
	struct fixture *f = fixture_open();
	uint8_t b[20];

	(void)state;
	assert_true(is_closed_after(f, fixture_connect(f, FIXTURE_TLS, 1), STREAM_HANDSHAKE_MS));
	assert_true(is_closed_after(f, fixture_connect(f, FIXTURE_TCP, 1), STREAM_FIRST_MS));
	int slow = fixture_connect(f, FIXTURE_TCP, 1); /* a byte now and then is no message */
	(void)fixture_binding(b);
	for (int i = 0; i < 10; i++) {
		loop_fake_advance(f->w.loop, 2900);
		fixture_say(f, slow, b + i, 1);
	}
	assert_true(is_closed_after(f, slow, 1000));
	assert_int_equal(f->n_heard, 0);
	int idle = known_client(f);
	loop_fake_advance(f->w.loop, 40000);
	fixture_say(f, idle, b, 20);
	assert_true(is_closed_after(f, idle, STREAM_IDLE_MS));
	assert_int_equal(stat_of(f, STREAM_STAT_TIMEOUT), 4);
	int relayed = known_client(f);
	f->has_allocation = true;
	loop_fake_advance(f->w.loop, 10 * STREAM_IDLE_MS);
	assert_false(fixture_is_closed(f, relayed));
	f->has_allocation = false; /* it has expired */
	loop_fake_advance(f->w.loop, STREAM_IDLE_MS);
	assert_true(fixture_is_closed(f, relayed));
	close(relayed);
	fixture_close();
}

/* Without descriptors nobody spins; when there are some again all get in. */
static void accepting_waits_for_descriptors(void **state)
{
	struct fixture *f = fixture_open();
	struct rlimit before, few;
	int fds[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_true((fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)fds[3] + 2; /* room for one more */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	const struct stunaddr to = { 4, f->port[FIXTURE_TCP], { 127, 0, 0, 1 } };
	union endpoint e;
	socklen_t n = endpoint_of(&to, &e);
	for (int i = 0; i < 4; i++)
		assert_int_equal(connect(fds[i], &e.any, n), 0);
	fixture_turns(f);
	loop_fake_advance(f->w.loop, 1600);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(streams_count(f->w.streams), 1);
	assert_int_equal(stat_of(f, STREAM_STAT_PAUSED), 4);
	assert_int_equal(f->w.streams->short_lines.passed, 1); /* said once */
	loop_fake_advance(f->w.loop, 500);
	assert_int_equal(streams_count(f->w.streams), 4);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	fixture_close();
}

static void a_stale_number_finds_nobody(void **state)
{
	struct fixture *f = fixture_open();
	uint8_t got[8];

	(void)state;
	int fd = known_client(f);
	struct turn_path first = f->from, other_door = f->from;
	other_door.door = FIXTURE_TLS;
	put_channel(f, &other_door, got, 0);
	assert_int_equal(fixture_read(f, fd, got, sizeof got), 0);
	close(fd);
	fixture_turns(f);
	fd = known_client(f);
	assert_int_equal(f->from.conn & 0x3ffff, first.conn & 0x3ffff); /* the same place */
	assert_int_not_equal(f->from.conn, first.conn);
	put_channel(f, &first, got, 0);
	door_tcp.client_close(&f->w, &first);
	assert_int_equal(fixture_read(f, fd, got, sizeof got), 0);
	put_channel(f, &f->from, got, 0);
	assert_int_equal(fixture_read(f, fd, got, sizeof got), 4);
	close(fd);
	fixture_close();
}

/* ---- to slow readers ---- */

static int slow_client(struct fixture *f)
{
	f->has_allocation = true;
	return known_client(f);
}

/* Until nothing has come for a while: the kernel opens its window when it likes. */
static size_t read_all(struct fixture *f, int fd)
{
	static uint8_t got[1 << 16];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t sum = 0;

	fixture_turns(f);
	while (poll(&p, 1, 300) > 0) {
		ssize_t n = fixture_read(f, fd, got, sizeof got);
		assert_true(n >= 0);
		sum += (size_t)n;
		fixture_turns(f);
	}
	return sum;
}

static void a_burst_passes(void **state)
{
	enum { DATAGRAMS = 580, EACH = 1200 };
	struct fixture *f = fixture_open();
	static uint8_t payload[EACH];

	(void)state;
	int fd = slow_client(f);
	for (int i = 0; i < DATAGRAMS; i++) /* a picture of 700 kB at once */
		put_channel(f, &f->from, payload, EACH);
	fixture_turns(f);
	loop_fake_advance(f->w.loop, 900);
	assert_int_equal(stat_of(f, STREAM_STAT_DROPPED), 0);
	assert_int_equal(read_all(f, fd), DATAGRAMS * (EACH + 4));
	close(fd);
	fixture_close();
}

static void a_stuck_client_gets_no_datagrams(void **state)
{
	enum { EACH = 1200 };
	struct fixture *f = fixture_open();
	static uint8_t payload[EACH];
	static const uint8_t answer[20] = { 1, 1 };

	(void)state;
	int fd = slow_client(f);
	struct turn_path path = f->from;
	while (stat_of(f, STREAM_STAT_DROPPED) == 0) { /* one every 10 ms: by age, long before the queue is full */
		put_channel(f, &path, payload, EACH);
		loop_fake_advance(f->w.loop, 10);
	}
	struct stream_client *c = stream_find(f->w.streams, &path);
	assert_in_range(link_queued(&c->link), 50 * EACH, STREAM_QUEUE_BYTES / 2);
	assert_int_equal(f->w.streams->stuck_bytes, c->stuck_bytes);
	size_t queued = link_queued(&c->link);
	door_tcp.to_client(&f->w, &path, bytes_make(answer, sizeof answer)); /* answers are not dropped */
	assert_int_equal(link_queued(&c->link), queued + sizeof answer);
	(void)read_all(f, fd);
	assert_int_equal(f->w.streams->stuck_bytes, 0);
	uint64_t dropped = stat_of(f, STREAM_STAT_DROPPED);
	put_channel(f, &path, payload, EACH);
	assert_int_equal(read_all(f, fd), EACH + 4);
	for (int i = 0; i < 3000; i++) /* by bytes: never more than the queue */
		put_channel(f, &path, payload, EACH);
	assert_true(link_queued(&c->link) <= STREAM_QUEUE_BYTES);
	assert_true(stat_of(f, STREAM_STAT_DROPPED) > dropped);
	close(fd);
	fixture_close();
}

static void answer_much(struct fixture *f)
{
	static uint8_t answer[1000] = { 1, 1 };

	for (int i = 0; i < 10; i++)
		door_tcp.to_client(&f->w, &f->from, bytes_make(answer, sizeof answer));
}

static void a_stranger_reads_its_answers(void **state)
{
	struct fixture *f = fixture_open();
	uint8_t b[20 * 200];

	(void)state;
	int fd = known_client(f);
	f->on_heard = answer_much;
	for (int i = 0; i < 200; i++)
		(void)fixture_binding(b + 20 * i);
	fixture_say(f, fd, b, sizeof b);
	assert_string_equal(f->why, "connection: does not read its answers");
	assert_true(f->n_heard < 12);
	assert_int_equal(streams_count(f->w.streams), 0);
	close(fd);
	fixture_close();
}

static void close_it(struct fixture *f)
{
	static const uint8_t answer[20] = { 1, 1 };

	door_tcp.to_client(&f->w, &f->from, bytes_make(answer, sizeof answer));
	door_tcp.client_close(&f->w, &f->from);
}

/* The engine's last word goes out, and it is not told of what it asked for. */
static void the_engine_may_end_one(void **state)
{
	struct fixture *f = fixture_open();
	uint8_t b[40];

	(void)state;
	f->on_heard = close_it;
	int fd = fixture_connect(f, FIXTURE_TCP, 1);
	(void)fixture_binding(b);
	(void)fixture_binding(b + 20);
	fixture_say(f, fd, b, sizeof b);
	assert_int_equal(f->n_heard, 1); /* what came behind is not heard */
	assert_int_equal(fixture_read(f, fd, b, sizeof b), 20);
	assert_true(fixture_is_closed(f, fd));
	close(fd);
	fixture_turns(f);
	assert_int_equal(f->n_gone, 0);
	assert_int_equal(streams_count(f->w.streams), 0);
	fixture_close();
}

/* ---- TLS ---- */

static struct tls_store *store(const struct pki_cert *c)
{
	struct tls_store *s = tls_store_new(NULL);

	assert_int_equal(tls_store_add_certificate(s, BYTES("c"), pki_pem(c)), 0);
	assert_int_equal(tls_store_add_domain(s, "turn.example", BYTES("c")), 0);
	return s;
}

/* A client over TLS, of ours; its link closes the descriptor. */
static bool secure(struct fixture *f, struct end *e, int fd, struct tls_store *s, const char *const *alpn)
{
	const struct tls_options o = { .side = TLS_CLIENT, .alpn = alpn };
	struct tls *t;

	end_init(e);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(link_accept(&e->link, f->w.loop, fd, &end_owner, e, 1 << 20), 0);
	assert_int_equal(tls_new(s, &o, &t), 0);
	assert_int_equal(link_start_tls(&e->link, t, 5000), 0);
	fixture_turns(f);
	return e->is_secured && !e->is_closed;
}

static void end_client(struct end *e)
{
	link_close(&e->link);
	buf_fini(&e->in);
}

static void tls_on_both_doors(void **state)
{
	static const char *const wrong[] = { "h2", NULL }, *const right[] = { "h2", "stun.turn", NULL };
	const struct {
		int door;
		const char *const *alpn;
		bool is_served;
	} rows[] = {
		{ FIXTURE_TLS, NULL, true }, { FIXTURE_TLS, right, true }, { FIXTURE_TLS, wrong, false },
		{ FIXTURE_TCP, NULL, true }, /* RFC 7983 */
	};
	struct pki_cert cert = pki_make(&(struct pki_wish){ .cn = "t", .san = "DNS:turn.example" }, NULL);
	struct fixture *f = fixture_open();
	struct tls_store *clients = tls_store_new(NULL);
	uint8_t b[20];

	(void)state;
	f->w.tls = store(&cert);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct end e;
		f->n_heard = 0;
		assert_int_equal(secure(f, &e, fixture_connect(f, rows[i].door, 1), clients, rows[i].alpn), rows[i].is_served);
		if (rows[i].is_served) {
			assert_int_equal(link_send(&e.link, bytes_make(b, fixture_binding(b))), 0);
			fixture_turns(f);
			assert_int_equal(f->n_heard, 1);
			assert_int_equal(f->from.transport, TURN_TLS);
			assert_int_equal(f->from.door, rows[i].door);
			f->w.doors[f->from.door].kind->to_client(&f->w, &f->from, bytes_make("\x40\1\0\1x", 5));
			fixture_turns(f);
			assert_int_equal(buf_len(&e.in), 8);
		} else {
			assert_non_null(strstr(f->why, "TLS handshake"));
		}
		end_client(&e);
		fixture_turns(f);
		assert_int_equal(streams_count(f->w.streams), 0);
	}
	assert_int_equal(stat_of(f, STREAM_STAT_TLS), 3);
	/* clear bytes on the door of TLS */
	int fd = fixture_connect(f, FIXTURE_TLS, 1);
	fixture_say(f, fd, b, sizeof b);
	assert_true(fixture_is_closed(f, fd));
	close(fd);
	/* a handshake that stands still */
	fd = fixture_connect(f, FIXTURE_TCP, 1);
	fixture_say(f, fd, "\x16\3\1", 3);
	assert_true(is_closed_after(f, fd, STREAM_HANDSHAKE_MS));
	tls_store_free(clients);
	fixture_close();
	pki_free(&cert);
}

/* Many who come at once are begun a few a turn. */
static void a_crowd_holds_nobody_up(void **state)
{
	enum { CROWD = 50 };
	struct fixture *f = fixture_open();
	int fds[CROWD];
	uint8_t b[20];

	(void)state;
	for (int i = 0; i < CROWD; i++)
		fds[i] = fixture_connect(f, FIXTURE_TCP, 1);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(send(fds[i], b, fixture_binding(b), 0), 20);
	unsigned turns = 0, before = 0;
	for (; f->n_heard < CROWD && turns < 20; turns++) {
		loop_turn(f->w.loop, 0);
		assert_true(f->n_heard - before <= STREAM_BEGIN_MAX);
		before = f->n_heard;
	}
	assert_int_equal(f->n_heard, CROWD);
	assert_in_range(turns, CROWD / STREAM_BEGIN_MAX, 10);
	for (int i = 0; i < CROWD; i++)
		close(fds[i]);
	fixture_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_in_pieces), cmocka_unit_test(frames_are_counted_one_by_one), cmocka_unit_test(channel_data_is_padded),
		cmocka_unit_test(garbage_closes_at_once), cmocka_unit_test(lengths), cmocka_unit_test(most_connections),
		cmocka_unit_test(everything_takes_its_time_at_most), cmocka_unit_test(accepting_waits_for_descriptors),
		cmocka_unit_test(a_stale_number_finds_nobody), cmocka_unit_test(a_burst_passes),
		cmocka_unit_test(a_stuck_client_gets_no_datagrams), cmocka_unit_test(a_stranger_reads_its_answers),
		cmocka_unit_test(the_engine_may_end_one), cmocka_unit_test(tls_on_both_doors),
		cmocka_unit_test(a_crowd_holds_nobody_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
