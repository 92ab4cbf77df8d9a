#include "meta_h2.h"

#include "base/err.h"

#include <nghttp2/nghttp2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* An edge and a core of a few lines each, whose bytes go through memory, and time that the test says. */

enum { STREAMS = 8, OUT_MAX = 4 << 20 };

struct side {
	struct h2 h2;
	struct h2_stream streams[STREAMS];
	struct buf in[STREAMS];
	int closed[STREAMS]; /* 1: not */
	size_t n;
	struct buf out;
	struct meta_reader reader;
	struct meta asked;
	int refuse_with;    /* status; 0: accept */
	bool keeps, is_ready; /* keeps: gives no window back */
	unsigned n_drained, n_requests, n_draining, n_pinged;
	uint64_t stamp; /* of the last PING that came */
};

static struct side edge, core;
static uint64_t now;

static struct meta meta_of(const char *service)
{
	struct meta m = { .transport = "tls", .tls = "TLSv1.3", .address_n = 4, .port = 7 };

	snprintf(m.service, sizeof m.service, "%s", service);
	return m;
}

static size_t at(struct side *s, const struct h2_stream *stream)
{
	return (size_t)(stream - s->streams);
}

static void on_ready(void *arg)
{
	((struct side *)arg)->is_ready = true;
}

static void on_begin(void *arg)
{
	meta_read_begin(&((struct side *)arg)->reader);
}

static void on_field(void *arg, struct bytes name, struct bytes value)
{
	meta_read(&((struct side *)arg)->reader, name, value);
}

static void on_request(void *arg, int32_t id, bool is_whole)
{
	struct side *s = arg;

	if (meta_read_end(&s->reader) || is_whole) {
		h2_refuse(&s->h2, id, 400);
		return;
	}
	s->asked = s->reader.meta;
	s->n_requests++;
	if (s->refuse_with || s->n == STREAMS)
		h2_refuse(&s->h2, id, s->refuse_with ? s->refuse_with : 503);
	else
		assert_int_equal(h2_accept(&s->h2, id, &s->streams[s->n++]), 0);
}

static void on_data(void *arg, struct h2_stream *stream, struct bytes in)
{
	struct side *s = arg;

	buf_put_bytes(&s->in[at(s, stream)], in);
	if (!s->keeps)
		h2_consume(&s->h2, stream, in.n);
}

static void on_drained(void *arg, struct h2_stream *stream)
{
	(void)stream;
	((struct side *)arg)->n_drained++;
}

static void on_closed(void *arg, struct h2_stream *stream, int why)
{
	struct side *s = arg;

	assert_int_equal(stream->id, 0);
	assert_int_equal(s->closed[at(s, stream)], 1); /* once */
	s->closed[at(s, stream)] = why;
}

static void on_draining(void *arg)
{
	((struct side *)arg)->n_draining++;
}

static void on_pinged(void *arg, uint64_t stamp)
{
	struct side *s = arg;

	s->n_pinged++;
	s->stamp = stamp;
}

static const struct h2_owner owner = {
	.ready = on_ready,
	.pinged = on_pinged,
	.begin = on_begin,
	.field = on_field,
	.request = on_request,
	.data = on_data,
	.drained = on_drained,
	.closed = on_closed,
	.draining = on_draining,
};

static void begin_side(struct side *s, bool is_server)
{
	const struct h2_limits limits = { .streams_max = 6, .opens_per_s = 50, .window = H2_WINDOW_SIGNAL, .fields_bytes = META_LIST_BYTES_MAX };

	memset(s, 0, sizeof *s);
	buf_init(&s->out, OUT_MAX);
	for (size_t i = 0; i < STREAMS; i++) {
		buf_init(&s->in[i], OUT_MAX);
		s->closed[i] = 1;
	}
	assert_int_equal(h2_init(&s->h2, is_server, &limits, &owner, s, now), 0);
}

static int move(struct side *from, struct side *to)
{
	assert_int_equal(h2_output(&from->h2, &from->out, OUT_MAX), 0);
	int rc = buf_len(&from->out) ? h2_input(&to->h2, buf_bytes(&from->out), now) : 0;
	buf_clear(&from->out);
	return rc;
}

