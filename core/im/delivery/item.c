#include "delivery/item.h"

#include "base/err.h"
#include "base/log.h"
#include "proto/xmpp.h"
#include "run/session.h"
#include "delivery/answered.h"
#include "archive/archive.h"
#include "iq/blocking.h"
#include "delivery/carbons.h"
#include "delivery/deliver.h"
#include "domain.h"
#include "iq/iq.h"
#include "delivery/journal.h"
#include "delivery/parcel.h"
#include "delivery/partner.h"
#include "presence/presence.h"
#include "delivery/remote.h"
#include "room/rooms.h"
#include "delivery/sm.h"
#include "presence/subscribe.h"
#include "presence/watch.h"
#include "user.h"

/* ---- safety ---- */

bool item_must_survive(const struct envelope *e)
{
	if (e->kind != STANZA_MESSAGE || e->type == TYPE_ERROR || e->type == TYPE_HEADLINE)
		return false;
	if (e->facts & FACT_NO_STORE)
		return false;
	return e->facts & (FACT_BODY | FACT_PAYLOAD | FACT_STORE);
}

bool item_is_urgent(const struct envelope *e)
{
	if (e->kind != STANZA_MESSAGE)
		return e->kind == STANZA_IQ;
	if (e->type == TYPE_ERROR || e->facts & FACT_BODY)
		return true;
	return e->type != TYPE_HEADLINE && e->facts & (FACT_SUBJECT | FACT_PAYLOAD | FACT_STORE);
}

bool item_wants_safety(const struct item *it)
{
	return it->origin != ORIGIN_NONE ||
	       (it->parcel && (it->parcel->origin != ORIGIN_NONE || it->parcel->journal != JOURNAL_NONE));
}

struct parcel *item_parcel(struct im *im, struct item *it)
{
	if (it->parcel)
		return it->parcel;
	struct parcel *p = parcel_new(im, it->body);
	if (!p)
		return NULL;
	p->points = 1; /* the handling; its reference is the one we made */
	p->origin = it->origin;
	p->session = it->session;
	p->h = it->h;
	p->route_id = it->e.id;
	if (it->origin == ORIGIN_ROUTE && it->e.id)
		p->disk_uid = it->e.id;
	if (it->origin == ORIGIN_SESSION)
		list_add_tail(&it->session->custody, &p->origin_node);
	if (it->origin != ORIGIN_NONE)
		journal_watch(im, p);
	it->parcel = p;
	return p;
}

static void item_end(struct im *im, struct item *it)
{
	if (it->parcel)
		parcel_point_drop(im, it->parcel);
	else if (it->origin == ORIGIN_ROUTE)
		remote_done(im, it->e.id);
	im->item = NULL;
	arena_reset(&im->arena);
}

/* ---- who it is for ---- */

/* Nobody is told that there is no such account when only the store is unwell. */
static void refuse_for_now(struct im *im, const struct item *it)
{
	if (it->e.kind != STANZA_PRESENCE || subscribe_is((enum stanza_type)it->e.type))
		item_refuse(im, it, STANZA_INTERNAL_SERVER_ERROR, NULL);
}

static void to_user(struct im *im, struct user *u, struct item *it)
{
	if (u->state == USER_FAILED) {
		refuse_for_now(im, it);
		return;
	}
	switch (it->e.kind) {
	case STANZA_MESSAGE:
		deliver_message(im, u, it);
		break;
	case STANZA_PRESENCE:
		if (subscribe_is((enum stanza_type)it->e.type))
			subscribe_in(im, u, it);
		else
			presence_in(im, u, it);
		break;
	default:
		iq_handle(im, u, it);
	}
}

static void to_local(struct im *im, struct item *it, struct bytes bare)
{
	struct user *u = user_get(im, bare);

	if (!u) {
		item_refuse(im, it, STANZA_RESOURCE_CONSTRAINT, NULL);
	} else if (u->state == USER_LOADING) {
		if (!user_wait(im, u, item_parcel(im, it)))
			item_refuse(im, it, STANZA_RESOURCE_CONSTRAINT, NULL);
	} else {
		to_user(im, u, it);
		user_check_idle(im, u);
	}
}

static void to_domain(struct im *im, struct item *it)
{
	if (it->e.kind == STANZA_IQ)
		iq_handle(im, NULL, it);
	else if (it->e.kind == STANZA_MESSAGE)
		item_refuse(im, it, STANZA_SERVICE_UNAVAILABLE, NULL);
}

