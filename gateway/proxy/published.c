#include "conn.h"
#include "web_pair.h"

#include "base/err.h"
#include "base/log.h"
#include "proto/forward.h"

#include <stdio.h>
#include <stdlib.h>

/* A request to a web service inside (mra.md M-15). What the allow list does not have is refused here; the rest goes to gh-publish, of
 * this box or by gh-link of a core, which judges it again and knows where the service is. Bytes go through as fast as both sides take
 * them; nothing is kept but the head of a request that may have to be said again (RFC 9112 9.3.1). */

enum {
	HIGH_WATER = 64 << 10,
	CONNECT_MS = 120000, /* for gh-publish, which has times of its own for each step */
	PACE_MS = 30000,     /* a client that is waited for and moves less in that time has no place here */
	PACE_BYTES = 32 << 10,
	SILENCE_MS = 3700 * 1000, /* longer than any target's timeout: gh-publish ends it before */
	LINES = 30,
	HEAD_MAX = 64 << 10,
};

enum state {
	STATE_ASKED, /* gh-publish has the head; the client is not read from */
	STATE_IN,    /* the client's bytes go to gh-publish */
	STATE_SENT,  /* all have gone; the answer is to come */
	STATE_OUT,   /* the answer has begun */
	STATE_DONE,  /* all of it has come */
};

struct published {
	struct web_pair *pair; /* NULL: none (any more) */
	struct buf head;   /* of a request that goes by a pair which was used before */
	uint64_t moved;    /* bytes of the client at the last look */
	uint64_t heard_ms; /* when the pair said something last */
	uint8_t state;
	bool is_chunked;   /* the request */
	bool wants_continue; /* RFC 9110 10.1.1 */
	bool is_interim;   /* the head that came last is of 1xx */
	bool may_repeat;   /* gh-publish may have been closing the pair: it is asked again by another, once */
	bool is_sent;      /* gh-publish has all of the request */
	bool is_pair_kept; /* and goes on after its answer */
	bool has_ended;    /* the request is read whole */
	bool may_keep;     /* the connection may go on afterwards */
};

/* ---- end ---- */

static void leave_pair(struct published *p, bool may_keep)
{
	struct web_pair *w = p->pair;

	p->pair = NULL;
	if (w)
		web_pair_leave(w, may_keep);
}

void published_close(struct published *p)
{
	if (p)
		leave_pair(p, false);
}

void published_free(struct published *p)
{
	if (!p)
		return;
	published_close(p);
	buf_fini(&p->head);
	free(p);
}

/* The answer is whole and has left: on with the connection, or its end. */
static void finish(struct exchange *x)
{
	struct published *p = x->published;
	bool goes_on = p->may_keep && p->has_ended && x->is_kept;

	x->published = NULL;
	published_free(p);
	x->way->done(x, goes_on);
}

/* As that of a transfer: behind the client's own kick. */
static void look_behind(struct exchange *x)
{
	loop_defer_call(x->proxy->loop, &x->drained);
}

static void done(struct exchange *x)
{
	struct published *p = x->published;

	leave_pair(p, p->state == STATE_OUT && p->is_sent && p->is_pair_kept);
	p->state = STATE_DONE;
	x->way->kick(x);
	look_behind(x);
}

/* It ends before its answer has begun. */
static void fail(struct exchange *x, int status, const char *why)
{
	x->proxy->stats[STAT_PUBLISHED_FAILED]++;
	x->published->may_keep = x->is_kept = false;
	x->way->pause(x, true);
	exchange_refuse(x, status, why);
	if (x->is_gone)
		return;
	done(x);
	exchange_wait(x, PACE_MS);
}

/* ---- the answer ---- */

/* gh-publish has a connection to the service: the client may send. */
static void go_on(struct exchange *x)
{
	struct published *p = x->published;

	if (p->state != STATE_ASKED)
		return; /* the service's own 1xx end at gh-publish */
	p->state = STATE_IN;
	p->may_repeat = false;
	if (p->wants_continue)
		x->way->go_on(x);
	if (x->is_gone)
		return;
	p->moved = x->way->moved(x);
	exchange_wait(x, PACE_MS);
	if (!x->is_gone)
		x->way->pause(x, false);
}

/* How its body comes; a length without one is that of another answer (RFC 9110 8.6). */
static void put_length(struct answer *a, const struct http1_request *q)
{
	bool has_length = http1_count(q, "content-length") > 0 && q->status != 204;

	a->body = !q->has_body ? ANSWER_NONE : has_length ? ANSWER_SIZED : ANSWER_OPEN;
	a->length = q->length;
	if (a->body == ANSWER_NONE && has_length)
		answer_add(a, "Content-Length", http1_value(q, "content-length"));
}

