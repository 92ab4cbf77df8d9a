#include "hold.h"

#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 300 << 20 }; /* gh-im has 256 MiB under way at most */

struct held {
	struct list node;
	enum prog from;
	uint32_t id;
	size_t n;
	uint8_t body[];
};

void hold_init(struct hold *h)
{
	*h = (struct hold){ 0 };
	list_init(&h->asks);
}

int hold_put(struct hold *h, struct chan *from, const struct frame *f)
{
	if (h->bytes + f->body.n > BYTES_MAX)
		return ERR_FULL;
	struct held *a = malloc(sizeof *a + f->body.n);
	if (!a)
		return ERR_NOMEM;
	a->from = chan_prog(from);
	a->id = f->id;
	a->n = f->body.n;
	memcpy(a->body, f->body.p, f->body.n);
	list_add_tail(&h->asks, &a->node);
	h->bytes += a->n;
	h->n++;
	return 0;
}

static void drop(struct hold *h, struct held *a)
{
	list_del(&a->node);
	h->bytes -= a->n;
	h->n--;
	free(a);
}

void hold_drop(struct hold *h, enum prog of)
{
	LIST_EACH (it, &h->asks) {
		struct held *a = LIST_OWNER(it, struct held, node);
		if (a->from == of)
			drop(h, a);
	}
}

void hold_play(struct hold *h, struct store *s)
{
	while (!list_is_empty(&h->asks)) {
		struct held *a = LIST_OWNER(h->asks.next, struct held, node);
		struct frame f = { .type = MSG_STORE_ASK, .id = a->id, .body = bytes_make(a->body, a->n), .fd = -1 };
		struct chan *from = bus_next(s->bus, a->from, NULL);
		if (from && store_on_ask(s, from, &f))
			die("store.held", "an ask that waited is malformed"); /* which ends its sender otherwise */
		drop(h, a);
	}
}
