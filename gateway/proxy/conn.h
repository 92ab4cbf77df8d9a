/* gateway/proxy/conn.h - one client outside: TLS (at once, or by STARTTLS), then HTTP until it asks for more, or a stream. A stream is joined to
 * gh-access by a pair of sockets, one end of which goes to it. */
#ifndef PROXY_CONN_H
#define PROXY_CONN_H

#include "bosh_door.h"
#include "exchange.h"
#include "framing.h"
#include "sipframe.h"

#include "net/link.h"
#include "proto/http1.h"
#include "proto/websocket.h"
#include "proto/xmpp.h"

enum {
	CONN_QUEUE_MAX = 24 << 20,   /* the largest message, and what may wait behind it */
	CONN_HIGH_WATER = 256 << 10, /* beyond that the other side is not read from */
};

enum conn_kind {
	CONN_NEW,       /* TLS, or nothing said yet */
	CONN_GREETING,  /* a stream of which the header has not come: before STARTTLS (RFC 6120 5), or inside TLS */
	CONN_HTTP,      /* HTTP/1.1 */
	CONN_HTTP2,
	CONN_STREAM,    /* XMPP inside TLS (ALPN xmpp-client): bytes as they are */
	CONN_WEBSOCKET, /* RFC 7395 */
	CONN_HELLO,     /* perhaps a SIP client (ALPN sip/2), of which the first head has not come */
	CONN_SIP,       /* SIP inside TLS: bytes as they are */
	CONN_PEEK,      /* its ClientHello is looked at; no link yet */
};

/* What the messages of a WebSocket are. */
enum ws_use { WS_FOR_XMPP /* RFC 7395 */, WS_FOR_SIP /* RFC 7118 */ };

struct websocket {
	struct ws_reader reader;
	enum ws_use use;
	struct framing framing; /* of XMPP */
	struct sipframes sip;
	bool has_hello; /* SIP: its first message was for us */
	bool is_pinged, is_closed; /* we have said so */
};

struct greet;
struct peek;
struct hello;
struct http2;

struct conn {
	struct list node;
	struct proxy *proxy;
	struct link client;
	struct exchange x;            /* its request, or its stream */
	struct list web_pairs;        /* to gh-publish, for its requests alone (web_pair.h) */
	struct peek *peek;            /* CONN_PEEK */
	struct greet *greet;          /* CONN_GREETING */
	struct hello *hello;          /* CONN_HELLO, and CONN_SIP until gh-line speaks */
	struct http1_reader *http;    /* CONN_HTTP */
	struct http2 *http2;          /* CONN_HTTP2 */
	struct peer_address peer;
	struct address_count *address; /* NULL once it carries a stream: gh-access counts it then */
	uint8_t kind; /* enum conn_kind */
	bool is_gone;
	bool is_starttls; /* it began in clear: inside TLS it has a stream, and nothing else */
	bool is_ending;   /* HTTP: it has had its last answer */
};

/* Takes over an accepted descriptor; closes it on failure. ERR_LIMIT, ERR_NOMEM. */
int conn_open(struct proxy *p, int fd, const struct sockaddr *from, bool is_starttls);
/* It is for us: its link and its TLS begin. Takes over fd. */
void conn_begin(struct conn *c, int fd);
/* Begins TLS. domain: whose certificate is shown when SNI names none of ours; NULL: none. alpn: as of tls_options. The
 * connection stays as it is on failure: ERR_CERT_NONE, ERR_NOMEM, ERR_TLS. */
int conn_start_tls(struct conn *c, const char *domain, const char *const *alpn);
/* Says good-bye by what it speaks, and closes it; its session can be resumed. */
void conn_end(struct conn *c, const char *reason);
/* Closes both sides at once. reason: for the log. */
void conn_drop(struct conn *c, const char *reason);
void conn_sweep(struct proxy *p);
/* The same with one exchange, when it is a stream on a connection that has others. */
void conn_end_exchange(struct exchange *x, const char *reason);
/* Of HTTP/2: asks all to come by a new connection; what is under way goes on. */
void conn_drain_all(struct proxy *p);
/* The same with everybody: what can be resumed is resumed elsewhere. */
void conn_stop_all(struct proxy *p);
/* Its time for the next step. */
void conn_wait(struct conn *c, uint64_t ms);
/* That time is up, before it speaks HTTP. */
void conn_timeout(struct conn *c);

/* ---- peek.c: for whom a newcomer is ---- */
/* Looks at what it says first: it goes to another program, or conn_begin. Takes over fd, closed on failure. ERR_NOMEM, ERR_SYS. */
int peek_open(struct conn *c, int fd);
/* It ends meanwhile. Harmless when nobody looks. */
void peek_close(struct conn *c);

/* ---- greet.c: what is said first ---- */
/* Waits for a stream's header. ERR_NOMEM. */
int greet_open(struct conn *c);
void greet_free(struct greet *g);
void greet_data(struct conn *c, struct bytes in);
/* Ends it with this stream error. */
void greet_fail(struct conn *c, enum stream_error error);

