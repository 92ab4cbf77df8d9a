#include "base/stamp.h"

#include "base/err.h"

#include <time.h>

struct reader {
	struct bytes in;
	bool is_bad;
};

static uint64_t number(struct reader *r, size_t digits, uint64_t max)
{
	uint64_t v = 0;

	if (r->in.n < digits || bytes_to_u64(bytes_make(r->in.p, digits), max, &v))
		r->is_bad = true;
	r->in = bytes_skip(r->in, digits);
	return v;
}

static bool take(struct reader *r, const char *any_of)
{
	if (!r->in.n || !strchr(any_of, r->in.p[0]) || !r->in.p[0])
		return false;
	r->in = bytes_skip(r->in, 1);
	return true;
}

static void need(struct reader *r, const char *any_of)
{
	r->is_bad |= !take(r, any_of);
}

static uint64_t fraction_ms(struct reader *r)
{
	uint64_t v = 0, unit = 100;

	if (!take(r, "."))
		return 0;
	r->is_bad |= !r->in.n || r->in.p[0] < '0' || r->in.p[0] > '9';
	for (; r->in.n && r->in.p[0] >= '0' && r->in.p[0] <= '9'; unit /= 10) {
		v += (uint64_t)(r->in.p[0] - '0') * unit;
		r->in = bytes_skip(r->in, 1);
	}
	return v;
}

/* No zone at all is read as UTC: PIDF from some servers has none. */
static int64_t offset_s(struct reader *r)
{
	if (!r->in.n || take(r, "Zz"))
		return 0;
	int sign = r->in.p[0] == '-' ? -1 : 1;
	need(r, "+-");
	uint64_t hours = number(r, 2, 23);
	need(r, ":");
	uint64_t minutes = number(r, 2, 59);
	return sign * (int64_t)(hours * 3600 + minutes * 60);
}

int stamp_parse(struct bytes in, uint64_t *out_ms)
{
	struct reader r = { in, false };
	struct tm t = { 0 };

	t.tm_year = (int)number(&r, 4, 9999) - 1900;
	need(&r, "-");
	t.tm_mon = (int)number(&r, 2, 12) - 1;
	need(&r, "-");
	t.tm_mday = (int)number(&r, 2, 31);
	need(&r, "Tt");
	t.tm_hour = (int)number(&r, 2, 23);
	need(&r, ":");
	t.tm_min = (int)number(&r, 2, 59);
	need(&r, ":");
	t.tm_sec = (int)number(&r, 2, 60);
	uint64_t ms = fraction_ms(&r);
	int64_t offset = offset_s(&r);
	if (r.is_bad || r.in.n || t.tm_mon < 0 || t.tm_mday < 1)
		return ERR_SYNTAX;
	int64_t s = timegm(&t) - offset;
	if (s < 0)
		return ERR_SYNTAX;
	*out_ms = (uint64_t)s * 1000 + ms;
	return 0;
}
