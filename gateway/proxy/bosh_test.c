#include "bosh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"

#include <openssl/sha.h>

#define SID "0123456789abcdef0123456789abcdef01234567"
#define HEADER "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' id='x' version='1.0'>"
#define FEATURES "<stream:features><bind xmlns='" NS_BIND "'/></stream:features>"
#define FEATURES_OUT "<stream:features xmlns:stream='" NS_STREAM "'><bind xmlns='" NS_BIND "'/></stream:features>"
#define EMPTY "<body xmlns='" NS_BOSH "'/>"
#define FULL(payloads) "<body xmlns='" NS_BOSH "'>" payloads "</body>"
#define ENDED(condition) "<body xmlns='" NS_BOSH "' type='terminate' condition='" condition "'/>"
#define MESSAGE "<message xmlns='jabber:client'><body>a</body></message>"

/* A session, a clock, and what each request was answered; a request is a name. */
struct world {
	struct xml_pool *pool;
	struct bosh b;
	struct arena arena;
	uint64_t now_ms;
	char said[4096];
	char answers[4096]; /* name=body| */
};

static void on_answer(void *arg, void *request, struct bytes body)
{
	struct world *w = arg;
	size_t n = strlen(w->answers);

	snprintf(w->answers + n, sizeof w->answers - n, "%s=%.*s|", (const char *)request, BYTES_FMT(body));
}

static void on_say(void *arg, struct bytes b)
{
	struct world *w = arg;
	size_t n = strlen(w->said);

	snprintf(w->said + n, sizeof w->said - n, "%.*s", BYTES_FMT(b));
}

static const struct bosh_owner owner = { .answer = on_answer, .say = on_say };

static struct bosh_body read_body(struct world *w, const char *text)
{
	struct bosh_body out;
	const char *why;

	arena_reset(&w->arena);
	if (!bosh_body_read(bytes_of(text), w->pool, &xml_limits_default, &w->arena, &out, &why))
		fail_msg("%s: %s", text, why);
	return out;
}

/* Answers since the last look. */
static void expect(struct world *w, const char *answers)
{
	assert_string_equal(w->answers, answers);
	w->answers[0] = '\0';
}

static void says(struct world *w, const char *said)
{
	assert_string_equal(w->said, said);
	w->said[0] = '\0';
}

static void from_access(struct world *w, const char *text)
{
	bosh_from_access(&w->b, bytes_of(text), &w->arena, w->now_ms);
}

/* Time passes; what is due in it happens then. */
static void pass(struct world *w, uint64_t ms)
{
	uint64_t end = w->now_ms + ms;

	for (uint64_t next; !w->b.is_over && (next = bosh_next_ms(&w->b)) <= end;) {
		w->now_ms = next > w->now_ms ? next : w->now_ms;
		bosh_timer(&w->b, &w->arena, w->now_ms);
		assert_true(w->b.is_over || bosh_next_ms(&w->b) > w->now_ms); /* it does not spin */
	}
	w->now_ms = end;
}

static void request(struct world *w, const char *name, unsigned rid, const char *attributes, const char *payloads)
{
	char text[2048];

	snprintf(text, sizeof text, "<body xmlns='" NS_BOSH "' xmlns:xmpp='" NS_XBOSH "' sid='" SID "' rid='%u' %s>%s</body>", rid, attributes, payloads);
	struct bosh_body body = read_body(w, text);
	bosh_request(&w->b, &body, bytes_of(text), (void *)(uintptr_t)name, &w->arena, w->now_ms);
}