/* Until nobody has anything to say. */
static void talk(void)
{
	for (int i = 0; i < 200; i++) {
		assert_int_equal(move(&edge, &core), 0);
		assert_int_equal(move(&core, &edge), 0);
	}
}

static int setup(void **state)
{
	(void)state;
	now = 1000000;
	begin_side(&edge, false);
	begin_side(&core, true);
	assert_false(h2_has_room(&edge.h2)); /* before the core has said what it takes */
	talk();
	assert_true(edge.is_ready && h2_has_room(&edge.h2));
	return 0;
}

static void end_side(struct side *s)
{
	for (size_t i = 0; i < STREAMS; i++) {
		if (s->streams[i].id)
			buf_fini(&s->streams[i].out);
		buf_fini(&s->in[i]);
	}
	h2_fini(&s->h2);
	buf_fini(&s->out);
}

static int teardown(void **state)
{
	(void)state;
	end_side(&edge);
	end_side(&core);
	return 0;
}

static void open_one(void)
{
	const struct meta m = meta_of("xmpp-client");

	assert_int_equal(meta_h2_open(&edge.h2, &edge.streams[edge.n++], &m), 0);
	talk();
}

static void test_there_and_back(void **state)
{
	(void)state;
	open_one();
	assert_string_equal(core.asked.service, "xmpp-client");
	assert_int_equal(core.asked.port, 7);
	(void)h2_send(&edge.h2, &edge.streams[0], BYTES("<stream>"));
	(void)h2_send(&core.h2, &core.streams[0], BYTES("<features/>"));
	talk();
	assert_true(bytes_eq_str(buf_bytes(&core.in[0]), "<stream>"));
	assert_true(bytes_eq_str(buf_bytes(&edge.in[0]), "<features/>"));
	(void)h2_send(&core.h2, &core.streams[0], BYTES("bye"));
	h2_end(&core.h2, &core.streams[0]);
	talk();
	assert_true(bytes_eq_str(buf_bytes(&edge.in[0]), "<features/>bye"));
	assert_int_equal(edge.closed[0], 0);
	assert_int_equal(core.closed[0], 0);
	assert_int_equal(edge.h2.n_streams + core.h2.n_streams, 0);
}

static void test_broken_off(void **state)
{
	(void)state;
	open_one();
	h2_reset(&edge.h2, &edge.streams[0]);
	talk();
	assert_int_equal(core.closed[0], ERR_CLOSED);
	assert_int_equal(edge.closed[0], 1); /* who breaks it off is not called */
	h2_reset(&edge.h2, &edge.streams[0]);
}

static void test_refused(void **state)
{
	(void)state;
	core.refuse_with = 404;
	open_one();
	assert_int_equal(edge.closed[0], ERR_AGAIN);
	assert_int_equal(core.h2.n_streams, 0);
	core.refuse_with = 0;
	open_one();
	assert_int_equal(edge.closed[1], 1);
}

static void test_only_so_many(void **state)
{
	const struct meta m = meta_of("xmpp-client");

	(void)state;
	for (int i = 0; i < 6; i++)
		open_one();
	assert_false(h2_has_room(&edge.h2));
	assert_int_equal(meta_h2_open(&edge.h2, &edge.streams[6], &m), ERR_LIMIT);
	h2_end(&edge.h2, &edge.streams[0]);
	talk();
	assert_true(h2_has_room(&edge.h2));
}

/* A receiver that takes nothing holds its own stream up at the window, and no other. */
static void test_windows(void **state)
{
	static uint8_t much[H2_WINDOW_SIGNAL + 1000];

	(void)state;
	open_one();
	open_one();
	core.keeps = true;
	assert_true(h2_send(&edge.h2, &edge.streams[0], bytes_make(much, sizeof much)));
	talk();
	assert_int_equal(buf_len(&core.in[0]), H2_WINDOW_SIGNAL);
	assert_int_equal(buf_len(&edge.streams[0].out), 1000);
	assert_int_equal(edge.n_drained, 1);
	(void)h2_send(&edge.h2, &edge.streams[1], BYTES("of another"));
	talk();
	assert_int_equal(buf_len(&core.in[1]), 10);
	h2_consume(&core.h2, &core.streams[0], H2_WINDOW_SIGNAL);
	talk();
	assert_int_equal(buf_len(&core.in[0]), sizeof much);
}

