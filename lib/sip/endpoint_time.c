#include "sip/endpoint_impl.h"

#include <malloc.h>
#include <stdlib.h>

void life_end_in(struct sipendpoint *e, struct life *l, uint64_t ms)
{
	l->end_at = ms == LIFE_NEVER ? LIFE_NEVER : loop_now(e->loop) + ms;
}

void life_again_in(struct sipendpoint *e, struct life *l, uint32_t ms)
{
	l->interval_ms = ms;
	l->again_at = loop_now(e->loop) + ms;
}

void life_no_more(struct life *l)
{
	l->again_at = LIFE_NEVER;
}

void life_again_doubled(struct sipendpoint *e, struct life *l, uint32_t most_ms)
{
	uint32_t next = 2 * l->interval_ms;

	life_again_in(e, l, next > most_ms ? most_ms : next);
}

int life_wait(struct sipendpoint *e, struct life *l)
{
	uint64_t at = l->end_at < l->again_at ? l->end_at : l->again_at, now = loop_now(e->loop);

	if (at == LIFE_NEVER) {
		loop_timer_del(e->loop, &l->timer);
		return 0;
	}
	if (loop_timer_is_set(&l->timer) && l->timer.at_ms == at)
		return 0;
	return loop_timer_set(e->loop, &l->timer, at > now ? at - now : 0);
}

bool life_is_over(const struct sipendpoint *e, const struct life *l)
{
	return l->end_at <= loop_now(e->loop);
}

/* malloc keeps a word in front of each block. */
static size_t cost_of(void *p)
{
	return malloc_usable_size(p) + sizeof(size_t);
}

void *held_alloc(struct sipendpoint *e, size_t n)
{
	void *p = calloc(1, n);

	if (p)
		e->counts.held_bytes += cost_of(p);
	return p;
}

void held_free(struct sipendpoint *e, void *p)
{
	if (!p)
		return;
	e->counts.held_bytes -= cost_of(p);
	free(p);
}

bool held_text(struct sipendpoint *e, uint8_t **text, uint32_t *n, struct bytes v)
{
	held_free(e, *text);
	*text = NULL;
	*n = 0;
	if (!v.n)
		return true;
	*text = held_alloc(e, v.n);
	if (!*text)
		return false;
	memcpy(*text, v.p, v.n);
	*n = (uint32_t)v.n;
	return true;
}
