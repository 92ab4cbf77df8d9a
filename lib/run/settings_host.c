/* "address port", "[address]:port" and "host port" taken apart. */
#include "run/settings.h"

#include "base/err.h"

#include <arpa/inet.h>

/* Last separator that may stand before a port: a space, or a colon that is not an IPv6 address's. */
static size_t port_separator(struct bytes v)
{
	size_t space = bytes_find(v, ' ');

	if (space < v.n)
		return space;
	if (v.n > 0 && v.p[0] == '[') {
		size_t end = bytes_find(v, ']');
		return end + 1 < v.n ? end + 1 : v.n;
	}
	size_t colon = bytes_find(v, ':');
	bool is_one = bytes_find(bytes_skip(v, colon + 1), ':') == bytes_skip(v, colon + 1).n;
	return colon < v.n && is_one ? colon : v.n;
}

int setting_split_host(struct bytes value, uint16_t port_default, char host[static 256], uint16_t *port)
{
	size_t at = port_separator(value);
	struct bytes name = bytes_make(value.p, at);
	uint64_t n = port_default;

	if (bytes_eq_str(value, "off"))
		return ERR_NOT_FOUND;
	if (at < value.n && value.p[at] != ' ' && value.p[at] != ':')
		return ERR_SYNTAX;
	if (at < value.n && (bytes_to_u64(bytes_skip(value, at + 1), UINT16_MAX, &n) < 0 || n == 0))
		return ERR_SYNTAX;
	if (name.n > 0 && name.p[0] == '[') {
		if (name.n < 2 || name.p[name.n - 1] != ']')
			return ERR_SYNTAX;
		name = bytes_make(name.p + 1, name.n - 2);
	}
	if (name.n == 0 || name.n > 255 || memchr(name.p, 0, name.n))
		return ERR_SYNTAX;
	memcpy(host, name.p, name.n);
	host[name.n] = 0;
	*port = (uint16_t)n;
	return 0;
}

int setting_next_address(struct bytes *rest, uint16_t port_default, char host[static 256], uint16_t *port)
{
	struct in6_addr ignored;

	while (rest->n > 0 && *rest->p == ' ')
		*rest = bytes_skip(*rest, 1);
	if (rest->n == 0)
		return ERR_NOT_FOUND;
	size_t n = bytes_find(*rest, ' ');
	struct bytes word = bytes_make(rest->p, n);
	*rest = bytes_skip(*rest, n);
	if (setting_split_host(word, port_default, host, port))
		return ERR_SYNTAX;
	return inet_pton(AF_INET, host, &ignored) == 1 || inet_pton(AF_INET6, host, &ignored) == 1 ? 0 : ERR_SYNTAX;
}

static bool is_label(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return v.n > 0 && v.p[0] != '-' && v.p[v.n - 1] != '-';
}

bool setting_is_host_name(struct bytes v)
{
	if (v.n == 0 || v.n > 63)
		return false;
	for (;;) {
		size_t n = bytes_find(v, '.');
		if (!is_label(bytes_make(v.p, n)))
			return false;
		if (n == v.n)
			return true;
		v = bytes_skip(v, n + 1);
	}
}
