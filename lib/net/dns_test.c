#include "base/err.h"
#include "net/dns_fixture.h"
#include "net/dns_impl.h"
#include "net/dns_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- order (RFC 2782, XEP-0368) ---- */

static uint32_t draw_values[16], draw_at;
static uint32_t draw(uint32_t below)
{
	uint32_t v = draw_values[draw_at++ % 16];

	return v < below ? v : below - 1;
}

static void add_srv(struct dns_set *s, uint16_t priority, uint16_t weight, uint16_t port, const char *target)
{
	struct dns_srv_record *r = &s->srvs[s->n++];

	*r = (struct dns_srv_record){ priority, weight, port, "" };
	snprintf(r->target, sizeof r->target, "%s", target);
}

static void priorities_come_first_and_weights_draw(void **state)
{
	struct dns_set plain = { 0 }, direct = { 0 };
	struct dns_srv_answer a;

	(void)state;
	add_srv(&plain, 20, 0, 1, "last.example");
	add_srv(&plain, 10, 60, 2, "heavy.example");
	add_srv(&direct, 10, 40, 3, "direct.example");
	add_srv(&direct, 10, 0, 4, "light.example");
	/* Running sums in order of light (0), heavy (60), direct (100): 61 falls to direct. */
	draw_at = 0;
	draw_values[0] = 61;
	draw_values[1] = 0; /* then 0 falls to the weightless one */
	draw_values[2] = 1;
	dns_order(&plain, &direct, "d.example", draw, &a);
	assert_int_equal(a.rc, 0);
	assert_int_equal(a.n, 4);
	assert_string_equal(a.targets[0].host, "direct.example");
	assert_true(a.targets[0].is_direct_tls);
	assert_string_equal(a.targets[1].host, "light.example");
	assert_string_equal(a.targets[2].host, "heavy.example");
	assert_false(a.targets[2].is_direct_tls);
	assert_string_equal(a.targets[3].host, "last.example");
	assert_false(a.is_fallback);
}

/* Over many draws the shares follow the weights. */
static void shares_follow_weights(void **state)
{
	unsigned first = 0;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		struct dns_set plain = { 0 }, none = { .rc = ERR_DNS_NODATA };
		struct dns_srv_answer a;
		add_srv(&plain, 1, 75, 1, "a.example");
		add_srv(&plain, 1, 25, 2, "b.example");
		draw_at = 0;
		draw_values[0] = i * 7919u % 101;
		dns_order(&plain, &none, "d.example", draw, &a);
		first += a.targets[0].port == 1;
	}
	assert_in_range(first, 2900, 3100);
}

static void absence_and_refusal(void **state)
{
	static const struct {
		int plain_rc, direct_rc;
		bool plain_dot, direct_dot;
		int rc;
		bool is_fallback;
	} rows[] = {
		{ ERR_DNS_NXDOMAIN, ERR_DNS_NXDOMAIN, false, false, 0, true },
		{ ERR_DNS_SERVFAIL, ERR_DNS_TIMEOUT, false, false, 0, true },
		{ 0, ERR_DNS_NODATA, true, false, ERR_NOT_FOUND, false },
		{ 0, 0, true, true, ERR_NOT_FOUND, false },
		{ ERR_DNS_NODATA, 0, false, true, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dns_set plain = { .rc = rows[i].plain_rc }, direct = { .rc = rows[i].direct_rc };
		struct dns_srv_answer a;
		if (rows[i].plain_dot)
			add_srv(&plain, 0, 0, 0, "");
		if (rows[i].direct_dot)
			add_srv(&direct, 0, 0, 0, "");
		dns_order(&plain, &direct, "d.example", draw, &a);
		assert_int_equal(a.rc, rows[i].rc);
		assert_int_equal(a.is_fallback, rows[i].is_fallback);
		if (a.is_fallback) {
			assert_string_equal(a.targets[0].host, "d.example");
			assert_int_equal(a.targets[0].port, 5269);
		}
	}
}

/* A "." of one service does not hide the other (lesson 12). */
static void a_dot_is_about_its_own_service(void **state)
{
	struct dns_set plain = { 0 }, direct = { 0 };
	struct dns_srv_answer a;

	(void)state;
	add_srv(&plain, 0, 0, 0, "");
	add_srv(&direct, 5, 0, 443, "tls.example");
	dns_order(&plain, &direct, "d.example", draw, &a);
	assert_int_equal(a.rc, 0);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.targets[0].host, "tls.example");
}

