/* proto/h2.h - one HTTP/2 connection (RFC 9113), on nghttp2. Two use it: gh-link, between an edge, which is the client and opens
 * one stream for each of its clients, and a core, which has dialled and is the server (roles reversed, mra.md 2.3); and
 * gh-proxy, as the server of strangers. Does no I/O and reads no clock: bytes and the time go in, bytes and calls of the
 * owner come out. Who uses it links nghttp2.
 *
 * Either side may be hostile. What costs work without carrying anything is counted against a budget (CVE-2019-9511 to
 * 9518, CVE-2023-44487, CVE-2024-28182), windows are fixed, and what a stream may have waiting is bounded by its window. */
#ifndef PROTO_H2_H
#define PROTO_H2_H

#include "base/buf.h"
#include "base/rate.h"

enum {
	H2_WINDOW_SIGNAL = 64 << 10, /* of a stream; what its receiver may have to keep */
	H2_WINDOW_BULK = 1 << 20,
	H2_WINDOW_CONNECTION = 1 << 20,
	H2_WINDOW_FRONT = 256 << 10,
	H2_OUT_MAX = 256 << 10,  /* bytes of a stream that wait for its window, where h2_limits names no other */
	H2_REST_MAX = 16 << 10,  /* of a request that has its answer: what is heard of it still */
	H2_OUT_HIGH = 64 << 10,  /* from here on its source is not read from */
	H2_PING_MS = 5000,
	H2_DEAD_MS = 15000, /* without any byte */
	H2_SILENT_MS = 2000, /* a PING without an answer, or any other byte, for so long */
	H2_ASK_MS = 1000,    /* until what is expected is asked after */
};

struct nghttp2_session;
struct h2;

/* One stream; its owner embeds it. */
struct h2_stream {
	int32_t id; /* 0: not open */
	struct buf out;
	bool is_waiting; /* nghttp2 waits for bytes of it */
	bool is_ending;  /* no more will be put */
	bool is_full;    /* its owner was told to stop */
	bool has_ended;  /* the other side says nothing more */
	bool is_answered; /* our end is out, theirs is not */
	uint32_t rest;   /* bytes that came after it */
	uint32_t held;   /* bytes that came and were not consumed */
	uint64_t moved;  /* bytes either way */
};

struct h2_field {
	struct bytes name, value; /* of our own: well-formed, the name in lower case */
	bool is_secret;           /* not worth a place in the table, nor to be guessed by it (RFC 7541 7.1) */
};
enum { H2_FIELDS_MAX = 96 };

/* All but `request` get the stream that they are about. None may free the struct h2. */
struct h2_owner {
	/* Client: the core has said what it takes, streams may be opened. Optional. */
	void (*ready)(void *arg);
	/* Server: fields begin to come, then each of them; those of a trailer too. */
	void (*begin)(void *arg);
	void (*field)(void *arg, struct bytes name, struct bytes value);
	/* Server: all fields of a request were there; before it returns the owner calls h2_accept, h2_begin or h2_refuse. is_whole:
	 * nothing follows. */
	void (*request)(void *arg, int32_t id, bool is_whole);
	/* Bytes came, valid during the call. They count against the stream's window until h2_consume. */
	void (*data)(void *arg, struct h2_stream *s, struct bytes in);
	/* Optional: the other side says nothing more on it. Without it that is closed(0). */
	void (*ended)(void *arg, struct h2_stream *s);
	/* There is room again after h2_send left it full; for strangers: all has gone. Called from within h2_output. */
	void (*drained)(void *arg, struct h2_stream *s);
	/* It is over: 0 in order (what came before is all there is), ERR_AGAIN the other side refused it, ERR_CLOSED it broke
	 * it off. The stream is not open any more. */
	void (*closed)(void *arg, struct h2_stream *s, int why);
	/* The other side is going: no new streams, old ones go on. Optional. */
	void (*draining)(void *arg);
	/* The other side asks by PING whether we are there, and sent this in it, its `stamp`. Optional. */
	void (*pinged)(void *arg, uint64_t stamp);
	/* A stream of the other side was broken off because it was malformed. Optional. */
	void (*malformed)(void *arg, const char *why);
};

struct h2_limits {
	uint32_t streams_max;
	uint32_t opens_per_s; /* server: new streams, twice as many at once; 0: any, where they are not broken off */
	uint32_t window;      /* of a stream */
	uint32_t fields_bytes; /* of a request, with 32 for each (RFC 9113 6.5.2) */
	uint32_t out_max;     /* bytes of a stream that wait for its window; 0: H2_OUT_MAX */
	/* Clients of any kind: frames that ours do not send are budgeted, not refused; a WebSocket may be asked for (RFC 8441); what
	 * a stream holds back counts against the connection's window, too. */
	bool is_open;
};

