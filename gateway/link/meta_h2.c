#include "meta_h2.h"

enum { PLAIN = 3 }; /* the first are the same for everybody; a client's address and its keys are not */

int meta_h2_open(struct h2 *h, struct h2_stream *s, const struct meta *m)
{
	struct meta_fields from;
	struct h2_field fields[META_PAIRS_MAX];

	meta_write(m, &from);
	for (size_t i = 0; i < from.n; i++)
		fields[i] = (struct h2_field){ bytes_of(from.pairs[i].name), from.pairs[i].value, i >= PLAIN };
	return h2_open(h, s, fields, from.n);
}
