#include "proto/hold.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"
#include "proto/xmpp.h"

/* What only the last one of a sender counts of. */
enum kind { PRESENCE, CHAT_STATE, KIND_COUNT };

struct held {
	struct bytes sender; /* inside stanza; empty: never coalesced */
	enum kind kind;
	size_t n;
	uint8_t stanza[];
};

struct hold {
	struct held *items[HOLD_STANZAS_MAX]; /* NULL: replaced by a later one */
	size_t n_items, n_live, n_bytes, n_saved;
	struct map by_sender[KIND_COUNT]; /* to the place in items */
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

/* Nothing in it but a chat state (XEP-0085). */
static bool is_chat_state(struct bytes stanza)
{
	static const char *const states[] = { "active", "composing", "paused", "inactive", "gone" };
	static const char rest[] = " xmlns='" NS_CHATSTATES "'/></message>";
	struct bytes inner = bytes_skip(stanza, bytes_find(stanza, '>') + 1);

	if (!bytes_starts(stanza, BYTES("<message")) || inner.n < sizeof rest)
		return false;
	struct bytes name = bytes_make(inner.p + 1, inner.n - sizeof rest);
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		if (bytes_eq_str(name, states[i]))
			return inner.p[0] == '<' && bytes_eq_str(bytes_skip(inner, 1 + name.n), rest);
	return false;
}

static bool has_last(struct bytes stanza, enum kind *out)
{
	*out = is_plain_presence(stanza) ? PRESENCE : CHAT_STATE;
	return *out == PRESENCE || is_chat_state(stanza);
}

static void forget_senders(struct hold *h)
{
	for (int k = 0; k < KIND_COUNT; k++)
		map_fini(&h->by_sender[k]);
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
	forget_senders(h);
	free(h);
}

static void drop_earlier(struct hold *h, enum kind kind, struct bytes sender)
{
	struct held **place = map_del(&h->by_sender[kind], sender);

	if (!place)
		return;
	h->n_bytes -= (*place)->n;
	h->n_saved += (*place)->n;
	h->n_live--;
	free(*place);
	*place = NULL;
}

/* Moves the live ones together. */
static void compact(struct hold *h)
{
	size_t n = 0;

	forget_senders(h);
	for (size_t i = 0; i < h->n_items; i++) {
		if (!h->items[i])
			continue;
		h->items[n] = h->items[i];
		if (h->items[n]->sender.n)
			/* without memory it is merely not coalesced */
			(void)map_add(&h->by_sender[h->items[n]->kind], h->items[n]->sender, &h->items[n]);
		n++;
	}
	h->n_items = n;
}

int hold_put(struct hold *h, struct bytes stanza, bool may_coalesce)
{
	struct bytes from = BYTES_NONE;
	enum kind kind = PRESENCE;

	if (may_coalesce && has_last(stanza, &kind)) {
		from = start_attr(stanza, BYTES(" from='"));
		drop_earlier(h, kind, from);
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
	it->kind = kind;
	it->sender = from.n ? (struct bytes){ it->stanza + (from.p - stanza.p), from.n } : BYTES_NONE;
	h->items[h->n_items] = it;
	if (from.n)
		(void)map_add(&h->by_sender[kind], it->sender, &h->items[h->n_items]); /* as above */
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
	forget_senders(h);
	h->n_items = h->n_live = h->n_bytes = 0;
}

void hold_each(const struct hold *h, void (*fn)(void *arg, struct bytes stanza), void *arg)
{
	for (size_t i = 0; i < h->n_items; i++)
		if (h->items[i])
			fn(arg, bytes_make(h->items[i]->stanza, h->items[i]->n));
}

size_t hold_take_saved(struct hold *h)
{
	size_t n = h->n_saved;

	h->n_saved = 0;
	return n;
}

size_t hold_count(const struct hold *h)
{
	return h ? h->n_live : 0;
}
