/* Peers of SIP: rows as typed values, and the prefixes that they may come from. Which row governs is tested
 * beside run/peer_policy.c. */
#include "peers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/err.h"

static struct settings *parse(const char *text)
{
	struct settings *s = NULL;
	unsigned line = 0;

	if (settings_parse(bytes_of(text), &s, &line) < 0)
		fail_msg("line %u", line);
	return s;
}

static void prefixes(void **state)
{
	static const struct {
		const char *prefix, *address;
		int rc;
		bool has;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7", 0, true },
		{ "192.0.2.7", "192.0.2.8", 0, false },
		{ "192.0.2.0/24", "192.0.2.255", 0, true },
		{ "192.0.2.0/24", "192.0.3.0", 0, false },
		{ "192.0.2.128/25", "192.0.2.127", 0, false },
		{ "192.0.2.128/25", "192.0.2.129", 0, true },
		{ "0.0.0.0/0", "203.0.113.1", 0, true },
		{ "0.0.0.0/0", "2001:db8::1", 0, false },
		{ "192.0.2.0/24", "::ffff:192.0.2.1", 0, true }, /* of a dual-stack socket */
		{ "2001:db8::/32", "2001:db8:ffff::1", 0, true },
		{ "2001:db8::/32", "2001:db9::1", 0, false },
		{ "2001:db8::/31", "2001:db9::1", 0, true },
		{ "::/0", "2001:db9::1", 0, true },
		{ "192.0.2.1/24", "", ERR_SYNTAX, false }, /* bits behind the prefix */
		{ "192.0.2.0/33", "", ERR_SYNTAX, false },
		{ "192.0.2.0/", "", ERR_SYNTAX, false },
		{ "host.example", "", ERR_SYNTAX, false },
		{ "", "", ERR_SYNTAX, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct prefix p;
		union sip_sockaddr a;
		int rc = prefix_parse(bytes_of(rows[i].prefix), &p);
		if (rc != rows[i].rc)
			fail_msg("%s: %d", rows[i].prefix, rc);
		if (rc < 0)
			continue;
		assert_int_equal(sip_sockaddr_of(bytes_of(rows[i].address), 5060, &a), 0);
		if (prefix_has_sockaddr(&p, &a.any) != rows[i].has)
			fail_msg("%s %s", rows[i].prefix, rows[i].address);
	}
}

static void rows(void **state)
{
	struct settings *s = parse("sip mode = open\n"
				   "sip peer b.example type = lync\n"
				   "sip peer b.example tls = optional\n"
				   "sip peer b.example subjects = edge.b.example  b\xc3\xbc" "cher.example\n"
				   "sip peer b.example addresses = 192.0.2.0/24 2001:db8::5\n"
				   "sip peer b.example client-usage = off\n"
				   "sip peer b.example common-name = on\n"
				   "sip peer b.example rate = 7\n"
				   "sip peer bad.example action = deny\n");
	struct peers p;
	struct peer_rule r;
	union sip_sockaddr a;

	(void)state;
	assert_int_equal(peers_init(&p, s), 0);
	r = peers_for(&p, BYTES("b.example"));
	assert_true(r.is_allowed && r.is_explicit && r.row->is_lync && r.row->may_common_name);
	assert_false(r.row->is_tls_required || r.row->needs_client_usage || r.row->has_pin);
	assert_int_equal(r.row->n_subjects, 2);
	assert_string_equal(r.row->subjects[0], "edge.b.example");
	assert_string_equal(r.row->subjects[1], "xn--bcher-kva.example");
	assert_int_equal(r.row->rate, 7);
	assert_int_equal(sip_sockaddr_of(BYTES("192.0.2.9"), 0, &a), 0);
	assert_true(peer_is_from(r.row, &a) && peers_know_address(&p, &a));
	assert_int_equal(sip_sockaddr_of(BYTES("2001:db8::6"), 0, &a), 0);
	assert_false(peer_is_from(r.row, &a) || peers_know_address(&p, &a));
	/* defaults: closed to the unproved, and no relay for those that only the mode allows */
	r = peers_for(&p, BYTES("else.example"));
	assert_true(r.is_allowed && r.row->is_tls_required && r.row->needs_client_usage);
	assert_false(r.is_explicit || r.row->is_lync || r.row->may_common_name);
	assert_int_equal(r.row->message_max, 1300);
	assert_false(peers_for(&p, BYTES("bad.example")).is_allowed);
	assert_false(peers_for(&p, BYTES_NONE).is_allowed);
	peers_fini(&p);
	settings_free(s);
}

static void refused_rows(void **state)
{
	static const struct {
		const char *rows, *path;
	} cases[] = {
		{ "sip peer b.example addresses = 192.0.2.1/24\n", "sip peer b.example addresses" },
		{ "sip peer b.example addresses = 192.0.2.1 host\n", "sip peer b.example addresses" },
		{ "sip peer b.example subjects = a..b\n", "sip peer b.example subjects" },
		{ "sip peer b.example subjects = edge.b.example\nsip peer b.example addresses = 192.0.2.1\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct settings *s = parse(cases[i].rows);
		char path[PEER_PATH_BYTES];
		const char *why;
		int rc = peers_check(s, path, &why);
		if ((rc < 0) != (cases[i].path != NULL))
			fail_msg("case %zu: %d", i, rc);
		if (rc < 0)
			assert_string_equal(path, cases[i].path);
		settings_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(prefixes), cmocka_unit_test(rows), cmocka_unit_test(refused_rows) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
