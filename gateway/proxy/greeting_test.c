#include "greeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"

#define HEADER "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' to='%s' version='1.0'>"
#define HEADER_OURS "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' to='a.example' version='1.0'>"
#define STARTTLS "<starttls xmlns='" NS_TLS "'/>"
#define FEATURES "<stream:features><starttls xmlns='" NS_TLS "'><required/></starttls></stream:features>"

struct world {
	struct xml_pool *pool;
	struct greeting s;
	struct arena arena;
	struct buf out;
};

static bool is_host(void *arg, const char *domain)
{
	(void)arg;
	return strcmp(domain, "a.example") == 0 || strcmp(domain, "xn--bcher-kva.example") == 0;
}

static void world_open(struct world *w)
{
	w->pool = xml_pool_new(4);
	greeting_init(&w->s, w->pool, is_host, NULL, false);
	arena_init(&w->arena, 1 << 20);
	buf_init(&w->out, 1 << 20);
}

static void world_close(struct world *w)
{
	greeting_fini(&w->s);
	xml_pool_free(w->pool);
	arena_fini(&w->arena);
	buf_fini(&w->out);
}

static enum greeting_what say(struct world *w, const char *text)
{
	buf_clear(&w->out);
	return greeting_feed(&w->s, bytes_of(text), &w->arena, &w->out);
}

static const char *heard(struct world *w)
{
	return buf_cstr(&w->out);
}

/* ---- the way to TLS (RFC 6120 9.1.1) ---- */

static void whole_in_drips(void **state)
{
	struct bytes in = BYTES(HEADER_OURS STARTTLS);
	enum greeting_what what = GREETING_MORE;
	struct world w;

	(void)state;
	world_open(&w);
	for (; in.n && what == GREETING_MORE; in = bytes_skip(in, 1))
		what = greeting_feed(&w.s, bytes_make(in.p, 1), &w.arena, &w.out);
	assert_int_equal(in.n, 0);
	assert_int_equal(what, GREETING_TLS);
	assert_non_null(strstr(heard(&w), " from='a.example'>" FEATURES));
	assert_string_equal(w.s.domain, "a.example");
	buf_clear(&w.out);
	greeting_proceed(&w.s, &w.out);
	assert_string_equal(heard(&w), "<proceed xmlns='" NS_TLS "'/>");
	buf_clear(&w.out);
	greeting_fail(&w.s, &w.out, STREAM_SYSTEM_SHUTDOWN, "");
	assert_int_equal(buf_len(&w.out), 0); /* nothing in clear any more */
	world_close(&w);
}

static void header_and_wish_at_once(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(say(&w, HEADER_OURS STARTTLS "\n"), GREETING_TLS);
	world_close(&w);
}

static void name_in_two_forms(void **state)
{
	struct world w;
	char text[512];

	(void)state;
	world_open(&w);
	snprintf(text, sizeof text, HEADER, "B\u00fccher.example");
	assert_int_equal(say(&w, text), GREETING_MORE);
	assert_non_null(strstr(heard(&w), " from='b\u00fccher.example'>"));
	assert_string_equal(w.s.domain, "xn--bcher-kva.example");
	world_close(&w);
}

static void no_certificate(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(say(&w, HEADER_OURS STARTTLS), GREETING_TLS);
	buf_clear(&w.out);
	greeting_refuse(&w.s, &w.out);
	assert_string_equal(heard(&w), "<failure xmlns='" NS_TLS "'/></stream:stream>"); /* 5.4.2.2 */
	world_close(&w);
}

static void ends_in_order(void **state)
{
	static const char *const ends[] = { "</stream:stream>", "<stream:error><reset xmlns='" NS_STREAM_ERRORS "'/></stream:error>" };
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		world_open(&w);
		assert_int_equal(say(&w, HEADER_OURS), GREETING_MORE);
		assert_int_equal(say(&w, ends[i]), GREETING_ENDED);
		assert_string_equal(heard(&w), "</stream:stream>");
		world_close(&w);
	}
}

