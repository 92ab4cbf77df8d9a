#include "ferry_ways.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *const both[] = { "one", "two" }, *const second[] = { "two" };

static bool stands(void *arg, const char *edge)
{
	return !arg || strcmp(arg, edge) == 0;
}

static const char *to(struct ferry_ways *w, const char *domain, const char *const *edges, size_t n)
{
	return ferry_ways_to(w, bytes_of(domain), edges, n);
}

static void a_partner_keeps_its_edge_while_that_stands(void **state)
{
	struct ferry_ways w;
	unsigned by_one = 0;
	char domain[32], edges[100][4];

	(void)state;
	ferry_ways_init(&w);
	assert_null(to(&w, "far.example", NULL, 0));
	for (int i = 0; i < 100; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		snprintf(edges[i], sizeof edges[i], "%s", to(&w, domain, both, 2));
		by_one += strcmp(edges[i], "one") == 0;
	}
	assert_in_range(by_one, 25, 75);
	for (int i = 0; i < 100; i++) { /* a third edge moves nobody */
		static const char *const three[] = { "zero", "two", "one" };
		snprintf(domain, sizeof domain, "d%d.example", i);
		assert_string_equal(to(&w, domain, three, 3), edges[i]);
	}
	for (int i = 0; i < 100; i++) { /* one that has gone moves its own */
		snprintf(domain, sizeof domain, "d%d.example", i);
		assert_string_equal(to(&w, domain, second, 1), "two");
	}
	assert_string_equal(to(&w, "d1.example", both, 2), "two"); /* and it does not move back in the middle of things */
	ferry_ways_fini(&w);
}

static void answers_go_where_the_partner_came_from(void **state)
{
	struct ferry_ways w;
	char domain[32];

	(void)state;
	ferry_ways_init(&w);
	for (int i = 0; i < 20; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		if (i % 2)
			(void)to(&w, domain, both, 2); /* chosen before it was heard */
		ferry_ways_heard(&w, bytes_of(domain), "two", stands, NULL);
		assert_string_equal(to(&w, domain, both, 2), "two");
		ferry_ways_heard(&w, bytes_of(domain), "one", stands, NULL); /* the other still stands */
		assert_string_equal(to(&w, domain, both, 2), "two");
		ferry_ways_heard(&w, bytes_of(domain), "one", stands, "one");
		assert_string_equal(to(&w, domain, both, 2), "one");
	}
	ferry_ways_fini(&w);
}

static void it_is_bounded(void **state)
{
	struct ferry_ways w;
	char domain[32];

	(void)state;
	ferry_ways_init(&w);
	ferry_ways_heard(&w, BYTES("first.example"), "two", stands, NULL);
	for (int i = 0; i < FERRY_WAYS_MAX + 10; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		ferry_ways_heard(&w, bytes_of(domain), "one", stands, NULL);
		if (i == FERRY_WAYS_MAX / 2) /* what is asked for stays */
			assert_string_equal(to(&w, "first.example", both, 2), "two");
	}
	assert_int_equal(w.by_domain.count, FERRY_WAYS_MAX);
	assert_string_equal(to(&w, "first.example", both, 2), "two");
	ferry_ways_heard(&w, BYTES_NONE, "one", stands, NULL);
	assert_int_equal(w.by_domain.count, FERRY_WAYS_MAX); /* no domain has no way */
	ferry_ways_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_partner_keeps_its_edge_while_that_stands),
		cmocka_unit_test(answers_go_where_the_partner_came_from),
		cmocka_unit_test(it_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
