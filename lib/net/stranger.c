#include "net/stranger.h"

#include "base/rate.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_BYTES = 9, HEAR_MS = 1000 };

struct stranger {
	struct list node;
	struct rate rate;
	uint32_t failures;
	uint64_t failed_ms, until_ms, told_ms;
	uint8_t key[KEY_BYTES];
};

/* family, then IPv4 or the /64 of IPv6: whoever has one address of it has all. */
static struct bytes key_of(const struct sockaddr *from, uint8_t out[static KEY_BYTES])
{
	struct peer_address a;

	peer_address_of(from, &a);
	memset(out, 0, KEY_BYTES);
	out[0] = a.family;
	memcpy(out + 1, a.bytes, a.family == 4 ? 4 : 8);
	return bytes_make(out, KEY_BYTES);
}

void strangers_init(struct strangers *s)
{
	*s = (struct strangers){ .rate_per_s = 0 };
	list_init(&s->order);
}

static void forget(struct strangers *s, struct stranger *a)
{
	map_del(&s->map, bytes_make(a->key, KEY_BYTES));
	list_del(&a->node);
	free(a);
}

void strangers_fini(struct strangers *s)
{
	while (!list_is_empty(&s->order))
		forget(s, LIST_OWNER(s->order.next, struct stranger, node));
	map_fini(&s->map);
}

static struct stranger *stranger_of(struct strangers *s, const struct sockaddr *from, uint64_t now_ms)
{
	uint8_t key[KEY_BYTES];
	struct stranger *a = map_get(&s->map, key_of(from, key));

	if (!a) {
		if (s->map.count >= STRANGERS_MAX)
			forget(s, LIST_OWNER(s->order.next, struct stranger, node));
		a = calloc(1, sizeof *a);
		if (!a)
			return NULL;
		memcpy(a->key, key, KEY_BYTES);
		if (map_add(&s->map, bytes_make(a->key, KEY_BYTES), a)) {
			free(a);
			return NULL;
		}
		rate_init(&a->rate, s->rate_per_s, s->rate_per_s * 2, now_ms);
	}
	list_del(&a->node);
	list_add_tail(&s->order, &a->node);
	if (a->rate.per_s != s->rate_per_s) /* the setting has changed */
		rate_init(&a->rate, s->rate_per_s, s->rate_per_s * 2, now_ms);
	return a;
}

enum stranger_verdict stranger_asks(struct strangers *s, const struct sockaddr *from, uint64_t now_ms)
{
	struct stranger *a = stranger_of(s, from, now_ms);

	if (!a)
		return STRANGER_TOO_FAST; /* no memory */
	if (a->until_ms > now_ms)
		return STRANGER_PENALTY;
	return !s->rate_per_s || rate_take(&a->rate, 1, now_ms) ? STRANGER_WELCOME : STRANGER_TOO_FAST;
}

bool stranger_may_hear(struct strangers *s, const struct sockaddr *from, uint64_t now_ms)
{
	struct stranger *a = stranger_of(s, from, now_ms);

	if (!a || (a->told_ms && now_ms - a->told_ms < HEAR_MS))
		return false;
	a->told_ms = now_ms;
	return true;
}

bool stranger_failed(struct strangers *s, const struct sockaddr *from, uint64_t now_ms)
{
	struct stranger *a = stranger_of(s, from, now_ms);

	if (!a || !s->tries)
		return false;
	if (now_ms - a->failed_ms > STRANGER_MEMORY_MS)
		a->failures = 0;
	a->failed_ms = now_ms;
	if (++a->failures < s->tries)
		return false;
	a->failures = 0;
	a->until_ms = now_ms + s->penalty_ms;
	return true;
}

void stranger_proved(struct strangers *s, const struct sockaddr *from)
{
	uint8_t key[KEY_BYTES];
	struct stranger *a = map_get(&s->map, key_of(from, key));

	if (a)
		a->failures = 0;
}

bool stranger_is_out(const struct strangers *s, const struct sockaddr *from, uint64_t now_ms)
{
	uint8_t key[KEY_BYTES];
	const struct stranger *a = map_get(&s->map, key_of(from, key));

	return a && a->until_ms > now_ms;
}

static struct peer_address address_of(const struct stranger *a)
{
	struct peer_address p = { .family = a->key[0] };

	memcpy(p.bytes, a->key + 1, a->key[0] == 4 ? 4 : 8);
	return p;
}

bool strangers_next_out(const struct strangers *s, size_t *at, uint64_t now_ms, char text[static STRANGER_TEXT_BYTES], uint64_t *until_ms)
{
	char name[PEER_TEXT_BYTES];

	for (const struct stranger *a; (a = map_next(&s->map, at));) {
		if (a->until_ms <= now_ms)
			continue;
		struct peer_address p = address_of(a);
		peer_address_text(&p, name);
		snprintf(text, STRANGER_TEXT_BYTES, p.family == 6 ? "%s/64" : "%s", name);
		*until_ms = a->until_ms;
		return true;
	}
	return false;
}

size_t strangers_pardon(struct strangers *s, const struct prefix *range, uint64_t now_ms)
{
	size_t n = 0;

	LIST_EACH (it, &s->order) {
		struct stranger *a = LIST_OWNER(it, struct stranger, node);
		struct peer_address p = address_of(a);
		uint8_t raw[16];
		if (!peer_address_raw(&p, raw) || !prefix_has(range, raw))
			continue;
		n += a->until_ms > now_ms;
		a->until_ms = 0;
		a->failures = 0;
	}
	return n;
}
