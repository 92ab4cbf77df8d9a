#include "hail.h"

#include <stdlib.h>

#include "base/err.h"
#include "pair.h"

static void hail_free(struct hail *h)
{
	list_del(&h->node);
	free(h->local);
	free(h->remote);
	free(h->id);
	free(h->key);
	free(h);
}

void hail_free_all(struct peer *p)
{
	LIST_EACH(it, &p->verifies)
		hail_free(LIST_OWNER(it, struct hail, node));
}

static char *copy(struct bytes v)
{
	return strndup(v.n ? (const char *)v.p : "", v.n);
}

static struct hail *hail_new(struct peer *p, uint64_t from_conn, const struct stream_act *a)
{
	struct hail *h = calloc(1, sizeof *h);
	unsigned n = 0;

	if (!h)
		return NULL;
	LIST_EACH(it, &p->verifies)
		n++;
	*h = (struct hail){ .from_conn = from_conn, .local = copy(a->local), .remote = copy(a->remote),
		            .id = copy(a->id), .key = copy(a->key) };
	list_add_tail(&p->verifies, &h->node);
	if (n >= HAIL_PER_PEER_MAX || !h->local || !h->remote || !h->id || !h->key) {
		hail_free(h);
		return NULL;
	}
	return h;
}

/* The asker hears; it may be gone. */
static void finish(struct s2s *s, struct hail *h, int rc)
{
	struct conn *asker = conn_find(s, h->from_conn);

	list_del(&h->node); /* the answer may lead back here */
	if (asker)
		conn_verdict(asker, bytes_of(h->local), bytes_of(h->remote), rc);
	hail_free(h);
}

void hail_ask(struct conn *c, const struct stream_act *a)
{
	struct s2s *s = c->s2s;
	struct peer *p = s2s_peer(s, a->remote);
	struct hail *h = p ? hail_new(p, c->id, a) : NULL;
	size_t at = 0;
	struct conn *o;

	s->counts[STAT_VERIFY_ASKED]++;
	if (!h) {
		conn_verdict(c, a->local, a->remote, ERR_FULL);
		return;
	}
	while ((o = map_next(&s->conns, &at))) {
		if (!o->is_out || o->is_gone || !stream_may_verify(&o->stream) ||
		    strcmp(o->stream.remote, p->domain) != 0)
			continue;
		hail_send(o);
		return;
	}
	pair_dial_verify(s, p, h->local);
}

void hail_send(struct conn *c)
{
	struct peer *p = s2s_find_peer(c->s2s, bytes_of(c->stream.remote));

	if (!p)
		return;
	LIST_EACH(it, &p->verifies) {
		struct hail *h = LIST_OWNER(it, struct hail, node);
		if (h->on_conn)
			continue;
		if (conn_verify(c, bytes_of(h->local), bytes_of(h->remote), bytes_of(h->id), bytes_of(h->key)) == 0)
			h->on_conn = c->id;
	}
}

void hail_answer(struct conn *c, const struct stream_act *a)
{
	struct peer *p = s2s_find_peer(c->s2s, a->remote);

	if (!p)
		return;
	LIST_EACH(it, &p->verifies) {
		struct hail *h = LIST_OWNER(it, struct hail, node);
		if (h->on_conn != c->id || !bytes_eq_str(a->local, h->local) || !bytes_eq_str(a->id, h->id))
			continue;
		finish(c->s2s, h, a->rc);
		return;
	}
}

/* The next question that the end of a connection (by id; 0: none) leaves without an answer. */
static struct hail *next_lost(struct peer *p, uint64_t conn, bool is_waiting_lost)
{
	LIST_EACH(it, &p->verifies) {
		struct hail *h = LIST_OWNER(it, struct hail, node);
		if ((conn && h->on_conn == conn) || (!h->on_conn && is_waiting_lost))
			return h;
	}
	return NULL;
}

void hail_lost(struct conn *c, int rc)
{
	struct peer *p = s2s_find_peer(c->s2s, bytes_of(c->stream.remote));
	struct hail *h;

	/* An answer may change the list, so it is looked at anew each time. */
	while (p && (h = next_lost(p, c->id, !c->was_ready && rc != 0)))
		finish(c->s2s, h, rc ? rc : ERR_CLOSED);
}

void hail_refuse(struct s2s *s, struct peer *p, int rc)
{
	struct hail *h;

	while ((h = next_lost(p, 0, true)))
		finish(s, h, rc);
}
