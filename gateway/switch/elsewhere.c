#include "elsewhere.h"

#include <stdlib.h>

struct place {
	struct list node;
	uint64_t until_ms;
	size_t n;
	uint8_t name[];
};

static void forget(struct elsewhere *e, struct place *p)
{
	map_del(&e->by_name, bytes_make(p->name, p->n));
	list_del(&p->node);
	free(p);
}

static struct place *first(struct elsewhere *e)
{
	return LIST_OWNER(e->order.next, struct place, node);
}

void elsewhere_add(struct elsewhere *e, struct bytes domain, uint64_t now_ms)
{
	struct place *p = map_get(&e->by_name, domain);

	if (!e->order.next)
		list_init(&e->order);
	if (!p) {
		if (e->by_name.count >= ELSEWHERE_MAX)
			forget(e, first(e));
		p = domain.n ? calloc(1, sizeof *p + domain.n) : NULL;
		if (!p)
			return;
		p->n = domain.n;
		memcpy(p->name, domain.p, domain.n);
		if (map_add(&e->by_name, bytes_make(p->name, p->n), p)) {
			free(p);
			return;
		}
	}
	p->until_ms = now_ms + ELSEWHERE_MS;
	list_del(&p->node);
	list_add_tail(&e->order, &p->node);
}

bool elsewhere_has(const struct elsewhere *e, struct bytes domain, uint64_t now_ms)
{
	const struct place *p = map_get(&e->by_name, domain);

	return p && p->until_ms > now_ms;
}

void elsewhere_fini(struct elsewhere *e)
{
	while (e->order.next && !list_is_empty(&e->order))
		forget(e, first(e));
	map_fini(&e->by_name);
}
