/* The DHCPv6 client against a server written here, on a clock that the test moves; and messages as bytes. */
#include "client6.h"

#include "base/err.h"
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t local[16] = { 0xfe, 0x80, [15] = 0xa }, server_at[16] = { 0xfe, 0x80, [15] = 0x51 };
static const uint8_t address[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x64 }, other[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x65 };
static const struct dhcp6_duid own = { .n = 18, .bytes = { 0, 4, 1, 2, 3 } }, server = { .n = 10, .bytes = { 0, 3, 0, 1, 9 } },
			       second = { .n = 10, .bytes = { 0, 3, 0, 1, 8 } };
enum { IAID = 'a' };

static uint32_t number(void)
{
	static uint32_t next = 0x1234567;

	return next += 7919;
}

/* ---- what the client says ---- */

struct said {
	uint8_t type;
	uint32_t xid, iaid;
	unsigned elapsed_cs;
	bool has_server, has_address, has_oro;
	struct dhcp6_duid client, server;
	uint8_t address[16];
};

static struct dhcp6_duid duid_of(struct bytes v)
{
	struct dhcp6_duid d = { .n = (uint8_t)v.n };

	memcpy(d.bytes, v.p, v.n);
	return d;
}

static void read_said_ia(struct bytes value, struct said *s)
{
	struct wire w = wire_of(value);

	s->iaid = wire_u32(&w);
	assert_int_equal(wire_u64(&w), 0); /* T1, T2 */
	if (wire_left(&w) == 0)
		return;
	assert_int_equal(wire_u16(&w), 5);
	struct bytes in = wire_str(&w);
	assert_int_equal(in.n, 24);
	memcpy(s->address, in.p, 16);
	s->has_address = true;
	assert_int_equal(wire_end(&w), 0);
}

static struct said said(const struct client_out *out)
{
	struct said s = { 0 };
	struct wire w = wire_of(bytes_make(out->packet, out->n));

	assert_true(out->is_broadcast);
	assert_int_equal(wire_u32(&w), 6u << 28);
	assert_int_equal(wire_u16(&w), out->n - 40);
	assert_int_equal(wire_u16(&w), 17 << 8 | 1);
	assert_memory_equal(wire_raw(&w, 16).p, local, 16);
	assert_memory_equal(wire_raw(&w, 16).p, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\1\0\2", 16);
	assert_int_equal(wire_u32(&w), 546u << 16 | 547);
	assert_int_equal(wire_u16(&w), out->n - 40);
	(void)wire_u16(&w);
	s.xid = wire_u32(&w);
	s.type = (uint8_t)(s.xid >> 24);
	s.xid &= 0xffffff;
	while (wire_left(&w) > 0) {
		uint16_t code = wire_u16(&w);
		struct bytes value = wire_str(&w);
		if (code == 1)
			s.client = duid_of(value);
		if (code == 2)
			s.server = duid_of(value), s.has_server = true;
		if (code == 3)
			read_said_ia(value, &s);
		if (code == 6)
			s.has_oro = bytes_eq(value, bytes_make((const uint8_t *)"\0\x17\0\x38\0\x52", 6));
		if (code == 8)
			s.elapsed_cs = (unsigned)(value.p[0] << 8 | value.p[1]);
	}
	assert_int_equal(wire_end(&w), 0);
	assert_true(dhcp6_duid_eq(&s.client, &own));
	assert_int_equal(s.iaid, IAID);
	return s;
}

/* ---- what the server says ---- */

static struct dhcp6_reply reply(const struct client6 *c, uint8_t type, uint32_t valid_s)
{
	struct dhcp6_reply r = { .type = type, .xid = c->xid, .client = own, .server = server, .has_ia = true, .n_addresses = 1 };

