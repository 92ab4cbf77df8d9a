#include "route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SETTINGS                                                                                   \
	"federation mode = allow-list\n"                                                           \
	"domain a.example certificate = a\n"                                                       \
	"domain chat.a.example certificate = a\n"                                                  \
	"federation peer b.example action = allow\n"                                               \
	"federation peer *.c.example action = allow\n"                                             \
	"federation peer bad.c.example action = deny\n"                                            \
	"federation peer slow.example rate = 2\n"

static const struct route_case {
	enum route_side side;
	const char *from, *to;
	uint8_t hops;
	enum route_verdict verdict;
	const char *why;
} cases[] = {
	/* outward */
	{ ROUTE_FROM_IM, "u@a.example/r", "v@b.example", 0, ROUTE_PASS, "pass" },
	{ ROUTE_FROM_IM, "a.example", "b.example", 0, ROUTE_PASS, "pass" },
	{ ROUTE_FROM_IM, "room@chat.a.example/n", "v@x.c.example/q", 0, ROUTE_PASS, "pass" },
	{ ROUTE_FROM_IM, "u@a.example/r", "v@bad.c.example", 0, ROUTE_DENIED, "row-denies" },
	{ ROUTE_FROM_IM, "u@a.example/r", "v@d.example", 0, ROUTE_DENIED, "no-row" },
	{ ROUTE_FROM_IM, "u@a.example/r", "w@a.example", 0, ROUTE_LOOP, "loop" },
	{ ROUTE_FROM_IM, "u@a.example/r", "w@chat.a.example", 0, ROUTE_LOOP, "loop" },
	{ ROUTE_FROM_IM, "u@b.example/r", "v@b.example", 0, ROUTE_FORGED, "forged" },
	{ ROUTE_FROM_IM, "u@a.example/r", "v@b.example", ENVELOPE_HOPS_MAX, ROUTE_HOPS, "hop-limit" },
	{ ROUTE_FROM_IM, "u@a.example/r", "v@b.example", ENVELOPE_HOPS_MAX - 1, ROUTE_PASS, "pass" },
	{ ROUTE_FROM_IM, "u@a.example/r", "", 0, ROUTE_NOT_HOSTED, "not-hosted" },
	/* inward */
	{ ROUTE_FROM_S2S, "v@b.example/q", "u@a.example", 0, ROUTE_PASS, "pass" },
	{ ROUTE_FROM_S2S, "v@x.c.example", "room@chat.a.example", 0, ROUTE_PASS, "pass" },
	{ ROUTE_FROM_S2S, "v@bad.c.example", "u@a.example", 0, ROUTE_DENIED, "row-denies" },
	{ ROUTE_FROM_S2S, "v@d.example", "u@a.example", 0, ROUTE_DENIED, "no-row" },
	{ ROUTE_FROM_S2S, "v@b.example", "u@other.a.example", 0, ROUTE_NOT_HOSTED, "not-hosted" },
	{ ROUTE_FROM_S2S, "v@b.example", "v@x.c.example", 0, ROUTE_NOT_HOSTED, "not-hosted" },
	{ ROUTE_FROM_S2S, "w@a.example", "u@a.example", 0, ROUTE_FORGED, "forged" },
	{ ROUTE_FROM_S2S, "v@b.example", "u@a.example", 255, ROUTE_HOPS, "hop-limit" },
	{ ROUTE_FROM_S2S, "", "u@a.example", 0, ROUTE_NOT_HOSTED, "not-hosted" },
};

static struct settings *read_text(const char *text)
{
	struct settings *s;
	unsigned line;

	assert_int_equal(settings_parse(bytes_of(text), &s, &line), 0);
	return s;
}

static struct envelope envelope_of(const char *from, const char *to, uint8_t hops)
{
	return (struct envelope){ .kind = STANZA_MESSAGE, .type = TYPE_CHAT, .hops = hops,
				  .from = bytes_of(from), .to = bytes_of(to) };
}

