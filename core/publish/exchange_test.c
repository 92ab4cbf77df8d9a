#include "exchange.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* Requests of the front and answers of a service: the real engine, HTTP and rules, over pairs of sockets whose other ends the test has. The
 * connections to the service are the test's, in place of target.c. */

enum { ROOM = 64 << 10, BODY_MAX = 1000, TIMEOUT_MS = 5000, FRONTS_MAX = 80 };

static struct loop *loop;
static struct publish p;
static struct target target;
static int front = -1, service = -1; /* our ends: of the pair, of the connection to the service */
static struct {
	unsigned n, n_left, n_kept;
	bool is_fresh, is_slow, is_used; /* of the last; is_slow: it gets ready later; is_used: it has answered before */
	int rc;
	struct outlet *outlet;
} takes;

/* ---- in place of target.c ---- */

static void on_data(void *arg, struct bytes in)
{
	struct outlet *o = arg;

	if (o->exchange)
		exchange_answered(o->exchange, in);
}

static void on_drained(void *arg)
{
	struct outlet *o = arg;

	if (o->exchange)
		exchange_drained(o->exchange);
}

static void on_closed(void *arg, int why)
{
	struct outlet *o = arg;

	if (o->exchange && !o->is_gone)
		exchange_ended(o->exchange, why);
}

static const struct link_owner owner = { .data = on_data, .drained = on_drained, .closed = on_closed };
static const struct http1_limits answer_limits = { .line_bytes = 8 << 10, .head_bytes = 32 << 10, .fields = HTTP1_FIELDS_MAX, .body_bytes = INT64_MAX };

struct target *target_of(struct publish *publish, struct bytes key)
{
	assert_ptr_equal(publish, &p);
	return bytes_eq_str(key, "w") ? &target : NULL;
}

int outlet_take(struct target *t, struct exchange *x, bool is_fresh, struct outlet **out)
{
	struct outlet *o;
	int fds[2];

	takes.n++;
	takes.is_fresh = is_fresh;
	if (takes.rc)
		return takes.rc;
	o = calloc(1, sizeof *o);
	assert_non_null(o);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(link_accept(&o->link, loop, fds[0], &owner, o, BODY_QUEUE_MAX), 0);
	if (service >= 0)
		(void)close(service);
	service = fds[1];
	http1_reader_init_responses(&o->reader, &answer_limits);
	o->target = t;
	o->exchange = x;
	o->is_ready = !takes.is_slow;
	o->is_used = takes.is_used && !is_fresh;
	list_add_tail(&p.gone_outlets, &o->node); /* all go at the end of the test */
	takes.outlet = *out = o;
	return 0;
}

void outlet_leave(struct outlet *o, bool may_keep)
{
	takes.n_left++;
	takes.n_kept += may_keep;
	o->exchange = NULL;
	o->is_gone = true;
	link_close(&o->link);
}

/* ---- the world ---- */

static void sweep(void *arg)
{
	exchange_sweep(arg);
}

static void turn(uint64_t ms)
{
	for (int i = 0; i < 20; i++)
		loop_fake_advance(loop, 0);
	loop_fake_advance(loop, ms);
}

static void publish_rule(const char *url, const char *methods)
{
	const struct allow_words w = { .name = BYTES("r"), .url = bytes_of(url), .methods = bytes_of(methods), .match = BYTES("prefix") };
	const char *why = "";

	assert_int_equal(allow_add_rule(&p.list, &w, &why), 0);
}

/* A pair of the front for a client at 192.0.2.`last`; the front's end. */
static int open_pair(unsigned last, const char *edge)
{
	const uint8_t address[] = { 192, 0, 2, (uint8_t)last };
	struct buf b;
	int fds[2];

	buf_init(&b, 4096);
	wire_put_bytes(&b, bytes_make(address, sizeof address));
	wire_put_u16(&b, 7);
	wire_put_str(&b, BYTES("TLSv1.3"));
	for (int i = 0; i < 3; i++)
		wire_put_bytes(&b, BYTES_NONE);
	wire_put_str(&b, BYTES("wiki.example"));
	wire_put_str(&b, BYTES("https"));
	wire_put_str(&b, bytes_of(edge));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	const struct frame f = { .body = buf_bytes(&b), .fd = fds[1] };
	assert_int_equal(exchange_on_stream(&p, NULL, &f), 0);
	buf_fini(&b);
	return fds[0];
}

