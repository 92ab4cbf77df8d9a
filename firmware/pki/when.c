#include "when.h"

enum { SOON_S = 10 };

/* Half of its life is time for many attempts; a short life is not asked for every second. */
void when_fetched(struct when *w, int64_t from_s, int64_t until_s, int64_t now_s, uint32_t every_s)
{
	int64_t left = until_s - now_s, half = (until_s - from_s) / 2;
	int64_t pause = left > half ? left - half : left / 2;

	if (pause > (int64_t)every_s)
		pause = (int64_t)every_s;
	if (left <= 0)
		pause = WHEN_RETRY_MAX_S < every_s ? WHEN_RETRY_MAX_S : (int64_t)every_s; /* its authority is late */
	*w = (struct when){ .from_s = from_s, .until_s = until_s, .next_s = now_s + (pause > SOON_S ? pause : SOON_S) };
}

void when_failed(struct when *w, int64_t now_s)
{
	int64_t pause = WHEN_RETRY_S;

	for (unsigned i = 0; i < w->failures && pause < WHEN_RETRY_MAX_S; i++)
		pause *= 2;
	w->failures++;
	w->next_s = now_s + (pause < WHEN_RETRY_MAX_S ? pause : WHEN_RETRY_MAX_S);
}

bool when_is_good(const struct when *w, int64_t now_s)
{
	return w->until_s > now_s;
}

bool when_is_late(const struct when *w, int64_t now_s)
{
	return w->until_s - now_s <= (w->until_s - w->from_s) / 4;
}

int64_t when_next(const struct when *w, int64_t now_s)
{
	int64_t next = w->next_s, late = w->until_s - (w->until_s - w->from_s) / 4;

	if (late > now_s && late < next)
		next = late;
	if (w->until_s > now_s && w->until_s < next)
		next = w->until_s;
	return next;
}
