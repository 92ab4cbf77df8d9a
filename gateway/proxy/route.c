#include "conn.h"
#include "discovery.h"

#include "base/err.h"
#include "base/log.h"
#include "proto/upload.h"

#include <stdio.h>
#include <string.h>

/* What is asked for, and what is answered. Nothing that a client says becomes a host or a file: the places are these. */

static const char websocket_path[] = "/xmpp-websocket", sip_path[] = "/sip-websocket", bosh_path[] = "/http-bind";

/* ---- discovery ---- */

static void put_document(struct exchange *x, const struct http1_request *q, bool is_json)
{
	struct answer a;
	const struct proxy_config *config = &x->proxy->config;
	struct buf *body = &x->proxy->scratch;
	const struct discovery_paths paths = { .websocket = websocket_path, .bosh = config->has_bosh ? bosh_path : NULL };
	char host[256];

	struct bytes asked = bytes_make(q->host.p, bytes_find(q->host, ':'));
	snprintf(host, sizeof host, "%.*s", BYTES_FMT(asked));
	buf_clear(body);
	if (!is_json)
		discovery_xrd(body, config->host[0] ? config->host : host, config->port, &paths);
	else if (discovery_json(body, config->host[0] ? config->host : host, config->port, &paths)) {
		exchange_refuse(x, 503, "no memory");
		return;
	}
	answer_init(&a, x, 200, is_json ? "application/json" : "application/xrd+xml");
	answer_add(&a, "Access-Control-Allow-Origin", BYTES("*")); /* XEP-0156 4: pages of others ask */
	exchange_reply(x, &a, buf_bytes(body));
}

static void host_meta(struct exchange *x, const struct http1_request *q)
{
	put_document(x, q, false);
}

static void host_meta_json(struct exchange *x, const struct http1_request *q)
{
	put_document(x, q, true);
}

/* ---- WebSocket: the opening handshake (RFC 6455 4.2) ---- */

/* NULL: it may. */
static const char *refusal(const struct http1_request *q)
{
	if (q->protocol.n)
		return NULL;
	if (q->method != HTTP1_GET || q->minor == 0 || q->has_body)
		return "a WebSocket begins with GET of HTTP/1.1, or CONNECT of HTTP/2";
	if (!http1_has_token(q, "upgrade", "websocket") || !http1_has_token(q, "connection", "upgrade"))
		return "only a WebSocket is here";
	return NULL;
}

/* Sec-WebSocket-Protocol of each use, and what is said to who wants another. */
static const struct {
	const char *name, *refusal;
} protocols[] = {
	[WS_FOR_XMPP] = { "xmpp", "the protocol of this WebSocket is xmpp (RFC 7395)" },
	[WS_FOR_SIP] = { "sip", "the protocol of this WebSocket is sip (RFC 7118)" },
};

static const char *protocol_refusal(const struct http1_request *q, enum ws_use use)
{
	return http1_has_token(q, "sec-websocket-protocol", protocols[use].name) ? NULL : protocols[use].refusal;
}

static void refuse_version(struct exchange *x)
{
	struct answer a;

	answer_init(&a, x, 426, NULL);
	answer_add(&a, "Upgrade", BYTES("websocket"));
	answer_add(&a, "Sec-WebSocket-Version", BYTES("13"));
	exchange_reply(x, &a, BYTES_NONE);
}

static void refuse_origin(struct exchange *x, struct bytes origin)
{
	x->proxy->stats[STAT_ORIGIN]++;
	log_info("proxy.origin.refused", LOG_BYTES("origin", origin), LOG_STR("do", "set proxy origin, when pages from there may come"));
	exchange_refuse(x, 403, "pages from there may not open a WebSocket here");
}

static void websocket(struct exchange *x, const struct http1_request *q, enum ws_use use)
{
	struct bytes origin = http1_value(q, "origin");
	/* The key and its answer are of HTTP/1.1 alone (RFC 8441 5). */
	struct answer a = { .status = q->protocol.n ? 200 : 101, .body = ANSWER_TUNNEL };
	const char *why = refusal(q);
	char accept[WS_ACCEPT_BYTES];

	why = why ? why : protocol_refusal(q, use);
	if (why || (!q->protocol.n && ws_accept(http1_value(q, "sec-websocket-key"), accept))) {
		exchange_refuse(x, 400, why ? why : "Sec-WebSocket-Key is malformed");
		return;
	}
	if (!bytes_eq_str(http1_value(q, "sec-websocket-version"), "13")) {
		refuse_version(x);
		return;
	}
	if (http1_count(q, "origin") && !proxy_is_origin(x->proxy, origin)) {
		refuse_origin(x, origin);
		return;
	}
	if (websocket_open(x, use)) {
		x->proxy->stats[STAT_NO_CORE]++;
		exchange_refuse(x, 503, "the server behind this door is away");
		return;
	}
	if (!q->protocol.n) {
		answer_add(&a, "Upgrade", BYTES("websocket"));
		answer_add(&a, "Connection", BYTES("Upgrade"));
		answer_add(&a, "Sec-WebSocket-Accept", bytes_of(accept));
	}
	answer_add(&a, "Sec-WebSocket-Protocol", bytes_of(protocols[use].name));
	x->way->answer(x, &a);
}

static void xmpp_websocket(struct exchange *x, const struct http1_request *q)
{
	websocket(x, q, WS_FOR_XMPP);
}

static void sip_websocket(struct exchange *x, const struct http1_request *q)
{
	if (x->proxy->config.has_sip_websocket)
		websocket(x, q, WS_FOR_SIP);
	else
		exchange_refuse(x, 404, "there is nothing here");
}