static void verdict_table(void **state)
{
	struct settings *s = read_text(SETTINGS);
	struct route r = { .settings = NULL };
	struct route_answer a;

	(void)state;
	assert_int_equal(route_read(&r, s), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct route_case *c = &cases[i];
		struct envelope e = envelope_of(c->from, c->to, c->hops);
		route_judge(&r, c->side, &e, 1000, &a);
		if (a.verdict != c->verdict)
			print_error("case %zu: %s to %s\n", i, c->from, c->to);
		assert_int_equal(a.verdict, c->verdict);
		assert_string_equal(a.why, c->why);
	}
	route_fini(&r);
	settings_free(s);
}

/* Nothing is routed before settings have come. */
static void empty_refuses(void **state)
{
	struct route r = { .settings = NULL };
	struct route_answer a;
	struct envelope e = envelope_of("u@a.example", "v@b.example", 0);

	(void)state;
	route_judge(&r, ROUTE_FROM_IM, &e, 0, &a);
	assert_int_equal(a.verdict, ROUTE_NOT_HOSTED);
	route_judge(&r, ROUTE_FROM_S2S, &e, 0, &a);
	assert_int_equal(a.verdict, ROUTE_NOT_HOSTED);
}

static void rate_of_one_peer(void **state)
{
	struct settings *s = read_text(SETTINGS);
	struct route r = { .settings = NULL };
	struct route_answer a;
	struct envelope slow = envelope_of("v@slow.example", "u@a.example", 0);
	struct envelope other = envelope_of("v@b.example", "u@a.example", 0);
	struct envelope out = envelope_of("u@a.example", "v@slow.example", 0);

	(void)state;
	assert_int_equal(route_read(&r, s), 0);
	for (int i = 0; i < 2; i++) {
		route_judge(&r, ROUTE_FROM_S2S, &slow, 1000, &a);
		assert_int_equal(a.verdict, ROUTE_PASS);
	}
	route_judge(&r, ROUTE_FROM_S2S, &slow, 1000, &a);
	assert_int_equal(a.verdict, ROUTE_RATE);
	/* others, and what we send, do not pay for it */
	route_judge(&r, ROUTE_FROM_S2S, &other, 1000, &a);
	assert_int_equal(a.verdict, ROUTE_PASS);
	route_judge(&r, ROUTE_FROM_IM, &out, 1000, &a);
	assert_int_equal(a.verdict, ROUTE_PASS);
	/* tokens come back */
	route_judge(&r, ROUTE_FROM_S2S, &slow, 1500, &a);
	assert_int_equal(a.verdict, ROUTE_PASS);
	route_judge(&r, ROUTE_FROM_S2S, &slow, 1500, &a);
	assert_int_equal(a.verdict, ROUTE_RATE);
	route_fini(&r);
	settings_free(s);
}

/* Many peers with a rate: the table stays bounded, and full buckets make room. */
static void buckets_are_bounded(void **state)
{
	struct settings *s = read_text("federation mode = open\ndomain a.example certificate = a\n"
				       "federation peer * rate = 1\n");
	struct route r = { .settings = NULL };
	struct route_answer a;
	char name[64];

	(void)state;
	assert_int_equal(route_read(&r, s), 0);
	for (int i = 0; i < ROUTE_BUCKETS_MAX + 10; i++) {
		(void)snprintf(name, sizeof name, "v@peer%d.example", i);
		struct envelope e = envelope_of(name, "u@a.example", 0);
		route_judge(&r, ROUTE_FROM_S2S, &e, 1000, &a);
		assert_int_equal(a.verdict, i < ROUTE_BUCKETS_MAX ? ROUTE_PASS : ROUTE_RATE);
	}
	assert_int_equal(r.buckets.count, ROUTE_BUCKETS_MAX);
	struct envelope late = envelope_of("v@late.example", "u@a.example", 0);
	route_judge(&r, ROUTE_FROM_S2S, &late, 5000, &a);
	assert_int_equal(a.verdict, ROUTE_PASS);
	assert_true(r.buckets.count <= ROUTE_BUCKETS_MAX);
	route_fini(&r);
	settings_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdict_table),
		cmocka_unit_test(empty_refuses),
		cmocka_unit_test(rate_of_one_peer),
		cmocka_unit_test(buckets_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
