/* The door on real sockets: who may come (FED-05, -06), what is in order (RFC 3261 16.3), and where it goes. */
#include "gsip_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"

#define SETTINGS                                                                                                 \
	"domain our.example certificate = c\n"                                                                  \
	"sip host = sip.our.example 5060\n"                                                                      \
	"sip peer b.example tls = optional\n"                                                                    \
	"sip peer b.example addresses = 127.0.0.0/8\n"                                                           \
	"sip peer far.example tls = optional\n"                                                                  \
	"sip peer far.example addresses = 192.0.2.0/24\n"                                                        \
	"sip peer secure.example addresses = 127.0.0.0/8\n"                                                      \
	"sip peer bad.example action = deny\n"                                                                   \
	"sip peer slow.example tls = optional\n"                                                                 \
	"sip peer slow.example addresses = 127.0.0.0/8\n"                                                        \
	"sip peer slow.example rate = 1\n"                                                                       \
	"sip route blocked pattern = 0900*\n"                                                                    \
	"sip route blocked block = on\n"

static void request(struct world *w, struct world_peer *p, const char *method, const char *uri, const char *from,
                    const char *to, const char *more)
{
	static unsigned counter;
	char text[4096];

	counter++;
	(void)snprintf(text, sizeof text,
	               "%s %s SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%u;rport\nFrom: <%s>;tag=f%u\nTo: <%s>\n"
	               "Call-ID: c%u@b.example\nCSeq: 1 %s\n%s%sContent-Length: 0\n\n",
	               method, uri, p->port, counter, from, counter, to, counter, method,
	               strstr(more, "Max-Forwards") ? "" : "Max-Forwards: 70\n", more);
	peer_send(w, p, text);
}

static bool has(const struct sipmsg *m, enum siphdr h, const char *text)
{
	for (size_t i = 0; i < sipmsg_count(m, h); i++)
		if (bytes_eq_str(sipmsg_value(m, h, i), text))
			return true;
	return false;
}

/* What comes back at once. */
static void refused(void **state)
{
	static const struct {
		const char *method, *uri, *from, *more;
		unsigned status;
		enum gsip_stat stat;
	} rows[] = {
		/* who? */
		{ "MESSAGE", "sip:a@our.example", "sip:x@stranger.example", "", 403, STAT_REFUSED_IDENTITY },
		{ "MESSAGE", "sip:a@our.example", "sip:x@bad.example", "", 403, STAT_REFUSED_IDENTITY },
		{ "MESSAGE", "sip:a@our.example", "sip:x@secure.example", "", 403, STAT_REFUSED_IDENTITY }, /* FED-06 */
		{ "MESSAGE", "sip:a@our.example", "sip:x@far.example", "", 403, STAT_REFUSED_IDENTITY },
		{ "MESSAGE", "sip:a@our.example", "sip:x@our.example", "", 403, STAT_REFUSED_IDENTITY }, /* forged */
		{ "MESSAGE", "sip:a@our.example", "tel:+4930", "", 400, STAT_REFUSED_OTHER },
		/* in order? */
		{ "MESSAGE", "sip:a@our.example", "sip:x@b.example", "Max-Forwards: 0\n", 483, STAT_REFUSED_LOOP }, /* ERR-16 */
		{ "MESSAGE", "sip:a@our.example", "sip:x@b.example", "Max-Breadth: 0\n", 440, STAT_REFUSED_LOOP }, /* RFC 5393 */
		{ "REGISTER", "sip:our.example", "sip:x@b.example", "", 405, STAT_REFUSED_OTHER },
		{ "MESSAGE", "tel:+4930", "sip:x@b.example", "", 416, STAT_REFUSED_OTHER },
		/* never an open relay */
		{ "MESSAGE", "sip:a@nowhere.example", "sip:x@b.example", "", 404, STAT_REFUSED_RELAY },
		{ "MESSAGE", "sip:a@bad.example", "sip:x@b.example", "", 403, STAT_REFUSED_RELAY },
		{ "MESSAGE", "sip:a@sip.our.example", "sip:x@b.example", "", 404, STAT_REFUSED_RELAY },
		{ "MESSAGE", "sip:a@our.example", "sip:x@b.example", "Route: <sip:192.0.2.77;lr>\n", 404, STAT_REFUSED_RELAY },
		{ "MESSAGE", "sip:09001234@our.example", "sip:x@b.example", "", 403, STAT_REFUSED_RELAY }, /* B-STR-12 */
		/* RFC 3261 16.3 step 5, only for what is relayed */
		{ "MESSAGE", "sip:a@far.example", "sip:x@b.example", "Proxy-Require: nonsense\n", 420, STAT_REFUSED_OTHER },
	};
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t before = w.g.counts[rows[i].stat];
		request(&w, &p, rows[i].method, rows[i].uri, rows[i].from, "sip:a@nowhere.example", rows[i].more);
		struct sipmsg *m = peer_receive(&w, &p);
		if (sipmsg_status(m) != rows[i].status)
			fail_msg("row %zu: %u wanted %u", i, sipmsg_status(m), rows[i].status);
		if (w.g.counts[rows[i].stat] != before + 1)
			fail_msg("row %zu: not counted", i);
		if (rows[i].status == 405)
			assert_true(sipmsg_count(m, SIPH_ALLOW) > 0);
		if (rows[i].status == 420)
			assert_true(has(m, SIPH_UNSUPPORTED, "nonsense"));
	}
	assert_int_equal(w.n_units, 0);
	peer_close(&p);
	world_close(&w);
}

