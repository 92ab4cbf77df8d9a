/* The client against a server written here, on a clock that the test moves; and messages as bytes. */
#include "client.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0xa }, server_mac[6] = { 2, 0, 0, 0, 0, 0x51 };
enum { SERVER = 0x0a4e0102, ADDRESS = 0x0a4e0164 }; /* 10.78.1.2, 10.78.1.100 */

static uint32_t number(void)
{
	static uint32_t next = 0x1234567;

	return next += 7919;
}

/* ---- what the client says ---- */

struct said {
	uint8_t type;
	uint32_t xid, from, to, client, requested, server;
	char host[64];
};

static uint32_t at32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct said said(const struct client_out *out)
{
	struct said s = { 0 };
	const uint8_t *m = out->packet + 28;

	assert_true(out->n >= 28 + 300 && out->n <= DHCP_ASK_MAX);
	assert_int_equal(out->packet[2] << 8 | out->packet[3], out->n);
	assert_int_equal(out->packet[22] << 8 | out->packet[23], 67);
	assert_int_equal(m[0], 1);
	assert_memory_equal(m + 28, mac, 6);
	s.xid = at32(m + 4);
	s.from = at32(out->packet + 12);
	s.to = at32(out->packet + 16);
	s.client = at32(m + 12);
	for (const uint8_t *o = m + 240; *o != 255; o += 2 + o[1]) {
		if (o[0] == 53)
			s.type = o[2];
		if (o[0] == 50)
			s.requested = at32(o + 2);
		if (o[0] == 54)
			s.server = at32(o + 2);
		if (o[0] == 12)
			memcpy(s.host, o + 2, o[1]);
	}
	return s;
}

static struct dhcp_reply reply(const struct client *c, uint8_t type)
{
	struct dhcp_reply r = { .type = type, .xid = c->xid, .address = ADDRESS, .server = SERVER, .prefix = 24, .router = 0x0a4e0101,
				.lease_s = 3600 };

	memcpy(r.mac, mac, sizeof mac);
	return r;
}

static void give(struct client *c, const struct dhcp_reply *r, uint64_t now, struct client_out *out)
{
	client_input(c, r, server_mac, now, out);
}

static void bound(struct client *c, uint32_t lease_s)
{
	struct client_out out = { 0 };

	client_init(c, mac, number);
	client_start(c, 1000, &out);
	struct dhcp_reply r = reply(c, DHCP_OFFER);
	r.lease_s = lease_s;
	give(c, &r, 1000, &out);
	r.type = DHCP_ACK;
	give(c, &r, 1000, &out);
	assert_int_equal(c->state, CLIENT_BOUND);
	assert_true(out.is_news);
}

/* ---- the client ---- */

static void gets_a_lease(void **state)
{
	struct client c;
	struct client_out out = { 0 };

	(void)state;
	client_init(&c, mac, number);
	memcpy(c.host, "edge-1", 7);
	client_start(&c, 1000, &out);
	struct said s = said(&out);
	assert_int_equal(s.type, DHCP_DISCOVER);
	assert_true(out.is_broadcast && s.to == 0xffffffff && s.from == 0 && s.xid == c.xid);
	assert_string_equal(s.host, "edge-1");
	struct dhcp_reply r = reply(&c, DHCP_OFFER);
	give(&c, &r, 1500, &out);
	s = said(&out);
	assert_int_equal(s.type, DHCP_REQUEST);
	assert_int_equal(s.requested, ADDRESS);
	assert_int_equal(s.server, SERVER);
	assert_int_equal(s.client, 0);
	r.type = DHCP_ACK;
	r.dns[0] = 0x0a4e0105;
	give(&c, &r, 1600, &out);
	assert_true(out.is_news && out.n == 0);
	assert_int_equal(c.lease.address, ADDRESS);
	assert_int_equal(c.lease.router, 0x0a4e0101);
	assert_int_equal(client_next_ms(&c), 1500 + 1800 * 1000); /* T1, from when it was asked for */
}

