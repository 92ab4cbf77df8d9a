/* Which remote domains are logged in detail. */
#include "run/debug_domains.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void parse(const char *text, struct settings **s, struct map *domains)
{
	unsigned line = 0;

	map_init(domains);
	if (settings_parse(bytes_of(text), s, &line) < 0)
		fail_msg("line %u", line);
	assert_int_equal(debug_domains_read(domains, *s), 0);
}

static void names_domains(void **state)
{
	struct settings *s;
	struct map m;

	(void)state;
	parse("log debug domain a.example = on\nlog debug domain b.example = off\nlog debug domain c.example = on\n", &s, &m);
	assert_int_equal(m.count, 2);
	assert_true(debug_domains_has(&m, BYTES("a.example")));
	assert_false(debug_domains_has(&m, BYTES("b.example"))); /* switched off again */
	assert_true(debug_domains_has(&m, BYTES("c.example")));
	assert_false(debug_domains_has(&m, BYTES("x.a.example"))); /* not the domains below */
	assert_false(debug_domains_has(&m, BYTES_NONE)); /* the caller's domain is not known yet */
	map_fini(&m);
	settings_free(s);
}

static void none_without_rows(void **state)
{
	struct settings *s;
	struct map m;

	(void)state;
	parse("sip mode = open\n", &s, &m);
	assert_false(debug_domains_has(&m, BYTES("a.example")));
	assert_false(debug_domains_has(&m, BYTES_NONE));
	map_fini(&m);
	settings_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_domains),
		cmocka_unit_test(none_without_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
