#include "filter.h"

#include "base/err.h"

/* "90s", "10m", "2h", "3d" before now, or a stamp. */
static int parse_time(struct bytes v, uint64_t wall_ms, uint64_t *out)
{
	static const char units[] = "smhd";
	static const uint64_t of_unit[] = { 1000, 60000, 3600000, 86400000 };
	uint64_t n;

	if (v.n == LINE_STAMP_BYTES)
		return line_time(v, out);
	const char *u = v.n > 1 ? strchr(units, v.p[v.n - 1]) : NULL;
	if (!u || !*u || bytes_to_u64(bytes_make(v.p, v.n - 1), 1000000, &n))
		return ERR_SYNTAX;
	uint64_t ago = n * of_unit[u - units];
	*out = ago < wall_ms ? wall_ms - ago : 1;
	return 0;
}

static int parse_number(struct bytes v, uint32_t max, uint32_t *out)
{
	uint64_t n;
	int rc = bytes_to_u64(v, max, &n);

	if (rc || n == 0)
		return rc ? rc : ERR_RANGE;
	*out = (uint32_t)n;
	return 0;
}

static int keep(struct bytes v, char *out)
{
	if (v.n == 0 || v.n > FILTER_WORD_MAX)
		return ERR_RANGE;
	memcpy(out, v.p, v.n);
	out[v.n] = '\0';
	return 0;
}

static int parse_word(struct bytes key, struct bytes v, uint64_t wall_ms, struct filter *f, const char **why)
{
	*why = "program=, level=, event=, domain=, trace=, text=, since=, until=, last= or follow=";
	if (bytes_eq_str(key, "event"))
		return keep(v, f->event);
	if (bytes_eq_str(key, "domain"))
		return keep(v, f->domain);
	if (bytes_eq_str(key, "trace"))
		return keep(v, f->trace);
	if (bytes_eq_str(key, "text"))
		return keep(v, f->text);
	if (bytes_eq_str(key, "program")) {
		*why = "program=gh-s2s, or another program's name";
		return prog_of(v, &f->prog);
	}
	if (bytes_eq_str(key, "level")) {
		*why = "level=error, warn, info or debug";
		return line_level_of(v, &f->level);
	}
	if (bytes_eq_str(key, "last")) {
		*why = "last=1 to last=10000";
		return parse_number(v, FILTER_LAST_MAX, &f->last);
	}
	if (bytes_eq_str(key, "follow")) {
		*why = "follow=1 to follow=3600 seconds";
		return parse_number(v, FILTER_FOLLOW_MAX_S, &f->follow_s);
	}
	if (bytes_eq_str(key, "since") || bytes_eq_str(key, "until")) {
		*why = "since=90s, 10m, 2h, 3d, or a time as in the lines";
		return parse_time(v, wall_ms, *key.p == 's' ? &f->since_ms : &f->until_ms);
	}
	return ERR_UNKNOWN;
}

int filter_parse(const struct bytes *words, size_t n, uint64_t wall_ms, struct filter *out, const char **why)
{
	struct filter f = { .prog = PROG_COUNT, .level = LOG_LEVEL_DEBUG, .last = FILTER_LAST };

	for (size_t i = 0; i < n; i++) {
		struct bytes key = bytes_make(words[i].p, bytes_find(words[i], '='));
		int rc = parse_word(key, bytes_skip(words[i], key.n + 1), wall_ms, &f, why);
		if (rc)
			return rc;
	}
	*out = f;
	return 0;
}

static bool contains(struct bytes text, struct bytes part)
{
	return part.n == 0 || (text.n && memmem(text.p, text.n, part.p, part.n));
}

/* b.example, a@b.example, a@b.example/r. */
static bool is_of_domain(struct bytes value, struct bytes domain)
{
	size_t at = bytes_find(value, '@');
	struct bytes host = at < value.n ? bytes_skip(value, at + 1) : value;

	host.n = bytes_find(host, '/');
	return bytes_eq_nocase(host, domain);
}

static bool has_value(struct bytes pairs, struct bytes wanted, bool is_domain)
{
	struct bytes key, value;

	while (line_pair(&pairs, &key, &value))
		if (is_domain ? is_of_domain(value, wanted) : bytes_eq_nocase(value, wanted))
			return true;
	return false;
}

bool filter_fits(const struct filter *f, const struct line *l)
{
	if (l->level > f->level || l->wall_ms < f->since_ms || (f->until_ms && l->wall_ms > f->until_ms))
		return false;
	if (f->prog != PROG_COUNT && !bytes_eq_str(bytes_make(l->who.p, bytes_find(l->who, '[')), prog_name(f->prog)))
		return false;
	if (f->event[0] && !bytes_starts(l->event, bytes_of(f->event)))
		return false;
	if (f->domain[0] && !has_value(l->pairs, bytes_of(f->domain), true))
		return false;
	if (f->trace[0] && !has_value(l->pairs, bytes_of(f->trace), false))
		return false;
	return contains(l->whole, bytes_of(f->text));
}
