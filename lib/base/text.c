#include "base/text.h"

#include "base/err.h"

#include <stdio.h>
#include <time.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void text_hex(struct bytes in, char *out)
{
	for (size_t i = 0; i < in.n; i++) {
		out[2 * i] = hex_digits[in.p[i] >> 4];
		out[2 * i + 1] = hex_digits[in.p[i] & 15];
	}
	out[2 * in.n] = 0;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int text_unhex(struct bytes in, uint8_t *out, size_t n)
{
	if (in.n != 2 * n)
		return ERR_SYNTAX;
	for (size_t i = 0; i < in.n; i++)
		if (hex_value(in.p[i]) < 0)
			return ERR_SYNTAX;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(hex_value(in.p[2 * i]) << 4 | hex_value(in.p[2 * i + 1]));
	return 0;
}

void text_base64(struct bytes in, struct buf *b)
{
	uint8_t *to = in.n ? buf_reserve(b, (in.n + 2) / 3 * 4) : NULL; /* an empty buffer has no place to point to */

	if (!to)
		return;
	for (size_t i = 0; i < in.n; i += 3, to += 4) {
		size_t n = in.n - i < 3 ? in.n - i : 3;
		uint32_t v = (uint32_t)in.p[i] << 16;
		if (n > 1)
			v |= (uint32_t)in.p[i + 1] << 8;
		if (n > 2)
			v |= in.p[i + 2];
		to[0] = (uint8_t)base64_digits[v >> 18];
		to[1] = (uint8_t)base64_digits[v >> 12 & 63];
		to[2] = n > 1 ? (uint8_t)base64_digits[v >> 6 & 63] : '=';
		to[3] = n > 2 ? (uint8_t)base64_digits[v & 63] : '=';
	}
	buf_commit(b, (in.n + 2) / 3 * 4);
}

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of 2 to 4 digits. */
static int unbase64_group(const uint8_t *digits, size_t n, struct buf *b)
{
	uint32_t v = 0;
	uint8_t out[3];

	for (size_t i = 0; i < 4; i++) {
		int d = i < n ? base64_value(digits[i]) : 0;
		if (d < 0)
			return ERR_SYNTAX;
		v = v << 6 | (uint32_t)d;
	}
	if (v & (n == 2 ? 0xffffu : n == 3 ? 0xffu : 0))
		return ERR_SYNTAX;
	out[0] = (uint8_t)(v >> 16);
	out[1] = (uint8_t)(v >> 8);
	out[2] = (uint8_t)v;
	buf_put(b, out, n - 1);
	return buf_failed(b) ? ERR_LIMIT : 0;
}

int text_unbase64(struct bytes in, struct buf *b)
{
	size_t len = buf_len(b);
	int rc = in.n % 4 ? ERR_SYNTAX : 0;

	for (size_t i = 0; !rc && i < in.n; i += 4) {
		size_t n = 4;
		if (i + 4 == in.n && in.p[i + 3] == '=')
			n = in.p[i + 2] == '=' ? 2 : 3;
		rc = unbase64_group(in.p + i, n, b);
	}
	if (rc)
		buf_truncate(b, len);
	return rc;
}

/* Length of the sequence at p, or 0 when it is not well-formed. */
static size_t utf8_len(const uint8_t *p, size_t n)
{
	if (p[0] < 0x80)
		return 1;
	size_t want = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n < want)
		return 0;
	for (size_t i = 1; i < want; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return want;
}

bool text_is_utf8(struct bytes in)
{
	for (size_t i = 0; i < in.n;) {
		size_t n = utf8_len(in.p + i, in.n - i);
		if (!n)
			return false;
		i += n;
	}
	return true;
}

struct bytes text_cut(struct bytes in, size_t max)
{
	if (in.n <= max)
		return in;
	for (in.n = max; in.n && (in.p[in.n] & 0xc0) == 0x80; in.n--)
		;
	return in;
}

size_t text_shown(struct bytes in)
{
	size_t n = in.n ? utf8_len(in.p, in.n) : 0;

	if (n == 1)
		return in.p[0] >= ' ' && in.p[0] != 0x7f;
	if (n == 2 && in.p[0] == 0xc2 && in.p[1] < 0xa0)
		return 0; /* U+0080 to U+009F */
	if (n == 2 && in.p[0] == 0xd8 && in.p[1] == 0x9c)
		return 0; /* U+061C */
	if (n == 3 && in.p[0] == 0xe2 && in.p[1] == 0x80 && (in.p[2] == 0x8e || in.p[2] == 0x8f || (in.p[2] >= 0xa8 && in.p[2] <= 0xae)))
		return 0; /* U+200E, U+200F, U+2028 to U+202E */
	if (n == 3 && in.p[0] == 0xe2 && in.p[1] == 0x81 && in.p[2] >= 0xa6 && in.p[2] <= 0xa9)
		return 0; /* U+2066 to U+2069 */
	return n;
}

void text_time(uint64_t unix_ms, bool with_ms, char out[static TEXT_TIME_BYTES])
{
	time_t s = (time_t)(unix_ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(out, TEXT_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	if (with_ms)
		snprintf(out + n, TEXT_TIME_BYTES - n, ".%03uZ", (unsigned)(unix_ms % 1000));
	else
		snprintf(out + n, TEXT_TIME_BYTES - n, "Z");
}

static const char *xml_entity(uint8_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	}
	return NULL;
}

void text_xml_escape(struct bytes in, struct buf *b)
{
	size_t from = 0;

	for (size_t i = 0; i < in.n; i++) {
		const char *entity = xml_entity(in.p[i]);
		if (!entity)
			continue;
		buf_put(b, in.p + from, i - from);
		buf_put_str(b, entity);
		from = i + 1;
	}
	buf_put_bytes(b, bytes_skip(in, from));
}
