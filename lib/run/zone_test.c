#include "run/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void zones_of_the_system(void **state)
{
	struct zones *z = zones_load(ZONE_FOLDER);
	char text[ZONE_TEXT_BYTES];
	const uint64_t winter_ms = 1769904000000, summer_ms = 1785542400000; /* 2026-02-01, 2026-08-01, 00:00 UTC */

	(void)state;
	if (zones_count(z) < 300) {
		zones_free(z);
		fail_msg("tzdata is not installed");
	}
	assert_string_equal(zones_rule(z, BYTES("UTC")), "UTC0");
	assert_string_equal(zones_rule(z, BYTES("Asia/Tokyo")), "JST-9");
	assert_non_null(zones_rule(z, BYTES("America/Argentina/Buenos_Aires")));
	assert_null(zones_rule(z, BYTES("Mars/Olympus")));
	assert_null(zones_rule(z, BYTES("../Europe/Berlin")));
	assert_null(zones_rule(z, BYTES("posix/Europe/Berlin")));
	assert_null(zones_rule(z, BYTES("zone.tab")));
	assert_null(zones_rule(z, BYTES("")));
	assert_int_equal(zone_use(zones_rule(z, BYTES("Europe/Berlin"))), 0);
	zone_text(winter_ms, text);
	assert_string_equal(text, "2026-02-01T01:00:00+01:00");
	zone_text(summer_ms, text);
	assert_string_equal(text, "2026-08-01T02:00:00+02:00");
	assert_int_equal(zone_use(zones_rule(z, BYTES("America/St_Johns"))), 0);
	zone_text(winter_ms, text);
	assert_string_equal(text, "2026-01-31T20:30:00-03:30");
	zones_free(z);
}

static void files_that_are_no_zones(void **state)
{
	static const struct {
		const char *name, *content;
		size_t n;
	} files[] = {
		{ "Short", "TZif2\n\nUTC0\n", 12 },
		{ "NoZone", "just a long text that ends like a zone does, but does not begin so\nUTC0\n", 72 },
		{ "One", "TZif1" "..............................................................\nUTC0\n", 73 },
		{ "NoRule", "TZif2" "..............................................................\n\n", 69 },
		{ "Control", "TZif2" "..............................................................\nUT\1C0\n", 74 },
		{ "Good", "TZif2" "..............................................................\nABC-3\n", 74 },
	};
	char folder[] = "/tmp/zones.XXXXXX", path[100];

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(files[i].content, 1, files[i].n, f), files[i].n);
		fclose(f);
	}
	struct zones *z = zones_load(folder);
	assert_int_equal(zones_count(z), 2);
	assert_string_equal(zones_rule(z, BYTES("Good")), "ABC-3");
	zones_free(z);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
		unlink(path);
	}
	rmdir(folder);
	z = zones_load("/nowhere/at/all");
	assert_int_equal(zones_count(z), 1);
	assert_non_null(zones_rule(z, BYTES("UTC")));
	zones_free(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(zones_of_the_system), cmocka_unit_test(files_that_are_no_zones) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
