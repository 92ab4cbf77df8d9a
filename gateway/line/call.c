#include "call.h"

#include "base/err.h"
#include "flow.h"

#include <stdlib.h>

enum { TAG_MAX = 128 };

static const char flow_failed[] = "Flow Failed";

/* One client that the INVITE went to. */
struct branch {
	struct call *call;
	struct sipclient *t; /* NULL: over */
	uint64_t reg;
	struct sip_source way; /* the flow that it went by */
	unsigned status;     /* the last one; 0: none yet */
	char tag[TAG_MAX];   /* To tag of its dialog; "" none yet */
};

struct call {
	struct waiting waiting; /* of the INVITE */
	struct line *line;
	struct list node;
	struct sipserver *t;    /* the caller's INVITE, until it is answered */
	struct sipmsg *m;       /* the same */
	struct sipmsg *best;    /* the best refusal so far (RFC 3261 16.7 6) */
	struct loop_timer ringing; /* timer C */
	struct sip_source caller_from; /* where answers go when its transaction is over */
	uint64_t caller, due_ms;
	struct branch branches[CALL_BRANCHES_MAX];
	unsigned n;
	bool is_answered, is_over;
	size_t id_n;
	char id[];
};

/* A request inside the call, passed on. */
struct forward {
	struct waiting waiting;
	struct line *line;
	struct sipserver *t;
	struct sipmsg *m;
	struct sipclient *client;
	uint64_t reg;
	struct sip_source way; /* the flow that it went by */
};

static struct call *call_of(const struct line *l, const struct sipmsg *m)
{
	return map_get(&l->calls, sipmsg_value(m, SIPH_CALL_ID, 0));
}

static struct bytes tag_of(const struct sipmsg *m, enum siphdr h)
{
	struct sip_address a;
	struct bytes tag = BYTES_NONE;

	if (sipmsg_address(m, h, 0, &a))
		(void)sip_param(a.params, "tag", &tag); /* then it stays empty */
	return tag;
}

static void call_free(struct call *c)
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

/* ---- what is passed on ---- */

/* RFC 3261 16.3 3, 16.6 3. False: no hop is left. */
static bool take_hop(struct sipmsg *m)
{
	struct buf v;
	uint32_t hops = 70;

	if (sipmsg_number(m, SIPH_MAX_FORWARDS, &hops) && hops == 0)
		return false;
	buf_init(&v, 16);
	buf_putf(&v, "%u", hops ? hops - 1 : 69);
	sipmsg_replace(m, SIPH_MAX_FORWARDS, buf_bytes(&v));
	buf_fini(&v);
	return true;
}

/* So that all that follows comes by us: one entry for each side (RFC 5658). */
static void put_record_route(struct line *l, struct sipmsg *m, const struct sip_source *at, struct bytes domain)
{
	struct buf v;

	buf_init(&v, 512);
	buf_put_str(&v, "<sip:");
	line_put_host(l, at, domain, &v);
	buf_putf(&v, ";transport=%s;lr>", at->transport == SIPT_UDP ? "udp" : at->transport == SIPT_TCP ? "tcp" : "tls");
	if (!buf_failed(&v))
		sipmsg_prepend(m, SIPH_RECORD_ROUTE, buf_bytes(&v));
	buf_fini(&v);
}

static int send_to(struct line *l, struct sipmsg *m, const struct binding_flow *f, const struct sipclient_owner *o, void *arg,
                   struct sipclient **t)
{
	struct line_way way = line_way_of(f);

	return sipclient_start(l->sip, m, &way.place, way.flow, NULL, o, arg, t);
}

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

