#include "base/err.h"
#include "report.h"
#include "timed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- settings ---- */

static int read_text(const char *text, struct time_wanted *w, struct time_error *e)
{
	struct settings *s;
	unsigned line;

	if (settings_parse(bytes_of(text), &s, &line))
		fail_msg("line %u of: %s", line, text);
	int rc = wanted_read(s, w, e);
	settings_free(s);
	return rc;
}

static void settings_that_are_refused(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "time server a iburst = on\n", "time server a address" },
		{ "time server a address = 192.0.2.1\ntime server a key = 7\n", "time server a key" },
		{ "time server a address = 192.0.2.1\ntime server a key = seven\n", "time server a key" },
		{ "time server a address = 192.0.2.1\ntime server a nts = on\n", "time server a nts" },
		{ "time key 7 secret = hex:000102030405060708090a0b0c0d0e0f\ntime server a address = ntp.example\ntime server a key = 7\n"
		  "time server a nts = on\n", "time server a nts" },
		{ "time server a address = 192.0.2.1\ntime server a poll-min = 9\ntime server a poll-max = 8\n", "time server a poll-min" },
		{ "time key 7 type = sha1\n", "time key 7 type" },
		{ "time key seven secret = 0123456789abcdef\n", "time key seven secret" },
		{ "time key 0 secret = 0123456789abcdef\n", "time key 0 secret" },
		{ "time key 2147483648 secret = 0123456789abcdef\n", "time key 2147483648 secret" },
		{ "time key 7 secret = 0123456789abcdef\ntime key 07 secret = 0123456789abcdef\n", "time key 7 secret" },
		{ "time key 7 secret = 0123456789abcde\n", "time key 7 secret" }, /* 15 bytes for AES-128 */
		{ "time key 7 secret = hex:0123\n", "time key 7 secret" },
		{ "time key 7 secret = hex:xy0102030405060708090a0b0c0d0e0f\n", "time key 7 secret" },
		{ "time key 7 type = aes256\ntime key 7 secret = 0123456789abcdef\n", "time key 7 secret" },
		{ "time key 7 type = sha256\ntime key 7 secret = 0123456789012345678901234567890123456789012345678901234567890123x\n", "time key 7 secret" },
	};
	struct time_wanted w = { .n_keys = 3 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct time_error e = { .why = "" };
		if (!read_text(rows[i].text, &w, &e))
			fail_msg("taken: %s", rows[i].text);
		assert_string_equal(e.path, rows[i].path);
		assert_true(e.why[0]);
		assert_int_equal(w.n_keys, 3); /* nothing of it */
	}
}

static const char many[] =
	"time server a address = ntp.bücher.example\ntime server a poll-min = 4\ntime server a iburst = off\n"
	"time server b address = 192.0.2.1 1123\ntime server b key = 7\n"
	"time server c address = [2001:db8::1]:124\ntime server c key = 20\n"
	"time server d address = nts.example\ntime server d nts = on\n"
	"time key 7 secret = 0123456789abcdef\ntime key 20 type = sha512\ntime key 20 secret = hex:00ff10\n";

static void files_of_chronyd(void **state)
{
	struct time_wanted w, got;
	struct time_error e = { .why = "" };
	struct time_places places = { .folder = "/data/time", .has_anchors = true, .has_system = false };
	struct buf b;

	(void)state;
	if (read_text(many, &w, &e))
		fail_msg("%s: %s", e.path, e.why);
	/* What the keeper gets is what was sent. */
	buf_init(&b, 64 << 10);
	wanted_put(&w, &b);
	struct wire in = wire_of(buf_bytes(&b));
	assert_int_equal(wanted_get(&in, &got), 0);
	assert_int_equal(wire_end(&in), 0);
	buf_clear(&b);
	text_conf(&got, &places, &b);
	assert_string_equal(buf_cstr(&b),
		"# Made by gh-time from the settings; changes here are lost.\n"
		"pool ntp.xn--bcher-kva.example port 123 minpoll 4 maxpoll 10 maxsources 4\n"
		"server 192.0.2.1 port 1123 minpoll 6 maxpoll 10 iburst key 7\n"
		"server 2001:db8::1 port 124 minpoll 6 maxpoll 10 iburst key 20\n"
		"server nts.example port 123 minpoll 6 maxpoll 10 iburst nts\n"
		"keyfile /data/time/chrony.keys\ndriftfile /data/time/own/drift\ndumpdir /data/time/own\nntsdumpdir /data/time/own\n"
		"bindcmdaddress /data/time/own/chronyd.sock\npidfile /data/time/own/chronyd.pid\n"
		"ntstrustedcerts /data/time/anchors.pem\nnosystemcert\nport 0\ncmdport 0\nmakestep 1.0 3\nrtcsync\n");
	buf_clear(&b);
	text_keys(&got, &b);
	assert_non_null(strstr(buf_cstr(&b), "7 AES128 HEX:30313233343536373839616263646566\n"));
	assert_non_null(strstr(buf_cstr(&b), "20 SHA512 HEX:00ff10\n"));
	buf_fini(&b);
}

