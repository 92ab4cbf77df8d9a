#include "net.h"

#include "base/bytes.h"
#include "base/err.h"

#include <arpa/inet.h>
#include <stdio.h>

static unsigned bits_of(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

int net_address_read(struct bytes text, uint8_t family, bool has_prefix, struct net_address *out)
{
	struct net_address a = { .family = family, .prefix = (uint8_t)bits_of(family) };
	size_t slash = bytes_find(text, '/');
	char host[INET6_ADDRSTRLEN];
	uint64_t prefix;

	if ((slash < text.n) != has_prefix || slash >= sizeof host || memchr(text.p, 0, text.n))
		return ERR_SYNTAX;
	memcpy(host, text.p, slash);
	host[slash] = 0;
	if (inet_pton(family, host, a.bytes) != 1)
		return ERR_SYNTAX;
	if (has_prefix) {
		if (bytes_to_u64(bytes_skip(text, slash + 1), bits_of(family), &prefix) || prefix == 0)
			return ERR_SYNTAX;
		a.prefix = (uint8_t)prefix;
	}
	*out = a;
	return 0;
}

const char *net_address_text(const struct net_address *a, char out[static NET_ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(a->family, a->bytes, host, sizeof host); /* room for each */
	if (a->prefix == bits_of(a->family))
		snprintf(out, NET_ADDRESS_TEXT, "%s", host);
	else
		snprintf(out, NET_ADDRESS_TEXT, "%s/%u", host, a->prefix);
	return out;
}

bool net_address_eq(const struct net_address *a, const struct net_address *b)
{
	return a->family == b->family && a->prefix == b->prefix && memcmp(a->bytes, b->bytes, bits_of(a->family) / 8) == 0;
}

static void mask(struct net_address *a, unsigned prefix)
{
	for (unsigned i = 0; i < sizeof a->bytes; i++) {
		unsigned left = prefix > i * 8 ? prefix - i * 8 : 0;
		if (left < 8)
			a->bytes[i] &= (uint8_t)(0xff00 >> left);
	}
}

bool net_is_same_subnet(const struct net_address *a, const struct net_address *b)
{
	unsigned prefix = a->prefix < b->prefix ? a->prefix : b->prefix;
	struct net_address x = *a, y = *b;

	mask(&x, prefix);
	mask(&y, prefix);
	return a->family == b->family && memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0;
}

struct net_address net_subnet(const struct net_address *a)
{
	struct net_address out = *a;

	mask(&out, a->prefix);
	return out;
}

bool net_is_link_local(const struct net_address *a)
{
	return a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}
