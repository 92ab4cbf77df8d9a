#include "expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { DAY = 86400 };

static void severity_grows_as_days_shrink(void **state)
{
	static const struct {
		int64_t left_s, period_s;
		int severity;
	} rows[] = {
		{ 31 * DAY, 365 * DAY, -1 },		  { 30 * DAY, 365 * DAY, ALARM_WARNING }, { 14 * DAY + 1, 365 * DAY, ALARM_WARNING },
		{ 14 * DAY, 365 * DAY, ALARM_MINOR },	  { 7 * DAY, 365 * DAY, ALARM_MAJOR },	  { DAY + 1, 365 * DAY, ALARM_MAJOR },
		{ DAY, 365 * DAY, ALARM_CRITICAL },	  { 0, 365 * DAY, ALARM_CRITICAL },
		/* lists that come every week, month and day: not alarms for ever */
		{ 6 * DAY, 7 * DAY, -1 },		  { DAY, 7 * DAY, ALARM_CRITICAL },	  { 13 * DAY, 30 * DAY, ALARM_MINOR },
		{ 25 * DAY, 30 * DAY, -1 },		  { DAY / 2, DAY, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (expiry_severity(rows[i].left_s, rows[i].period_s) != rows[i].severity)
			fail_msg("row %zu: %d", i, expiry_severity(rows[i].left_s, rows[i].period_s));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(severity_grows_as_days_shrink) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
