#include "proto/stunmsg.h"

#include "base/err.h"
#include "proto/stunmsg_impl.h"

/* One attribute: reads its value into the message. ERR_RANGE: malformed. */
typedef int (*attribute_fn)(struct stunmsg *m, struct bytes v);

static int unxor(const struct stunmsg *m, struct bytes v, struct stunaddr *out)
{
	uint8_t key[STUNMSG_HEADER] = { 0 };

	/* RFC 8489 14.2: the cookie for port and IPv4, cookie and transaction id for IPv6. */
	memcpy(key, m->id, sizeof m->id);
	int rc = stunmsg_read_address(v, out);
	if (rc < 0)
		return rc;
	out->port ^= stunmsg_u16(key);
	for (unsigned i = 0; i < (out->family == 4 ? 4 : 16); i++)
		out->ip[i] ^= key[i];
	return 0;
}

static int family(struct bytes v, uint8_t *out)
{
	if (v.n != 4)
		return ERR_RANGE;
	*out = v.p[0] == 1 ? 4 : v.p[0] == 2 ? 6 : 0;
	return 0;
}

static int text(struct bytes v, size_t max, struct bytes *out)
{
	if (v.n > max)
		return ERR_RANGE;
	*out = v;
	return 0;
}

static int number(struct bytes v, uint32_t *out)
{
	if (v.n != 4)
		return ERR_RANGE;
	*out = stunmsg_u32(v.p);
	return 0;
}

static int on_username(struct stunmsg *m, struct bytes v)
{
	return text(v, STUNMSG_USERNAME_MAX, &m->username);
}

static int on_userhash(struct stunmsg *m, struct bytes v)
{
	m->userhash = v;
	return v.n == 32 ? 0 : ERR_RANGE;
}

static int on_realm(struct stunmsg *m, struct bytes v)
{
	return text(v, STUNMSG_REALM_MAX, &m->realm);
}

static int on_nonce(struct stunmsg *m, struct bytes v)
{
	return text(v, STUNMSG_NONCE_MAX, &m->nonce);
}

static int on_software(struct stunmsg *m, struct bytes v)
{
	return text(v, STUNMSG_REALM_MAX, &m->software);
}

static int on_data(struct stunmsg *m, struct bytes v)
{
	m->data = v;
	return 0;
}

static int on_ticket(struct stunmsg *m, struct bytes v)
{
	m->ticket = v;
	return 0;
}

static int on_token(struct stunmsg *m, struct bytes v)
{
	if (v.n != sizeof m->token)
		return ERR_RANGE;
	memcpy(m->token, v.p, sizeof m->token);
	return 0;
}

static int on_access_token(struct stunmsg *m, struct bytes v)
{
	m->access_token = v;
	return 0;
}

static int on_authorization(struct stunmsg *m, struct bytes v)
{
	return text(v, STUNMSG_REALM_MAX, &m->authorization);
}

static int on_algorithms(struct stunmsg *m, struct bytes v)
{
	m->password_algorithms = v;
	return v.n % 4 == 0 ? 0 : ERR_RANGE;
}

static int on_algorithm(struct stunmsg *m, struct bytes v)
{
	if (v.n < 4 || stunmsg_u16(v.p + 2) > v.n - 4)
		return ERR_RANGE;
	m->algorithm = stunmsg_u16(v.p);
	m->algorithm_parameters = bytes_make(v.p + 4, stunmsg_u16(v.p + 2));
	return 0;
}

static int on_peer(struct stunmsg *m, struct bytes v)
{
	if (m->n_peers == STUNMSG_PEERS_MAX) {
		m->has_more_peers = true;
		return 0;
	}
	return unxor(m, v, &m->peers[m->n_peers]) ? ERR_RANGE : (m->n_peers++, 0);
}

static int on_lifetime(struct stunmsg *m, struct bytes v)
{
	return number(v, &m->lifetime_s);
}

static int on_change(struct stunmsg *m, struct bytes v)
{
	return number(v, &m->change);
}

