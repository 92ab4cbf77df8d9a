#include "bosh_door.h"

#include "conn.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "proto/jid.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BODY_MS = 30000,                  /* for a whole body */
	HELD_MS = BOSH_WAIT_MS + 15000,   /* a request whose session has forgotten it */
	BODIES_MAX = 64 << 20,            /* bytes of all bodies that are on their way */
};

struct bosh_ask {
	struct buf body;
	struct bosh_session *session; /* NULL: answered, or not read yet */
	struct loop_defer answered;
	bool has_ended;
};

/* ---- answers ---- */

/* Behind the turn in which the answer was put: the session may be in the middle of something. */
static void on_answered(void *arg)
{
	struct exchange *x = arg;

	if (x->is_gone)
		return;
	bosh_ask_free(x);
	x->way->done(x, x->is_kept);
}

static void put_answer(struct exchange *x, const char *content, struct bytes body)
{
	struct answer a;

	answer_init(&a, x, 200, content); /* of a table */
	answer_cors(&a, x);
	answer_add(&a, "Cache-Control", BYTES("no-store"));
	exchange_reply(x, &a, body);
	x->way->kick(x);
	x->bosh->session = NULL;
	loop_defer_call(x->proxy->loop, &x->bosh->answered);
}

static void on_answer(void *arg, void *request, struct bytes body)
{
	struct bosh_session *s = arg;

	put_answer(request, s->content, body);
}

/* A request that has no session. */
static void refuse(struct exchange *x, enum bosh_condition condition, const char *why)
{
	struct buf *out = &x->proxy->scratch;
	char peer[PEER_TEXT_BYTES];

	x->proxy->stats[STAT_BOSH_REFUSED]++;
	peer_address_text(&x->conn->peer, peer);
	log_info("proxy.bosh.refused", LOG_STR("address", peer), LOG_STR("condition", bosh_condition_name(condition)), LOG_STR("why", why));
	buf_clear(out);
	bosh_put_terminate(out, condition, BYTES_NONE);
	put_answer(x, "text/xml; charset=utf-8", buf_bytes(out));
}

/* ---- a session's life ---- */

static void session_drop(struct bosh_session *s)
{
	struct proxy *p = s->proxy;

	s->is_gone = true;
	log_info("proxy.bosh.closed", LOG_ID("id", s->id), LOG_STR("condition", bosh_condition_name(s->bosh.condition)),
	         LOG_STR("why", s->bosh.why ? s->bosh.why : ""));
	if (s->has_access)
		link_close(&s->access);
	s->has_access = false;
	loop_timer_del(p->loop, &s->timer);
	loop_defer_cancel(&s->look);
	address_leave(&p->bosh_addresses, s->address);
	(void)map_del(&p->bosh_sids, bytes_of(s->bosh.sid));
	list_del(&s->node);
	list_add_tail(&p->bosh_gone, &s->node);
	p->n_bosh--;
	loop_defer_call(p->loop, &p->sweep);
}

/* What has come of it: reading on, the end, the next time to look. */
static void look(void *arg)
{
	struct bosh_session *s = arg;
	struct proxy *p = s->proxy;
	uint64_t now_ms = loop_now(p->loop);

	if (s->bosh.is_ended && s->has_access) {
		if (s->bosh.is_bye) {
			link_shutdown(&s->access); /* closed() comes */
		} else {
			link_close(&s->access); /* its session can be resumed (XEP-0198) */
			s->has_access = false;
		}
	}
	if (s->bosh.is_over && !s->has_access) {
		session_drop(s);
		return;
	}
	if (s->has_access && !s->bosh.is_ended) {
		link_pause(&s->access, bosh_is_full(&s->bosh));
		bosh_choke(&s->bosh, link_queued(&s->access) > CONN_HIGH_WATER, &p->arena, now_ms);
	}
	uint64_t next_ms = bosh_next_ms(&s->bosh);
	if (loop_timer_set(p->loop, &s->timer, next_ms > now_ms ? next_ms - now_ms : 0)) {
		bosh_end(&s->bosh, BOSH_INTERNAL_SERVER_ERROR, now_ms); /* nothing may wait without an end */
		session_drop(s);
	}
}

static void look_later(struct bosh_session *s)
{
	loop_defer_call(s->proxy->loop, &s->look);
}

static void on_timer(void *arg)
{
	struct bosh_session *s = arg;

	bosh_timer(&s->bosh, &s->proxy->arena, loop_now(s->proxy->loop));
	look_later(s);
}

