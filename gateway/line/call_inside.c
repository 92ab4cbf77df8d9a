#include "call_impl.h"

#include <stdlib.h>

#include "base/err.h"
#include "flow.h"

static const char flow_failed[] = "Flow Failed";

/* A request inside the call, passed on. */
struct forward {
	struct waiting waiting;
	struct line *line;
	struct sipserver *t;
	struct sipmsg *m;
	struct sipclient *client;
	uint64_t reg;
	uint64_t aim;          /* the flow that its Route names (RFC 5626 5.3.1); 0: none */
	struct sip_source way; /* the flow that it went by */
};

static void forward_free(struct forward *f)
{
	sipmsg_free(f->m);
	free(f);
}

static void on_forward_failed(void *arg, int rc, const char *words);

static void on_forward_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	struct forward *f = arg;
	bool is_final = sipmsg_status(m) >= 200;

	(void)from;
	if (sipmsg_status(m) == FLOW_FAILED) {
		on_forward_failed(f, ERR_CLOSED, "430 Flow Failed");
		return;
	}
	sipmsg_remove(m, SIPH_VIA, 0);
	if (is_final)
		sipserver_set_user(f->t, NULL);
	sipserver_respond(f->t, m);
	if (is_final)
		forward_free(f);
}

static int forward_on(struct forward *f, struct sipmsg *m, struct binding *to);

static void on_forward_failed(void *arg, int rc, const char *words)
{
	struct forward *f = arg;
	struct binding *to = location_of_reg(&f->line->location, f->reg);

	(void)words;
	if (to)
		to = location_way_lost(&f->line->location, to, &f->way);
	if (to && forward_on(f, f->m, to) == 0) {
		line_stats[STAT_NEXT_FLOW]++;
		return;
	}
	sipserver_set_user(f->t, NULL);
	sipserver_refuse(f->t, f->m, rc == ERR_TIMEOUT ? 408 : FLOW_FAILED, rc == ERR_TIMEOUT ? NULL : flow_failed);
	forward_free(f);
}

static const struct sipclient_owner forward_owner = { on_forward_response, on_forward_failed };

/* A GRUU of ours is the client that it names (RFC 5627 5.2); any other Request-URI is a Contact of this dialog. */
static void aim(struct line *l, struct sipmsg *m, const struct binding_flow *f)
{
	struct sipuri u;
	struct bytes gr;

	if (sipuri_parse(sipmsg_uri(m), &u) == 0 && sip_param(u.params, "gr", &gr) && line_is_us(l, u.host))
		sipmsg_set_uri(m, bytes_of(f->contact));
}

/* By the flow of the dialog as long as there is one, else the newest. */
static const struct binding_flow *flow_for(const struct binding *to, uint64_t aim)
{
	const struct binding_flow *f = aim ? binding_flow_of(to, aim) : NULL;

	return f ? f : &to->flows[0];
}

/* Flows that have ended are passed over. ERR_CLOSED: none is left. */
static int forward_on(struct forward *f, struct sipmsg *m, struct binding *to)
{
	int rc = ERR_CLOSED;

	while (to && rc == ERR_CLOSED) {
		const struct binding_flow *by = flow_for(to, f->aim);
		f->way = by->from;
		aim(f->line, m, by);
		rc = call_send(f->line, m, by, &forward_owner, f, &f->client);
		if (rc == ERR_CLOSED)
			to = location_way_lost(&f->line->location, to, &f->way);
	}
	return rc;
}

static void on_forward_cancelled(struct waiting *w)
{
	struct forward *f = (struct forward *)w;

	sipclient_cancel(f->client);
}

static void pass_on(struct request *r, struct binding *to)
{
	struct line *l = r->line;
	struct forward *f = calloc(1, sizeof *f);

	if (!f || !call_take_hop(r->m)) {
		request_refuse(r, f ? 483 : 500, NULL, f ? "too-many-hops" : "memory");
		free(f);
		return;
	}
	*f = (struct forward){ .waiting = { on_forward_cancelled }, .line = l, .t = r->t, .reg = to->reg, .aim = request_aim(r, to->reg) };
	int rc = forward_on(f, r->m, to);
	if (rc) {
		free(f);
		request_refuse(r, rc == ERR_CLOSED ? FLOW_FAILED : 503, rc == ERR_CLOSED ? flow_failed : NULL, err_name(rc));
		return;
	}
	f->m = r->m;
	r->m = NULL;
	sipserver_set_user(f->t, &f->waiting);
	request_free(r);
}

static const struct call_branch *branch_by_tag(const struct call *c, struct bytes tag)
{
	for (unsigned i = 0; i < c->n; i++)
		if (tag.n && bytes_eq_str(tag, c->branches[i].tag))
			return &c->branches[i];
	return NULL;
}

/* The other end of the dialog that the tags name; 0: it is none of this call's. */
static uint64_t other_end(const struct call *c, const struct request *r, const struct binding *b)
{
	const struct call_branch *to = branch_by_tag(c, call_tag(r->m, SIPH_TO));
	const struct call_branch *from = branch_by_tag(c, call_tag(r->m, SIPH_FROM));

	if (to && c->caller == b->reg)
		return to->reg;
	return from && from->reg == b->reg ? c->caller : 0;
}

void call_inside(struct call *c, struct request *r, const struct binding *b)
{
	struct line *l = c->line;
	uint64_t end = other_end(c, r, b);
	struct binding *to = location_of_reg(&l->location, end);
	bool is_bye = sipmsg_method(r->m) == SIPM_BYE;

	if (!to) { /* RFC 5626 5.3.1: the other one's last flow has ended */
		request_refuse(r, end ? FLOW_FAILED : 481, end ? flow_failed : NULL, !r->t ? NULL : end ? "flow-lost" : "no-such-dialog");
		return;
	}
	if (!r->t) {
		const struct binding_flow *by = flow_for(to, request_aim(r, to->reg));
		struct line_way way = line_way_of(by);
		aim(l, r->m, by);
		if (call_take_hop(r->m))
			(void)sipendpoint_send_ack(l->sip, r->m, &way.place, way.flow); /* lost ones are asked for again */
		request_free(r);
		return;
	}
	pass_on(r, to);
	c->is_over = c->is_over || is_bye;
	if (c->is_over && c->due_ms > loop_now(l->loop) + CALL_RINGING_MS)
		c->due_ms = loop_now(l->loop) + CALL_RINGING_MS; /* late ones still find their way */
}
