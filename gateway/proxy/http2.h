/* gateway/proxy/http2.h - HTTP/2 with one client (RFC 9113): its streams are exchanges, which meet the same places as those of
 * HTTP/1.1, and a WebSocket is a stream of its own (RFC 8441). The protocol is proto/h2.h, the fields proto/h2_head.h. */
#ifndef PROXY_HTTP2_H
#define PROXY_HTTP2_H

#include "conn.h"

#include "proto/h2.h"
#include "proto/h2_head.h"

enum {
	HTTP2_HIGH = 64 << 10, /* bytes that wait in the connection; the rest waits in its streams */
};

/* What the connection's timer is for. */
enum http2_wait { HTTP2_FIRST, HTTP2_FIELDS, HTTP2_IDLE, HTTP2_BUSY };

struct http2 {
	struct h2 h2;
	struct conn *conn;
	struct h2_head *head; /* while a request's fields come */
	struct list streams;
	struct loop_defer pump;
	uint8_t wait; /* enum http2_wait */
	bool is_malformed; /* it has had a request that was: there is a line about it */
	bool is_ending; /* its good-bye is to be sent, and nothing is waited for */
	bool is_over; /* it has said good-bye: nothing is read */
};

struct http2_stream {
	struct list node; /* of its connection, later of proxy.gone_streams */
	struct http2 *http2;
	struct exchange x;
	struct h2_stream stream;
	struct buf in;         /* came while nobody took it; at most the window */
	uint64_t moved_before; /* at the last look */
	bool is_paused;
	bool is_told; /* the exchange knows that the request is whole */
	bool is_done; /* its answer is whole; the rest is to be sent */
};

/* ---- http2.c: the connection ---- */
/* There is something to send, or to look at. */
void http2_kick(struct http2 *h);

/* ---- http2_stream.c: its streams, as hooks of h2 ---- */
extern const struct exchange_way http2_way;
/* The fields of a request are all in h->head. */
void http2_request(struct http2 *h, int32_t id, bool is_whole);
void http2_stream_data(void *http2, struct h2_stream *s, struct bytes in);
void http2_stream_ended(void *http2, struct h2_stream *s);
void http2_stream_drained(void *http2, struct h2_stream *s);
void http2_stream_closed(void *http2, struct h2_stream *s, int why);
/* It is over; what its exchange has to do with others ends. The stream is not open any more. */
void http2_stream_forget(struct http2_stream *s);
void http2_stream_free(struct http2_stream *s);

#endif