/* The keeper believes nothing: each byte changed, each length cut. */
static void frames_are_judged_again(void **state)
{
	struct time_wanted w, got;
	struct time_error e;
	struct time_hosts hosts = { .n = 1, .v[0] = { "192.0.2.1", "ntp.example" } }, taken;
	struct buf b;

	(void)state;
	assert_int_equal(read_text(many, &w, &e), 0);
	buf_init(&b, 64 << 10);
	wanted_put(&w, &b);
	struct bytes good = buf_bytes(&b);
	for (size_t n = 0; n < good.n; n++) {
		struct wire in = wire_of(bytes_make(good.p, n));
		assert_int_equal(wanted_get(&in, &got), ERR_PROTOCOL);
	}
	uint8_t *bad = malloc(good.n);
	for (size_t i = 0; i < good.n; i++)
		for (unsigned c = 0; c < 256; c++) {
			memcpy(bad, good.p, good.n);
			bad[i] = (uint8_t)c;
			struct wire in = wire_of(bytes_make(bad, good.n));
			if (wanted_get(&in, &got))
				continue;
			for (size_t k = 0; k < got.n_servers; k++)
				assert_null(strpbrk(got.servers[k].host, " \n\t#!%"));
		}
	free(bad);
	static const struct time_host refused[] = { { "192.0.2.300", "ntp.example" }, { "192.0.2.1", "a b" }, { "192.0.2.1", "a\nb" },
						    { "", "a" }, { "192.0.2.1", "" }, { "192.0.2.1 x", "a" } };
	for (size_t i = 0; i <= sizeof refused / sizeof refused[0]; i++) {
		bool is_good = i == sizeof refused / sizeof refused[0];
		if (!is_good)
			hosts.v[0] = refused[i];
		else
			hosts.v[0] = (struct time_host){ "2001:db8::1", "ntp.example" };
		buf_clear(&b);
		hosts_put(&hosts, &b);
		struct wire in = wire_of(buf_bytes(&b));
		assert_int_equal(hosts_get(&in, &taken), is_good ? 0 : ERR_PROTOCOL);
	}
	buf_clear(&b);
	text_hosts(&taken, &b);
	assert_string_equal(buf_cstr(&b), "127.0.0.1 localhost\n::1 localhost\n2001:db8::1 ntp.example\n");
	buf_fini(&b);
}

/* ---- chronyc's lines ---- */

