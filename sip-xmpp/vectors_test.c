/* Every line of tests/data/sip-xmpp-vectors.tsv, then the rows of the mapping's sections
 * 1 and 2 that need more than a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "address.h"
#include "base/err.h"
#include "composing.h"
#include "error.h"
#include "pres.h"
#include "proto/xml.h"

static struct arena arena;
static char said[1024];

/* ---- the vectors' functions ---- */

static void sip2jid(const char *input)
{
	struct jid j;
	int rc = address_to_jid(bytes_of(input), false, &arena, &j);

	if (rc)
		snprintf(said, sizeof said, "!%u", address_status(rc));
	else
		snprintf(said, sizeof said, "%.*s", BYTES_FMT(j.full));
}

static void jid2sip(const char *input)
{
	struct buf b;
	struct jid j;

	buf_init(&b, 4096);
	assert_int_equal(jid_parse(bytes_of(input), &arena, &j), 0);
	assert_int_equal(address_of_jid(&j, SIPURI_SIP, &b), 0);
	snprintf(said, sizeof said, "%s", buf_cstr(&b));
	buf_fini(&b);
}

static void sip2xmpp(const char *input)
{
	struct stanza_fault f = error_of_status((unsigned)atoi(input), BYTES_NONE, BYTES_NONE, &arena);

	snprintf(said, sizeof said, "%s type=%s", stanza_error_name(f.error), stanza_error_type(f.error));
}

static void xmpp2sip(const char *input)
{
	enum stanza_error e;
	const char *space = strchr(input, ' ');

	assert_int_equal(stanza_error_of(bytes_make(input, (size_t)(space - input)), &e), 0);
	snprintf(said, sizeof said, "%u", error_status(e, strcmp(space, " to=full") == 0));
}

static void iscomposing2chatstate(const char *input)
{
	char doc[256];
	bool is_active;
	uint32_t refresh;
	int n = snprintf(doc, sizeof doc, "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>%s</state></isComposing>", input);

	assert_int_equal(composing_read(bytes_make(doc, (size_t)n), &arena, &is_active, &refresh), 0);
	snprintf(said, sizeof said, "%s", chat_state_name(is_active ? CHAT_COMPOSING : CHAT_ACTIVE));
}

static void chatstate2iscomposing(const char *input)
{
	char doc[256];
	struct xml_node *n;
	bool is_active;
	int len = snprintf(doc, sizeof doc, "<message><%s xmlns='" NS_CHATSTATES "'/></message>", input);

	assert_int_equal(xml_parse(bytes_make(doc, (size_t)len), NS_CLIENT, &xml_limits_default, &arena, &n), 0);
	if (!composing_of_state(chat_state_of(n), &is_active))
		snprintf(said, sizeof said, "(none; ends the MSRP session)");
	else
		snprintf(said, sizeof said, "%s", is_active ? "active" : "idle");
}

static void priority_to_pidf(const char *input)
{
	char text[8];

	snprintf(said, sizeof said, "%s", pres_priority_to_pidf(atoi(input), text) ? text : "(no priority attribute)");
}

static void priority_of_pidf(const char *input)
{
	snprintf(said, sizeof said, "%d", pres_priority_of_pidf(bytes_of(input)));
}

static void tuple_id(const char *input)
{
	struct buf b;

	buf_init(&b, 256);
	pres_tuple_id(&b, bytes_of(input));
	snprintf(said, sizeof said, "%s", buf_cstr(&b));
	buf_fini(&b);
}

static const struct {
	const char *name;
	void (*fn)(const char *input);
} functions[] = {
	{ "sip2jid", sip2jid },
	{ "jid2sip", jid2sip },
	{ "sip2xmpp", sip2xmpp },
	{ "xmpp2sip", xmpp2sip },
	{ "iscomposing2chatstate", iscomposing2chatstate },
	{ "chatstate2iscomposing", chatstate2iscomposing },
	{ "priority xmpp2pidf", priority_to_pidf },
	{ "priority pidf2xmpp", priority_of_pidf },
	{ "tuple id", tuple_id },
};

static void run(const char *function, const char *input)
{
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
		if (strcmp(functions[i].name, function) != 0)
			continue;
		functions[i].fn(input);
		arena_reset(&arena);
		return;
	}
	fail_msg("the vectors name a function that is none: %s", function);
}

