#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/err.h"
#include "name.h"
#include "speech.h"

#define AS(literal) BYTES(literal)

static struct buf out;

static void assert_out(struct bytes want)
{
	assert_int_equal(buf_len(&out), want.n);
	assert_memory_equal(buf_bytes(&out).p, want.p, want.n);
	buf_clear(&out);
}

static struct speech clamd(void)
{
	return (struct speech){ .protocol = PROTOCOL_CLAMD };
}

static struct speech icap(int32_t preview, bool has_respmod)
{
	return (struct speech){ .protocol = PROTOCOL_ICAP, .service = { "2001:db8::1", 1344, "avscan" },
				.options = { .has_respmod = has_respmod, .has_reqmod = true, .has_204 = true, .preview = preview } };
}

static void what_clamd_gets(void **state)
{
	struct speech s = clamd();

	(void)state;
	speech_probe(&s, &out);
	assert_out(AS("zPING\0"));
	speech_fini(&s);
	speech_scan(&s, 5, AS("text/plain"), &out);
	assert_out(AS("zINSTREAM\0"));
	assert_int_equal(speech_wants(&s), 5);
	speech_put(&s, AS("hel"), &out);
	assert_out(AS("\0\0\0\3hel"));
	assert_int_equal(speech_wants(&s), 2);
	speech_put(&s, AS("lo"), &out);
	assert_out(AS("\0\0\0\2lo\0\0\0\0"));
	assert_int_equal(speech_wants(&s), 0);
	speech_fini(&s);
}