static int setup(void **state)
{
	(void)state;
	loop = loop_new(LOOP_FAKE);
	p = (struct publish){ .loop = loop };
	list_init(&p.exchanges);
	list_init(&p.idle);
	list_init(&p.gone);
	list_init(&p.gone_outlets);
	address_table_init(&p.addresses);
	loop_defer_init(&p.sweep, sweep, &p);
	pacer_init(&p.pacer, loop, 0);
	allow_init(&p.list);
	assert_int_equal(allow_add_site(&p.list, BYTES("w"), BYTES("wiki.example"), BYTES_NONE), 0);
	assert_int_equal(allow_add_site(&p.list, BYTES("x"), BYTES("nowhere.example"), BYTES_NONE), 0);
	publish_rule("https://wiki.example/wiki", "GET,HEAD,POST");
	publish_rule("https://nowhere.example/", "GET");
	target = (struct target){ .publish = &p, .conf = { .key = "w", .body_max = BODY_MAX, .timeout_ms = TIMEOUT_MS } };
	memset(&takes, 0, sizeof takes);
	front = open_pair(7, "");
	return 0;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int teardown(void **state)
{
	(void)state;
	exchange_drop_all(&p);
	LIST_EACH (it, &p.gone_outlets) {
		struct outlet *o = LIST_OWNER(it, struct outlet, node);
		link_close(&o->link);
	}
	turn(60000); /* what closes has closed */
	LIST_EACH (it, &p.gone_outlets) {
		struct outlet *o = LIST_OWNER(it, struct outlet, node);
		list_del(it);
		http1_reader_fini(&o->reader);
		free(o);
	}
	drop(&front);
	drop(&service);
	assert_int_equal(p.n_exchanges, 0);
	assert_int_equal(p.n_idle, 0);
	address_table_fini(&p.addresses);
	allow_fini(&p.list);
	pacer_fini(&p.pacer);
	loop_free(loop);
	return 0;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn(0);
}

/* All that is there; *is_over: and then the end. */
static const char *hear(int fd, bool *is_over)
{
	static char got[ROOM];
	size_t n = 0;
	ssize_t more;

	turn(0);
	while ((more = recv(fd, got + n, sizeof got - 1 - n, 0)) > 0)
		n += (size_t)more;
	assert_true(more == 0 || errno == EAGAIN || errno == ECONNRESET);
	if (is_over)
		*is_over = more == 0 || errno == ECONNRESET;
	got[n] = '\0';
	return got;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not in it: %s\n%s", part, text);
}

static void assert_status(int fd, int status, bool wants_end)
{
	char line[32];
	bool is_over;

	snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
	const char *got = hear(fd, &is_over);
	if (strncmp(got, line, strlen(line)) != 0)
		fail_msg("not %d: %s", status, got);
	assert_int_equal(is_over, wants_end);
}

#define ASK "GET /wiki/a HTTP/1.1\r\nHost: wiki.example\r\n\r\n"
#define POST(length, body) "POST /wiki/a HTTP/1.1\r\nHost: wiki.example\r\nContent-Length: " length "\r\n\r\n" body

/* ---- in order ---- */

/* One pair, two requests; between them it counts nowhere and the connection to the service is given back. */
static void test_two_requests(void **state)
{
	bool is_over;

	(void)state;
	for (unsigned i = 1; i <= 2; i++) {
		say(front, ASK);
		const char *got = hear(service, &is_over);
		assert_int_equal(strncmp(got, "GET /wiki/a HTTP/1.1\r\n", 22), 0);
		assert_has(got, "192.0.2.7");
		assert_false(is_over);
		assert_false(takes.is_fresh);
		assert_int_equal(p.n_exchanges, 1);
		say(service, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
		say(service, "lo");
		got = hear(front, &is_over);
		assert_int_equal(strncmp(got, "HTTP/1.1 200 ", 13), 0);
		assert_has(got, "hello");
		assert_null(strstr(got, "103"));
		assert_false(is_over);
		assert_int_equal(takes.n, i);
		assert_int_equal(takes.n_kept, i);
		assert_int_equal(p.n_exchanges, 0);
		assert_int_equal(p.n_idle, 1);
	}
	assert_int_equal(target.requests, 2);
	assert_int_equal(p.stats[STAT_REQUESTS], 2);
	turn(31000); /* and when nothing more comes, that is the end */
	(void)hear(front, &is_over);
	assert_true(is_over);
	assert_int_equal(p.n_idle, 0);
}

static void test_body(void **state)
{
	(void)state;
	say(front, POST("10", "01234"));
	assert_true(takes.is_fresh); /* a body cannot be said twice */
	assert_has(hear(front, NULL), "HTTP/1.1 100 ");
	say(front, "56789");
	assert_has(hear(service, NULL), "\r\n\r\n0123456789");
	say(service, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	assert_status(front, 201, false);
	assert_int_equal(p.stats[STAT_BYTES_IN], 10);
	assert_int_equal(p.n_idle, 1);
}

static void test_connection_that_takes_time(void **state)
{
	(void)state;
	takes.is_slow = true;
	say(front, ASK);
	turn(9000);
	assert_string_equal(hear(service, NULL), "");
	takes.outlet->is_ready = true;
	exchange_ready(takes.outlet->exchange);
	assert_has(hear(service, NULL), "GET /wiki/a ");
	say(service, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_status(front, 204, false);
}

/* HTTP/1.0 ends its answer with the connection. */
static void test_answer_that_ends_with_the_connection(void **state)
{
	(void)state;
	say(front, ASK);
	(void)hear(service, NULL); /* what is closed with bytes unread is reset */
	say(service, "HTTP/1.0 200 OK\r\n\r\nall of it");
	drop(&service);
	const char *got = hear(front, NULL);
	assert_has(got, "all of it");
	assert_int_equal(takes.n_left, 1);
	assert_int_equal(takes.n_kept, 0);
	assert_int_equal(p.stats[STAT_BROKEN], 0);
}

/* The service has enough before all was said: what still comes is not another request. */
static void test_early_answer(void **state)
{
	bool is_over;

	(void)state;
	say(front, POST("10", "0"));
	(void)hear(front, NULL);
	say(service, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
	const char *got = hear(front, &is_over);
	assert_has(got, "403");
	assert_has(got, "Connection: close");
	assert_true(is_over);
	assert_int_equal(takes.n_kept, 0);
}

/* ---- refused before the service hears of it ---- */

static void test_refusals(void **state)
{
	static const struct {
		const char *ask;
		int status;
	} rows[] = {
		{ "GET /other HTTP/1.1\r\nHost: wiki.example\r\n\r\n", 403 },
		{ "GET /wiki/a HTTP/1.1\r\nHost: other.example\r\n\r\n", 403 },
		{ "GET /wiki/a HTTP/1.1\r\nHost: wiki.example:8443\r\n\r\n", 403 },
		{ "DELETE /wiki/a HTTP/1.1\r\nHost: wiki.example\r\n\r\n", 405 },
		{ "GET /wiki/../a HTTP/1.1\r\nHost: wiki.example\r\n\r\n", 400 },
		{ "GET /wiki/%2e%2e/a HTTP/1.1\r\nHost: wiki.example\r\n\r\n", 400 },
		{ "GET //wiki/a HTTP/1.1\r\nHost: wiki.example\r\n\r\n", 400 },
		{ "GET https://wiki.example/wiki/a HTTP/1.1\r\nHost: wiki.example\r\n\r\n", 400 },
		{ "GET /wiki/a HTTP/1.1\r\nHost: wiki.example\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", 400 },
		{ "GET /wiki/a HTTP/1.1\r\nHost: wiki.example\r\nHost: wiki.example\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: nowhere.example\r\n\r\n", 503 }, /* no target has this key */
		{ POST("1001", ""), 413 },
		{ "POST /wiki/a HTTP/1.1\r\nHost: wiki.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ "hello\r\n\r\n", 400 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		drop(&front);
		turn(0);
		front = open_pair(7, "");
		say(front, rows[i].ask);
		assert_status(front, rows[i].status, true);
	}
	assert_int_equal(takes.n, 0);
	assert_true(p.stats[STAT_REFUSED] + p.stats[STAT_MALFORMED] == sizeof rows / sizeof rows[0]);
}

static void test_body_that_grows(void **state)
{
	char chunk[BODY_MAX + 2];

	(void)state;
	memset(chunk, 'x', BODY_MAX + 1);
	chunk[BODY_MAX + 1] = '\0';
	say(front, "POST /wiki/a HTTP/1.1\r\nHost: wiki.example\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
	assert_has(hear(front, NULL), "HTTP/1.1 100 ");
	say(front, chunk);
	assert_status(front, 413, true);
	assert_int_equal(takes.n_left, 1);
	assert_int_equal(takes.n_kept, 0);
}

static void test_second_request_too_early(void **state)
{
	bool is_over;

	(void)state;
	say(front, ASK ASK);
	(void)hear(front, &is_over);
	assert_true(is_over);
	assert_int_equal(p.n_exchanges, 0);
}

/* ---- services that fail ---- */

static void test_unreachable(void **state)
{
	(void)state;
	takes.is_slow = true;
	say(front, ASK);
	exchange_failed(takes.outlet->exchange, 502, "the service cannot be reached");
	assert_status(front, 502, true);
	assert_int_equal(target.errors, 1);
	assert_int_equal(p.stats[STAT_FAILED], 1);
}

static void test_full(void **state)
{
	(void)state;
	takes.rc = ERR_FULL;
	say(front, ASK);
	assert_has(hear(front, NULL), "Retry-After: 30");
	assert_int_equal(p.stats[STAT_TOO_MANY], 1);
}

static void test_silent(void **state)
{
	bool is_over;

	(void)state;
	say(front, ASK);
	turn(TIMEOUT_MS - 1000);
	assert_string_equal(hear(front, NULL), "");
	turn(2000);
	turn(TIMEOUT_MS); /* since the request went: the first look saw it go */
	assert_status(front, 504, true);
	assert_int_equal(p.stats[STAT_TIMEOUT], 1);
	drop(&front);
	turn(0);
	front = open_pair(7, "");
	say(front, ASK); /* within its answer: the client sees that it is not whole */
	say(service, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	turn(TIMEOUT_MS + 1000);
	turn(TIMEOUT_MS + 1000);
	assert_has(hear(front, &is_over), "hel");
	assert_true(is_over);
	assert_int_equal(p.stats[STAT_BROKEN], 1);
}

static void test_malformed_answers(void **state)
{
	static const char *const answers[] = {
		"hello\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\nb\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		drop(&front);
		turn(0);
		front = open_pair(7, "");
		say(front, ASK);
		say(service, answers[i]);
		assert_status(front, 502, true);
	}
	assert_int_equal(takes.n_kept, 0);
	assert_int_equal(target.errors, sizeof answers / sizeof answers[0]);
}

static void test_broken_off(void **state)
{
	bool is_over;

	(void)state;
	say(front, ASK);
	drop(&service);
	assert_status(front, 502, true);
	drop(&front);
	turn(0);
	front = open_pair(7, "");
	say(front, ASK);
	say(service, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	drop(&service);
	assert_has(hear(front, &is_over), "hel");
	assert_true(is_over);
}

/* A connection that was idle may be closed just when it is used: asked again by a fresh one, once, and never with a body. */
static void test_asked_again(void **state)
{
	(void)state;
	takes.is_used = true;
	say(front, ASK);
	assert_false(takes.is_fresh);
	drop(&service);
	turn(0);
	assert_int_equal(takes.n, 2);
	assert_true(takes.is_fresh);
	assert_has(hear(service, NULL), "GET /wiki/a ");
	drop(&service);
	assert_status(front, 502, true);
	assert_int_equal(takes.n, 2);
	drop(&front);
	turn(0);
	front = open_pair(7, "");
	say(front, POST("1", "x"));
	assert_int_equal(takes.n, 3);
	drop(&service);
	turn(0);
	assert_int_equal(takes.n, 3);
	assert_has(hear(front, NULL), "502");
}

/* ---- clients ---- */

static void test_client_leaves(void **state)
{
	(void)state;
	say(front, ASK);
	drop(&front);
	turn(0);
	assert_int_equal(p.n_exchanges, 0);
	assert_int_equal(takes.n_left, 1);
	assert_int_equal(takes.n_kept, 0);
	assert_int_equal(p.stats[STAT_BROKEN], 1);
}

static void test_head_that_never_ends(void **state)
{
	bool is_over;

	(void)state;
	say(front, "GET /wiki/a HTTP/1.1\r\nHost: wi");
	turn(9000);
	(void)hear(front, &is_over);
	assert_false(is_over);
	turn(2000);
	(void)hear(front, &is_over);
	assert_true(is_over);
}

static void test_so_many_of_one_address(void **state)
{
	int fronts[FRONTS_MAX];
	bool is_over;

	(void)state;
	for (int i = 1; i < EXCHANGES_ADDRESS_MAX; i++)
		fronts[i] = open_pair(7, "");
	assert_int_equal(p.n_exchanges, EXCHANGES_ADDRESS_MAX);
	int more = open_pair(7, ""), other = open_pair(8, "");
	(void)hear(more, &is_over);
	assert_true(is_over);
	(void)hear(other, &is_over);
	assert_false(is_over);
	assert_int_equal(p.stats[STAT_TOO_MANY], 1);
	(void)close(more);
	(void)close(other);
	for (int i = 1; i < EXCHANGES_ADDRESS_MAX; i++)
		(void)close(fronts[i]);
	turn(0);
	assert_int_equal(p.n_exchanges, 1);
}

/* An edge that is taken over can say any address, and leaves a quarter of all to others. */
static void test_so_many_of_edges(void **state)
{
	enum { MOST = EXCHANGES_MAX - EXCHANGES_MAX / 4 };
	static int fronts[MOST];
	bool is_over;

	(void)state;
	drop(&front);
	turn(0);
	for (unsigned i = 0; i < MOST; i++)
		fronts[i] = open_pair(i % 256, "one");
	int more = open_pair(3, "one"), ours = open_pair(3, "");
	(void)hear(more, &is_over);
	assert_true(is_over);
	(void)hear(ours, &is_over);
	assert_false(is_over);
	(void)close(more);
	(void)close(ours);
	for (unsigned i = 0; i < MOST; i++)
		(void)close(fronts[i]);
	turn(0);
	assert_int_equal(p.n_exchanges, 0);
}

static void test_what_is_no_client(void **state)
{
	const struct frame bad = { .body = BYTES("hello"), .fd = -1 };

	(void)state;
	assert_int_equal(exchange_on_stream(&p, NULL, &bad), ERR_SYNTAX);
	assert_int_equal(p.n_exchanges, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_requests), TEST(test_body), TEST(test_connection_that_takes_time), TEST(test_answer_that_ends_with_the_connection),
		TEST(test_early_answer), TEST(test_refusals), TEST(test_body_that_grows), TEST(test_second_request_too_early),
		TEST(test_unreachable), TEST(test_full), TEST(test_silent), TEST(test_malformed_answers), TEST(test_broken_off),
		TEST(test_asked_again), TEST(test_client_leaves), TEST(test_head_that_never_ends), TEST(test_so_many_of_one_address),
		TEST(test_so_many_of_edges), TEST(test_what_is_no_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
