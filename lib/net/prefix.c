#include "net/prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/err.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

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

/* *most: bits of an address of its family. */
static int address_parse(struct bytes text, uint8_t out[static 16], unsigned *most)
{
	char name[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof name)
		return ERR_SYNTAX;
	memcpy(name, text.p, text.n);
	name[text.n] = '\0';
	if (inet_pton(AF_INET, name, out + sizeof mapped) == 1) {
		memcpy(out, mapped, sizeof mapped);
		*most = 32;
		return 0;
	}
	*most = 128;
	return inet_pton(AF_INET6, name, out) == 1 ? 0 : ERR_SYNTAX;
}

int prefix_parse(struct bytes text, struct prefix *out)
{
	size_t slash = bytes_find(text, '/');
	struct prefix p = { .bits = 128 };
	unsigned most;
	uint64_t bits;

	if (address_parse(bytes_make(text.p, slash), p.bytes, &most) < 0)
		return ERR_SYNTAX;
	if (slash < text.n) {
		if (bytes_to_u64(bytes_skip(text, slash + 1), most, &bits) < 0)
			return ERR_SYNTAX;
		p.bits = (uint8_t)(128 - most + bits);
	}
	if (has_bits_behind(&p))
		return ERR_SYNTAX;
	*out = p;
	return 0;
}

bool prefix_has(const struct prefix *p, const uint8_t address[static 16])
{
	return is_equal(p->bytes, address, p->bits);
}

bool prefix_has_sockaddr(const struct prefix *p, const struct sockaddr *a)
{
	uint8_t bytes[16];

	if (a->sa_family == AF_INET6)
		return prefix_has(p, ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr);
	if (a->sa_family != AF_INET)
		return false;
	memcpy(bytes, mapped, sizeof mapped);
	memcpy(bytes + sizeof mapped, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
	return prefix_has(p, bytes);
}
