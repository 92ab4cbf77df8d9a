#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "conf.h"

#define KEYS "md5=00112233445566778899aabbccddeeff"

#define FOUR_DOORS "turn listen-udp a = 10.0.0.1 3478\nturn listen-udp b = 10.0.0.1 3479\n" \
	"turn listen-udp c = 10.0.0.2 3478\nturn listen-udp d = 10.0.0.2 3479\n"

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
		{ "turn discovery = on\n", "turn discovery " },
		{ "turn discovery = on\nturn listen-udp a = 192.0.2.1 3478\nturn listen-udp b = 192.0.2.2 3478\n"
		  "turn listen-udp c = 192.0.2.2 3479\n", "turn discovery 192.0.2.1:3479" },
		{ "turn discovery = on\n" FOUR_DOORS "turn public-address v4 = 198.51.100.1\n", "turn discovery 10.0.0.2:3479" },
		{ "turn discovery-address a = 198.51.100.1\n", "turn discovery-address a" },
		{ "tls minimum = 1.3\nturn listen-dtls a = off\nturn listen-dtls b = 192.0.2.1 5349\n", "turn listen-dtls b" },
		{ "turn realm = e\xcc\x81tage\n", "turn realm " }, /* not in NFC */
		{ "turn user e\xcc\x81ric key = " KEYS "\n", "turn user e\xcc\x81ric" },
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
	                           "turn workers = 4\nturn alternate-server = 203.0.113.7\nturn drain = on\nturn coalesce = 120\n");
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
	assert_int_equal(c->rest_us, 120);
	assert_false(c->engine.has_tcp_relay); /* RFC 6062 is asked for */
	assert_int_equal(c->engine.alternate.port, 3478);
	assert_int_equal(c->connections, 20000); /* one worker has them all */
	assert_int_equal(c->connections_address, 500);
	assert_int_equal(c->engine.server_name.n, 0); /* no oauth-key: no tokens */
	assert_true(c->engine.has_old_channels && c->logs_usage);
	/* the lan is open; the door, the relay's and the public address are not */
	struct stunaddr lan = { 4, 9, { 10, 1, 2, 3 } }, own[] = { door, c->relays.at[0], c->relays.at[1], c->public[0] };
	assert_true(peer_rules_permit(&c->engine.rules, &lan, &rule));
	for (size_t i = 0; i < 4; i++)
		assert_false(peer_rules_permit(&c->engine.rules, &own[i], &rule));
	turn_settings_free(c);
	settings_free(s);
}

static void test_connections_are_shared(void **state)
{
	struct settings *s = parse("turn workers = 3\nturn connections-max = 100\nturn connections-address = 0\nturn tcp-relay = on\n"
	                           "turn tcp-connections-max = 50\nturn tcp-connections-allocation = 7\n");
	struct turn_settings *c = turn_settings_new(s, NULL, 0);

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->connections, 34); /* rounded up */
	assert_int_equal(c->connections_address, UINT32_MAX);
	assert_true(c->engine.has_tcp_relay);
	assert_int_equal(c->engine.peer_connections, 17);
	assert_int_equal(c->engine.peer_connections_allocation, 7);
	turn_settings_free(c);
	settings_free(s);
}

static void test_drain_and_names(void **state)
{
	struct settings *s = parse("turn drain = on\nturn drain-deadline = 30\nturn drain-threshold = 5\nturn old-channels = off\n"
	                           "turn usage-log = off\nturn oauth-key k = MDEyMzQ1Njc4OWFiY2RlZg==\nturn realm = example.org\n");
	struct turn_settings *c = turn_settings_new(s, NULL, 0);

	(void)state;
	assert_int_equal(c->engine.drain_deadline_s, 1800);
	assert_int_equal(c->engine.drain_threshold, 5);
	assert_false(c->engine.has_old_channels || c->logs_usage);
	assert_true(bytes_eq_str(c->engine.server_name, "example.org")); /* the realm stands in */
	turn_settings_free(c);
	settings_free(s);
	s = parse("turn oauth-key k = MDEyMzQ1Njc4OWFiY2RlZg==\nturn server-name = turn.example.org\n");
	c = turn_settings_new(s, NULL, 0);
	assert_true(bytes_eq_str(c->engine.server_name, "turn.example.org"));
	turn_settings_free(c);
	settings_free(s);
}

/* RFC 5780 behind static NAT: two addresses, each with its public one. */
static void test_discovery_is_taken_over(void **state)
{
	struct settings *s = parse(FOUR_DOORS "turn discovery = on\nturn discovery-address a = 198.51.100.1\n"
	                           "turn discovery-address b = 198.51.100.1\nturn discovery-address c = 198.51.100.2\n"
	                           "turn discovery-address d = 198.51.100.2\nturn allow-peer x = 198.51.100.0/24\n");
	struct stunaddr public[2] = { { 4, 9, { 198, 51, 100, 1 } }, { 4, 9, { 198, 51, 100, 2 } } };
	char path[CONF_PATH_BYTES];
	const char *why, *rule;

	(void)state;
	assert_int_equal(turn_settings_check(s, path, &why), 0);
	struct turn_settings *c = turn_settings_new(s, NULL, 0);
	assert_true(c->discovery.is_on);
	assert_int_equal(c->discovery.door[1][1].at.port, 3479);
	assert_int_equal(c->discovery.door[1][1].at.ip[3], 2);
	assert_int_equal(c->discovery.door[1][1].seen.port, 3479);
	for (size_t i = 0; i < 2; i++)
		assert_false(peer_rules_permit(&c->engine.rules, &public[i], &rule)); /* of the box */
	turn_settings_free(c);
	settings_free(s);
}

/* Every setting of the relay is taken over while it runs (turn.md 5: coturn#878). */
static void test_every_setting_is_live(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		if (strncmp(row->path, "turn ", 5) != 0)
			continue;
		n++;
		if (row->effect != EFFECT_LIVE)
			fail_msg("%s", row->path);
	}
	assert_true(n > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_taken_over), cmocka_unit_test(test_connections_are_shared),
		cmocka_unit_test(test_discovery_is_taken_over), cmocka_unit_test(test_drain_and_names),
		cmocka_unit_test(test_every_setting_is_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
