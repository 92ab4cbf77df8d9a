#include "proto/stunmsg_impl.h"

void stunmsg_begin(struct stunmsg_writer *w, void *p, size_t room, enum stunmsg_class c, uint16_t method,
                   const uint8_t id[static 16])
{
	unsigned m = method;

	*w = (struct stunmsg_writer){ .p = p, .room = room, .is_failed = room < STUNMSG_HEADER };
	if (w->is_failed)
		return;
	w->is_classic = stunmsg_u32(id) != STUNMSG_COOKIE;
	stunmsg_set16(w->p, (m & 0xf) | (m & 0x70) << 1 | (m & 0xf80) << 2 | (c & 1u) << 4 | (c & 2u) << 7);
	stunmsg_set16(w->p + 2, 0);
	memcpy(w->p + 4, id, 16);
	w->n = STUNMSG_HEADER;
}

/* Room for a value; its padding is zero. NULL when it does not fit. */
static uint8_t *value(struct stunmsg_writer *w, enum stunmsg_attribute a, size_t n)
{
	size_t padded = (n + 3) & ~(size_t)3;

	if (w->is_failed || n > UINT16_MAX || w->room - w->n < 4 + padded ||
	    w->n + 4 + padded - STUNMSG_HEADER > UINT16_MAX) {
		w->is_failed = true;
		return NULL;
	}
	uint8_t *p = w->p + w->n;
	stunmsg_set16(p, a);
	stunmsg_set16(p + 2, (unsigned)n);
	if (padded > n)
		memset(p + 4 + n, 0, padded - n);
	w->n += 4 + padded;
	stunmsg_set16(w->p + 2, (unsigned)(w->n - STUNMSG_HEADER));
	return p + 4;
}

void stunmsg_put(struct stunmsg_writer *w, enum stunmsg_attribute a, struct bytes v)
{
	uint8_t *p = value(w, a, v.n);

	if (p && v.n)
		memcpy(p, v.p, v.n);
}

void stunmsg_put_u32(struct stunmsg_writer *w, enum stunmsg_attribute a, uint32_t v)
{
	uint8_t *p = value(w, a, 4);

	if (p)
		stunmsg_set32(p, v);
}

static bool is_xored(enum stunmsg_attribute a)
{
	return a == STUN_XOR_MAPPED_ADDRESS || a == STUN_XOR_PEER_ADDRESS || a == STUN_XOR_RELAYED_ADDRESS;
}

void stunmsg_put_address(struct stunmsg_writer *w, enum stunmsg_attribute a, const struct stunaddr *v)
{
	size_t n = v->family == 4 ? 4 : 16;
	uint8_t *p = value(w, a, 4 + n);
	const uint8_t *key = w->p + 4;

	if (!p)
		return;
	p[0] = 0;
	p[1] = v->family == 4 ? 1 : 2;
	stunmsg_set16(p + 2, is_xored(a) ? v->port ^ stunmsg_u16(key) : v->port);
	for (size_t i = 0; i < n; i++)
		p[4 + i] = is_xored(a) ? v->ip[i] ^ key[i] : v->ip[i];
}

static const struct {
	uint16_t code;
	const char *phrase;
} phrases[] = {
	{ 300, "Try Alternate" },             /* RFC 8489 14.8 */
	{ 400, "Bad Request" },
	{ 401, "Unauthenticated" },
	{ 403, "Forbidden" },                 /* RFC 8656 19 */
	{ 405, "Mobility Forbidden" },        /* RFC 8016 5 */
	{ 420, "Unknown Attribute" },
	{ 437, "Allocation Mismatch" },
	{ 438, "Stale Nonce" },
	{ 440, "Address Family not Supported" },
	{ 441, "Wrong Credentials" },
	{ 442, "Unsupported Transport Protocol" },
	{ 443, "Peer Address Family Mismatch" },
	{ 446, "Connection Already Exists" }, /* RFC 6062 6.3 */
	{ 447, "Connection Timeout or Failure" },
	{ 486, "Allocation Quota Reached" },
	{ 500, "Server Error" },
	{ 508, "Insufficient Capacity" },
};

const char *stunmsg_phrase(unsigned code)
{
	for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
		if (phrases[i].code == code)
			return phrases[i].phrase;
	return "";
}

static void put_code(struct stunmsg_writer *w, enum stunmsg_attribute a, uint8_t first, unsigned code)
{
	struct bytes phrase = bytes_of(stunmsg_phrase(code));
	uint8_t *p = value(w, a, 4 + phrase.n);

	if (!p)
		return;
	p[0] = first;
	p[1] = 0;
	p[2] = (uint8_t)(code / 100);
	p[3] = (uint8_t)(code % 100);
	memcpy(p + 4, phrase.p, phrase.n);
}

void stunmsg_put_error(struct stunmsg_writer *w, unsigned code)
{
	put_code(w, STUN_ERROR_CODE, 0, code);
}

void stunmsg_put_address_error(struct stunmsg_writer *w, uint8_t family, unsigned code)
{
	put_code(w, STUN_ADDRESS_ERROR_CODE, family == 4 ? 1 : 2, code);
}

void stunmsg_put_icmp(struct stunmsg_writer *w, uint8_t type, uint8_t code, uint32_t data)
{
	uint8_t *p = value(w, STUN_ICMP, 8);

	if (!p)
		return;
	stunmsg_set16(p, 0);
	p[2] = type;
	p[3] = code;
	stunmsg_set32(p + 4, data);
}

void stunmsg_put_unknown(struct stunmsg_writer *w, const uint16_t *types, size_t n)
{
	uint8_t *p = value(w, STUN_UNKNOWN_ATTRIBUTES, 2 * n);

	for (size_t i = 0; p && i < n; i++)
		stunmsg_set16(p + 2 * i, types[i]);
}

void stunmsg_put_algorithms(struct stunmsg_writer *w, unsigned algorithms)
{
	uint8_t list[8];
	size_t n = 0;

	/* The better one first; neither has parameters (RFC 8489 18.5.1). */
	for (unsigned a = STUN_ALGORITHM_SHA256; a >= STUN_ALGORITHM_MD5; a--) {
		if (!(algorithms & 1u << a))
			continue;
		stunmsg_set32(list + n, a << 16);
		n += 4;
	}
	stunmsg_put(w, STUN_PASSWORD_ALGORITHMS, bytes_make(list, n));
}

void stunmsg_put_integrity(struct stunmsg_writer *w, struct bytes key, bool use_sha256)
{
	size_t at = w->n, n = use_sha256 ? 32 : 20;
	uint8_t md[32];
	uint8_t *p = value(w, use_sha256 ? STUN_MESSAGE_INTEGRITY_SHA256 : STUN_MESSAGE_INTEGRITY, n);

	if (!p)
		return;
	if (!stunmsg_hmac(bytes_make(w->p, w->n), at, n, key, use_sha256, md)) {
		w->is_failed = true;
		return;
	}
	memcpy(p, md, n);
}

void stunmsg_put_fingerprint(struct stunmsg_writer *w)
{
	size_t at = w->n;
	uint8_t *p = value(w, STUN_FINGERPRINT, 4);

	if (p)
		stunmsg_set32(p, stunmsg_crc32(bytes_make(w->p, at)) ^ STUNMSG_FINGERPRINT_XOR);
}

struct bytes stunmsg_end(struct stunmsg_writer *w)
{
	return w->is_failed ? BYTES_NONE : bytes_make(w->p, w->n);
}
