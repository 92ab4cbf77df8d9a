/* Settings: the table itself, values of each type, snapshots. */
#include "base/err.h"
#include "run/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* What a value becomes, or "!" and what was wanted. */
static void canonical(const char *path, struct bytes value, char *out, size_t n)
{
	struct bytes keys[SETTING_KEYS_MAX];
	const struct setting_row *row;
	const char *why;
	struct buf b;

	assert_int_equal(setting_find(bytes_of(path), &row, keys), 0);
	buf_init(&b, 1 << 16);
	if (setting_check(row, value, &b, &why) < 0)
		snprintf(out, n, "!%s", why);
	else
		snprintf(out, n, "%s", buf_cstr(&b));
	buf_fini(&b);
}

static void each_row_is_sound(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		const struct setting_row *row = setting_row(i), *found;
		struct bytes keys[SETTING_KEYS_MAX];
		unsigned stars = 0;
		for (const char *c = row->path; *c; c++)
			stars += *c == '*';
		assert_in_range(stars, 0, 1); /* the _at accessors take one key */
		assert_int_equal(setting_find(bytes_of(row->path), &found, keys), 0);
		assert_ptr_equal(found, row);
		assert_true(row->readers != 0);
		if (row->def) {
			char out[300];
			canonical(row->path, bytes_of(row->def), out, sizeof out);
			assert_string_equal(out, row->def);
		}
	}
	assert_null(setting_row(SETTING_COUNT));
}

static void unknown_and_misplaced_paths_are_refused(void **state)
{
	static const char *const bad[] = { "", " ", "federation", "federation mode ", " federation mode",
		"federation  mode", "federation mode x", "federation peer b.example", "peer b.example action",
		"federation peer action", "im offlin", "domain  certificate" };
	const struct setting_row *row;
	struct bytes keys[SETTING_KEYS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(setting_find(bytes_of(bad[i]), &row, keys), ERR_UNKNOWN);
	assert_int_equal(setting_find(BYTES("federation peer *.b.example action"), &row, keys), 0);
	assert_int_equal(row->id, SET_FED_PEER_ACTION);
	assert_true(bytes_eq_str(keys[0], "*.b.example"));
}

static void values_become_canonical(void **state)
{
	static const char pin[] = "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:"
				  "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99";
	static const struct {
		const char *path, *in, *out;
	} rows[] = {
		{ "im offline", "on", "on" },
		{ "im offline", "yes", "!on or off" },
		{ "im resume", "0600", "600" },
		{ "im resume", "86401", "!0..86400" },
		{ "im resume", "-1", "!0..86400" },
		{ "im resume", "99999999999999999999999", "!0..86400" },
		{ "federation mode", "open", "open" },
		{ "federation mode", "ope", "!off|allow-list|open" },
		{ "federation mode", "", "!off|allow-list|open" },
		{ "system name", "edge one", "edge one" },
		{ "system name", "", "!text without control characters" },
		{ "system name", "a\tb", "!text without control characters" },
		{ "system name", "\xff", "!text without control characters" },
		{ "access listen a", "127.0.0.1 5222", "127.0.0.1 5222" },
		{ "access listen a", "127.0.0.1:5222", "127.0.0.1 5222" },
		{ "access listen a", "[::0001]:5222", "::1 5222" },
		{ "access listen a", "[::1] 5222", "::1 5222" },
		{ "access listen a", ":: 5222", ":: 5222" },
		{ "access listen a", "off", "off" },
		{ "access listen a", "127.0.0.1", "!address and port, or off" },
		{ "access listen a", "127.0.0.1 0", "!address and port, or off" },
		{ "access listen a", "127.0.0.1 65536", "!address and port, or off" },
		{ "access listen a", "localhost 5222", "!address and port, or off" },
		{ "access listen a", "[::1 5222", "!address and port, or off" },
		{ "dns server 1", "::1", "::1" },
		{ "dns server 1", "127.0.0.1 5353", "127.0.0.1 5353" },
		{ "federation peer b host", "XMPP.B.Example. 5269", "xmpp.b.example 5269" },
		{ "federation peer b host", "b.example", "b.example" },
		{ "federation peer b host", "-b.example", "!host and port" },
		{ "federation peer b host", "b.example..", "!host and port" },
		{ "federation peer b host", "b!example 5269", "!host and port" },
		{ "federation peer b pin", pin,
		  "aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899" },
		{ "federation peer b pin", "aabb", "!64 hex digits" },
	};
	char out[300];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		canonical(rows[i].path, bytes_of(rows[i].in), out, sizeof out);
		assert_string_equal(out, rows[i].out);
	}
}

