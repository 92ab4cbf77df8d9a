#include "request_in.h"

#include "address.h"
#include "dialog.h"
#include "base/err.h"
#include "client.h"
#include "guest.h"
#include "service_features.h"

#include <stdlib.h>

enum { REFUSALS_PER_MINUTE = 60, SWEEP_MS = 1000 };

/* ---- answering ---- */

static void unlink_request(struct request_in *r)
{
	if (r->key)
		map_del_u64(&r->x->requests_in, r->key);
	list_del(&r->node);
}

void request_in_free(struct request_in *r)
{
	unlink_request(r);
	sipmsg_free(r->m);
	free(r);
}

static void put_answer(struct xlate *x, enum prog door, unsigned instance, const struct sip_answer *a)
{
	struct chan *c = bus_chan(x->bus, door, instance);

	sip_answer_encode(chan_begin(c, MSG_SIP_RESPONSE, 0), a);
	(void)chan_end(c); /* a door that is gone has forgotten its transaction */
}

void request_in_answer(struct request_in *r, const struct reply *reply)
{
	struct xlate *x = r->x;
	struct buf headers;

	buf_init(&headers, 65536);
	buf_put_bytes(&headers, reply->headers);
	if (reply->content_type)
		buf_putf(&headers, "Content-Type: %s\r\n", reply->content_type);
	const struct sip_answer a = { .id = r->id, .flags = r->flags & UNIT_CLIENT, .status = (uint16_t)reply->status,
				      .reason = bytes_of(reply->reason), .to_tag = bytes_of(reply->to_tag),
				      .headers = buf_bytes(&headers), .body = reply->body };
	if (r->key)
		put_answer(x, r->door, r->instance, &a);
	buf_fini(&headers);
	request_in_free(r);
}

void request_in_status(struct request_in *r, unsigned status, const char *reason)
{
	request_in_answer(r, &(struct reply){ .status = status, .reason = reason });
}

/* What an administrator can do about it. */
static const char *advice_for(unsigned status)
{
	switch (status) {
	case 403:
		return "the sender may not do this: look at sip peer and sip mode";
	case 404:
		return "this domain does not live here, or the feature is off: set domain DOMAIN certificate NAME";
	case 416:
		return "only sip: addresses are translated; sips: with: set sip peer DOMAIN sips on";
	default:
		return "the partner's software sent what this gateway does not take; a trace of the domain shows it";
	}
}

void request_in_refuse_with(struct request_in *r, unsigned status, const char *why, struct bytes headers)
{
	uint32_t held;

	xlate_stats[STAT_REQUESTS_REFUSED]++;
	if (log_limit_pass(&r->x->refusals, REFUSALS_PER_MINUTE, loop_now(r->x->loop), &held))
		log_warn("xlate.request.refused", LOG_ID("trace", r->trace), LOG_BYTES("peer", r->peer),
			 LOG_BYTES("method", sipmsg_method_text(r->m)), LOG_BYTES("from", r->from.full),
			 LOG_BYTES("to", r->to.full), LOG_INT("status", status), LOG_STR("reason", why),
			 LOG_STR("advice", advice_for(status)), LOG_INT("suppressed", held));
	request_in_answer(r, &(struct reply){ .status = status, .headers = headers });
}

void request_in_refuse(struct request_in *r, unsigned status, const char *why)
{
	request_in_refuse_with(r, status, why, BYTES_NONE);
}

/* ---- addresses ---- */

/* MSG-S03: From has no gr; a Contact of the same user may have one. */
static int sender_of(struct xlate *x, const struct sipmsg *m, bool may_be_sips, struct jid *out)
{
	struct sip_address from, contact;
	struct jid other;

	if (!sipmsg_address(m, SIPH_FROM, 0, &from))
		return ERR_SYNTAX;
	int rc = address_to_jid(from.uri, may_be_sips, &x->arena, out);
	if (rc || !jid_is_bare(out) || !sipmsg_address(m, SIPH_CONTACT, 0, &contact) || contact.is_star)
		return rc;
	if (address_to_jid(contact.uri, may_be_sips, &x->arena, &other) == 0 && !jid_is_bare(&other) && jid_bare_eq(out, &other))
		*out = other;
	return 0;
}

static bool is_plain_sip(struct bytes uri)
{
	struct sipuri u;

	return sipuri_parse(uri, &u) == 0 && u.scheme == SIPURI_SIP;
}

/* In a dialog the Request-URI is our Contact, which may be at `sip host`; the user is that of To. */
static struct bytes addressee_uri(const struct sipmsg *m)
{
	struct sip_address to;

