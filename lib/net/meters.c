#include "meters.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"

struct meter {
	uint64_t group;
	uint32_t users, next_free;
};
struct meters {
	struct map by_group;
	uint32_t first, n, first_free; /* n: none */
	struct meter each[];
};

struct meters *meters_new(uint32_t first, uint32_t n)
{
	struct meters *m = calloc(1, sizeof *m + n * sizeof m->each[0]);

	if (!m)
		return NULL;
	map_init(&m->by_group);
	m->first = first;
	m->n = n;
	for (uint32_t i = 0; i < n; i++)
		m->each[i].next_free = i + 1;
	return m;
}

void meters_free(struct meters *m)
{
	if (!m)
		return;
	map_fini(&m->by_group);
	free(m);
}

int meters_take(struct meters *m, uint64_t group, uint32_t *number, bool *is_new)
{
	struct meter *e = map_get_u64(&m->by_group, group);

	*is_new = !e;
	if (!e && m->first_free == m->n)
		return ERR_FULL;
	if (!e) {
		e = &m->each[m->first_free];
		e->group = group;
		int rc = map_add_u64(&m->by_group, e->group, e);
		if (rc)
			return rc;
		m->first_free = e->next_free;
	}
	e->users++;
	*number = m->first + (uint32_t)(e - m->each);
	return 0;
}

void meters_release(struct meters *m, uint32_t number)
{
	if (number == METERS_NONE)
		return;
	struct meter *e = &m->each[number - m->first];
	if (--e->users)
		return;
	(void)map_del_u64(&m->by_group, e->group); /* is e */
	e->next_free = m->first_free;
	m->first_free = number - m->first;
}
