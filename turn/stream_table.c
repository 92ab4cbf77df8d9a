#include <stdlib.h>

#include "base/err.h"
#include "stream_impl.h"

/* Numbers of connections: generation << STREAM_PLACE_BITS | place. */

enum {
	PLACES_FIRST = 64,
	PLACES_MAX = 1 << STREAM_PLACE_BITS,
	GENERATIONS = 1 << (32 - STREAM_PLACE_BITS),
};

static int grow(struct streams *s)
{
	uint32_t n = s->n_places ? s->n_places * 2 : PLACES_FIRST;

	if (n > PLACES_MAX)
		return ERR_FULL;
	struct stream_place *p = realloc(s->places, n * sizeof *p);
	if (!p)
		return ERR_NOMEM;
	for (uint32_t i = s->n_places; i < n; i++)
		p[i] = (struct stream_place){ .generation = 0, .next_free = i + 1 < n ? i + 1 : UINT32_MAX };
	s->first_free = s->n_places;
	s->places = p;
	s->n_places = n;
	return 0;
}

int stream_number(struct stream_client *c)
{
	struct streams *s = c->of;
	int rc = s->first_free == UINT32_MAX ? grow(s) : 0;

	if (rc)
		return rc;
	uint32_t at = s->first_free;
	struct stream_place *p = &s->places[at];
	s->first_free = p->next_free;
	p->generation = p->generation % (GENERATIONS - 1) + 1; /* never 0: nor is a number */
	p->client = c;
	c->number = p->generation << STREAM_PLACE_BITS | at;
	return 0;
}

void stream_forget(struct stream_client *c)
{
	struct streams *s = c->of;
	uint32_t at = c->number & (PLACES_MAX - 1);

	if (!c->number)
		return;
	c->number = 0;
	s->places[at].client = NULL;
	s->places[at].next_free = s->first_free;
	s->first_free = at;
}

struct stream_client *stream_find(const struct streams *s, const struct turn_path *p)
{
	uint32_t at = p->conn & (PLACES_MAX - 1);
	struct stream_client *c = at < s->n_places ? s->places[at].client : NULL;

	return c && c->number == p->conn && c->door->number == p->door ? c : NULL;
}