/* ---- the whole resolver against a server of our own ---- */

struct world {
	struct loop *loop;
	struct dns *dns;
	struct dns_fixture server;
	unsigned answered;
	struct dns_srv_answer srv;
	struct dns_addr_answer addr;
	struct dns_tlsa_answer tlsa;
	struct dns_naptr_answer naptr;
};

static struct world *world_new(const struct server_row *rows, size_t n_rows, bool validates)
{
	struct world *w = test_calloc(1, sizeof *w);

	w->loop = loop_new(LOOP_LIBEVENT);
	dns_fixture_open(&w->server, w->loop, rows, n_rows, validates);
	w->dns = w->server.dns;
	return w;
}

static void world_free(struct world *w)
{
	dns_fixture_close(&w->server);
	loop_free(w->loop);
	test_free(w);
}

static void on_srv(void *arg, const struct dns_srv_answer *a)
{
	struct world *w = arg;

	w->srv = *a;
	w->answered++;
}
static void on_addr(void *arg, const struct dns_addr_answer *a)
{
	struct world *w = arg;

	w->addr = *a;
	w->answered++;
}
static void on_tlsa(void *arg, const struct dns_tlsa_answer *a)
{
	struct world *w = arg;

	w->tlsa = *a;
	w->answered++;
}

static void on_naptr(void *arg, const struct dns_naptr_answer *a)
{
	struct world *w = arg;

	w->naptr = *a;
	w->answered++;
}

static void wait_for(struct world *w, unsigned answers)
{
	uint64_t end = loop_now(w->loop) + 3000;

	while (w->answered < answers && loop_now(w->loop) < end)
		loop_turn(w->loop, 50);
	assert_int_equal(w->answered, answers);
}

