#include "call_impl.h"

#include <stdlib.h>

#include "base/err.h"
#include "flow.h"

static struct bytes domain_of(const struct binding *b)
{
	struct jid j = jid_of_normal(binding_jid(b));

	return jid_domain(&j);
}

/* ---- the caller's INVITE: answers ---- */

static void answer_caller(struct call *c, struct sipmsg *m)
{
	struct sipserver *t = c->t;

	if (!t)
		return;
	if (sipmsg_status(m) >= 200) {
		c->t = NULL;
		loop_timer_del(c->line->loop, &c->ringing);
		sipserver_set_user(t, NULL);
	}
	sipserver_respond(t, m);
}

static void refuse_caller(struct call *c, unsigned status)
{
	struct sipserver *t = c->t;

	if (!t)
		return;
	c->t = NULL;
	loop_timer_del(c->line->loop, &c->ringing);
	sipserver_set_user(t, NULL);
	sipserver_refuse(t, c->m, status, NULL);
}

static void cancel_others(struct call *c, const struct call_branch *but)
{
	for (unsigned i = 0; i < c->n; i++)
		if (&c->branches[i] != but && c->branches[i].t)
			sipclient_cancel(c->branches[i].t);
}

static bool is_ringing(const struct call *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->branches[i].t)
			return true;
	return false;
}

/* RFC 3261 16.7 6: a 6xx before all, else the lowest class. */
static bool is_better(unsigned a, unsigned b)
{
	unsigned ca = a / 100, cb = b / 100;

	return ca == 6 ? cb != 6 : cb != 6 && ca < cb;
}

static void keep_best(struct call *c, const struct sipmsg *m)
{
	if (c->best && !is_better(sipmsg_status(m), sipmsg_status(c->best)))
		return;
	struct sipmsg *copy = sipmsg_copy(m);
	if (!copy)
		return; /* then the caller hears 408 */
	sipmsg_free(c->best);
	c->best = copy;
}

/* Did one of them just say nothing? The others' flows had ended. */
static bool is_silent(const struct call *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->branches[i].status == 408)
			return true;
	return false;
}

/* All have said no, or nothing. */
static void conclude(struct call *c)
{
	if (is_ringing(c))
		return;
	if (c->t && c->best)
		answer_caller(c, c->best);
	else
		refuse_caller(c, is_silent(c) ? 408 : 480);
	if (!c->is_answered)
		call_free(c);
}

static void on_branch_failed(void *arg, int rc, const char *words);

static void on_branch_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	struct call_branch *b = arg;
	struct call *c = b->call;
	unsigned status = sipmsg_status(m);
	struct bytes tag = call_tag(m, SIPH_TO);

	(void)from;
	if (status == FLOW_FAILED) {
		on_branch_failed(b, ERR_CLOSED, "430 Flow Failed");
		return;
	}
	b->status = status;
	if (status >= 200)
		b->t = NULL;
	if (tag.n && tag.n < CALL_TAG_MAX) {
		memcpy(b->tag, tag.p, tag.n);
		b->tag[tag.n] = '\0';
	}
	sipmsg_remove(m, SIPH_VIA, 0);
	if (status < 200) {
		answer_caller(c, m);
	} else if (status < 300) {
		c->is_answered = true;
		if (c->t)
			answer_caller(c, m);
		else
			call_stray(c->line, m); /* RFC 3261 16.7 5: each 2xx */
		cancel_others(c, b);
	} else {
		keep_best(c, m);
		if (status >= 600)
			cancel_others(c, b);
		conclude(c);
	}
}

static int ring_on(struct call_branch *br, struct binding *b);

/* RFC 5626 6: the way has failed; the client's next one is tried. */
static void on_branch_failed(void *arg, int rc, const char *words)
{
	struct call_branch *b = arg;
	struct call *c = b->call;
	struct binding *to = location_of_reg(&c->line->location, b->reg);

	(void)words;
	b->t = NULL;
	if (to)
		to = location_way_lost(&c->line->location, to, &b->way);
	if (to && c->t && ring_on(b, to) == 0) {
		line_stats[STAT_NEXT_FLOW]++;
		return;
	}
	b->status = rc == ERR_TIMEOUT ? 408 : 480;
	conclude(c);
}

