#include "report.h"

#include "base/err.h"

#include <stdio.h>

enum { FIELDS_MAX = 16, TRACKING_FIELDS = 14, SOURCE_FIELDS = 10, WHOLE_DIGITS = 9, NANO_DIGITS = 9 };

/* One line into fields; the line's end is not in it. How many; 0: too many. */
static size_t split(struct bytes line, struct bytes fields[FIELDS_MAX])
{
	for (size_t n = 0; n < FIELDS_MAX; n++) {
		size_t end = bytes_find(line, ',');
		fields[n] = bytes_make(line.p, end);
		if (end == line.n)
			return n + 1;
		line = bytes_skip(line, end + 1);
	}
	return 0;
}

/* "-12.000345" in billionths. More digits behind the dot than nine, or before it, are none of chronyc's. */
static int read_nano(struct bytes v, int64_t *out)
{
	bool is_negative = v.n > 0 && *v.p == '-';
	int64_t whole = 0, part = 0;

	if (is_negative)
		v = bytes_skip(v, 1);
	size_t dot = bytes_find(v, '.');
	struct bytes fraction = bytes_skip(v, dot + 1);
	uint64_t n;
	if (dot == 0 || dot > WHOLE_DIGITS || fraction.n > NANO_DIGITS || (dot < v.n && fraction.n == 0))
		return ERR_SYNTAX;
	if (bytes_to_u64(bytes_make(v.p, dot), INT32_MAX, &n))
		return ERR_SYNTAX;
	whole = (int64_t)n;
	for (size_t i = 0; i < NANO_DIGITS; i++) {
		if (i < fraction.n && (fraction.p[i] < '0' || fraction.p[i] > '9'))
			return ERR_SYNTAX;
		part = part * 10 + (i < fraction.n ? fraction.p[i] - '0' : 0);
	}
	*out = (is_negative ? -1 : 1) * (whole * 1000000000 + part);
	return 0;
}

static int read_positive(struct bytes v, uint64_t *out)
{
	int64_t n;
	int rc = read_nano(v, &n);

	if (rc || n < 0)
		return ERR_SYNTAX;
	*out = (uint64_t)n;
	return 0;
}

static int read_number(struct bytes v, uint64_t max, unsigned *out)
{
	uint64_t n;

	if (bytes_to_u64(v, max, &n))
		return ERR_SYNTAX;
	*out = (unsigned)n;
	return 0;
}

static int read_octal(struct bytes v, unsigned *out)
{
	unsigned n = 0;

	if (v.n == 0 || v.n > 3)
		return ERR_SYNTAX;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '7')
			return ERR_SYNTAX;
		n = n * 8 + (v.p[i] - '0');
	}
	*out = n;
	return n <= 0xff ? 0 : ERR_SYNTAX;
}

static int read_name(struct bytes v, char out[static REPORT_NAME_BYTES])
{
	if (v.n >= REPORT_NAME_BYTES)
		return ERR_SYNTAX;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f)
			return ERR_SYNTAX;
	memcpy(out, v.p, v.n);
	out[v.n] = 0;
	return 0;
}

static int read_leap(struct bytes v, enum report_leap *out)
{
	static const char *const texts[] = { "Normal", "Insert second", "Delete second", "Not synchronised" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (bytes_eq_str(v, texts[i])) {
			*out = (enum report_leap)i;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

/* The next line, without its end. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
	if (rest->n == 0)
		return false;
	size_t n = bytes_find(*rest, '\n');
	*line = bytes_make(rest->p, n);
	*rest = bytes_skip(*rest, n + 1);
	return true;
}

int report_read_tracking(struct bytes text, struct report_tracking *out)
{
	struct report_tracking t = { .stratum = 0 };
	struct bytes f[FIELDS_MAX], line;
	int64_t correction;

	if (!next_line(&text, &line) || text.n > 0 || split(line, f) != TRACKING_FIELDS)
		return ERR_SYNTAX;
	if (read_name(f[1], t.reference) || read_number(f[2], 255, &t.stratum) || read_nano(f[4], &correction) ||
	    read_positive(f[10], &t.root_delay_ns) || read_positive(f[11], &t.root_dispersion_ns) || read_leap(f[13], &t.leap))
		return ERR_SYNTAX;
	t.offset_ns = -correction; /* chronyc gives what is left to correct: true time minus clock */
	*out = t;
	return 0;
}

static int read_source(struct bytes line, struct report_source *out)
{
	struct bytes f[FIELDS_MAX];
	unsigned heard;

	if (split(line, f) != SOURCE_FIELDS || f[0].n != 1 || f[1].n != 1 || !memchr("*+-x~?", f[1].p[0], 6))
		return ERR_SYNTAX;
	out->state = (char)f[1].p[0];
	if (read_name(f[2], out->name) || read_number(f[3], 255, &out->stratum) || read_number(f[4], 32, &out->poll) ||
	    read_octal(f[5], &out->reach) || read_number(f[6], UINT32_MAX, &heard) || read_nano(f[7], &out->offset_ns))
		return ERR_SYNTAX;
	out->heard_s = heard;
	return 0;
}

int report_read_sources(struct bytes text, struct report *out)
{
	struct report_source v[REPORT_SOURCES_MAX];
	struct bytes line;
	size_t n = 0;

	while (n < REPORT_SOURCES_MAX && next_line(&text, &line)) {
		memset(&v[n], 0, sizeof v[n]);
		if (read_source(line, &v[n]))
			return ERR_SYNTAX;
		n++;
	}
	memcpy(out->sources, v, n * sizeof v[0]);
	out->n_sources = n;
	return 0;
}

/* Two questions and a little: an answer may be lost. */
static bool is_heard(const struct report_source *s)
{
	return s->heard_s != UINT32_MAX && s->heard_s <= (2u << (s->poll < 20 ? s->poll : 20)) + 5;
}

bool report_is_synchronised(const struct report *r)
{
	for (size_t i = 0; r->tracking.leap != LEAP_NONE && i < r->n_sources; i++)
		if (r->sources[i].state == '*' && is_heard(&r->sources[i]))
			return true;
	return false;
}

const char *report_trouble(const struct report *r)
{
	bool is_any_heard = false, is_any_false = false;

	for (size_t i = 0; i < r->n_sources; i++) {
		is_any_heard |= r->sources[i].reach != 0 && is_heard(&r->sources[i]);
		is_any_false |= r->sources[i].state == 'x' || r->sources[i].state == '~';
	}
	if (r->n_sources == 0)
		return "no time server has an address yet";
	if (!is_any_heard)
		return "no time server answers, or none with the right key";
	return is_any_false ? "the time servers contradict each other" : "no time server is good enough to follow yet";
}
