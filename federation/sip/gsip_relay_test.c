/* Requests that leave: relayed between partners (RFC 3261 16) and of gh-xlate, over static routes, with
 * fail-over (B-STR-10, ERR-15), challenges (ERR-12) and loops (FED-14). On real sockets. */
#include "gsip_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"
#include "ping.h"

#define PEERS                                                                                                    \
	"domain our.example certificate = c\n"                                                                  \
	"sip host = sip.our.example\n"                                                                           \
	"sip peer b.example tls = optional\n"                                                                    \
	"sip peer b.example addresses = 127.0.0.0/8\n"                                                           \
	"sip peer c.example tls = optional\n"                                                                    \
	"sip peer c.example addresses = 127.0.0.0/8\n"                                                           \
	"sip peer c.example message-max = 2000\n"

/* Two partners: b asks, c answers; r1 goes to c, r2 too where it is there. */
struct scene {
	struct world w;
	struct world_peer b, c, c2;
};

static void put_route(char *out, size_t room, const char *name, uint16_t port, const char *protocol, const char *more)
{
	(void)snprintf(out, room, "sip route %s pattern = c.example\nsip route %s type = domain\nsip route %s next-hop = 127.0.0.1\n"
		       "sip route %s port = %u\nsip route %s protocol = %s\n%s", name, name, name, name, port, name, protocol, more);
}

static void set(struct scene *s, bool has_second, const char *more)
{
	char one[512], two[512] = "", all[4096];

	put_route(one, sizeof one, "r1", s->c.port, strstr(more, "r0") || !strstr(more, "bad.example") ? "udp" : "tcp", "");
	if (has_second)
		put_route(two, sizeof two, "r2", s->c2.port, "udp", "sip route r2 priority = 2\n");
	(void)snprintf(all, sizeof all, "%s%s%s%s", PEERS, one, two, more);
	world_settings(&s->w, all);
}

static void open_scene(struct scene *s, bool has_second, const char *more)
{
	peer_open(&s->b);
	peer_open(&s->c);
	peer_open(&s->c2);
	world_open(&s->w, PEERS);
	set(s, has_second, more);
}

static void close_scene(struct scene *s)
{
	world_close(&s->w);
	peer_close(&s->b);
	peer_close(&s->c);
	peer_close(&s->c2);
}

static void send_from(struct world *w, struct world_peer *p, const char *method, const char *uri, const char *branch, const char *tags, const char *more)
{
	char text[4096];

	(void)snprintf(text, sizeof text,
	               "%s %s SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%s;rport\nFrom: <sip:x@b.example>;tag=f1\n"
	               "To: <sip:y@c.example>%s\nCall-ID: call@b.example\nCSeq: 1 %s\nMax-Forwards: 70\n%sContent-Length: 0\n\n",
	               method, uri, p->port, branch, tags, method, more);
	peer_send(w, p, text);
}

static uint32_t number(const struct sipmsg *m, enum siphdr h)
{
	uint32_t n = 0;

	assert_true(sipmsg_number(m, h, &n));
	return n;
}

static void relayed(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, false, "");
	send_from(&s.w, &s.b, "MESSAGE", "sip:y@c.example", "1", "", "");
	struct sipmsg *m = peer_receive(&s.w, &s.c);
	assert_int_equal(sipmsg_method(m), SIPM_MESSAGE);
	assert_int_equal(sipmsg_count(m, SIPH_VIA), 2);
	assert_int_equal(number(m, SIPH_MAX_FORWARDS), 69);
	assert_int_equal(sipmsg_count(m, SIPH_RECORD_ROUTE), 0);
	peer_respond(&s.w, &s.c, 202, "Warning: 399 c.example \"hm\"\n");
	m = peer_receive(&s.w, &s.b);
	assert_int_equal(sipmsg_status(m), 202);
	assert_int_equal(sipmsg_count(m, SIPH_VIA), 1);
	assert_int_equal(sipmsg_count(m, SIPH_WARNING), 1);
	assert_true(list_is_empty(&s.w.g.relays) && list_is_empty(&s.w.g.trips));
	assert_int_equal(s.w.g.n_held, 0);
	close_scene(&s);
}