static void answer_head(struct exchange *x, const struct http1_request *q)
{
	struct published *p = x->published;
	struct answer a = { .status = (int)q->status };

	/* What the client still sends of a body that nobody wants would stand before its next request. */
	x->is_kept = p->may_keep = p->may_keep && p->has_ended && x->is_kept;
	x->way->pause(x, true);
	p->state = STATE_OUT;
	p->is_pair_kept = q->is_kept;
	p->moved = x->way->moved(x);
	a.n = forward_response_fields(q, a.fields, HTTP1_FIELDS_MAX);
	answer_add(&a, "Strict-Transport-Security", BYTES("max-age=31536000"));
	put_length(&a, q);
	x->way->answer(x, &a);
	if (!x->is_gone)
		exchange_wait(x, PACE_MS);
}

/* One event of the answer. False: it is over. */
static bool take(struct exchange *x, enum http1_event what, const struct http1_request *q, struct bytes piece)
{
	struct published *p = x->published;

	if (what == HTTP1_HEAD_CAME) {
		p->is_interim = q->status < 200;
		if (!p->is_interim)
			answer_head(x, q);
	} else if (what == HTTP1_BODY_CAME) {
		exchange_put(x, piece);
	} else if (p->is_interim) {
		go_on(x);
	} else {
		exchange_put_end(x);
		done(x);
		return false;
	}
	return !x->is_gone;
}

void published_data(struct exchange *x, struct bytes in)
{
	static struct http1_request q; /* large; used within one call */
	struct published *p = x->published;
	enum http1_event what;
	struct bytes piece;

	struct web_pair *w = p->pair;
	p->heard_ms = loop_now(x->proxy->loop);
	p->may_repeat = false;
	pacer_count(&x->proxy->published_pacer);
	int rc = http1_feed(&w->answer, in);
	while (rc == 0 && (rc = http1_next(&w->answer, &what, &q, &piece)) == 0)
		if (!take(x, what, &q, piece) || x->published != p || p->pair != w)
			return;
	if (rc != ERR_AGAIN && p->state != STATE_OUT) {
		fail(x, 502, "what stands before the service is out of order");
		return;
	}
	if (rc != ERR_AGAIN) {
		x->way->drop(x, "publish-protocol");
		return;
	}
	x->way->kick(x);
	if (p->state == STATE_OUT && x->way->queued(x) > HIGH_WATER) {
		link_pause(&w->link, true);
		look_behind(x);
	}
}

void published_drained(struct exchange *x)
{
	if (x->published->state == STATE_IN)
		x->way->pause(x, false);
}

/* By a pair that has carried nothing yet. */
static int repeat(struct exchange *x)
{
	struct published *p = x->published;
	int rc = web_pair_take(x, false, &p->pair);

	if (rc)
		return rc;
	p->may_repeat = false;
	x->proxy->stats[STAT_PUBLISHED_REPEATED]++;
	http1_answers_head(&p->pair->answer, x->is_head);
	(void)link_send(&p->pair->link, buf_bytes(&p->head)); /* full: it says closed */
	return 0;
}

void published_broken(struct exchange *x)
{
	struct published *p = x->published;

	p->pair = NULL;
	if (p->may_repeat && repeat(x) == 0)
		return;
	if (p->state == STATE_OUT)
		x->way->drop(x, "publish-broken"); /* the client sees that its answer is not whole */
	else
		fail(x, 503, "what stands before the service is away or busy");
}

/* ---- the request ---- */

/* May it be asked twice, when nobody knows whether it was heard (RFC 9110 9.2.1)? A body is not sent before 100 says that it was. */
static bool is_harmless(const struct http1_request *q)
{
	return q->has_body || q->method == HTTP1_GET || q->method == HTTP1_HEAD || q->method == HTTP1_OPTIONS;
}

static void put_head(struct published *p, const struct forward *f)
{
	struct buf *out = link_out(&p->pair->link);
	size_t at = buf_len(out);

	forward_put_request(out, f);
	if (p->pair->is_used && !buf_failed(out)) {
		buf_put_bytes(&p->head, bytes_skip(buf_bytes(out), at));
		p->may_repeat = !buf_failed(&p->head);
	}
	link_kick(&p->pair->link);
}

static int begin(struct exchange *x, const struct http1_request *q, struct bytes path)
{
	struct forward f = { .request = q, .host = q->host, .path = path, .is_expecting = true };
	struct published *p = calloc(1, sizeof *p);
	int rc = p ? web_pair_take(x, is_harmless(q), &p->pair) : ERR_NOMEM;

	if (rc) {
		free(p);
		return rc;
	}
	buf_init(&p->head, HEAD_MAX);
	http1_answers_head(&p->pair->answer, q->method == HTTP1_HEAD);
	p->is_chunked = q->is_chunked;
	p->wants_continue = q->expects_continue;
	p->may_keep = true;
	p->is_sent = !q->has_body;
	p->heard_ms = loop_now(x->proxy->loop);
	p->state = q->has_body ? STATE_ASKED : STATE_SENT;
	x->published = p;
	x->proxy->stats[STAT_PUBLISHED]++;
	pacer_count(&x->proxy->published_pacer);
	put_head(p, &f);
	x->way->pause(x, true);
	exchange_wait(x, q->has_body ? CONNECT_MS : SILENCE_MS);
	return 0;
}