static uint64_t transactions(struct world *w)
{
	struct sipendpoint_counts c;

	sipendpoint_counts(w->g.endpoint, &c);
	return c.servers;
}

/* RFC 3261 8.2.7: of strangers nothing is kept, and nothing is repeated to where they say they are. */
static void strangers_leave_nothing(void **state)
{
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	request(&w, &p, "INVITE", "sip:a@our.example", "sip:x@stranger.example", "sip:a@our.example", "");
	assert_int_equal(sipmsg_status(peer_receive(&w, &p)), 403);
	assert_int_equal(transactions(&w), 0);
	request(&w, &p, "MESSAGE", "sip:a@nowhere.example", "sip:x@b.example", "sip:a@nowhere.example", "");
	assert_int_equal(sipmsg_status(peer_receive(&w, &p)), 404);
	assert_int_equal(transactions(&w), 1); /* who is proved has his transaction */
	peer_close(&p);
	world_close(&w);
}

static void invite_by(struct world *w, struct world_peer *p, const char *method, const char *branch, const char *to_tag)
{
	char text[2048];

	(void)snprintf(text, sizeof text,
	               "%s sip:a@our.example SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%s;rport\n"
	               "From: <sip:x@b.example>;tag=1\nTo: <sip:a@our.example>%s\nCall-ID: same@b.example\nCSeq: 1 %s\n"
	               "Max-Forwards: 70\nContent-Length: 0\n\n",
	               method, p->port, branch, to_tag, method);
	peer_send(w, p, text);
}

/* RFC 3261 8.2.2.2, and 13.3.1.4: gh-xlate's 2xx is repeated until the ACK comes. */
static void gateway_is_a_user_agent(void **state)
{
	struct world w;
	struct world_peer p;
	size_t n = 0;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	invite_by(&w, &p, "INVITE", "one", "");
	assert_true(world_until(&w, &w.n_units));
	invite_by(&w, &p, "INVITE", "two", "");
	struct sipmsg *m;
	do
		m = peer_receive(&w, &p);
	while (sipmsg_status(m) == 100);
	assert_int_equal(sipmsg_status(m), 482);
	assert_int_equal(w.n_units, 1);
	invite_by(&w, &p, "ACK", "two", "");
	world_answer(&w, &(struct sip_answer){ .id = w.units[0].u.id, .status = 200, .to_tag = BYTES("t") });
	for (unsigned got = 0; got < 3; got += sipmsg_status(m) == 200) /* at 0, 0.5 and 1.5 s */
		m = peer_receive(&w, &p);
	invite_by(&w, &p, "ACK", "three", ";tag=t");
	while (w.n_units < 2)
		loop_turn(w.loop, 5);
	assert_int_equal(w.units[1].u.id, 0);
	for (uint64_t end = loop_now(w.loop) + 2500; loop_now(w.loop) < end;)
		n += !peer_is_silent(&w, &p);
	assert_int_equal(n, 0);
	peer_close(&p);
	world_close(&w);
}

/* FED-06: over the rate strangers' datagrams are dropped. */
static void strangers_flood(void **state)
{
	struct world w;
	struct world_peer p;
	unsigned n_answers = 0;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	for (int i = 0; i < 60; i++)
		request(&w, &p, "MESSAGE", "sip:a@our.example", "sip:x@stranger.example", "sip:a@our.example", "");
	while (!peer_is_silent(&w, &p))
		n_answers++;
	assert_in_range(n_answers, 15, 45);
	assert_int_equal(w.g.counts[STAT_STRANGERS_SILENT], 60 - n_answers);
	/* the proved are not touched by it */
	request(&w, &p, "OPTIONS", "sip:our.example", "sip:x@b.example", "sip:our.example", "");
	assert_int_equal(sipmsg_status(peer_receive(&w, &p)), 200);
	peer_close(&p);
	world_close(&w);
}