	memcpy(r.addresses[0].bytes, address, 16);
	r.addresses[0].preferred_s = r.addresses[0].valid_s = valid_s;
	return r;
}

static void give(struct client6 *c, const struct dhcp6_reply *r, uint64_t now, struct client_out *out)
{
	client6_input(c, r, server_at, now, out);
}

/* Asking since the time that it returns. */
static uint64_t soliciting(struct client6 *c, struct client_out *out)
{
	client6_init(c, local, &own, IAID, number);
	client6_start(c, 1000, out);
	assert_int_equal(out->n, 0);
	uint64_t at = client6_next_ms(c);
	assert_in_range(at, 1001, 2000); /* RFC 8415 18.2.1: not all at once */
	client6_timer(c, at, out);
	struct said s = said(out);
	assert_true(s.type == DHCP6_SOLICIT && !s.has_server && !s.has_address && s.has_oro && s.elapsed_cs == 0 && s.xid == c->xid);
	return at;
}

/* Of a lease from the time that it returns. */
static uint64_t bound(struct client6 *c, uint32_t valid_s)
{
	struct client_out out;
	uint64_t at = soliciting(c, &out);

	struct dhcp6_reply r = reply(c, DHCP6_ADVERTISE, valid_s);
	r.preference = 255;
	give(c, &r, at, &out);
	r = reply(c, DHCP6_REPLY, valid_s);
	give(c, &r, at, &out);
	assert_int_equal(c->state, CLIENT6_BOUND);
	assert_true(out.is_news && out.n == 0);
	return at;
}

/* ---- the client ---- */

static void gets_a_lease(void **state)
{
	struct client6 c;
	struct client_out out;
	uint64_t at = soliciting(&c, &out), first = client6_next_ms(&c);

	(void)state;
	assert_in_range(first - at, 1001, 1101); /* more than a second */
	struct dhcp6_reply r = reply(&c, DHCP6_ADVERTISE, 3600);
	give(&c, &r, at + 100, &out);
	assert_int_equal(out.n, 0); /* others may have a better one */
	client6_timer(&c, first, &out);
	struct said s = said(&out);
	assert_true(s.type == DHCP6_REQUEST && s.has_server && dhcp6_duid_eq(&s.server, &server) && s.has_address && s.has_oro);
	assert_memory_equal(s.address, address, 16);
	r = reply(&c, DHCP6_REPLY, 3600);
	r.n_dns = 1;
	memcpy(r.dns[0], other, 16);
	give(&c, &r, first + 5, &out);
	assert_true(out.is_news && out.n == 0 && c.lease.is_there);
	assert_memory_equal(c.lease.address, address, 16);
	assert_memory_equal(c.lease.dns[0], other, 16);
	assert_memory_equal(c.lease.from, server_at, 16);
	assert_int_equal(client6_next_ms(&c), first + 1800 * 1000); /* T1: half, from when it was asked for */
	assert_int_equal(c.t2_ms, first + 2880 * 1000);
	assert_int_equal(c.end_ms, first + 3600 * 1000);
}

static void takes_the_server_that_is_preferred(void **state)
{
	struct client6 c;
	struct client_out out;
	uint64_t at = soliciting(&c, &out);

	(void)state;
	struct dhcp6_reply r = reply(&c, DHCP6_ADVERTISE, 3600);
	give(&c, &r, at + 1, &out);
	r.server = second;
	r.preference = 5;
	memcpy(r.addresses[0].bytes, other, 16);
	give(&c, &r, at + 2, &out);
	r.preference = 4;
	r.server = server;
	give(&c, &r, at + 3, &out);
	client6_timer(&c, client6_next_ms(&c), &out);
	struct said s = said(&out);
	assert_true(s.type == DHCP6_REQUEST && dhcp6_duid_eq(&s.server, &second));
	assert_memory_equal(s.address, other, 16);
	/* One that must be taken at once; and after the first wait each. */
	at = soliciting(&c, &out);
	r = reply(&c, DHCP6_ADVERTISE, 3600);
	r.preference = 255;
	give(&c, &r, at, &out);
	assert_int_equal(said(&out).type, DHCP6_REQUEST);
	(void)soliciting(&c, &out);
	at = client6_next_ms(&c);
	client6_timer(&c, at, &out);
	r = reply(&c, DHCP6_ADVERTISE, 3600);
	give(&c, &r, at, &out);
	assert_int_equal(said(&out).type, DHCP6_REQUEST);
}

static void spoil(struct dhcp6_reply *r, int row)
{
	static const uint8_t bad[][16] = { { 0xff, 2, [15] = 1 }, { [15] = 1 }, { 0 }, { 0xfe, 0x80, [15] = 9 }, { [10] = 0xff, 0xff, 10, 0, 0, 1 } };

	r->xid ^= row == 0;
	r->client.bytes[5] ^= row == 1;
	r->client.n -= row == 2;
	r->server.n = row == 3 ? 0 : r->server.n;
	r->type = row == 4 ? DHCP6_REPLY : r->type; /* we do not ask for that (Rapid Commit) */
	r->status = row == 5 ? DHCP6_UNSPEC_FAIL : 0;
	r->ia_status = row == 6 ? DHCP6_NO_ADDRS : 0;
	r->has_ia = row != 7;
	r->n_addresses = row != 8;
	r->addresses[0].status = row == 9 ? DHCP6_NOT_ON_LINK : 0;
	if (row == 10)
		r->addresses[0].valid_s = r->addresses[0].preferred_s = 9;
	if (row > 10)
		memcpy(r->addresses[0].bytes, bad[row - 11], 16);
}

static void skips_what_is_not_for_it(void **state)
{
	struct client6 c;
	struct client_out out;
	uint64_t at = soliciting(&c, &out);

	(void)state;
	for (int row = 0; row < 16; row++) {
		struct dhcp6_reply r = reply(&c, DHCP6_ADVERTISE, 3600);
		r.preference = 255;
		spoil(&r, row);
		give(&c, &r, at, &out);
		assert_int_equal(c.state, CLIENT6_SOLICITING);
		assert_true(out.n == 0 && !c.has_offer);
	}
	struct dhcp6_reply r = reply(&c, DHCP6_ADVERTISE, 3600);
	r.preference = 255;
	give(&c, &r, at, &out);
	r = reply(&c, DHCP6_REPLY, 3600);
	r.server = second; /* nobody asked it */
	give(&c, &r, at, &out);
	r = reply(&c, DHCP6_ADVERTISE, 3600);
	give(&c, &r, at, &out);
	r = reply(&c, DHCP6_REPLY, 3600);
	r.status = DHCP6_USE_MULTICAST; /* we do */
	give(&c, &r, at, &out);
	assert_int_equal(c.state, CLIENT6_REQUESTING);
}

static void asks_again_later_and_later(void **state)
{
	struct client6 c;
	struct client_out out;
	uint64_t last = soliciting(&c, &out), wait = 1000;
	unsigned news = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		uint64_t at = client6_next_ms(&c), least = i ? wait * 19 / 10 : 1001, most = i ? wait * 21 / 10 + 1 : 1101;
		if (least > 3600 * 1100ull)
			least = 3600 * 900, most = 3600 * 1100;
		else if (most > 3600 * 1000)
			least = 3600 * 900, most = 3600 * 1100;
		assert_in_range(at - last, least, most);
		wait = at - last;
		client6_timer(&c, at, &out);
		struct said s = said(&out);
		assert_int_equal(s.type, DHCP6_SOLICIT);
		assert_true(s.elapsed_cs > 90);
		news += out.is_news;
		last = at;
	}
	assert_int_equal(said(&out).elapsed_cs, 0xffff);
	assert_int_equal(news, 1);
	/* A server that has nothing to give says how seldom it wants to be asked (RFC 8415 18.2.9). */
	struct dhcp6_reply r = reply(&c, DHCP6_ADVERTISE, 3600);
	r.ia_status = DHCP6_NO_ADDRS;
	r.sol_max_rt_s = 86400;
	give(&c, &r, last, &out);
	client6_timer(&c, client6_next_ms(&c), &out);
	assert_in_range(client6_next_ms(&c) - c.asked_ms, 3600 * 1000 * 17 / 10, 86400 * 1000);
}

