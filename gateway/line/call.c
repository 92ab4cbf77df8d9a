#include "call_impl.h"

#include <stdlib.h>

struct call *call_of(const struct line *l, const struct sipmsg *m)
{
	return map_get(&l->calls, sipmsg_value(m, SIPH_CALL_ID, 0));
}

void call_free(struct call *c)
{
	struct line *l = c->line;

	loop_timer_del(l->loop, &c->ringing);
	for (unsigned i = 0; i < c->n; i++)
		if (c->branches[i].t)
			sipclient_drop(c->branches[i].t);
	map_del(&l->calls, bytes_make(c->id, c->id_n));
	list_del(&c->node);
	sipmsg_free(c->m);
	sipmsg_free(c->best);
	free(c);
}

/* A call, and not a chat session, which gh-xlate makes. */
static bool is_audio(const struct sipmsg *m)
{
	static const char chat[] = "m=message";
	struct bytes body = sipmsg_body(m);

	return !body.n || !memmem(body.p, body.n, chat, sizeof chat - 1);
}

static bool invite(struct request *r, const struct binding *b)
{
	struct line *l = r->line;
	struct jid to;

	if (!is_audio(r->m))
		return false;
	if (line_account(l, sipmsg_uri(r->m), &to) || !line_is_hosted(l, jid_domain(&to))) {
		line_stats[STAT_CALLS_REFUSED]++;
		request_refuse(r, 404, "Calls Do Not Leave This Server", NULL);
	} else if (call_of(l, r->m)) {
		request_refuse(r, 482, NULL, "call-id-in-use");
	} else if (l->calls.count >= (size_t)settings_int(l->settings, SET_LINE_CALLS)) {
		line_stats[STAT_CALLS_REFUSED]++;
		request_refuse(r, 503, NULL, "calls-max");
	} else if (!call_take_hop(r->m)) {
		request_refuse(r, 483, NULL, "too-many-hops");
	} else if (!location_count(&l->location, jid_bare(&to))) {
		request_refuse(r, 480, NULL, NULL);
	} else {
		call_begin(r, b, &to);
	}
	return true;
}

bool call_request(struct request *r, const struct binding *b)
{
	struct call *c = call_of(r->line, r->m);

	if (c && call_tag(r->m, SIPH_TO).n) {
		call_inside(c, r, b);
		return true;
	}
	if (sipmsg_method(r->m) == SIPM_INVITE && r->t && !call_tag(r->m, SIPH_TO).n)
		return invite(r, b);
	return false;
}

void call_stray(struct line *l, struct sipmsg *m)
{
	struct call *c = call_of(l, m);

	if (!c)
		return;
	const struct binding *b = location_of_reg(&l->location, c->caller);
	bool is_there = !b || binding_flow_from(b, &c->caller_from); /* the way that the INVITE came */
	(void)sipendpoint_pass_response(l->sip, is_there ? &c->caller_from : &b->flows[0].from, m); /* lost: the callee says it again */
}

static bool is_in(const struct call *c, uint64_t reg)
{
	if (c->caller == reg)
		return true;
	for (unsigned i = 0; i < c->n; i++)
		if (c->branches[i].reg == reg && (c->branches[i].t || c->branches[i].status / 100 == 2))
			return true;
	return false;
}

bool call_is_talking(const struct line *l, uint64_t reg)
{
	LIST_EACH (it, &l->call_order) {
		const struct call *c = LIST_OWNER(it, struct call, node);
		if (!c->is_over && is_in(c, reg))
			return true;
	}
	return false;
}

void call_second(struct line *l, uint64_t now_ms)
{
	LIST_EACH (it, &l->call_order) {
		struct call *c = LIST_OWNER(it, struct call, node);
		if (c->due_ms > now_ms || c->t)
			continue;
		call_free(c);
	}
}
