#include "held.h"

#include <stdlib.h>

#include "gsip.h"

static void keep(struct gsip *g, struct held *h, struct sipmsg *m)
{
	h->m = m;
	h->since_ms = loop_now(g->loop);
	list_add_tail(&g->held, &h->node);
}

void held_init(struct gsip *g, struct held *h, struct sipmsg *m)
{
	*h = (struct held){ .m = NULL };
	keep(g, h, m);
	g->n_held++;
}

static void forget(struct held *h)
{
	list_del(&h->node);
	sipmsg_free(h->m);
	free(h->text);
	h->m = NULL;
	h->text = NULL;
}

void held_fini(struct gsip *g, struct held *h)
{
	forget(h);
	g->n_held--;
}

struct sipmsg *held_message(struct gsip *g, struct held *h)
{
	struct sipmsg *m = NULL;

	if (!h->m && h->text && sipmsg_parse_inside(bytes_make(h->text, h->n), &m) == 0) {
		forget(h);
		keep(g, h, m);
	}
	return h->m;
}

void held_lend(struct held *h)
{
	forget(h);
}

void held_take_back(struct gsip *g, struct held *h, const struct sipclient *c)
{
	struct sipmsg *m = h->m || h->text ? NULL : sipclient_request(c);

	if (m)
		keep(g, h, m);
}

static void pack(struct held *h)
{
	struct buf b;

	buf_init(&b, SIPMSG_MAX_BYTES * 2);
	uint8_t *text = NULL;
	if (!h->text && sipmsg_print(h->m, &b) == 0 && !buf_failed(&b) && (text = malloc(buf_len(&b)))) {
		h->n = (uint32_t)buf_len(&b);
		memcpy(text, buf_bytes(&b).p, h->n);
		h->text = text;
	}
	buf_fini(&b);
	if (!h->text)
		return; /* no memory for the smaller form: it stays as it is */
	sipmsg_free(h->m);
	h->m = NULL;
}

/* What is packed leaves the list, so each is looked at once. */
void held_pack(struct gsip *g)
{
	uint64_t now = loop_now(g->loop);

	LIST_EACH(it, &g->held) {
		struct held *h = LIST_OWNER(it, struct held, node);
		if (now < h->since_ms + HELD_PARSED_MS)
			return;
		list_del(&h->node);
		pack(h);
	}
}
