#include "ferry_ways.h"

#include <stdio.h>
#include <stdlib.h>

struct way {
	struct list node;
	char edge[64];
	bool is_heard; /* something came by it */
	size_t n;
	uint8_t domain[];
};

void ferry_ways_init(struct ferry_ways *w)
{
	map_init(&w->by_domain);
	list_init(&w->order);
}

static void forget(struct ferry_ways *w, struct way *way)
{
	map_del(&w->by_domain, bytes_make(way->domain, way->n));
	list_del(&way->node);
	free(way);
}

void ferry_ways_fini(struct ferry_ways *w)
{
	while (!list_is_empty(&w->order))
		forget(w, LIST_OWNER(w->order.next, struct way, node));
	map_fini(&w->by_domain);
}

static struct way *find(struct ferry_ways *w, struct bytes domain)
{
	struct way *way = map_get(&w->by_domain, domain);

	if (way) {
		list_del(&way->node);
		list_add_tail(&w->order, &way->node);
	}
	return way;
}

static void set(struct ferry_ways *w, struct bytes domain, const char *edge, bool is_heard)
{
	struct way *way = find(w, domain);

	if (domain.n == 0)
		return;
	if (!way) {
		if (w->by_domain.count >= FERRY_WAYS_MAX)
			forget(w, LIST_OWNER(w->order.next, struct way, node));
		way = calloc(1, sizeof *way + domain.n);
		if (!way)
			return;
		way->n = domain.n;
		memcpy(way->domain, domain.p, domain.n);
		if (map_add(&w->by_domain, bytes_make(way->domain, way->n), way)) {
			free(way);
			return;
		}
		list_add_tail(&w->order, &way->node);
	}
	snprintf(way->edge, sizeof way->edge, "%s", edge);
	way->is_heard = is_heard;
}

void ferry_ways_heard(struct ferry_ways *w, struct bytes domain, const char *edge, bool (*is_there)(void *arg, const char *edge), void *arg)
{
	const struct way *way = find(w, domain);

	if (!way || !way->is_heard || !is_there(arg, way->edge))
		set(w, domain, edge, true);
}

/* Each edge and domain have a number; the highest wins, so that an edge that goes moves its own domains alone. */
static uint32_t weight(struct bytes domain, const char *edge)
{
	uint32_t h = 2166136261;

	for (size_t i = 0; i < domain.n; i++)
		h = (h ^ domain.p[i]) * 16777619;
	for (; *edge; edge++)
		h = (h ^ (uint8_t)*edge) * 16777619;
	h ^= h >> 16; /* the last letters count as much as the first */
	h *= 0x85ebca6b;
	return h ^ h >> 13;
}

const char *ferry_ways_to(struct ferry_ways *w, struct bytes domain, const char *const *edges, size_t n)
{
	const struct way *way = find(w, domain);
	const char *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (way && strcmp(way->edge, edges[i]) == 0)
			return edges[i];
		if (!best || weight(domain, edges[i]) > weight(domain, best))
			best = edges[i];
	}
	if (best)
		set(w, domain, best, false);
	return best;
}