static void cancel_others(struct call *c, const struct branch *but)
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
	struct branch *b = arg;
	struct call *c = b->call;
	unsigned status = sipmsg_status(m);
	struct bytes tag = tag_of(m, SIPH_TO);

	(void)from;
	if (status == FLOW_FAILED) {
		on_branch_failed(b, ERR_CLOSED, "430 Flow Failed");
		return;
	}
	b->status = status;
	if (status >= 200)
		b->t = NULL;
	if (tag.n && tag.n < TAG_MAX) {
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

static int ring_on(struct branch *br, struct binding *b);

/* RFC 5626 6: the way has failed; the client's next one is tried. */
static void on_branch_failed(void *arg, int rc, const char *words)
{
	struct branch *b = arg;
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

static int ring_flow(struct branch *br, const struct binding *b)
{
	struct call *c = br->call;
	struct line *l = c->line;
	const struct binding *caller = location_of_reg(&l->location, c->caller);
	struct sipmsg *m = sipmsg_copy(c->m);

	if (!m)
		return ERR_NOMEM;
	br->way = b->flows[0].from;
	sipmsg_set_uri(m, bytes_of(b->flows[0].contact));
	put_record_route(l, m, &c->caller_from, domain_of(caller ? caller : b));
	put_record_route(l, m, &br->way, domain_of(b));
	int rc = send_to(l, m, &b->flows[0], &branch_owner, br, &br->t);
	sipmsg_free(m);
	return rc;
}

/* By the client's newest flow; those that have ended are passed over. ERR_CLOSED: none is left. */
static int ring_on(struct branch *br, struct binding *b)
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
	struct branch *br = &c->branches[c->n];

	*br = (struct branch){ .call = c, .reg = b->reg };
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

static void begin(struct request *r, const struct binding *caller, const struct jid *to)
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
	} else if (!take_hop(r->m)) {
		request_refuse(r, 483, NULL, "too-many-hops");
	} else if (!location_count(&l->location, jid_bare(&to))) {
		request_refuse(r, 480, NULL, NULL);
	} else {
		begin(r, b, &to);
	}
	return true;
}

/* ---- inside a call ---- */

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

/* As ring_on. */
static int forward_on(struct forward *f, struct sipmsg *m, struct binding *to)
{
	int rc = ERR_CLOSED;

	while (to && rc == ERR_CLOSED) {
		f->way = to->flows[0].from;
		aim(f->line, m, &to->flows[0]);
		rc = send_to(f->line, m, &to->flows[0], &forward_owner, f, &f->client);
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

	if (!f || !take_hop(r->m)) {
		request_refuse(r, f ? 483 : 500, NULL, f ? "too-many-hops" : "memory");
		free(f);
		return;
	}
	*f = (struct forward){ .waiting = { on_forward_cancelled }, .line = l, .t = r->t, .reg = to->reg };
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

static const struct branch *branch_by_tag(const struct call *c, struct bytes tag)
{
	for (unsigned i = 0; i < c->n; i++)
		if (tag.n && bytes_eq_str(tag, c->branches[i].tag))
			return &c->branches[i];
	return NULL;
}

/* The other end of the dialog that the tags name; 0: it is none of this call's. */
static uint64_t other_end(const struct call *c, const struct request *r, const struct binding *b)
{
	const struct branch *to = branch_by_tag(c, tag_of(r->m, SIPH_TO));
	const struct branch *from = branch_by_tag(c, tag_of(r->m, SIPH_FROM));

	if (to && c->caller == b->reg)
		return to->reg;
	return from && from->reg == b->reg ? c->caller : 0;
}

static void inside(struct call *c, struct request *r, const struct binding *b)
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
		struct line_way way = line_way_of(&to->flows[0]);
		aim(l, r->m, &to->flows[0]);
		if (take_hop(r->m))
			(void)sipendpoint_send_ack(l->sip, r->m, &way.place, way.flow); /* lost ones are asked for again */
		request_free(r);
		return;
	}
	pass_on(r, to);
	c->is_over = c->is_over || is_bye;
	if (c->is_over && c->due_ms > loop_now(l->loop) + CALL_RINGING_MS)
		c->due_ms = loop_now(l->loop) + CALL_RINGING_MS; /* late ones still find their way */
}

bool call_request(struct request *r, const struct binding *b)
{
	struct call *c = call_of(r->line, r->m);

	if (c && tag_of(r->m, SIPH_TO).n) {
		inside(c, r, b);
		return true;
	}
	if (sipmsg_method(r->m) == SIPM_INVITE && r->t && !tag_of(r->m, SIPH_TO).n)
		return invite(r, b);
	return false;
}

/* ---- what comes without a transaction ---- */

void call_stray(struct line *l, struct sipmsg *m)
{
	struct call *c = call_of(l, m);

	if (!c)
		return;
	const struct binding *b = location_of_reg(&l->location, c->caller);
	(void)sipendpoint_pass_response(l->sip, b ? &b->flows[0].from : &c->caller_from, m); /* lost: the callee says it again */
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
