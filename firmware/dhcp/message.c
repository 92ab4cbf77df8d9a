#include "message.h"

#include "base/err.h"

#include <string.h>

/* RFC 2131 2, figure 1 */
enum { AT_OP = 0, AT_XID = 4, AT_SECS = 8, AT_CIADDR = 12, AT_YIADDR = 16, AT_CHADDR = 28, AT_SNAME = 44, AT_FILE = 108,
       AT_COOKIE = 236, AT_OPTIONS = 240, SNAME_BYTES = 64, FILE_BYTES = 128 };
enum { OP_REQUEST = 1, OP_REPLY = 2, HTYPE_ETHERNET = 1, COOKIE = 0x63825363 };
enum { MESSAGE_MIN = 300 }; /* RFC 1542 2.1: what old relays let through */
enum { IP_BYTES = 20, UDP_BYTES = 8, PROTOCOL_UDP = 17, HOPS = 64 };

enum { /* RFC 2132 */
	OPT_PAD = 0, OPT_MASK = 1, OPT_ROUTER = 3, OPT_DNS = 6, OPT_HOST = 12, OPT_NTP = 42, OPT_REQUESTED = 50,
	OPT_LEASE = 51, OPT_OVERLOAD = 52, OPT_TYPE = 53, OPT_SERVER = 54, OPT_PARAMETERS = 55, OPT_SIZE = 57, OPT_T1 = 58, OPT_T2 = 59,
	OPT_CLIENT = 61, OPT_END = 255,
};
enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* ---- reading ---- */

static int read_number(struct bytes value, uint32_t *out)
{
	if (value.n != 4)
		return ERR_SYNTAX;
	*out = get32(value.p);
	return 0;
}

static int read_list(struct bytes value, uint32_t out[static DHCP_SERVERS_MAX])
{
	size_t n = 0;

	if (value.n == 0 || value.n % 4)
		return ERR_SYNTAX;
	while (n < DHCP_SERVERS_MAX && out[n])
		n++; /* a long list comes in parts (RFC 3396) */
	for (size_t at = 0; at < value.n && n < DHCP_SERVERS_MAX; at += 4)
		if (get32(value.p + at))
			out[n++] = get32(value.p + at);
	return 0;
}

static uint8_t prefix_of(uint32_t mask)
{
	uint8_t n = 0;

	while (n < 32 && mask & 0x80000000u >> n)
		n++;
	return n == 32 || (mask & (0xffffffffu >> n)) == 0 ? n : 0;
}

static int read_option(struct dhcp_reply *r, uint8_t code, struct bytes value, uint8_t *overload)
{
	uint32_t number = 0, list[DHCP_SERVERS_MAX] = { 0 };
	int rc = 0;

	switch (code) {
	case OPT_MASK:
		rc = read_number(value, &number);
		r->prefix = prefix_of(number);
		break;
	case OPT_ROUTER:
		rc = read_list(value, list);
		if (!r->router)
			r->router = list[0];
		break;
	case OPT_DNS:
		return read_list(value, r->dns);
	case OPT_NTP:
		return read_list(value, r->ntp);
	case OPT_LEASE:
		return read_number(value, &r->lease_s);
	case OPT_SERVER:
		return read_number(value, &r->server);
	case OPT_T1:
		return read_number(value, &r->t1_s);
	case OPT_T2:
		return read_number(value, &r->t2_s);
	case OPT_TYPE:
	case OPT_OVERLOAD:
		if (value.n != 1)
			return ERR_SYNTAX;
		*(code == OPT_TYPE ? &r->type : overload) = value.p[0];
		break;
	}
	return rc; /* others are not asked for, and not looked at */
}

/* overload NULL: the option is not looked at (it stands in one place only). */
static int read_options(struct dhcp_reply *r, struct bytes in, uint8_t *overload)
{
	uint8_t ignored;

	for (size_t at = 0; at < in.n && in.p[at] != OPT_END;) {
		uint8_t code = in.p[at++];
		if (code == OPT_PAD)
			continue;
		if (at == in.n || in.n - at - 1 < in.p[at])
			return ERR_TRUNCATED;
		struct bytes value = bytes_make(in.p + at + 1, in.p[at]);
		at += 1 + value.n;
		int rc = read_option(r, code, value, overload ? overload : &ignored);
		if (rc)
			return rc;
	}
	return 0;
}

int dhcp_decode(struct bytes m, struct dhcp_reply *out)
{
	struct dhcp_reply r = { 0 };
	uint8_t overload = 0;

	if (m.n < AT_OPTIONS)
		return ERR_TRUNCATED;
	if (m.p[AT_OP] != OP_REPLY || m.p[1] != HTYPE_ETHERNET || m.p[2] != sizeof r.mac || get32(m.p + AT_COOKIE) != COOKIE)
		return ERR_SYNTAX;
	r.xid = get32(m.p + AT_XID);
	r.address = get32(m.p + AT_YIADDR);
	memcpy(r.mac, m.p + AT_CHADDR, sizeof r.mac);
	int rc = read_options(&r, bytes_skip(m, AT_OPTIONS), &overload);
	if (!rc && overload & OVERLOAD_FILE) /* RFC 2131 4.1: file first */
		rc = read_options(&r, bytes_make(m.p + AT_FILE, FILE_BYTES), NULL);
	if (!rc && overload & OVERLOAD_SNAME)
		rc = read_options(&r, bytes_make(m.p + AT_SNAME, SNAME_BYTES), NULL);
	if (!rc && r.type != DHCP_OFFER && r.type != DHCP_ACK && r.type != DHCP_NAK)
		rc = ERR_SYNTAX;
	if (!rc)
		*out = r;
	return rc;
}

