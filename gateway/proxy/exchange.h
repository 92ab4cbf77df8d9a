/* gateway/proxy/exchange.h - one request of a client and its answer, whichever version of HTTP carries it: what the places
 * behind route.h see of a client. A connection of HTTP/1.1 has one, which is used again for each request; on one of HTTP/2
 * each stream is one. What a version does with it is its way: http.c, http2_way.c.
 *
 * Bytes of a request come by exchange_body and are taken at once; who cannot take more says so by way->pause, and the
 * client's window, or its TCP, holds the rest. Bytes of an answer are put into way->out, whose owner looks at way->queued
 * and stops its source above its own mark until exchange_drained comes. */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "proxy.h"

#include "net/link.h"
#include "proto/http1.h"

struct conn;
struct transfer;
struct published;
struct websocket;
struct bosh_ask;
struct exchange;

/* A head on its way out. Views: valid until it is put. */
enum {
	ANSWER_FIELDS_MAX = HTTP1_FIELDS_MAX + 16, /* what a service inside says, and ours */
	ANSWER_NAME_MAX = 256,                     /* a field with a longer name is left out */
};

enum answer_body {
	ANSWER_NONE,   /* 204, 304: no body, no length */
	ANSWER_SIZED,  /* `length` bytes follow; none when HEAD was asked */
	ANSWER_OPEN,   /* bytes follow by exchange_put, until exchange_put_end */
	ANSWER_TUNNEL, /* a WebSocket: bytes both ways from here on */
};

struct answer {
	int status;
	struct http1_field fields[ANSWER_FIELDS_MAX];
	size_t n;
	enum answer_body body;
	uint64_t length;
	char date[HTTP1_DATE_BYTES];
};

struct exchange_way {
	/* Puts the head. */
	void (*answer)(struct exchange *x, const struct answer *a);
	/* 100: the body may come (RFC 9110 10.1.1). */
	void (*go_on)(struct exchange *x);
	/* Where bytes of the answer are put; then kick. */
	struct buf *(*out)(struct exchange *x);
	void (*kick)(struct exchange *x);
	/* Bytes of the answer that wait for the client. */
	size_t (*queued)(const struct exchange *x);
	/* The request's bytes, and the client, are not read from; or are again. */
	void (*pause)(struct exchange *x, bool is_paused);
	/* The answer is whole. may_go_on: the request was, too, so that the connection may have another. */
	void (*done)(struct exchange *x, bool may_go_on);
	/* It ends at once, whatever is under way. */
	void (*drop)(struct exchange *x, const char *reason);
	/* Its time is up, and it is nothing that has an answer for that of its own. */
	void (*timeout)(struct exchange *x);
	/* Bytes that have moved between us and the client, either way, so far. */
	uint64_t (*moved)(const struct exchange *x);
};

struct exchange {
	struct list node; /* proxy.exchanges */
	const struct exchange_way *way;
	struct proxy *proxy;
	struct conn *conn;            /* whose TLS it is in */
	struct transfer *transfer;    /* a file is on its way; NULL: none */
	struct published *published;  /* a request to a web service inside; NULL: none */
	struct bosh_ask *bosh;        /* a request of BOSH; NULL: none */
	struct websocket *websocket;  /* NULL: it is none */
	struct link access;           /* is_joined: the pair to gh-access */
	struct loop_timer timer;
	struct loop_defer drained;
	uint64_t id, opened_ms, last_in_ms;
	uint64_t said_ms;         /* is_joined: when bytes came from inside last */
	bool is_end_of_element;   /* and the last one was a '>' */
	bool is_sent_off;         /* drain.c has ended it */
	bool is_gone, is_joined;
	bool is_head;     /* HEAD is asked: answers have no body */
	bool is_kept;     /* the connection may go on at the end */
	bool can_chunk;   /* HTTP/1.1: the client knows chunks, those of HTTP/1.0 do not */
	bool is_chunked;  /* HTTP/1.1: the answer's body is written in them */
	char origin[256]; /* of the page that asks for a file, where pages are named; "" any */
};

/* Of a connection or stream that begins. */
void exchange_init(struct exchange *x, struct conn *c, const struct exchange_way *way);
/* It is over for the client: nothing is called any more. Its memory goes with exchange_free, at the end of the turn. */
void exchange_gone(struct exchange *x);
void exchange_free(struct exchange *x);
/* Its time for the next step. Without memory for a timer it is dropped. */
void exchange_wait(struct exchange *x, uint64_t ms);

/* ---- the request, for ways: a head goes to route_request ---- */
/* May its body come now? Else it waits. */
bool exchange_takes_body(const struct exchange *x);
/* Bytes of the body, or of the WebSocket. False: refused, it has its answer and nothing more is to be read. */
bool exchange_body(struct exchange *x, struct bytes piece);
/* The request is whole. True: its answer is to come, by way->done at last. */
bool exchange_ended(struct exchange *x);
/* Is an answer of some length of time under way? */
bool exchange_is_busy(const struct exchange *x);
/* The client has taken what there was. */
void exchange_drained(struct exchange *x);

/* ---- the answer ---- */
/* A head with what every answer has. type: Content-Type; NULL: none. */
void answer_init(struct answer *a, const struct exchange *x, int status, const char *type);
/* The name and the value are not copied. More than ANSWER_FIELDS_MAX are left out. */
void answer_add(struct answer *a, const char *name, struct bytes value);
/* Fields for pages of others, about files (XEP-0363 10). */
void answer_cors(struct answer *a, const struct exchange *x);
/* Puts the head and all of the body. */
void exchange_reply(struct exchange *x, struct answer *a, struct bytes body);
/* A piece of the body of ANSWER_OPEN, or of ANSWER_SIZED; then its end. */
void exchange_put(struct exchange *x, struct bytes piece);
void exchange_put_end(struct exchange *x);
/* An answer without a body but its reason. */
void exchange_refuse(struct exchange *x, int status, const char *why);

#endif