	return dialog_tag(m, SIPH_TO).n && sipmsg_address(m, SIPH_TO, 0, &to) ? to.uri : sipmsg_uri(m);
}

/* ADR-10, ADR-14: of Request-URI and To only sip: is translated. */
static bool is_scheme_right(const struct sipmsg *m, bool may_be_sips)
{
	struct sip_address to;
	struct sipuri u;

	if (!may_be_sips)
		return is_plain_sip(sipmsg_uri(m)) && sipmsg_address(m, SIPH_TO, 0, &to) && is_plain_sip(to.uri);
	return sipuri_parse(sipmsg_uri(m), &u) == 0 && (u.scheme == SIPURI_SIP || u.scheme == SIPURI_SIPS);
}

/* ---- coming in ---- */

static struct request_in *request_new(struct xlate *x, const struct sip_unit *u, struct chan *from, struct sipmsg *m,
				      const struct jid *sender, const struct jid *to)
{
	struct request_in *r = calloc(1, sizeof *r + u->peer.n + sender->full.n + to->full.n);

	if (!r)
		return NULL;
	r->x = x;
	r->id = u->id;
	r->trace = u->trace;
	r->flow = u->flow;
	r->flags = u->flags;
	r->door = chan_prog(from);
	r->instance = (uint8_t)chan_instance(from);
	r->m = m;
	r->due_ms = loop_now(x->loop) + (sipmsg_method(m) == SIPM_INVITE ? REQUEST_IN_INVITE_WAIT_MS : REQUEST_IN_WAIT_MS);
	list_init(&r->node);
	uint8_t *p = r->text;
	if (u->peer.n)
		memcpy(p, u->peer.p, u->peer.n);
	r->peer = bytes_make(p, u->peer.n);
	p += u->peer.n;
	r->from = *sender;
	if (sender->full.n)
		memcpy(p, sender->full.p, sender->full.n);
	r->from.full.p = p;
	p += sender->full.n;
	r->to = *to;
	if (to->full.n)
		memcpy(p, to->full.p, to->full.n);
	r->to.full.p = p;
	return r;
}

/* What must hold before a feature sees it: 0, or the status that refuses it. */
static unsigned judge(struct request_in *r, const char **why)
{
	struct xlate *x = r->x;
	uint32_t hops;

	struct sipmsg_fault fault = sipmsg_fault(r->m);
	*why = "";
	if (fault.status) {
		*why = fault.reason;
		return fault.status;
	}
	if (sipmsg_number(r->m, SIPH_MAX_FORWARDS, &hops) && hops == 0 && r->key) {
		*why = "too-many-hops"; /* MSG-S18, ERR-16 */
		return 483;
	}
	bool may_be_sips = settings_bool_at(x->settings, SET_SIP_PEER_SIPS, xlate_peer_key(x, r->peer));
	if (!is_scheme_right(r->m, may_be_sips)) {
		*why = "address-scheme";
		return 416;
	}
	struct jid from, to;
	bool is_client = r->flags & UNIT_CLIENT;
	int rc = is_client ? client_sender(x, r->flow, &from) : sender_of(x, r->m, may_be_sips, &from);
	if (!rc)
		rc = address_to_jid(addressee_uri(r->m), may_be_sips, &x->arena, &to);
	*why = "address";
	if (rc)
		return address_status(rc);
	r->from = from;
	r->to = to;
	if (!is_client && !xlate_is_hosted(x, jid_domain(&to)) && !guest_is_room_service(x, jid_domain(&to))) {
		*why = "not-hosted";
		return 404;
	}
	bool is_trunk = r->flags & UNIT_TRUNK && sipmsg_method(r->m) == SIPM_PUBLISH; /* B-PUB-01 */
	if (!is_client && !is_trunk && xlate_is_hosted(x, jid_domain(&from))) {
		*why = "forged";
		return 403;
	}
	return 0;
}

static int keep(struct request_in *r)
{
	struct xlate *x = r->x;

	if (!r->id)
		return 0;
	if (x->requests_in.count >= REQUESTS_IN_MAX) {
		xlate_stats[STAT_REQUESTS_FULL]++;
		return ERR_FULL;
	}
	/* A unit's id begins with its door's program and instance, as an envelope's does. */
	if (r->id >> 56 != r->door || map_add_u64(&x->requests_in, r->id, r))
		return ERR_PROTOCOL;
	r->key = r->id;
	list_add_tail(&x->requests_in_order, &r->node);
	if (!loop_timer_is_set(&x->requests_in_timer))
		(void)loop_timer_set(x->loop, &x->requests_in_timer, SWEEP_MS); /* the next request sets it */
	return 0;
}