#define CERT "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"
#define CRL "-----BEGIN X509 CRL-----\nTUlJQg==\n-----END X509 CRL-----\n"
static void pem_keeps_certificates_only(void **state)
{
	char out[300];

	(void)state;
	canonical("trust anchor x", BYTES("subject=/CN=x\r\n" CERT "note\n" CERT), out, sizeof out);
	assert_string_equal(out, CERT CERT);
	canonical("trust anchor x", BYTES("-----BEGIN PRIVATE KEY-----\nTUlJQg==\n-----END PRIVATE KEY-----\n"),
	          out, sizeof out);
	assert_string_equal(out, "!certificates in PEM");
	canonical("trust anchor x", BYTES("-----BEGIN CERTIFICATE-----\nTUlJQg==\n"), out, sizeof out);
	assert_string_equal(out, "!certificates in PEM");
	canonical("trust anchor x", BYTES("-----BEGIN CERTIFICATE-----\n<html>\n-----END CERTIFICATE-----\n"),
	          out, sizeof out);
	assert_string_equal(out, "!certificates in PEM");
	canonical("trust revocation x", BYTES(CERT), out, sizeof out);
	assert_string_equal(out, "!revocation lists in PEM");
	canonical("trust revocation x", BYTES("note\n" CRL), out, sizeof out);
	assert_string_equal(out, CRL);
	canonical("trust anchor x", BYTES(CRL), out, sizeof out);
	assert_string_equal(out, "!certificates in PEM");
	canonical("trust anchor x", BYTES("nothing"), out, sizeof out);
	assert_string_equal(out, "!certificates in PEM");
}

static void snapshot_gives_typed_values(void **state)
{
	static const char text[] = "# a box\n"
				   "federation mode = open\n"
				   "federation peer c.example rate = 7\n"
				   "federation peer b.example action = deny\n"
				   "federation peer b.example rate = 5\n"
				   "trust anchor b = " CERT "im offline = off\n"
				   "domain a.example certificate = main\n";
	struct settings *s;
	struct bytes key;
	unsigned line;
	size_t at = 0;

	(void)state;
	assert_int_equal(settings_parse(BYTES(text), &s, &line), 0);
	assert_int_equal(settings_enum(s, SET_FED_MODE), 2);
	assert_int_equal(settings_enum_at(s, SET_FED_PEER_ACTION, BYTES("b.example")), 1);
	assert_int_equal(settings_enum_at(s, SET_FED_PEER_ACTION, BYTES("c.example")), 0);
	assert_int_equal(settings_int_at(s, SET_FED_PEER_RATE, BYTES("c.example")), 7);
	assert_int_equal(settings_int(s, SET_DNS_BUDGET), 10000);
	assert_false(settings_bool(s, SET_IM_OFFLINE));
	assert_true(settings_bool(s, SET_IM_PLAIN));
	assert_true(settings_is_set(s, SET_IM_OFFLINE, BYTES_NONE));
	assert_false(settings_is_set(s, SET_IM_PLAIN, BYTES_NONE));
	assert_true(bytes_eq_str(settings_text_at(s, SET_DOMAIN_CERTIFICATE, BYTES("a.example")), "main"));
	assert_int_equal(settings_text_at(s, SET_DOMAIN_CERTIFICATE, BYTES("x.example")).n, 0);
	assert_true(bytes_eq_str(settings_text(s, SET_SYSTEM_NAME), "gatehouse"));
	/* a peer with any row is a peer, once, in order */
	assert_true(settings_next_key(s, SET_FED_PEER_HOST, &at, &key));
	assert_true(bytes_eq_str(key, "b.example"));
	assert_true(settings_next_key(s, SET_FED_PEER_HOST, &at, &key));
	assert_true(bytes_eq_str(key, "c.example"));
	assert_false(settings_next_key(s, SET_FED_PEER_HOST, &at, &key));
	at = 0;
	assert_false(settings_next_key(s, SET_ACCESS_LISTEN, &at, &key));
	settings_free(s);
}

static void bad_lines_are_named(void **state)
{
	struct settings *s;
	unsigned line;

	(void)state;
	assert_int_equal(settings_parse(BYTES("\nim offline = on\nim offlien = on\n"), &s, &line), ERR_UNKNOWN);
	assert_int_equal(line, 3);
	assert_int_equal(settings_parse(BYTES("im resume = 1\nim resume = 2\n"), &s, &line), ERR_EXISTS);
	assert_int_equal(settings_parse(BYTES("im resume\n"), &s, &line), ERR_SYNTAX);
	assert_int_equal(settings_parse(BYTES("im resume = x\n"), &s, &line), ERR_SYNTAX);
}

static void snapshot_decodes_any_bytes(void **state)
{
	struct buf b;
	struct settings *s;

	(void)state;
	buf_init(&b, 4096);
	wire_put_u32(&b, 9);
	wire_put_u32(&b, 1);
	wire_put_str(&b, BYTES("im resume"));
	wire_put_bytes(&b, BYTES("77"));
	for (size_t n = 0; n < buf_len(&b); n++) {
		struct wire w = wire_of(bytes_make(buf_bytes(&b).p, n));
		assert_true(settings_decode(&w, &s) < 0);
	}
	struct wire w = wire_of(buf_bytes(&b));
	assert_int_equal(settings_decode(&w, &s), 0);
	assert_int_equal(settings_generation(s), 9);
	assert_int_equal(settings_int(s, SET_IM_RESUME_MAX), 77);
	settings_free(s);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_sound),
		cmocka_unit_test(unknown_and_misplaced_paths_are_refused),
		cmocka_unit_test(values_become_canonical),
		cmocka_unit_test(pem_keeps_certificates_only),
		cmocka_unit_test(snapshot_gives_typed_values),
		cmocka_unit_test(bad_lines_are_named),
		cmocka_unit_test(snapshot_decodes_any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