static void every_vector(void **state)
{
	FILE *f = fopen("tests/data/sip-xmpp-vectors.tsv", "r");
	char line[1024];
	unsigned n = 0;

	(void)state;
	assert_non_null(f); /* run from the top of the tree */
	while (fgets(line, sizeof line, f)) {
		char *rest = line, *field[4];
		if (line[0] == '#')
			continue;
		for (unsigned i = 0; i < 4; i++)
			assert_non_null(field[i] = strsep(&rest, "\t\n"));
		run(field[1], field[2]);
		n++;
		if (strcmp(said, field[3]) != 0)
			fail_msg("%s: %s(%s) gives %s, not %s", field[0], field[1], field[2], said, field[3]);
	}
	fclose(f);
	assert_int_equal(n, 130);
}

/* ---- section 1 ---- */

static void sip_addresses(void **state)
{
	static const struct {
		const char *row, *in, *out;
	} rows[] = {
		{ "ADR-01", "sip:f%C3%BC@sip.example", "fü@sip.example" },
		{ "ADR-02", "sip:o'malley@sip.example", "o\\27malley@sip.example" },
		{ "ADR-03", "sip:a&b@e.example", "a\\26b@e.example" },
		{ "ADR-03", "sip:a/b@e.example", "a\\2fb@e.example" },
		{ "ADR-04", "sip:foo@sip.example;gr=bar", "foo@sip.example/bar" },
		{ "ADR-05", "sip:user%40host@gw.example", "user\\40host@gw.example" },
		{ "ADR-05", "sip:a%20b@e.example", "a\\20b@e.example" },
		{ "ADR-06", "sip:c%5C27x@e.example", "c\\5c27x@e.example" },
		{ "ADR-06", "sip:c%5Cx@e.example", "c\\x@e.example" },
		{ "ADR-07", "sip:%20a@e.example", "!400" },
		{ "ADR-07", "sip:a%20@e.example", "!400" },
		{ "ADR-08", "sip:a%FFb@e.example", "!400" },
		{ "ADR-08", "sip:a%01b@e.example", "!400" },
		{ "ADR-08", "sip:a%00@e.example", "!400" },
		{ "ADR-09", "sip:BOB@E.Example", "bob@e.example" },
		{ "ADR-10", "sips:a@e.example", "!416" },
		{ "ADR-11", "sip:a:secret@e.example:5070;transport=tcp;lr;x=y", "a@e.example" },
		{ "ADR-12", "sip:a@e.example;gr", "a@e.example" },
		{ "ADR-13", "sip:a@e.example;gr=urn:uuid:1%20x", "a@e.example/urn:uuid:1 x" },
		{ "ADR-14", "sip:+15551234@gw.example;user=phone", "+15551234@gw.example" },
		{ "ADR-15", "im:juliet@example.com", "juliet@example.com" },
		{ "ADR-15", "pres:juliet@example.com", "juliet@example.com" },
		{ "ADR-23", "sip:b@xn--bcher-kva.example", "b@bücher.example" },
		{ "ADR-29", "sip:u@d.example;opaque=user:epid:Xy_1;gruu", "u@d.example/Xy_1" },
		{ "ADR-29", "sip:u@d.example;opaque=app:conf:focus:id:1", "u@d.example" },
		{ "BUG-01", "sip:juliet@example.com;gr=x", "juliet@example.com/x" },
		{ "host", "sip:a@192.0.2.1", "a@192.0.2.1" },
		{ "host", "sip:a@[2001:db8::1]:5060", "a@[2001:db8::1]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		sip2jid(rows[i].in);
		if (strcmp(said, rows[i].out) != 0)
			fail_msg("%s: %s gives %s, not %s", rows[i].row, rows[i].in, said, rows[i].out);
		arena_reset(&arena);
	}
}

static void sips_where_the_peer_may(void **state)
{
	struct jid j;

	(void)state;
	assert_int_equal(address_to_jid(BYTES("sips:a@e.example"), true, &arena, &j), 0); /* ADR-10 */
	assert_true(bytes_eq_str(j.full, "a@e.example"));
	arena_reset(&arena);
}

static void jid_addresses(void **state)
{
	static const struct {
		const char *row, *in, *out;
	} rows[] = {
		{ "ADR-16", "m\\26m@xmpp.example", "sip:m&m@xmpp.example" },
		{ "ADR-17", "tschüss@xmpp.example", "sip:tsch%C3%BCss@xmpp.example" },
		{ "ADR-18", "baz@xmpp.example/qux", "sip:baz@xmpp.example;gr=qux" },
		{ "ADR-19", "#%[]^`{|}\\@x.example", "sip:%23%25%5B%5D%5E%60%7B%7C%7D%5C@x.example" },
		{ "ADR-20", "o\\27malley@x.example", "sip:o'malley@x.example" },
		{ "ADR-21", "user\\40host@gw.example", "sip:user%40host@gw.example" },
		{ "ADR-21", "a\\20b@x.example", "sip:a%20b@x.example" },
		{ "ADR-21", "c\\5c27x@x.example", "sip:c%5C27x@x.example" },
		{ "ADR-22", "a@x.example/café x", "sip:a@x.example;gr=caf%C3%A9%20x" },
		{ "ADR-22", "a@x.example/a;b=c?d@e", "sip:a@x.example;gr=a%3Bb%3Dc%3Fd%40e" },
		{ "ADR-23", "b@bücher.example", "sip:b@xn--bcher-kva.example" },
		{ "ADR-28", "a@x.example", "sip:a@x.example" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		jid2sip(rows[i].in);
		if (strcmp(said, rows[i].out) != 0)
			fail_msg("%s: %s gives %s, not %s", rows[i].row, rows[i].in, said, rows[i].out);
		arena_reset(&arena);
	}
}

/* ADR-24: no JID with a raw character of XEP-0106's set exists; its sender's door says jid-malformed. */
static void raw_characters_are_no_jid(void **state)
{
	static const char *const bad[] = { "a b@x.example", "a\"b@x.example", "a&b@x.example", "a'b@x.example", "a:b@x.example",
					   "a<b@x.example", "a>b@x.example" };
	struct jid j;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(jid_parse(bytes_of(bad[i]), &arena, &j), ERR_SYNTAX);
	arena_reset(&arena);
}

/* ADR-25, and ADR-28's other schemes. */
static void round_trips(void **state)
{
	static const char *const jids[] = {
		"m\\26m@xmpp.example", "tschüss@xmpp.example", "baz@xmpp.example/qux", "o\\27malley@x.example",
		"a\\2fb@x.example", "user\\40host@gw.example", "a\\20b@x.example", "a\\3ab\\22c\\3cd\\3e@e.example",
		"c\\5c27x@x.example", "c\\x@x.example", "#%[]^`{|}@x.example", "a;b?c=d,e$f+g@x.example",
		"a@x.example/café x", "a@x.example/a;b=c?d@e/f%20", "b@bücher.example/ü", "x.example", "a@192.0.2.1",
		"a@[2001:db8::1]/r", "+15551234@gw.example",
	};
	static const enum sipuri_scheme schemes[] = { SIPURI_SIP, SIPURI_IM, SIPURI_PRES };

	(void)state;
	for (size_t i = 0; i < sizeof jids / sizeof jids[0]; i++) {
		for (size_t k = 0; k < sizeof schemes / sizeof schemes[0]; k++) {
			struct jid j, back;
			struct buf b;
			buf_init(&b, 4096);
			assert_int_equal(jid_parse(bytes_of(jids[i]), &arena, &j), 0);
			if (schemes[k] != SIPURI_SIP && !j.local_n)
				continue; /* im: and pres: are of people (RFC 3860 3.1) */
			assert_int_equal(address_of_jid(&j, schemes[k], &b), 0);
			if (address_to_jid(buf_bytes(&b), false, &arena, &back))
				fail_msg("%s: %s is refused", jids[i], buf_cstr(&b));
			if (!jid_eq(&j, &back))
				fail_msg("%s is %.*s after %s", jids[i], BYTES_FMT(back.full), buf_cstr(&b));
			struct buf again;
			buf_init(&again, 4096);
			assert_int_equal(address_of_jid(&back, schemes[k], &again), 0);
			assert_true(bytes_eq(buf_bytes(&b), buf_bytes(&again)));
			buf_fini(&again);
			buf_fini(&b);
			arena_reset(&arena);
		}
	}
}

/* ADR-26 */
static void too_long(void **state)
{
	char text[2100] = "sip:";
	struct jid j;
	struct buf b;

	(void)state;
	memset(text + 4, 'a', 1100);
	memcpy(text + 1104, "@e.example", 11);
	assert_int_equal(address_status(address_to_jid(bytes_of(text), false, &arena, &j)), 414);
	memcpy(text, "a@e.example/", 12);
	memset(text + 12, 'r', 1023);
	text[12 + 1023] = 0;
	buf_init(&b, 4096);
	assert_int_equal(jid_parse(bytes_of(text), &arena, &j), 0);
	assert_int_equal(address_of_jid(&j, SIPURI_SIP, &b), ERR_LIMIT);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(address_of_bare(&j, SIPURI_SIP, &b), 0);
	assert_string_equal(buf_cstr(&b), "sip:a@e.example");
	buf_fini(&b);
	arena_reset(&arena);
}

/* ---- section 2 ---- */

static struct status_fault status_of(const char *error, bool is_full)
{
	struct status_fault f;
	struct xml_node *n;

	arena_reset(&arena);
	assert_int_equal(xml_parse(bytes_of(error), NS_CLIENT, &xml_limits_default, &arena, &n), 0);
	error_of_stanza(n, is_full, &arena, &f);
	return f;
}

#define COND(name, content) "<error type='cancel'><" name " xmlns='" NS_STANZA_ERRORS "'>" content "</" name ">"

static void gone_and_redirect_to_sip(void **state)
{
	(void)state;
	struct status_fault f = status_of(COND("gone", "sip:new@e.example") "</error>", false); /* ERR-02 */
	assert_int_equal(f.status, 301);
	assert_true(bytes_eq_str(f.contact, "sip:new@e.example"));
	f = status_of(COND("gone", "") "</error>", false);
	assert_int_equal(f.status, 410);
	f = status_of(COND("gone", "xmpp:n%C3%BC@e.example/r?message") "</error>", true);
	assert_int_equal(f.status, 301);
	assert_true(bytes_eq_str(f.contact, "sip:n%C3%BC@e.example;gr=r"));
	f = status_of(COND("redirect", "xmpp:new@e.example") "</error>", true); /* ERR-03 */
	assert_int_equal(f.status, 302);
	assert_true(bytes_eq_str(f.contact, "sip:new@e.example"));
	f = status_of(COND("redirect", "http://e.example/") "</error>", true);
	assert_int_equal(f.status, 302);
	assert_int_equal(f.contact.n, 0);
}

static void never_503(void **state)
{
	(void)state;
	for (unsigned e = 0; e < STANZA_ERROR_COUNT; e++) { /* ERR-01, ERR-04 */
		assert_int_not_equal(error_status(e, true), 503);
		assert_int_not_equal(error_status(e, false), 503);
		assert_true(error_status(e, true) >= 300);
		assert_true(error_status(e, false) >= 300);
	}
	assert_int_equal(status_of("<error type='cancel'/>", false).status, 400); /* none: undefined-condition */
	assert_int_equal(error_status(STANZA_REMOTE_SERVER_NOT_FOUND, false), 404); /* ERR-05 */
	assert_int_equal(error_status(STANZA_REMOTE_SERVER_TIMEOUT, false), 408);
}

/* ERR-06 */
static void text_as_reason(void **state)
{
	char long_text[800];

	(void)state;
	struct status_fault f = status_of(COND("forbidden", "") "<text xmlns='" NS_STANZA_ERRORS "' xml:lang='cs'>Ne\r\nani\tza nic</text></error>", true);
	assert_string_equal(f.reason, "Ne ani za nic");
	assert_int_equal(f.status, 403);
	int at = snprintf(long_text, sizeof long_text, COND("forbidden", "") "<text xmlns='" NS_STANZA_ERRORS "'>a");
	for (int i = 0; i < 100; i++)
		at += snprintf(long_text + at, sizeof long_text - (size_t)at, "ü");
	snprintf(long_text + at, sizeof long_text - (size_t)at, "</text></error>");
	f = status_of(long_text, true);
	assert_int_equal(strlen(f.reason), 127); /* 128 would cut a character in two */
}

static void sip_to_xmpp(void **state)
{
	(void)state;
	struct stanza_fault f = error_of_status(301, BYTES("Moved"), BYTES("sip:neu%20er@E.example"), &arena); /* ERR-09 */
	assert_int_equal(f.error, STANZA_GONE);
	assert_true(bytes_eq_str(f.uri, "xmpp:neu%5C20er@e.example"));
	f = error_of_status(410, BYTES("Gone"), BYTES("sip:x@e.example"), &arena);
	assert_int_equal(f.error, STANZA_GONE);
	assert_int_equal(f.uri.n, 0);
	f = error_of_status(302, BYTES("Moved"), BYTES("sip:x@e.example"), &arena);
	assert_int_equal(f.error, STANZA_REDIRECT);
	assert_true(bytes_eq_str(f.uri, "xmpp:x@e.example"));
	f = error_of_status(486, BYTES("Busy Here"), BYTES_NONE, &arena); /* ERR-10 */
	assert_true(bytes_eq_str(f.text, "Busy Here"));
	f = error_of_status(486, BYTES("Busy\xff"), BYTES_NONE, &arena);
	assert_int_equal(f.text.n, 0);
	static const struct {
		unsigned status;
		enum stanza_error error;
	} others[] = { { 399, STANZA_REDIRECT }, { 418, STANZA_BAD_REQUEST }, { 599, STANZA_INTERNAL_SERVER_ERROR }, /* ERR-08 */
		       { 699, STANZA_RECIPIENT_UNAVAILABLE }, { 482, STANZA_NOT_ACCEPTABLE }, { 483, STANZA_NOT_ACCEPTABLE } /* ERR-16 */ };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_int_equal(error_of_status(others[i].status, BYTES_NONE, BYTES_NONE, &arena).error, others[i].error);
	arena_reset(&arena);
}

/* ERR-11, ERR-12 */
static void failures(void **state)
{
	static const struct {
		int why;
		enum stanza_error error;
		bool has_text;
	} rows[] = {
		{ ERR_DNS_NXDOMAIN, STANZA_REMOTE_SERVER_NOT_FOUND, true },  { ERR_NOT_FOUND, STANZA_REMOTE_SERVER_NOT_FOUND, true },
		{ ERR_DNS_TIMEOUT, STANZA_REMOTE_SERVER_TIMEOUT, true },     { ERR_CONN_REFUSED, STANZA_REMOTE_SERVER_TIMEOUT, true },
		{ ERR_CERT_NAME, STANZA_REMOTE_SERVER_NOT_FOUND, true },     { ERR_TLS, STANZA_REMOTE_SERVER_NOT_FOUND, true },
		{ ERR_TIMEOUT, STANZA_REMOTE_SERVER_TIMEOUT, true },	     { ERR_AUTH, STANZA_NOT_AUTHORIZED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct stanza_fault f = error_of_failure(rows[i].why);
		assert_int_equal(f.error, rows[i].error);
		assert_int_equal(f.text.n > 0, rows[i].has_text);
	}
}

static void error_stanzas(void **state)
{
	const struct stanza_fault f = { .error = STANZA_GONE, .text = BYTES("a<b\x01"), .uri = BYTES("xmpp:x@e.example") };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_true(error_write(&b, STANZA_MESSAGE, TYPE_CHAT, BYTES("m'1"), BYTES("r@s.example"), BYTES("j@x.example/b"), &f)); /* ERR-14 */
	assert_string_equal(buf_cstr(&b), "<message type='error' id='m&apos;1' from='r@s.example' to='j@x.example/b'><error type='cancel'>"
		"<gone xmlns='" NS_STANZA_ERRORS "'>xmpp:x@e.example</gone><text xmlns='" NS_STANZA_ERRORS "'>a&lt;b\xef\xbf\xbd</text>"
		"</error></message>");
	buf_clear(&b);
	assert_false(error_write(&b, STANZA_MESSAGE, TYPE_ERROR, BYTES("m1"), BYTES("a@b"), BYTES("c@d"), &f)); /* ERR-13 */
	assert_false(error_write(&b, STANZA_IQ, TYPE_RESULT, BYTES("m1"), BYTES("a@b"), BYTES("c@d"), &f));
	assert_int_equal(buf_len(&b), 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector),	       cmocka_unit_test(sip_addresses),
		cmocka_unit_test(sips_where_the_peer_may), cmocka_unit_test(jid_addresses),
		cmocka_unit_test(raw_characters_are_no_jid), cmocka_unit_test(round_trips),
		cmocka_unit_test(too_long),	       cmocka_unit_test(gone_and_redirect_to_sip),
		cmocka_unit_test(never_503),	       cmocka_unit_test(text_as_reason),
		cmocka_unit_test(sip_to_xmpp),	       cmocka_unit_test(failures),
		cmocka_unit_test(error_stanzas),
	};

	arena_init(&arena, 1 << 20);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_fini(&arena);
	return rc;
}