static void answer_early(struct xlate *x, struct chan *from, const struct sip_unit *u, unsigned status)
{
	if (u->id)
		put_answer(x, chan_prog(from), chan_instance(from), &(struct sip_answer){ .id = u->id, .status = (uint16_t)status });
}

static void take(struct xlate *x, struct request_in *judged, const struct sip_unit *u, struct chan *from)
{
	struct request_in *r = request_new(x, u, from, judged->m, &judged->from, &judged->to);

	if (!r) {
		xlate_stats[STAT_NO_MEMORY]++;
		answer_early(x, from, u, 500);
		sipmsg_free(judged->m);
		return;
	}
	int rc = keep(r);
	if (rc) {
		answer_early(x, from, u, rc == ERR_FULL ? 503 : 482);
		sipmsg_free(r->m);
		free(r);
		return;
	}
	features_request(x, r);
}

int request_in_on_request(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct sip_unit u;
	struct sipmsg *m;
	const char *why = "not-a-request";

	xlate_begin(x);
	if (sip_unit_decode(f->body, &u))
		return ERR_PROTOCOL;
	xlate_stats[STAT_REQUESTS_IN]++;
	int rc = x->settings ? sipmsg_parse(u.message, &m) : ERR_AGAIN;
	if (rc) {
		answer_early(x, from, &u, rc == ERR_SYNTAX ? 400 : rc == ERR_LIMIT ? 513 : 500);
		return 0;
	}
	struct request_in judged = { .x = x, .id = u.id, .key = u.id, .trace = u.trace, .flags = u.flags, .flow = u.flow, .peer = u.peer, .m = m,
				     .door = chan_prog(from), .instance = (uint8_t)chan_instance(from) };
	unsigned status = sipmsg_is_request(m) ? judge(&judged, &why) : 400;
	if (!status) {
		take(x, &judged, &u, from);
		return 0;
	}
	struct request_in *r = request_new(x, &u, from, m, &judged.from, &judged.to);
	if (!r) {
		answer_early(x, from, &u, status);
		sipmsg_free(m);
	} else {
		r->key = u.id;
		request_in_refuse(r, status, why);
	}
	return 0;
}

/* ---- ending without an answer ---- */

int request_in_on_cancel(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct request_in *r = map_get_u64(&x->requests_in, wire_u64(&w));

	xlate_begin(x);
	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (!r || r->door != chan_prog(from) || r->instance != chan_instance(from))
		return 0; /* answered meanwhile */
	if (r->cancelled)
		r->cancelled(r);
	else if (sipmsg_method(r->m) == SIPM_INVITE)
		request_in_status(r, 487, NULL);
	return 0;
}

static void abandon(struct request_in *r)
{
	unlink_request(r);
	if (r->gone)
		r->gone(r);
	sipmsg_free(r->m);
	free(r);
}

/* What one of them does at its end may end others: so they wait in a list of their own. */
static void abandon_all(struct list *over)
{
	while (!list_is_empty(over))
		abandon(LIST_OWNER(over->next, struct request_in, node));
}

static void move(struct request_in *r, struct list *to)
{
	list_del(&r->node);
	list_add_tail(to, &r->node);
}

void request_in_down(struct xlate *x, enum prog door, unsigned instance)
{
	struct list over;

	list_init(&over);
	LIST_EACH (it, &x->requests_in_order) {
		struct request_in *r = LIST_OWNER(it, struct request_in, node);
		if (r->door == door && r->instance == instance)
			move(r, &over);
	}
	abandon_all(&over);
}

/* Nobody has answered in time: the door must not hold its transaction for ever. */
static void on_sweep(void *arg)
{
	struct xlate *x = arg;
	uint64_t now = loop_now(x->loop);
	struct list over;

	xlate_begin(x);
	list_init(&over);
	LIST_EACH (it, &x->requests_in_order) {
		struct request_in *r = LIST_OWNER(it, struct request_in, node);
		if (r->due_ms > now)
			continue;
		xlate_stats[STAT_REQUESTS_LATE]++;
		put_answer(x, r->door, r->instance, &(struct sip_answer){ .id = r->id, .status = 504 });
		move(r, &over);
	}
	abandon_all(&over);
	if (!list_is_empty(&x->requests_in_order))
		(void)loop_timer_set(x->loop, &x->requests_in_timer, SWEEP_MS); /* the next request sets it */
}

void request_in_init(struct xlate *x)
{
	list_init(&x->requests_in_order);
	loop_timer_init(&x->requests_in_timer, on_sweep, x);
}

void request_in_fini(struct xlate *x)
{
	loop_timer_del(x->loop, &x->requests_in_timer);
	abandon_all(&x->requests_in_order);
	map_fini(&x->requests_in);
}
