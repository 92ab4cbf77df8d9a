#include "prefix.h"

#include "base/err.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static int bytes_of_address(const union sip_sockaddr *a, uint8_t out[static 16])
{
	if (a->any.sa_family == AF_INET) {
		memcpy(out, mapped, sizeof mapped);
		memcpy(out + sizeof mapped, &a->v4.sin_addr, 4);
	} else if (a->any.sa_family == AF_INET6) {
		memcpy(out, &a->v6.sin6_addr, 16);
	} else {
		return ERR_SYNTAX;
	}
	return 0;
}

static bool is_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

static bool has_bits_behind(const struct prefix *p)
{
	for (unsigned i = p->bits; i < 128; i++)
		if (p->bytes[i / 8] & 0x80 >> i % 8)
			return true;
	return false;
}

int prefix_parse(struct bytes text, struct prefix *out)
{
	size_t slash = bytes_find(text, '/');
	union sip_sockaddr a;
	struct prefix p = { .bits = 128 };
	uint64_t bits;

	if (sip_sockaddr_of(bytes_make(text.p, slash), 0, &a) < 0 || bytes_of_address(&a, p.bytes) < 0)
		return ERR_SYNTAX;
	if (slash < text.n) {
		uint64_t most = a.any.sa_family == AF_INET ? 32 : 128;
		if (bytes_to_u64(bytes_skip(text, slash + 1), most, &bits) < 0)
			return ERR_SYNTAX;
		p.bits = (uint8_t)(128 - most + bits);
	}
	if (has_bits_behind(&p))
		return ERR_SYNTAX;
	*out = p;
	return 0;
}

bool prefix_has(const struct prefix *p, const union sip_sockaddr *a)
{
	uint8_t bytes[16];

	return bytes_of_address(a, bytes) == 0 && is_equal(p->bytes, bytes, p->bits);
}
