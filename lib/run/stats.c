#include "run/stats.h"

/* All tables of the process, in order of registration. */
static struct list tables = { &tables, &tables };

void stats_register(struct stats *s, const char *const *names, uint64_t *values, size_t n)
{
	*s = (struct stats){ .names = names, .values = values, .n = n };
	list_add_tail(&tables, &s->node);
}

bool stats_next(size_t *at, const char **name, uint64_t *value)
{
	size_t skip = *at;

	LIST_EACH(node, &tables) {
		struct stats *s = LIST_OWNER(node, struct stats, node);
		if (skip < s->n) {
			*name = s->names[skip];
			*value = s->values[skip];
			(*at)++;
			return true;
		}
		skip -= s->n;
	}
	return false;
}