static int on_connection_id(struct stunmsg *m, struct bytes v)
{
	return number(v, &m->connection_id);
}

static int on_channel(struct stunmsg *m, struct bytes v)
{
	if (v.n != 4)
		return ERR_RANGE;
	m->channel = stunmsg_u16(v.p);
	return 0;
}

static int on_response_port(struct stunmsg *m, struct bytes v)
{
	if (v.n != 4 && v.n != 2) /* RFC 5780 7.5 says 2 and padding; implementations send 4 */
		return ERR_RANGE;
	m->response_port = stunmsg_u16(v.p);
	return 0;
}

static int on_padding(struct stunmsg *m, struct bytes v)
{
	m->padding = v;
	return 0;
}

static int on_transport(struct stunmsg *m, struct bytes v)
{
	if (v.n != 4)
		return ERR_RANGE;
	m->transport = v.p[0];
	return 0;
}

static int on_family(struct stunmsg *m, struct bytes v)
{
	return family(v, &m->requested_family);
}

static int on_additional(struct stunmsg *m, struct bytes v)
{
	return family(v, &m->additional_family);
}

static int on_even_port(struct stunmsg *m, struct bytes v)
{
	if (v.n != 1)
		return ERR_RANGE;
	m->even_port_reserve = v.p[0] & 0x80;
	return 0;
}

static int on_dont_fragment(struct stunmsg *m, struct bytes v)
{
	(void)m;
	return v.n == 0 ? 0 : ERR_RANGE;
}

static int on_mapped(struct stunmsg *m, struct bytes v)
{
	return m->mapped.family ? 0 : stunmsg_read_address(v, &m->mapped);
}

static int on_xor_mapped(struct stunmsg *m, struct bytes v)
{
	return unxor(m, v, &m->mapped);
}

static int on_relayed(struct stunmsg *m, struct bytes v)
{
	return unxor(m, v, m->relayed.family ? &m->relayed2 : &m->relayed);
}

static int on_other(struct stunmsg *m, struct bytes v)
{
	return stunmsg_read_address(v, &m->other);
}

static int on_response_origin(struct stunmsg *m, struct bytes v)
{
	return stunmsg_read_address(v, &m->response_origin);
}

static int on_alternate(struct stunmsg *m, struct bytes v)
{
	return stunmsg_read_address(v, &m->alternate);
}

static int error_code(struct bytes v, uint16_t *code, struct bytes *reason)
{
	if (v.n < 4 || (v.p[2] & 7) < 3 || (v.p[2] & 7) > 6 || v.p[3] > 99)
		return ERR_RANGE;
	*code = (uint16_t)((v.p[2] & 7) * 100 + v.p[3]);
	*reason = bytes_skip(v, 4);
	return 0;
}

static int on_error(struct stunmsg *m, struct bytes v)
{
	return error_code(v, &m->error, &m->reason);
}

static int on_address_error(struct stunmsg *m, struct bytes v)
{
	if (v.n < 4)
		return ERR_RANGE;
	m->address_error_family = v.p[0] == 1 ? 4 : v.p[0] == 2 ? 6 : 0;
	return error_code(v, &m->address_error, &(struct bytes){ 0 });
}

static int on_icmp(struct stunmsg *m, struct bytes v)
{
	if (v.n != 8) /* RFC 8656 18.14 */
		return ERR_RANGE;
	m->icmp_type = v.p[2];
	m->icmp_code = v.p[3];
	m->icmp_data = stunmsg_u32(v.p + 4);
	return 0;
}

static int nothing(struct stunmsg *m, struct bytes v)
{
	(void)m;
	(void)v;
	return 0;
}

