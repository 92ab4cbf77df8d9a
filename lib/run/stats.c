#include "run/stats.h"

/* The process's list of counter tables, filled at start by each file that counts. */
static struct list stats_all = { &stats_all, &stats_all };

void stats_register(struct stats *s, const char *const *names, uint64_t *values, size_t n)
{
	*s = (struct stats){ .names = names, .values = values, .n = n };
	list_add_tail(&stats_all, &s->node);
}

bool stats_next(size_t *at, const char **name, uint64_t *value)
{
	size_t i = *at;

	LIST_EACH(node, &stats_all) {
		const struct stats *s = LIST_OWNER(node, struct stats, node);
		if (i < s->n) {
			*name = s->names[i];
			*value = s->values[i];
			++*at;
			return true;
		}
		i -= s->n;
	}
	return false;
}
