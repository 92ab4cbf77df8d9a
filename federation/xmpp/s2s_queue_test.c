/* Bounds of the out queue, pauses between attempts, and the table of what is on its way. */
#include "flight.h"
#include "peer.h"
#include "sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

static const struct s2s_conf conf = {
	.queue_stanzas = 3, .queue_bytes = 4096, .queue_age_ms = 1000, .backoff_min_ms = 2000, .backoff_max_ms = 9000,
};

static struct envelope envelope(uint64_t id, struct bytes stanza)
{
	return (struct envelope){ .id = id, .door = DOOR_CORE, .kind = STANZA_MESSAGE, .type = TYPE_CHAT,
		                  .from = BYTES("a@x.example"), .to = BYTES("b@y.example"),
		                  .sid = BYTES("s1"), .stanza = stanza };
}

static void test_count_and_bytes(void **state)
{
	static uint8_t big[4000];
	struct queue q;
	struct envelope e = envelope(1, BYTES("<message/>"));

	(void)state;
	queue_init(&q);
	for (int i = 0; i < 3; i++)
		assert_int_equal(queue_put(&q, &conf, &e, 0), 0);
	assert_int_equal(queue_put(&q, &conf, &e, 0), ERR_FULL);
	struct queue_item *i = queue_take(&q);
	assert_true(bytes_eq(i->stanza, BYTES("<message/>")));
	assert_true(bytes_eq(i->sid, BYTES("s1")));
	e.stanza = bytes_make(big, sizeof big);
	assert_int_equal(queue_put(&q, &conf, &e, 0), ERR_FULL); /* bytes, not count */
	queue_put_back(&q, i);
	assert_int_equal(q.n, 3);
	while ((i = queue_take(&q)))
		queue_item_free(i);
	assert_int_equal(q.bytes, 0);
}

static void test_age_and_order(void **state)
{
	struct queue q;
	struct envelope e = envelope(1, BYTES("<message/>"));

	(void)state;
	queue_init(&q);
	assert_int_equal(queue_put(&q, &conf, &e, 0), 0);
	e.id = 2;
	e.kind = STANZA_IQ;
	assert_int_equal(queue_put(&q, &conf, &e, 500), 0);
	assert_null(queue_take_old(&q, &conf, 999));
	struct queue_item *i = queue_take_old(&q, &conf, 1000);
	assert_int_equal(i->id, 1);
	queue_item_free(i);
	assert_null(queue_take_old(&q, &conf, 1000));
	assert_null(queue_take_kind(&q, STANZA_MESSAGE));
	i = queue_take_kind(&q, STANZA_IQ);
	assert_int_equal(i->id, 2);
	queue_item_free(i);
	assert_null(queue_take(&q));
}

/* Pauses double, stay in their bounds with jitter, and end with success or "retry now". */
static void test_backoff(void **state)
{
	struct peer *p = peer_new(BYTES("y.example"), 0);
	struct reason why = { 0 };

	(void)state;
	reason_set(&why, RUNG_TCP, ERR_CONN_REFUSED, NULL);
	assert_int_equal(peer_attempt(p, 0), 0);
	peer_failed(p, &conf, &why, 0, 0);
	assert_int_equal(peer_attempt(p, 0), 1500);
	peer_failed(p, &conf, &why, 999, 2000);
	assert_in_range(peer_attempt(p, 2000), 3000, 5000);
	peer_failed(p, &conf, &why, 500, 10000);
	peer_failed(p, &conf, &why, 500, 10000);
	assert_in_range(peer_attempt(p, 10000), 6750, 11250); /* never beyond the most */
	peer_retry_now(p, 10000);
	assert_int_equal(peer_attempt(p, 10000), 0);
	peer_failed(p, &conf, &why, 0, 10000);
	assert_int_equal(p->backoff_ms, 2000);
	peer_free(p);
}

/* Lesson 15: attempts to one domain are rated even when each succeeds. */
static void test_attempt_rate(void **state)
{
	struct peer *p = peer_new(BYTES("y.example"), 0);
	int n = 0;

	(void)state;
	while (peer_attempt(p, 0) == 0 && n < 100)
		n++;
	assert_int_equal(n, PEER_ATTEMPTS_BURST);
	assert_in_range(peer_attempt(p, 0), 1, 1000);
	assert_int_equal(peer_attempt(p, 1001), 0);
	peer_free(p);
}