/* RFC 3261 16.3 step 4: it comes back as it went. */
static void loop(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, false, "");
	send_from(&s.w, &s.b, "MESSAGE", "sip:y@c.example", "1", "", "");
	(void)peer_receive(&s.w, &s.c);
	char text[WORLD_TEXT_MAX];
	const char *rest = strstr(s.c.text, "\r\n") + 2;
	(void)snprintf(text, sizeof text, "MESSAGE sip:y@c.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKback;rport\r\n%s", s.c.port, rest);
	for (char *p = text, *q = text;; p++) /* peer_send makes CR LF of LF */
		if (*p != '\r' && !(*q++ = *p))
			break;
	peer_send(&s.w, &s.c, text);
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.c)), 482);
	close_scene(&s);
}

/* ERR-15: 503 holds the hop, the second is tried; the next request goes there at once. */
static void fails_over(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, true, "");
	send_from(&s.w, &s.b, "MESSAGE", "sip:y@c.example", "1", "", "");
	(void)peer_receive(&s.w, &s.c);
	peer_respond(&s.w, &s.c, 503, "Retry-After: 100\n");
	(void)peer_receive(&s.w, &s.c2);
	peer_respond(&s.w, &s.c2, 200, "");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 200);
	send_from(&s.w, &s.b, "MESSAGE", "sip:y@c.example", "2", "", "");
	(void)peer_receive(&s.w, &s.c2);
	peer_respond(&s.w, &s.c2, 503, "");
	/* RFC 3261 16.7 step 6: 503 of a server is not one of ours */
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 500);
	assert_true(peer_is_silent(&s.w, &s.c));
	/* all asked for a pause, or failed: the poor one is tried, the held one is not */
	send_from(&s.w, &s.b, "MESSAGE", "sip:y@c.example", "3", "", "");
	(void)peer_receive(&s.w, &s.c2);
	peer_respond(&s.w, &s.c2, 404, "");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 404);
	assert_true(peer_is_silent(&s.w, &s.c));
	close_scene(&s);
}

/* B-STR-10, and OPTIONS that bring a next hop back. */
static void refused_connection(void **state)
{
	struct scene s;
	char route[1024];

	(void)state;
	open_scene(&s, false, "");
	put_route(route, sizeof route, "r0", s.c2.port, "tcp", "sip route r1 priority = 2\n"); /* no TCP there */
	set(&s, false, route);
	send_from(&s.w, &s.b, "MESSAGE", "sip:y@c.example", "1", "", "");
	(void)peer_receive(&s.w, &s.c);
	peer_respond(&s.w, &s.c, 200, "");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 200);
	assert_int_equal(s.w.g.counts[STAT_HOPS_DOWN], 1);
	/* it is probed when its time has come */
	size_t at = 0;
	struct hop *hop = map_next(&s.w.g.hops.map, &at);
	assert_non_null(hop);
	assert_true(hop->is_probed);
	hop->probe_ms = 0;
	hop->place.transport = SIPT_UDP; /* the server is there now, as far as the test can do it */
	(void)map_del(&s.w.g.hops.map, bytes_make(hop->key, sizeof hop->key));
	hop->key[0] = SIPT_UDP;
	assert_int_equal(map_add(&s.w.g.hops.map, bytes_make(hop->key, sizeof hop->key), hop), 0);
	ping_due(&s.w.g);
	assert_int_equal(sipmsg_method(peer_receive(&s.w, &s.c2)), SIPM_OPTIONS);
	peer_respond(&s.w, &s.c2, 404, "");
	world_settle(&s.w);
	assert_int_equal(s.w.g.hops.map.count, 0);
	assert_int_equal(s.w.g.counts[STAT_HOPS_UP], 1);
	close_scene(&s);
}