/* ---- checksums (RFC 1071) ---- */

static uint32_t sum(uint32_t start, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		start += get16(p + i);
	if (n % 2)
		start += (uint32_t)p[n - 1] << 8;
	return start;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

/* Of an IPv4 packet without options: over the pseudo header and the datagram. */
static uint16_t udp_sum(const uint8_t *ip, size_t datagram)
{
	uint32_t s = sum(PROTOCOL_UDP + (uint32_t)datagram, ip + 12, 8);

	return fold(sum(s, ip + (ip[0] & 15) * 4, datagram));
}

int dhcp_unwrap(struct bytes packet, bool is_summed, struct bytes *message)
{
	if (packet.n < IP_BYTES + UDP_BYTES)
		return ERR_TRUNCATED;
	const uint8_t *ip = packet.p;
	size_t head = (size_t)(ip[0] & 15) * 4, total = get16(ip + 2);
	if (ip[0] >> 4 != 4 || head < IP_BYTES || total < head + UDP_BYTES || ip[9] != PROTOCOL_UDP || get16(ip + 6) & 0x3fff)
		return ERR_SYNTAX; /* no fragments either */
	if (packet.n < total)
		return ERR_TRUNCATED;
	if (fold(sum(0, ip, head)))
		return ERR_CHECKSUM;
	const uint8_t *udp = ip + head;
	size_t datagram = get16(udp + 4);
	if (get16(udp + 2) != DHCP_CLIENT_PORT || datagram < UDP_BYTES || datagram > total - head)
		return ERR_SYNTAX;
	if (is_summed && get16(udp + 6) && udp_sum(ip, datagram)) /* 0: the sender made none */
		return ERR_CHECKSUM;
	*message = bytes_make(udp + UDP_BYTES, datagram - UDP_BYTES);
	return 0;
}

/* ---- writing ---- */

static uint8_t *put_option(uint8_t *at, uint8_t code, const void *value, size_t n)
{
	at[0] = code;
	at[1] = (uint8_t)n;
	memcpy(at + 2, value, n);
	return at + 2 + n;
}

static uint8_t *put_address(uint8_t *at, uint8_t code, uint32_t address)
{
	uint8_t value[4];

	put32(value, address);
	return address ? put_option(at, code, value, sizeof value) : at;
}

static uint8_t *put_options(uint8_t *at, const struct dhcp_ask *a)
{
	static const uint8_t parameters[] = { OPT_MASK, OPT_ROUTER, OPT_DNS, OPT_NTP, OPT_LEASE, OPT_SERVER, OPT_T1, OPT_T2 };
	const uint8_t type = (uint8_t)a->type;
	uint8_t client[7] = { HTYPE_ETHERNET }, takes[2];

	at = put_option(at, OPT_TYPE, &type, 1);
	memcpy(client + 1, a->mac, sizeof a->mac);
	at = put_option(at, OPT_CLIENT, client, sizeof client);
	at = put_address(at, OPT_REQUESTED, a->requested);
	at = put_address(at, OPT_SERVER, a->server);
	if (a->type != DHCP_RELEASE) { /* RFC 2131 4.4.1, table 5 */
		put16(takes, DHCP_TAKES_MAX);
		at = put_option(at, OPT_SIZE, takes, sizeof takes);
		at = put_option(at, OPT_PARAMETERS, parameters, sizeof parameters);
		size_t n = strnlen(a->host, DHCP_HOST_MAX);
		if (n)
			at = put_option(at, OPT_HOST, a->host, n);
	}
	*at++ = OPT_END;
	return at;
}

size_t dhcp_encode(const struct dhcp_ask *a, uint32_t from, uint32_t to, uint8_t out[static DHCP_ASK_MAX])
{
	uint8_t *ip = out, *udp = out + IP_BYTES, *m = udp + UDP_BYTES;

	memset(out, 0, DHCP_ASK_MAX);
	m[AT_OP] = OP_REQUEST;
	m[1] = HTYPE_ETHERNET;
	m[2] = sizeof a->mac;
	put32(m + AT_XID, a->xid);
	put16(m + AT_SECS, a->seconds);
	put32(m + AT_CIADDR, a->client);
	memcpy(m + AT_CHADDR, a->mac, sizeof a->mac);
	put32(m + AT_COOKIE, COOKIE);
	size_t n = (size_t)(put_options(m + AT_OPTIONS, a) - m);
	if (n < MESSAGE_MIN)
		n = MESSAGE_MIN;

	put16(udp, DHCP_CLIENT_PORT);
	put16(udp + 2, DHCP_SERVER_PORT);
	put16(udp + 4, (unsigned)(UDP_BYTES + n));
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(IP_BYTES + UDP_BYTES + n));
	ip[8] = HOPS;
	ip[9] = PROTOCOL_UDP;
	put32(ip + 12, from);
	put32(ip + 16, to);
	put16(ip + 10, fold(sum(0, ip, IP_BYTES)));
	uint16_t check = udp_sum(ip, UDP_BYTES + n);
	put16(udp + 6, check ? check : 0xffff); /* RFC 768 */
	return IP_BYTES + UDP_BYTES + n;
}
