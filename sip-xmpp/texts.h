/* texts.h - texts that many hold and nobody changes: one copy each, counted. The owners are all who hold one;
 * what one XMPP user shows to two hundred contacts is stored once. */
#ifndef XLATE_TEXTS_H
#define XLATE_TEXTS_H

#include "base/map.h"

struct text {
	uint32_t holders, n;
	uint8_t p[];
};
struct texts {
	struct map map;
	size_t bytes;
};

/* One more holder of these bytes. NULL without memory. */
struct text *text_hold(struct texts *t, struct bytes v);
void text_drop(struct texts *t, struct text *x); /* NULL is fine */
static inline struct bytes text_bytes(const struct text *x)
{
	return bytes_make(x->p, x->n);
}
void texts_fini(struct texts *t); /* when nobody holds any */

#endif