struct h2 {
	struct nghttp2_session *session;
	const struct h2_owner *owner;
	void *arg;
	struct h2_limits limits;
	int32_t reading; /* the stream whose fields come; 0: none do */
	uint32_t head_bytes; /* of those */
	int status;      /* client: of the answer that comes */
	uint32_t n_streams;
	bool is_server, is_ready, is_draining, is_peer_draining;
	uint64_t now_ms, last_in_ms, last_ping_ms, ping_sent_ms, expect_ms; /* the last two 0: nothing */
	uint32_t round_trip_ms;
	uint64_t stamp; /* what our PINGs carry (RFC 9113 6.7), set by the owner before h2_tick */
	uint64_t opened, data_in, data_out;
	uint64_t n_updates, n_resets; /* frames that must be paid for by others */
	uint64_t n_data_out;          /* frames of data that we sent */
	struct rate opens, settings, pings, resets, extras;
	const char *why; /* what the other side did wrong; "" nothing */
};

/* ERR_NOMEM. The first bytes to send are there at once. */
int h2_init(struct h2 *h, bool is_server, const struct h2_limits *limits, const struct h2_owner *owner, void *arg, uint64_t now_ms);
/* Forgets all streams without a call. */
void h2_fini(struct h2 *h);
/* ERR_PROTOCOL: the other side broke the rules or a budget (h->why). ERR_NOMEM. Close. */
int h2_input(struct h2 *h, struct bytes in, uint64_t now_ms);
/* Puts what is to be sent, until `out` has `high` bytes. ERR_PROTOCOL, as above; ERR_NOMEM: close. */
int h2_output(struct h2 *h, struct buf *out, size_t high);
/* Once a second or so. ERR_TIMEOUT: it is dead. */
int h2_tick(struct h2 *h, uint64_t now_ms);
/* Something is expected of the other side: if no byte comes within H2_ASK_MS, h2_tick asks by PING whether it is there. */
void h2_expect(struct h2 *h, uint64_t now_ms);
/* Says `stamp` now, by a PING: it is another than before. ERR_NOMEM. */
int h2_say_stamp(struct h2 *h, uint64_t now_ms);
/* It has been asked, and has said nothing for H2_SILENT_MS: what is new had better go elsewhere. */
bool h2_is_silent(const struct h2 *h, uint64_t now_ms);
/* No more streams from either side; those that are open go on. */
void h2_drain(struct h2 *h);
/* Ends it for what the other side did (RFC 9113 7: ENHANCE_YOUR_CALM): h2_output puts the good-bye and says ERR_PROTOCOL. */
void h2_calm(struct h2 *h, const char *why);

/* Client: may one more be opened? */
bool h2_has_room(const struct h2 *h);
/* ERR_LIMIT, ERR_NOMEM. */
int h2_open(struct h2 *h, struct h2_stream *s, const struct h2_field *fields, size_t n);
/* Server, in `request`: takes it and answers 200. ERR_NOMEM: it is refused. */
int h2_accept(struct h2 *h, int32_t id, struct h2_stream *s);
/* Server, in `request`: takes it; h2_answer follows some time. ERR_NOMEM: it is refused. */
int h2_begin(struct h2 *h, int32_t id, struct h2_stream *s);
/* A head, ":status" first. has_body: bytes follow, until h2_end; otherwise it is the end, unless is_interim: 1xx, another
 * head follows. ERR_NOMEM: break it off. */
int h2_answer(struct h2 *h, struct h2_stream *s, const struct h2_field *fields, size_t n, bool has_body, bool is_interim);
/* Server, in `request`: a status, and no more of it. */
void h2_refuse(struct h2 *h, int32_t id, int status);

/* Queues bytes; true: it is full, put no more before `drained`. More than H2_OUT_MAX breaks it off (ERR_CLOSED to its owner
 * does not come: the caller sees buf_failed(&s->out)). */
bool h2_send(struct h2 *h, struct h2_stream *s, struct bytes b);
/* The same for bytes that were put into s->out. */
bool h2_kick(struct h2 *h, struct h2_stream *s);
/* Sends what is queued, then the end of the stream. */
void h2_end(struct h2 *h, struct h2_stream *s);
/* Breaks it off; no call follows. Harmless when it is not open. */
void h2_reset(struct h2 *h, struct h2_stream *s);
/* The receiver has taken n bytes. */
void h2_consume(struct h2 *h, struct h2_stream *s, size_t n);

#endif