/* A dialog through us: Record-Route, then Route both ways; nobody else's Route opens the relay. */
static void dialog(void **state)
{
	struct scene s;
	char route[512], more[700], uri[64];

	(void)state;
	open_scene(&s, false, "");
	send_from(&s.w, &s.b, "INVITE", "sip:y@c.example", "1", "", "Contact: <sip:x@127.0.0.1>\n");
	struct sipmsg *m = peer_receive(&s.w, &s.c);
	assert_int_equal(sipmsg_count(m, SIPH_RECORD_ROUTE), 1);
	struct bytes rr = sipmsg_value(m, SIPH_RECORD_ROUTE, 0);
	assert_true(bytes_starts(rr, BYTES("<sip:sip.our.example;transport=udp;lr;gh=")));
	(void)snprintf(route, sizeof route, "%.*s", BYTES_FMT(rr));
	peer_respond(&s.w, &s.c, 180, "");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 180);
	peer_respond(&s.w, &s.c, 200, "Contact: <sip:y@127.0.0.1>\n");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 200);
	/* RFC 6026: the 2xx again */
	peer_respond(&s.w, &s.c, 200, "Contact: <sip:y@127.0.0.1>\n");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 200);
	/* ACK and BYE to the contact, by our Route */
	(void)snprintf(uri, sizeof uri, "sip:y@127.0.0.1:%u", s.c.port);
	(void)snprintf(more, sizeof more, "Route: %s\n", route);
	send_from(&s.w, &s.b, "ACK", uri, "2", ";tag=there", more);
	m = peer_receive(&s.w, &s.c);
	assert_int_equal(sipmsg_method(m), SIPM_ACK);
	assert_int_equal(sipmsg_count(m, SIPH_ROUTE), 0);
	send_from(&s.w, &s.b, "BYE", uri, "3", ";tag=there", more);
	assert_int_equal(sipmsg_method(peer_receive(&s.w, &s.c)), SIPM_BYE);
	peer_respond(&s.w, &s.c, 200, "");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 200);
	/* a mark of another dialog */
	send_from(&s.w, &s.b, "BYE", uri, "4", ";tag=there", "Route: <sip:sip.our.example;lr;gh=00112233445566778899aabbccddeeff>\n");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 404);
	close_scene(&s);
}

static void cancelled(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, false, "");
	send_from(&s.w, &s.b, "INVITE", "sip:y@c.example", "1", "", "");
	(void)peer_receive(&s.w, &s.c);
	struct sipmsg *invite = sipmsg_copy(s.c.m);
	peer_respond(&s.w, &s.c, 180, "");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 180);
	send_from(&s.w, &s.b, "CANCEL", "sip:y@c.example", "1", "", "");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 200);
	assert_int_equal(sipmsg_method(peer_receive(&s.w, &s.c)), SIPM_CANCEL);
	peer_respond(&s.w, &s.c, 200, "");
	sipmsg_free(s.c.m);
	s.c.m = invite;
	peer_respond(&s.w, &s.c, 487, "");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 487);
	close_scene(&s);
}

/* ---- of gh-xlate ---- */

static void ask(struct scene *s, uint64_t id, const char *method, const char *uri, const char *body)
{
	struct buf b;

	buf_init(&b, 8192);
	buf_putf(&b, "%s %s SIP/2.0\r\nFrom: <sip:a@our.example>;tag=1\r\nTo: <%s>\r\nCall-ID: i%llu@our.example\r\nCSeq: 5 %s\r\n"
		 "Max-Forwards: 70\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
		 method, uri, uri, (unsigned long long)id, method, strlen(body), body);
	world_ask(&s->w, &(struct sip_unit){ .id = id, .message = buf_bytes(&b) });
	buf_fini(&b);
}

static const struct sip_answer *answered(struct scene *s)
{
	size_t is_there = 0;

	for (int i = 0; i < 600 && !is_there; i++) {
		loop_turn(s->w.loop, 5);
		is_there = s->w.n_answers;
	}
	assert_int_equal(s->w.n_answers, 1);
	s->w.n_answers = 0;
	return &s->w.answer;
}

static void errand(void **state)
{
	struct scene s;
	struct sipmsg *raw;

	(void)state;
	open_scene(&s, false, "");
	ask(&s, 7, "MESSAGE", "sip:y@c.example", "hello");
	struct sipmsg *m = peer_receive(&s.w, &s.c);
	assert_int_equal(sipmsg_count(m, SIPH_VIA), 1);
	assert_true(bytes_eq_str(sipmsg_body(m), "hello"));
	assert_true(bytes_eq_str(sipmsg_value(m, SIPH_CSEQ, 0), "5 MESSAGE"));
	peer_respond(&s.w, &s.c, 486, "");
	const struct sip_answer *a = answered(&s);
	assert_int_equal(a->id, 7);
	assert_int_equal(a->flags, UNIT_RAW);
	assert_int_equal(a->status, 486);
	assert_int_equal(sipmsg_parse(a->body, &raw), 0);
	assert_int_equal(sipmsg_status(raw), 486);
	sipmsg_free(raw);
	assert_int_equal(s.w.g.errands.count, 0);
	close_scene(&s);
}

