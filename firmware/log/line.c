#include "line.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <time.h>

static const char *const level_names[] = { "error", "warn", "info", "debug" };
_Static_assert(sizeof level_names / sizeof level_names[0] == LOG_LEVEL_COUNT, "one name a level");

const char *line_level_name(enum log_level l)
{
	return level_names[l];
}

int line_level_of(struct bytes name, enum log_level *out)
{
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++) {
		if (bytes_eq_str(name, level_names[i])) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

/* n digits at p. */
static int digits(const uint8_t *p, size_t n, uint64_t max, uint64_t *out)
{
	return bytes_to_u64(bytes_make(p, n), max, out);
}

int line_time(struct bytes stamp, uint64_t *wall_ms)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	uint64_t year, month, day, hour, minute, second, ms;

	if (stamp.n != LINE_STAMP_BYTES)
		return ERR_SYNTAX;
	for (size_t i = 0; i < stamp.n; i++)
		if (form[i] != 'd' && form[i] != stamp.p[i])
			return ERR_SYNTAX;
	const uint8_t *p = stamp.p;
	if (digits(p, 4, 9999, &year) || digits(p + 5, 2, 12, &month) || digits(p + 8, 2, 31, &day) || digits(p + 11, 2, 23, &hour) ||
	    digits(p + 14, 2, 59, &minute) || digits(p + 17, 2, 60, &second) || digits(p + 20, 3, 999, &ms) || year < 1970 ||
	    month < 1 || day < 1)
		return ERR_SYNTAX;
	struct tm t = { .tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day, .tm_hour = (int)hour,
			.tm_min = (int)minute, .tm_sec = (int)second };
	*wall_ms = (uint64_t)timegm(&t) * 1000 + ms;
	return 0;
}

/* Up to the next space; takes it off the front of *rest. */
static struct bytes word(struct bytes *rest)
{
	struct bytes w = bytes_make(rest->p, bytes_find(*rest, ' '));

	*rest = bytes_skip(*rest, w.n + 1);
	return w;
}

static bool is_event(struct bytes e)
{
	for (size_t i = 0; i < e.n; i++)
		if (e.p[i] <= ' ' || e.p[i] >= 0x7f || e.p[i] == '=' || e.p[i] == '"')
			return false;
	return e.n > 0;
}

int line_parse(struct bytes text, struct line *out)
{
	struct line l = { .whole = text };

	l.stamp = word(&text);
	struct bytes level = word(&text);
	l.who = word(&text);
	l.event = word(&text);
	l.pairs = text;
	if (line_time(l.stamp, &l.wall_ms) || line_level_of(level, &l.level) || l.who.n == 0 || !is_event(l.event))
		return ERR_SYNTAX;
	*out = l;
	return 0;
}

/* Where a quoted value ends: at its closing quote, or at the end. */
static size_t quoted_end(struct bytes v)
{
	size_t i = 1;

	while (i < v.n && v.p[i] != '"')
		i += v.p[i] == '\\' && i + 1 < v.n ? 2 : 1;
	return i < v.n ? i : v.n;
}

bool line_pair(struct bytes *pairs, struct bytes *key, struct bytes *value)
{
	while (pairs->n && *pairs->p == ' ')
		*pairs = bytes_skip(*pairs, 1);
	if (pairs->n == 0)
		return false;
	*key = bytes_make(pairs->p, bytes_find(*pairs, '='));
	struct bytes v = bytes_skip(*pairs, key->n + 1);
	if (v.n && *v.p == '"') {
		size_t end = quoted_end(v);
		*value = bytes_make(v.p + 1, end > 0 ? end - 1 : 0);
		*pairs = bytes_skip(v, end + 1);
	} else {
		*value = bytes_make(v.p, bytes_find(v, ' '));
		*pairs = bytes_skip(v, value->n + 1);
	}
	return true;
}

static bool is_shown(struct bytes text)
{
	for (size_t i = 0; i < text.n;) {
		size_t n = text_shown(bytes_skip(text, i));
		if (!n)
			return false;
		i += n;
	}
	return true;
}

void line_take(struct bytes raw, enum prog prog, unsigned instance, uint64_t wall_ms, struct buf *out)
{
	char who[32], stamp[TEXT_TIME_BYTES];
	struct line l;

	buf_clear(out);
	(void)snprintf(who, sizeof who, "%s[%u]", prog_name(prog), instance);
	if (raw.n <= LINE_TEXT_MAX && is_shown(raw) && !line_parse(raw, &l) && bytes_eq_str(l.who, who)) {
		buf_put_bytes(out, raw);
		return;
	}
	text_time(wall_ms, true, stamp);
	buf_putf(out, "%s warn %s log.raw text=\"", stamp, who);
	for (size_t i = 0; i < raw.n && buf_len(out) < LINE_TEXT_MAX - 16;) {
		size_t n = text_shown(bytes_skip(raw, i));
		if (n == 0 || raw.p[i] == '"' || raw.p[i] == '\\') {
			buf_putf(out, "\\x%02x", raw.p[i]);
			n = 1;
		} else {
			buf_put(out, raw.p + i, n);
		}
		i += n;
	}
	buf_put_str(out, "\"");
}
