/* What a manager can read and how he is answered: the pure parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "answer.h"
#include "base/err.h"
#include "box.h"
#include "mib_tables.h"
#include "peek.h"
#include "run/prog.h"

#define N(a) (sizeof a / sizeof a[0])

/* ---- a small view: two scalars, a table of two columns and two rows; one column is of 64 bits
 * ---- */

static void put(struct view *v, enum value_type type, uint64_t number, size_t n, size_t object_n,
		const uint32_t *name)
{
	const struct value value = { .type = type, .number = number };

	view_put(v, name, n, object_n, &value);
}

static void fill(struct view *v)
{
	view_init(v);
	/* not in order */
	put(v, VALUE_GAUGE32, 22, 4, 3, (const uint32_t[]){ 1, 3, 2, 2 });
	put(v, VALUE_INTEGER, 1, 3, 2, (const uint32_t[]){ 1, 1, 0 });
	put(v, VALUE_COUNTER64, 11, 4, 3, (const uint32_t[]){ 1, 3, 1, 1 });
	put(v, VALUE_COUNTER64, 12, 4, 3, (const uint32_t[]){ 1, 3, 1, 2 });
	put(v, VALUE_INTEGER, 2, 3, 2, (const uint32_t[]){ 1, 2, 0 });
	put(v, VALUE_GAUGE32, 21, 4, 3, (const uint32_t[]){ 1, 3, 2, 1 });
	view_seal(v);
}

static void names_have_an_order(void **state)
{
	struct view v;

	(void)state;
	fill(&v);
	assert_int_equal(v.n, 6);
	assert_int_equal(view_get(&v, (const uint32_t[]){ 1, 2, 0 }, 3)->value.number, 2);
	assert_null(view_get(&v, (const uint32_t[]){ 1, 2 }, 2));
	assert_null(view_get(&v, (const uint32_t[]){ 1, 2, 0, 0 }, 4));
	assert_int_equal(view_next(&v, (const uint32_t[]){ 0 }, 1)->value.number, 1);
	assert_int_equal(view_next(&v, (const uint32_t[]){ 1, 1, 0 }, 3)->value.number, 2);
	assert_int_equal(view_next(&v, (const uint32_t[]){ 1, 1 }, 2)->value.number, 1);
	assert_int_equal(view_next(&v, (const uint32_t[]){ 1, 3, 1, 2 }, 4)->value.number, 21);
	assert_null(view_next(&v, (const uint32_t[]){ 1, 3, 2, 2 }, 4));
	assert_true(view_has_object(&v, (const uint32_t[]){ 1, 3, 2, 9 }, 4));
	assert_true(view_has_object(&v, (const uint32_t[]){ 1, 1, 1 }, 3));
	assert_false(view_has_object(&v, (const uint32_t[]){ 1, 3 }, 2));
	assert_false(view_has_object(&v, (const uint32_t[]){ 1, 4, 0 }, 3));
	view_fini(&v);
}

static void limits_of_a_view_hold(void **state)
{
	uint32_t name[VIEW_NAME_MAX + 1] = { 1 };
	struct view v;
	char text[2 * VIEW_OCTETS_MAX];

	(void)state;
	view_init(&v);
	memset(text, 'a', sizeof text);
	const struct value value = { .type = VALUE_OCTETS,
				     .octets = bytes_make(text, sizeof text) };
	view_put(&v, name, 1, 1, &value);
	assert_int_equal(v.rows[0].value.octets.n, VIEW_OCTETS_MAX);
	view_put(&v, name, VIEW_NAME_MAX + 1, 1, &value);
	assert_true(v.is_over);
	view_clear(&v);
	assert_false(v.is_over);
	const struct value small = { .type = VALUE_INTEGER };
	for (uint32_t i = 0; i <= VIEW_ROWS_MAX; i++) {
		name[1] = i;
		view_put(&v, name, 2, 1, &small);
	}
	assert_true(v.is_over);
	assert_int_equal(v.n, VIEW_ROWS_MAX);
	/* of doubles one stays */
	view_clear(&v);
	view_put(&v, name, 1, 1, &small);
	view_put(&v, name, 1, 1, &value);
	view_seal(&v);
	assert_int_equal(v.n, 1);
	view_fini(&v);
}

/* ---- RFC 3416 4.2.1 to 4.2.3 ---- */

struct asked {
	struct view v;
	struct answer a;
};

