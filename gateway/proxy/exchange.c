#include "conn.h"

#include "proto/forward.h"

#include <stdio.h>

/* What is the same for a request of any version of HTTP. */

/* ---- life ---- */

static void on_timer(void *arg)
{
	struct exchange *x = arg;

	if (x->websocket)
		websocket_timeout(x);
	else if (x->transfer)
		transfer_timeout(x);
	else if (x->published)
		published_timeout(x);
	else
		x->way->timeout(x);
}

static void on_drained(void *arg)
{
	struct exchange *x = arg;

	if (!x->is_gone && x->way->queued(x) == 0)
		exchange_drained(x);
}

void exchange_init(struct exchange *x, struct conn *c, const struct exchange_way *way)
{
	struct proxy *p = c->proxy;

	x->way = way;
	x->proxy = p;
	x->conn = c;
	x->id = p->next_id++;
	x->opened_ms = x->last_in_ms = loop_now(p->loop);
	loop_timer_init(&x->timer, on_timer, x);
	loop_defer_init(&x->drained, on_drained, x);
	list_add_tail(&p->exchanges, &x->node);
}

void exchange_gone(struct exchange *x)
{
	x->is_gone = true;
	if (x->is_joined)
		link_close(&x->access);
	transfer_close(x->transfer);
	published_close(x->published);
	bosh_exchange_gone(x);
	loop_defer_cancel(&x->drained);
	loop_timer_del(x->proxy->loop, &x->timer);
	list_del(&x->node);
}

void exchange_free(struct exchange *x)
{
	websocket_free(x->websocket);
	transfer_free(x->transfer);
	published_free(x->published);
	bosh_ask_free(x);
}

void exchange_wait(struct exchange *x, uint64_t ms)
{
	if (loop_timer_set(x->proxy->loop, &x->timer, ms))
		x->way->drop(x, "memory"); /* nothing may wait without an end */
}

/* ---- the request ---- */

bool exchange_takes_body(const struct exchange *x)
{
	return x->transfer ? transfer_takes_body(x) : x->published ? published_takes_body(x) : !bosh_is_waiting(x);
}

bool exchange_body(struct exchange *x, struct bytes piece)
{
	if (x->websocket)
		websocket_data(x, piece);
	else if (x->bosh)
		return bosh_body_came(x, piece);
	else if (x->transfer)
		transfer_body(x, piece);
	else if (x->published)
		published_body(x, piece);
	return true;
}

bool exchange_ended(struct exchange *x)
{
	if (x->bosh)
		bosh_ended(x);
	else if (x->transfer)
		transfer_ended(x);
	else if (x->published)
		published_ended(x);
	else
		return false;
	return true;
}

bool exchange_is_busy(const struct exchange *x)
{
	return x->bosh || x->transfer || x->published || x->websocket;
}

void exchange_drained(struct exchange *x)
{
	if (x->transfer)
		transfer_client_drained(x);
	else if (x->published)
		published_client_drained(x);
	else if (x->is_joined)
		link_pause(&x->access, false);
	else
		x->way->pause(x, false);
}

/* ---- the answer ---- */

void answer_add(struct answer *a, const char *name, struct bytes value)
{
	if (a->n < ANSWER_FIELDS_MAX)
		a->fields[a->n++] = (struct http1_field){ bytes_of(name), value };
}

void answer_init(struct answer *a, const struct exchange *x, int status, const char *type)
{
	*a = (struct answer){ .status = status };
	http1_date(loop_wall_ms(x->proxy->loop) / 1000, a->date);
	answer_add(a, "Date", bytes_of(a->date));
	answer_add(a, "Strict-Transport-Security", BYTES("max-age=31536000"));
	answer_add(a, "X-Content-Type-Options", BYTES("nosniff"));
	if (type)
		answer_add(a, "Content-Type", bytes_of(type));
}

void answer_cors(struct answer *a, const struct exchange *x)
{
	/* No cookie or login of the browser counts here: a path is all that it takes. So any page may, unless pages are named. */
	answer_add(a, "Access-Control-Allow-Origin", x->origin[0] ? bytes_of(x->origin) : BYTES("*"));
	if (x->origin[0])
		answer_add(a, "Vary", BYTES("Origin"));
}

void exchange_reply(struct exchange *x, struct answer *a, struct bytes body)
{
	a->body = ANSWER_SIZED;
	a->length = body.n;
	x->way->answer(x, a);
	if (!x->is_head)
		buf_put_bytes(x->way->out(x), body);
}

void exchange_put(struct exchange *x, struct bytes piece)
{
	forward_put_body(x->way->out(x), x->is_chunked ? FORWARD_CHUNKS : FORWARD_PLAIN, piece);
}

void exchange_put_end(struct exchange *x)
{
	forward_end_body(x->way->out(x), x->is_chunked ? FORWARD_CHUNKS : FORWARD_PLAIN);
}

void exchange_refuse(struct exchange *x, int status, const char *why)
{
	struct answer a;
	char text[128];

	snprintf(text, sizeof text, "%s\n", why);
	answer_init(&a, x, status, "text/plain; charset=utf-8");
	exchange_reply(x, &a, bytes_of(text));
}