/* Lesson 15: one user of ours opens so many ways at once, and recovers; others are not touched. */
static void test_user_attempts(void **state)
{
	struct map senders = { 0 };
	struct bytes bot = BYTES("bot@x.example"), other = BYTES("u@x.example");
	uint32_t held;
	int n = 0;

	(void)state;
	while (n < 1000 && sender_take(&senders, bot, 120, 0, &held))
		n++;
	assert_int_equal(n, 120);
	assert_int_equal(held, 0); /* one line */
	assert_false(sender_take(&senders, bot, 120, 1, &held));
	assert_int_equal(held, UINT32_MAX); /* and no second one */
	assert_true(sender_take(&senders, other, 120, 1, &held));
	assert_true(sender_take(&senders, bot, 120, 600, &held)); /* two a second */
	assert_true(sender_take(&senders, bot, 0, 600, &held));
	sender_sweep(&senders, 2000);
	assert_int_equal(senders.count, 1); /* the other is as good as new */
	sender_sweep(&senders, 62000);
	assert_int_equal(senders.count, 0);
	map_fini(&senders);
}

/* Lesson 9: each cause has its stanza error. */
static void test_stanza_errors(void **state)
{
	static const struct {
		enum rung rung;
		int rc;
		enum stanza_error error;
		bool is_lasting;
	} rows[] = {
		{ RUNG_POLICY, ERR_DENIED, STANZA_FORBIDDEN, true },
		{ RUNG_DNS, ERR_DNS_NXDOMAIN, STANZA_REMOTE_SERVER_NOT_FOUND, true },
		{ RUNG_DNS, ERR_NOT_FOUND, STANZA_REMOTE_SERVER_NOT_FOUND, true },
		{ RUNG_DNS, ERR_SYNTAX, STANZA_REMOTE_SERVER_NOT_FOUND, true },
		{ RUNG_DNS, ERR_DNS_SERVFAIL, STANZA_REMOTE_SERVER_TIMEOUT, false },
		{ RUNG_DNS, ERR_DNS_TIMEOUT, STANZA_REMOTE_SERVER_TIMEOUT, false },
		{ RUNG_TCP, ERR_CONN_REFUSED, STANZA_REMOTE_SERVER_TIMEOUT, false },
		{ RUNG_TCP, ERR_TIMEOUT, STANZA_REMOTE_SERVER_TIMEOUT, false },
		{ RUNG_TLS, ERR_UNSUPPORTED, STANZA_REMOTE_SERVER_TIMEOUT, true },
		{ RUNG_CERTIFICATE, ERR_CERT_EXPIRED, STANZA_REMOTE_SERVER_TIMEOUT, true },
		{ RUNG_STREAM, ERR_NOT_FOUND, STANZA_REMOTE_SERVER_NOT_FOUND, true },
		{ RUNG_STREAM, ERR_DENIED, STANZA_REMOTE_SERVER_TIMEOUT, true },
		{ RUNG_STREAM, ERR_CONN_RESET, STANZA_REMOTE_SERVER_TIMEOUT, false },
		{ RUNG_QUEUE, ERR_TIMEOUT, STANZA_REMOTE_SERVER_TIMEOUT, false },
		{ RUNG_QUEUE, ERR_FULL, STANZA_RESOURCE_CONSTRAINT, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct reason r = { 0 };
		reason_set(&r, rows[i].rung, rows[i].rc, NULL);
		assert_int_equal(reason_stanza_error(&r), rows[i].error);
		assert_int_equal(reason_is_lasting(&r), rows[i].is_lasting);
		assert_true(reason_advice(&r)[0] != '\0');
	}
	assert_true(peer_is_single_label("system"));
	assert_false(peer_is_single_label("a.example"));
}

static struct flight *give(struct flights *f, struct list *conn, uint64_t id)
{
	struct envelope e = envelope(id, BYTES("<message/>"));
	struct flight *x = flight_new(f, &e, 7, true);

	list_add_tail(conn, &x->in_conn);
	return x;
}

/* h counts what is safe up to the first that is not. */
static void test_flights(void **state)
{
	struct flights f;
	struct list conn;
	uint32_t counting;

	(void)state;
	flights_init(&f);
	list_init(&conn);
	for (uint64_t id = 1; id <= 4; id++)
		(void)give(&f, &conn, id);
	flight_done(&f, flight_find(&f, 2));
	assert_int_equal(flight_settle(&conn, &counting), 0);
	flight_done(&f, flight_find(&f, 1));
	assert_int_equal(flight_settle(&conn, &counting), 2);
	assert_int_equal(counting, 2);
	flight_done(&f, flight_find(&f, 4));
	flight_forget_conn(&conn); /* 3 stays on its way */
	assert_true(list_is_empty(&conn));
	assert_int_equal(f.n, 1);
	assert_non_null(flight_find(&f, 3));
	flight_done(&f, flight_find(&f, 3));
	assert_int_equal(f.bytes, 0);
	flights_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count_and_bytes),
		cmocka_unit_test(test_age_and_order),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_attempt_rate),
		cmocka_unit_test(test_user_attempts),
		cmocka_unit_test(test_stanza_errors),
		cmocka_unit_test(test_flights),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
