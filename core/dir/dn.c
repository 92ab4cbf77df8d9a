#include "dn.h"

#include <string.h>

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static bool is_separator(uint8_t c)
{
	return c == ',' || c == '+' || c == '=' || c == ';';
}

/* What stands for one character of a value: itself, \ and a character, or \ and two digits (RFC 4514 3). */
struct unit {
	uint8_t c;
	bool is_escaped;
};

static struct unit take(struct bytes dn, size_t *at)
{
	struct unit u = { dn.p[(*at)++], false };

	if (u.c != '\\' || *at == dn.n)
		return u;
	u.is_escaped = true;
	int high = hex(dn.p[*at]), low = *at + 1 < dn.n ? hex(dn.p[*at + 1]) : -1;
	bool is_pair = high >= 0 && low >= 0;
	u.c = is_pair ? (uint8_t)(high << 4 | low) : dn.p[*at];
	*at += is_pair ? 2 : 1;
	return u;
}

struct bytes dn_key(struct bytes dn, struct arena *a)
{
	uint8_t out[2 * DN_MAX];
	size_t n = 0, kept = 0; /* kept: bytes that end in no space of the writer's */
	bool is_start = true;   /* of an attribute or a value */

	if (!dn.n || dn.n > DN_MAX)
		return BYTES_NONE;
	for (size_t at = 0; at < dn.n;) {
		struct unit u = take(dn, &at);
		bool is_cut = !u.is_escaped && is_separator(u.c);
		if (!u.is_escaped && u.c == ' ' && is_start)
			continue;
		if (is_cut)
			n = kept;
		if (!is_cut && (is_separator(u.c) || u.c == '\\'))
			out[n++] = '\\';
		out[n++] = u.c >= 'A' && u.c <= 'Z' ? u.c | 0x20 : u.c == ';' && is_cut ? ',' : u.c;
		is_start = is_cut;
		if (u.is_escaped || u.c != ' ')
			kept = n;
	}
	return arena_dup(a, bytes_make(out, kept));
}