void bosh_session_end(struct bosh_session *s, enum bosh_condition condition)
{
	bosh_end(&s->bosh, condition, loop_now(s->proxy->loop));
	look_later(s);
}

void bosh_end_all(struct proxy *p, enum bosh_condition condition)
{
	LIST_EACH (it, &p->bosh_sessions)
		bosh_session_end(LIST_OWNER(it, struct bosh_session, node), condition);
}

void bosh_sweep(struct proxy *p)
{
	LIST_EACH (it, &p->bosh_gone) {
		struct bosh_session *s = LIST_OWNER(it, struct bosh_session, node);
		list_del(it);
		bosh_fini(&s->bosh);
		free(s);
	}
}

/* ---- its pair to gh-access ---- */

static void on_say(void *arg, struct bytes b)
{
	struct bosh_session *s = arg;

	if (s->has_access)
		(void)link_send(&s->access, b); /* full: the link says closed */
}

static void on_data(void *arg, struct bytes in)
{
	struct bosh_session *s = arg;

	bosh_from_access(&s->bosh, in, &s->proxy->arena, loop_now(s->proxy->loop));
	look_later(s);
}

static void on_drained(void *arg)
{
	look_later(arg);
}

static void on_closed(void *arg, int why)
{
	struct bosh_session *s = arg;

	(void)why;
	s->has_access = false;
	bosh_session_end(s, BOSH_REMOTE_CONNECTION_FAILED);
}

static const struct link_owner owner = { .data = on_data, .drained = on_drained, .closed = on_closed };
static const struct bosh_owner engine_owner = { .answer = on_answer, .say = on_say };

/* ---- a request for a session (7) ---- */

static void sockaddr_of(const struct peer_address *p, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	*out = (struct sockaddr_storage){ .ss_family = p->family == 4 ? AF_INET : p->family == 6 ? AF_INET6 : AF_UNIX };
	if (p->family == 4)
		memcpy(&four->sin_addr, p->bytes, sizeof four->sin_addr);
	else if (p->family == 6)
		memcpy(&six->sin6_addr, p->bytes, sizeof six->sin6_addr);
}

static bool is_hosted(struct proxy *p, struct bytes to)
{
	struct bytes domain;
	char ascii[254];

	return to.n < sizeof ((struct bosh *)0)->to && jid_parse_domain(to, &p->arena, &domain) == 0 &&
	       jid_domain_to_ascii(domain, ascii) == 0 && proxy_is_domain(p, ascii);
}

/* Is there room, and for this address, too? */
static int enter(struct exchange *x, struct address_count **out)
{
	struct proxy *p = x->proxy;
	struct sockaddr_storage from;

	sockaddr_of(&x->conn->peer, &from);
	if (p->n_bosh >= p->config.bosh_max)
		return ERR_FULL;
	return address_enter(&p->bosh_addresses, (const struct sockaddr *)&from, p->config.bosh_per_address, out);
}

static struct bosh_session *session_new(struct exchange *x, const struct bosh_body *body, struct address_count *address)
{
	struct proxy *p = x->proxy;
	struct bosh_session *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->proxy = p;
	s->id = p->next_id++;
	s->opened_ms = s->last_in_ms = loop_now(p->loop);
	s->peer = x->conn->peer;
	s->address = address;
	s->content = body->content;
	snprintf(s->tls, sizeof s->tls, "%s", tls_version_name(x->conn->client.tls));
	loop_timer_init(&s->timer, on_timer, s);
	loop_defer_init(&s->look, look, s);
	return s;
}

/* Behind this the session answers the request. */
static int session_start(struct bosh_session *s, struct exchange *x, const struct bosh_body *body)
{
	struct proxy *p = s->proxy;
	char sid[BOSH_SID_CHARS + 1];
	int rc = join_bosh(x, &s->access, &owner, s);

	if (rc)
		return rc;
	s->has_access = true;
	random_hex(sid, BOSH_SID_CHARS);
	rc = bosh_open(&s->bosh, &engine_owner, s, p->xml, &p->limits, &p->body_limits, sid, body, x, loop_now(p->loop));
	if (!rc)
		rc = map_add(&p->bosh_sids, bytes_of(s->bosh.sid), s);
	if (rc) {
		link_close(&s->access);
		bosh_fini(&s->bosh);
		return rc;
	}
	list_add_tail(&p->bosh_sessions, &s->node);
	p->n_bosh++;
	p->stats[STAT_BOSH]++;
	x->bosh->session = s;
	log_info("proxy.bosh.opened", LOG_ID("id", s->id));
	look_later(s);
	return 0;
}