static void test_source_that_does_not_stop(void **state)
{
	static uint8_t much[H2_OUT_MAX];

	(void)state;
	open_one();
	(void)h2_send(&edge.h2, &edge.streams[0], bytes_make(much, sizeof much));
	assert_false(buf_failed(&edge.streams[0].out));
	(void)h2_send(&edge.h2, &edge.streams[0], BYTES("x"));
	assert_true(buf_failed(&edge.streams[0].out));
	h2_reset(&edge.h2, &edge.streams[0]);
}

/* Twenty times the connection's window, through one stream. */
static void test_much(void **state)
{
	static uint8_t part[50000];

	(void)state;
	open_one();
	for (int i = 0; i < 400; i++) {
		(void)h2_send(&edge.h2, &edge.streams[0], bytes_make(part, sizeof part));
		talk();
		assert_int_equal(buf_len(&core.in[0]), sizeof part);
		buf_clear(&core.in[0]);
	}
}

static void test_ping(void **state)
{
	(void)state;
	edge.h2.stamp = UINT64_C(0x0102030405060708);
	for (int i = 0; i < 60; i++) {
		now += 1000;
		assert_int_equal(h2_tick(&edge.h2, now), 0);
		assert_int_equal(h2_tick(&core.h2, now), 0);
		assert_int_equal(move(&edge, &core), 0);
		now += 40;
		talk();
	}
	assert_int_equal(edge.h2.round_trip_ms, 40);
	assert_true(core.n_pinged >= 10 && edge.n_pinged >= 10);
	assert_true(core.stamp == edge.h2.stamp && edge.stamp == 0);
}

static void test_dead(void **state)
{
	int rc = 0;

	(void)state;
	for (int s = 1; s <= 15 && !rc; s++) {
		now += 1000;
		rc = h2_tick(&edge.h2, now);
		assert_int_equal(rc, s < 15 ? 0 : ERR_TIMEOUT);
	}
	assert_int_equal(rc, ERR_TIMEOUT);
}

/* Who owes an answer is asked soon; silent is it long before it is dead, more questions do not put that off, and any byte ends it. */
static void test_silent(void **state)
{
	(void)state;
	h2_expect(&edge.h2, now);
	for (unsigned ms = 500; ms <= 10000; ms += 500) {
		now += 500;
		assert_int_equal(h2_tick(&edge.h2, now), 0);
		h2_expect(&edge.h2, now);
		assert_int_equal(h2_is_silent(&edge.h2, now), ms >= H2_ASK_MS + H2_SILENT_MS);
	}
	talk();
	assert_false(h2_is_silent(&edge.h2, now));
	assert_int_equal(edge.h2.round_trip_ms, 10000 - H2_ASK_MS);
	now += 500; /* nothing is expected: no question, no silence */
	assert_int_equal(h2_tick(&edge.h2, now), 0);
	assert_false(h2_is_silent(&edge.h2, now + H2_SILENT_MS));
}

static void test_drain(void **state)
{
	(void)state;
	open_one();
	h2_drain(&core.h2);
	talk();
	assert_int_equal(edge.n_draining, 1);
	assert_false(h2_has_room(&edge.h2));
	(void)h2_send(&edge.h2, &edge.streams[0], BYTES("still here"));
	talk();
	assert_int_equal(buf_len(&core.in[0]), 10);
	h2_end(&core.h2, &core.streams[0]);
	talk();
	assert_int_equal(edge.closed[0], 0);
	assert_int_equal(edge.h2.n_streams, 0);
}

/* ---- who does not keep to it ---- */