static void records_are_found_and_kept(void **state)
{
	static const struct server_row rows[] = {
		ROW("_xmpp-server._tcp.d.example", 33, ANSWER, SRV_RDATA("\1", "\x14", "\x95", "\1a\1d\7example\0")),
		ROW("_xmpps-server._tcp.d.example", 33, ANSWER, SRV_RDATA("\0", "\x14", "\x96", "\1b\1d\7example\0")),
		ROW("a.d.example", 1, ANSWER, "\x7f\0\0\5"),
		ROW("a.d.example", 28, ANSWER, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"),
	};
	struct world *w = world_new(rows, 4, false);

	(void)state;
	assert_non_null(dns_srv(w->dns, "d.example", on_srv, w));
	assert_int_equal(w->answered, 0); /* never from inside the call */
	wait_for(w, 1);
	assert_int_equal(w->srv.n, 2);
	assert_string_equal(w->srv.targets[0].host, "b.d.example");
	assert_true(w->srv.targets[0].is_direct_tls);
	assert_int_equal(w->srv.targets[1].port, 0x1495);
	dns_addr(w->dns, "a.d.example", on_addr, w);
	wait_for(w, 2);
	assert_int_equal(w->addr.n, 2);
	assert_int_equal(w->addr.addrs[0].family, 6);
	assert_int_equal(w->addr.addrs[1].bytes[3], 5);
	unsigned asked = w->server.asked;
	dns_srv(w->dns, "d.example", on_srv, w);
	dns_addr(w->dns, "a.d.example", on_addr, w);
	wait_for(w, 4);
	assert_int_equal(w->server.asked, asked);
	dns_forget(w->dns, BYTES("d.example"));
	dns_addr(w->dns, "a.d.example", on_addr, w);
	wait_for(w, 5);
	assert_int_equal(w->server.asked, asked + 2);
	world_free(w);
}

static void any_service_is_found_without_a_fallback(void **state)
{
	static const struct server_row rows[] = {
		ROW("_sips._tcp.d.example", 33, ANSWER, SRV_RDATA("\2", "\x13", "\xc5", "\1b\1d\7example\0")),
		ROW("_sips._tcp.d.example", 33, ANSWER, SRV_RDATA("\1", "\x13", "\xc6", "\1a\1d\7example\0")),
		ROW("_sip._udp.d.example", 33, ANSWER, SRV_RDATA("\0", "\0", "\0", "\0")),
		ROW("_sip._tcp.d.example", 33, SERVFAIL, ""),
	};
	struct world *w = world_new(rows, 4, false);

	(void)state;
	dns_service(w->dns, "_sips._tcp.d.example", on_srv, w);
	assert_int_equal(w->answered, 0);
	wait_for(w, 1);
	assert_int_equal(w->srv.rc, 0);
	assert_int_equal(w->srv.n, 2);
	assert_string_equal(w->srv.targets[0].host, "a.d.example");
	assert_int_equal(w->srv.targets[1].port, 5061);
	assert_int_equal(w->srv.ttl_s, 60);
	dns_service(w->dns, "_sip._udp.d.example", on_srv, w);
	wait_for(w, 2);
	assert_int_equal(w->srv.rc, ERR_NOT_FOUND); /* "." */
	dns_service(w->dns, "_sip._tcp.d.example", on_srv, w);
	wait_for(w, 3);
	assert_int_equal(w->srv.rc, ERR_DNS_SERVFAIL);
	dns_service(w->dns, "_x._tcp.d.example", on_srv, w);
	wait_for(w, 4);
	assert_int_equal(w->srv.rc, ERR_DNS_NXDOMAIN);
	assert_int_equal(w->srv.n, 0);
	assert_false(w->srv.is_fallback);
	world_free(w);
}

/* The example of RFC 3263 4.1, out of order. */
static void naptr_records_are_in_order(void **state)
{
	static const struct server_row rows[] = {
		ROW("d.example", 35, ANSWER, "\0\144\0\62\1s\7SIP+D2U\0\4_sip\4_udp\1d\7example\0"),
		ROW("d.example", 35, ANSWER, "\0\62\0\62\1s\10SIPS+D2T\0\5_sips\4_tcp\1d\7example\0"),
		ROW("d.example", 35, ANSWER, "\0\62\0\12\1u\7E2U+sip\5!x!y!\0"),
		ROW("mad.example", 35, GARBAGE, ""),
	};
	struct world *w = world_new(rows, 4, false);

	(void)state;
	for (unsigned i = 1; i <= 2; i++) { /* the second from the cache */
		dns_naptr(w->dns, "d.example", on_naptr, w);
		wait_for(w, i);
		assert_int_equal(w->naptr.n, 3);
		assert_true(w->naptr.records[0].has_expression);
		assert_string_equal(w->naptr.records[0].replacement, "");
		assert_string_equal(w->naptr.records[1].service, "SIPS+D2T");
		assert_string_equal(w->naptr.records[1].flags, "s");
		assert_string_equal(w->naptr.records[1].replacement, "_sips._tcp.d.example");
		assert_int_equal(w->naptr.records[2].order, 100);
	}
	assert_int_equal(w->server.asked, 1);
	dns_naptr(w->dns, "mad.example", on_naptr, w);
	wait_for(w, 3);
	assert_int_equal(w->naptr.n, 0);
	assert_int_not_equal(w->naptr.rc, 0);
	world_free(w);
}

/* A broken AAAA never blocks A; SRV that fails or stays silent falls back (lesson 11). */
static void failures_of_one_do_not_stop_the_other(void **state)
{
	static const struct server_row rows[] = {
		ROW("_xmpp-server._tcp.d.example", 33, SERVFAIL, ""), ROW("_xmpps-server._tcp.d.example", 33, SILENT, ""),
		ROW("d.example", 1, ANSWER, "\x7f\0\0\5"),	       ROW("d.example", 28, SERVFAIL, ""),
		ROW("slow.example", 1, ANSWER, "\x7f\0\0\6"),	       ROW("slow.example", 28, SILENT, ""),
		ROW("mad.example", 1, GARBAGE, ""),		       ROW("mad.example", 28, NXDOMAIN, ""),
	};
	struct world *w = world_new(rows, 8, false);

	(void)state;
	dns_srv(w->dns, "d.example", on_srv, w);
	wait_for(w, 1);
	assert_int_equal(w->srv.rc, 0);
	assert_true(w->srv.is_fallback);
	dns_addr(w->dns, "d.example", on_addr, w);
	wait_for(w, 2);
	assert_int_equal(w->addr.n, 1);
	assert_int_equal(w->addr.addrs[0].bytes[3], 5);
	dns_addr(w->dns, "slow.example", on_addr, w);
	wait_for(w, 3);
	assert_int_equal(w->addr.n, 1);
	dns_addr(w->dns, "mad.example", on_addr, w);
	wait_for(w, 4);
	assert_int_equal(w->addr.n, 0);
	assert_int_not_equal(w->addr.rc, 0);
	dns_addr(w->dns, "nobody.example", on_addr, w);
	wait_for(w, 5);
	assert_int_equal(w->addr.rc, ERR_DNS_NXDOMAIN);
	world_free(w);
}

static void a_cname_target_is_followed(void **state)
{
	/* One answer section: alias -> CNAME -> address under the other name. */
	static const char cname[] = "\4real\1d\7example\0";
	static const struct server_row rows[] = { { "www.d.example", 1, ANSWER, NULL, 0 } };
	uint8_t answer[200] = { 0, 1, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, 3, 'w', 'w', 'w', 1, 'd', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1 };
	size_t at = 31;
	struct dns_set set;

	(void)state;
	(void)rows;
	static const uint8_t head[] = { 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 30, 0, 16 };
	memcpy(answer + at, head, sizeof head);
	memcpy(answer + at + sizeof head, cname, 16);
	at += sizeof head + 16;
	static const uint8_t a[] = { 4, 'r', 'e', 'a', 'l', 0xc0, 16, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 9 };
	memcpy(answer + at, a, sizeof a);
	at += sizeof a;
	dns_read(DNS_A, bytes_make(answer, at), false, &set);
	assert_int_equal(set.rc, 0);
	assert_int_equal(set.n, 1);
	assert_int_equal(set.addrs[0].bytes[3], 9);
	assert_int_equal(set.ttl_s, 30);
	/* Cut anywhere, it is refused or empty, never read beyond. */
	for (size_t n = 0; n < at; n++) {
		uint8_t *cut = malloc(n ? n : 1);
		memcpy(cut, answer, n);
		dns_read(DNS_A, bytes_make(cut, n), false, &set);
		assert_int_not_equal(set.rc, 0);
		free(cut);
	}
}

static void tlsa_counts_only_when_validated(void **state)
{
	static const struct server_row rows[] = { ROW("_5269._tcp.a.d.example", 52, ANSWER,
						      "\3\1\1" "0123456789abcdef0123456789abcdef") };

	(void)state;
	for (int mode = 0; mode < 4; mode++) {
		bool validates = mode & 1, says_ad = mode & 2;
		struct world *w = world_new(rows, 1, validates);
		w->server.says_ad = says_ad;
		dns_tlsa(w->dns, "a.d.example", 5269, on_tlsa, w);
		wait_for(w, 1);
		assert_int_equal(w->tlsa.n, validates && says_ad);
		if (w->tlsa.n) {
			assert_int_equal(w->tlsa.records[0].usage, 3);
			assert_int_equal(w->tlsa.records[0].data_n, 32);
		}
		world_free(w);
	}
}

static void literals_and_cancelled_questions(void **state)
{
	struct world *w = world_new(NULL, 0, false);
	char text[DNS_ADDR_TEXT_BYTES];

	(void)state;
	dns_addr(w->dns, "::1", on_addr, w);
	wait_for(w, 1);
	assert_int_equal(w->addr.n, 1);
	dns_addr_text(&w->addr.addrs[0], text);
	assert_string_equal(text, "::1");
	assert_int_equal(w->server.asked, 0);
	dns_cancel(dns_srv(w->dns, "d.example", on_srv, w));
	dns_cancel(NULL);
	struct dns_config none = { .query_ms = 300, .budget_ms = 1000 };
	dns_srv(w->dns, "e.example", on_srv, w);
	assert_int_equal(dns_configure(w->dns, &none), 0); /* that question goes on */
	wait_for(w, 2);
	dns_addr(w->dns, "e.example", on_addr, w);
	wait_for(w, 3);
	assert_int_equal(w->addr.rc, ERR_DNS_SERVFAIL);
	world_free(w);
}

/* G-DNS-02, G-DNS-03: the longest zone that fits, label by label; a zone's second server answers for its first. */
static void zones_have_their_own_servers(void **state)
{
	static const struct server_row rest_rows[] = { ROW("a.example", 1, ANSWER, "\177\0\0\1"), ROW("notb.example", 1, ANSWER, "\177\0\0\4") };
	static const struct server_row b_rows[] = { ROW("b.example", 1, ANSWER, "\177\0\0\2"), ROW("x.b.example", 1, ANSWER, "\177\0\0\2") };
	static const struct server_row deep_rows[] = { ROW("deep.b.example", 1, ANSWER, "\177\0\0\3"), ROW("a.deep.b.example", 1, ANSWER, "\177\0\0\3") };
	static const struct {
		const char *name;
		uint8_t last; /* octet of the answer; 0: none */
	} names[] = { { "a.example", 1 }, { "b.example", 2 }, { "X.B.Example", 2 }, { "x.b.example.", 2 }, { "deep.b.example", 3 },
		      { "a.deep.b.example", 3 }, { "notb.example", 4 }, { "a.hidden.example", 0 } };
	struct world *w = world_new(rest_rows, 2, true);
	struct dns_fixture b, deep;
	char rest_text[64], b_text[64], deep_text[64];

	(void)state;
	dns_fixture_open(&b, w->loop, b_rows, 2, false);
	dns_fixture_open(&deep, w->loop, deep_rows, 2, false);
	dns_fixture_address(&w->server, rest_text);
	dns_fixture_address(&b, b_text);
	dns_fixture_address(&deep, deep_text);
	w->server.says_ad = b.says_ad = true;
	const char *rest_servers[] = { rest_text }, *b_servers[] = { "127.0.0.1:1", b_text }, *deep_servers[] = { deep_text };
	struct dns_zone_config zones[] = { { "b.example", b_servers, 2, false }, { "deep.b.example", deep_servers, 1, false },
					   { "hidden.example", NULL, 0, false } };
	struct dns_config c = { .servers = rest_servers, .n_servers = 1, .query_ms = 900, .budget_ms = 2000, .validates = true,
				.zones = zones, .n_zones = 3 };
	assert_int_equal(dns_configure(w->dns, &c), 0);
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		dns_addr(w->dns, names[i].name, on_addr, w);
		wait_for(w, i + 1);
		assert_int_equal(w->addr.n, names[i].last ? 1 : 0);
		if (names[i].last)
			assert_int_equal(w->addr.addrs[0].bytes[3], names[i].last);
		/* The zone's server says AD, and nobody has said that it may be believed. */
		if (names[i].last == 1)
			assert_true(w->addr.is_secure);
		if (names[i].last == 2)
			assert_false(w->addr.is_secure);
	}
	const char *bad[] = { "no address" };
	zones[0].servers = bad;
	zones[0].n_servers = 1;
	assert_int_equal(dns_configure(w->dns, &c), ERR_SYNTAX); /* and the old ones stay */
	dns_addr(w->dns, "x.b.example", on_addr, w);
	wait_for(w, sizeof names / sizeof names[0] + 1);
	assert_int_equal(w->addr.n, 1);
	dns_fixture_close(&b);
	dns_fixture_close(&deep);
	world_free(w);
}

