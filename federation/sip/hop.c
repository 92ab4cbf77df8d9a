#include "hop.h"

#include <stdlib.h>

#include "base/err.h"

static struct bytes key_of(const struct sip_place *p, uint8_t out[static 20])
{
	uint16_t port = sip_sockaddr_port(&p->addr);

	memset(out, 0, 20);
	out[0] = (uint8_t)p->transport;
	out[1] = p->addr.any.sa_family == AF_INET6;
	out[2] = (uint8_t)(port >> 8);
	out[3] = (uint8_t)port;
	if (out[1])
		memcpy(out + 4, &p->addr.v6.sin6_addr, 16);
	else
		memcpy(out + 4, &p->addr.v4.sin_addr, 4);
	return bytes_make(out, 20);
}

void hops_init(struct hops *h)
{
	map_init(&h->map);
}

void hops_fini(struct hops *h)
{
	size_t at = 0;
	struct hop *hop;

	while ((hop = map_next(&h->map, &at)))
		free(hop);
	map_fini(&h->map);
}

void hops_forget_all(struct hops *h)
{
	hops_fini(h);
	hops_init(h);
}

static void forget(struct hops *h, struct hop *hop)
{
	(void)map_del(&h->map, bytes_make(hop->key, sizeof hop->key)); /* it is hop */
	free(hop);
}

struct hop *hops_find(struct hops *h, const struct sip_place *p)
{
	uint8_t key[20];

	return h->map.count ? map_get(&h->map, key_of(p, key)) : NULL;
}

enum hop_state hops_state(struct hops *h, const struct sip_place *p, uint64_t now_ms)
{
	const struct hop *hop = hops_find(h, p);

	return hop && now_ms < hop->until_ms ? hop->state : HOP_GOOD;
}

static struct hop *need(struct hops *h, const struct sip_place *p)
{
	struct hop *hop = hops_find(h, p);

	if (hop || h->map.count >= HOPS_MAX)
		return hop;
	hop = calloc(1, sizeof *hop);
	if (!hop)
		return NULL;
	hop->place = *p;
	if (map_add(&h->map, key_of(p, hop->key), hop) < 0) {
		free(hop);
		return NULL;
	}
	return hop;
}

static bool mark(struct hop *hop, enum hop_state state, bool is_probed, uint64_t now_ms, uint64_t wait_ms)
{
	bool is_news = hop->state == HOP_GOOD || now_ms >= hop->until_ms;

	hop->state = state;
	hop->is_probed |= is_probed;
	hop->until_ms = now_ms + wait_ms;
	hop->probe_ms = now_ms + HOP_PROBE_MS;
	return is_news;
}

bool hops_failed(struct hops *h, const struct sip_place *p, bool is_probed, int rc, uint64_t now_ms)
{
	struct hop *hop = need(h, p);

	/* What asked for a pause has it, whatever fails meanwhile. */
	if (!hop || (hop->state == HOP_HELD && now_ms < hop->until_ms))
		return false;
	uint64_t wait = (uint64_t)HOP_POOR_MS << (hop->failures < 4 ? hop->failures : 4);
	hop->failures++;
	hop->rc = rc;
	return mark(hop, HOP_POOR, is_probed, now_ms, wait < HOP_POOR_MAX_MS ? wait : HOP_POOR_MAX_MS);
}

bool hops_hold(struct hops *h, const struct sip_place *p, bool is_probed, uint32_t retry_after_s, uint64_t now_ms)
{
	struct hop *hop = need(h, p);

	if (!hop)
		return false;
	hop->rc = 0;
	return mark(hop, HOP_HELD, is_probed, now_ms,
	            1000ull * (retry_after_s < HOP_HOLD_MAX_S ? retry_after_s : HOP_HOLD_MAX_S));
}

bool hops_recovered(struct hops *h, const struct sip_place *p)
{
	struct hop *hop = hops_find(h, p);

	if (!hop)
		return false;
	forget(h, hop);
	return true;
}

/* A poor hop of a static route is kept until its probe succeeds: so the route is tried last until then. */
static bool is_over(const struct hop *hop, uint64_t now_ms)
{
	return now_ms >= hop->until_ms && !hop->is_probing && !(hop->is_probed && hop->state == HOP_POOR);
}

size_t hops_due(struct hops *h, uint64_t now_ms, struct hop **out, size_t room)
{
	struct hop *over[64], *hop;
	size_t at = 0, n = 0, n_over = 0;

	while ((hop = map_next(&h->map, &at))) {
		bool is_due = hop->is_probed && hop->state == HOP_POOR && !hop->is_probing && now_ms >= hop->probe_ms;
		if (is_over(hop, now_ms) && n_over < sizeof over / sizeof over[0])
			over[n_over++] = hop;
		else if (is_due && n < room)
			out[n++] = hop;
	}
	for (size_t i = 0; i < n; i++)
		out[i]->is_probing = true;
	for (size_t i = 0; i < n_over; i++)
		forget(h, over[i]);
	return n;
}

size_t hops_order(struct hops *h, struct sip_place *v, size_t n, uint64_t now_ms)
{
	size_t n_good = 0, n_kept = 0;

	if (!h->map.count)
		return n;
	for (size_t i = 0; i < n; i++) {
		enum hop_state state = hops_state(h, &v[i], now_ms);
		if (state == HOP_HELD)
			continue;
		struct sip_place p = v[i];
		size_t at = state == HOP_GOOD ? n_good : n_kept;
		memmove(&v[at + 1], &v[at], (n_kept - at) * sizeof v[0]);
		v[at] = p;
		n_good += state == HOP_GOOD;
		n_kept++;
	}
	return n_kept;
}
