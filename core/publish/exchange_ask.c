#include "exchange.h"

#include "base/err.h"

/* The request of an exchange: judged, then on its way to the service. */

static void send_body(struct exchange *x, struct bytes piece)
{
	x->body += piece.n;
	x->publish->stats[STAT_BYTES_IN] += piece.n;
	if (x->body > x->body_max) {
		exchange_leave(x, false);
		if (x->state < STATE_ANSWER)
			exchange_refuse(x, 413, "the body is longer than it may be here");
		else
			exchange_drop(x);
		return;
	}
	forward_put_body(link_out(&x->outlet->link), (enum forward_body)x->sends, piece);
}

static void take_head(struct exchange *x, const struct http1_request *q);

void exchange_read(struct exchange *x)
{
	static struct http1_request q; /* large; used within one call */
	enum http1_event what;
	struct bytes piece;
	int rc = 0;

	while (!x->is_gone && x->state != STATE_WAIT && x->state != STATE_ENDING && (rc = http1_next(&x->ask, &what, &q, &piece)) == 0) {
		if (what == HTTP1_HEAD_CAME && x->state != STATE_ASK)
			exchange_drop(x); /* the next request waits for the answer to this */
		else if (what == HTTP1_HEAD_CAME)
			take_head(x, &q);
		else if (what == HTTP1_BODY_CAME)
			send_body(x, piece);
		else {
			x->has_ended = true;
			forward_end_body(link_out(&x->outlet->link), (enum forward_body)x->sends);
		}
	}
	if (x->is_gone || rc == 0)
		return;
	if (rc != ERR_AGAIN) {
		x->publish->stats[STAT_MALFORMED]++;
		exchange_leave(x, false);
		if (x->state < STATE_ANSWER)
			exchange_refuse(x, x->ask.status, x->ask.why);
		else
			exchange_drop(x);
		return;
	}
	exchange_flow(x);
}

void exchange_connect(struct exchange *x, bool is_fresh)
{
	struct outlet *o = NULL;

	x->state = STATE_WAIT;
	link_pause(&x->pair, true);
	exchange_wait(x, LONGEST_MS); /* the outlet has times of its own: name, connection, TLS */
	int rc = outlet_take(x->target, x, is_fresh, &o);
	x->outlet = o;
	if (rc) {
		x->publish->stats[STAT_TOO_MANY]++;
		exchange_fail(x, 503, "too many are asking the service now");
	} else if (o->is_ready) {
		exchange_ready(x);
	}
}

struct refusal {
	int status;
	const char *why;
};

/* May it go on? status 0: to *site. */
static struct refusal judge(struct exchange *x, const struct http1_request *q, const struct allow_site **site)
{
	struct allow_answer a;
	char host[ALLOW_HOST_MAX + 1];
	uint16_t port;
	struct buf path;
	const char *why = "the path is none";

	if (q->target.p[0] != '/' || forward_is_upgrade(q))
		return (struct refusal){ 400, "this is no request that a front of ours sends" };
	if (allow_host(q->host, host, &port))
		return (struct refusal){ 400, "Host is none" };
	buf_init(&path, ALLOW_PATH_MAX + 16);
	bool is_normal = allow_path(q->path, &path, &why) == 0 && bytes_eq(buf_bytes(&path), q->path);
	buf_fini(&path);
	if (!is_normal)
		return (struct refusal){ 400, why[0] ? why : "the path is not in its normal form" };
	allow_judge(&x->publish->list, host, port, q->method_text, q->path, &a);
	if (a.verdict != ALLOW_YES)
		return (struct refusal){ a.verdict == ALLOW_NO_METHOD ? 405 : 403, allow_verdict_text(a.verdict) };
	*site = a.site;
	return (struct refusal){ 0, NULL };
}

static void take_head(struct exchange *x, const struct http1_request *q)
{
	struct publish *p = x->publish;
	const struct allow_site *site = NULL;
	char address[PEER_TEXT_BYTES];

	x->is_of_head = q->method == HTTP1_HEAD;
	x->has_body = q->has_body;
	x->sends = q->is_chunked ? FORWARD_CHUNKS : FORWARD_PLAIN;
	p->stats[STAT_REQUESTS]++;
	struct refusal r = judge(x, q, &site);
	struct target *t = site ? target_of(p, site->key) : NULL;
	if (!r.status && !t)
		r = (struct refusal){ 503, "the service has no place yet" };
	if (!r.status && q->length > t->conf.body_max)
		r = (struct refusal){ 413, "the body is longer than it may be here" };
	if (r.status) {
		p->stats[STAT_REFUSED]++;
		exchange_refuse(x, r.status, r.why);
		return;
	}
	peer_address_text(&x->peer, address);
	forward_put_request(&x->head, &(struct forward){ .request = q, .host = q->host, .path = q->path, .address = address });
	if (buf_failed(&x->head)) {
		exchange_refuse(x, 431, "the head is too long");
		return;
	}
	t->requests++;
	x->target = t;
	x->body_max = t->conf.body_max;
	x->timeout_ms = t->conf.timeout_ms;
	exchange_connect(x, q->has_body);
}

void exchange_ready(struct exchange *x)
{
	struct outlet *o = x->outlet;

	x->state = STATE_SENT;
	buf_put_bytes(link_out(&o->link), buf_bytes(&x->head));
	http1_answers_head(&o->reader, x->is_of_head);
	if (x->has_body) {
		http1_put_status(link_out(&x->pair), 100);
		http1_end_head_none(link_out(&x->pair));
	}
	x->still_ms = 0;
	x->moved = exchange_moved(x);
	exchange_wait(x, x->timeout_ms);
	if (x->is_gone)
		return;
	link_pause(&x->pair, false);
	if (x->has_ended)
		exchange_flow(x); /* it is asked again */
	else
		exchange_read(x);
}