static void route(struct im *im, struct item *it)
{
	struct jid to = jid_of_normal(it->e.to);

	if (rooms_host(im, jid_domain(&to)))
		rooms_input(im, it);
	else if (!domain_of(im, jid_domain(&to)))
		remote_send(im, it);
	else if (to.local_n)
		to_local(im, it, jid_bare(&to));
	else
		to_domain(im, it);
}

void item_route(struct im *im, struct item *it)
{
	struct item *outer = im->item;

	im->item = it;
	route(im, it);
	if (it->parcel)
		parcel_point_drop(im, it->parcel);
	im->item = outer;
}

/* ---- from clients ---- */

/* */
static void switched_off(struct im *im, const struct item *it)
{
	item_refuse(im, it, STANZA_NOT_ALLOWED, "Messages are switched off here");
}

static void without_to(struct im *im, struct session *s, struct item *it)
{
	if (it->e.kind == STANZA_IQ) {
		iq_handle(im, s->user, it);
	} else if (it->e.kind == STANZA_PRESENCE) {
		if (it->e.type == TYPE_AVAILABLE || it->e.type == TYPE_UNAVAILABLE)
			presence_broadcast(im, s, it);
	} else { /* RFC 6120 10.3.1: to oneself */
		it->e.to = session_bare(s);
		buf_clear(&im->out2);
		envelope_encode(&im->out2, &it->e);
		struct bytes body = arena_dup(&im->arena, buf_bytes(&im->out2));
		if (body.n && !envelope_decode(body, &it->e)) {
			it->body = body;
			to_local(im, it, session_bare(s));
		}
	}
}

static void from_client(struct im *im, struct session *s, struct item *it)
{
	static const enum im_stat stats[] = { STAT_MESSAGES, STAT_PRESENCES, STAT_IQS };

	im_stats[stats[it->e.kind]]++;
	if (it->e.kind == STANZA_MESSAGE && !im->config.has_messages) {
		switched_off(im, it);
		return;
	}
	if (!it->e.to.n) {
		without_to(im, s, it);
		return;
	}
	if (blocking_refuses_out(im, s->user, it))
		return;
	if (it->e.kind == STANZA_PRESENCE && rooms_host_of(im, it->e.to)) { /* whatever is shown to others (C-AVL-04) */
		route(im, it);
		return;
	}
	if (it->e.kind == STANZA_PRESENCE) {
		if (it->e.type == TYPE_PROBE && s->door_prog == PROG_ACCESS && !watch_ask(im, s, it))
			return; /* gh-xlate is a server for SIP clients */
		if (it->e.type == TYPE_UNAVAILABLE && watch_stop(im, s, it->e.to) && !names_has(&s->directed, it->e.to))
			return; /* it was never shown to them */
		if (it->e.type == TYPE_SUBSCRIBE && s->door_prog != PROG_ACCESS && subscribe_is_held(im, s, it))
			return;
		if (subscribe_is((enum stanza_type)it->e.type)) {
			if (!subscribe_out(im, s, it))
				return;
		} else if (im->config.has_presence) {
			presence_directed(s, it);
		} else {
			return; /* */
		}
	}
	if (it->e.kind == STANZA_MESSAGE) {
		answered_sent(s, it);
		archive_sent(im, s, it);
		carbons_sent(im, s, it);
	}
	route(im, it);
	if (it->e.kind == STANZA_PRESENCE && subscribe_is((enum stanza_type)it->e.type))
		subscribe_sent(im, s, it);
}

/* That it came, never what it says. */
static void tell_came(const char *event, const struct envelope *e)
{
	log_debug(event, LOG_ID("trace", e->trace), LOG_STR("kind", stanza_kind_name((enum stanza_kind)e->kind)), LOG_BYTES("from", e->from),
	          LOG_BYTES("to", e->to), LOG_INT("bytes", e->stanza.n));
}

static void not_archived(struct im *im, const struct item *it)
{
	item_refuse(im, it, STANZA_RESOURCE_CONSTRAINT, "It cannot be archived now, and was not delivered");
}

