#include "message6.h"

#include "base/err.h"
#include "base/wire.h"

#include <string.h>

enum { IP6_BYTES = 40, UDP_BYTES = 8, PROTOCOL_UDP = 17 };

enum { /* RFC 8415 21, RFC 3646, RFC 5908 */
	OPT_CLIENT = 1, OPT_SERVER = 2, OPT_IA_NA = 3, OPT_ADDRESS = 5, OPT_ORO = 6, OPT_PREFERENCE = 7, OPT_ELAPSED = 8, OPT_STATUS = 13,
	OPT_DNS = 23, OPT_NTP = 56, OPT_SOL_MAX_RT = 82,
};
enum { NTP_ADDRESS = 1 }; /* RFC 5908 4.1 */
enum { SOL_MAX_RT_MIN_S = 60, SOL_MAX_RT_MAX_S = 86400 }; /* RFC 8415 21.24 */

bool dhcp6_duid_eq(const struct dhcp6_duid *a, const struct dhcp6_duid *b)
{
	return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

/* ---- reading ---- */

struct reading {
	struct dhcp6_reply *r;
	uint32_t iaid;
	unsigned options; /* so far */
	bool has_ia;
};

typedef int (*option_fn)(struct reading *x, uint16_t code, struct bytes value, void *arg);

static int read_options(struct reading *x, struct bytes in, option_fn fn, void *arg)
{
	struct wire w = wire_of(in);

	while (wire_left(&w) > 0) {
		uint16_t code = wire_u16(&w);
		struct bytes value = wire_str(&w);
		if (wire_failed(&w))
			return ERR_TRUNCATED;
		int rc = ++x->options > DHCP6_OPTIONS_MAX ? ERR_SYNTAX : fn(x, code, value, arg);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_duid(struct bytes value, struct dhcp6_duid *out)
{
	if (out->n || value.n < DHCP6_DUID_MIN || value.n > DHCP6_DUID_MAX)
		return ERR_SYNTAX;
	out->n = (uint8_t)value.n;
	memcpy(out->bytes, value.p, value.n);
	return 0;
}

static int read_status(struct bytes value, uint16_t *out)
{
	struct wire w = wire_of(value);
	uint16_t status = wire_u16(&w);

	if (wire_failed(&w))
		return ERR_SYNTAX;
	*out = status; /* the words behind it are the server's: nobody reads them */
	return 0;
}

static int read_list(struct bytes value, uint8_t out[static DHCP6_SERVERS_MAX][DHCP6_ADDRESS_BYTES], unsigned *n)
{
	if (value.n == 0 || value.n % DHCP6_ADDRESS_BYTES)
		return ERR_SYNTAX;
	for (size_t at = 0; at < value.n && *n < DHCP6_SERVERS_MAX; at += DHCP6_ADDRESS_BYTES)
		memcpy(out[(*n)++], value.p + at, DHCP6_ADDRESS_BYTES);
	return 0;
}

static int in_address(struct reading *x, uint16_t code, struct bytes value, void *arg)
{
	struct dhcp6_address *a = arg;

	(void)x;
	return code == OPT_STATUS ? read_status(value, &a->status) : 0;
}

static int read_address(struct reading *x, struct bytes value)
{
	struct wire w = wire_of(value);
	struct bytes address = wire_raw(&w, DHCP6_ADDRESS_BYTES);
	struct dhcp6_address a = { 0 };

	a.preferred_s = wire_u32(&w);
	a.valid_s = wire_u32(&w);
	if (wire_failed(&w))
		return ERR_SYNTAX;
	memcpy(a.bytes, address.p, sizeof a.bytes);
	int rc = read_options(x, wire_raw(&w, wire_left(&w)), in_address, &a);
	if (rc || a.preferred_s > a.valid_s || x->r->n_addresses == DHCP6_ADDRESSES_MAX)
		return rc; /* RFC 8415 21.6: such an address is skipped */
	x->r->addresses[x->r->n_addresses++] = a;
	return 0;
}

static int in_ia(struct reading *x, uint16_t code, struct bytes value, void *arg)
{
	(void)arg;
	if (code == OPT_STATUS)
		return read_status(value, &x->r->ia_status);
	return code == OPT_ADDRESS ? read_address(x, value) : 0;
}

static int read_ia(struct reading *x, struct bytes value)
{
	struct wire w = wire_of(value);
	uint32_t iaid = wire_u32(&w), t1 = wire_u32(&w), t2 = wire_u32(&w);

	if (wire_failed(&w))
		return ERR_SYNTAX;
	if (iaid != x->iaid || x->has_ia)
		return 0; /* another's */
	if (t1 > t2 && t2 != 0)
		return 0; /* RFC 8415 21.4: as if it were not there */
	x->has_ia = x->r->has_ia = true;
	x->r->t1_s = t1;
	x->r->t2_s = t2;
	return read_options(x, wire_raw(&w, wire_left(&w)), in_ia, NULL);
}

static int in_ntp(struct reading *x, uint16_t code, struct bytes value, void *arg)
{
	(void)arg;
	if (code != NTP_ADDRESS)
		return 0; /* a name, or a group: the clock asks addresses of a lease alone */
	return value.n == DHCP6_ADDRESS_BYTES ? read_list(value, x->r->ntp, &x->r->n_ntp) : ERR_SYNTAX;
}

static int read_sol_max_rt(struct bytes value, uint32_t *out)
{
	struct wire w = wire_of(value);
	uint32_t seconds = wire_u32(&w);

	if (wire_end(&w))
		return ERR_SYNTAX;
	if (seconds >= SOL_MAX_RT_MIN_S && seconds <= SOL_MAX_RT_MAX_S)
		*out = seconds;
	return 0;
}

static int in_message(struct reading *x, uint16_t code, struct bytes value, void *arg)
{
	(void)arg;
	switch (code) {
	case OPT_CLIENT:
		return read_duid(value, &x->r->client);
	case OPT_SERVER:
		return read_duid(value, &x->r->server);
	case OPT_IA_NA:
		return read_ia(x, value);
	case OPT_PREFERENCE:
		if (value.n != 1)
			return ERR_SYNTAX;
		x->r->preference = value.p[0];
		return 0;
	case OPT_STATUS:
		return read_status(value, &x->r->status);
	case OPT_DNS:
		return read_list(value, x->r->dns, &x->r->n_dns);
	case OPT_NTP:
		return read_options(x, value, in_ntp, NULL);
	case OPT_SOL_MAX_RT:
		return read_sol_max_rt(value, &x->r->sol_max_rt_s);
	}
	return 0; /* others are not asked for, and not looked at */
}

int dhcp6_decode(struct bytes m, uint32_t iaid, struct dhcp6_reply *out)
{
	struct dhcp6_reply r = { 0 };
	struct reading x = { .r = &r, .iaid = iaid };
	struct wire w = wire_of(m);
	uint32_t head = wire_u32(&w);

	if (wire_failed(&w))
		return ERR_TRUNCATED;
	r.type = (uint8_t)(head >> 24);
	r.xid = head & 0xffffff;
	if (r.type != DHCP6_ADVERTISE && r.type != DHCP6_REPLY)
		return ERR_SYNTAX;
	int rc = read_options(&x, wire_raw(&w, wire_left(&w)), in_message, NULL);
	if (!rc)
		*out = r;
	return rc;
}

/* ---- checksum (RFC 8200 8.1) ---- */

static uint32_t sum(uint32_t start, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		start += (uint32_t)p[i] << 8 | p[i + 1];
	if (n % 2)
		start += (uint32_t)p[n - 1] << 8;
	return start;
}

/* Over the pseudo header and the datagram behind the IPv6 header. */
static uint16_t udp_sum(const uint8_t *ip, size_t datagram)
{
	uint32_t s = sum(PROTOCOL_UDP + (uint32_t)datagram, ip + 8, 2 * DHCP6_ADDRESS_BYTES);

	s = sum(s, ip + IP6_BYTES, datagram);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

int dhcp6_unwrap(struct bytes packet, bool is_summed, const uint8_t to[static 16], struct bytes *message, const uint8_t **from)
{
	struct wire w = wire_of(packet);
	uint32_t version = wire_u32(&w) >> 28;
	size_t datagram = wire_u16(&w);
	uint8_t next = wire_u8(&w);

	(void)wire_u8(&w); /* hop limit */
	struct bytes source = wire_raw(&w, DHCP6_ADDRESS_BYTES), destination = wire_raw(&w, DHCP6_ADDRESS_BYTES);
	(void)wire_u16(&w); /* any source port */
	uint16_t port = wire_u16(&w);
	size_t length = wire_u16(&w);
	uint16_t check = wire_u16(&w);
	if (wire_failed(&w) || packet.n - IP6_BYTES < datagram)
		return ERR_TRUNCATED;
	if (version != 6 || next != PROTOCOL_UDP || port != DHCP6_CLIENT_PORT || length < UDP_BYTES || length > datagram ||
	    memcmp(destination.p, to, DHCP6_ADDRESS_BYTES) != 0)
		return ERR_SYNTAX;
	if (is_summed && (check == 0 || udp_sum(packet.p, length)))
		return ERR_CHECKSUM;
	*message = bytes_make(packet.p + IP6_BYTES + UDP_BYTES, length - UDP_BYTES);
	*from = source.p;
	return 0;
}

/* ---- writing ---- */

static uint8_t *put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	return put16(put16(at, v >> 16), v & 0xffff);
}

static uint8_t *put_raw(uint8_t *at, const void *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

static uint8_t *put_head(uint8_t *at, unsigned code, size_t n)
{
	return put16(put16(at, code), (unsigned)n);
}

static uint8_t *put_duid(uint8_t *at, unsigned code, const struct dhcp6_duid *duid)
{
	return put_raw(put_head(at, code, duid->n), duid->bytes, duid->n);
}

/* Times are the server's to say: 0 (RFC 8415 21.4, 21.6). */
static uint8_t *put_ia(uint8_t *at, uint32_t iaid, const uint8_t *address)
{
	enum { IA_BYTES = 12, IA_ADDRESS_BYTES = DHCP6_ADDRESS_BYTES + 8 };

	at = put_head(at, OPT_IA_NA, IA_BYTES + (address ? 4 + IA_ADDRESS_BYTES : 0));
	at = put32(put32(put32(at, iaid), 0), 0);
	if (!address)
		return at;
	at = put_raw(put_head(at, OPT_ADDRESS, IA_ADDRESS_BYTES), address, DHCP6_ADDRESS_BYTES);
	return put32(put32(at, 0), 0);
}

/* Who may ask for options: RFC 8415 21.7, and appendix B. */
static bool has_oro(enum dhcp6_type t)
{
	return t == DHCP6_SOLICIT || t == DHCP6_REQUEST || t == DHCP6_RENEW || t == DHCP6_REBIND;
}

static uint8_t *put_message(uint8_t *at, const struct dhcp6_ask *a)
{
	at = put32(at, (uint32_t)a->type << 24 | (a->xid & 0xffffff));
	at = put_duid(at, OPT_CLIENT, a->client);
	if (a->server)
		at = put_duid(at, OPT_SERVER, a->server);
	at = put16(put_head(at, OPT_ELAPSED, 2), a->elapsed_cs);
	at = put_ia(at, a->iaid, a->address);
	if (has_oro(a->type))
		at = put16(put16(put16(put_head(at, OPT_ORO, 6), OPT_DNS), OPT_NTP), OPT_SOL_MAX_RT);
	return at;
}

size_t dhcp6_encode(const struct dhcp6_ask *a, const uint8_t from[static 16], uint8_t out[static DHCP6_ASK_MAX])
{
	static const uint8_t all_servers[DHCP6_ADDRESS_BYTES] = { 0xff, 2, [13] = 1, [15] = 2 }; /* RFC 8415 7.1 */
	uint8_t *udp = out + IP6_BYTES;
	size_t n = (size_t)(put_message(udp + UDP_BYTES, a) - udp);
	uint8_t *at = put32(out, 6u << 28);

	at = put16(at, (unsigned)n);
	*at++ = PROTOCOL_UDP;
	*at++ = 1; /* it does not leave the link */
	at = put_raw(put_raw(at, from, DHCP6_ADDRESS_BYTES), all_servers, DHCP6_ADDRESS_BYTES);
	at = put16(put16(put16(at, DHCP6_CLIENT_PORT), DHCP6_SERVER_PORT), (unsigned)n);
	(void)put16(at, 0);
	uint16_t check = udp_sum(out, n);
	(void)put16(at, check ? check : 0xffff); /* RFC 8200 8.1 */
	return IP6_BYTES + n;
}
