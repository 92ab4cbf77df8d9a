#include "queue.h"

#include <stdlib.h>

#include "base/err.h"

void queue_init(struct queue *q)
{
	list_init(&q->items);
	q->n = 0;
	q->bytes = 0;
}

static struct bytes put_part(uint8_t **at, struct bytes v)
{
	struct bytes copy = { *at, v.n };

	if (v.n)
		memcpy(*at, v.p, v.n);
	*at += v.n;
	return copy;
}

static struct queue_item *item_new(const struct envelope *e, uint64_t now_ms)
{
	size_t n = e->from.n + e->to.n + e->sid.n + e->stanza.n;
	struct queue_item *i = calloc(1, sizeof *i + n);
	uint8_t *at;

	if (!i)
		return NULL;
	i->id = e->id;
	i->trace = e->trace;
	i->queued_ms = now_ms;
	i->kind = e->kind;
	i->type = e->type;
	i->bytes_n = (uint32_t)(sizeof *i + n);
	at = i->data;
	i->from = put_part(&at, e->from);
	i->to = put_part(&at, e->to);
	i->sid = put_part(&at, e->sid);
	i->stanza = put_part(&at, e->stanza);
	return i;
}

int queue_put(struct queue *q, const struct s2s_conf *c, const struct envelope *e, uint64_t now_ms)
{
	struct queue_item *i;

	if (q->n >= c->queue_stanzas || q->bytes + e->stanza.n > c->queue_bytes)
		return ERR_FULL;
	i = item_new(e, now_ms);
	if (!i)
		return ERR_NOMEM;
	list_add_tail(&q->items, &i->node);
	q->n++;
	q->bytes += i->bytes_n;
	return 0;
}

static struct queue_item *unlink_item(struct queue *q, struct queue_item *i)
{
	list_del(&i->node);
	q->n--;
	q->bytes -= i->bytes_n;
	return i;
}

static struct queue_item *first(struct queue *q)
{
	return list_is_empty(&q->items) ? NULL : LIST_OWNER(q->items.next, struct queue_item, node);
}

struct queue_item *queue_take(struct queue *q)
{
	struct queue_item *i = first(q);

	return i ? unlink_item(q, i) : NULL;
}

void queue_put_back(struct queue *q, struct queue_item *i)
{
	list_add_head(&q->items, &i->node);
	q->n++;
	q->bytes += i->bytes_n;
}

struct queue_item *queue_take_old(struct queue *q, const struct s2s_conf *c, uint64_t now_ms)
{
	struct queue_item *i = first(q);

	return i && now_ms >= i->queued_ms + c->queue_age_ms ? unlink_item(q, i) : NULL;
}

struct queue_item *queue_take_kind(struct queue *q, unsigned kind)
{
	LIST_EACH(it, &q->items) {
		struct queue_item *i = LIST_OWNER(it, struct queue_item, node);
		if (i->kind == kind)
			return unlink_item(q, i);
	}
	return NULL;
}

void queue_item_free(struct queue_item *i)
{
	free(i);
}