static void rate(void **state)
{
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	request(&w, &p, "MESSAGE", "sip:a@our.example", "sip:x@slow.example", "sip:a@our.example", "");
	assert_true(world_until(&w, &w.n_units));
	request(&w, &p, "MESSAGE", "sip:a@our.example", "sip:x@slow.example", "sip:a@our.example", "");
	struct sipmsg *m = peer_receive(&w, &p);
	assert_int_equal(sipmsg_status(m), 503);
	assert_true(sipmsg_count(m, SIPH_RETRY_AFTER) == 1);
	peer_close(&p);
	world_close(&w);
}

static void ping(void **state)
{
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	/* a server's own address in From, from an address that a row names */
	request(&w, &p, "OPTIONS", "sip:sip.our.example", "sip:127.0.0.1", "sip:sip.our.example", "");
	struct sipmsg *m = peer_receive(&w, &p);
	assert_int_equal(sipmsg_status(m), 200);
	assert_true(has(m, SIPH_ALLOW, "MESSAGE"));
	assert_int_equal(w.g.counts[STAT_PINGS], 1);
	/* of a person it is gh-xlate's to answer */
	request(&w, &p, "OPTIONS", "sip:a@our.example", "sip:x@b.example", "sip:a@our.example", "");
	assert_true(world_until(&w, &w.n_units));
	peer_close(&p);
	world_close(&w);
}

static void handed(void **state)
{
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	request(&w, &p, "MESSAGE", "sip:a@our.example", "sip:x@b.example", "sip:a@our.example", "");
	assert_true(world_until(&w, &w.n_units));
	assert_string_equal(w.units[0].peer, "b.example");
	assert_int_equal(w.units[0].u.flags, 0);
	assert_true(bytes_eq_str(sipmsg_uri(w.units[0].m), "sip:a@our.example"));
	assert_int_equal(w.units[0].u.id >> 56, PROG_SIP);
	world_answer(&w, &(struct sip_answer){ .id = w.units[0].u.id, .status = 404, .reason = BYTES("Not here"), .to_tag = BYTES("xyz"),
					       .headers = BYTES("Content-Type: text/plain\r\nSupported: a\r\nReason: Q850;cause=1\r\n"),
					       .body = BYTES("why") });
	struct sipmsg *m = peer_receive(&w, &p);
	assert_int_equal(sipmsg_status(m), 404);
	assert_true(bytes_eq_str(sipmsg_reason(m), "Not here"));
	assert_true(has(m, SIPH_TO, "<sip:a@our.example>;tag=xyz"));
	assert_true(has(m, SIPH_CONTENT_TYPE, "text/plain") && has(m, SIPH_SUPPORTED, "a"));
	assert_true(bytes_eq_str(sipmsg_body(m), "why"));
	assert_int_equal(w.g.handed.count, 0);
	/* an answer that nobody waits for */
	world_answer(&w, &(struct sip_answer){ .id = w.units[0].u.id, .status = 200 });
	assert_true(peer_is_silent(&w, &p));
	peer_close(&p);
	world_close(&w);
}

/* The partner comes back as it came: our Contact says so. */
static void contacts(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "<sip:a@our.example;gr=x>", "<sip:a@our.example;gr=x;transport=udp>" },
		{ "<sip:a@sip.our.example:5060>;expires=5", "<sip:a@sip.our.example:5060;transport=udp>;expires=5" },
		{ "<sip:a@our.example;transport=tls;lr>", "<sip:a@our.example;lr;transport=udp>" },
		{ "<sip:a@else.example>", "<sip:a@else.example>" },
	};
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char line[256];
		size_t n = w.n_units;
		request(&w, &p, "SUBSCRIBE", "sip:a@our.example", "sip:x@b.example", "sip:a@our.example", "Event: presence\n");
		while (w.n_units == n)
			loop_turn(w.loop, 5);
		(void)snprintf(line, sizeof line, "Contact: %s\r\n", rows[i].in);
		world_answer(&w, &(struct sip_answer){ .id = w.units[n].u.id, .status = 200, .headers = bytes_of(line) });
		struct bytes got = sipmsg_value(peer_receive(&w, &p), SIPH_CONTACT, 0);
		if (!bytes_eq_str(got, rows[i].want))
			fail_msg("row %zu: %.*s", i, BYTES_FMT(got));
	}
	peer_close(&p);
	world_close(&w);
}