/* FED-14: the partner's server sends it back to a domain of ours, under another address. */
static void gateway_loop(void **state)
{
	struct scene s;
	char text[4096];

	(void)state;
	open_scene(&s, false, "");
	ask(&s, 7, "MESSAGE", "sip:y@c.example", "");
	(void)peer_receive(&s.w, &s.c);
	struct bytes via = sipmsg_value(s.c.m, SIPH_VIA, 0);
	(void)snprintf(text, sizeof text,
	               "MESSAGE sip:z@our.example SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKq;rport\nVia: %.*s\n"
	               "From: <sip:a@our.example>;tag=1\nTo: <sip:y@c.example>\nCall-ID: i7@our.example\nCSeq: 5 MESSAGE\n"
	               "Max-Forwards: 70\nContent-Length: 0\n\n", s.c.port, BYTES_FMT(via));
	peer_send(&s.w, &s.c, text);
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.c)), 482);
	assert_int_equal(s.w.n_units, 0);
	close_scene(&s);
}

/* ERR-11, and what the rows forbid. */
static void made_up(void **state)
{
	struct scene s;
	char large[3000];

	(void)state;
	open_scene(&s, false, "sip peer bad.example action = deny\n");
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	const struct {
		const char *uri, *body;
		unsigned status;
		int why;
	} rows[] = {
		{ "sip:y@c.example", "", 503, ERR_CONN_REFUSED },
		{ "sip:y@bad.example", "", 403, ERR_DENIED },
		{ "sip:y@stranger.example", "", 403, ERR_DENIED },
		{ "sip:y@c.example", large, 513, ERR_LIMIT },
		{ "tel:+4930", "", 400, ERR_SYNTAX },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ask(&s, 100 + i, "MESSAGE", rows[i].uri, rows[i].body);
		const struct sip_answer *a = answered(&s);
		if (a->id != 100 + i || a->status != rows[i].status || a->why != rows[i].why || a->flags)
			fail_msg("row %zu: %u %s", i, a->status, err_name(a->why));
	}
	close_scene(&s);
}

static void challenge(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, false, "sip peer c.example user = gate\nsip peer c.example password = secret\n");
	ask(&s, 7, "MESSAGE", "sip:y@c.example", "");
	struct sipmsg *m = peer_receive(&s.w, &s.c);
	assert_true(bytes_eq_str(sipmsg_value(m, SIPH_CSEQ, 0), "10 MESSAGE"));
	peer_respond(&s.w, &s.c, 407, "Proxy-Authenticate: Digest realm=\"c.example\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256\n");
	m = peer_receive(&s.w, &s.c);
	assert_true(bytes_eq_str(sipmsg_value(m, SIPH_CSEQ, 0), "11 MESSAGE"));
	assert_int_equal(sipmsg_count(m, SIPH_PROXY_AUTHORIZATION), 1);
	assert_non_null(strstr(s.c.text, "username=\"gate\""));
	/* ERR-12: once */
	peer_respond(&s.w, &s.c, 407, "Proxy-Authenticate: Digest realm=\"c.example\", nonce=\"n2\", qop=\"auth\", algorithm=SHA-256\n");
	assert_int_equal(answered(&s)->status, 407);
	assert_true(peer_is_silent(&s.w, &s.c));
	/* without credentials it is the answer */
	set(&s, false, "");
	ask(&s, 8, "MESSAGE", "sip:y@c.example", "");
	(void)peer_receive(&s.w, &s.c);
	peer_respond(&s.w, &s.c, 401, "WWW-Authenticate: Digest realm=\"c.example\", nonce=\"n1\"\n");
	assert_int_equal(answered(&s)->status, 401);
	close_scene(&s);
}