static void starts_over_when_the_server_of_the_offer_is_silent(void **state)
{
	struct client6 c;
	struct client_out out;
	uint64_t at = soliciting(&c, &out), last = at;
	unsigned requests = 0, news = 0;

	(void)state;
	struct dhcp6_reply r = reply(&c, DHCP6_ADVERTISE, 3600);
	r.preference = 255;
	give(&c, &r, at, &out);
	uint32_t xid = c.xid;
	while (said(&out).type == DHCP6_REQUEST) {
		assert_true(client6_next_ms(&c) - last <= 33 * 1000); /* REQ_MAX_RT */
		last = client6_next_ms(&c);
		requests++;
		client6_timer(&c, last, &out);
		news += out.is_news;
	}
	assert_int_equal(requests, 10); /* REQ_MAX_RC */
	assert_int_equal(said(&out).type, DHCP6_SOLICIT);
	assert_int_not_equal(c.xid, xid);
	assert_int_equal(news, 1);
}

static void renews_then_rebinds_then_gives_up(void **state)
{
	struct client6 c;
	struct client_out out;
	uint64_t from = bound(&c, 3600), at = client6_next_ms(&c);
	unsigned sent = 0;

	(void)state;
	assert_int_equal(at, from + 1800 * 1000);
	client6_timer(&c, at, &out);
	struct said s = said(&out);
	assert_true(s.type == DHCP6_RENEW && s.has_server && s.has_address && s.has_oro);
	assert_memory_equal(s.address, address, 16);
	assert_in_range(client6_next_ms(&c) - at, 9000, 11000); /* REN_TIMEOUT */
	for (at = client6_next_ms(&c); c.state == CLIENT6_RENEWING; at = client6_next_ms(&c))
		client6_timer(&c, at, &out);
	s = said(&out);
	assert_true(s.type == DHCP6_REBIND && !s.has_server && s.has_address && !out.is_news);
	assert_int_equal(c.asked_ms, from + 2880 * 1000);
	for (at = client6_next_ms(&c); c.state == CLIENT6_REBINDING; at = client6_next_ms(&c), sent++)
		client6_timer(&c, at, &out);
	assert_in_range(sent, 4, 12);
	assert_true(out.is_news && !c.lease.is_there && c.state == CLIENT6_SOLICITING);
	assert_int_equal(c.asked_ms, from + 3600 * 1000);
	assert_int_equal(said(&out).type, DHCP6_SOLICIT);
}

