/* gateway/proxy/conn.h - one client outside: TLS, then HTTP until it asks for more, or a stream. A stream is joined to
 * gh-access by a pair of sockets, one end of which goes to it. */
#ifndef PROXY_CONN_H
#define PROXY_CONN_H

#include "framing.h"
#include "proxy.h"

#include "net/link.h"
#include "proto/http1.h"
#include "proto/websocket.h"

enum {
	CONN_QUEUE_MAX = 24 << 20,   /* the largest message, and what may wait behind it */
	CONN_HIGH_WATER = 256 << 10, /* beyond that the other side is not read from */
};

enum conn_kind {
	CONN_NEW,       /* TLS, or nothing said yet */
	CONN_HTTP,
	CONN_STREAM,    /* XMPP inside TLS (ALPN xmpp-client): bytes as they are */
	CONN_WEBSOCKET, /* RFC 7395 */
};

struct websocket {
	struct ws_reader reader;
	struct framing framing;
	bool is_pinged, is_closed; /* we have said so */
};

struct conn {
	struct list node;
	struct proxy *proxy;
	struct link client, access;
	struct http1_reader *http;    /* CONN_HTTP */
	struct websocket *websocket;  /* CONN_WEBSOCKET */
	struct loop_timer timer;
	struct peer_address peer;
	struct address_count *address; /* NULL once it carries a stream: gh-access counts it then */
	uint64_t last_in_ms;
	uint8_t kind; /* enum conn_kind */
	bool is_gone, is_joined;
	bool is_kept, is_upgrade; /* HTTP: what happens at the end of the request */
	bool is_ending;           /* HTTP: it has had its last answer */
};

/* Takes over an accepted descriptor; closes it on failure. ERR_LIMIT, ERR_NOMEM. */
int conn_open(struct proxy *p, int fd, const struct sockaddr *from);
/* Closes both sides at once. reason: for the log. */
void conn_drop(struct conn *c, const char *reason);
void conn_sweep(struct proxy *p);
/* Says good-bye to everybody: what can be resumed is resumed elsewhere. */
void conn_stop_all(struct proxy *p);
/* Its time for the next step. */
void conn_wait(struct conn *c, uint64_t ms);

/* ---- http.c ---- */
int http_open(struct conn *c);
void http_data(struct conn *c, struct bytes in);
void http_timeout(struct conn *c);

/* ---- route.c: a whole request is there; puts the answer. True: it has become a WebSocket ---- */
bool route_request(struct conn *c, const struct http1_request *q);
/* An answer without a body but its reason. */
void route_refuse(struct conn *c, const struct http1_request *q, int status, const char *why);

/* ---- websocket.c ---- */
/* After the handshake: joins gh-access. ERR_AGAIN: there is none now. ERR_NOMEM. */
int websocket_open(struct conn *c);
void websocket_free(struct websocket *w);
void websocket_data(struct conn *c, struct bytes in);
/* Bytes of gh-access. */
void websocket_from_access(struct conn *c, struct bytes in);
void websocket_timeout(struct conn *c);
/* Ends it with this status. */
void websocket_close(struct conn *c, enum ws_status status, const char *reason);

/* ---- join.c ---- */
/* A pair of sockets, one end to gh-access. ERR_AGAIN: there is none now. ERR_NOMEM, ERR_SYS. */
int join_access(struct conn *c);

#endif