static struct asked *ask(struct asked *w, enum question_kind kind, bool is_v1,
			 const struct question_name *names, size_t n, uint32_t firsts,
			 uint32_t times, size_t room)
{
	const struct question q = { .kind = kind,
				    .is_v1 = is_v1,
				    .names = names,
				    .n_names = n,
				    .non_repeaters = firsts,
				    .max_repetitions = times,
				    .room = room };

	answer_make(&w->v, &q, &w->a);
	return w;
}

static const uint32_t name_first[] = { 1, 1, 0 }, name_none[] = { 1, 9, 0 },
		      name_no_row[] = { 1, 3, 2, 7 }, name_large[] = { 1, 3, 1, 1 },
		      name_last[] = { 1, 3, 2, 2 }, name_table[] = { 1, 3, 1 },
		      name_second[] = { 1, 2, 0 };

static void what_is_not_there_is_said(void **state)
{
	struct asked *w = *state;
	const struct question_name names[] = {
		{ name_first, 3 }, { name_none, 3 }, { name_no_row, 4 }, { name_large, 4 }
	};

	ask(w, QUESTION_GET, false, names, 4, 0, 0, 1000);
	assert_int_equal(w->a.error, ANSWER_OK);
	assert_int_equal(w->a.n, 4);
	assert_int_equal(w->a.items[0].value->number, 1);
	assert_int_equal(w->a.items[1].kind, ITEM_NO_OBJECT);
	assert_int_equal(w->a.items[2].kind, ITEM_NO_INSTANCE);
	assert_int_equal(w->a.items[3].value->number, 11);
	const struct question_name ends[] = { { name_last, 4 } };
	ask(w, QUESTION_NEXT, false, ends, 1, 0, 0, 1000);
	assert_int_equal(w->a.items[0].kind, ITEM_END_OF_VIEW);
	assert_ptr_equal(w->a.items[0].name.id, name_last);
}

/* RFC 3584 4.2.2: no 64-bit counters; an error names the first that is to blame. */
static void version_1_sees_no_large_counters(void **state)
{
	struct asked *w = *state;
	const struct question_name names[] = { { name_first, 3 }, { name_large, 4 } },
				   table[] = { { name_table, 3 } }, last[] = { { name_last, 4 } };

	ask(w, QUESTION_GET, true, names, 2, 0, 0, 1000);
	assert_int_equal(w->a.error, ANSWER_NO_SUCH_NAME);
	assert_int_equal(w->a.index, 2);
	ask(w, QUESTION_NEXT, true, table, 1, 0, 0, 1000);
	assert_int_equal(w->a.items[0].value->number, 21);
	ask(w, QUESTION_NEXT, true, last, 1, 0, 0, 1000);
	assert_int_equal(w->a.error, ANSWER_NO_SUCH_NAME);
	assert_int_equal(w->a.index, 1);
}

static void bulk_repeats_the_rest(void **state)
{
	struct asked *w = *state;
	const struct question_name names[] = { { name_first, 3 },
					       { name_second, 3 },
					       { name_large, 4 } };

	ask(w, QUESTION_BULK, false, names, 3, 1, 2, 1000);
	assert_int_equal(w->a.n, 1 + 2 * 2);
	assert_int_equal(w->a.items[0].value->number, 2);
	assert_int_equal(w->a.items[1].value->number, 11);
	assert_int_equal(w->a.items[2].value->number, 12);
	assert_int_equal(w->a.items[3].value->number, 12);
	assert_int_equal(w->a.items[4].value->number, 21);
	/* it stops when a whole line has reached the end */
	ask(w, QUESTION_BULK, false, names, 1, 0, 100, 10000);
	assert_int_equal(w->a.n, 6);
	assert_int_equal(w->a.items[5].kind, ITEM_END_OF_VIEW);
	ask(w, QUESTION_BULK, false, names, 3, 9, 9, 1000); /* more than there are */
	assert_int_equal(w->a.n, 3);
	ask(w, QUESTION_BULK, false, names, 0, 0, 10, 1000);
	assert_int_equal(w->a.n, 0);
	assert_int_equal(w->a.error, ANSWER_OK);
}

