#include "conn.h"

#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

/* A stream of messages between a client and gh-access (RFC 7395), or gh-line (websocket_sip.c). */

enum { CLOSE_MS = 5000 };

int websocket_open(struct exchange *x, enum ws_use use)
{
	struct websocket *w = calloc(1, sizeof *w);
	uint32_t max = x->proxy->config.message_max;

	if (!w)
		return ERR_NOMEM;
	w->use = use;
	x->websocket = w;
	int rc = use == WS_FOR_SIP ? join_line(x) : join_access(x);
	if (rc) {
		x->websocket = NULL;
		free(w);
		return rc;
	}
	ws_reader_init(&w->reader, use == WS_FOR_SIP && max > SIPFRAME_MAX ? SIPFRAME_MAX : max);
	if (use == WS_FOR_SIP)
		sipframes_init(&w->sip);
	else
		framing_init(&w->framing, x->proxy->xml, &x->proxy->limits);
	x->proxy->stats[use == WS_FOR_SIP ? STAT_SIP : STAT_WEBSOCKETS]++;
	exchange_wait(x, x->proxy->config.ping_ms);
	return 0;
}

void websocket_free(struct websocket *w)
{
	if (!w)
		return;
	ws_reader_fini(&w->reader);
	if (w->use == WS_FOR_SIP)
		sipframes_fini(&w->sip);
	else
		framing_fini(&w->framing);
	free(w);
}

void websocket_close(struct exchange *x, enum ws_status status, const char *reason)
{
	if (x->is_gone || x->websocket->is_closed)
		return;
	x->websocket->is_closed = true;
	ws_put_close(x->way->out(x), status, reason);
	x->way->kick(x);
	link_close(&x->access); /* its session can be resumed, unless it has said good-bye */
	x->way->done(x, false);
	if (!x->is_gone)
		exchange_wait(x, CLOSE_MS);
}

/* ---- from the client ---- */

void websocket_refuse(struct exchange *x, enum ws_status status, const char *why)
{
	char peer[PEER_TEXT_BYTES];

	x->proxy->stats[STAT_BAD_FRAMES]++;
	peer_address_text(&x->conn->peer, peer);
	log_info("proxy.frame.refused", LOG_STR("address", peer), LOG_STR("why", why));
	websocket_close(x, status, why);
}

static void take_text(struct exchange *x, struct bytes message)
{
	const char *why;

	arena_reset(&x->proxy->arena);
	int rc = framing_from_client(&x->websocket->framing, message, &x->proxy->arena, link_out(&x->access), &why);
	if (rc == 0) {
		link_kick(&x->access);
		return;
	}
	for (unsigned i = 0; framing_put_error(&x->websocket->framing, i, stream_error_for(rc), &x->proxy->scratch); i++)
		ws_put(x->way->out(x), WS_TEXT, buf_bytes(&x->proxy->scratch));
	websocket_refuse(x, rc == ERR_NOMEM ? WS_SERVER_ERROR : WS_POLICY, rc == ERR_NOMEM ? "no memory" : why);
}

static void take(struct exchange *x, enum ws_event what, struct bytes payload)
{
	switch (what) {
	case WS_TEXT:
	case WS_BINARY:
		if (x->websocket->use == WS_FOR_SIP)
			websocket_take_sip(x, payload); /* RFC 7118 3: of either kind */
		else if (what == WS_BINARY)
			websocket_refuse(x, WS_UNSUPPORTED, "a binary message"); /* RFC 7395 3.2 */
		else
			take_text(x, payload);
		return;
	case WS_PING:
		ws_put(x->way->out(x), WS_PONG, payload);
		x->way->kick(x);
		return;
	case WS_PONG:
		return;
	case WS_CLOSE:
		websocket_close(x, x->websocket->reader.status == WS_NO_STATUS ? WS_NORMAL : x->websocket->reader.status, "");
		return;
	}
}

void websocket_data(struct exchange *x, struct bytes in)
{
	struct websocket *w = x->websocket;
	enum ws_event what;
	struct bytes payload;
	int rc = 0;

	w->is_pinged = false;
	while (!x->is_gone && !w->is_closed && (rc = ws_next(&w->reader, &in, &what, &payload)) == 0)
		take(x, what, payload);
	if (!x->is_gone && !w->is_closed && rc && rc != ERR_AGAIN)
		websocket_refuse(x, w->reader.status, w->reader.why);
}

/* ---- from inside ---- */

static int put_xmpp(struct exchange *x, struct bytes in)
{
	struct websocket *w = x->websocket;
	struct proxy *p = x->proxy;
	int rc = framing_feed(&w->framing, in);

	arena_reset(&p->arena);
	while (!rc && framing_to_client(&w->framing, &p->arena, &p->scratch, &rc)) {
		ws_put(x->way->out(x), WS_TEXT, buf_bytes(&p->scratch));
		arena_reset(&p->arena);
	}
	return rc;
}

void websocket_from_inside(struct exchange *x, struct bytes in)
{
	struct websocket *w = x->websocket;
	int rc = w->use == WS_FOR_SIP ? websocket_put_sip(x, in) : put_xmpp(x, in);

	if (buf_failed(x->way->out(x))) {
		x->way->drop(x, "queue-full");
		return;
	}
	x->way->kick(x);
	if (rc) {
		log_error("proxy.stream.bad", LOG_STR("reason", err_name(rc)));
		websocket_close(x, WS_SERVER_ERROR, "");
	} else if (w->framing.is_over) {
		websocket_close(x, WS_NORMAL, "");
	}
}

/* ---- time: a silent one is asked, an asked one that stays silent is gone ---- */

void websocket_timeout(struct exchange *x)
{
	struct websocket *w = x->websocket;
	uint64_t silent_ms = loop_now(x->proxy->loop) - x->last_in_ms, ping_ms = x->proxy->config.ping_ms;

	if (w->is_closed || (w->is_pinged && silent_ms >= 2 * ping_ms)) {
		if (!w->is_closed)
			x->proxy->stats[STAT_TIMEOUT]++;
		x->way->drop(x, "silent");
		return;
	}
	if (!w->is_pinged && silent_ms >= ping_ms) {
		w->is_pinged = true;
		ws_put(x->way->out(x), WS_PING, BYTES_NONE);
		x->way->kick(x);
	}
	exchange_wait(x, ping_ms);
}