static void a_renewed_lease_lasts_longer(void **state)
{
	struct client6 c;
	struct client_out out;

	(void)state;
	(void)bound(&c, 3600);
	uint64_t at = client6_next_ms(&c), end = c.end_ms;
	client6_timer(&c, at, &out);
	struct dhcp6_reply r = reply(&c, DHCP6_REPLY, 3600);
	r.server = second; /* not asked */
	give(&c, &r, at + 10, &out);
	assert_int_equal(c.state, CLIENT6_RENEWING);
	r.server = server;
	r.status = DHCP6_UNSPEC_FAIL; /* asked again, in its time */
	give(&c, &r, at + 10, &out);
	r.status = 0;
	r.n_addresses = 0; /* says nothing of ours */
	give(&c, &r, at + 10, &out);
	assert_int_equal(c.state, CLIENT6_RENEWING);
	r.n_addresses = 1;
	give(&c, &r, at + 10, &out);
	assert_true(c.state == CLIENT6_BOUND && out.is_news);
	assert_int_equal(c.end_ms, end + 1800 * 1000);
}

/* A network that gets new numbers (RFC 8415 18.2.10.1): the old address is not preferred any more, or is taken back. */
static void another_address_takes_its_place(void **state)
{
	for (int is_taken = 0; is_taken < 2; is_taken++) {
		struct client6 c;
		struct client_out out;
		(void)state;
		(void)bound(&c, 3600);
		uint64_t at = client6_next_ms(&c);
		client6_timer(&c, at, &out);
		struct dhcp6_reply r = reply(&c, DHCP6_REPLY, is_taken ? 0 : 600);
		r.addresses[0].preferred_s = 0;
		r.addresses[1] = (struct dhcp6_address){ .preferred_s = 3600, .valid_s = 3600 };
		memcpy(r.addresses[1].bytes, other, 16);
		r.n_addresses = 2;
		give(&c, &r, at, &out);
		assert_true(c.state == CLIENT6_BOUND && out.is_news);
		assert_memory_equal(c.lease.address, other, 16);
	}
}

static void a_refusal_takes_the_address_away(void **state)
{
	struct client6 c;
	struct client_out out;
	uint64_t waits[4];

	(void)state;
	(void)bound(&c, 3600);
	uint64_t at = client6_next_ms(&c);
	client6_timer(&c, at, &out);
	struct dhcp6_reply r = reply(&c, DHCP6_REPLY, 0);
	give(&c, &r, at, &out);
	assert_true(out.is_news && !c.lease.is_there && out.n == 0);
	assert_int_equal(c.state, CLIENT6_WAITING);
	/* A server that offers and refuses again and again is asked less and less. */
	for (int i = 0; i < 4; i++) {
		waits[i] = client6_next_ms(&c) - at;
		at = client6_next_ms(&c);
		client6_timer(&c, at, &out);
		r = reply(&c, DHCP6_ADVERTISE, 3600);
		r.preference = 255;
		give(&c, &r, at, &out);
		r = reply(&c, DHCP6_REPLY, 3600);
		if (i % 2)
			r.status = DHCP6_NOT_ON_LINK;
		else
			r.ia_status = DHCP6_NO_ADDRS;
		give(&c, &r, at, &out);
		assert_int_equal(c.state, CLIENT6_WAITING);
	}
	assert_true(waits[0] < waits[1] && waits[1] < waits[2] && waits[2] < waits[3]);
}

