#include "http2.h"

#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

/* The connection: its bytes, its time, its end. */

enum {
	FIRST_MS = 10000,  /* for a first request */
	FIELDS_MS = 10000, /* for all fields of a request, in however many frames */
	IDLE_MS = 60000,   /* without any stream; pings do not count */
	REFUSED_LINES = 30, /* a minute: scanners find the port */
};

/* As of HTTP/1.1 (http.c); a field counts 32 bytes more. */
static const struct http1_limits limits = { .line_bytes = 4096, .head_bytes = 16 << 10, .fields = 48, .body_bytes = 64ULL << 30 };

/* ---- end ---- */

static void log_refused(struct http2 *h, const char *why)
{
	struct proxy *p = h->conn->proxy;
	char peer[PEER_TEXT_BYTES];
	uint32_t held = 0;

	p->stats[STAT_HTTP2_REFUSED]++;
	if (!log_limit_pass(&p->http2_log, REFUSED_LINES, loop_now(p->loop), &held))
		return;
	peer_address_text(&h->conn->peer, peer);
	log_info("proxy.http2.refused", LOG_STR("address", peer), LOG_STR("why", why), LOG_INT("suppressed", held));
}

static void drop_streams(struct http2 *h)
{
	LIST_EACH (it, &h->streams) {
		struct http2_stream *s = LIST_OWNER(it, struct http2_stream, node);
		h2_reset(&h->h2, &s->stream);
		http2_stream_forget(s);
	}
}

static void head_free(struct http2 *h)
{
	if (h->head)
		h2_head_fini(h->head);
	free(h->head);
	h->head = NULL;
}

/* It has said good-bye: what is queued goes out. */
static void over(struct http2 *h)
{
	if (h->is_over)
		return;
	h->is_over = true;
	loop_timer_del(h->conn->proxy->loop, &h->conn->x.timer); /* the link ends by itself */
	drop_streams(h);
	link_kick(&h->conn->client);
	link_shutdown(&h->conn->client);
}

void http2_close(struct conn *c)
{
	if (!c->http2)
		return;
	c->http2->is_over = true;
	drop_streams(c->http2);
	loop_defer_cancel(&c->http2->pump);
}

void http2_free(struct http2 *h)
{
	if (!h)
		return;
	head_free(h);
	h2_fini(&h->h2);
	free(h);
}

/* ---- what is to be waited for ---- */

static bool has_joined(const struct http2 *h)
{
	LIST_EACH (it, &h->streams)
		if (LIST_OWNER(it, struct http2_stream, node)->x.is_joined)
			return true;
	return false;
}

static enum http2_wait wait_of(const struct http2 *h)
{
	if (h->h2.reading)
		return HTTP2_FIELDS;
	if (!list_is_empty(&h->streams))
		return HTTP2_BUSY; /* each has its own time */
	return h->h2.opened ? HTTP2_IDLE : HTTP2_FIRST;
}

static void look(struct http2 *h)
{
	static const uint32_t ms[] = { [HTTP2_FIRST] = FIRST_MS, [HTTP2_FIELDS] = FIELDS_MS, [HTTP2_IDLE] = IDLE_MS };
	struct conn *c = h->conn;
	enum http2_wait wait = wait_of(h);

	if (!h->h2.reading)
		head_free(h);
	/* With its streams of messages, which gh-access counted, goes what carried them: it is no stranger's (conn.h, address). */
	if (!c->address && !has_joined(h))
		h2_drain(&h->h2);
	if (wait == h->wait)
		return;
	h->wait = (uint8_t)wait;
	if (wait == HTTP2_BUSY)
		loop_timer_del(c->proxy->loop, &c->x.timer);
	else
		conn_wait(c, ms[wait]);
}

/* ---- bytes ---- */

