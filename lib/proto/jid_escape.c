/* XEP-0106: what a localpart may not hold travels as a backslash and two hex digits. */
#include "proto/jid.h"

#include "base/err.h"
#include "base/text.h"

static bool must_escape(uint8_t c)
{
	return c && strchr(" \"&'/:<>@", c);
}

static int hex_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character that the three bytes at `at` stand for, or 0. */
static uint8_t escaped_at(struct bytes in, size_t at)
{
	if (in.n - at < 3 || in.p[at] != '\\')
		return 0;
	int hi = hex_of(in.p[at + 1]), lo = hex_of(in.p[at + 2]);
	if (hi < 0 || lo < 0)
		return 0;
	uint8_t c = (uint8_t)(hi << 4 | lo);
	return must_escape(c) || c == '\\' ? c : 0;
}

int jid_escape(struct bytes in, struct arena *a, struct bytes *out)
{
	if (in.n > JID_PART_MAX_BYTES)
		return ERR_LIMIT;
	/* XEP-0106 4.1: no space first or last. */
	if (in.n == 0 || in.p[0] == ' ' || in.p[in.n - 1] == ' ')
		return ERR_SYNTAX;
	char *text = arena_alloc(a, in.n * 3 + 1);
	if (!text)
		return ERR_NOMEM;
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		if (must_escape(in.p[i]) || escaped_at(in, i)) {
			text[n] = '\\';
			text_hex(bytes_make(in.p + i, 1), text + n + 1);
			n += 3;
		} else {
			text[n++] = (char)in.p[i];
		}
	}
	text[n] = 0;
	*out = bytes_make(text, n);
	return 0;
}

int jid_unescape(struct bytes in, struct arena *a, struct bytes *out)
{
	char *text = arena_alloc(a, in.n + 1);

	if (in.n > JID_PART_MAX_BYTES)
		return ERR_LIMIT;
	if (!text)
		return ERR_NOMEM;
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = escaped_at(in, i);
		bool is_edge = i == 0 || i + 3 == in.n;
		if (c && !(c == ' ' && is_edge)) {
			text[n++] = (char)c;
			i += 2;
		} else {
			text[n++] = (char)in.p[i];
		}
	}
	text[n] = 0;
	*out = bytes_make(text, n);
	return 0;
}
