#include "partner.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

enum { SWEPT_A_TIME = 256 };

struct partner *partner_find(struct gsip *g, struct bytes domain)
{
	return domain.n ? map_get(&g->partners, domain) : NULL;
}

struct partner *partner_get(struct gsip *g, struct bytes domain)
{
	struct partner *p = partner_find(g, domain);

	if (p || !domain.n || g->partners.count >= PARTNERS_MAX)
		return p;
	p = calloc(1, sizeof *p + domain.n + 1);
	if (!p)
		return NULL;
	memcpy(p->domain, domain.p, domain.n);
	p->used_ms = loop_now(g->loop);
	if (map_add(&g->partners, bytes_make(p->domain, domain.n), p) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

bool partner_take(struct gsip *g, struct bytes domain, const struct peer_row *row)
{
	struct partner *p = partner_get(g, domain);
	uint64_t now = loop_now(g->loop);

	if (!p)
		return row->rate == 0; /* without memory nothing can be counted */
	p->used_ms = now;
	p->in_wall_ms = loop_wall_ms(g->loop);
	p->n_in++;
	if (p->rate.per_s != row->rate)
		rate_init(&p->rate, row->rate, 0, now);
	return row->rate == 0 || rate_take(&p->rate, 1, now);
}

void partner_note_end(struct gsip *g, struct bytes domain, unsigned status, int why, const char *words)
{
	struct partner *p = partner_get(g, domain);

	if (!p)
		return;
	p->used_ms = loop_now(g->loop);
	p->out_wall_ms = loop_wall_ms(g->loop);
	p->n_out++;
	if (why == 0 || status == 487)
		return;
	p->n_failed++;
	p->why = why;
	p->status = status;
	p->failed_wall_ms = p->out_wall_ms;
	(void)snprintf(p->words, sizeof p->words, "%s", words); /* cut is fine */
	g->counts[STAT_OUT_FAILED]++;
}

static size_t sweep_some(struct gsip *g)
{
	struct partner *old[SWEPT_A_TIME], *p;
	size_t at = 0, n = 0;

	while (n < SWEPT_A_TIME && (p = map_next(&g->partners, &at)))
		if (loop_now(g->loop) > p->used_ms + PARTNER_KEEP_MS)
			old[n++] = p;
	for (size_t i = 0; i < n; i++) {
		(void)map_del(&g->partners, bytes_of(old[i]->domain)); /* it is old[i] */
		free(old[i]);
	}
	return n;
}

void partner_sweep(struct gsip *g)
{
	while (sweep_some(g) == SWEPT_A_TIME)
		;
}

void partner_fini_all(struct gsip *g)
{
	size_t at = 0;
	struct partner *p;

	while ((p = map_next(&g->partners, &at)))
		free(p);
	map_fini(&g->partners);
}