static void settings_make_zones(void **state)
{
	static const struct server_row b_rows[] = { ROW("xn--bcher-kva.example", 1, ANSWER, "\177\0\0\2") };
	struct world *w = world_new(NULL, 0, false);
	struct dns_fixture b;
	struct settings *s;
	char text[64], lines[400];
	unsigned line;

	(void)state;
	dns_fixture_open(&b, w->loop, b_rows, 1, false);
	dns_fixture_address(&b, text);
	b.says_ad = true;
	snprintf(lines, sizeof lines, "dns forward-zone bücher.example server = 127.0.0.1:1  %s\ndns forward-zone bücher.example validates = on\n", text);
	assert_int_equal(settings_parse(bytes_of(lines), &s, &line), 0);
	assert_true(settings_have_dns(s) && settings_validate_dns(s));
	assert_int_equal(dns_settings_apply(w->dns, s), 0);
	settings_free(s);
	dns_addr(w->dns, "xn--bcher-kva.example", on_addr, w);
	wait_for(w, 1);
	assert_int_equal(w->addr.n, 1);
	assert_true(w->addr.is_secure);
	dns_addr(w->dns, "other.example", on_addr, w);
	wait_for(w, 2);
	assert_int_equal(w->addr.rc, ERR_DNS_SERVFAIL); /* nobody to ask */
	assert_int_equal(settings_parse(BYTES_NONE, &s, &line), 0);
	assert_false(settings_have_dns(s) || settings_validate_dns(s));
	settings_free(s);
	dns_fixture_close(&b);
	world_free(w);
}

