/* gateway/access/conn.h - one client's connection: a link, a stream engine, and what lies between.
 * Kept small: an idle one has no buffer, no parser, and no timer but the one for its next sign of
 * life. */
#ifndef ACCESS_CONN_H
#define ACCESS_CONN_H

#include "door.h"

#include "net/handed.h"

/* What gh-im knows of it. */
enum conn_core { CORE_NOTHING, CORE_LOGIN, CORE_AUTHED };

struct conn {
	struct link link;
	struct stream stream;
	struct door *door;
	uint64_t id;
	struct list node;                    /* in door->parked or door->gone */
	struct list tell_node, ack_node;
	struct loop_timer timer;             /* login deadline, then signs of life */
	struct loop_timer pace;              /* resumes reading */
	struct address_count *address;       /* while unauthenticated */
	struct hold *hold;                   /* NULL: nothing held */
	struct handed *handed;               /* NULL: the client's TLS ends here */
	uint64_t opened_ms, last_in_ms, ack_due_ms;
	uint64_t allowed_at_ms;              /* read rate: when what was read is paid for */
	uint32_t delivered, held, told;      /* DELIVERs passed to the link; waiting in hold; reported */
	uint32_t unasked;                    /* deliveries since the last <r/> */
	struct peer_address peer;
	uint8_t core;                        /* enum conn_core */
	bool is_gone : 1, is_shut : 1, is_parked : 1, is_paced : 1, has_backlog : 1, is_paused : 1;
	bool is_asked : 1, is_tell_due : 1, is_direct : 1; /* TLS from the first byte on */
};

/* Takes over an accepted descriptor. On failure the descriptor is closed. ERR_LIMIT, ERR_NOMEM. */
int conn_open(struct door *d, int fd, const struct sockaddr *from, bool is_direct_tls);
/* The same for one end of a pair of sockets, of whose client gh-proxy says this. */
int conn_open_handed(struct door *d, int fd, const struct sockaddr *from, const struct handed *handed);
/* "TLSv1.3"; "none". */
const char *conn_tls_version(const struct conn *c);
void conn_event(struct conn *c, const struct stream_input *in);
/* Reads what waits in the stream, as far as gh-im takes it. */
void conn_run(struct conn *c);
void conn_unpark(struct conn *c);
/* It has proved who it is: no longer counted as a stranger. */
void conn_count_known(struct conn *c);
/* Closes it at once. */
void conn_drop(struct conn *c);
/* An operator ends it, and its session. */
void conn_kick(struct conn *c);
/* It is no more: its id is free, the memory goes at the end of the turn. reason: for the log. is_over:
 * nobody may resume it. */
void conn_vanish(struct conn *c, const char *reason, bool is_over);
/* The core hears, at the end of the turn, how much the kernel has taken. */
void conn_tell_later(struct conn *c);
/* Frees what is gone; from the loop only. */
void conn_sweep(struct door *d);

/* ---- slots.c: an id is never used twice ---- */
/* Gives c its id. ERR_LIMIT, ERR_NOMEM. */
int slot_take(struct door *d, struct conn *c);
void slot_give(struct door *d, uint64_t id);
/* NULL: gone. */
struct conn *conn_of(struct door *d, uint64_t id);
/* Walks all: start with *at = 0. */
struct conn *conn_next(struct door *d, uint32_t *at);

/* ---- deliver.c ---- */
/* A stanza from the core. flags: DELIVER_*. */
void conn_deliver(struct conn *c, uint8_t flags, struct bytes stanza);
/* Lets go what was held back. */
void conn_release(struct conn *c);
/* Asks for an acknowledgement when one is due; door's timer. */
void conn_ask(struct conn *c);
/* The client acknowledged: it may be asked again. */
void conn_answered(struct conn *c);

/* ---- actions.c ---- */
void conn_perform(struct conn *c, const struct stream_out *out);
/* Tells the core that the stream is over or lost, once. */
void conn_tell_closed(struct conn *c, bool is_over);

#endif