static void refuse(struct exchange *x, const struct http1_request *q, int status, const char *why)
{
	uint32_t held;

	x->proxy->stats[STAT_PUBLISHED_REFUSED]++;
	if (log_limit_pass(&x->proxy->published_log, LINES, loop_now(x->proxy->loop), &held))
		log_info("proxy.published.refused", LOG_BYTES("host", q->host), LOG_BYTES("path", q->path), LOG_BYTES("method", q->method_text),
		         LOG_STR("why", why), LOG_INT("suppressed", held));
	exchange_refuse(x, status, why);
}

static void refuse_method(struct exchange *x, const struct allow_rule *rule)
{
	struct answer a;
	struct buf set;

	x->proxy->stats[STAT_PUBLISHED_REFUSED]++;
	buf_init(&set, 128);
	allow_put_methods(&set, rule->methods, ", ");
	answer_init(&a, x, 405, NULL);
	answer_add(&a, "Allow", buf_bytes(&set));
	exchange_reply(x, &a, BYTES_NONE);
	buf_fini(&set);
}

static void judge(struct exchange *x, const struct http1_request *q, const char *host, uint16_t port)
{
	struct allow_answer a;
	const char *why = "";
	struct buf path;

	buf_init(&path, ALLOW_PATH_MAX + 16);
	int rc = q->target.p[0] == '/' ? allow_path(q->path, &path, &why) : ERR_SYNTAX;
	if (rc) {
		refuse(x, q, 400, why[0] ? why : "the target is no path");
	} else if (q->protocol.n || forward_is_upgrade(q)) {
		refuse(x, q, 501, "nothing but HTTP goes to services inside");
	} else {
		allow_judge(&x->proxy->published, host, port, q->method_text, buf_bytes(&path), &a);
		if (a.verdict == ALLOW_NO_METHOD)
			refuse_method(x, a.rule);
		else if (a.verdict != ALLOW_YES)
			refuse(x, q, 403, allow_verdict_text(a.verdict));
		else if (begin(x, q, buf_bytes(&path))) {
			x->proxy->stats[STAT_NO_PUBLISH]++;
			exchange_refuse(x, 503, "what stands before the service is away");
		}
	}
	buf_fini(&path);
}

bool published_route(struct exchange *x, const struct http1_request *q)
{
	char host[ALLOW_HOST_MAX + 1];
	uint16_t port;

	if (x->proxy->published.n_sites == 0 || allow_host(q->host, host, &port) || !allow_site_of(&x->proxy->published, host) ||
	    proxy_is_host(x->proxy, q->host))
		return false;
	judge(x, q, host, port);
	return true;
}

bool published_takes_body(const struct exchange *x)
{
	return x->published->state == STATE_IN;
}

void published_body(struct exchange *x, struct bytes piece)
{
	struct published *p = x->published;

	if (p->state != STATE_IN)
		return; /* it has had its answer */
	forward_put_body(link_out(&p->pair->link), p->is_chunked ? FORWARD_CHUNKS : FORWARD_PLAIN, piece);
	link_kick(&p->pair->link);
	if (link_queued(&p->pair->link) > CONN_HIGH_WATER) {
		x->way->pause(x, true);
		look_behind(x); /* it may all go at once: then the pair is not drained later */
	}
}

void published_ended(struct exchange *x)
{
	struct published *p = x->published;

	p->has_ended = true;
	if (p->state != STATE_IN)
		return;
	if (p->is_chunked) {
		forward_end_body(link_out(&p->pair->link), FORWARD_CHUNKS);
		link_kick(&p->pair->link);
	}
	p->state = STATE_SENT;
	p->is_sent = true;
	x->way->pause(x, true);
	exchange_wait(x, SILENCE_MS);
}

void published_client_drained(struct exchange *x)
{
	struct published *p = x->published;

	if (p->state == STATE_OUT)
		link_pause(&p->pair->link, false);
	else if (p->state == STATE_IN && link_queued(&p->pair->link) == 0)
		x->way->pause(x, false);
	else if (p->state == STATE_DONE && x->way->queued(x) == 0)
		finish(x);
}

/* Who is slow goes, whichever side it is. A service that says little is none of it: gh-publish looks at that. */
void published_timeout(struct exchange *x)
{
	struct published *p = x->published;
	uint64_t now = x->way->moved(x);
	bool is_waited_for = p->state == STATE_IN ? link_queued(&p->pair->link) == 0 : x->way->queued(x) > 0;

	if (p->state == STATE_ASKED || p->state == STATE_SENT) {
		fail(x, 504, "the service does not answer");
		return;
	}
	if (is_waited_for && now - p->moved < PACE_BYTES) {
		x->proxy->stats[STAT_TIMEOUT]++;
		if (p->state == STATE_IN)
			fail(x, 408, "the body comes too slowly");
		else
			x->way->drop(x, "slow");
		return;
	}
	if (loop_now(x->proxy->loop) - p->heard_ms > SILENCE_MS && p->state == STATE_OUT) {
		x->way->drop(x, "publish-silent");
		return;
	}
	p->moved = now;
	exchange_wait(x, PACE_MS);
}