static void create(struct exchange *x, const struct bosh_body *body)
{
	struct proxy *p = x->proxy;
	struct address_count *address;

	if (body->to.n == 0) {
		refuse(x, BOSH_IMPROPER_ADDRESSING, "no domain is asked for");
		return;
	}
	if (!is_hosted(p, body->to)) {
		refuse(x, BOSH_HOST_UNKNOWN, "the domain is not hosted here");
		return;
	}
	if (body->is_terminate || body->is_restart || body->has_payload) {
		refuse(x, BOSH_BAD_REQUEST, "what asks for a session does nothing else");
		return;
	}
	int rc = enter(x, &address);
	if (rc) {
		p->stats[STAT_BOSH_FULL]++;
		refuse(x, rc == ERR_LIMIT ? BOSH_POLICY_VIOLATION : BOSH_INTERNAL_SERVER_ERROR,
		       rc == ERR_LIMIT ? "proxy bosh-sessions-address" : "proxy bosh-sessions, or no memory");
		return;
	}
	struct bosh_session *s = session_new(x, body, address);
	rc = s ? session_start(s, x, body) : ERR_NOMEM;
	if (rc) {
		address_leave(&p->bosh_addresses, address);
		free(s);
		p->stats[STAT_NO_CORE]++;
		refuse(x, rc == ERR_AGAIN ? BOSH_REMOTE_CONNECTION_FAILED : BOSH_INTERNAL_SERVER_ERROR, "no way to gh-access, or no memory");
	}
}

/* ---- requests ---- */

int bosh_begin(struct exchange *x, const struct http1_request *q)
{
	struct proxy *p = x->proxy;

	if (p->bosh_bytes >= BODIES_MAX)
		return ERR_LIMIT;
	x->bosh = calloc(1, sizeof *x->bosh);
	if (!x->bosh)
		return ERR_NOMEM;
	buf_init(&x->bosh->body, p->config.message_max);
	loop_defer_init(&x->bosh->answered, on_answered, x);
	if (q->expects_continue)
		x->way->go_on(x);
	exchange_wait(x, BODY_MS);
	return 0;
}

bool bosh_body_came(struct exchange *x, struct bytes piece)
{
	struct proxy *p = x->proxy;
	struct buf *body = &x->bosh->body;
	size_t before = buf_len(body);

	if (p->bosh_bytes + piece.n <= BODIES_MAX)
		buf_put_bytes(body, piece);
	p->bosh_bytes += buf_len(body) - before;
	if (buf_len(body) == before + piece.n)
		return true;
	bool is_long = buf_failed(body);
	bosh_ask_free(x);
	exchange_refuse(x, is_long ? 413 : 503, is_long ? "a body is no longer than proxy message-size" : "too much is on its way here");
	x->way->done(x, false);
	return false;
}

void bosh_ended(struct exchange *x)
{
	struct proxy *p = x->proxy;
	struct bytes in = buf_bytes(&x->bosh->body);
	struct bosh_body body;
	const char *why;

	x->bosh->has_ended = true;
	exchange_wait(x, HELD_MS);
	if (x->is_gone)
		return;
	arena_reset(&p->arena);
	if (!bosh_body_read(in, p->xml, &p->body_limits, &p->arena, &body, &why)) {
		refuse(x, BOSH_BAD_REQUEST, why);
		return;
	}
	if (body.sid.n == 0) {
		create(x, &body);
		return;
	}
	struct bosh_session *s = map_get(&p->bosh_sids, body.sid);
	if (!s || s->bosh.is_over) {
		refuse(x, BOSH_ITEM_NOT_FOUND, "there is no such session");
		return;
	}
	s->last_in_ms = loop_now(p->loop);
	x->bosh->session = s;
	bosh_request(&s->bosh, &body, in, x, &p->arena, s->last_in_ms);
	look_later(s);
}

bool bosh_is_waiting(const struct exchange *x)
{
	return x->bosh && x->bosh->has_ended;
}

void bosh_exchange_gone(struct exchange *x)
{
	struct bosh_session *s = x->bosh ? x->bosh->session : NULL;

	if (!x->bosh)
		return;
	loop_defer_cancel(&x->bosh->answered);
	x->bosh->session = NULL;
	if (s) {
		bosh_lost(&s->bosh, x, loop_now(x->proxy->loop));
		look_later(s);
	}
}

void bosh_ask_free(struct exchange *x)
{
	if (!x->bosh)
		return;
	x->proxy->bosh_bytes -= buf_len(&x->bosh->body);
	buf_fini(&x->bosh->body);
	free(x->bosh);
	x->bosh = NULL;
}