static void skips_what_is_not_for_it(void **state)
{
	struct client c;
	struct client_out out = { 0 };

	(void)state;
	client_init(&c, mac, number);
	client_start(&c, 1000, &out);
	for (int i = 0; i < 9; i++) {
		struct dhcp_reply r = reply(&c, DHCP_OFFER);
		r.xid += i == 0;
		r.mac[5] += i == 1;
		r.type = i == 2 ? DHCP_ACK : r.type;
		r.server = i == 3 ? 0 : r.server;
		r.prefix = i == 4 ? 0 : r.prefix;
		r.lease_s = i == 5 ? 9 : r.lease_s;
		r.address = i == 6 ? 0x0a4e01ff : i == 7 ? 0xe0000001 : i == 8 ? 0x7f000001 : r.address;
		give(&c, &r, 1100, &out);
		assert_int_equal(c.state, CLIENT_SELECTING);
		assert_int_equal(out.n, 0);
	}
	struct dhcp_reply r = reply(&c, DHCP_OFFER);
	give(&c, &r, 1100, &out);
	r.type = DHCP_ACK;
	r.server = 0x0a4e0166; /* another one */
	give(&c, &r, 1100, &out);
	r = reply(&c, DHCP_ACK);
	r.address++; /* not what was offered */
	give(&c, &r, 1100, &out);
	r = reply(&c, DHCP_NAK);
	r.server = 0x0a4e0166;
	give(&c, &r, 1100, &out);
	assert_int_equal(c.state, CLIENT_REQUESTING);
}

static void a_router_elsewhere_is_none(void **state)
{
	struct client c;
	struct client_out out = { 0 };

	(void)state;
	client_init(&c, mac, number);
	client_start(&c, 1000, &out);
	struct dhcp_reply r = reply(&c, DHCP_OFFER);
	give(&c, &r, 1000, &out);
	r.type = DHCP_ACK;
	r.router = 0x0a4e0201;
	give(&c, &r, 1000, &out);
	assert_int_equal(c.lease.router, 0);
}

static void asks_again_later_and_later(void **state)
{
	struct client c;
	struct client_out out = { 0 };
	uint64_t last = 1000, total = 0;
	unsigned news = 0;

	(void)state;
	client_init(&c, mac, number);
	client_start(&c, last, &out);
	for (int i = 0; i < 12; i++) {
		uint64_t at = client_next_ms(&c), least = (4000ull << (i < 4 ? i : 4)) - 1000;
		assert_in_range(at - last, least, least + 2000);
		total += at - last;
		last = at;
		client_timer(&c, at, &out);
		assert_int_equal(said(&out).type, DHCP_DISCOVER);
		news += out.is_news;
	}
	assert_int_equal(news, 1);
	assert_true(total > 400 * 1000);
}

static void starts_over_when_the_server_of_the_offer_is_silent(void **state)
{
	struct client c;
	struct client_out out = { 0 };
	unsigned requests = 0;

	(void)state;
	client_init(&c, mac, number);
	client_start(&c, 1000, &out);
	struct dhcp_reply r = reply(&c, DHCP_OFFER);
	give(&c, &r, 1000, &out);
	uint32_t xid = c.xid;
	while (said(&out).type == DHCP_REQUEST) {
		requests++;
		client_timer(&c, client_next_ms(&c), &out);
	}
	assert_int_equal(requests, 4);
	assert_int_equal(said(&out).type, DHCP_DISCOVER);
	assert_int_not_equal(c.xid, xid);
	assert_true(c.is_silence_told);
}

static void renews_by_unicast_then_rebinds_then_gives_up(void **state)
{
	struct client c;
	struct client_out out;

	(void)state;
	bound(&c, 3600);
	uint64_t at = client_next_ms(&c);
	assert_int_equal(at, 1000 + 1800 * 1000);
	client_timer(&c, at, &out);
	struct said s = said(&out);
	assert_int_equal(c.state, CLIENT_RENEWING);
	assert_false(out.is_broadcast);
	assert_memory_equal(c.next_hop, server_mac, 6);
	assert_true(s.type == DHCP_REQUEST && s.client == ADDRESS && s.from == ADDRESS && s.to == SERVER && !s.requested && !s.server);
	for (at = client_next_ms(&c); c.state == CLIENT_RENEWING; at = client_next_ms(&c))
		client_timer(&c, at, &out);
	assert_int_equal(c.state, CLIENT_REBINDING);
	assert_true(said(&out).to == 0xffffffff);
	assert_false(out.is_news); /* the address stays */
	unsigned sent = 0;
	for (at = client_next_ms(&c); c.state == CLIENT_REBINDING; at = client_next_ms(&c), sent++)
		client_timer(&c, at, &out);
	assert_in_range(sent, 2, 10);
	assert_true(out.is_news && c.lease.address == 0);
	assert_int_equal(c.state, CLIENT_SELECTING);
	assert_int_equal(said(&out).type, DHCP_DISCOVER);
}

