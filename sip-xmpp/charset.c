#include "charset.h"

#include "base/err.h"
#include "base/text.h"

uint32_t charset_next(struct bytes utf8, size_t *n)
{
	uint8_t c = utf8.p[0];

	*n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t v = *n == 1 ? c : c & (0x7fu >> *n);
	for (size_t i = 1; i < *n && i < utf8.n; i++)
		v = v << 6 | (utf8.p[i] & 0x3fu);
	return v;
}

static void put_char(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_put_u8(out, (uint8_t)c);
	} else if (c < 0x800) {
		buf_put_u8(out, (uint8_t)(0xc0 | c >> 6));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	} else {
		if (c < 0x10000) {
			buf_put_u8(out, (uint8_t)(0xe0 | c >> 12));
		} else {
			buf_put_u8(out, (uint8_t)(0xf0 | c >> 18));
			buf_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

static int from_utf8(struct bytes in, struct buf *out)
{
	static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };

	if (!text_is_utf8(in))
		return ERR_UTF8;
	buf_put_bytes(out, bytes_starts(in, bytes_make(mark, 3)) ? bytes_skip(in, 3) : in);
	return 0;
}

static int from_ascii(struct bytes in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] >= 0x80)
			return ERR_UTF8;
	buf_put_bytes(out, in);
	return 0;
}

static int from_latin1(struct bytes in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++)
		put_char(out, in.p[i]);
	return 0;
}

static uint32_t unit_at(struct bytes in, size_t i, bool is_big)
{
	return is_big ? (uint32_t)in.p[i] << 8 | in.p[i + 1] : (uint32_t)in.p[i + 1] << 8 | in.p[i];
}

static int from_utf16(struct bytes in, bool is_big, struct buf *out)
{
	if (in.n % 2)
		return ERR_UTF8;
	for (size_t i = 0; i < in.n; i += 2) {
		uint32_t c = unit_at(in, i, is_big);
		if (c >= 0xdc00 && c < 0xe000)
			return ERR_UTF8;
		if (c >= 0xd800 && c < 0xdc00) {
			i += 2;
			uint32_t low = i < in.n ? unit_at(in, i, is_big) : 0;
			if (low < 0xdc00 || low >= 0xe000)
				return ERR_UTF8;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
		put_char(out, c);
	}
	return 0;
}

static int from_utf16_be(struct bytes in, struct buf *out)
{
	return from_utf16(in, true, out);
}

static int from_utf16_le(struct bytes in, struct buf *out)
{
	return from_utf16(in, false, out);
}

/* RFC 2781 4.3: the mark says, else the big end is first. */
static int from_utf16_marked(struct bytes in, struct buf *out)
{
	bool has_mark = in.n >= 2 && ((in.p[0] == 0xfe && in.p[1] == 0xff) || (in.p[0] == 0xff && in.p[1] == 0xfe));

	return from_utf16(has_mark ? bytes_skip(in, 2) : in, !has_mark || in.p[0] == 0xfe, out);
}

static const struct {
	const char *name;
	int (*fn)(struct bytes in, struct buf *out);
} charsets[] = {
	{ "", from_utf8 },
	{ "utf-8", from_utf8 },
	{ "utf8", from_utf8 },
	{ "us-ascii", from_ascii },
	{ "ascii", from_ascii },
	{ "iso-8859-1", from_latin1 },
	{ "latin1", from_latin1 },
	{ "utf-16", from_utf16_marked },
	{ "utf-16be", from_utf16_be },
	{ "utf-16le", from_utf16_le },
};

int charset_to_utf8(struct bytes charset, struct bytes in, struct buf *out)
{
	for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++) {
		if (!bytes_eq_nocase(charset, bytes_of(charsets[i].name)))
			continue;
		int rc = charsets[i].fn(in, out);
		return rc ? rc : buf_failed(out) ? ERR_LIMIT : 0;
	}
	return ERR_UNSUPPORTED;
}

static bool is_xml_char(uint32_t c)
{
	return c >= 0x20 ? c < 0xfffe || c > 0xffff : c == '\t' || c == '\n';
}

void charset_put_xml(struct buf *out, struct bytes utf8)
{
	size_t n;

	for (; utf8.n; utf8 = bytes_skip(utf8, n)) {
		uint32_t c = charset_next(utf8, &n);
		if (c == '\r') {
			if (utf8.n == 1 || utf8.p[1] != '\n')
				buf_put_u8(out, '\n');
		} else if (!is_xml_char(c)) {
			put_char(out, 0xfffd);
		} else {
			text_xml_escape(bytes_make(utf8.p, n), out);
		}
	}
}
