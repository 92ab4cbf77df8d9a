#include "conn.h"

#include "base/err.h"

#include <stdlib.h>

/* HTTP/1.1 of one client (RFC 9112): small requests, small answers. */

enum {
	HEAD_MS = 10000, /* a whole request, however slowly its bytes come */
	KEEP_MS = 30000, /* between requests */
};

static const struct http1_limits limits = { .line_bytes = 4096, .head_bytes = 16 << 10, .fields = 48, .body_bytes = 4096 };

int http_open(struct conn *c)
{
	c->http = malloc(sizeof *c->http);
	if (!c->http)
		return ERR_NOMEM;
	http1_reader_init(c->http, &limits);
	conn_wait(c, HEAD_MS);
	return 0;
}

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
		websocket_data(c, rest);
	http1_reader_fini(r);
	free(r);
}

static void refuse(struct conn *c)
{
	static const struct http1_request none = { .method = HTTP1_GET };

	c->proxy->stats[STAT_MALFORMED]++;
	route_refuse(c, &none, c->http->status, c->http->why);
	link_kick(&c->client);
	end(c);
}

/* One event of the reader. False: nothing more may be read from it. */
static bool take(struct conn *c, enum http1_event what, const struct http1_request *q)
{
	if (what == HTTP1_HEAD_CAME) {
		c->proxy->stats[STAT_REQUESTS]++;
		if (q->expects_continue) { /* nothing here wants a body */
			route_refuse(c, q, 417, "no body is expected");
			link_kick(&c->client);
			end(c);
			return false;
		}
		c->is_upgrade = route_request(c, q);
		c->is_kept = q->is_kept;
		link_kick(&c->client);
		return true;
	}
	if (what == HTTP1_BODY_CAME)
		return true;
	if (c->is_upgrade) {
		upgrade(c);
		return false;
	}
	if (!c->is_kept) {
		end(c);
		return false;
	}
	conn_wait(c, KEEP_MS);
	return !c->is_gone;
}

void http_data(struct conn *c, struct bytes in)
{
	static struct http1_request q; /* large; used within one call */
	enum http1_event what;
	struct bytes piece;
	int rc;

	if (c->is_ending)
		return;
	bool was_inside = http1_is_inside(c->http);
	if (http1_feed(c->http, in)) {
		conn_drop(c, "pipeline");
		return;
	}
	while ((rc = http1_next(c->http, &what, &q, &piece)) == 0)
		if (!take(c, what, &q) || c->is_gone)
			return;
	if (rc != ERR_AGAIN)
		refuse(c);
	else if (!was_inside && http1_is_inside(c->http))
		conn_wait(c, HEAD_MS);
}

void http_timeout(struct conn *c)
{
	static const struct http1_request none = { .method = HTTP1_GET };

	if (c->is_ending || !http1_is_inside(c->http)) {
		conn_drop(c, "timeout");
		return;
	}
	route_refuse(c, &none, 408, "the request did not come in time");
	link_kick(&c->client);
	end(c);
}
