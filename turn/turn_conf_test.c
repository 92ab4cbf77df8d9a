#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "conf.h"

#define KEYS "md5=00112233445566778899aabbccddeeff"

static struct settings *parse(const char *text)
{
	struct settings *s = NULL;
	unsigned line = 0;

	assert_int_equal(settings_parse(bytes_of(text), &s, &line), 0);
	return s;
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "turn relay-address a = 192.0.2.1\nturn relay-address b = 192.0.2.2\n", "turn relay-address b" },
		{ "turn allow-peer x = 10.0.0.1/8\n", "turn allow-peer x" },
		{ "turn deny-peer y = nowhere\n", "turn deny-peer y" },
		{ "turn port-min = 50001\nturn port-max = 50001\n", "turn port-max " },
		{ "turn user u key = hunter2\n", "turn user u" },
		{ "turn oauth-key k = !!!!\n", "turn oauth-key k" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct settings *s = parse(rows[i].text);
		char path[CONF_PATH_BYTES];
		const char *why = NULL;
		assert_int_equal(turn_settings_check(s, path, &why), ERR_RANGE);
		assert_string_equal(path, rows[i].path);
		assert_non_null(why);
		settings_free(s);
	}
}

static void test_taken_over(void **state)
{
	struct settings *s = parse("turn relay-address v4 = 192.0.2.1\nturn public-address v4 = 198.51.100.9\n"
	                           "turn relay-address v6 = 2001:db8::1\nturn allow-peer lan = 10.1.0.0/16\n"
	                           "turn user u key = " KEYS "\nturn algorithms = sha256\nturn high-capacity = off\n"
	                           "turn workers = 4\nturn alternate-server = 203.0.113.7\nturn drain = on\n");
	const struct stunaddr door = { 4, 3478, { 192, 0, 2, 8 } };
	char path[CONF_PATH_BYTES];
	const char *why, *rule;

	(void)state;
	assert_int_equal(turn_settings_check(s, path, &why), 0);
	struct turn_settings *c = turn_settings_new(s, &door, 1);
	assert_non_null(c);
	assert_int_equal(c->relays.at[0].family, 4);
	assert_int_equal(c->relays.at[1].family, 6);
	assert_int_equal(c->relays.seen[0].ip[3], 9);
	assert_int_equal(c->relays.seen[1].family, 0); /* as it is bound */
	assert_int_equal(c->engine.algorithms, 1 << STUN_ALGORITHM_SHA256);
	assert_int_equal(c->engine.limits.workers, 1); /* G-EDGE-02 off */
	assert_true(c->engine.is_draining);
	assert_int_equal(c->engine.alternate.port, 3478);
	/* the lan is open; the door, the relay's and the public address are not */
	struct stunaddr lan = { 4, 9, { 10, 1, 2, 3 } }, own[] = { door, c->relays.at[0], c->relays.at[1], c->public[0] };
	assert_true(peer_rules_permit(&c->engine.rules, &lan, &rule));
	for (size_t i = 0; i < 4; i++)
		assert_false(peer_rules_permit(&c->engine.rules, &own[i], &rule));
	turn_settings_free(c);
	settings_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_refused), cmocka_unit_test(test_taken_over) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
