/* Location by RFC 3263 against a name server of our own: what is asked, and in which order the places come. */
#include "sip/locate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "net/dns_fixture.h"

#define N_EXAMPLE "\7example\0"
/* NAPTR: order, preference, flags, service, expression, replacement */
#define NAPTR(order, preference, service, replacement) "\0" order "\0" preference "\1s" service "\0" replacement
#define SIPS "\x08SIPS+D2T"
#define SIP_T "\x07SIP+D2T"
#define SIP_U "\x07SIP+D2U"
#define A_AT(last) "\x7f\0\0" last

/* all.example: NAPTR to all three. usual.example: SRV only. bare.example: an address. lync.example: OCS.
 * half.example: NAPTR names a service without records. no.example: SRV says no. */
static const struct server_row rows[] = {
	ROW("all.example", 35, ANSWER, NAPTR("\x5a", "\x32", SIP_T, "\4_sip\4_tcp\3all" N_EXAMPLE)),
	ROW("all.example", 35, ANSWER, NAPTR("\x5a", "\x33", SIP_U, "\4_sip\4_udp\3all" N_EXAMPLE)),
	ROW("all.example", 35, ANSWER, NAPTR("\x5a", "\x05", SIPS, "\5_sips\4_tcp\3all" N_EXAMPLE)),
	ROW("all.example", 35, ANSWER, NAPTR("\x01", "\x01", "\x08SIPS+D2S", "\4_sip\5_sctp\3all" N_EXAMPLE)),
	ROW("all.example", 35, ANSWER, "\0\0\0\0\1u\7E2U+sip\4!.!!\0"),
	ROW("_sips._tcp.all.example", 33, ANSWER, SRV_RDATA("\2", "\x13", "\xc5", "\2h2" N_EXAMPLE)),
	ROW("_sips._tcp.all.example", 33, ANSWER, SRV_RDATA("\1", "\x13", "\xc6", "\2h1" N_EXAMPLE)),
	ROW("_sip._tcp.all.example", 33, ANSWER, SRV_RDATA("\1", "\x13", "\xc4", "\2h1" N_EXAMPLE)),
	ROW("_sip._udp.all.example", 33, ANSWER, SRV_RDATA("\1", "\x13", "\xc4", "\2h2" N_EXAMPLE)),
	ROW("all.example", 1, ANSWER, A_AT("\x63")),
	ROW("h1.example", 1, ANSWER, A_AT("\x01")),
	ROW("h1.example", 28, ANSWER, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"),
	ROW("h2.example", 1, ANSWER, A_AT("\x02")),
	ROW("_sips._tcp.usual.example", 33, ANSWER, SRV_RDATA("\1", "\x13", "\xc5", "\2h2" N_EXAMPLE)),
	ROW("_sip._tcp.usual.example", 33, SERVFAIL, ""),
	ROW("_sip._udp.usual.example", 33, ANSWER, SRV_RDATA("\1", "\x13", "\xc4", "\2h2" N_EXAMPLE)),
	ROW("bare.example", 1, ANSWER, A_AT("\x03")),
	ROW("_sipfederationtls._tcp.lync.example", 33, ANSWER, SRV_RDATA("\1", "\x13", "\xc5", "\4edge\4lync" N_EXAMPLE)),
	ROW("_sipfederationtls._tcp.lync.example", 33, ANSWER, SRV_RDATA("\2", "\x13", "\xc5", "\2h2" N_EXAMPLE)),
	ROW("edge.lync.example", 1, ANSWER, A_AT("\x04")),
	ROW("lync.example", 1, ANSWER, A_AT("\x05")),
	ROW("half.example", 35, ANSWER, NAPTR("\x01", "\x01", SIPS, "\6_gone_\4_tcp\4half" N_EXAMPLE)),
	ROW("half.example", 1, ANSWER, A_AT("\x06")),
	ROW("_sips._tcp.no.example", 33, ANSWER, SRV_RDATA("\0", "\0", "\0", "\0")),
	ROW("no.example", 1, ANSWER, A_AT("\x07")),
	ROW("broken.example", 1, SERVFAIL, ""),
	ROW("broken.example", 28, SERVFAIL, ""),
	ROW("mad.example", 35, GARBAGE, ""),
	ROW("_sips._tcp.mad.example", 33, GARBAGE, ""),
	ROW("mad.example", 1, ANSWER, A_AT("\x08")),
	ROW("mute.example", 35, SILENT, ""),
	ROW("mute.example", 1, ANSWER, A_AT("\x09")),
};

struct world {
	struct loop *loop;
	struct dns_fixture server;
	struct sip_places got;
	unsigned answered;
};

static int up(void **state)
{
	struct world *w = test_calloc(1, sizeof *w);

	w->loop = loop_new(LOOP_LIBEVENT);
	dns_fixture_open(&w->server, w->loop, rows, sizeof rows / sizeof rows[0], false);
	*state = w;
	return 0;
}

static int down(void **state)
{
	struct world *w = *state;

	dns_fixture_close(&w->server);
	loop_free(w->loop);
	test_free(w);
	return 0;
}

static void on_places(void *arg, const struct sip_places *p)
{
	struct world *w = arg;

	w->got = *p;
	w->answered++;
}

static void locate(struct world *w, const struct siplocate_ask *ask)
{
	uint64_t end = loop_now(w->loop) + 5000;

	w->answered = 0;
	assert_non_null(siplocate(w->server.dns, ask, on_places, w));
	assert_int_equal(w->answered, 0); /* never from inside */
	while (!w->answered && loop_now(w->loop) < end)
		loop_turn(w->loop, 50);
	assert_int_equal(w->answered, 1);
}

/* "TLS 127.0.0.1 5061 name, ..." */
static void places_text(const struct sip_places *p, char *out, size_t room)
{
	size_t n = 0;

	out[0] = 0;
	for (size_t i = 0; i < p->n && n < room; i++) {
		const struct sip_place *at = &p->places[i];
		char addr[SIP_ADDR_TEXT_BYTES];
		sip_sockaddr_text(&at->addr, addr);
		n += (size_t)snprintf(out + n, room - n, "%s%s %s %u %s", i ? ", " : "", siptransport_name(at->transport), addr,
		                      sip_sockaddr_port(&at->addr), at->name);
	}
}

static void places_come_in_order(void **state)
{
	static const struct {
		const char *what;
		struct siplocate_ask ask;
		const char *want;
		int rc;
	} table[] = {
		/* 4.1: NAPTR by order and preference, SRV by priority, addresses of both families in turn */
		{ "all", { .host = "all.example", .transport = -1 },
		  "TLS ::1 5062 all.example, TLS 127.0.0.1 5062 all.example, TLS 127.0.0.2 5061 all.example, "
		  "TCP ::1 5060 all.example, TCP 127.0.0.1 5060 all.example, UDP 127.0.0.2 5060 all.example", 0 },
		{ "TLS only", { .host = "all.example", .transport = -1, .is_tls_only = true },
		  "TLS ::1 5062 all.example, TLS 127.0.0.1 5062 all.example, TLS 127.0.0.2 5061 all.example", 0 },
		{ "transport", { .host = "all.example", .transport = SIPT_TCP },
		  "TCP ::1 5060 all.example, TCP 127.0.0.1 5060 all.example", 0 },
		{ "transport, TLS only", { .host = "all.example", .transport = SIPT_UDP, .is_tls_only = true },
		  "TLS ::1 5062 all.example, TLS 127.0.0.1 5062 all.example, TLS 127.0.0.2 5061 all.example", 0 },
		{ "port", { .host = "all.example", .port = 7000, .transport = -1 }, "UDP 127.0.0.99 7000 all.example", 0 },
		{ "port, TLS only", { .host = "all.example", .port = 7000, .transport = -1, .is_tls_only = true },
		  "TLS 127.0.0.99 7000 all.example", 0 },
		{ "port, transport", { .host = "all.example", .port = 7000, .transport = SIPT_TCP }, "TCP 127.0.0.99 7000 all.example", 0 },
		{ "no NAPTR", { .host = "usual.example", .transport = -1 }, "TLS 127.0.0.2 5061 usual.example, UDP 127.0.0.2 5060 usual.example", 0 },
		{ "no SRV", { .host = "bare.example", .transport = -1 }, "UDP 127.0.0.3 5060 bare.example", 0 },
		{ "no SRV, TLS only", { .host = "bare.example", .transport = -1, .is_tls_only = true }, "TLS 127.0.0.3 5061 bare.example", 0 },
		{ "no SRV, transport", { .host = "bare.example", .transport = SIPT_TCP }, "TCP 127.0.0.3 5060 bare.example", 0 },
		{ "NAPTR leads nowhere", { .host = "half.example", .transport = -1, .is_tls_only = true }, "TLS 127.0.0.6 5061 half.example", 0 },
		{ "SRV says no", { .host = "no.example", .transport = -1, .is_tls_only = true }, "", ERR_NOT_FOUND },
		{ "SRV says no to TLS", { .host = "no.example", .transport = -1 }, "UDP 127.0.0.7 5060 no.example", 0 },
		/* numeric: no question */
		{ "v4", { .host = "127.0.0.20", .transport = -1 }, "UDP 127.0.0.20 5060 127.0.0.20", 0 },
		{ "v4 TLS", { .host = "127.0.0.20", .transport = -1, .is_tls_only = true, .name = "b.example" }, "TLS 127.0.0.20 5061 b.example", 0 },
		{ "v6", { .host = "[::1]", .port = 5070, .transport = SIPT_TCP }, "TCP ::1 5070 [::1]", 0 },
		{ "v4, Lync", { .host = "127.0.0.20", .transport = -1, .is_tls_only = true, .is_lync = true }, "TLS 127.0.0.20 5061 127.0.0.20", 0 },
		/* B-STR-06 */
		{ "SRV name", { .host = "_sips._tcp.all.example", .transport = SIPT_TLS, .is_srv_name = true, .name = "b.example" },
		  "TLS ::1 5062 b.example, TLS 127.0.0.1 5062 b.example, TLS 127.0.0.2 5061 b.example", 0 },
		{ "SRV name, no transport", { .host = "_sip._udp.all.example", .transport = -1, .is_srv_name = true }, "TCP 127.0.0.2 5060 _sip._udp.all.example", 0 },
		{ "SRV name without records", { .host = "all.example", .transport = SIPT_TCP, .is_srv_name = true }, "", ERR_NOT_FOUND },
		/* FED-07: the target's name only below the domain */
		{ "Lync", { .host = "lync.example", .transport = -1, .is_tls_only = true, .is_lync = true },
		  "TLS 127.0.0.4 5061 edge.lync.example, TLS 127.0.0.2 5061 lync.example", 0 },
		{ "Lync's server by its name", { .host = "edge.lync.example", .port = 7061, .transport = SIPT_TLS, .is_tls_only = true,
						 .is_lync = true, .name = "lync.example" }, "TLS 127.0.0.4 7061 edge.lync.example", 0 },
		{ "Lync's server elsewhere", { .host = "edge.lync.example", .port = 7061, .transport = SIPT_TLS, .is_tls_only = true,
					       .is_lync = true, .name = "b.example" }, "TLS 127.0.0.4 7061 b.example", 0 },
		{ "Lync's records are not for others", { .host = "lync.example", .transport = -1, .is_tls_only = true }, "TLS 127.0.0.5 5061 lync.example", 0 },
		{ "Lync without its record", { .host = "all.example", .transport = -1, .is_tls_only = true, .is_lync = true },
		  "TLS ::1 5062 all.example, TLS 127.0.0.1 5062 all.example, TLS 127.0.0.2 5061 all.example", 0 },
		/* failures */
		{ "nobody", { .host = "nobody.example", .transport = -1 }, "", ERR_NOT_FOUND },
		{ "broken", { .host = "broken.example", .transport = -1 }, "", ERR_DNS_SERVFAIL },
		{ "mad", { .host = "mad.example", .transport = -1, .is_tls_only = true }, "TLS 127.0.0.8 5061 mad.example", 0 },
		{ "mute", { .host = "mute.example", .transport = -1 }, "UDP 127.0.0.9 5060 mute.example", 0 },
		{ "no name", { .host = "a..b", .transport = -1 }, "", ERR_NOT_FOUND },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char text[2000];
		locate(w, &table[i].ask);
		places_text(&w->got, text, sizeof text);
		if (strcmp(text, table[i].want) != 0 || w->got.rc != table[i].rc)
			fail_msg("%s: %s (%s)", table[i].what, text, err_name(w->got.rc));
	}
}

static void numeric_hosts_ask_nobody(void **state)
{
	struct world *w = *state;

	locate(w, &(struct siplocate_ask){ .host = "127.0.0.1", .transport = -1, .local = "a.example" });
	assert_int_equal(w->server.asked, 0);
	assert_int_equal(w->got.ttl_s, 0);
	assert_string_equal(w->got.places[0].local, "a.example");
	locate(w, &(struct siplocate_ask){ .host = "bare.example", .transport = -1 });
	assert_int_equal(w->got.ttl_s, 60);
	assert_true(w->server.asked > 0);
}

static void numeric_hosts_are_found_at_once(void **state)
{
	static const struct {
		struct siplocate_ask ask;
		const char *want; /* "": it has to be asked */
	} table[] = {
		{ { .host = "127.0.0.20", .transport = -1 }, "UDP 127.0.0.20 5060 127.0.0.20" },
		{ { .host = "127.0.0.20", .transport = -1, .is_tls_only = true, .name = "b.example" }, "TLS 127.0.0.20 5061 b.example" },
		{ { .host = "[::1]", .port = 5070, .transport = SIPT_TCP }, "TCP ::1 5070 [::1]" },
		{ { .host = "::1", .transport = SIPT_TLS }, "TLS ::1 5061 ::1" },
		{ { .host = "bare.example", .transport = -1 }, "" },
		{ { .host = "bare.example", .port = 7000, .transport = SIPT_TCP }, "" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct sip_places p = { .n = 1 };
		char text[400] = "";
		bool is_found = siplocate_at_once(&table[i].ask, &p.places[0]);
		if (is_found)
			places_text(&p, text, sizeof text);
		if (is_found != (table[i].want[0] != 0) || strcmp(text, table[i].want) != 0)
			fail_msg("row %zu: %s", i, text);
	}
	assert_int_equal(w->server.asked, 0);
}

/* Whatever a name server says, there are at most so many places. */
static void places_are_bounded(void **state)
{
	static struct server_row many[40];
	static const char srv[] = SRV_RDATA("\1", "\x13", "\xc5", "\1m" N_EXAMPLE);
	static const char addr[] = A_AT("\x0a");
	struct world *w = *state;

	for (size_t i = 0; i < 40; i++)
		many[i] = i < 20 ? (struct server_row){ "_sip._tcp.many.example", 33, ANSWER, srv, sizeof srv - 1 }
		                 : (struct server_row){ "m.example", 1, ANSWER, addr, sizeof addr - 1 };
	w->server.rows = many;
	w->server.n_rows = 40;
	locate(w, &(struct siplocate_ask){ .host = "many.example", .transport = SIPT_TCP });
	assert_int_equal(w->got.n, SIP_PLACES_MAX);
	w->server.rows = rows;
}

static void a_cancelled_question_is_silent(void **state)
{
	static const struct siplocate_ask asks[] = {
		{ .host = "all.example", .transport = -1 },
		{ .host = "127.0.0.1", .transport = -1 },
		{ .host = "all.example", .transport = -1, .is_lync = true },
	};
	struct world *w = *state;
	char long_name[300];

	for (size_t i = 0; i < 3; i++) {
		for (unsigned turns = 0; turns < 4; turns++) {
			w->answered = 0;
			struct siplocate *q = siplocate(w->server.dns, &asks[i], on_places, w);
			for (unsigned n = 0; n < turns && !w->answered; n++)
				loop_turn(w->loop, 20);
			if (w->answered)
				continue;
			siplocate_cancel(q);
			for (unsigned n = 0; n < 5; n++)
				loop_turn(w->loop, 5);
			assert_int_equal(w->answered, 0);
		}
	}
	siplocate_cancel(NULL);
	memset(long_name, 'a', sizeof long_name);
	long_name[299] = 0;
	assert_null(siplocate(w->server.dns, &(struct siplocate_ask){ .host = long_name, .transport = -1 }, on_places, w));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(places_come_in_order),
		TEST(numeric_hosts_ask_nobody),
		TEST(numeric_hosts_are_found_at_once),
		TEST(places_are_bounded),
		TEST(a_cancelled_question_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