static void errand_cancelled(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, false, "");
	ask(&s, 7, "INVITE", "sip:y@c.example", "");
	(void)peer_receive(&s.w, &s.c);
	struct sipmsg *invite = sipmsg_copy(s.c.m);
	peer_respond(&s.w, &s.c, 180, "");
	world_settle(&s.w);
	world_cancel(&s.w, 7);
	assert_int_equal(sipmsg_method(peer_receive(&s.w, &s.c)), SIPM_CANCEL);
	peer_respond(&s.w, &s.c, 200, "");
	sipmsg_free(s.c.m);
	s.c.m = invite;
	peer_respond(&s.w, &s.c, 487, "");
	assert_int_equal(answered(&s)->status, 487);
	close_scene(&s);
}

/* gh-xlate dies with an INVITE out: it is cancelled, and nothing is left. */
static void gateway_dies(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, false, "");
	ask(&s, 7, "INVITE", "sip:y@c.example", "");
	(void)peer_receive(&s.w, &s.c);
	struct sipmsg *invite = sipmsg_copy(s.c.m);
	peer_respond(&s.w, &s.c, 180, "");
	world_settle(&s.w);
	world_gateway_down(&s.w);
	assert_int_equal(s.w.g.errands.count, 0);
	assert_int_equal(sipmsg_method(peer_receive(&s.w, &s.c)), SIPM_CANCEL);
	peer_respond(&s.w, &s.c, 200, "");
	sipmsg_free(s.c.m);
	s.c.m = invite;
	peer_respond(&s.w, &s.c, 487, "");
	world_settle(&s.w);
	assert_true(list_is_empty(&s.w.g.trips));
	close_scene(&s);
}

/* The next hop gets all of the INVITE, of which only the transaction of the first had the text; that one has its ACK. */
static void invite_fails_over(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, true, "");
	send_from(&s.w, &s.b, "INVITE", "sip:y@c.example", "1", "", "Subject: whole\n");
	assert_non_null(peer_receive(&s.w, &s.c));
	peer_respond(&s.w, &s.c, 503, "");
	struct sipmsg *m = peer_receive(&s.w, &s.c2);
	assert_int_equal(sipmsg_method(m), SIPM_INVITE);
	assert_true(bytes_eq_str(sipmsg_value(m, SIPH_SUBJECT, 0), "whole"));
	assert_int_equal(sipmsg_count(m, SIPH_VIA), 2);
	assert_int_equal(sipmsg_method(peer_receive(&s.w, &s.c)), SIPM_ACK);
	peer_respond(&s.w, &s.c2, 486, "");
	while (sipmsg_status(m = peer_receive(&s.w, &s.b)) == 100)
		; /* on a slow machine */
	assert_int_equal(sipmsg_status(m), 486);
	close_scene(&s);
}

/* What waits for long is kept by its transaction only, and still gets on. */
static void packed(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, true, "");
	send_from(&s.w, &s.b, "MESSAGE", "sip:y@c.example", "1", "", "");
	(void)peer_receive(&s.w, &s.c);
	uint64_t end = loop_now(s.w.loop) + 1200;
	while (loop_now(s.w.loop) < end)
		loop_turn(s.w.loop, 20);
	assert_true(list_is_empty(&s.w.g.held));
	assert_int_equal(s.w.g.n_held, 1);
	while (!peer_is_silent(&s.w, &s.c))
		; /* retransmissions */
	peer_respond(&s.w, &s.c, 503, "");
	(void)peer_receive(&s.w, &s.c2);
	peer_respond(&s.w, &s.c2, 200, "");
	assert_int_equal(sipmsg_status(peer_receive(&s.w, &s.b)), 200);
	close_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relayed), cmocka_unit_test(loop), cmocka_unit_test(fails_over),
		cmocka_unit_test(refused_connection), cmocka_unit_test(dialog), cmocka_unit_test(cancelled),
		cmocka_unit_test(errand), cmocka_unit_test(gateway_loop), cmocka_unit_test(made_up),
		cmocka_unit_test(challenge), cmocka_unit_test(errand_cancelled), cmocka_unit_test(gateway_dies),
		cmocka_unit_test(invite_fails_over), cmocka_unit_test(packed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
