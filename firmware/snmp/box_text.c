/* What the kernel says in /proc, as text. */
#include "box.h"

#include <stdio.h>

enum { FIELDS = 8, IDLE = 3, WAIT = 4 };

static struct bytes line_of(struct bytes text, const char *start)
{
	struct bytes want = bytes_of(start);

	while (text.n > 0 && !bytes_starts(text, want))
		text = bytes_skip(text, bytes_find(text, '\n') + 1);
	return text.n > 0 ? bytes_make(text.p + want.n, bytes_find(bytes_skip(text, want.n), '\n')) : BYTES_NONE;
}

/* Takes the next number off the front. */
static bool take(struct bytes *line, uint64_t *out)
{
	while (line->n > 0 && *line->p == ' ')
		*line = bytes_skip(*line, 1);
	size_t n = bytes_find(*line, ' ');
	bool is = bytes_to_u64(bytes_make(line->p, n), INT64_MAX, out) == 0;
	*line = bytes_skip(*line, n);
	return is;
}

uint64_t box_meminfo(struct bytes text, const char *name)
{
	char start[40];
	uint64_t v = 0;

	snprintf(start, sizeof start, "%s:", name);
	struct bytes line = line_of(text, start);
	return take(&line, &v) ? v : 0;
}

bool box_stat(struct bytes text, unsigned which, uint64_t *busy, uint64_t *all)
{
	char start[24];
	uint64_t v;

	snprintf(start, sizeof start, "cpu%u ", which);
	struct bytes line = line_of(text, start);
	*busy = *all = 0;
	for (unsigned i = 0; i < FIELDS; i++) {
		if (!take(&line, &v))
			return false;
		*all += v;
		*busy += i == IDLE || i == WAIT ? 0 : v;
	}
	return true;
}