/* Rid 10 asks for it. */
static void world_open_raw(struct world *w, const char *attributes)
{
	static char first[] = "first";
	char text[512];

	*w = (struct world){ .pool = xml_pool_new(4), .now_ms = 1000000 };
	arena_init(&w->arena, 1 << 20);
	snprintf(text, sizeof text, "<body xmlns='" NS_BOSH "' rid='10' to='a.example' %s/>", attributes);
	struct bosh_body body = read_body(w, text);
	assert_int_equal(bosh_open(&w->b, &owner, w, w->pool, &xml_limits_default, &xml_limits_default, SID, &body, first, w->now_ms), 0);
	says(w, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' to='a.example' version='1.0'>");
}

static void world_open(struct world *w, const char *attributes)
{
	world_open_raw(w, attributes);
	from_access(w, HEADER FEATURES);
	assert_non_null(strstr(w->answers, "first=<body xmlns='" NS_BOSH "' sid='" SID "'"));
	assert_non_null(strstr(w->answers, FEATURES_OUT "</body>|"));
	w->answers[0] = '\0';
	pass(w, 5000);
}

static void world_close(struct world *w)
{
	bosh_fini(&w->b);
	xml_pool_free(w->pool);
	arena_fini(&w->arena);
}

/* 7.2: a request is held until there is something to say, and the older of two is answered. */
static void holds_and_answers_in_order(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "wait='30' hold='1'");
	request(&w, "a", 11, "", "");
	expect(&w, "");
	from_access(&w, "<message><body>a</body></message>");
	expect(&w, "a=" FULL(MESSAGE) "|");
	request(&w, "b", 12, "", "");
	request(&w, "c", 13, "", MESSAGE);
	says(&w, "<message><body>a</body></message>");
	expect(&w, "b=" EMPTY "|");
	pass(&w, 29999);
	expect(&w, "");
	pass(&w, 1); /* wait */
	expect(&w, "c=" EMPTY "|");
	assert_false(w.b.is_ended);
	world_close(&w);
}

/* 7: gh-access that is silent; the client learns its session all the same. */
static void is_created_without_features(void **state)
{
	struct world w;

	(void)state;
	world_open_raw(&w, "wait='0' hold='0' ver='1.6'");
	pass(&w, BOSH_FIRST_MS - 1);
	expect(&w, "");
	pass(&w, 1);
	expect(&w, "first=<body xmlns='" NS_BOSH "' sid='" SID "' wait='0' hold='0' requests='1' inactivity='60' polling='2' ver='1.6' from='a.example'"
		   " xmlns:xmpp='" NS_XBOSH "' xmpp:version='1.0' xmpp:restartlogic='true'/>|");
	world_close(&w);
}

/* 14.2: what comes too early waits for what is before it; not for ever. */
static void puts_requests_in_order(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "wait='30' hold='1'");
	request(&w, "b", 12, "", "<b xmlns='urn:x'/>");
	says(&w, "");
	request(&w, "a", 11, "", "<a xmlns='urn:x'/>");
	says(&w, "<a xmlns='urn:x'/><b xmlns='urn:x'/>");
	expect(&w, "a=" EMPTY "|");
	world_close(&w);

	world_open(&w, "wait='30' hold='1'");
	request(&w, "b", 12, "", "<b xmlns='urn:x'/>");
	pass(&w, BOSH_INACTIVITY_MS - 1);
	expect(&w, "");
	pass(&w, 1);
	expect(&w, "b=" ENDED("item-not-found") "|");
	says(&w, "");
	world_close(&w);
}

/* 14.2, 11: outside of the window. */
static void ends_outside_the_window(void **state)
{
	static const struct {
		unsigned rid;
		const char *attributes, *answer;
	} bad[] = {
		{ 14, "", "x=" ENDED("item-not-found") "|" },
		{ 13, "", "x=" ENDED("item-not-found") "|" }, /* a gap before it */
		{ 14, "type='terminate'", "x=" ENDED("item-not-found") "|" },
		{ 9, "", "x=" ENDED("item-not-found") "|" },
		{ 1, "", "x=" ENDED("item-not-found") "|" },
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		world_open(&w, "hold='1'");
		request(&w, "x", bad[i].rid, bad[i].attributes, MESSAGE);
		expect(&w, bad[i].answer);
		assert_true(w.b.is_over);
		says(&w, "");
		world_close(&w);
	}
	world_open(&w, "hold='1'"); /* gh-access takes nothing: a third is one too many */
	bosh_choke(&w.b, true, &w.arena, w.now_ms);
	request(&w, "a", 11, "", MESSAGE);
	request(&w, "b", 12, "", MESSAGE);
	expect(&w, "");
	request(&w, "c", 13, "", MESSAGE);
	expect(&w, "a=" ENDED("policy-violation") "|b=" ENDED("policy-violation") "|c=" ENDED("policy-violation") "|");
	world_close(&w);
}

