#include "texts.h"

#include <stdlib.h>

struct text *text_hold(struct texts *t, struct bytes v)
{
	struct text *x = map_get(&t->map, v);

	if (x) {
		x->holders++;
		return x;
	}
	x = malloc(sizeof *x + v.n);
	if (!x)
		return NULL;
	x->holders = 1;
	x->n = (uint32_t)v.n;
	memcpy(x->p, v.p, v.n);
	if (map_add(&t->map, text_bytes(x), x)) {
		free(x);
		return NULL;
	}
	t->bytes += sizeof *x + v.n;
	return x;
}

void text_drop(struct texts *t, struct text *x)
{
	if (!x || --x->holders)
		return;
	map_del(&t->map, text_bytes(x));
	t->bytes -= sizeof *x + x->n;
	free(x);
}

void texts_fini(struct texts *t)
{
	map_fini(&t->map);
}
