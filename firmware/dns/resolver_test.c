/* What of the settings reaches unbound's file, what is refused, and how unbound's counters are judged. */
#include "base/err.h"
#include "report.h"
#include "wanted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static int read_text(const char *text, struct wanted *w, struct wanted_error *e)
{
	struct settings *s;
	unsigned line;

	if (settings_parse(bytes_of(text), &s, &line))
		fail_msg("line %u of: %s", line, text);
	int rc = wanted_read(s, w, e);
	settings_free(s);
	return rc;
}

static char *conf_of(const char *text)
{
	static struct wanted w, back;
	static char out[64 << 10];
	struct wanted_error e = { .why = "" };
	struct buf b;

	if (read_text(text, &w, &e))
		fail_msg("%s: %s", e.path, e.why);
	/* over the pair, as the keeper gets it */
	buf_init(&b, sizeof out);
	wanted_put(&w, &b);
	struct wire in = wire_of(buf_bytes(&b));
	assert_int_equal(wanted_get(&in, &back), 0);
	assert_int_equal(wire_end(&in), 0);
	buf_fini(&b);
	buf_init(&b, sizeof out - 1);
	text_conf(&back, "/f", &b);
	struct bytes v = buf_bytes(&b);
	assert_false(buf_failed(&b));
	memcpy(out, v.p, v.n);
	out[v.n] = 0;
	buf_fini(&b);
	return out;
}

static void has(const char *text, const char *part, bool wanted)
{
	if (!strstr(text, part) == wanted)
		fail_msg("%s%s in:\n%s", wanted ? "no " : "", part, text);
}

static void modes(void **state)
{
	static const char root[] = "\tname: \".\"\n", refuses[] = "local-zone: \".\" refuse";
	static const struct {
		const char *text;
		bool forwards, refuses;
	} rows[] = {
		{ "dns resolver = auto\n", false, false }, /* recurses */
		{ "dns resolver = auto\ndns server 1 = 192.0.2.1\n", true, false },
		{ "dns resolver = forward\ndns server 1 = 192.0.2.1\n", true, false },
		{ "dns resolver = forward\n", false, true }, /* the root servers are not asked behind the administrator's back */
		{ "dns resolver = recurse\ndns server 1 = 192.0.2.1\n", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *conf = conf_of(rows[i].text);
		has(conf, root, rows[i].forwards);
		has(conf, "forward-addr: 192.0.2.1@53", rows[i].forwards);
		has(conf, refuses, rows[i].refuses);
		has(conf, "interface: 127.0.0.1@1053\n", true);
		has(conf, "access-control: 0.0.0.0/0 refuse\n", true);
		has(conf, "auto-trust-anchor-file: \"root.key\"", true);
	}
}

static void zones_and_anchors(void **state)
{
	(void)state;
	const char *conf = conf_of("dns resolver = recurse\ndns forward-zone corp.example server = 10.1.1.33 [2001:db8::33]:5353\n"
				   "dns forward-zone b\xc3\xbc" "cher.example server = 10.1.1.34\ndns forward-zone b\xc3\xbc" "cher.example validates = on\n"
				   "dns trust-anchor one = signed.example 4711 13 2 " DIGEST "\n");
	has(conf, "name: \"corp.example\"\n\tforward-first: no\n\tforward-addr: 10.1.1.33@53\n\tforward-addr: 2001:db8::33@5353\n", true);
	has(conf, "domain-insecure: \"corp.example\"", true);
	has(conf, "name: \"xn--bcher-kva.example\"", true);
	has(conf, "domain-insecure: \"xn--bcher-kva.example\"", false);
	has(conf, "trust-anchor: \"signed.example DS 4711 13 2 " DIGEST "\"", true);
	has(conf, "auto-trust-anchor-file", true);
	conf = conf_of("dns resolver = auto\ndns trust-anchor root = . 4711 13 2 " DIGEST "\n");
	has(conf, "trust-anchor: \". DS 4711 13 2", true);
	has(conf, "auto-trust-anchor-file", false); /* a root of one's own is the only one */
}

static void refused_settings(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "dns server 1 = 127.0.0.1:1053\n", "dns server 1" }, /* itself */
		{ "dns forward-zone a.example server = 127.0.0.1:1053\n", "dns forward-zone a.example server" },
		{ "dns trust-anchor a = example 1 13 2\n", "dns trust-anchor a" },
		{ "dns trust-anchor a = example 1 13 2 00ff\n", "dns trust-anchor a" },
		{ "dns trust-anchor a = example 1 13 1 0001020304050607080900010203040506070809\n", "dns trust-anchor a" }, /* SHA-1 */
		{ "dns trust-anchor a = example 70000 13 2 " DIGEST "\n", "dns trust-anchor a" },
		{ "dns trust-anchor a = exa\"mple 1 13 2 " DIGEST "\n", "dns trust-anchor a" },
		{ "dns trust-anchor a = example 1 13 2 " DIGEST " more\n", "dns trust-anchor a" },
		{ "dns trust-anchor a = example 1 13 2 zz" DIGEST "\n", "dns trust-anchor a" },
	};
	static struct wanted w;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct wanted_error e = { .why = "" };
		if (!read_text(rows[i].text, &w, &e))
			fail_msg("taken: %s", rows[i].text);
		assert_string_equal(e.path, rows[i].path);
		assert_true(e.why[0]);
	}
}