static void an_answer_keeps_to_its_room(void **state)
{
	struct asked *w = *state;
	const struct question_name names[] = { { name_first, 3 }, { name_second, 3 } };

	ask(w, QUESTION_BULK, false, names, 1, 0, UINT32_MAX, 100);
	assert_true(w->a.n > 0 && w->a.n < 5);
	ask(w, QUESTION_GET, false, names, 2, 0, 0, 50);
	assert_int_equal(w->a.error, ANSWER_TOO_BIG);
	ask(w, QUESTION_BULK, false, names, 1, 0, 1, 5);
	assert_int_equal(w->a.error, ANSWER_TOO_BIG);
	static struct question_name many[ANSWER_NAMES_MAX + 1];
	for (size_t i = 0; i < N(many); i++)
		many[i] = names[0];
	ask(w, QUESTION_GET, false, many, N(many), 0, 0, 1 << 20);
	assert_int_equal(w->a.error, ANSWER_TOO_BIG);
}

static int set_up(void **state)
{
	static struct asked w;

	fill(&w.v);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	view_fini(&((struct asked *)*state)->v);
	return 0;
}

/* ---- the first look ---- */

static void a_look_tells_the_version(void **state)
{
	static const uint8_t v2c[] = { 0x30, 0x05, 2, 1, 1, 4, 0 },
			     v4[] = { 0x30, 0x05, 2, 1, 4, 4, 0 }, cut[] = { 0x30, 0x05, 2, 1 },
			     endless[] = { 0x30, 0x80, 2, 1, 1, 0, 0 },
			     v3[] = { 0x30, 0x81, 16, 2, 1,   3, 0x30, 11, 2, 1,
				      9,    2,    2,  5, 220, 4, 1,    7,  0 },
			     v3_open[] = { 0x30, 16, 2, 1, 3,   0x30, 11, 2, 1,
					   9,    2,  2, 5, 220, 4,    1,  4, 0 };
	struct peek p;

	(void)state;
	assert_int_equal(peek_read(bytes_make(v2c, sizeof v2c), &p), 0);
	assert_int_equal(p.version, PEEK_V2C);
	assert_int_equal(peek_read(bytes_make(v3, sizeof v3), &p), 0);
	assert_int_equal(p.version, PEEK_V3);
	assert_true(p.is_authenticated);
	assert_int_equal(peek_read(bytes_make(v3_open, sizeof v3_open), &p), 0);
	assert_false(p.is_authenticated);
	assert_int_equal(peek_read(bytes_make(v4, sizeof v4), &p), ERR_SYNTAX);
	assert_int_equal(peek_read(bytes_make(cut, sizeof cut), &p), ERR_SYNTAX);
	assert_int_equal(peek_read(bytes_make(endless, sizeof endless), &p), ERR_SYNTAX);
	assert_int_equal(peek_read(BYTES_NONE, &p), ERR_SYNTAX);
	for (size_t n = 0; n < 17; n++) /* each cut of a message of version 3 */
		assert_int_equal(peek_read(bytes_make(v3, n), &p), ERR_SYNTAX);
}

/* ---- records to objects ---- */

