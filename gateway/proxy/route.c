#include "conn.h"
#include "discovery.h"

#include "base/err.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* What is asked for, and what is answered. Nothing that a client says becomes a host or a file: the places are these. */

static const char websocket_path[] = "/xmpp-websocket";

static void put_head(struct conn *c, int status, const char *type)
{
	struct buf *out = link_out(&c->client);
	char date[HTTP1_DATE_BYTES];

	http1_put_status(out, status);
	http1_date(loop_wall_ms(c->proxy->loop) / 1000, date);
	(void)http1_put_field(out, "Date", bytes_of(date)); /* these are ours: well-formed */
	(void)http1_put_field(out, "Strict-Transport-Security", BYTES("max-age=31536000"));
	(void)http1_put_field(out, "X-Content-Type-Options", BYTES("nosniff"));
	if (type)
		(void)http1_put_field(out, "Content-Type", bytes_of(type));
}

static void put_body(struct conn *c, const struct http1_request *q, struct bytes body)
{
	http1_end_head_length(link_out(&c->client), body.n);
	if (q->method != HTTP1_HEAD)
		buf_put_bytes(link_out(&c->client), body);
}

void route_refuse(struct conn *c, const struct http1_request *q, int status, const char *why)
{
	char text[128];

	snprintf(text, sizeof text, "%s\n", why);
	put_head(c, status, "text/plain; charset=utf-8");
	put_body(c, q, bytes_of(text));
}

/* ---- discovery ---- */

static void put_document(struct conn *c, const struct http1_request *q, bool is_json)
{
	const struct proxy_config *config = &c->proxy->config;
	struct buf *body = &c->proxy->scratch;
	char host[256];

	struct bytes asked = bytes_make(q->host.p, bytes_find(q->host, ':'));
	snprintf(host, sizeof host, "%.*s", BYTES_FMT(asked));
	buf_clear(body);
	if (!is_json)
		discovery_xrd(body, config->host[0] ? config->host : host, config->port, websocket_path);
	else if (discovery_json(body, config->host[0] ? config->host : host, config->port, websocket_path)) {
		route_refuse(c, q, 503, "no memory");
		return;
	}
	put_head(c, 200, is_json ? "application/json" : "application/xrd+xml");
	(void)http1_put_field(link_out(&c->client), "Access-Control-Allow-Origin", BYTES("*")); /* XEP-0156 4: pages of others ask */
	put_body(c, q, buf_bytes(body));
}

static bool host_meta(struct conn *c, const struct http1_request *q)
{
	put_document(c, q, false);
	return false;
}

static bool host_meta_json(struct conn *c, const struct http1_request *q)
{
	put_document(c, q, true);
	return false;
}

/* ---- WebSocket: the opening handshake (RFC 6455 4.2) ---- */

/* NULL: it may. */
static const char *refusal(const struct http1_request *q)
{
	if (q->method != HTTP1_GET || q->minor == 0 || q->has_body)
		return "a WebSocket begins with GET of HTTP/1.1";
	if (!http1_has_token(q, "upgrade", "websocket") || !http1_has_token(q, "connection", "upgrade"))
		return "only a WebSocket is here";
	if (!http1_has_token(q, "sec-websocket-protocol", "xmpp"))
		return "the protocol of this WebSocket is xmpp (RFC 7395)";
	return NULL;
}

static bool refuse_version(struct conn *c, const struct http1_request *q)
{
	put_head(c, 426, NULL);
	(void)http1_put_field(link_out(&c->client), "Upgrade", BYTES("websocket"));
	(void)http1_put_field(link_out(&c->client), "Sec-WebSocket-Version", BYTES("13"));
	put_body(c, q, BYTES_NONE);
	return false;
}

static bool refuse_origin(struct conn *c, const struct http1_request *q, struct bytes origin)
{
	c->proxy->stats[STAT_ORIGIN]++;
	log_info("proxy.origin.refused", LOG_BYTES("origin", origin), LOG_STR("do", "set proxy origin, when pages from there may come"));
	route_refuse(c, q, 403, "pages from there may not open a WebSocket here");
	return false;
}

static bool websocket(struct conn *c, const struct http1_request *q)
{
	struct bytes origin = http1_value(q, "origin");
	struct buf *out = link_out(&c->client);
	const char *why = refusal(q);
	char accept[WS_ACCEPT_BYTES];

	if (why || ws_accept(http1_value(q, "sec-websocket-key"), accept)) {
		route_refuse(c, q, 400, why ? why : "Sec-WebSocket-Key is malformed");
		return false;
	}
	if (!bytes_eq_str(http1_value(q, "sec-websocket-version"), "13"))
		return refuse_version(c, q);
	if (http1_count(q, "origin") && !proxy_is_origin(c->proxy, origin))
		return refuse_origin(c, q, origin);
	if (websocket_open(c)) {
		c->proxy->stats[STAT_NO_CORE]++;
		route_refuse(c, q, 503, "the server behind this door is away");
		return false;
	}
	http1_put_status(out, 101);
	(void)http1_put_field(out, "Upgrade", BYTES("websocket"));
	(void)http1_put_field(out, "Connection", BYTES("Upgrade"));
	(void)http1_put_field(out, "Sec-WebSocket-Accept", bytes_of(accept));
	(void)http1_put_field(out, "Sec-WebSocket-Protocol", BYTES("xmpp"));
	http1_end_head_none(out);
	return true;
}

/* ---- the places ---- */

static const struct place {
	const char *path;
	bool (*fn)(struct conn *c, const struct http1_request *q);
} places[] = {
	{ "/.well-known/host-meta", host_meta },           /* RFC 6415 2 */
	{ "/.well-known/host-meta.json", host_meta_json }, /* RFC 6415 3 */
	{ websocket_path, websocket },                     /* RFC 7395 */
};

bool route_request(struct conn *c, const struct http1_request *q)
{
	if (!proxy_is_host(c->proxy, q->host)) {
		c->proxy->stats[STAT_MISDIRECTED]++;
		route_refuse(c, q, 421, "another host than this is asked for"); /* RFC 9110 15.5.20 */
		return false;
	}
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (!bytes_eq_str(q->path, places[i].path))
			continue;
		if (q->method == HTTP1_GET || q->method == HTTP1_HEAD)
			return places[i].fn(c, q);
		put_head(c, 405, NULL);
		(void)http1_put_field(link_out(&c->client), "Allow", BYTES("GET, HEAD"));
		put_body(c, q, BYTES_NONE);
		return false;
	}
	route_refuse(c, q, 404, "there is nothing here");
	return false;
}