/* ---- what is refused ---- */

static const struct refusal {
	const char *text;
	enum stream_error error;
} refusals[] = {
	/* stanzas and logins in clear (RFC 6120 4.9.3.12) */
	{ HEADER_OURS "<message to='b@a.example'><body>hi</body></message>", STREAM_NOT_AUTHORIZED },
	{ HEADER_OURS "<iq type='get' id='1'><query xmlns='jabber:iq:auth'/></iq>", STREAM_NOT_AUTHORIZED },
	{ HEADER_OURS "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>AGEAYg==</auth>", STREAM_NOT_AUTHORIZED },
	{ HEADER_OURS "<starttls/>", STREAM_NOT_AUTHORIZED }, /* of another namespace */
	{ HEADER_OURS HEADER_OURS, STREAM_NOT_WELL_FORMED },
	/* what would seem to have come by TLS */
	{ HEADER_OURS STARTTLS "<stream:stream", STREAM_POLICY_VIOLATION },
	{ HEADER_OURS STARTTLS HEADER_OURS, STREAM_POLICY_VIOLATION },
	{ HEADER_OURS STARTTLS STARTTLS, STREAM_POLICY_VIOLATION },
	{ HEADER_OURS STARTTLS "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>AGEAYg==</auth>", STREAM_POLICY_VIOLATION },
	{ HEADER_OURS STARTTLS "</stream:stream>", STREAM_POLICY_VIOLATION },
	{ HEADER_OURS STARTTLS "\x16\x03\x01", STREAM_POLICY_VIOLATION },
	/* headers */
	{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' to='b.example' version='1.0'>", STREAM_HOST_UNKNOWN },
	{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' version='1.0'>", STREAM_HOST_UNKNOWN },
	{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' to='a@a.example' version='1.0'>", STREAM_HOST_UNKNOWN },
	{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' to='a.example'>", STREAM_UNSUPPORTED_VERSION },
	{ "<stream:stream xmlns='jabber:server' xmlns:stream='" NS_STREAM "' to='a.example' version='1.0'>", STREAM_INVALID_NAMESPACE },
	{ "<stream:stream xmlns='jabber:client' xmlns:stream='urn:other' to='a.example' version='1.0'>", STREAM_INVALID_NAMESPACE },
	{ "<open xmlns='" NS_FRAMING "' to='a.example' version='1.0'/>", STREAM_INVALID_NAMESPACE },
	/* XML that XMPP has not (RFC 6120 11.1) */
	{ "<!DOCTYPE x [<!ENTITY y 'z'>]>", STREAM_RESTRICTED_XML },
	{ HEADER_OURS "<!-- -->", STREAM_RESTRICTED_XML },
	{ HEADER_OURS "<?x y?>", STREAM_RESTRICTED_XML },
	{ HEADER_OURS "<a>&b;</a>", STREAM_RESTRICTED_XML },
	{ HEADER_OURS "x", STREAM_BAD_FORMAT },
	{ HEADER_OURS "<a></b>", STREAM_NOT_WELL_FORMED },
	{ HEADER_OURS "<a>\xff</a>", STREAM_NOT_WELL_FORMED },
	/* other protocols */
	{ "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", STREAM_NOT_WELL_FORMED },
	{ "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", STREAM_NOT_WELL_FORMED },
};

static void refused(void **state)
{
	char error[64];
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		const struct refusal *r = &refusals[i];
		world_open(&w);
		if (say(&w, r->text) != GREETING_FAILED || w.s.error != r->error)
			fail_msg("%s: %s", r->text, stream_error_name(w.s.error));
		snprintf(error, sizeof error, "<stream:error><%s ", stream_error_name(r->error));
		assert_non_null(strstr(heard(&w), error));
		assert_null(strstr(heard(&w), "<proceed"));
		assert_non_null(strstr(heard(&w), "<stream:stream "));
		assert_non_null(strstr(heard(&w), "</stream:stream>"));
		world_close(&w);
	}
}

/* Inside TLS nothing is answered to a header of ours, and what comes behind it is not read. */
static void inside_tls(void **state)
{
	static const char *const behind[] = { "", "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>AGEAYg==</auth>", "<a>&b;</a>", "\xff<!DOCTYPE x>", "</b>" };
	struct world w;
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
		world_open(&w);
		w.s.is_secure = true;
		snprintf(text, sizeof text, "%s%s", HEADER_OURS, behind[i]);
		assert_int_equal(say(&w, text), GREETING_STREAM);
		assert_int_equal(buf_len(&w.out), 0);
		greeting_fail(&w.s, &w.out, STREAM_REMOTE_CONNECTION_FAILED, ""); /* there is no core */
		assert_non_null(strstr(heard(&w), " from='a.example'><stream:error><remote-connection-failed "));
		world_close(&w);
	}
}

/* Whatever was refused in a header in clear is refused inside TLS. */
static void refused_inside_tls(void **state)
{
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		if (strncmp(refusals[i].text, HEADER_OURS, sizeof HEADER_OURS - 1) == 0)
			continue;
		world_open(&w);
		w.s.is_secure = true;
		if (say(&w, refusals[i].text) != GREETING_FAILED || w.s.error != refusals[i].error)
			fail_msg("%s: %s", refusals[i].text, stream_error_name(w.s.error));
		world_close(&w);
	}
}

static void large_header_inside_tls(void **state)
{
	static char large[20000];
	struct world w;

	(void)state;
	memset(large, 'x', sizeof large - 1);
	memcpy(large, "<stream:stream to='", 19);
	for (size_t step = 1; step < sizeof large; step *= 7) {
		enum greeting_what what = GREETING_MORE;
		size_t at = 0;
		world_open(&w);
		w.s.is_secure = true;
		for (; what == GREETING_MORE && at + step < sizeof large; at += step)
			what = greeting_feed(&w.s, bytes_make(large + at, step), &w.arena, &w.out);
		assert_int_equal(what, GREETING_FAILED);
		assert_int_equal(w.s.error, STREAM_POLICY_VIOLATION);
		assert_true(at <= GREETING_HEADER_MAX + 2 * step);
		world_close(&w);
	}
}

/* As much as one likes, in small pieces or large, of whatever does not end. */
static void too_much(void **state)
{
	static const char *const begins[] = { "<stream:stream xmlns='", HEADER_OURS "<a>", HEADER_OURS "<a b='", HEADER_OURS "<a", "<?xml version='1.0'" };
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
		size_t n = 0;
		world_open(&w);
		enum greeting_what what = say(&w, begins[i]);
		for (; what == GREETING_MORE; n += 7) {
			what = say(&w, "xxxxxxx");
			assert_true(n <= GREETING_BYTES_MAX);
		}
		assert_int_equal(what, GREETING_FAILED);
		assert_int_equal(w.s.error, STREAM_POLICY_VIOLATION);
		world_close(&w);
	}
}

static void white_space_without_end(void **state)
{
	struct world w;
	size_t n = 0;

	(void)state;
	world_open(&w);
	enum greeting_what what = say(&w, HEADER_OURS);
	for (; what == GREETING_MORE; n++)
		what = say(&w, "\n");
	assert_int_equal(what, GREETING_FAILED);
	assert_true(n <= GREETING_BYTES_MAX);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_in_drips), cmocka_unit_test(header_and_wish_at_once), cmocka_unit_test(name_in_two_forms),
		cmocka_unit_test(no_certificate), cmocka_unit_test(ends_in_order), cmocka_unit_test(refused),
		cmocka_unit_test(inside_tls), cmocka_unit_test(refused_inside_tls), cmocka_unit_test(large_header_inside_tls),
		cmocka_unit_test(too_much), cmocka_unit_test(white_space_without_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
