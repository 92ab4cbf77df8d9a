/* Domain pairs of a stream: who has proved what, and what may go where. */
#include "stream_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/jid.h"

struct policy_rule stream_rule(const struct stream *s, struct bytes remote)
{
	return policy_for(&s->env->conf->policy, remote);
}

struct stream_pair *stream_pair(struct stream *s, struct bytes local, struct bytes remote)
{
	LIST_EACH(it, &s->pairs) {
		struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		if (bytes_eq_str(local, p->local) && bytes_eq_str(remote, p->remote))
			return p;
	}
	return NULL;
}

struct stream_pair *stream_pair_add(struct stream *s, struct bytes local, struct bytes remote)
{
	struct stream_pair *p;

	if (s->n_pairs >= STREAM_PAIRS_MAX || s->n_pairs - s->n_proven >= STREAM_PAIRS_UNPROVEN_MAX)
		return NULL;
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->local = strndup((const char *)local.p, local.n);
	p->remote = strndup((const char *)remote.p, remote.n);
	list_add_tail(&s->pairs, &p->node);
	s->n_pairs++;
	if (!p->local || !p->remote) {
		stream_pair_del(s, p);
		return NULL;
	}
	return p;
}

void stream_pair_del(struct stream *s, struct stream_pair *p)
{
	s->n_pairs--;
	if (p->state == PAIR_PROVEN)
		s->n_proven--;
	list_del(&p->node);
	free(p->local);
	free(p->remote);
	free(p->key);
	free(p);
}

void stream_pair_prove(struct stream *s, struct stream_pair *p, const char *proof, uint64_t now_ms,
                       struct stream_out *out)
{
	struct policy_rule rule = stream_rule(s, bytes_of(p->remote));

	if (p->state != PAIR_PROVEN)
		s->n_proven++;
	p->state = PAIR_PROVEN;
	p->proof = proof;
	p->is_in = s->role == STREAM_IN || s->is_bidi;
	p->is_out = s->role == STREAM_OUT || s->is_bidi;
	free(p->key);
	p->key = NULL;
	if (s->n_proven == 1 || s->limits.stanza_bytes < rule.row->stanza_bytes)
		s->limits.stanza_bytes = rule.row->stanza_bytes;
	if (!s->ready_ms)
		s->ready_ms = now_ms;
	s->last_stanza_ms = now_ms;
	/* the first pair of a stream of ours is announced when stream management is settled */
	if (p->is_out && (s->role == STREAM_IN || s->state == SS_READY)) {
		struct stream_act *a = act_add(out, ACT_PAIR_READY);
		a->local = bytes_of(p->local);
		a->remote = bytes_of(p->remote);
	}
}

bool stream_may_send(struct stream *s, struct bytes local, struct bytes remote)
{
	struct stream_pair *p = s->state == SS_READY ? stream_pair(s, local, remote) : NULL;

	return p && p->state == PAIR_PROVEN && p->is_out;
}

bool stream_is_proven(const struct stream *s)
{
	return s->n_proven > 0;
}

bool stream_is_proven_remote(struct stream *s, struct bytes remote)
{
	LIST_EACH(it, &s->pairs) {
		const struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		if (p->state == PAIR_PROVEN && p->is_in && bytes_eq_str(remote, p->remote))
			return true;
	}
	return false;
}

int stream_read_pair(struct stream *s, const struct xml_node *n, struct bytes *from, struct bytes *to)
{
	struct bytes f, t;

	if (jid_parse_domain(xml_attr(n, "from"), s->env->arena, &f) < 0 ||
	    jid_parse_domain(xml_attr(n, "to"), s->env->arena, &t) < 0)
		return ERR_SYNTAX;
	*from = f;
	*to = t;
	return 0;
}

int stream_want_pair(struct stream *s, struct bytes local, uint64_t now_ms, struct stream_out *out)
{
	struct bytes remote = bytes_of(s->remote);
	struct stream_event ev = { .now_ms = now_ms, .out = out };
	struct stream_pair *p;

	if (s->role != STREAM_OUT)
		return ERR_BAD_STATE;
	if (s->state == SS_OUT_OPEN && bytes_eq_str(local, s->local)) {
		stream_step(s, SE_WANT_PAIR, &ev);
		return 0;
	}
	/* XEP-0220 2.6.2: further pairs only where the peer has announced dialback */
	if (s->state != SS_READY || !s->features.has_dialback)
		return ERR_BAD_STATE;
	p = stream_pair(s, local, remote);
	if (p)
		return p->state == PAIR_ASKED ? 0 : ERR_EXISTS;
	if (!stream_pair_add(s, local, remote))
		return ERR_FULL;
	stream_put_db_result(s, local, remote, out);
	return 0;
}
