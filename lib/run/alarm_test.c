#include "run/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"

struct heard {
	struct buf last; /* of the last news, as on the bus */
	unsigned n, n_raised;
};

static void hear(void *arg, const struct alarm_news *n)
{
	struct heard *h = arg;

	buf_clear(&h->last);
	alarm_put(&h->last, n);
	h->n++;
	h->n_raised += n->is_raised;
}

static struct alarm_news last(struct heard *h)
{
	struct alarm_news n;

	assert_int_equal(alarm_decode(buf_bytes(&h->last), &n), 0);
	return n;
}

static void open_ear(struct heard *h)
{
	*h = (struct heard){ 0 };
	buf_init(&h->last, 4096);
	alarm_set_sink(hear, h);
}

static void close_ear(struct heard *h)
{
	for (unsigned a = 0; a < ALARM_COUNT; a++)
		alarm_clear_all((enum alarm)a);
	alarm_set_sink(NULL, NULL);
	buf_fini(&h->last);
}

static void only_news_is_sent(void **state)
{
	struct heard h;

	(void)state;
	open_ear(&h);
	alarm_raise(ALARM_PARTNER_UNREACHABLE, "b.example", ALARM_USUAL, "no address answers");
	alarm_raise(ALARM_PARTNER_UNREACHABLE, "b.example", ALARM_USUAL, "no address answers");
	assert_int_equal(h.n, 1);
	assert_int_equal(last(&h).severity, ALARM_MINOR);
	assert_true(bytes_eq_str(last(&h).key, "b.example"));
	alarm_raise(ALARM_PARTNER_UNREACHABLE, "b.example", ALARM_MAJOR, "no address answers");
	assert_int_equal(h.n, 2);
	assert_int_equal(last(&h).severity, ALARM_MAJOR);
	alarm_raise(ALARM_PARTNER_UNREACHABLE, "c.example", ALARM_USUAL, NULL);
	assert_true(bytes_eq_str(last(&h).text, alarm_row(ALARM_PARTNER_UNREACHABLE)->text));
	alarm_clear(ALARM_PARTNER_UNREACHABLE, "b.example");
	alarm_clear(ALARM_PARTNER_UNREACHABLE, "b.example");
	assert_int_equal(h.n, 4);
	assert_false(last(&h).is_raised);
	close_ear(&h);
}

static void what_stands_is_said_to_who_comes(void **state)
{
	struct heard h;

	(void)state;
	alarm_raise(ALARM_DNS_UNREACHABLE, "", ALARM_USUAL, "");
	alarm_raise(ALARM_QUEUE_FULL, "b.example", ALARM_USUAL, "");
	alarm_raise(ALARM_QUEUE_FULL, "c.example", ALARM_USUAL, "");
	alarm_clear(ALARM_QUEUE_FULL, "b.example");
	open_ear(&h);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.n_raised, 2);
	close_ear(&h);
}

static void the_table_is_bounded(void **state)
{
	struct heard h;
	char key[16];

	(void)state;
	open_ear(&h);
	for (unsigned i = 0; i < ALARM_STANDING_MAX + 10; i++) {
		(void)snprintf(key, sizeof key, "%u", i);
		alarm_raise(ALARM_QUEUE_FULL, key, ALARM_USUAL, "");
	}
	assert_int_equal(h.n, ALARM_STANDING_MAX);
	alarm_clear(ALARM_QUEUE_FULL, "0");
	alarm_raise(ALARM_QUEUE_FULL, "again", ALARM_USUAL, "");
	assert_int_equal(h.n, ALARM_STANDING_MAX + 2);
	close_ear(&h);
}

/* Keys come from outside: whatever is in them, gh-log takes the frame. */
static void keys_are_one_line_of_text(void **state)
{
	char long_key[600];
	struct heard h;

	(void)state;
	open_ear(&h);
	alarm_raise(ALARM_QUEUE_FULL, "a\nb\x01\x7f", ALARM_USUAL, "x\r\ny");
	assert_true(bytes_eq_str(last(&h).key, "a?b??"));
	assert_true(bytes_eq_str(last(&h).text, "x??y"));
	alarm_clear(ALARM_QUEUE_FULL, "a\nb\x01\x7f");
	assert_int_equal(h.n, 2);
	alarm_raise(ALARM_QUEUE_FULL, "bad \xff\xfe bytes", ALARM_USUAL, "");
	assert_true(bytes_eq_str(last(&h).key, "bad ?? bytes"));
	memset(long_key, 'k', sizeof long_key);
	memcpy(long_key + ALARM_KEY_MAX - 1, "\xc3\xa4", 2);
	long_key[sizeof long_key - 1] = '\0';
	alarm_raise(ALARM_QUEUE_FULL, long_key, ALARM_USUAL, "");
	assert_int_equal(last(&h).key.n, ALARM_KEY_MAX - 1); /* not half a character */
	close_ear(&h);
}

static void no_honest_program_sends(void **state)
{
	struct alarm_news n = { ALARM_QUEUE_FULL, true, ALARM_MINOR, BYTES("k"), BYTES("t") }, out;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	alarm_put(&b, &n);
	assert_int_equal(alarm_decode(buf_bytes(&b), &out), 0);
	for (size_t cut = 0; cut < buf_len(&b); cut++)
		assert_int_equal(alarm_decode(bytes_make(b.p, cut), &out), ERR_PROTOCOL);
	buf_put_u8(&b, 0);
	assert_int_equal(alarm_decode(buf_bytes(&b), &out), ERR_PROTOCOL);
	static const struct alarm_news bad[] = {
		{ ALARM_QUEUE_FULL, true, ALARM_SEVERITY_COUNT, { 0 }, { 0 } },
		{ ALARM_QUEUE_FULL, true, ALARM_MINOR, { (const uint8_t *)"a\nb", 3 }, { 0 } },
		{ ALARM_QUEUE_FULL, true, ALARM_MINOR, { 0 }, { (const uint8_t *)"\xff", 1 } },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		buf_clear(&b);
		alarm_put(&b, &bad[i]);
		assert_int_equal(alarm_decode(buf_bytes(&b), &out), ERR_PROTOCOL);
	}
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_news_is_sent),	      cmocka_unit_test(what_stands_is_said_to_who_comes),
		cmocka_unit_test(the_table_is_bounded),	      cmocka_unit_test(keys_are_one_line_of_text),
		cmocka_unit_test(no_honest_program_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
