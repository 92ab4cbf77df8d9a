#include "conn.h"

#include <stdlib.h>

#include "base/err.h"

enum { SLOT_BITS = 24, INSTANCE_SHIFT = 24 };

int slot_take(struct door *d, struct conn *c)
{
	if (d->first_free == UINT32_MAX) {
		uint32_t n = d->n_slots ? d->n_slots * 2 : 256;
		if (n > 1u << SLOT_BITS)
			return ERR_LIMIT;
		struct slot *p = realloc(d->slots, n * sizeof *p);
		if (!p)
			return ERR_NOMEM;
		d->slots = p;
		for (uint32_t i = n; i-- > d->n_slots;) {
			p[i] = (struct slot){ NULL, d->first_free };
			d->first_free = i;
		}
		d->n_slots = n;
	}
	uint32_t at = d->first_free;
	d->first_free = d->slots[at].next_free;
	d->slots[at].conn = c;
	c->id = (uint64_t)++d->generation << 32 | (uint64_t)d->instance << INSTANCE_SHIFT | at;
	return 0;
}

static uint32_t slot_at(uint64_t id)
{
	return (uint32_t)id & ((1u << SLOT_BITS) - 1);
}

void slot_give(struct door *d, uint64_t id)
{
	d->slots[slot_at(id)] = (struct slot){ NULL, d->first_free };
	d->first_free = slot_at(id);
}

struct conn *conn_of(struct door *d, uint64_t id)
{
	uint32_t at = slot_at(id);
	struct conn *c = at < d->n_slots ? d->slots[at].conn : NULL;

	return c && c->id == id ? c : NULL;
}

struct conn *conn_next(struct door *d, uint32_t *at)
{
	while (*at < d->n_slots) {
		struct conn *c = d->slots[(*at)++].conn;
		if (c)
			return c;
	}
	return NULL;
}
