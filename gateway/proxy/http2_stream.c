#include "http2.h"

#include "base/err.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* A stream: one request and its answer. */

enum {
	BODY_MS = 10000, /* a request that nobody waits for otherwise */
	/* Who takes less than that of an answer in such a time has no place here (the same as files have). */
	PACE_MS = 30000,
	PACE_BYTES = 32 << 10,
};

_Static_assert((int)ANSWER_FIELDS_MAX + 2 <= (int)H2_FIELDS_MAX, "an answer, its status and its length");

static struct http2_stream *stream_of(const struct exchange *x)
{
	return LIST_OWNER(x, struct http2_stream, x);
}

/* ---- life ---- */

static struct http2_stream *stream_new(struct http2 *h, int32_t id)
{
	struct http2_stream *s = calloc(1, sizeof *s);

	if (!s || h2_begin(&h->h2, id, &s->stream)) {
		free(s);
		return NULL;
	}
	s->http2 = h;
	buf_init(&s->in, H2_WINDOW_FRONT);
	exchange_init(&s->x, h->conn, &http2_way);
	list_add_tail(&h->streams, &s->node);
	h->conn->proxy->n_streams++;
	return s;
}

void http2_stream_forget(struct http2_stream *s)
{
	struct proxy *p = s->x.proxy;

	if (s->x.is_gone)
		return;
	exchange_gone(&s->x);
	list_del(&s->node);
	list_add_tail(&p->gone_streams, &s->node);
	p->n_streams--;
	loop_defer_call(p->loop, &p->sweep);
	http2_kick(s->http2);
}

void http2_stream_free(struct http2_stream *s)
{
	exchange_free(&s->x);
	buf_fini(&s->in);
	free(s);
}

static void stream_drop(struct exchange *x)
{
	struct http2_stream *s = stream_of(x);

	h2_reset(&s->http2->h2, &s->stream);
	http2_stream_forget(s);
}

void http2_stream_closed(void *http2, struct h2_stream *stream, int why)
{
	(void)http2, (void)why;
	http2_stream_forget(LIST_OWNER(stream, struct http2_stream, stream));
}

/* ---- the request ---- */

/* Its end reaches the exchange when all before it has. */
static void tell_end(struct http2_stream *s)
{
	if (!s->stream.has_ended || s->is_told || s->x.is_gone || buf_len(&s->in))
		return;
	s->is_told = true;
	if (s->x.websocket)
		websocket_close(&s->x, WS_GOING_AWAY, "");
	else
		(void)exchange_ended(&s->x);
}

/* Gives the exchange what it takes. */
static void give(struct http2_stream *s, struct bytes in)
{
	struct exchange *x = &s->x;

	x->last_in_ms = loop_now(x->proxy->loop);
	if (!s->is_done)
		(void)exchange_body(x, in);
	h2_consume(&s->http2->h2, &s->stream, in.n);
	/* Nor is read from who sends faster than gh-access takes it. */
	if (!x->is_gone && x->is_joined && link_queued(&x->access) > CONN_HIGH_WATER)
		s->is_paused = true;
}

static void give_rest(struct http2_stream *s)
{
	while (!s->x.is_gone && (!s->is_paused || s->is_done) && buf_len(&s->in)) {
		struct bytes in = buf_bytes(&s->in);
		give(s, in);
		buf_consume(&s->in, in.n);
		buf_release_if_empty(&s->in);
	}
	tell_end(s);
}

void http2_stream_data(void *http2, struct h2_stream *stream, struct bytes in)
{
	struct http2_stream *s = LIST_OWNER(stream, struct http2_stream, stream);

	(void)http2;
	if (!s->is_done && (s->is_paused || buf_len(&s->in))) {
		buf_put_bytes(&s->in, in);
		if (buf_failed(&s->in)) /* no memory: the window is no larger */
			stream_drop(&s->x);
		return;
	}
	give(s, in);
}

void http2_stream_ended(void *http2, struct h2_stream *stream)
{
	(void)http2;
	tell_end(LIST_OWNER(stream, struct http2_stream, stream));
}

/* Within h2_output: what is to be done is done behind it. */
void http2_stream_drained(void *http2, struct h2_stream *stream)
{
	struct http2_stream *s = LIST_OWNER(stream, struct http2_stream, stream);

	(void)http2;
	loop_defer_call(s->x.proxy->loop, &s->x.drained);
}

static void route(struct http2_stream *s, bool is_whole)
{
	static struct http1_request q; /* large; used within one call */
	struct h2_head *head = s->http2->head;
	struct exchange *x = &s->x;
	int rc = h2_head_end(head, is_whole, &q);

	x->is_head = q.method == HTTP1_HEAD;
	x->is_kept = true;
	if (rc) {
		x->proxy->stats[STAT_MALFORMED]++;
		exchange_refuse(x, head->status ? head->status : 503, head->why);
	} else {
		route_request(x, &q);
	}
}