/* RFC 8415 18.2.10.1: a server that has forgotten us is asked for the address anew, and it stays ours meanwhile. */
static void a_server_that_has_forgotten_is_asked_again(void **state)
{
	struct client6 c;
	struct client_out out;

	(void)state;
	(void)bound(&c, 3600);
	uint64_t at = client6_next_ms(&c);
	client6_timer(&c, at, &out);
	struct dhcp6_reply r = reply(&c, DHCP6_REPLY, 3600);
	r.n_addresses = 0;
	r.ia_status = DHCP6_NO_BINDING;
	give(&c, &r, at, &out);
	struct said s = said(&out);
	assert_true(s.type == DHCP6_REQUEST && s.has_server && s.has_address && !out.is_news && c.lease.is_there);
	while (c.state == CLIENT6_REQUESTING) /* and then says nothing: others are asked */
		client6_timer(&c, client6_next_ms(&c), &out);
	assert_true(c.state == CLIENT6_REBINDING && c.lease.is_there);
	r = reply(&c, DHCP6_REPLY, 3600);
	r.server = second;
	give(&c, &r, c.asked_ms, &out);
	assert_true(c.state == CLIENT6_BOUND && dhcp6_duid_eq(&c.server, &second));
}

static void times_of_the_server_must_make_sense(void **state)
{
	static const uint32_t rows[][6] = { /* T1, T2, preferred, valid, and what is used */
		{ 100, 200, 800, 800, 100, 200 },  { 0, 0, 800, 800, 400, 640 },  { 0, 0, 400, 800, 200, 320 }, { 300, 900, 800, 800, 300, 640 },
		{ 700, 900, 800, 800, 400, 640 },  { 0, 100, 800, 800, 62, 100 }, { 1, 2, 800, 800, 400, 640 }, { 0xffffffff, 0xffffffff, 800, 800, 400, 640 },
		{ 0, 0, 0, 10, 5, 8 },             { 100, 200, 0xffffffff, 0xffffffff, 100, 200 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct client6 c;
		struct client_out out;
		uint64_t at = soliciting(&c, &out);
		struct dhcp6_reply r = reply(&c, DHCP6_ADVERTISE, 800);
		r.preference = 255;
		give(&c, &r, at, &out);
		r = reply(&c, DHCP6_REPLY, 800);
		r.t1_s = rows[i][0];
		r.t2_s = rows[i][1];
		r.addresses[0].preferred_s = rows[i][2];
		r.addresses[0].valid_s = rows[i][3];
		give(&c, &r, at, &out);
		assert_int_equal(c.t1_ms, at + rows[i][4] * 1000ull);
		assert_int_equal(c.t2_ms, at + rows[i][5] * 1000ull);
		assert_true(c.t1_ms < c.t2_ms && (c.end_ms == 0 || c.t2_ms < c.end_ms));
	}
}

static void a_lease_without_end(void **state)
{
	struct client6 c;

	(void)state;
	(void)bound(&c, DHCP6_FOREVER);
	assert_int_equal(client6_next_ms(&c), 0);
}

static void confirms_when_the_cable_is_back(void **state)
{
	struct client6 c;
	struct client_out out;

	(void)state;
	uint64_t from = bound(&c, 3600);
	client6_link_up(&c, from + 5000, &out);
	assert_int_equal(out.n, 0);
	uint64_t at = client6_next_ms(&c);
	assert_in_range(at, from + 5001, from + 6000); /* CNF_MAX_DELAY */
	client6_timer(&c, at, &out);
	struct said s = said(&out);
	assert_true(s.type == DHCP6_CONFIRM && !s.has_server && s.has_address && !s.has_oro && c.lease.is_there);
	struct dhcp6_reply r = reply(&c, DHCP6_REPLY, 0);
	r.has_ia = false;
	r.server = second; /* any may say so */
	give(&c, &r, at, &out);
	assert_true(c.state == CLIENT6_BOUND && !out.is_news);
	assert_int_equal(client6_next_ms(&c), from + 1800 * 1000);
	/* Nobody answers: it is used as before. */
	client6_link_up(&c, at, &out);
	unsigned sent = 0;
	uint64_t first = client6_next_ms(&c);
	for (at = first; c.state == CLIENT6_CONFIRMING; at = client6_next_ms(&c), sent++)
		client6_timer(&c, at, &out);
	assert_in_range(sent, 4, 7);
	assert_true(c.lease.is_there && c.state == CLIENT6_BOUND && !out.is_news);
	/* Another network. */
	client6_link_up(&c, first + 20000, &out);
	client6_timer(&c, client6_next_ms(&c), &out);
	r = reply(&c, DHCP6_REPLY, 0);
	r.status = DHCP6_NOT_ON_LINK;
	give(&c, &r, c.asked_ms, &out);
	assert_true(out.is_news && !c.lease.is_there && c.state == CLIENT6_SOLICITING);
	/* Nobody asked it to begin. */
	client6_init(&c, local, &own, IAID, number);
	client6_link_up(&c, 5000, &out);
	assert_true(out.n == 0 && client6_next_ms(&c) == 0);
}

static void declines_what_another_machine_has(void **state)
{
	struct client6 c;
	struct client_out out;

	(void)state;
	uint64_t at = bound(&c, 3600);
	client6_in_use(&c, at + 1000, &out);
	struct said s = said(&out);
	assert_true(s.type == DHCP6_DECLINE && s.has_server && s.has_address && !s.has_oro && out.is_news && !c.lease.is_there);
	assert_memory_equal(s.address, address, 16);
	unsigned sent = 1;
	while (c.state == CLIENT6_DECLINING) {
		at = client6_next_ms(&c);
		client6_timer(&c, at, &out);
		sent += out.n > 0;
	}
	assert_int_equal(sent, 4); /* DEC_MAX_RC */
	assert_int_equal(c.state, CLIENT6_WAITING);
	client6_timer(&c, client6_next_ms(&c), &out);
	assert_int_equal(said(&out).type, DHCP6_SOLICIT);
	/* With an answer. */
	at = bound(&c, 3600);
	client6_in_use(&c, at, &out);
	struct dhcp6_reply r = reply(&c, DHCP6_REPLY, 0);
	give(&c, &r, at, &out);
	assert_int_equal(c.state, CLIENT6_WAITING);
	client6_in_use(&c, at, &out);
	assert_true(out.n == 0 && c.state == CLIENT6_WAITING);
}

static void gives_the_address_back(void **state)
{
	struct client6 c;
	struct client_out out;

	(void)state;
	uint64_t at = bound(&c, 3600);
	client6_release(&c, at, &out);
	struct said s = said(&out);
	assert_true(s.type == DHCP6_RELEASE && s.has_server && s.has_address && !s.has_oro && !c.lease.is_there);
	struct dhcp6_reply r = reply(&c, DHCP6_REPLY, 0);
	r.server = second;
	give(&c, &r, at, &out);
	assert_int_equal(c.state, CLIENT6_RELEASING);
	r.server = server;
	give(&c, &r, at, &out);
	assert_int_equal(c.state, CLIENT6_OFF);
	assert_int_equal(client6_next_ms(&c), 0);
	/* Nobody answers: REL_MAX_RC. */
	at = bound(&c, 3600);
	client6_release(&c, at, &out);
	unsigned sent = 1;
	while (c.state == CLIENT6_RELEASING) {
		client6_timer(&c, client6_next_ms(&c), &out);
		sent += out.n > 0;
	}
	assert_int_equal(sent, 4);
	(void)soliciting(&c, &out);
	client6_release(&c, at, &out); /* nothing to give */
	assert_true(out.n == 0 && c.state == CLIENT6_OFF);
}

/* ---- messages ---- */

static struct bytes text(const char *p, size_t n)
{
	return bytes_make((const uint8_t *)p, n);
}
#define TEXT(s) text(s, sizeof(s) - 1)
#define DB8 "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"
#define IDS "\0\1\0\4\0\4\1\2\0\2\0\4\0\3\1\2"

static void reads_options(void **state)
{
	struct dhcp6_reply r;

	(void)state;
	const struct bytes m = TEXT("\7\1\2\3" IDS "\0\3\0\x52\0\0\0a\0\0\0\x64\0\0\0\xc8"
	                            "\0\5\0\x1e" DB8 "d\0\0\1\x2c\0\0\1\x90\0\x0d\0\2\0\0"
	                            "\0\5\0\x18" DB8 "e\0\0\1\x91\0\0\1\x90"                /* preferred longer than valid */
	                            "\0\x0d\0\4\0\2no"
	                            "\0\7\0\1\x09\0\x0d\0\3\0\1x\0\x17\0\x10" DB8 "5\0\x38\0\x1a\0\1\0\x10" DB8 "7\0\3\0\2\1x"
	                            "\0\x52\0\4\0\0\0\x78\0\x14\0\0\0\x0c\0\x10" DB8 "9");
	assert_int_equal(dhcp6_decode(m, 'a', &r), 0);
	assert_true(r.type == DHCP6_REPLY && r.xid == 0x010203 && r.client.n == 4 && r.server.n == 4 && r.server.bytes[1] == 3);
	assert_true(r.has_ia && r.t1_s == 100 && r.t2_s == 200 && r.ia_status == DHCP6_NO_ADDRS && r.status == DHCP6_UNSPEC_FAIL);
	assert_int_equal(r.n_addresses, 1);
	assert_true(r.addresses[0].bytes[15] == 'd' && r.addresses[0].preferred_s == 300 && r.addresses[0].valid_s == 400);
	assert_true(r.preference == 9 && r.n_dns == 1 && r.dns[0][15] == '5' && r.n_ntp == 1 && r.ntp[0][15] == '7' && r.sol_max_rt_s == 120);
	assert_int_equal(dhcp6_decode(m, 'b', &r), 0);
	assert_true(!r.has_ia && r.n_addresses == 0);
}

static void times_that_contradict_are_no_ia(void **state)
{
	struct dhcp6_reply r;

	(void)state;
	assert_int_equal(dhcp6_decode(TEXT("\2\0\0\1" IDS "\0\3\0\x0c\0\0\0a\0\0\0\2\0\0\0\1"), 'a', &r), 0);
	assert_false(r.has_ia);
	assert_int_equal(dhcp6_decode(TEXT("\2\0\0\1" IDS "\0\x52\0\4\0\0\0\x3b"), 'a', &r), 0);
	assert_int_equal(r.sol_max_rt_s, 0); /* RFC 8415 21.24: 60 to 86400 */
}

static void refuses_what_is_no_reply(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} rows[] = {
#define ROW(s) { s, sizeof(s) - 1 }
		ROW("\7\0\0"), ROW("\1\0\0\1"), ROW("\x0a\0\0\1"), ROW("\x0d\0\0\1"), ROW("\7\0\0\1\0"), ROW("\7\0\0\1\0\1\0"),
		ROW("\7\0\0\1\0\1\0\5\0\4\1\2"), ROW("\7\0\0\1\0\1\0\2\0\4"), ROW("\7\0\0\1" IDS IDS), ROW("\7\0\0\1\0\7\0\0"), ROW("\7\0\0\1\0\7\0\2\1\1"),
		ROW("\7\0\0\1\0\x0d\0\1\0"), ROW("\7\0\0\1\0\x17\0\0"), ROW("\7\0\0\1\0\x17\0\x11" DB8 "12"), ROW("\7\0\0\1\0\3\0\x0b\0\0\0a\0\0\0\1\0\0\0"),
		ROW("\7\0\0\1\0\3\0\x0f\0\0\0a\0\0\0\1\0\0\0\2\0\5\0"), ROW("\7\0\0\1\0\3\0\x10\0\0\0a\0\0\0\1\0\0\0\2\0\5\0\0"),
		ROW("\7\0\0\1\0\3\0\x2a\0\0\0a\0\0\0\1\0\0\0\2\0\5\0\x1a" DB8 "1\0\0\0\1\0\0\0\1\0\x0d"), ROW("\7\0\0\1\0\x38\0\5\0\1\0\1x"),
		ROW("\7\0\0\1\0\x52\0\3\0\0\1"),
	};
	struct dhcp6_reply r = { .type = 77 };
	uint8_t many[4 + 4 * (DHCP6_OPTIONS_MAX + 1)] = { 7 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_not_equal(dhcp6_decode(text(rows[i].p, rows[i].n), 'a', &r), 0);
	for (size_t at = 4; at < sizeof many; at += 4)
		many[at + 1] = 99;
	assert_int_not_equal(dhcp6_decode(bytes_make(many, sizeof many), 'a', &r), 0);
	assert_int_equal(r.type, 77); /* nothing of it */
	assert_int_equal(dhcp6_decode(bytes_make(many, sizeof many - 4), 'a', &r), 0);
	struct dhcp6_duid longest = { .n = DHCP6_DUID_MAX };
	uint8_t m[8 + DHCP6_DUID_MAX + 1] = { 7, 0, 0, 1, 0, 1, 0, DHCP6_DUID_MAX };
	assert_int_equal(dhcp6_decode(bytes_make(m, sizeof m - 1), 'a', &r), 0);
	assert_true(dhcp6_duid_eq(&r.client, &longest));
	m[7]++;
	assert_int_not_equal(dhcp6_decode(bytes_make(m, sizeof m), 'a', &r), 0);
}

/* What we write, read as if it came to us. */
static void unwraps_packets(void **state)
{
	static const uint8_t all[16] = { 0xff, 2, [13] = 1, [15] = 2 };
	struct dhcp6_duid longest = { .n = DHCP6_DUID_MAX };
	const struct dhcp6_ask ask = { .type = DHCP6_RENEW, .xid = 0x010203, .iaid = 'a', .client = &longest, .server = &longest, .address = address };
	uint8_t p[DHCP6_ASK_MAX];
	struct bytes m = BYTES_NONE;
	const uint8_t *from = NULL;

	(void)state;
	size_t n = dhcp6_encode(&ask, local, p);
	assert_int_equal(n, sizeof p);
	assert_int_equal(dhcp6_unwrap(bytes_make(p, n), true, all, &m, &from), ERR_SYNTAX); /* port 547 */
	p[42] = 547 >> 8;
	p[43] = 546 & 255;
	p[41] = 547 & 255; /* the sum is the same */
	assert_int_equal(dhcp6_unwrap(bytes_make(p, n), true, all, &m, &from), 0);
	assert_int_equal(m.n, n - 48);
	assert_memory_equal(from, local, 16);
	assert_int_equal(dhcp6_unwrap(bytes_make(p, n), true, local, &m, &from), ERR_SYNTAX); /* to another */
	p[100]++;
	assert_int_equal(dhcp6_unwrap(bytes_make(p, n), true, all, &m, &from), ERR_CHECKSUM);
	assert_int_equal(dhcp6_unwrap(bytes_make(p, n), false, all, &m, &from), 0);
	p[100]--;
	for (size_t at = 0; at < n; at++)
		assert_int_not_equal(dhcp6_unwrap(bytes_make(p, at), true, all, &m, &from), 0);
	static const struct {
		uint8_t at, value;
	} bad[] = { { 0, 0x40 }, { 0, 0x70 }, { 6, 6 }, { 6, 44 }, { 4, 0xff }, { 44, 0xff }, { 45, 7 }, { 43, 1 } };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t was = p[bad[i].at];
		p[bad[i].at] = bad[i].value;
		assert_int_not_equal(dhcp6_unwrap(bytes_make(p, n), true, all, &m, &from), 0);
		p[bad[i].at] = was;
	}
	p[46] = p[47] = 0; /* RFC 8200 8.1: IPv6 has no datagrams without a sum */
	assert_int_equal(dhcp6_unwrap(bytes_make(p, n), true, all, &m, &from), ERR_CHECKSUM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gets_a_lease),
		cmocka_unit_test(takes_the_server_that_is_preferred),
		cmocka_unit_test(skips_what_is_not_for_it),
		cmocka_unit_test(asks_again_later_and_later),
		cmocka_unit_test(starts_over_when_the_server_of_the_offer_is_silent),
		cmocka_unit_test(renews_then_rebinds_then_gives_up),
		cmocka_unit_test(a_renewed_lease_lasts_longer),
		cmocka_unit_test(another_address_takes_its_place),
		cmocka_unit_test(a_refusal_takes_the_address_away),
		cmocka_unit_test(a_server_that_has_forgotten_is_asked_again),
		cmocka_unit_test(times_of_the_server_must_make_sense),
		cmocka_unit_test(a_lease_without_end),
		cmocka_unit_test(confirms_when_the_cable_is_back),
		cmocka_unit_test(declines_what_another_machine_has),
		cmocka_unit_test(gives_the_address_back),
		cmocka_unit_test(reads_options),
		cmocka_unit_test(times_that_contradict_are_no_ia),
		cmocka_unit_test(refuses_what_is_no_reply),
		cmocka_unit_test(unwraps_packets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