static void record(struct mib *m, enum mib_source from, const char *const *words, size_t n)
{
	struct mib_pair pairs[MIB_PAIRS_MAX];

	for (size_t i = 0; i < n / 2; i++)
		pairs[i] = (struct mib_pair){ bytes_of(words[2 * i]), bytes_of(words[2 * i + 1]) };
	mib_record(m, from, pairs, n / 2);
}
#define RECORD(m, from, ...)                                  \
	record(m, from, (const char *const[]){ __VA_ARGS__ }, \
	       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* Below GATEHOUSE-MIB's objects. NULL: none. */
static const struct value *object(const struct view *v, const uint32_t *arcs, size_t n)
{
	uint32_t name[VIEW_NAME_MAX];

	memcpy(name, mib_root, sizeof mib_root);
	name[MIB_ROOT_N] = 1;
	memcpy(name + MIB_ROOT_N + 1, arcs, n * sizeof *arcs);
	const struct view_row *r = view_get(v, name, MIB_ROOT_N + 1 + n);
	return r ? &r->value : NULL;
}
#define OBJECT(v, ...)                               \
	object(v, (const uint32_t[]){ __VA_ARGS__ }, \
	       sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void records_become_objects(void **state)
{
	static struct mib m;
	struct view v;

	(void)state;
	view_init(&v);
	mib_begin(&m, &v, false);
	RECORD(&m, MIB_VERSION, "version", "1.2", "role", "edge", "generation", "7", "uptime_s",
	       "90", "name", "ignored");
	RECORD(&m, MIB_PROCESSES, "program", "gh-s2s", "instance", "0", "state", "waiting", "pid",
	       "77", "restarts", "3");
	RECORD(&m, MIB_PROCESSES, "program", "gh-of-tomorrow", "instance", "0", "state", "running");
	RECORD(&m, MIB_LISTENERS, "listener", "s2s", "program", "gh-s2s", "transport", "tcp",
	       "address", "::1", "port", "5269", "setting", "federation listen a");
	RECORD(&m, MIB_LISTENERS, "listener", "snmp", "program", "gh-snmp", "transport", "udp",
	       "address", "127.0.0.1", "port", "161", "setting", "snmp listen a");
	RECORD(&m, MIB_COUNTERS, "program", "gh-turn", "instance", "0", "counter",
	       "turn.allocations", "value", "5");
	RECORD(&m, MIB_COUNTERS, "program", "gh-turn", "instance", "1", "counter",
	       "turn.allocations", "value", "6");
	RECORD(&m, MIB_SIP, "type", "door", "connections", "4", "msrp-sessions", "2");
	RECORD(&m, MIB_SIP, "type", "peer", "connections", "100");
	RECORD(&m, MIB_CERTIFICATES, "name", "own", "subject", "CN=a", "issuer", "CN=b", "until",
	       "2027-01-02T03:04:05Z", "days", "-2");
	RECORD(&m, MIB_CERTIFICATES, "name", "bad", "error", "no certificate");
	mib_end(&m);
	view_seal(&v);
	assert_memory_equal(OBJECT(&v, 1, 1, 0)->octets.p, "Gatehouse", 9);
	assert_memory_equal(OBJECT(&v, 1, 2, 0)->octets.p, "1.2", 3);
	assert_int_equal(OBJECT(&v, 1, 5, 0)->number, 9000);
	assert_int_equal(OBJECT(&v, 2, 1, 1, 4, PROG_S2S + 1, 0)->number, 4); /* waiting */
	assert_int_equal(OBJECT(&v, 2, 1, 1, 6, PROG_S2S + 1, 0)->number, 3);
	assert_int_equal(OBJECT(&v, 3, 1, 1, 4, 2)->number, 1); /* udp */
	assert_int_equal(OBJECT(&v, 3, 1, 1, 6, 1)->number, 5269);
	assert_int_equal(OBJECT(&v, 6, 1, 0)->number, 11);
	assert_int_equal(OBJECT(&v, 5, 1, 0)->number, 4);
	assert_int_equal(OBJECT(&v, 5, 8, 0)->number, 2);
	assert_int_equal((int32_t)OBJECT(&v, 8, 1, 1, 5, 'o', 'w', 'n')->number, -2);
	assert_memory_equal(OBJECT(&v, 8, 1, 1, 4, 'o', 'w', 'n')->octets.p,
			    "\x07\xeb\x01\x02\x03\x04\x05\x00", 8);
	assert_null(OBJECT(&v, 8, 1, 1, 4, 'b', 'a', 'd'));
	assert_null(OBJECT(&v, 7, 1, 0)); /* gh-im did not answer */
	assert_int_equal(OBJECT(&v, 11, 1, 1, 2, PROG_TURN + 1, 1, 't', 'u', 'r', 'n', '.', 'a',
				'l', 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n', 's')
			     ->number,
			 6);
	view_fini(&v);
	free(m.partners);
	m.partners = NULL;
}

static void a_partner_is_one_row(void **state)
{
	static struct mib m;
	struct view v;
	char domain[160];

	(void)state;
	view_init(&v);
	mib_begin(&m, &v, false);
	RECORD(&m, MIB_FEDERATION, "type", "stream", "domain", "b.example", "in", "3", "out", "1");
	RECORD(&m, MIB_FEDERATION, "type", "stream", "domain", "b.example", "in", "4", "out", "2");
	RECORD(&m, MIB_FEDERATION, "type", "queue", "domain", "b.example", "queue", "9", "bounced",
	       "5");
	RECORD(&m, MIB_FEDERATION, "type", "policy", "domain", "c.example");
	RECORD(&m, MIB_FEDERATION, "type", "stream", "domain", "", "in", "1");
	for (unsigned i = 0; i < 2 * MIB_PARTNERS_MAX; i++) {
		snprintf(domain, sizeof domain, "p%u.example", i);
		RECORD(&m, MIB_FEDERATION, "type", "stream", "domain", domain, "in", "1");
	}
	memset(domain, 'a', 120);
	domain[120] = '\0';
	RECORD(&m, MIB_FEDERATION, "type", "stream", "domain", domain, "in", "1");
	mib_end(&m);
	view_seal(&v);
	assert_int_equal(
	    OBJECT(&v, 4, 10, 1, 2, 'b', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e')->number, 2);
	assert_int_equal(
	    OBJECT(&v, 4, 10, 1, 3, 'b', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e')->number, 7);
	assert_int_equal(
	    OBJECT(&v, 4, 10, 1, 5, 'b', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e')->number, 9);
	assert_int_equal(
	    OBJECT(&v, 4, 10, 1, 6, 'b', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e')->number, 5);
	assert_null(OBJECT(&v, 4, 10, 1, 2, 'c', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'));
	assert_int_equal(OBJECT(&v, 4, 1, 0)->number, MIB_PARTNERS_MAX);
	/* those of the last time stand when they are not asked for */
	view_clear(&v);
	mib_begin(&m, &v, true);
	mib_end(&m);
	view_seal(&v);
	assert_int_equal(OBJECT(&v, 4, 1, 0)->number, MIB_PARTNERS_MAX);
	assert_true(m.n_federation > 2 * MIB_PARTNERS_MAX);
	view_fini(&v);
	free(m.partners);
	m.partners = NULL;
}

static void an_alarm_is_a_row(void **state)
{
	static struct mib m;
	static const struct mib_alarm a = { .number = 12,
					    .since_ms = 1798858800700,
					    .severity = ALARM_MAJOR,
					    .instance = 1,
					    .name = "DnsUnreachable",
					    .key = "x",
					    .program = "gh-s2s",
					    .text = "why" };
	struct view v;

	(void)state;
	view_init(&v);
	mib_begin(&m, &v, false);
	mib_alarm(&m, &a);
	view_seal(&v);
	assert_memory_equal(OBJECT(&v, 9, 5, 1, 2, 12)->octets.p, "DnsUnreachable", 14);
	assert_int_equal(OBJECT(&v, 9, 5, 1, 4, 12)->number, 2);
	assert_int_equal(OBJECT(&v, 9, 5, 1, 5, 12)->octets.n, 8);
	assert_int_equal(OBJECT(&v, 9, 5, 1, 5, 12)->octets.p[7], 7);
	assert_true(OBJECT(&v, 9, 5, 1, 9, 12)->octets.n >
		    10); /* what to do, from the table of alarms */
	view_fini(&v);
}

static void times_are_read(void **state)
{
	uint8_t a[8], b[8];

	(void)state;
	assert_true(mib_time_of_text(BYTES("2026-11-24T19:00:59Z"), a));
	mib_time(1795546859000, b);
	assert_memory_equal(a, b, 8);
	assert_false(mib_time_of_text(BYTES("Nov 24 19:00:00 2026"), a));
	assert_false(mib_time_of_text(BYTES(""), a));
}

/* ---- what the kernel says ---- */

static void the_kernels_words_are_read(void **state)
{
	static const struct bytes memory = {
		(const uint8_t *)"MemTotal:       2048 kB\nMemAvailable:    1024 kB\n", 49
	};
	static const char stat[] =
	    "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 10 0 20 60 10 0 0 0 0 0\ncpu11 1 1\nintr 5\n";
	uint64_t busy, all;

	(void)state;
	assert_int_equal(box_meminfo(memory, "MemTotal"), 2048);
	assert_int_equal(box_meminfo(memory, "MemAvailable"), 1024);
	assert_int_equal(box_meminfo(memory, "SwapTotal"), 0);
	assert_true(box_stat(BYTES(stat), 0, &busy, &all));
	assert_int_equal(busy, 30);
	assert_int_equal(all, 100);
	assert_false(box_stat(BYTES(stat), 1, &busy, &all));
	assert_false(box_stat(BYTES(stat), 11, &busy, &all)); /* too short */
	assert_false(box_stat(BYTES_NONE, 0, &busy, &all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_an_order),
		cmocka_unit_test(limits_of_a_view_hold),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(version_1_sees_no_large_counters, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(bulk_repeats_the_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_answer_keeps_to_its_room, set_up, tear_down),
		cmocka_unit_test(a_look_tells_the_version),
		cmocka_unit_test(records_become_objects),
		cmocka_unit_test(a_partner_is_one_row),
		cmocka_unit_test(an_alarm_is_a_row),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(the_kernels_words_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