/* What is known, sorted by type. */
static const struct attribute {
	uint16_t type;
	uint64_t has; /* 0: not told */
	attribute_fn fn;
} attributes[] = {
	{ STUN_MAPPED_ADDRESS, 0, on_mapped },
	{ STUN_CHANGE_REQUEST, STUN_HAS_CHANGE, on_change },
	{ STUN_SOURCE_ADDRESS, 0, on_response_origin },
	{ STUN_CHANGED_ADDRESS, 0, on_other },
	{ STUN_USERNAME, STUN_HAS_USERNAME, on_username },
	{ STUN_ERROR_CODE, STUN_HAS_ERROR, on_error },
	{ STUN_UNKNOWN_ATTRIBUTES, 0, nothing },
	{ STUN_CHANNEL_NUMBER, STUN_HAS_CHANNEL, on_channel },
	{ STUN_LIFETIME, STUN_HAS_LIFETIME, on_lifetime },
	{ STUN_XOR_PEER_ADDRESS, STUN_HAS_PEER, on_peer },
	{ STUN_DATA_ATTRIBUTE, STUN_HAS_DATA, on_data },
	{ STUN_REALM, STUN_HAS_REALM, on_realm },
	{ STUN_NONCE, STUN_HAS_NONCE, on_nonce },
	{ STUN_XOR_RELAYED_ADDRESS, 0, on_relayed },
	{ STUN_REQUESTED_ADDRESS_FAMILY, STUN_HAS_FAMILY, on_family },
	{ STUN_EVEN_PORT, STUN_HAS_EVEN_PORT, on_even_port },
	{ STUN_REQUESTED_TRANSPORT, STUN_HAS_TRANSPORT, on_transport },
	{ STUN_DONT_FRAGMENT, STUN_HAS_DONT_FRAGMENT, on_dont_fragment },
	{ STUN_ACCESS_TOKEN, STUN_HAS_ACCESS_TOKEN, on_access_token },
	{ STUN_PASSWORD_ALGORITHM, STUN_HAS_ALGORITHM, on_algorithm },
	{ STUN_USERHASH, STUN_HAS_USERHASH, on_userhash },
	{ STUN_XOR_MAPPED_ADDRESS, STUN_HAS_XOR_MAPPED, on_xor_mapped },
	{ STUN_RESERVATION_TOKEN, STUN_HAS_TOKEN, on_token },
	{ STUN_PRIORITY, 0, nothing },      /* ICE on the same socket: harmless in a Binding */
	{ STUN_USE_CANDIDATE, 0, nothing },
	{ STUN_PADDING, STUN_HAS_PADDING, on_padding },
	{ STUN_RESPONSE_PORT, STUN_HAS_RESPONSE_PORT, on_response_port },
	{ STUN_CONNECTION_ID, STUN_HAS_CONNECTION_ID, on_connection_id },
	{ STUN_ADDITIONAL_ADDRESS_FAMILY, STUN_HAS_ADDITIONAL, on_additional },
	{ STUN_ADDRESS_ERROR_CODE, 0, on_address_error },
	{ STUN_PASSWORD_ALGORITHMS, STUN_HAS_ALGORITHMS, on_algorithms },
	{ STUN_ICMP, STUN_HAS_ICMP, on_icmp },
	{ STUN_SOFTWARE, 0, on_software },
	{ STUN_ALTERNATE_SERVER, 0, on_alternate },
	{ STUN_RESPONSE_ORIGIN, 0, on_response_origin },
	{ STUN_OTHER_ADDRESS, 0, on_other },
	{ STUN_THIRD_PARTY_AUTHORIZATION, 0, on_authorization },
	{ STUN_MOBILITY_TICKET, STUN_HAS_TICKET, on_ticket },
};

static const struct attribute *attribute_of(uint16_t type)
{
	size_t low = 0, high = sizeof attributes / sizeof attributes[0];

	while (low < high) {
		size_t at = (low + high) / 2;
		if (attributes[at].type == type)
			return &attributes[at];
		if (attributes[at].type < type)
			low = at + 1;
		else
			high = at;
	}
	return NULL;
}

static void note_unknown(struct stunmsg *m, uint16_t type)
{
	if (type < 0x8000 && m->n_unknown < STUNMSG_UNKNOWN_MAX)
		m->unknown[m->n_unknown++] = type;
}