static bool is_websocket_path(const struct exchange *x, struct bytes path)
{
	return bytes_eq_str(path, websocket_path) || (x->proxy->config.has_sip_websocket && bytes_eq_str(path, sip_path));
}

/* ---- files (XEP-0363) ---- */

/* May a page of there ask? Remembers it for route_cors. */
static bool is_page_welcome(struct exchange *x, const struct http1_request *q)
{
	struct bytes origin = http1_value(q, "origin");

	x->origin[0] = '\0';
	if (http1_count(q, "origin") == 0)
		return true;
	if (!proxy_is_origin(x->proxy, origin) || origin.n >= sizeof x->origin)
		return false;
	if (x->proxy->origins.count)
		snprintf(x->origin, sizeof x->origin, "%.*s", BYTES_FMT(origin));
	return true;
}

static void preflight(struct exchange *x, const char *methods, const char *fields)
{
	struct answer a;

	answer_init(&a, x, 204, NULL);
	answer_cors(&a, x);
	answer_add(&a, "Access-Control-Allow-Methods", bytes_of(methods));
	answer_add(&a, "Access-Control-Allow-Headers", bytes_of(fields));
	answer_add(&a, "Access-Control-Max-Age", BYTES("86400"));
	x->way->answer(x, &a);
}

static void refuse_method(struct exchange *x, const char *allowed)
{
	struct answer a;

	answer_init(&a, x, 405, NULL);
	answer_add(&a, "Allow", bytes_of(allowed));
	exchange_reply(x, &a, BYTES_NONE);
}

static bool is_method(const struct http1_request *q, bool has_put)
{
	return q->method == HTTP1_GET || q->method == HTTP1_HEAD || (has_put && q->method == HTTP1_PUT);
}

static void file(struct exchange *x, const struct http1_request *q)
{
	if (!is_page_welcome(x, q)) {
		x->proxy->stats[STAT_ORIGIN]++;
		exchange_refuse(x, 403, "pages from there may not have files of here");
	} else if (q->method == HTTP1_OPTIONS && !q->has_body)
		preflight(x, "OPTIONS, HEAD, GET, PUT", "Authorization, Content-Type, Range, If-Range");
	else if (!is_method(q, true))
		refuse_method(x, "OPTIONS, HEAD, GET, PUT");
	else if (q->method == HTTP1_PUT && (q->is_chunked || http1_count(q, "content-length") == 0))
		exchange_refuse(x, 411, "a file comes with its Content-Length");
	else if (q->method == HTTP1_PUT && http1_count(q, "content-range"))
		exchange_refuse(x, 400, "a file comes whole");
	else if (q->method != HTTP1_PUT && q->has_body)
		exchange_refuse(x, 400, "no body is expected");
	else if (transfer_begin(x, q)) {
		x->proxy->stats[STAT_NO_FILES]++;
		exchange_refuse(x, 503, "the store of files is away");
	}
}

/* ---- BOSH (XEP-0124, XEP-0206) ---- */

/* Of what type a body says to be does not count (5): it is read as what it must be. */
static void bosh(struct exchange *x, const struct http1_request *q)
{
	if (!is_page_welcome(x, q)) {
		x->proxy->stats[STAT_ORIGIN]++;
		exchange_refuse(x, 403, "pages from there may not open sessions here");
	} else if (q->method == HTTP1_OPTIONS && !q->has_body)
		preflight(x, "OPTIONS, POST", "Content-Type");
	else if (q->method != HTTP1_POST)
		refuse_method(x, "OPTIONS, POST");
	else if (q->length > x->proxy->config.message_max)
		exchange_refuse(x, 413, "a body is no longer than proxy message-size");
	else if (bosh_begin(x, q))
		exchange_refuse(x, 503, "too much is on its way here");
}

/* ---- the places ---- */

static const struct place {
	const char *path;
	void (*fn)(struct exchange *x, const struct http1_request *q);
} places[] = {
	{ "/.well-known/host-meta", host_meta },           /* RFC 6415 2 */
	{ "/.well-known/host-meta.json", host_meta_json }, /* RFC 6415 3 */
	{ websocket_path, xmpp_websocket },                /* RFC 7395 */
	{ sip_path, sip_websocket },                       /* RFC 7118 */
};

void route_request(struct exchange *x, const struct http1_request *q)
{
	if (published_route(x, q))
		return;
	if (!proxy_is_host(x->proxy, q->host)) {
		x->proxy->stats[STAT_MISDIRECTED]++;
		exchange_refuse(x, 421, "another host than this is asked for"); /* RFC 9110 15.5.20 */
		return;
	}
	if (q->protocol.n && (!bytes_eq_str(q->protocol, "websocket") || !is_websocket_path(x, q->path))) {
		bool is_known = bytes_eq_str(q->protocol, "websocket");
		exchange_refuse(x, is_known ? 404 : 501, is_known ? "there is no WebSocket here" : "an unknown protocol"); /* RFC 8441 4 */
		return;
	}
	if (x->proxy->config.has_files && bytes_starts(q->path, BYTES(UPLOAD_PREFIX))) {
		file(x, q);
		return;
	}
	if (x->proxy->config.has_bosh && bytes_eq_str(q->path, bosh_path)) {
		bosh(x, q);
		return;
	}
	if (q->length > ROUTE_BODY_MAX || q->expects_continue) {
		exchange_refuse(x, q->expects_continue ? 417 : 413, "no body is expected");
		return;
	}
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (!bytes_eq_str(q->path, places[i].path))
			continue;
		if (is_method(q, false) || q->protocol.n)
			places[i].fn(x, q);
		else
			refuse_method(x, "GET, HEAD");
		return;
	}
	exchange_refuse(x, 404, "there is nothing here");
}