/* gh-access that does not take is not spoken to; then the requests go on, or, after a minute, end. */
static void waits_for_gh_access(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "wait='30' hold='1'");
	bosh_choke(&w.b, true, &w.arena, w.now_ms);
	request(&w, "a", 11, "", MESSAGE);
	request(&w, "b", 12, "", "<b xmlns='urn:x'/>");
	pass(&w, 40000);
	says(&w, "");
	bosh_choke(&w.b, false, &w.arena, w.now_ms);
	says(&w, "<message><body>a</body></message><b xmlns='urn:x'/>");
	expect(&w, "a=" EMPTY "|");
	bosh_choke(&w.b, true, &w.arena, w.now_ms);
	pass(&w, 30000);
	expect(&w, "b=" EMPTY "|");
	request(&w, "c", 13, "", MESSAGE);
	pass(&w, BOSH_INACTIVITY_MS);
	expect(&w, "c=" ENDED("remote-connection-failed") "|");
	world_close(&w);
}

/* 14.3: the last answers are given again, and only those. */
static void answers_again(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "wait='30' hold='1'");
	request(&w, "a", 11, "", MESSAGE);
	says(&w, "<message><body>a</body></message>");
	from_access(&w, "<message><body>a</body></message>");
	expect(&w, "a=" FULL(MESSAGE) "|");
	request(&w, "a2", 11, "", MESSAGE);
	expect(&w, "a2=" FULL(MESSAGE) "|");
	says(&w, ""); /* it is not done twice */
	pass(&w, 3000);
	request(&w, "b", 12, "", "");
	request(&w, "b2", 12, "", ""); /* held: the later one counts, the earlier hears so (17.3) */
	expect(&w, "b=<body xmlns='" NS_BOSH "' type='error'/>|");
	bosh_lost(&w.b, "b", w.now_ms);
	pass(&w, 30000);
	expect(&w, "b2=" EMPTY "|");
	request(&w, "c", 13, "", "");
	pass(&w, 30000);
	expect(&w, "c=" EMPTY "|");
	request(&w, "b3", 12, "", "");
	expect(&w, "b3=" EMPTY "|");
	request(&w, "a3", 11, "", MESSAGE); /* the third last */
	expect(&w, "a3=" ENDED("item-not-found") "|");
	world_close(&w);
}

/* What comes while the connection is gone is for the next that asks, whichever way it does. */
static void keeps_for_who_was_lost(void **state)
{
	static char lost[] = "lost";
	struct world w;

	(void)state;
	for (int is_again = 0; is_again < 2; is_again++) {
		world_open(&w, "wait='30' hold='1'");
		request(&w, lost, 11, "", "");
		bosh_lost(&w.b, lost, w.now_ms);
		from_access(&w, "<message><body>a</body></message>");
		expect(&w, "");
		request(&w, "next", is_again ? 11 : 12, "", is_again ? "" : MESSAGE);
		expect(&w, "next=" FULL(MESSAGE) "|");
		world_close(&w);
	}
}

/* 10: without a request it ends, in silence, and gh-access hears no good-bye. */
static void ends_when_it_is_silent(void **state)
{
	static char lost[] = "lost";
	struct world w;

	(void)state;
	world_open_raw(&w, "wait='30' hold='1'");
	bosh_lost(&w.b, w.b.slots[0].request, w.now_ms);
	pass(&w, BOSH_INACTIVITY_MS - 1);
	assert_false(w.b.is_over);
	pass(&w, 1);
	assert_true(w.b.is_over && !w.b.is_bye);
	expect(&w, "");
	world_close(&w);

	world_open(&w, "wait='50' hold='1'");
	for (unsigned i = 0; i < 5; i++) { /* not while one is held */
		request(&w, lost, 11 + i, "", "");
		pass(&w, 50000);
		expect(&w, "lost=" EMPTY "|");
	}
	pass(&w, BOSH_INACTIVITY_MS - 1);
	assert_false(w.b.is_over);
	pass(&w, 1);
	assert_true(w.b.is_over);
	says(&w, "");
	world_close(&w);
}

