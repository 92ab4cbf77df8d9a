#include "run/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void text_of(enum metrics_format f, struct buf *out)
{
	struct metrics m;

	metrics_init(&m);
	metrics_counter(&m, BYTES("gh-turn"), 1, BYTES("turn.kernel-bytes"), 5);
	metrics_counter(&m, BYTES("gh-turn"), 0, BYTES("turn.allocations"), 7);
	metrics_counter(&m, BYTES("gh-turn"), 0, BYTES("turn.kernel-bytes"), 4);
	metrics_counter(&m, BYTES("gh-turn"), 0, BYTES("turn.kernel-bytes"), 4);
	metrics_gauge(&m, "certificate_days_left", "certificate", BYTES("o\"w\nn"), -3);
	metrics_gauge(&m, "uptime_seconds", NULL, BYTES_NONE, 60);
	metrics_render(&m, f, out);
	metrics_fini(&m);
}

static void each_family_once_and_sorted(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	text_of(METRICS_PROMETHEUS, &b);
	assert_string_equal(buf_cstr(&b),
			    "# HELP gatehouse_certificate_days_left How it stands now.\n# TYPE gatehouse_certificate_days_left gauge\n"
			    "gatehouse_certificate_days_left{certificate=\"o_w_n\"} -3\n"
			    "# HELP gatehouse_turn_allocations How it stands now.\n# TYPE gatehouse_turn_allocations gauge\n"
			    "gatehouse_turn_allocations{program=\"gh-turn\",instance=\"0\"} 7\n"
			    "# HELP gatehouse_turn_kernel_bytes_total Counted since the program started.\n"
			    "# TYPE gatehouse_turn_kernel_bytes_total counter\n"
			    "gatehouse_turn_kernel_bytes_total{program=\"gh-turn\",instance=\"0\"} 4\n"
			    "gatehouse_turn_kernel_bytes_total{program=\"gh-turn\",instance=\"1\"} 5\n"
			    "# HELP gatehouse_uptime_seconds How it stands now.\n# TYPE gatehouse_uptime_seconds gauge\n"
			    "gatehouse_uptime_seconds 60\n");
	buf_fini(&b);
}

static void openmetrics_has_its_own_form(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	text_of(METRICS_OPENMETRICS, &b);
	assert_non_null(strstr(buf_cstr(&b), "# TYPE gatehouse_turn_kernel_bytes counter\ngatehouse_turn_kernel_bytes_total{"));
	assert_string_equal(buf_cstr(&b) + buf_len(&b) - 6, "# EOF\n");
	assert_int_equal(metrics_format_of(BYTES("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")), METRICS_OPENMETRICS);
	assert_int_equal(metrics_format_of(BYTES("text/plain")), METRICS_PROMETHEUS);
	assert_int_equal(metrics_format_of(BYTES_NONE), METRICS_PROMETHEUS);
	buf_fini(&b);
}

static void it_is_bounded(void **state)
{
	struct metrics m;

	(void)state;
	metrics_init(&m);
	for (int i = 0; i < METRICS_MAX + 100; i++)
		metrics_gauge(&m, "x", NULL, BYTES_NONE, i);
	assert_true(m.is_over && m.n <= METRICS_MAX);
	metrics_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_family_once_and_sorted),
		cmocka_unit_test(openmetrics_has_its_own_form),
		cmocka_unit_test(it_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
