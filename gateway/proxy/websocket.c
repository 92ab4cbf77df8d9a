#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "proto/xmpp.h"

#include <stdlib.h>

/* A stream of messages (RFC 7395) between a client and gh-access. */

enum { CLOSE_MS = 5000 };

int websocket_open(struct conn *c)
{
	struct websocket *w = calloc(1, sizeof *w);
	int rc = w ? join_access(c) : ERR_NOMEM;

	if (rc) {
		free(w);
		return rc;
	}
	ws_reader_init(&w->reader, c->proxy->config.message_max);
	framing_init(&w->framing, c->proxy->xml, &c->proxy->limits);
	c->websocket = w;
	c->proxy->stats[STAT_WEBSOCKETS]++;
	conn_wait(c, c->proxy->config.ping_ms);
	return 0;
}

void websocket_free(struct websocket *w)
{
	if (!w)
		return;
	ws_reader_fini(&w->reader);
	framing_fini(&w->framing);
	free(w);
}

void websocket_close(struct conn *c, enum ws_status status, const char *reason)
{
	if (c->is_gone || c->websocket->is_closed)
		return;
	c->websocket->is_closed = true;
	ws_put_close(link_out(&c->client), status, reason);
	link_kick(&c->client);
	link_close(&c->access); /* its session can be resumed, unless it has said good-bye */
	conn_wait(c, CLOSE_MS);
	if (!c->is_gone)
		link_shutdown(&c->client);
}

/* ---- from the client ---- */

static void refuse(struct conn *c, enum ws_status status, const char *why)
{
	char peer[PEER_TEXT_BYTES];

	c->proxy->stats[STAT_BAD_FRAMES]++;
	peer_address_text(&c->peer, peer);
	log_info("proxy.frame.refused", LOG_STR("address", peer), LOG_STR("why", why));
	websocket_close(c, status, why);
}

static void take_text(struct conn *c, struct bytes message)
{
	const char *why;

	arena_reset(&c->proxy->arena);
	int rc = framing_from_client(&c->websocket->framing, message, &c->proxy->arena, link_out(&c->access), &why);
	if (rc)
		refuse(c, rc == ERR_NOMEM ? WS_SERVER_ERROR : WS_POLICY, rc == ERR_NOMEM ? "no memory" : why);
	else
		link_kick(&c->access);
}

static void take(struct conn *c, enum ws_event what, struct bytes payload)
{
	switch (what) {
	case WS_TEXT:
		take_text(c, payload);
		return;
	case WS_BINARY:
		refuse(c, WS_UNSUPPORTED, "a binary message"); /* RFC 7395 3.2 */
		return;
	case WS_PING:
		ws_put(link_out(&c->client), WS_PONG, payload);
		link_kick(&c->client);
		return;
	case WS_PONG:
		return;
	case WS_CLOSE:
		websocket_close(c, c->websocket->reader.status == WS_NO_STATUS ? WS_NORMAL : c->websocket->reader.status, "");
		return;
	}
}

void websocket_data(struct conn *c, struct bytes in)
{
	struct websocket *w = c->websocket;
	enum ws_event what;
	struct bytes payload;
	int rc = 0;

	w->is_pinged = false;
	while (!c->is_gone && !w->is_closed && (rc = ws_next(&w->reader, &in, &what, &payload)) == 0)
		take(c, what, payload);
	if (!c->is_gone && !w->is_closed && rc && rc != ERR_AGAIN)
		refuse(c, w->reader.status, w->reader.why);
}

/* ---- from gh-access ---- */

void websocket_from_access(struct conn *c, struct bytes in)
{
	struct websocket *w = c->websocket;
	struct proxy *p = c->proxy;
	int rc = framing_feed(&w->framing, in);

	arena_reset(&p->arena);
	while (!rc && framing_to_client(&w->framing, &p->arena, &p->scratch, &rc)) {
		ws_put(link_out(&c->client), WS_TEXT, buf_bytes(&p->scratch));
		arena_reset(&p->arena);
	}
	if (buf_failed(link_out(&c->client))) {
		conn_drop(c, "queue-full");
		return;
	}
	link_kick(&c->client);
	if (rc) {
		log_error("proxy.stream.bad", LOG_STR("reason", err_name(rc)));
		websocket_close(c, WS_SERVER_ERROR, "");
	} else if (w->framing.is_over) {
		websocket_close(c, WS_NORMAL, "");
	}
}

/* ---- time: a silent one is asked, an asked one that stays silent is gone ---- */

void websocket_timeout(struct conn *c)
{
	struct websocket *w = c->websocket;
	uint64_t silent_ms = loop_now(c->proxy->loop) - c->last_in_ms, ping_ms = c->proxy->config.ping_ms;

	if (w->is_closed || (w->is_pinged && silent_ms >= 2 * ping_ms)) {
		if (!w->is_closed)
			c->proxy->stats[STAT_TIMEOUT]++;
		conn_drop(c, "silent");
		return;
	}
	if (!w->is_pinged && silent_ms >= ping_ms) {
		w->is_pinged = true;
		ws_put(link_out(&c->client), WS_PING, BYTES_NONE);
		link_kick(&c->client);
	}
	conn_wait(c, ping_ms);
}
