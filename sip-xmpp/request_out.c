#include "request_out.h"

#include "base/err.h"
#include "fork.h"

#include <stdlib.h>

struct request_out {
	struct xlate *x;
	struct list node;
	uint64_t id;
	enum prog door;
	bool is_invite;
	request_out_fn fn; /* NULL: dropped */
	void *arg;
	struct loop_timer timer;
};

static void end(struct request_out *r, const struct outcome *o)
{
	request_out_fn fn = r->fn;
	void *arg = r->arg;

	map_del_u64(&r->x->requests_out, r->id);
	list_del(&r->node);
	loop_timer_del(r->x->loop, &r->timer);
	free(r);
	if (fn)
		fn(arg, o);
}

void request_out_cancel(struct request_out *r)
{
	struct chan *c = bus_chan(r->x->bus, r->door, 0);

	wire_put_u64(chan_begin(c, MSG_SIP_CANCEL, 0), r->id);
	(void)chan_end(c); /* a door that is gone calls nobody */
}

static void on_timer(void *arg)
{
	struct request_out *r = arg;

	xlate_begin(r->x);
	xlate_stats[STAT_RESPONSES_NONE]++;
	if (r->is_invite)
		request_out_cancel(r); /* it may ring for ever */
	end(r, &(struct outcome){ .status = 408, .why = ERR_TIMEOUT });
}

static int transmit(struct xlate *x, enum prog door, uint64_t id, const struct request_to *to)
{
	struct chan *c = bus_chan(x->bus, door, 0);
	struct buf message;

	if (!c)
		return ERR_AGAIN;
	buf_init(&message, SIPMSG_MAX_BYTES);
	int rc = sipmsg_print(to->m, &message);
	if (!rc && (buf_failed(&message) || (to->max_bytes && buf_len(&message) + REQUEST_OUT_VIA_BYTES > to->max_bytes)))
		rc = ERR_LIMIT;
	if (!rc) {
		const struct sip_unit u = { .id = id, .trace = to->trace, .flags = to->flags, .flow = to->flow,
					    .peer = to->peer, .message = buf_bytes(&message) };
		sip_unit_encode(chan_begin(c, MSG_SIP_REQUEST, 0), &u);
		rc = chan_end(c) ? ERR_AGAIN : 0;
	}
	buf_fini(&message);
	if (!rc)
		xlate_stats[STAT_REQUESTS_OUT]++;
	return rc;
}

static enum prog door_of(const struct request_to *to)
{
	return to->flags & UNIT_CLIENT ? PROG_LINE : PROG_SIP;
}

int request_out_send(struct xlate *x, const struct request_to *to, request_out_fn fn, void *arg, struct request_out **out)
{
	if (x->requests_out.count >= REQUESTS_OUT_MAX)
		return ERR_FULL;
	struct request_out *r = calloc(1, sizeof *r);
	if (!r)
		return ERR_NOMEM;
	*r = (struct request_out){ .x = x, .id = xlate_next_id(x), .door = door_of(to), .fn = fn, .arg = arg,
				    .is_invite = sipmsg_method(to->m) == SIPM_INVITE };
	loop_timer_init(&r->timer, on_timer, r);
	int rc = map_add_u64(&x->requests_out, r->id, r);
	if (rc) {
		free(r);
		return rc;
	}
	list_add_tail(&x->requests_out_order, &r->node);
	uint64_t wait_ms = r->is_invite ? REQUEST_OUT_INVITE_WAIT_MS : REQUEST_OUT_WAIT_MS;
	rc = loop_timer_set(x->loop, &r->timer, wait_ms);
	if (!rc)
		rc = transmit(x, r->door, r->id, to);
	if (rc) {
		r->fn = NULL;
		end(r, NULL);
		return rc;
	}
	if (out)
		*out = r;
	return 0;
}

int request_out_ack(struct xlate *x, const struct request_to *to)
{
	return transmit(x, door_of(to), 0, to);
}

void request_out_drop(struct request_out *r)
{
	if (r)
		r->fn = NULL;
}

/* A response that cannot be read is none at all (RFC 3261 8.1.3.1 speaks of 408 and 503 likewise). */
static void outcome_of(const struct sip_answer *a, struct sipmsg **m, struct outcome *o)
{
	*m = NULL;
	*o = (struct outcome){ .status = a->status, .why = a->why, .reason = a->reason, .flow = a->flow };
	if (a->flags & UNIT_RAW && sipmsg_parse_inside(a->body, m) == 0 && sipmsg_status(*m) >= 200) {
		o->m = *m;
		o->status = sipmsg_status(*m);
		o->reason = sipmsg_reason(*m);
		o->why = 0;
	} else if (!o->why) {
		o->why = ERR_PROTOCOL;
	}
	if (o->status < 200 || o->status > 699 || (!o->m && o->status < 300))
		o->status = 500;
}

int request_out_on_response(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct sip_answer a;
	struct sipmsg *m;
	struct outcome o;

	xlate_begin(x);
	if (sip_answer_decode(f->body, &a))
		return ERR_PROTOCOL;
	struct request_out *r = map_get_u64(&x->requests_out, a.id);
	if (r && r->door != chan_prog(from))
		return 0;
	outcome_of(&a, &m, &o);
	if (r)
		end(r, &o);
	else if (m && o.status < 300 && sipmsg_method(m) == SIPM_INVITE)
		fork_answered(x, m, a.flow, chan_prog(from) == PROG_LINE ? UNIT_CLIENT : 0); /* of another branch, or we have given up */
	sipmsg_free(m);
	return 0;
}

void request_out_down(struct xlate *x, enum prog door, unsigned instance)
{
	struct list over;

	list_init(&over);
	LIST_EACH (it, &x->requests_out_order) {
		struct request_out *r = LIST_OWNER(it, struct request_out, node);
		if (r->door != door || instance)
			continue; /* all requests go to the first */
		list_del(&r->node);
		list_add_tail(&over, &r->node);
	}
	while (!list_is_empty(&over))
		end(LIST_OWNER(over.next, struct request_out, node), &(struct outcome){ .status = 503, .why = ERR_CLOSED });
}

void request_out_init(struct xlate *x)
{
	list_init(&x->requests_out_order);
}

void request_out_fini(struct xlate *x)
{
	while (!list_is_empty(&x->requests_out_order)) {
		struct request_out *r = LIST_OWNER(x->requests_out_order.next, struct request_out, node);
		r->fn = NULL;
		end(r, NULL);
	}
	map_fini(&x->requests_out);
}
