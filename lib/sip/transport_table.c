#include "sip/transport_impl.h"

#include <stdlib.h>

#include "base/err.h"

enum { KEYS_MAX = 16 }; /* places that one connection may be the way to */

struct place_key {
	struct list node;
	struct sipconn *conn;
	size_t n;
	uint8_t bytes[];
};

struct sipconn *siptable_flow(const struct siptransports *t, uint64_t flow)
{
	struct sipconn *c = map_get_u64(&t->flows, flow);

	return c && c->state != SIPCONN_ENDING ? c : NULL;
}

struct sipconn *siptable_place(struct siptransports *t, const struct sip_place *p)
{
	uint8_t key[SIP_PLACE_KEY_MAX];
	struct place_key *k = map_get(&t->places, sip_place_key(p, key));

	return k ? k->conn : NULL;
}

int siptable_add(struct sipconn *c)
{
	struct siptransports *t = c->t;
	int rc = map_add_u64(&t->flows, t->next_flow, c);

	if (rc)
		return rc;
	c->source.flow = t->next_flow++;
	list_add_tail(&t->conns, &c->node);
	return 0;
}

int siptable_add_place(struct sipconn *c, const struct sip_place *p)
{
	uint8_t bytes[SIP_PLACE_KEY_MAX];
	struct bytes key = sip_place_key(p, bytes);

	if (c->n_keys >= KEYS_MAX)
		return ERR_FULL;
	struct place_key *k = malloc(sizeof *k + key.n);
	if (!k)
		return ERR_NOMEM;
	*k = (struct place_key){ .conn = c, .n = key.n };
	memcpy(k->bytes, key.p, key.n);
	int rc = map_add(&c->t->places, bytes_make(k->bytes, k->n), k);
	if (rc) {
		free(k);
		return rc;
	}
	list_add_tail(&c->keys, &k->node);
	c->n_keys++;
	return 0;
}

void siptable_del_places(struct sipconn *c)
{
	LIST_EACH(node, &c->keys) {
		struct place_key *k = LIST_OWNER(node, struct place_key, node);
		(void)map_del(&c->t->places, bytes_make(k->bytes, k->n)); /* it is there */
		list_del(node);
		free(k);
	}
	c->n_keys = 0;
}

void siptable_del(struct sipconn *c)
{
	siptable_del_places(c);
	(void)map_del_u64(&c->t->flows, c->source.flow); /* it is there, or was never added */
	list_del(&c->node);
}