void http2_request(struct http2 *h, int32_t id, bool is_whole)
{
	struct proxy *p = h->conn->proxy;

	p->stats[STAT_REQUESTS]++;
	if (p->n_streams >= p->config.conns_max) {
		p->stats[STAT_REFUSED_FULL]++;
		h2_refuse(&h->h2, id, 503);
		return;
	}
	struct http2_stream *s = stream_new(h, id);
	if (!s)
		return;
	exchange_wait(&s->x, BODY_MS);
	if (s->x.is_gone)
		return;
	s->stream.has_ended = is_whole; /* h2 tells it behind this, too */
	route(s, is_whole);
	if (!s->x.is_gone && !exchange_is_busy(&s->x))
		http2_way.done(&s->x, true);
}

/* ---- its way ---- */

static void lower(char out[static ANSWER_NAME_MAX], struct bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		out[i] = (char)tolower(name.p[i]);
}

static void way_answer(struct exchange *x, const struct answer *a)
{
	struct http2_stream *s = stream_of(x);
	struct h2_field fields[ANSWER_FIELDS_MAX + 2];
	static char names[ANSWER_FIELDS_MAX][ANSWER_NAME_MAX]; /* large; used within one call */
	char status[12], length[24];
	bool has_body = a->body == ANSWER_TUNNEL || a->body == ANSWER_OPEN || (a->body == ANSWER_SIZED && a->length > 0 && !x->is_head);
	size_t n = 0;

	snprintf(status, sizeof status, "%d", a->status);
	fields[n++] = (struct h2_field){ BYTES(":status"), bytes_of(status), false };
	for (size_t i = 0; i < a->n; i++) {
		struct bytes name = a->fields[i].name;
		if (name.n == 0 || name.n > ANSWER_NAME_MAX)
			continue;
		lower(names[i], name);
		if (h2_is_of_connection(bytes_make(names[i], name.n)))
			continue;
		fields[n++] = (struct h2_field){ bytes_make(names[i], name.n), a->fields[i].value, false };
	}
	if (a->body == ANSWER_SIZED) {
		snprintf(length, sizeof length, "%llu", (unsigned long long)a->length);
		fields[n++] = (struct h2_field){ BYTES("content-length"), bytes_of(length), false };
	}
	if (h2_answer(&s->http2->h2, &s->stream, fields, n, has_body, false))
		stream_drop(x);
	http2_kick(s->http2);
}

static void way_go_on(struct exchange *x)
{
	static const struct h2_field go_on = { BYTES(":status"), BYTES("100"), false };
	struct http2_stream *s = stream_of(x);

	if (h2_answer(&s->http2->h2, &s->stream, &go_on, 1, false, true))
		stream_drop(x);
	http2_kick(s->http2);
}

static struct buf *way_out(struct exchange *x)
{
	return &stream_of(x)->stream.out;
}

static void way_kick(struct exchange *x)
{
	struct http2_stream *s = stream_of(x);

	if (x->is_gone)
		return;
	if (buf_failed(&s->stream.out)) {
		stream_drop(x);
		return;
	}
	(void)h2_kick(&s->http2->h2, &s->stream); /* who puts looks at way_queued */
	http2_kick(s->http2);
}

static size_t way_queued(const struct exchange *x)
{
	return buf_len(&stream_of(x)->stream.out);
}

static void way_pause(struct exchange *x, bool is_paused)
{
	struct http2_stream *s = stream_of(x);

	s->is_paused = is_paused;
	if (is_paused || x->is_gone)
		return;
	give_rest(s);
	http2_kick(s->http2);
}

static uint64_t way_moved(const struct exchange *x)
{
	return stream_of(x)->stream.moved;
}

/* The rest goes out, and what still comes is dropped. */
static void way_done(struct exchange *x, bool may_go_on)
{
	struct http2_stream *s = stream_of(x);

	(void)may_go_on; /* other streams do in any case */
	if (x->is_gone || s->is_done)
		return;
	s->is_done = true;
	s->moved_before = way_moved(x);
	exchange_wait(x, PACE_MS);
	if (x->is_gone)
		return;
	give_rest(s);
	h2_end(&s->http2->h2, &s->stream);
	http2_kick(s->http2);
}

static void way_drop(struct exchange *x, const char *reason)
{
	(void)reason;
	stream_drop(x);
}

static void way_timeout(struct exchange *x)
{
	struct http2_stream *s = stream_of(x);
	uint64_t moved = way_moved(x);

	if (s->is_done && moved - s->moved_before >= PACE_BYTES) {
		s->moved_before = moved;
		exchange_wait(x, PACE_MS);
		return;
	}
	x->proxy->stats[STAT_TIMEOUT]++;
	if (s->is_done) {
		stream_drop(x);
		return;
	}
	exchange_refuse(x, 408, "the request did not come in time");
	way_done(x, false);
}

const struct exchange_way http2_way = {
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
