#include "way.h"

#include <stdlib.h>

static struct bytes key_of(const struct sip_source *from, uint8_t out[static WAY_KEY_MAX])
{
	size_t n = 1;

	out[0] = from->flow ? 0 : (uint8_t)from->addr.any.sa_family;
	if (from->flow) {
		memcpy(out + n, &from->flow, sizeof from->flow);
		return bytes_make(out, n + sizeof from->flow);
	}
	uint16_t port = sip_sockaddr_port(&from->addr);
	memcpy(out + n, &port, sizeof port);
	n += sizeof port;
	out[n++] = (uint8_t)from->transport;
	if (from->addr.any.sa_family == AF_INET) {
		memcpy(out + n, &from->addr.v4.sin_addr, 4);
		return bytes_make(out, n + 4);
	}
	memcpy(out + n, &from->addr.v6.sin6_addr, 16);
	return bytes_make(out, n + 16);
}

bool way_is_same(const struct sip_source *a, const struct sip_source *b)
{
	uint8_t ka[WAY_KEY_MAX], kb[WAY_KEY_MAX];

	return bytes_eq(key_of(a, ka), key_of(b, kb));
}

struct way *way_of(const struct map *ways, const struct sip_source *from)
{
	uint8_t key[WAY_KEY_MAX];

	return map_get(ways, key_of(from, key));
}

struct way *way_take(struct map *ways, const struct sip_source *from, uint64_t now_ms)
{
	struct way *w = way_of(ways, from);

	if (!w) {
		w = calloc(1, sizeof *w);
		if (!w)
			return NULL;
		w->key_n = (uint8_t)key_of(from, w->key).n;
		if (map_add(ways, bytes_make(w->key, w->key_n), w)) {
			free(w);
			return NULL;
		}
	}
	w->n++;
	w->heard_ms = now_ms;
	return w;
}

void way_give(struct map *ways, struct way *w)
{
	if (!w || --w->n)
		return;
	map_del(ways, bytes_make(w->key, w->key_n));
	free(w);
}

bool way_may_tell(struct way *w, uint64_t now_ms)
{
	if (w->told_ms && now_ms - w->told_ms < WAY_TOLD_MS)
		return false;
	w->told_ms = now_ms;
	return true;
}