/* COMPAT: Lync's NOTIFY to the server's name. */
static void catch_all(void **state)
{
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	request(&w, &p, "NOTIFY", "sip:sip.our.example:5060;transport=udp", "sip:x@b.example", "sip:a@our.example", "");
	assert_true(world_until(&w, &w.n_units));
	assert_true(bytes_eq_str(sipmsg_uri(w.units[0].m), "sip:a@our.example"));
	peer_close(&p);
	world_close(&w);
}

/* A trunk of our own speaks for our domain (B-PUB-01). */
static void trunk(void **state)
{
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS "sip peer our.example tls = optional\nsip peer our.example addresses = 127.0.0.1\n");
	peer_open(&p);
	request(&w, &p, "PUBLISH", "sip:a@our.example", "sip:a@our.example", "sip:a@our.example", "Event: presence\n");
	assert_true(world_until(&w, &w.n_units));
	assert_int_equal(w.units[0].u.flags, UNIT_TRUNK);
	peer_close(&p);
	world_close(&w);
}

static void gateway_dies(void **state)
{
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	request(&w, &p, "MESSAGE", "sip:a@our.example", "sip:x@b.example", "sip:a@our.example", "");
	assert_true(world_until(&w, &w.n_units));
	world_gateway_down(&w);
	for (int i = 0; i < 2; i++) { /* the held one, and the next */
		struct sipmsg *m = peer_receive(&w, &p);
		assert_int_equal(sipmsg_status(m), 500);
		assert_int_equal(sipmsg_count(m, SIPH_RETRY_AFTER), 1);
		if (i == 0)
			request(&w, &p, "MESSAGE", "sip:a@our.example", "sip:x@b.example", "sip:a@our.example", "");
	}
	world_gateway_up(&w);
	request(&w, &p, "MESSAGE", "sip:a@our.example", "sip:x@b.example", "sip:a@our.example", "");
	w.n_units = 1;
	world_settle(&w);
	assert_int_equal(w.n_units, 2);
	peer_close(&p);
	world_close(&w);
}

static void invite_cancelled(void **state)
{
	struct world w;
	struct world_peer p;
	char text[2048];

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	for (int i = 0; i < 2; i++) {
		const char *method = i ? "CANCEL" : "INVITE";
		(void)snprintf(text, sizeof text,
		               "%s sip:a@our.example SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKcancel;rport\n"
		               "From: <sip:x@b.example>;tag=1\nTo: <sip:a@our.example>\nCall-ID: c@b.example\nCSeq: 1 %s\n"
		               "Max-Forwards: 70\nContent-Length: 0\n\n",
		               method, p.port, method);
		peer_send(&w, &p, text);
		if (i == 0)
			assert_true(world_until(&w, &w.n_units));
	}
	world_settle(&w);
	assert_int_equal(w.cancelled, w.units[0].u.id);
	world_answer(&w, &(struct sip_answer){ .id = w.units[0].u.id, .status = 487 });
	unsigned seen = 0;
	for (int i = 0; i < 6 && seen != 3; i++) {
		struct sipmsg *m = peer_receive(&w, &p);
		seen |= sipmsg_status(m) == 200 ? 1 : sipmsg_status(m) == 487 ? 2 : 0;
	}
	assert_int_equal(seen, 3);
	peer_close(&p);
	world_close(&w);
}

/* New settings hold for the next request, without a restart. */
static void settings_change(void **state)
{
	struct world w;
	struct world_peer p;

	(void)state;
	world_open(&w, SETTINGS);
	peer_open(&p);
	world_settings(&w, SETTINGS "sip peer b.example action = deny\n");
	request(&w, &p, "MESSAGE", "sip:a@our.example", "sip:x@b.example", "sip:a@our.example", "");
	assert_int_equal(sipmsg_status(peer_receive(&w, &p)), 403);
	world_settings(&w, SETTINGS);
	request(&w, &p, "MESSAGE", "sip:a@our.example", "sip:x@b.example", "sip:a@our.example", "");
	assert_true(world_until(&w, &w.n_units));
	peer_close(&p);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused), cmocka_unit_test(strangers_flood), cmocka_unit_test(strangers_leave_nothing), cmocka_unit_test(gateway_is_a_user_agent), cmocka_unit_test(rate),
		cmocka_unit_test(ping), cmocka_unit_test(handed), cmocka_unit_test(contacts), cmocka_unit_test(catch_all), cmocka_unit_test(trunk),
		cmocka_unit_test(gateway_dies), cmocka_unit_test(invite_cancelled), cmocka_unit_test(settings_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