static void a_renewed_lease_lasts_longer(void **state)
{
	struct client c;
	struct client_out out;

	(void)state;
	bound(&c, 3600);
	uint64_t at = client_next_ms(&c), end = c.end_ms;
	client_timer(&c, at, &out);
	struct dhcp_reply r = reply(&c, DHCP_ACK);
	give(&c, &r, at + 10, &out);
	assert_int_equal(c.state, CLIENT_BOUND);
	assert_true(out.is_news);
	assert_int_equal(c.end_ms, end + 1800 * 1000);
}

static void a_refusal_takes_the_address_away(void **state)
{
	struct client c;
	struct client_out out;
	uint64_t waits[3];

	(void)state;
	bound(&c, 3600);
	uint64_t at = client_next_ms(&c);
	client_timer(&c, at, &out);
	struct dhcp_reply r = reply(&c, DHCP_NAK);
	give(&c, &r, at, &out);
	assert_true(out.is_news && c.lease.address == 0 && out.n == 0);
	assert_int_equal(c.state, CLIENT_WAITING);
	/* A server that offers and refuses again and again is asked less and less. */
	for (int i = 0; i < 3; i++) {
		waits[i] = client_next_ms(&c) - at;
		at = client_next_ms(&c);
		client_timer(&c, at, &out);
		r = reply(&c, DHCP_OFFER);
		give(&c, &r, at, &out);
		r = reply(&c, DHCP_NAK);
		give(&c, &r, at, &out);
	}
	assert_true(waits[0] < waits[1] && waits[1] < waits[2]);
}

static void a_lease_without_end(void **state)
{
	struct client c;

	(void)state;
	bound(&c, DHCP_FOREVER);
	assert_int_equal(client_next_ms(&c), 0);
}