int item_take_stanza(struct im *im, struct bytes body, int archived)
{
	struct wire w = wire_of(body);
	struct session *s = session_of(im, wire_u64(&w));
	struct item it = { .body = bytes_skip(body, 8) };

	if (wire_failed(&w))
		return ERR_SYNTAX;
	/* The kind stands behind id, trace and door. */
	bool is_only_counted = it.body.n > 17 && it.body.p[17] == STANZA_KIND_COUNTED;
	if (!is_only_counted && envelope_decode(it.body, &it.e))
		return ERR_SYNTAX;
	if (!s)
		return 0; /* crossed the end of its session */
	sm_count(s);
	if (is_only_counted)
		return 0;
	tell_came("im.stanza.sent", &it.e);
	it.session = s;
	it.origin = s->sm ? ORIGIN_SESSION : ORIGIN_NONE;
	it.h = s->sm ? s->sm->h_in : 0;
	im->item = &it;
	if (archived)
		not_archived(im, &it);
	else
		from_client(im, s, &it);
	item_end(im, &it);
	return 0;
}

/* ---- from other domains ---- */

int item_take_route(struct im *im, struct bytes body, int archived)
{
	struct item it = { .body = body };

	if (envelope_decode(body, &it.e))
		return ERR_SYNTAX;
	im_stats[STAT_REMOTE_IN]++;
	tell_came("im.stanza.came", &it.e);
	partner_heard(im, &it.e);
	if (it.e.id && !remote_take(im, it.e.id))
		return 0;
	it.origin = it.e.id ? ORIGIN_ROUTE : ORIGIN_NONE;
	struct jid to = jid_of_normal(it.e.to);
	im->item = &it;
	if (!it.e.to.n || !domain_of(im, jid_domain(&to)))
		item_refuse(im, &it, STANZA_ITEM_NOT_FOUND, "This domain does not live here");
	else if (it.e.kind == STANZA_MESSAGE && !im->config.has_messages)
		switched_off(im, &it);
	else if (archived)
		not_archived(im, &it);
	else
		route(im, &it);
	item_end(im, &it);
	return 0;
}

void item_resume(struct im *im, struct parcel *p)
{
	struct item it = { .e = p->e, .body = bytes_make(p->body, p->n), .parcel = p, .origin = p->origin, .h = p->h };
	struct item *outer = im->item;
	struct jid to = jid_of_normal(p->e.to);
	struct user *u = user_find(im, jid_bare(&to));

	if (p->e.door == DOOR_ACCESS)
		it.session = session_by_full(im, p->e.from);
	im->item = &it;
	if (u)
		to_user(im, u, &it);
	parcel_point_drop(im, p);
	im->item = outer;
}

/* ---- answers ---- */

/* sid: the stanza's id, by which the other side finds what an error is about. */
static void post_with_id(struct im *im, enum stanza_kind kind, enum stanza_type type, struct bytes from, struct bytes to,
			 struct bytes sid, struct bytes stanza)
{
	struct jid j = jid_of_normal(to);

	const struct envelope e = { .door = DOOR_CORE, .kind = (uint8_t)kind, .type = (uint8_t)type,
				    .from = from, .to = to, .sid = sid, .stanza = stanza };

	if (rooms_host(im, jid_domain(&j))) {
		rooms_answer(im, &e);
		return;
	}
	if (!domain_of(im, jid_domain(&j))) {
		remote_post(im, &e);
		return;
	}
	struct session *s = session_by_full(im, to);
	if (s)
		session_send(im, s, kind, stanza);
}

void post(struct im *im, enum stanza_kind kind, enum stanza_type type, struct bytes from, struct bytes to,
	  struct bytes stanza)
{
	post_with_id(im, kind, type, from, to, BYTES_NONE, stanza);
}

void item_refuse(struct im *im, const struct item *it, enum stanza_error why, const char *text)
{
	const struct stanza_refusal r = { .error = why, .text = text };
	const struct envelope *e = &it->e;
	struct bytes from = e->to;

	if (!e->from.n)
		return;
	buf_clear(&im->out);
	if (!stanza_write_error(&im->out, (enum stanza_kind)e->kind, (enum stanza_type)e->type, e->sid, from, e->from, &r) ||
	    buf_failed(&im->out))
		return;
	im_stats[STAT_BOUNCED]++;
	post_with_id(im, (enum stanza_kind)e->kind, TYPE_ERROR, from, e->from, e->sid, buf_bytes(&im->out));
}