/* 11: too many empty requests, by the two ways of asking. */
static void ends_who_asks_too_often(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "wait='0' hold='0'");
	request(&w, "a", 11, "", "");
	expect(&w, "a=" EMPTY "|");
	pass(&w, BOSH_POLLING_MS);
	request(&w, "b", 12, "", "");
	expect(&w, "b=" EMPTY "|");
	request(&w, "c", 13, "", MESSAGE); /* something to say is no poll */
	expect(&w, "c=" EMPTY "|");
	pass(&w, BOSH_POLLING_MS - 1);
	request(&w, "d", 14, "", "");
	expect(&w, "d=" ENDED("policy-violation") "|");
	world_close(&w);

	world_open(&w, "wait='30' hold='1'");
	request(&w, "a", 11, "", "");
	pass(&w, BOSH_POLLING_MS - 1);
	request(&w, "b", 12, "", "");
	expect(&w, "a=" ENDED("policy-violation") "|b=" ENDED("policy-violation") "|");
	world_close(&w);

	world_open(&w, "wait='30' hold='1'");
	request(&w, "a", 11, "", "");
	pass(&w, BOSH_POLLING_MS);
	request(&w, "b", 12, "", "");
	expect(&w, "a=" EMPTY "|");
	world_close(&w);
}

/* 13: the client ends it; what it says before goes. */
static void ends_in_order(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "wait='30' hold='1'");
	request(&w, "a", 11, "", "");
	request(&w, "b", 12, "type='terminate'", "<presence xmlns='jabber:client' type='unavailable'/>");
	says(&w, "<presence type='unavailable'/></stream:stream>");
	expect(&w, "a=<body xmlns='" NS_BOSH "' type='terminate'/>|b=<body xmlns='" NS_BOSH "' type='terminate'/>|");
	assert_true(w.b.is_over && w.b.is_bye);
	world_close(&w);
}

/* XEP-0206 6: a stream error goes with the end, also when nobody is there to hear it at once. */
static void tells_a_stream_error(void **state)
{
	static const char error[] = "<stream:error><conflict xmlns='" NS_STREAM_ERRORS "'/></stream:error></stream:stream>";
	static const char told[] = "a=<body xmlns='" NS_BOSH "' type='terminate' condition='remote-stream-error'><stream:error xmlns:stream='" NS_STREAM
				   "'><conflict xmlns='" NS_STREAM_ERRORS "'/></stream:error></body>|";
	struct world w;

	(void)state;
	for (int is_held = 0; is_held < 2; is_held++) {
		world_open(&w, "wait='30' hold='1'");
		bosh_choke(&w.b, is_held, &w.arena, w.now_ms);
		if (is_held)
			request(&w, "a", 11, "", "");
		from_access(&w, error);
		if (!is_held) {
			assert_true(w.b.is_ended && !w.b.is_over);
			request(&w, "a", 11, "", "");
		}
		assert_true(w.b.is_over);
		expect(&w, told);
		world_close(&w);
	}
	world_open(&w, "wait='30' hold='1'");
	from_access(&w, error);
	pass(&w, BOSH_INACTIVITY_MS); /* nobody asks */
	assert_true(w.b.is_over);
	world_close(&w);
}

