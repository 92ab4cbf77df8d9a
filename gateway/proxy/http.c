#include "conn.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

/* HTTP/1.1 of one client (RFC 9112): small requests, small answers; files go by transfer.c. */

enum {
	HEAD_MS = 10000, /* a whole request, however slowly its bytes come */
	KEEP_MS = 30000, /* between requests */
};

/* The longest file that a setting may allow: what is not for files has ROUTE_BODY_MAX. */
static const struct http1_limits limits = { .line_bytes = 4096, .head_bytes = 16 << 10, .fields = 48, .body_bytes = 64ULL << 30 };

int http_open(struct conn *c)
{
	c->http = malloc(sizeof *c->http);
	if (!c->http)
		return ERR_NOMEM;
	http1_reader_init(c->http, &limits);
	conn_wait(c, HEAD_MS);
	return 0;
}

/* It has had its last answer. */
static void end(struct conn *c)
{
	c->is_ending = true;
	conn_wait(c, HEAD_MS);
	if (!c->is_gone)
		link_shutdown(&c->client);
}

/* The connection is a WebSocket's now; what it has said already is its first frames. */
static void upgrade(struct conn *c)
{
	struct http1_reader *r = c->http;
	struct bytes rest = http1_rest(r);

	c->http = NULL;
	c->kind = CONN_WEBSOCKET;
	if (rest.n)
		websocket_data(&c->x, rest);
	http1_reader_fini(r);
	free(r);
}

/* The request's end is not known, so nothing can follow the answer. */
static void answer_last(struct conn *c, int status, const char *why)
{
	c->x.is_head = c->x.is_kept = false;
	exchange_refuse(&c->x, status, why);
	link_kick(&c->client);
	end(c);
}

static void refuse(struct conn *c)
{
	c->proxy->stats[STAT_MALFORMED]++;
	answer_last(c, c->http->status, c->http->why);
}

/* Is an answer under way that has times of its own, and perhaps wants the body later? */
static bool is_long(const struct exchange *x)
{
	return x->transfer || x->published;
}

/* A request begins. False: nothing more may be read from it now. */
static bool take_head(struct conn *c, const struct http1_request *q)
{
	struct exchange *x = &c->x;
	/* What a place does not take is read when it is short. */
	bool is_short = !q->expects_continue && !q->is_chunked && q->length <= ROUTE_BODY_MAX;

	c->proxy->stats[STAT_REQUESTS]++;
	x->is_kept = q->is_kept;
	x->is_head = q->method == HTTP1_HEAD;
	x->can_chunk = q->minor > 0;
	x->is_chunked = false;
	route_request(x, q);
	link_kick(&c->client);
	if (c->is_gone)
		return false;
	if (is_long(x))
		return !q->has_body; /* its end comes at once, or its body waits until it is wanted */
	if (x->bosh || is_short)
		return true;
	end(c); /* it has its answer, and nobody wants its body */
	return false;
}

/* One event of the reader. False: nothing more may be read from it now. */
static bool take(struct conn *c, enum http1_event what, const struct http1_request *q, struct bytes piece)
{
	if (what == HTTP1_HEAD_CAME)
		return take_head(c, q);
	if (what == HTTP1_BODY_CAME)
		return c->x.websocket || exchange_body(&c->x, piece);
	if (exchange_ended(&c->x))
		return false;
	if (c->x.websocket) {
		upgrade(c);
		return false;
	}
	if (!c->x.is_kept) {
		end(c);
		return false;
	}
	conn_wait(c, KEEP_MS);
	return !c->is_gone;
}

/* Goes through what has come. */
static void read_on(struct conn *c, bool was_inside)
{
	static struct http1_request q; /* large; used within one call */
	enum http1_event what;
	struct bytes piece;
	int rc;

	while ((rc = http1_next(c->http, &what, &q, &piece)) == 0)
		if (!take(c, what, &q, piece) || c->is_gone)
			return;
	if (rc != ERR_AGAIN)
		refuse(c);
	else if (!is_long(&c->x) && !was_inside && http1_is_inside(c->http))
		conn_wait(c, HEAD_MS);
}

