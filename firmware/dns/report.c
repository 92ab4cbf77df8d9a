#include "report.h"

#include "base/err.h"

#include <stddef.h>

enum { JUDGE_MIN = 2 }; /* one name that fails is that name's trouble */

static const struct {
	const char *name;
	size_t at;
} counters[] = {
	{ "total.num.queries", offsetof(struct report, queries) },
	{ "total.num.cachehits", offsetof(struct report, hits) },
	{ "num.answer.rcode.NOERROR", offsetof(struct report, good) },
	{ "num.answer.rcode.NXDOMAIN", offsetof(struct report, good) },
	{ "num.answer.rcode.SERVFAIL", offsetof(struct report, failed) },
	{ "num.answer.secure", offsetof(struct report, secure) },
	{ "num.answer.bogus", offsetof(struct report, bogus) },
};

static int read_line(struct bytes line, struct report *r)
{
	const uint8_t *equals = memchr(line.p, '=', line.n);
	uint64_t n;

	if (!equals)
		return ERR_SYNTAX;
	struct bytes name = bytes_make(line.p, (size_t)(equals - line.p)), value = bytes_make(equals + 1, line.n - name.n - 1);
	for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
		if (!bytes_eq_str(name, counters[i].name))
			continue;
		if (bytes_to_u64(value, UINT64_MAX / 4, &n))
			return ERR_SYNTAX;
		*(uint64_t *)(void *)((char *)r + counters[i].at) += n;
	}
	return 0;
}

int report_read(struct bytes text, struct report *out)
{
	struct report r = { 0 };

	if (text.n == 0)
		return ERR_SYNTAX;
	while (text.n > 0) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		if (!end)
			return ERR_SYNTAX; /* cut off */
		size_t n = (size_t)(end - text.p);
		if (read_line(bytes_make(text.p, n), &r))
			return ERR_SYNTAX;
		text = bytes_make(text.p + n + 1, text.n - n - 1);
	}
	*out = r;
	return 0;
}

enum report_verdict report_judge(const struct report *before, const struct report *now)
{
	static const struct report none;

	if (now->queries < before->queries || now->failed < before->failed || now->good < before->good)
		before = &none;
	if (now->good > before->good)
		return VERDICT_GOOD;
	if (now->failed - before->failed < JUDGE_MIN)
		return now->queries - before->queries < JUDGE_MIN ? VERDICT_NONE : VERDICT_WAITS;
	return now->bogus > before->bogus ? VERDICT_BOGUS : VERDICT_SILENT;
}