static const struct sipclient_owner branch_owner = { on_branch_response, on_branch_failed };

static void on_call_cancelled(struct waiting *w)
{
	struct call *c = (struct call *)w;

	refuse_caller(c, 487);
	cancel_others(c, NULL);
}

/* RFC 3261 16.8: timer C. */
static void on_ringing_over(void *arg)
{
	struct call *c = arg;

	refuse_caller(c, 408);
	cancel_others(c, NULL);
}

/* ---- the INVITE goes out ---- */

static int ring_flow(struct call_branch *br, const struct binding *b)
{
	struct call *c = br->call;
	struct line *l = c->line;
	const struct binding *caller = location_of_reg(&l->location, c->caller);
	struct sipmsg *m = sipmsg_copy(c->m);

	if (!m)
		return ERR_NOMEM;
	br->way = b->flows[0].from;
	sipmsg_set_uri(m, bytes_of(b->flows[0].contact));
	call_put_record_route(l, m, &c->caller_from, caller, domain_of(caller ? caller : b));
	call_put_record_route(l, m, &br->way, b, domain_of(b));
	int rc = call_send(l, m, &b->flows[0], &branch_owner, br, &br->t);
	sipmsg_free(m);
	return rc;
}

/* By the client's newest flow; those that have ended are passed over. ERR_CLOSED: none is left. */
static int ring_on(struct call_branch *br, struct binding *b)
{
	int rc = ERR_CLOSED;

	while (b && rc == ERR_CLOSED) {
		rc = ring_flow(br, b);
		if (rc == ERR_CLOSED)
			b = location_way_lost(&br->call->line->location, b, &br->way);
	}
	return rc;
}

static void ring(struct call *c, struct binding *b)
{
	struct call_branch *br = &c->branches[c->n];

	*br = (struct call_branch){ .call = c, .reg = b->reg };
	c->n += ring_on(br, b) == 0; /* else the others ring */
}

static struct call *call_new(struct request *r, const struct binding *caller)
{
	struct line *l = r->line;
	struct bytes id = sipmsg_value(r->m, SIPH_CALL_ID, 0);
	struct call *c = calloc(1, sizeof *c + id.n);

	if (!c)
		return NULL;
	c->waiting.cancelled = on_call_cancelled;
	c->line = l;
	c->caller = caller->reg;
	c->caller_from = r->from;
	c->due_ms = loop_now(l->loop) + CALL_LIFE_MS;
	c->id_n = id.n;
	memcpy(c->id, id.p, id.n);
	loop_timer_init(&c->ringing, on_ringing_over, c);
	if (map_add(&l->calls, bytes_make(c->id, c->id_n), c)) {
		free(c);
		return NULL;
	}
	list_add_tail(&l->call_order, &c->node);
	return c;
}

void call_begin(struct request *r, const struct binding *caller, const struct jid *to)
{
	struct line *l = r->line;
	struct call *c = call_new(r, caller);

	if (!c || loop_timer_set(l->loop, &c->ringing, CALL_RINGING_MS)) {
		if (c)
			call_free(c);
		request_refuse(r, 500, NULL, "memory");
		return;
	}
	c->m = r->m;
	r->m = NULL;
	c->t = r->t;
	sipserver_set_user(c->t, &c->waiting);
	struct sipuri u;
	struct bytes gr;
	bool is_one = sipuri_parse(sipmsg_uri(c->m), &u) == 0 && sip_param(u.params, "gr", &gr);
	struct binding *next = location_next(&l->location, jid_bare(to), NULL);
	for (struct binding *b; c->n < CALL_BRANCHES_MAX && (b = next);) {
		next = location_next(&l->location, jid_bare(to), b); /* b may go */
		if (!is_one || bytes_eq_str(gr, b->resource))
			ring(c, b);
	}
	request_free(r);
	line_stats[STAT_CALLS]++;
	if (!c->n) {
		refuse_caller(c, 480);
		call_free(c);
	}
}