static void tracking_is_read(void **state)
{
	static const char good[] = "C0000201,192.0.2.1,3,1794672000.123456789,0.000012345,-0.000001000,0.000023000,-12.345,0.001,0.123,"
				   "0.012345678,0.000345000,64.2,Normal\n";
	static const char none[] = "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,"
				   "1.000000000,1.000000000,0.0,Not synchronised\n";
	struct report_tracking t = { .stratum = 77 };

	(void)state;
	for (size_t n = 0; n + 1 < sizeof good - 1; n++)
		assert_int_equal(report_read_tracking(bytes_make((const uint8_t *)good, n), &t), ERR_SYNTAX);
	assert_int_equal(t.stratum, 77);
	assert_int_equal(report_read_tracking(BYTES(good), &t), 0);
	assert_string_equal(t.reference, "192.0.2.1");
	assert_int_equal(t.stratum, 3);
	assert_int_equal(t.offset_ns, -12345);
	assert_int_equal(t.root_delay_ns, 12345678);
	assert_int_equal(t.leap, LEAP_NORMAL);
	assert_int_equal(report_read_tracking(BYTES(none), &t), 0);
	assert_int_equal(t.leap, LEAP_NONE);
	static const char *const bad[] = {
		"a,b,3,1.0,1234567890123.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.2,Normal\n", "a,b,3,1.0,0.1234567890,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.2,Normal\n",
		"a,b,3,1.0,1e5,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.2,Normal\n", "a,b,256,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.2,Normal\n",
		"a,b,3,1.0,0.0,0.0,0.0,0.0,0.0,0.0,-1.0,0.0,64.2,Normal\n", "a,b,3,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.2,Fine\n",
		"a,b c,3,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.2,Normal\n", "a,b,3,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.2,Normal\nmore\n",
		"a,b,3,1.0,-,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.2,Normal\n", "a,b,3,1.0,0.,0.0,0.0,0.0,0.0,0.0,0.0,0.0,64.2,Normal\n",
		"506 Cannot talk to daemon\n", ",,,,,,,,,,,,,,,,,,,,,\n" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (report_read_tracking(bytes_of(bad[i]), &t) == 0)
			fail_msg("taken: %s", bad[i]);
}

static void sources_are_judged(void **state)
{
	static struct report r;
	static const struct {
		const char *sources;
		bool is_synchronised;
		const char *trouble;
	} rows[] = {
		{ "^,*,a.example,2,6,377,133,0.000001,0.000002,0.0001\n", true, NULL },
		{ "^,*,a.example,2,6,377,134,0.000001,0.000002,0.0001\n", false, "answers" }, /* two questions and 5 s */
		{ "^,?,a.example,0,6,0,4294967295,0.0,0.0,0.0\n", false, "answers" },
		{ "^,x,a,2,6,377,1,0.0,0.0,0.0\n^,x,b,2,6,377,1,5.0,5.0,0.0\n", false, "contradict" },
		{ "^,-,a,2,6,1,1,0.0,0.0,0.0\n", false, "yet" },
		{ "", false, "address" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(report_read_sources(bytes_of(rows[i].sources), &r), 0);
		r.tracking.leap = LEAP_NORMAL;
		assert_int_equal(report_is_synchronised(&r), rows[i].is_synchronised);
		if (rows[i].trouble)
			assert_non_null(strstr(report_trouble(&r), rows[i].trouble));
		r.tracking.leap = LEAP_NONE;
		assert_false(report_is_synchronised(&r));
	}
	r.n_sources = 5;
	static const char *const bad[] = { "^,*,a,2,6,378,1,0.0,0.0,0.0\n", "^,*,a,2,6,400,1,0.0,0.0,0.0\n", "^,*,a,2,6,,1,0.0,0.0,0.0\n",
					   "^,!,a,2,6,377,1,0.0,0.0,0.0\n", "^,**,a,2,6,377,1,0.0,0.0,0.0\n", "^,*,a,2,6,377,1,0.0,0.0\n",
					   "^,*,a,2,33,377,1,0.0,0.0,0.0\n", "^,*,a,2,6,377,4294967296,0.0,0.0,0.0\n" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(report_read_sources(bytes_of(bad[i]), &r), ERR_SYNTAX);
	assert_int_equal(r.n_sources, 5);
}

static void many_sources_end_somewhere(void **state)
{
	static struct report r;
	struct buf b;

	(void)state;
	buf_init(&b, 64 << 10);
	for (int i = 0; i < 2 * REPORT_SOURCES_MAX; i++)
		buf_put_str(&b, "^,+,a,2,6,377,1,0.0,0.0,0.0\n");
	assert_int_equal(report_read_sources(buf_bytes(&b), &r), 0);
	assert_int_equal(r.n_sources, REPORT_SOURCES_MAX);
	buf_fini(&b);
}

/* ---- time set ---- */

static void times_that_people_write(void **state)
{
	static const struct {
		const char *text;
		uint64_t unix_s; /* 0: refused */
	} rows[] = {
		{ "2026-11-26T17:00:00Z", 1795712400 }, { "2026-11-26T17:00Z", 1795712400 }, { "2026-11-26 17:00:30Z", 1795712430 },
		{ "2026-11-26T17:00:00", 1795708800 }, { "2026-07-01 00:00", 1782856800 }, /* Berlin's winter and summer */
		{ "2028-02-29T00:00Z", 1835395200 }, { "2026-02-29T00:00Z", 0 }, { "2026-04-31T00:00Z", 0 }, { "2019-12-31T00:00Z", 0 },
		{ "2100-01-01T00:00Z", 0 }, { "2026-13-01T00:00Z", 0 }, { "2026-00-01T00:00Z", 0 }, { "2026-11-26T24:00Z", 0 },
		{ "2026-11-26T17:60Z", 0 }, { "2026-11-26T17:00:60Z", 0 }, { "2026-11-26", 0 }, { "", 0 }, { "Z", 0 }, { "now", 0 },
		{ "2026-11-26T17:00:00+01:00", 0 }, { "2026/11/26T17:00Z", 0 }, { "+026-11-26T17:00Z", 0 }, { "2026-11-26T 7:00Z", 0 },
	};

	(void)state;
	assert_int_equal(zone_use("CET-1CEST,M3.5.0,M10.5.0/3"), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t ms = 7;
		int rc = when_read(bytes_of(rows[i].text), &ms);
		if ((rc == 0) != (rows[i].unix_s != 0) || (rc == 0 && ms != rows[i].unix_s * 1000) || (rc && ms != 7))
			fail_msg("%s: %d, %llu", rows[i].text, rc, (unsigned long long)ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_that_are_refused), cmocka_unit_test(files_of_chronyd), cmocka_unit_test(frames_are_judged_again),
		cmocka_unit_test(tracking_is_read), cmocka_unit_test(sources_are_judged), cmocka_unit_test(many_sources_end_somewhere),
		cmocka_unit_test(times_that_people_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
