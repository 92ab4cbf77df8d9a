/* turn/stream_impl.h - the inside of clients over TCP and TLS: door_stream.c, stream_*.c.
 *
 * A connection is one record of 424 bytes here (and what the loop and OpenSSL keep for it): no buffer while idle,
 * no TLS before its first byte. Its number (path.conn) is a place and a generation, so that a stale one finds
 * nothing. */
#ifndef TURN_STREAM_IMPL_H
#define TURN_STREAM_IMPL_H

#include "door_stream.h"
#include "net/address.h"
#include "net/link.h"

enum {
	STREAM_FIRST_MS = 30 * 1000,     /* from accept, or from TLS, to the first whole message */
	STREAM_HANDSHAKE_MS = 10 * 1000, /* to the first byte on a TLS door; of the handshake */
	STREAM_IDLE_MS = 60 * 1000,      /* without a message and without an allocation */
	STREAM_STUCK_MS = 30 * 1000,     /* bytes under way that nobody acknowledges */
	STREAM_QUEUE_MS = 1000,          /* age of what waits: datagrams that come then are dropped */
	STREAM_QUEUE_BYTES = 1 << 20,    /* of one client; room for a picture's worth at once */
	STREAM_ANSWERS_BYTES = 64 << 10, /* beside it for answers; all there is without an allocation */
	STREAM_QUEUE_ALL_BYTES = 64 << 20, /* of all that cannot be sent now */
	STREAM_UNSENT_BYTES = 64 << 10,  /* that the kernel takes beyond what is under way */
	STREAM_REQUEST_MAX = STUNMSG_SIGNED_MAX, /* frames of a client without an allocation */
	STREAM_BEGIN_MAX = 16,           /* connections begun in a turn: handshakes do not hold up packets */
	STREAM_PLACE_BITS = 18,
};

enum stream_state {
	STREAM_CONNECTED, /* no byte yet: TLS or not? */
	STREAM_HANDSHAKE,
	STREAM_NEW,       /* no whole message yet */
	STREAM_OPEN,
	STREAM_TAPPED,    /* RFC 6062: its bytes are another's */
	STREAM_ENDING,    /* what is queued goes out; nobody finds it any more */
	STREAM_GONE,      /* is freed at the end of the turn */
};

struct stream_client {
	struct list node; /* of all, or of those that are gone */
	struct streams *of;
	struct door *door;
	struct address_count *address;
	union {
		struct loop_watch first; /* STREAM_CONNECTED */
		struct link link;        /* after it */
	};
	struct loop_timer timer;
	struct buf in; /* the beginning of a frame; bytes for a tap */
	struct loop_defer end_of_turn; /* of a tapped one */
	const struct stream_tap *tap;
	void *tap_arg;
	uint64_t heard_ms;      /* the last whole message */
	uint64_t mark, mark_ms; /* a byte of link.bytes_out, and when it was queued */
	uint32_t number;        /* 0: nobody finds it */
	uint32_t stuck_bytes;   /* as counted in streams.stuck_bytes */
	struct stunaddr from;
	uint8_t transport;      /* TURN_TCP, TURN_TLS */
	uint8_t state;          /* enum stream_state */
	bool owes_drained;      /* to the tap */
	bool owes_ended;        /* as well, after what is in `in` */
};

struct stream_place {
	struct stream_client *client; /* NULL: free */
	uint32_t generation, next_free;
};

struct streams {
	struct worker *worker;
	struct stream_place *places;
	uint32_t n_places, first_free; /* UINT32_MAX: none */
	uint32_t n_clients;
	uint32_t max, max_address;
	uint32_t most; /* that descriptors are there for: half of them are the relays' */
	struct list all, gone;
	uint32_t n_begun; /* in this turn */
	struct loop_defer sweep, end_of_turn;
	struct loop_timer pause;
	struct address_table addresses;
	struct log_limit short_lines;
	size_t stuck_bytes;
	uint64_t counts[STREAM_STAT_COUNT];
};

/* ---- stream_table.c ---- */
int stream_number(struct stream_client *c); /* gives it one. ERR_FULL, ERR_NOMEM */
void stream_forget(struct stream_client *c);
struct stream_client *stream_find(const struct streams *s, const struct turn_path *p);

/* ---- stream_client.c ---- */
/* Takes fd, on failure too. */
int stream_accept(struct door *d, int fd, const union endpoint *from);
/* It ends at once: engine or tap are told. Harmless on one that is gone. */
void stream_lose(struct stream_client *c);
/* The same, with one line that says why. */
void stream_refuse(struct stream_client *c, const char *what, const char *why);
/* What is queued goes out first; nobody is told. */
void stream_finish(struct stream_client *c);
struct turn_path stream_path(const struct stream_client *c);

/* ---- stream_in.c, stream_out.c ---- */
void stream_take(struct stream_client *c, struct bytes in);
void stream_to_client(struct worker *w, const struct turn_path *to, struct bytes data);
void stream_uncount(struct stream_client *c); /* nothing of it is stuck */

/* ---- stream_tap.c ---- */
void stream_tap_take(struct stream_client *c, struct bytes in);
void stream_tap_hold(struct stream_client *c, struct bytes in); /* until the end of the turn */
void stream_tap_ended(struct stream_client *c);   /* after what it has said */
void stream_tap_drained(struct stream_client *c); /* all is with the kernel */

#endif