/* n frames of this kind to a side; what it says of the first that is too many. */
static const char *frames(struct side *to, unsigned n, uint8_t type, uint8_t flags, uint32_t id, struct bytes body)
{
	uint8_t f[9 + 64] = { 0, 0, (uint8_t)body.n, type, flags, 0, 0, 0, (uint8_t)id };

	if (body.n)
		memcpy(f + 9, body.p, body.n);
	for (unsigned i = 0; i < n; i++)
		if (h2_input(&to->h2, bytes_make(f, 9 + body.n), now))
			break;
	(void)h2_output(&to->h2, &to->out, OUT_MAX); /* nghttp2 finds some of them itself, and is silent after its good-bye */
	return to->h2.why;
}

static void test_floods(void **state)
{
	static const uint8_t one[4] = { 0, 0, 0, 1 };
	static const struct {
		bool to_core;
		unsigned n;
		uint8_t type, flags;
		uint32_t id;
		size_t body_n;
		const char *why;
	} rows[] = {
		{ true, 20, NGHTTP2_SETTINGS, 0, 0, 0, "too many settings" },
		{ true, 20, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, 0, "PROTOCOL_ERROR" }, /* of nothing */
		{ false, 20, NGHTTP2_SETTINGS, 0, 0, 0, "too many settings" },
		{ true, 40, NGHTTP2_PING, 0, 0, 8, "too many pings" },
		{ false, 40, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, 8, "too many pings" },
		{ true, 1, NGHTTP2_PRIORITY, 0, 1, 5, "a frame of a kind that is not used" },
		{ true, 1, NGHTTP2_DATA, 0, 1, 0, "empty data" },
		{ false, 1, NGHTTP2_DATA, 0, 1, 0, "empty data" },
		{ true, 300, NGHTTP2_WINDOW_UPDATE, 0, 0, 4, "too many window updates" },
		{ false, 300, NGHTTP2_WINDOW_UPDATE, 0, 1, 4, "too many window updates" },
		{ true, 1, NGHTTP2_HEADERS, 0, 3, 1, "fields in more than one frame" },
		{ true, 100, NGHTTP2_RST_STREAM, 0, 1, 4, "too many resets" },
		{ false, 100, NGHTTP2_RST_STREAM, 0, 1, 4, "too many resets" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t body[8] = { 0 };
		memcpy(body, one, sizeof one);
		open_one();
		struct side *to = rows[i].to_core ? &core : &edge;
		assert_string_equal(frames(to, rows[i].n, rows[i].type, rows[i].flags, rows[i].id, bytes_make(body, rows[i].body_n)), rows[i].why);
		teardown(state);
		setup(state);
	}
}

/* As gh-proxy serves: what is not used between our own is budgeted, and a good-bye says why. */
static void test_strangers(void **state)
{
	static const struct {
		unsigned few, many;
		uint8_t type, flags;
		uint32_t id;
		size_t body_n;
		const char *why;
	} rows[] = {
		{ 10, 400, NGHTTP2_PRIORITY, 0, 1, 5, "a frame of a kind that is not used" },
		{ 10, 400, NGHTTP2_DATA, 0, 1, 0, "empty data" },
		{ 5, 40, NGHTTP2_PING, 0, 0, 8, "too many pings" },
		{ 0, 20, NGHTTP2_SETTINGS, 0, 0, 0, "too many settings" },
		{ 100, 400, NGHTTP2_WINDOW_UPDATE, 0, 1, 4, "too many window updates" },
		{ 1, 400, NGHTTP2_RST_STREAM, 0, 1, 4, "too many resets" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t body[8] = { 0, 0, 0, 5 };
		core.h2.limits.is_open = true;
		open_one();
		buf_clear(&core.out);
		const struct bytes b = bytes_make(body, rows[i].body_n);
		assert_string_equal(frames(&core, rows[i].few, rows[i].type, rows[i].flags, rows[i].id, b), "");
		buf_clear(&core.out);
		assert_string_equal(frames(&core, rows[i].many, rows[i].type, rows[i].flags, rows[i].id, b), rows[i].why);
		struct bytes said = buf_bytes(&core.out);
		assert_true(said.n >= 17 && said.p[said.n - 17 + 3] == NGHTTP2_GOAWAY);
		assert_int_equal(said.p[said.n - 1], NGHTTP2_ENHANCE_YOUR_CALM);
		teardown(state);
		setup(state);
	}
}

/* What a stream holds back counts against the connection, too, until it is over. */
static void test_held(void **state)
{
	static uint8_t much[H2_WINDOW_SIGNAL];

	(void)state;
	core.h2.limits.is_open = true;
	core.keeps = true;
	open_one();
	open_one();
	int32_t before = nghttp2_session_get_local_window_size(core.h2.session);
	(void)h2_send(&edge.h2, &edge.streams[0], bytes_make(much, sizeof much));
	talk();
	assert_int_equal(core.streams[0].held, sizeof much);
	assert_int_equal(nghttp2_session_get_local_window_size(core.h2.session), before - (int32_t)sizeof much);
	h2_reset(&core.h2, &core.streams[0]);
	(void)h2_send(&edge.h2, &edge.streams[1], bytes_make(much, sizeof much));
	talk();
	h2_consume(&core.h2, &core.streams[1], sizeof much);
	for (int i = 0; i < 12; i++) { /* far more than the connection's window */
		core.keeps = false;
		(void)h2_send(&edge.h2, &edge.streams[1], bytes_make(much, sizeof much));
		talk();
	}
	assert_int_equal(buf_len(&core.in[1]), 13 * sizeof much);
	core.closed[0] = edge.closed[0] = 1;
}

/* CVE-2023-44487: streams that are opened and broken off at once. */
static void test_rapid_reset(void **state)
{
	const struct meta m = meta_of("xmpp-client");
	int rc = 0;
	unsigned n = 0;

	(void)state;
	for (; n < 1000 && !rc; n++) {
		core.n = 0;
		assert_int_equal(meta_h2_open(&edge.h2, &edge.streams[0], &m), 0);
		assert_int_equal(h2_output(&edge.h2, &edge.out, OUT_MAX), 0);
		h2_reset(&edge.h2, &edge.streams[0]);
		rc = move(&edge, &core);
		core.closed[0] = 1;
		if (!rc)
			assert_int_equal(move(&core, &edge), 0);
	}
	assert_int_equal(rc, ERR_PROTOCOL);
	assert_string_equal(core.h2.why, "too many new streams");
	assert_int_equal(core.n_requests, 100); /* two seconds' worth, then no work at all */
}

/* What a core that is taken over can do to an edge: not open streams. */
static void test_pushed(void **state)
{
	static const uint8_t promise[5] = { 0, 0, 0, 2, 0x88 };

	(void)state;
	open_one();
	assert_string_equal(frames(&edge, 1, NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1, bytes_make(promise, 5)),
	                    "a frame of a kind that is not used");
}

static void test_no_http2(void **state)
{
	(void)state;
	teardown(state);
	begin_side(&edge, false);
	begin_side(&core, true);
	assert_int_equal(h2_input(&core.h2, BYTES("GET / HTTP/1.1\r\nHost: inside.example\r\n\r\n"), now), ERR_PROTOCOL);
	assert_int_equal(core.n_requests, 0);
}

/* Fields that are not as they must be: that stream is refused, the connection stays. */
static void test_bad_fields(void **state)
{
	struct meta m = meta_of("xmpp-client");

	(void)state;
	m.tls[0] = '\0';
	assert_int_equal(meta_h2_open(&edge.h2, &edge.streams[edge.n++], &m), 0);
	talk();
	assert_int_equal(edge.closed[0], ERR_AGAIN);
	assert_int_equal(core.n_requests, 0);
	open_one();
	assert_int_equal(core.n_requests, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back), TEST(test_broken_off),  TEST(test_refused), TEST(test_only_so_many),
		TEST(test_windows),        TEST(test_source_that_does_not_stop), TEST(test_much),   TEST(test_ping),
		TEST(test_dead),           TEST(test_silent),
		          TEST(test_drain),       TEST(test_floods),  TEST(test_rapid_reset),
		TEST(test_pushed),         TEST(test_no_http2), TEST(test_strangers), TEST(test_held), TEST(test_bad_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
