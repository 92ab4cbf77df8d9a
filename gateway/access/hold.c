#include "hold.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"

struct held {
	struct bytes sender; /* inside stanza; empty: never coalesced */
	size_t n;
	uint8_t stanza[];
};

struct hold {
	struct held *items[HOLD_STANZAS_MAX]; /* NULL: replaced by a later one */
	size_t n_items, n_live, n_bytes;
	struct map by_sender; /* to the place in items */
};

/* Value of an attribute in the start tag of a stanza in neutral form (written by stanza_write:
 * one space before each name, single quotes). Empty when it is not there. */
static struct bytes start_attr(struct bytes stanza, struct bytes name)
{
	size_t end = bytes_find(stanza, '>');
	const uint8_t *at = memmem(stanza.p, end, name.p, name.n);

	if (!at)
		return BYTES_NONE;
	struct bytes rest = bytes_skip((struct bytes){ stanza.p, end }, (size_t)(at - stanza.p) + name.n);
	return (struct bytes){ rest.p, bytes_find(rest, '\'') };
}

static bool is_plain_presence(struct bytes stanza)
{
	if (!bytes_starts(stanza, BYTES("<presence")))
		return false;
	struct bytes type = start_attr(stanza, BYTES(" type='"));
	return type.n == 0 || bytes_eq(type, BYTES("unavailable"));
}

bool hold_can_wait(struct bytes stanza)
{
	return is_plain_presence(stanza) || bytes_starts(stanza, BYTES("<message"));
}

struct hold *hold_new(void)
{
	return calloc(1, sizeof(struct hold));
}

void hold_free(struct hold *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_items; i++)
		free(h->items[i]);
	map_fini(&h->by_sender);
	free(h);
}

static void drop_earlier(struct hold *h, struct bytes sender)
{
	struct held **place = map_del(&h->by_sender, sender);

	if (!place)
		return;
	h->n_bytes -= (*place)->n;
	h->n_live--;
	free(*place);
	*place = NULL;
}

/* Moves the live ones together. */
static void compact(struct hold *h)
{
	size_t n = 0;

	map_fini(&h->by_sender);
	for (size_t i = 0; i < h->n_items; i++) {
		if (!h->items[i])
			continue;
		h->items[n] = h->items[i];
		if (h->items[n]->sender.n)
			/* without memory it is merely not coalesced */
			(void)map_add(&h->by_sender, h->items[n]->sender, &h->items[n]);
		n++;
	}
	h->n_items = n;
}

int hold_put(struct hold *h, struct bytes stanza, bool may_coalesce)
{
	struct bytes from = BYTES_NONE;

	if (may_coalesce && is_plain_presence(stanza)) {
		from = start_attr(stanza, BYTES(" from='"));
		drop_earlier(h, from);
	}
	if (h->n_live == HOLD_STANZAS_MAX || h->n_bytes + stanza.n > HOLD_BYTES_MAX)
		return ERR_FULL;
	if (h->n_items == HOLD_STANZAS_MAX)
		compact(h);
	struct held *it = malloc(sizeof *it + stanza.n);
	if (!it)
		return ERR_NOMEM;
	memcpy(it->stanza, stanza.p, stanza.n);
	it->n = stanza.n;
	it->sender = from.n ? (struct bytes){ it->stanza + (from.p - stanza.p), from.n } : BYTES_NONE;
	h->items[h->n_items] = it;
	if (from.n)
		(void)map_add(&h->by_sender, it->sender, &h->items[h->n_items]); /* as above */
	h->n_items++;
	h->n_live++;
	h->n_bytes += stanza.n;
	return 0;
}

void hold_release(struct hold *h, struct buf *b)
{
	for (size_t i = 0; i < h->n_items; i++) {
		if (!h->items[i])
			continue;
		buf_put(b, h->items[i]->stanza, h->items[i]->n);
		free(h->items[i]);
	}
	map_fini(&h->by_sender);
	h->n_items = h->n_live = h->n_bytes = 0;
}

size_t hold_count(const struct hold *h)
{
	return h ? h->n_live : 0;
}