void http_data(struct conn *c, struct bytes in)
{
	if (c->is_ending)
		return;
	bool was_inside = http1_is_inside(c->http);
	if (http1_feed(c->http, in)) {
		conn_drop(c, "pipeline");
		return;
	}
	if (exchange_takes_body(&c->x))
		read_on(c, was_inside);
}

/* ---- its way ---- */

static void way_answer(struct exchange *x, const struct answer *a)
{
	struct buf *out = link_out(&x->conn->client);

	if (a->body == ANSWER_OPEN && !x->can_chunk)
		x->is_kept = false; /* it ends with the connection (RFC 9112 6.3) */
	http1_put_status(out, a->status);
	for (size_t i = 0; i < a->n; i++) {
		char name[ANSWER_NAME_MAX + 1];
		struct bytes n = a->fields[i].name;
		if (n.n >= sizeof name)
			continue;
		memcpy(name, n.p, n.n);
		name[n.n] = '\0';
		(void)http1_put_field(out, name, a->fields[i].value); /* one that is no field is left out */
	}
	if (a->body != ANSWER_TUNNEL && !x->is_kept)
		(void)http1_put_field(out, "Connection", BYTES("close")); /* well-formed */
	x->is_chunked = a->body == ANSWER_OPEN && x->can_chunk;
	if (a->body == ANSWER_SIZED)
		http1_end_head_length(out, a->length);
	else if (x->is_chunked)
		http1_end_head_chunked(out);
	else
		http1_end_head_none(out);
}

static void way_go_on(struct exchange *x)
{
	http1_put_status(link_out(&x->conn->client), 100);
	http1_end_head_none(link_out(&x->conn->client));
	link_kick(&x->conn->client);
}

static struct buf *way_out(struct exchange *x)
{
	return link_out(&x->conn->client);
}

static void way_kick(struct exchange *x)
{
	link_kick(&x->conn->client);
}

static size_t way_queued(const struct exchange *x)
{
	return link_queued(&x->conn->client);
}

static void way_pause(struct exchange *x, bool is_paused)
{
	struct conn *c = x->conn;

	link_pause(&c->client, is_paused);
	if (!is_paused && c->http && is_long(x) && exchange_takes_body(x))
		read_on(c, true); /* what came before it was wanted */
}

static void way_done(struct exchange *x, bool may_go_on)
{
	struct conn *c = x->conn;

	link_kick(&c->client);
	link_pause(&c->client, false); /* at the end, too: who still sends is to read the answer before the reset */
	if (!may_go_on) {
		end(c);
		return;
	}
	conn_wait(c, KEEP_MS);
	if (!c->is_gone && !c->is_ending)
		read_on(c, false);
}

static void way_drop(struct exchange *x, const char *reason)
{
	conn_drop(x->conn, reason);
}

static void way_timeout(struct exchange *x)
{
	struct conn *c = x->conn;

	if (c->kind != CONN_HTTP) {
		conn_timeout(c);
		return;
	}
	c->proxy->stats[STAT_TIMEOUT]++;
	if (c->is_ending || !http1_is_inside(c->http))
		conn_drop(c, "timeout");
	else
		answer_last(c, 408, "the request did not come in time");
}

static uint64_t way_moved(const struct exchange *x)
{
	return x->conn->client.bytes_in + x->conn->client.bytes_out;
}

const struct exchange_way http_way = {
	.answer = way_answer,
	.go_on = way_go_on,
	.out = way_out,
	.kick = way_kick,
	.queued = way_queued,
	.pause = way_pause,
	.done = way_done,
	.drop = way_drop,
	.timeout = way_timeout,
	.moved = way_moved,
};