/* ---- hello.c: SIP clients ---- */
/* is_sip: ALPN says that it is one; else it may turn out to be HTTP. ERR_NOMEM. */
int hello_open(struct conn *c, bool is_sip);
void hello_free(struct hello *h);
void hello_data(struct conn *c, struct bytes in);
/* gh-line has spoken. */
void hello_heard(struct conn *c);
/* Is this the host of a SIP request that is served here? As siphello_host_fn of a conn. */
bool hello_is_host(void *conn, const char *host);
/* A SIP client is refused: counted, and a line in the log. */
void hello_log_refused(struct conn *c, const char *why);
/* There is no gh-line for it: 503, if it has not heard anything yet. */
void hello_sent_away(struct conn *c);

/* ---- http.c ---- */
int http_open(struct conn *c);
void http_data(struct conn *c, struct bytes in);
/* How an exchange goes on a connection of HTTP/1.1, a stream of XMPP, or one of which is not known yet which it is. */
extern const struct exchange_way http_way;

/* ---- http2.c ---- */
/* ERR_NOMEM. */
int http2_open(struct conn *c);
/* Its streams end. http2_free: at the end of the turn. */
void http2_close(struct conn *c);
void http2_free(struct http2 *h);
void http2_data(struct conn *c, struct bytes in);
void http2_drained(struct conn *c);
void http2_timeout(struct conn *c);
/* No new requests; it ends with its last stream. */
void http2_drain(struct conn *c);
/* Says good-bye on its streams and ends it. */
void http2_end(struct conn *c, const char *reason);

/* ---- route.c: a request's head is there; puts the answer, or begins what will answer (exchange_is_busy) ---- */
void route_request(struct exchange *x, const struct http1_request *q);
/* Is this the longest body that places other than those of files take? */
enum { ROUTE_BODY_MAX = 4096 };

/* ---- websocket.c ---- */
/* After the handshake: joins gh-access, or gh-line. ERR_AGAIN: there is none now. ERR_NOMEM. */
int websocket_open(struct exchange *x, enum ws_use use);
void websocket_free(struct websocket *w);
void websocket_data(struct exchange *x, struct bytes in);
/* Bytes of the program inside. */
void websocket_from_inside(struct exchange *x, struct bytes in);
void websocket_timeout(struct exchange *x);
/* The same; the client did what it may not. */
void websocket_refuse(struct exchange *x, enum ws_status status, const char *why);
/* Ends it with this status. */
void websocket_close(struct exchange *x, enum ws_status status, const char *reason);

/* ---- websocket_sip.c ---- */
/* A message of a SIP client. */
void websocket_take_sip(struct exchange *x, struct bytes message);
/* Bytes of gh-line, as messages. ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM: its stream is dead. */
int websocket_put_sip(struct exchange *x, struct bytes in);

/* ---- join.c ---- */
/* A pair of sockets, one end to gh-access. ERR_AGAIN: there is none now. ERR_NOMEM, ERR_SYS. */
int join_access(struct exchange *x);
/* The same to gh-line, of a whole connection or a WebSocket. */
int join_line(struct exchange *x);
/* The same for a session of BOSH, with a link, owner and argument of the caller's: x asked for it. */
int join_bosh(struct exchange *x, struct link *pair, const struct link_owner *owner, void *arg);
/* The same to gh-files for one request, with a link and owner of the caller's, whose arg is x. */
int join_files(struct exchange *x, struct link *pair, const struct link_owner *owner, uint32_t queue_max);
/* The same to gh-publish, for this and further requests of x's connection. */
int join_publish(struct exchange *x, struct link *pair, const struct link_owner *owner, void *arg, uint32_t queue_max);

/* ---- published.c: requests to web services inside (mra.md M-15) ---- */
/* Is the host one that is published? Then it is answered, or goes on (x->published). */
bool published_route(struct exchange *x, const struct http1_request *q);
/* Its pair has these to say: bytes of gh-publish, a queue that is empty, its end. */
void published_data(struct exchange *x, struct bytes in);
void published_drained(struct exchange *x);
void published_broken(struct exchange *x);
/* As those of a transfer. */
void published_close(struct published *p);
void published_free(struct published *p);
bool published_takes_body(const struct exchange *x);
void published_body(struct exchange *x, struct bytes piece);
void published_ended(struct exchange *x);
void published_client_drained(struct exchange *x);
void published_timeout(struct exchange *x);

/* ---- transfer.c: files ---- */
/* Closes its way to gh-files; NULL is fine. Not free before the end of the turn: links are in it. */
void transfer_close(struct transfer *t);
void transfer_free(struct transfer *t);
/* ERR_AGAIN: there is nobody to ask now. ERR_NOMEM, ERR_SYS. */
int transfer_begin(struct exchange *x, const struct http1_request *q);
/* Does it want bytes of the request now? Else they wait. */
bool transfer_takes_body(const struct exchange *x);
void transfer_body(struct exchange *x, struct bytes piece);
/* The request is read whole. */
void transfer_ended(struct exchange *x);
void transfer_client_drained(struct exchange *x);
void transfer_timeout(struct exchange *x);

#endif