static void times_of_the_server_must_make_sense(void **state)
{
	static const uint32_t rows[][4] = { /* T1, T2, and what is used of a lease of 800 */
		{ 100, 200, 100, 200 }, { 0, 0, 400, 700 },   { 300, 210, 120, 210 }, { 100, 900, 100, 700 },
		{ 0xffffffff, 0xfffffffe, 400, 700 },         { 0, 70, 40, 70 },      { 1, 2, 400, 700 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct client c;
		struct client_out out = { 0 };
		client_init(&c, mac, number);
		client_start(&c, 1000, &out);
		struct dhcp_reply r = reply(&c, DHCP_OFFER);
		give(&c, &r, 1000, &out);
		r.type = DHCP_ACK;
		r.lease_s = 800;
		r.t1_s = rows[i][0];
		r.t2_s = rows[i][1];
		give(&c, &r, 1000, &out);
		assert_int_equal(c.t1_ms, 1000 + rows[i][2] * 1000);
		assert_int_equal(c.t2_ms, 1000 + rows[i][3] * 1000);
	}
}

static void looks_again_when_the_cable_is_back(void **state)
{
	struct client c;
	struct client_out out;

	(void)state;
	bound(&c, 3600);
	client_link_up(&c, 5000, &out);
	assert_int_equal(c.state, CLIENT_REBINDING);
	assert_true(said(&out).to == 0xffffffff && said(&out).client == ADDRESS && !out.is_news);
	client_init(&c, mac, number);
	client_link_up(&c, 5000, &out);
	assert_int_equal(out.n, 0); /* nobody asked it to begin */
}

static void gives_the_address_back(void **state)
{
	struct client c;
	struct client_out out;

	(void)state;
	bound(&c, 3600);
	client_release(&c, &out);
	struct said s = said(&out);
	assert_true(s.type == DHCP_RELEASE && s.client == ADDRESS && s.server == SERVER && s.to == SERVER && !out.is_broadcast);
	assert_int_equal(client_next_ms(&c), 0);
	client_release(&c, &out);
	assert_int_equal(out.n, 0);
}

/* ---- messages ---- */

static size_t message(uint8_t out[static 600], const uint8_t *options, size_t n)
{
	memset(out, 0, 600);
	out[0] = 2;
	out[1] = 1;
	out[2] = 6;
	memcpy(out + 16, "\x0a\x4e\x01\x64", 4);
	memcpy(out + 236, "\x63\x82\x53\x63", 4);
	memcpy(out + 240, options, n);
	return 240 + n;
}

static void reads_options(void **state)
{
	static const uint8_t options[] = { 53, 1, 5, 0, 0, 1, 4, 255, 255, 255, 128, 3, 8, 10, 78, 1, 1, 10, 78, 1, 3, 6, 4, 10, 78, 1, 5,
		54, 4, 10, 78, 1, 2, 51, 4, 0, 0, 14, 16, 42, 4, 10, 78, 1, 9, 6, 8, 10, 78, 1, 6, 10, 78, 1, 7, 99, 3, 1, 2, 3, 255, 53, 1, 9 };
	uint8_t m[600];
	struct dhcp_reply r;

	(void)state;
	assert_int_equal(dhcp_decode(bytes_make(m, message(m, options, sizeof options)), &r), 0);
	assert_int_equal(r.type, DHCP_ACK);
	assert_int_equal(r.address, ADDRESS);
	assert_int_equal(r.prefix, 25);
	assert_int_equal(r.router, 0x0a4e0101);
	assert_int_equal(r.server, SERVER);
	assert_int_equal(r.lease_s, 3600);
	assert_int_equal(r.ntp[0], 0x0a4e0109);
	assert_int_equal(r.dns[2], 0x0a4e0107); /* two options of one list (RFC 3396) */
	assert_int_equal(r.dns[3], 0);
}

static void reads_options_elsewhere(void **state)
{
	static const uint8_t options[] = { 52, 1, 3, 54, 4, 10, 78, 1, 2 };
	uint8_t m[600];
	struct dhcp_reply r;

	(void)state;
	size_t n = message(m, options, sizeof options);
	memcpy(m + 108, (const uint8_t[]){ 53, 1, 2, 52, 1, 1, 255 }, 7);
	memcpy(m + 44, (const uint8_t[]){ 51, 4, 0, 0, 0, 60, 255 }, 7);
	assert_int_equal(dhcp_decode(bytes_make(m, n), &r), 0);
	assert_true(r.type == DHCP_OFFER && r.lease_s == 60);
}

static void refuses_what_is_no_reply(void **state)
{
	static const struct {
		uint8_t options[12];
		size_t n;
	} rows[] = {
		{ { 53, 1 }, 2 },          { { 53 }, 1 },             { { 53, 2, 5, 5 }, 4 },       { { 53, 0 }, 2 },
		{ { 53, 1, 3 }, 3 },       { { 53, 1, 5, 1, 3, 1, 2, 3 }, 8 }, { { 53, 1, 5, 6, 3, 1, 2, 3 }, 8 },
		{ { 53, 1, 5, 6, 0 }, 5 }, { { 53, 1, 5, 51, 5, 0, 0, 0, 0, 1 }, 10 }, { { 53, 1, 5, 3, 200, 1 }, 6 },
		{ { 255 }, 1 },            { { 0 }, 0 },
	};
	uint8_t m[600];
	struct dhcp_reply r = { .type = 77 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_not_equal(dhcp_decode(bytes_make(m, message(m, rows[i].options, rows[i].n)), &r), 0);
	static const uint8_t good[] = { 53, 1, 5 };
	for (size_t at = 0; at < 3; at++) {
		size_t n = message(m, good, sizeof good);
		m[at]++;
		assert_int_not_equal(dhcp_decode(bytes_make(m, n), &r), 0);
	}
	message(m, good, sizeof good);
	for (size_t n = 0; n < 243; n++)
		assert_int_not_equal(dhcp_decode(bytes_make(m, n), &r), 0);
	assert_int_equal(r.type, 77); /* nothing of it */
	assert_int_equal(dhcp_decode(bytes_make(m, 243), &r), 0);
}

static void a_mask_is_a_prefix_or_none(void **state)
{
	static const struct {
		uint32_t mask;
		uint8_t prefix;
	} rows[] = { { 0xffffffff, 32 }, { 0xfffffffe, 31 }, { 0x80000000, 1 }, { 0, 0 }, { 0xff00ff00, 0 }, { 0x7fffffff, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint32_t k = rows[i].mask;
		const uint8_t options[] = { 53, 1, 5, 1, 4, (uint8_t)(k >> 24), (uint8_t)(k >> 16), (uint8_t)(k >> 8), (uint8_t)k };
		uint8_t m[600];
		struct dhcp_reply r;
		assert_int_equal(dhcp_decode(bytes_make(m, message(m, options, sizeof options)), &r), 0);
		assert_int_equal(r.prefix, rows[i].prefix);
	}
}

/* What we write, read as if it came to us. */
static void unwraps_packets(void **state)
{
	const struct dhcp_ask ask = { .type = DHCP_DISCOVER, .xid = 0x01020304, .host = "x" };
	uint8_t p[DHCP_ASK_MAX];
	struct bytes m = BYTES_NONE;

	(void)state;
	size_t n = dhcp_encode(&ask, SERVER, ADDRESS, p);
	assert_int_equal(dhcp_unwrap(bytes_make(p, n), true, &m), ERR_SYNTAX); /* port 67 */
	p[22] = 0;
	p[23] = 68;
	p[21] = 67; /* the sum is the same */
	assert_int_equal(dhcp_unwrap(bytes_make(p, n), true, &m), 0);
	assert_int_equal(m.n, n - 28);
	p[100]++;
	assert_int_equal(dhcp_unwrap(bytes_make(p, n), true, &m), ERR_CHECKSUM);
	assert_int_equal(dhcp_unwrap(bytes_make(p, n), false, &m), 0);
	p[100]--;
	for (size_t at = 0; at < n; at++)
		assert_int_not_equal(dhcp_unwrap(bytes_make(p, at), true, &m), 0);
	static const struct {
		uint8_t at, value;
	} bad[] = { { 0, 0x44 }, { 0, 0x65 }, { 9, 6 }, { 6, 0x20 }, { 7, 1 }, { 24, 0xff }, { 25, 7 }, { 2, 0xff } };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t was = p[bad[i].at];
		p[bad[i].at] = bad[i].value;
		assert_int_not_equal(dhcp_unwrap(bytes_make(p, n), true, &m), 0);
		p[bad[i].at] = was;
	}
	p[12] ^= 0x55; /* the header's own sum */
	assert_int_equal(dhcp_unwrap(bytes_make(p, n), false, &m), ERR_CHECKSUM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gets_a_lease),
		cmocka_unit_test(skips_what_is_not_for_it),
		cmocka_unit_test(a_router_elsewhere_is_none),
		cmocka_unit_test(asks_again_later_and_later),
		cmocka_unit_test(starts_over_when_the_server_of_the_offer_is_silent),
		cmocka_unit_test(renews_by_unicast_then_rebinds_then_gives_up),
		cmocka_unit_test(a_renewed_lease_lasts_longer),
		cmocka_unit_test(a_refusal_takes_the_address_away),
		cmocka_unit_test(a_lease_without_end),
		cmocka_unit_test(times_of_the_server_must_make_sense),
		cmocka_unit_test(looks_again_when_the_cable_is_back),
		cmocka_unit_test(gives_the_address_back),
		cmocka_unit_test(reads_options),
		cmocka_unit_test(reads_options_elsewhere),
		cmocka_unit_test(refuses_what_is_no_reply),
		cmocka_unit_test(a_mask_is_a_prefix_or_none),
		cmocka_unit_test(unwraps_packets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
