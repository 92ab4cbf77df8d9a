#include "syslog.h"

enum { NAME_MAX_BYTES = 32, APP_MAX_BYTES = 48 };

/* RFC 5424 6.2.1 */
static unsigned severity(enum log_level l)
{
	static const unsigned of_level[LOG_LEVEL_COUNT] = { 3, 4, 6, 7 };

	return of_level[l];
}

/* PRINTUSASCII of at most max bytes; "-" for nothing. */
static void put_name(struct buf *b, struct bytes v, size_t max)
{
	size_t n = v.n < max ? v.n : max;

	if (n == 0)
		buf_put_u8(b, '-');
	for (size_t i = 0; i < n; i++)
		buf_put_u8(b, v.p[i] > ' ' && v.p[i] < 0x7f ? v.p[i] : '_');
}

/* SD-NAME (6.3.2). */
static void put_sd_name(struct buf *b, struct bytes v)
{
	for (size_t i = 0; i < v.n && i < NAME_MAX_BYTES; i++) {
		uint8_t c = v.p[i];
		buf_put_u8(b, c > ' ' && c < 0x7f && c != '=' && c != ']' && c != '"' ? c : '_');
	}
}

/* PARAM-VALUE (6.3.3): what our lines escape as \" and \\ is escaped the same here; \xNN is text. */
static void put_sd_value(struct buf *b, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n && (v.p[i + 1] == '"' || v.p[i + 1] == '\\')) {
			buf_put(b, v.p + i, 2);
			i++;
			continue;
		}
		if (v.p[i] == '\\' || v.p[i] == '"' || v.p[i] == ']')
			buf_put_u8(b, '\\');
		buf_put_u8(b, v.p[i]);
	}
}

static bool is_ascii(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] >= 0x80)
			return false;
	return true;
}

void syslog_put(struct buf *b, const struct line *l, const struct syslog_origin *o)
{
	size_t start = buf_len(b), bracket = bytes_find(l->who, '[');
	struct bytes pairs = l->pairs, key, value, instance = bytes_skip(l->who, bracket + 1);
	size_t text_n = l->event.n + l->pairs.n + 8;

	instance.n = bytes_find(instance, ']');
	buf_putf(b, "<%u>1 %.*s ", o->facility * 8 + severity(l->level), BYTES_FMT(l->stamp));
	put_name(b, bytes_of(o->host), 255);
	buf_put_u8(b, ' ');
	put_name(b, bytes_make(l->who.p, bracket), APP_MAX_BYTES);
	buf_put_u8(b, ' ');
	put_name(b, instance, APP_MAX_BYTES);
	buf_put_u8(b, ' ');
	put_name(b, l->event, NAME_MAX_BYTES);
	buf_put_str(b, " [gatehouse@32473");
	while (line_pair(&pairs, &key, &value)) {
		size_t before = buf_len(b);
		if (key.n == 0)
			continue;
		buf_put_u8(b, ' ');
		put_sd_name(b, key);
		buf_put_str(b, "=\"");
		put_sd_value(b, value);
		buf_put_u8(b, '"');
		if (buf_len(b) - start + text_n > SYSLOG_MESSAGE_MAX)
			buf_truncate(b, before);
	}
	buf_put_str(b, "] ");
	if (!is_ascii(l->pairs))
		buf_put_str(b, "\xef\xbb\xbf"); /* 6.4: MSG-UTF8 */
	buf_put_bytes(b, l->event);
	if (l->pairs.n)
		buf_put_u8(b, ' ');
	buf_put_bytes(b, l->pairs);
}
