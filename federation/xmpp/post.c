#include "post.h"

#include "base/err.h"
#include "bounce.h"
#include "handover.h"
#include "pair.h"
#include "proto/jid.h"
#include "sender.h"
#include "trouble.h"

/* Does a stanza of this pair mean an attempt to reach its domain? */
static bool needs_attempt(struct s2s *s, struct bytes local, struct bytes remote)
{
	struct peer *peer = map_get(&s->peers, remote);
	struct pair *p = peer ? peer_find_pair(peer, local) : NULL;

	return !p || (!p->queue.n && !conn_find(s, p->conn));
}

static bool may_attempt(struct s2s *s, const struct jid *from, struct bytes remote)
{
	uint32_t held;

	if (sender_take(&s->senders, jid_bare(from), s->conf.user_attempts, loop_now(s->loop), &held))
		return true;
	s->counts[STAT_OUT_USER_LIMITED]++;
	if (held != UINT32_MAX)
		log_warn("s2s.user-limited", LOG_BYTES("user", jid_bare(from)), LOG_BYTES("domain", remote),
		         LOG_STR("advice", "many new partners at once: see federation user-attempts"),
		         LOG_INT("held", held));
	return false;
}

void post_queue(struct s2s *s, const struct envelope *e)
{
	struct jid from = jid_of_normal(e->from), to = jid_of_normal(e->to);
	struct bytes local = jid_domain(&from), remote = jid_domain(&to);
	struct policy_rule rule = policy_for(&s->conf.policy, remote);
	struct pair *p;
	int rc;

	if (conf_domain(&s->conf, remote) || !conf_domain(&s->conf, local)) {
		bounce_envelope(s, e, RUNG_POLICY, ERR_NOT_FOUND, "not between a domain here and one elsewhere");
		return;
	}
	if (!rule.is_allowed) {
		bounce_envelope(s, e, RUNG_POLICY, ERR_DENIED, rule.why);
		return;
	}
	if (needs_attempt(s, local, remote) && !may_attempt(s, &from, remote)) {
		bounce_envelope(s, e, RUNG_QUEUE, ERR_LIMIT, "too many new partners at once");
		return;
	}
	p = pair_of(s, local, remote);
	rc = p ? queue_put(&p->queue, &s->conf, e, loop_now(s->loop)) : ERR_NOMEM;
	if (rc < 0) {
		s->counts[STAT_QUEUE_FULL]++;
		if (p)
			trouble_queue_full(s, p);
		bounce_envelope(s, e, RUNG_QUEUE, rc, NULL);
		return;
	}
	if (e->id) {
		struct queue_item *i = LIST_OWNER(p->queue.items.prev, struct queue_item, node);
		if (map_add_u64(&s->outgoing, e->id, i) < 0)
			log_warn("s2s.route", LOG_ID("trace", e->trace), LOG_STR("reason", "nomem"));
	}
	p->peer->used_ms = loop_now(s->loop);
	pair_go(s, p);
}

int post_route(void *program, struct chan *from, const struct frame *f)
{
	struct s2s *s = program;
	struct envelope e;
	int rc = envelope_decode(f->body, &e);

	(void)from;
	if (rc < 0)
		return rc;
	if (!e.from.n || !e.to.n || e.kind >= STANZA_KIND_COUNT)
		return ERR_SYNTAX;
	if (!handover_is_repeat(s, e.id))
		post_queue(s, &e);
	return 0;
}

static void pair_tick(struct s2s *s, struct pair *p)
{
	uint64_t now = loop_now(s->loop);
	struct reason old = { 0 };
	struct queue_item *i;

	reason_set(&old, RUNG_QUEUE, ERR_TIMEOUT, rung_name(p->peer->last.rung));
	while ((i = queue_take_old(&p->queue, &s->conf, now))) {
		s->counts[STAT_QUEUE_OLD]++;
		/* the last failure says more than "too old", if there was one while it waited */
		bool has_cause = p->peer->last.rung != RUNG_NONE && p->peer->last_ms >= i->queued_ms;
		bounce_item(s, p, i, has_cause ? &p->peer->last : &old);
		if (p->is_asked) { /* no answer about this pair on another's stream */
			p->is_asked = false;
			p->is_alone = true;
		}
	}
	trouble_queue_tick(s, p);
	if (p->queue.n)
		pair_go(s, p);
}

void post_tick(struct s2s *s)
{
	size_t at = 0;
	struct peer *peer;

	while ((peer = map_next(&s->peers, &at)))
		LIST_EACH(it, &peer->pairs)
			pair_tick(s, LIST_OWNER(it, struct pair, node));
	handover_tick(s);
}