/* XEP-0206 5: once, behind a login. */
static void restarts(void **state)
{
	static const char success[] = "<success xmlns='" NS_SASL "'/>";
	struct world w;

	(void)state;
	world_open(&w, "wait='30' hold='1'");
	request(&w, "a", 11, "", "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>AA==</auth>");
	says(&w, "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>AA==</auth>");
	from_access(&w, success);
	expect(&w, "a=" FULL("<success xmlns='" NS_SASL "'/>") "|");
	request(&w, "b", 12, "xmpp:restart='true'", "");
	says(&w, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' to='a.example' version='1.0'>");
	from_access(&w, HEADER FEATURES);
	expect(&w, "b=" FULL(FEATURES_OUT) "|");
	request(&w, "c", 13, "xmpp:restart='true'", "");
	expect(&w, "c=" ENDED("bad-request") "|");
	says(&w, "");
	world_close(&w);
}

static void hash(const char *key, char out[static BOSH_KEY_CHARS + 1])
{
	uint8_t sum[SHA_DIGEST_LENGTH];

	SHA1((const uint8_t *)key, strlen(key), sum);
	text_hex(bytes_make(sum, sizeof sum), out);
}

/* 15: each key is what the one before was made of; a new chain may begin; a repeated request has the key that it had. */
static void follows_the_keys(void **state)
{
	char k1[41], k2[41], k3[41], n1[41], n2[41], attributes[200];
	struct world w;

	(void)state;
	hash("seed", k1);
	hash(k1, k2);
	hash(k2, k3);
	hash("another", n1);
	hash(n1, n2);
	snprintf(attributes, sizeof attributes, "wait='30' hold='1' newkey='%s'", k3);
	world_open(&w, attributes);
	snprintf(attributes, sizeof attributes, "key='%s'", k2);
	request(&w, "a", 11, attributes, "<a xmlns='urn:x'/>");
	snprintf(attributes, sizeof attributes, "key='%s' newkey='%s'", k1, n2);
	request(&w, "b", 12, attributes, "<b xmlns='urn:x'/>");
	says(&w, "<a xmlns='urn:x'/><b xmlns='urn:x'/>");
	expect(&w, "a=" EMPTY "|");
	snprintf(attributes, sizeof attributes, "key='%s'", k2);
	request(&w, "a2", 11, attributes, "");
	expect(&w, "a2=" EMPTY "|");
	snprintf(attributes, sizeof attributes, "key='%s'", n1);
	request(&w, "c", 13, attributes, "<c xmlns='urn:x'/>");
	says(&w, "<c xmlns='urn:x'/>");
	expect(&w, "b=" EMPTY "|");
	snprintf(attributes, sizeof attributes, "key='%s'", k3);
	request(&w, "d", 14, attributes, "<d xmlns='urn:x'/>");
	says(&w, "");
	expect(&w, "c=" ENDED("item-not-found") "|d=" ENDED("item-not-found") "|");
	world_close(&w);

	snprintf(attributes, sizeof attributes, "newkey='%s'", k3);
	world_open(&w, attributes);
	request(&w, "a", 11, "", "<a xmlns='urn:x'/>"); /* none */
	expect(&w, "a=" ENDED("item-not-found") "|");
	world_close(&w);
}

/* What nobody fetches stays within its bound, when the owner does as it is told. */
static void is_full(void **state)
{
	char text[4096];
	struct world w;
	int n = 0;

	(void)state;
	world_open(&w, "wait='30' hold='1'");
	snprintf(text, sizeof text, "<message><body>%03000d</body></message>", 0);
	for (; !bosh_is_full(&w.b); n++)
		from_access(&w, text);
	assert_in_range(n, 20, 23);
	assert_in_range(buf_len(&w.b.pending), BOSH_HIGH_WATER, BOSH_HIGH_WATER + sizeof text);
	request(&w, "a", 11, "", "");
	assert_false(bosh_is_full(&w.b));
	world_close(&w);
}

/* A broken gh-access is not the client's fault. */
static void ends_with_a_broken_stream(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "wait='30' hold='1'");
	request(&w, "a", 11, "", "");
	from_access(&w, "<a></b>");
	expect(&w, "a=" ENDED("internal-server-error") "|");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_and_answers_in_order),
		cmocka_unit_test(is_created_without_features),
		cmocka_unit_test(puts_requests_in_order),
		cmocka_unit_test(ends_outside_the_window),
		cmocka_unit_test(waits_for_gh_access),
		cmocka_unit_test(answers_again),
		cmocka_unit_test(keeps_for_who_was_lost),
		cmocka_unit_test(ends_when_it_is_silent),
		cmocka_unit_test(ends_who_asks_too_often),
		cmocka_unit_test(ends_in_order),
		cmocka_unit_test(tells_a_stream_error),
		cmocka_unit_test(restarts),
		cmocka_unit_test(follows_the_keys),
		cmocka_unit_test(is_full),
		cmocka_unit_test(ends_with_a_broken_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