/* As much as the connection takes; what the kernel does not take brings it back here when it has (drained). */
static void pump(struct http2 *h)
{
	struct conn *c = h->conn;

	if (c->is_gone || h->is_over)
		return;
	look(h);
	if (c->is_gone || (link_queued(&c->client) >= HTTP2_HIGH && !h->is_ending))
		return;
	int rc = h2_output(&h->h2, link_out(&c->client), HTTP2_HIGH);
	if (rc == ERR_PROTOCOL) {
		log_refused(h, h->h2.why);
		over(h);
		return;
	}
	if (rc) {
		conn_drop(c, err_name(rc));
		return;
	}
	if (h->is_ending || (h->h2.is_draining && list_is_empty(&h->streams) && link_queued(&c->client) < HTTP2_HIGH)) {
		over(h);
		return;
	}
	if (link_queued(&c->client) == 0)
		return;
	link_kick(&c->client);
	if (link_queued(&c->client) >= HTTP2_HIGH)
		loop_defer_call(c->proxy->loop, &h->pump); /* after that kick */
}

static void on_pump(void *arg)
{
	pump(arg);
}

void http2_kick(struct http2 *h)
{
	if (!h->is_over)
		loop_defer_call(h->conn->proxy->loop, &h->pump);
}

void http2_drained(struct conn *c)
{
	http2_kick(c->http2);
}

void http2_data(struct conn *c, struct bytes in)
{
	struct http2 *h = c->http2;

	if (h->is_over)
		return;
	int rc = h2_input(&h->h2, in, loop_now(c->proxy->loop));
	if (rc == ERR_NOMEM)
		conn_drop(c, "memory");
	else if (rc)
		pump(h); /* its good-bye, at once: nothing more may be read */
	else
		http2_kick(h);
}

/* ---- fields ---- */

static void on_begin(void *arg)
{
	struct http2 *h = arg;

	head_free(h);
	h->head = malloc(sizeof *h->head);
	if (h->head)
		h2_head_init(h->head, &limits);
}

static void on_field(void *arg, struct bytes name, struct bytes value)
{
	struct http2 *h = arg;

	if (h->head)
		h2_head_field(h->head, name, value);
}

static void on_request(void *arg, int32_t id, bool is_whole)
{
	struct http2 *h = arg;

	if (h->head)
		http2_request(h, id, is_whole);
	else
		h2_refuse(&h->h2, id, 503);
	head_free(h);
}

static void on_malformed(void *arg, const char *why)
{
	struct http2 *h = arg;

	h->conn->proxy->stats[STAT_MALFORMED]++;
	if (!h->is_malformed)
		log_refused(h, why);
	h->is_malformed = true;
}

static const struct h2_owner owner = {
	.begin = on_begin,
	.field = on_field,
	.request = on_request,
	.data = http2_stream_data,
	.ended = http2_stream_ended,
	.drained = http2_stream_drained,
	.closed = http2_stream_closed,
	.malformed = on_malformed,
};

/* ---- begin, time ---- */

int http2_open(struct conn *c)
{
	const struct h2_limits l = {
		.streams_max = c->proxy->config.http2_streams,
		.window = H2_WINDOW_FRONT,
		.fields_bytes = limits.head_bytes,
		.out_max = CONN_QUEUE_MAX,
		.is_open = true,
	};
	struct http2 *h = calloc(1, sizeof *h);

	if (!h || h2_init(&h->h2, true, &l, &owner, h, loop_now(c->proxy->loop))) {
		free(h);
		return ERR_NOMEM;
	}
	h->conn = c;
	h->wait = HTTP2_BUSY;
	list_init(&h->streams);
	loop_defer_init(&h->pump, on_pump, h);
	c->http2 = h;
	c->proxy->stats[STAT_HTTP2]++;
	http2_kick(h);
	return 0;
}

void http2_drain(struct conn *c)
{
	h2_drain(&c->http2->h2);
	http2_kick(c->http2);
}

void http2_end(struct conn *c, const char *reason)
{
	struct http2 *h = c->http2;

	LIST_EACH (it, &h->streams) {
		struct exchange *x = &LIST_OWNER(it, struct http2_stream, node)->x;
		if (x->websocket)
			websocket_close(x, WS_GOING_AWAY, reason);
	}
	h->is_ending = true; /* behind this: whoever ends it may be going through the exchanges */
	http2_drain(c);
}

void http2_timeout(struct conn *c)
{
	struct http2 *h = c->http2;

	c->proxy->stats[STAT_TIMEOUT]++;
	if (h->wait == HTTP2_FIELDS)
		h2_calm(&h->h2, "the fields did not come in time");
	else
		h2_drain(&h->h2);
	http2_kick(h);
}
