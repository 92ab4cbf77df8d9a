/* queue.h - stanzas of one domain pair that wait to go out, bounded by count, bytes and age. Pure. */
#ifndef S2S_QUEUE_H
#define S2S_QUEUE_H

#include "base/list.h"
#include "conf.h"
#include "proto/envelope.h"

/* One stanza with what an error answer needs. It is in one list: a queue, or a connection's list of
 * what was sent and is not yet safe. */
struct queue_item {
	struct list node;
	uint64_t id;       /* the envelope's, for ROUTE_DONE; 0: nobody waits */
	uint64_t trace;
	uint64_t queued_ms, sent_ms;
	uint32_t seq;      /* the peer's h that covers it, when has_seq */
	bool has_seq;
	bool is_written;   /* without XEP-0198: the kernel has it */
	bool is_retried;   /* went out once on a stream that then ended */
	uint8_t kind, type;
	uint32_t bytes_n;
	struct bytes from, to, sid, stanza; /* into data */
	uint8_t data[];
};

struct queue {
	struct list items; /* oldest first */
	uint32_t n;
	uint64_t bytes;
};

void queue_init(struct queue *q);
/* Copies the envelope to the end. ERR_FULL: over count or bytes of the settings; ERR_NOMEM. */
int queue_put(struct queue *q, const struct s2s_conf *c, const struct envelope *e, uint64_t now_ms);
/* The oldest, out of the queue; the caller's then. NULL: empty. */
struct queue_item *queue_take(struct queue *q);
/* Takes back to the front what was taken or sent (before all that waits). */
void queue_put_back(struct queue *q, struct queue_item *i);
/* The oldest when it has waited longer than allowed, out of the queue; NULL. */
struct queue_item *queue_take_old(struct queue *q, const struct s2s_conf *c, uint64_t now_ms);
/* Takes the first item of this kind (enum stanza_kind), or NULL. */
struct queue_item *queue_take_kind(struct queue *q, unsigned kind);
void queue_item_free(struct queue_item *i);

#endif