static void the_cache_is_bounded(void **state)
{
	struct dns_cache c;
	struct dns_set set = { .ttl_s = 60, .n = 1 }, got;
	char name[64];

	(void)state;
	dns_cache_init(&c);
	for (int i = 0; i < DNS_CACHE_MAX * 2; i++) {
		snprintf(name, sizeof name, "n%d.example", i);
		dns_cache_put(&c, DNS_A, name, 0, &set);
	}
	assert_int_equal(c.map.count, DNS_CACHE_MAX);
	assert_false(dns_cache_get(&c, DNS_A, "n0.example", 1, &got));
	assert_true(dns_cache_get(&c, DNS_A, name, 59999, &got));
	assert_false(dns_cache_get(&c, DNS_AAAA, name, 1, &got));
	assert_false(dns_cache_get(&c, DNS_A, name, 60000, &got));
	dns_cache_forget(&c, BYTES("example"));
	assert_int_equal(c.map.count, 0);
	dns_cache_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(priorities_come_first_and_weights_draw),
		cmocka_unit_test(shares_follow_weights),
		cmocka_unit_test(absence_and_refusal),
		cmocka_unit_test(a_dot_is_about_its_own_service),
		cmocka_unit_test(records_are_found_and_kept),
		cmocka_unit_test(any_service_is_found_without_a_fallback),
		cmocka_unit_test(naptr_records_are_in_order),
		cmocka_unit_test(failures_of_one_do_not_stop_the_other),
		cmocka_unit_test(a_cname_target_is_followed),
		cmocka_unit_test(tlsa_counts_only_when_validated),
		cmocka_unit_test(literals_and_cancelled_questions),
		cmocka_unit_test(zones_have_their_own_servers),
		cmocka_unit_test(settings_make_zones),
		cmocka_unit_test(the_cache_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