static void what_icap_gets(void **state)
{
	struct speech s = icap(-1, true);

	(void)state;
	speech_probe(&s, &out);
	assert_out(AS("OPTIONS icap://[2001:db8::1]:1344/avscan ICAP/1.0\r\nHost: [2001:db8::1]:1344\r\nEncapsulated: null-body=0\r\n\r\n"));
	speech_fini(&s);
	speech_scan(&s, 5, AS("text/plain"), &out);
	assert_out(AS("RESPMOD icap://[2001:db8::1]:1344/avscan ICAP/1.0\r\nHost: [2001:db8::1]:1344\r\nAllow: 204\r\nConnection: close\r\n"
	              "Encapsulated: req-hdr=0, res-hdr=46, res-body=110\r\n\r\n"
	              "GET /upload HTTP/1.1\r\nHost: upload.invalid\r\n\r\n"
	              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"));
	speech_put(&s, AS("hello"), &out);
	assert_out(AS("5\r\nhello\r\n0\r\n\r\n"));
	speech_fini(&s);

	s = icap(3, false); /* the front first; a type that is none of a field is left out */
	speech_scan(&s, 5, AS("text/plain\r\nX: y"), &out);
	assert_out(AS("REQMOD icap://[2001:db8::1]:1344/avscan ICAP/1.0\r\nHost: [2001:db8::1]:1344\r\nAllow: 204\r\nConnection: close\r\nPreview: 3\r\n"
	              "Encapsulated: req-hdr=0, req-body=65\r\n\r\n"
	              "PUT /upload HTTP/1.1\r\nHost: upload.invalid\r\nContent-Length: 5\r\n\r\n"));
	assert_int_equal(speech_wants(&s), 3);
	speech_put(&s, AS("hel"), &out);
	assert_out(AS("3\r\nhel\r\n0\r\n\r\n"));
	assert_int_equal(speech_wants(&s), 0);
	struct speech_answer a;
	assert_int_equal(speech_hear(&s, AS("ICAP/1.0 100 Continue\r\n"), &a), ERR_AGAIN);
	assert_int_equal(speech_wants(&s), 0);
	assert_int_equal(speech_hear(&s, AS("\r\n"), &a), ERR_AGAIN);
	assert_int_equal(speech_wants(&s), 2);
	speech_put(&s, AS("lo"), &out);
	assert_out(AS("2\r\nlo\r\n0\r\n\r\n"));
	assert_int_equal(speech_hear(&s, AS("ICAP/1.0 204 No\r\n\r\n"), &a), 0);
	assert_int_equal(a.verdict, SCAN_CLEAN);
	speech_fini(&s);

	s = icap(100, true); /* all of it in the preview: RFC 3507 4.5 */
	speech_scan(&s, 2, BYTES_NONE, &out);
	buf_clear(&out);
	speech_put(&s, AS("hi"), &out);
	assert_out(AS("2\r\nhi\r\n0; ieof\r\n\r\n"));
	speech_fini(&s);
}

enum when { PROBED, BEGUN, WHOLE };

struct row {
	struct bytes in;
	int rc;
	enum scan_verdict verdict;
	const char *text;
	enum when when;
};

static void hear(struct speech s, const struct row *r, size_t cut)
{
	struct speech_answer a;

	if (r->when == PROBED)
		speech_probe(&s, &out);
	else
		speech_scan(&s, 10, BYTES_NONE, &out);
	if (r->when == BEGUN)
		speech_put(&s, AS("12345"), &out);
	while (r->when == WHOLE && speech_wants(&s))
		speech_put(&s, AS("12345"), &out);
	int rc = speech_hear(&s, bytes_make(r->in.p, cut), &a);
	if (rc == ERR_AGAIN)
		rc = speech_hear(&s, bytes_skip(r->in, cut), &a);
	assert_int_equal(rc, r->rc);
	if (!rc && r->when != PROBED) {
		assert_int_equal(a.verdict, r->verdict);
		assert_string_equal(a.text, r->text);
	}
	speech_fini(&s);
	buf_clear(&out);
}

/* Whole, and cut at each place up to an end that stands in it: what comes behind an answer later is not heard. */
static void hear_all(struct speech s, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t cut = 0; cut <= rows[i].in.n; cut = cut < bytes_find(rows[i].in, 0) ? cut + 1 : cut == rows[i].in.n ? cut + 1 : rows[i].in.n)
			hear(s, &rows[i], cut);
}

static void what_clamd_says(void **state)
{
	static const struct row rows[] = {
		{ AS("PONG\0"), 0, SCAN_CLEAN, "", PROBED },
		{ AS("PONG\0x"), ERR_SYNTAX, SCAN_NONE, "", PROBED },
		{ AS("PING\0"), ERR_SYNTAX, SCAN_NONE, "", PROBED },
		{ AS("stream: OK\0"), ERR_PROTOCOL, SCAN_NONE, "", PROBED },
		{ AS("PONG"), ERR_AGAIN, SCAN_NONE, "", PROBED },
		{ AS("stream: OK\0"), 0, SCAN_CLEAN, "", WHOLE },
		{ AS("stream: OK\0"), ERR_PROTOCOL, SCAN_NONE, "", BEGUN }, /* it has not had all of it */
		{ AS("PONG\0"), ERR_PROTOCOL, SCAN_NONE, "", WHOLE },
		{ AS("stream: ok\0"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("stream: OK\n"), ERR_AGAIN, SCAN_NONE, "", WHOLE },
		{ AS("other: OK\0"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("stream: Eicar-Test-Signature FOUND\0"), 0, SCAN_INFECTED, "Eicar-Test-Signature", WHOLE },
		{ AS("stream: A\x1b[2J<b> FOUND\0"), 0, SCAN_INFECTED, "A?[2J?b?", BEGUN },
		{ AS("stream:  FOUND\0"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("INSTREAM size limit exceeded. ERROR\0"), 0, SCAN_TOO_LARGE, "", BEGUN },
		{ AS("INSTREAM size limit exceeded.\0"), ERR_SYNTAX, SCAN_NONE, "", BEGUN },
		{ AS("stream: Can't allocate memory ERROR\0"), 0, SCAN_NONE, "Can?t allocate memory", WHOLE },
		{ AS("\0"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
	};
	static uint8_t longer[4000];
	struct row too_long = { bytes_make(longer, sizeof longer), ERR_LIMIT, SCAN_NONE, "", WHOLE };

	(void)state;
	hear_all(clamd(), rows, sizeof rows / sizeof rows[0]);
	memset(longer, 'x', sizeof longer);
	hear(clamd(), &too_long, sizeof longer);
	hear(clamd(), &too_long, 3);
}

static void what_icap_says(void **state)
{
	static const struct row rows[] = {
		{ AS("ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nAllow: 204\r\n\r\n"), 0, SCAN_CLEAN, "", PROBED },
		{ AS("ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\n\r\n"), ERR_UNSUPPORTED, SCAN_NONE, "", PROBED },
		{ AS("ICAP/1.0 200 OK\r\nMethods: OTHER\r\nAllow: 204\r\n\r\n"), ERR_UNSUPPORTED, SCAN_NONE, "", PROBED },
		{ AS("ICAP/1.0 404 No\r\n\r\n"), ERR_UNSUPPORTED, SCAN_NONE, "", PROBED },
		{ AS("ICAP/1.0 200 OK\r\nPreview: -1\r\n\r\n"), ERR_SYNTAX, SCAN_NONE, "", PROBED },
		{ AS("ICAP/1.0 204 No Content\r\nISTag: x\r\n\r\n"), 0, SCAN_CLEAN, "", WHOLE },
		{ AS("ICAP/1.0 204\r\n\r\n"), 0, SCAN_CLEAN, "", WHOLE },
		{ AS("ICAP/1.0 204 No\r\n\r\n"), ERR_PROTOCOL, SCAN_NONE, "", BEGUN },
		{ AS("ICAP/1.0 204 No\r\nX-Infection-Found: Type=0; Resolution=2; Threat=A.B;\r\n\r\n"), 0, SCAN_INFECTED, "A.B", BEGUN },
		{ AS("ICAP/1.0 403 No\r\nX-Virus-ID: A.B\r\n\r\n"), 0, SCAN_INFECTED, "A.B", WHOLE },
		{ AS("ICAP/1.0 204 No\r\nX-Virus-ID: none\r\nX-Violations-Found: 0\r\n\r\n"), 0, SCAN_CLEAN, "", WHOLE },
		{ AS("ICAP/1.0 200 OK\r\nX-Violations-Found: 1\r\n\t-\r\n\tA.B\r\n\t0\r\n\t0\r\n\r\n"), 0, SCAN_INFECTED, "unnamed", WHOLE },
		{ AS("ICAP/1.0 200 OK\r\nX-Violations-Found: 1\r\nx-virus-id: A.B\r\n\r\n"), 0, SCAN_INFECTED, "A.B", WHOLE },
		{ AS("ICAP/1.0 200 OK\r\n\r\n"), 0, SCAN_INFECTED, "changed by the scanner", WHOLE },
		{ AS("ICAP/1.0 500 No\r\n\r\n"), 0, SCAN_NONE, "status 500", WHOLE },
		{ AS("ICAP/1.0 100 Continue\r\n\r\n"), ERR_PROTOCOL, SCAN_NONE, "", WHOLE },
		{ AS("ICAP/1.0 2o4 No\r\n\r\n"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("ICAP/1.0 2040 No\r\n\r\n"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("HTTP/1.1 204 No\r\n\r\n"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("ICAP/1.0 204 No\n\n"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("ICAP/1.0 204 No\r\nX : y\r\n\r\n"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("ICAP/1.0 204 No\r\n folded\r\n\r\n"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("ICAP/1.0 204 No\r\nX: \0\r\n\r\n"), ERR_SYNTAX, SCAN_NONE, "", WHOLE },
		{ AS("ICAP/1.0 204 No\r\nX: y\r\n"), ERR_AGAIN, SCAN_NONE, "", WHOLE },
	};
	static uint8_t longer[2 * ICAP_HEAD_MAX];
	struct row too_long = { bytes_make(longer, sizeof longer), ERR_LIMIT, SCAN_NONE, "", WHOLE };
	char many[2000] = "ICAP/1.0 204 No\r\n";

	(void)state;
	hear_all(icap(-1, true), rows, sizeof rows / sizeof rows[0]);
	memset(longer, 'x', sizeof longer);
	memcpy(longer, "ICAP/1.0 204 ", 13);
	hear(icap(-1, true), &too_long, sizeof longer);
	for (int i = 0; i <= ICAP_FIELDS_MAX; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "A: b\r\n");
	struct row fields = { bytes_of(many), ERR_LIMIT, SCAN_NONE, "", WHOLE };
	hear(icap(-1, true), &fields, fields.in.n);
}

static void services_and_names(void **state)
{
	char name[SCAN_NAME_MAX + 1];
	uint8_t longer[300];

	(void)state;
	assert_true(icap_is_service(AS("avscan")));
	assert_true(icap_is_service(AS("virus_scan?allow204=on&mode=simple")));
	assert_false(icap_is_service(AS("")));
	assert_false(icap_is_service(AS("/avscan")));
	assert_false(icap_is_service(AS("a b")));
	assert_false(icap_is_service(AS("a\r\nX: y")));
	assert_false(icap_is_service(AS("a\0b")));
	scan_name(BYTES_NONE, name);
	assert_string_equal(name, "unnamed");
	memset(longer, 'x', sizeof longer);
	scan_name(bytes_make(longer, sizeof longer), name);
	assert_int_equal(strlen(name), SCAN_NAME_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_clamd_gets), cmocka_unit_test(what_icap_gets), cmocka_unit_test(what_clamd_says),
		cmocka_unit_test(what_icap_says),  cmocka_unit_test(services_and_names),
	};

	buf_init(&out, 1 << 16);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&out);
	return rc;
}