static int read_attribute(struct stunmsg *m, uint16_t type, struct bytes v)
{
	const struct attribute *a = attribute_of(type);

	if (!a) {
		note_unknown(m, type);
		return 0;
	}
	/* RFC 8489 14: of two the first counts. XOR-PEER-ADDRESS and XOR-RELAYED-ADDRESS may be several. */
	if (a->has && m->has & a->has && type != STUN_XOR_PEER_ADDRESS)
		return 0;
	m->has |= a->has;
	return a->fn(m, v);
}

/* The signatures and the checksum stand at the end, in this order, and hide what is behind them
 * (RFC 8489 14.5-14.7). True: it was one of them. */
static bool read_end(struct stunmsg *m, uint16_t type, struct bytes v, size_t at, int *rc)
{
	if (type == STUN_MESSAGE_INTEGRITY && !m->integrity_at && !m->sha256_at) {
		m->integrity_at = (uint32_t)at;
		*rc = v.n == 20 ? 0 : ERR_RANGE;
	} else if (type == STUN_MESSAGE_INTEGRITY_SHA256 && !m->sha256_at) {
		m->sha256_at = (uint32_t)at;
		m->sha256_n = (uint16_t)v.n;
		*rc = v.n >= 16 && v.n <= 32 && v.n % 4 == 0 ? 0 : ERR_RANGE;
	} else {
		return type == STUN_MESSAGE_INTEGRITY || type == STUN_MESSAGE_INTEGRITY_SHA256 || m->integrity_at || m->sha256_at;
	}
	return true;
}

static bool fingerprint_holds(struct bytes raw, size_t at, struct bytes v)
{
	return v.n == 4 && at + 8 == raw.n &&
	       stunmsg_u32(v.p) == (stunmsg_crc32(bytes_make(raw.p, at)) ^ STUNMSG_FINGERPRINT_XOR);
}

static int read_attributes(struct stunmsg *m)
{
	struct bytes raw = m->raw;
	size_t at = STUNMSG_HEADER;
	int worst = 0;

	while (at < raw.n) {
		if (raw.n - at < 4)
			return ERR_RANGE;
		uint16_t type = stunmsg_u16(raw.p + at);
		size_t n = stunmsg_u16(raw.p + at + 2), padded = (n + 3) & ~(size_t)3;
		if (padded > raw.n - at - 4)
			return ERR_RANGE;
		struct bytes v = bytes_make(raw.p + at + 4, n);
		int rc = 0;
		if (type == STUN_FINGERPRINT && !m->is_classic) {
			if (!fingerprint_holds(raw, at, v))
				return ERR_CHECKSUM;
			m->has_fingerprint = true;
		} else if (!read_end(m, type, v, at, &rc)) {
			rc = read_attribute(m, type, v);
		}
		worst = rc < 0 ? ERR_RANGE : worst;
		at += 4 + padded;
	}
	return worst;
}

bool stunmsg_is(struct bytes d)
{
	return d.n >= STUNMSG_HEADER && d.p[0] < 4 && d.p[3] % 4 == 0 && STUNMSG_HEADER + (size_t)stunmsg_u16(d.p + 2) == d.n;
}

int stunmsg_parse(struct bytes datagram, struct stunmsg *m)
{
	if (datagram.n < STUNMSG_HEADER)
		return ERR_TRUNCATED;
	if (!stunmsg_is(datagram))
		return ERR_SYNTAX;
	/* The peers are left as they are until counted: the struct is large and this is the hot path. */
	memset(m, 0, offsetof(struct stunmsg, peers));
	m->raw = datagram;
	uint16_t type = stunmsg_u16(datagram.p);
	/* RFC 8489 5: M11..M7 C1 M6..M4 C0 M3..M0 */
	m->class = (enum stunmsg_class)((type >> 7 & 2) | (type >> 4 & 1));
	m->method = (uint16_t)((type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80));
	memcpy(m->id, datagram.p + 4, sizeof m->id);
	m->is_classic = stunmsg_u32(datagram.p + 4) != STUNMSG_COOKIE;
	return read_attributes(m);
}