/* The keeper has rights: what it takes is looked at, whoever sends it. */
static void frames_that_are_refused(void **state)
{
	static struct wanted good, out;
	struct wanted_error e;
	struct buf b;

	(void)state;
	assert_int_equal(read_text("dns resolver = auto\ndns server 1 = 192.0.2.1\ndns forward-zone a.example server = 192.0.2.2\n"
				   "dns trust-anchor a = b.example 1 13 2 " DIGEST "\n", &good, &e), 0);
	for (unsigned i = 0; i < 8; i++) {
		struct wanted bad = good;
		switch (i) {
		case 0: bad.mode = MODE_COUNT; break;
		case 1: memcpy(bad.servers[0].address, "ns.example", 11); break;
		case 2: bad.servers[0].port = 0; break;
		case 3: bad.zones[0].n = 0; break;
		case 4: memcpy(bad.zones[0].domain, "a\"\n\tchroot:", 12); break;
		case 5: memcpy(bad.anchors[0].domain, "b\nx", 4); break;
		case 6: bad.anchors[0].digest_n = 0; break;
		case 7: bad.zones[0].servers[0] = (struct wanted_server){ "127.0.0.1", 1053 }; break;
		}
		buf_init(&b, 4096);
		wanted_put(&bad, &b);
		struct wire in = wire_of(buf_bytes(&b));
		if (wanted_get(&in, &out) != ERR_PROTOCOL)
			fail_msg("taken: %u", i);
		buf_fini(&b);
	}
	/* cut off anywhere */
	buf_init(&b, 4096);
	wanted_put(&good, &b);
	struct bytes whole = buf_bytes(&b);
	for (size_t n = 0; n < whole.n; n++) {
		struct wire in = wire_of(bytes_make(whole.p, n));
		assert_int_equal(wanted_get(&in, &out), ERR_PROTOCOL);
	}
	buf_fini(&b);
}

static void reports(void **state)
{
	static const char text[] = "thread0.num.queries=9\ntotal.num.queries=12\ntotal.num.cachehits=3\ntotal.recursion.time.avg=0.1\n"
				   "num.answer.rcode.NOERROR=7\nnum.answer.rcode.NXDOMAIN=1\nnum.answer.rcode.SERVFAIL=4\nnum.answer.secure=5\nnum.answer.bogus=2\n";
	static const char *const bad[] = { "", "total.num.queries=1", "total.num.queries=x\n", "error: no connection\n", "total.num.queries=-1\n" };
	struct report r = { 0 };

	(void)state;
	assert_int_equal(report_read(bytes_of(text), &r), 0);
	assert_int_equal(r.queries, 12);
	assert_int_equal(r.hits, 3);
	assert_int_equal(r.good, 8);
	assert_int_equal(r.failed, 4);
	assert_int_equal(r.secure, 5);
	assert_int_equal(r.bogus, 2);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(report_read(bytes_of(bad[i]), &r), ERR_SYNTAX);
	assert_int_equal(r.queries, 12); /* as before */
}

static void verdicts(void **state)
{
	static const struct {
		struct report before, now;
		enum report_verdict v;
	} rows[] = {
		{ { .queries = 5, .good = 5 }, { .queries = 5, .good = 5 }, VERDICT_NONE },
		{ { .queries = 5, .good = 5 }, { .queries = 6, .good = 5, .failed = 1 }, VERDICT_NONE }, /* one name's trouble */
		{ { .queries = 5, .good = 5 }, { .queries = 8, .good = 5 }, VERDICT_WAITS },
		{ { .queries = 5, .good = 5 }, { .queries = 8, .good = 5, .failed = 3 }, VERDICT_SILENT },
		{ { .queries = 5, .good = 5 }, { .queries = 8, .good = 5, .failed = 3, .bogus = 3 }, VERDICT_BOGUS },
		{ { .queries = 5, .good = 5 }, { .queries = 9, .good = 6, .failed = 3, .bogus = 3 }, VERDICT_GOOD },
		{ { .queries = 50, .good = 50 }, { .queries = 2, .failed = 2 }, VERDICT_SILENT }, /* started anew in between */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(report_judge(&rows[i].before, &rows[i].now), rows[i].v);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(modes), cmocka_unit_test(zones_and_anchors), cmocka_unit_test(refused_settings),
		cmocka_unit_test(frames_that_are_refused), cmocka_unit_test(reports), cmocka_unit_test(verdicts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
