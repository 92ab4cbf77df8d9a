/* flight.h - stanzas that peers gave us and the core has not yet taken: envelopes on their way over
 * the bus. They are kept to be sent again when gh-switch came back, and they count for the peer's
 * XEP-0198 h in the order in which they came. */
#ifndef S2S_FLIGHT_H
#define S2S_FLIGHT_H

#include "base/list.h"
#include "base/map.h"
#include "proto/envelope.h"

struct flight {
	struct list in_conn;  /* of the connection it came by; unlinked when that is gone */
	struct list in_table; /* all that wait for ROUTE_DONE, oldest first */
	uint64_t id;          /* the envelope's; 0: nothing is on its way, it only counts */
	uint64_t conn;
	uint64_t sent_ms;     /* given to the bus; 0: wants to be */
	bool counts;          /* for the peer's h */
	bool is_done;
	uint8_t tries;
	uint32_t n;
	uint8_t data[];       /* the encoded envelope */
};

struct flights {
	struct map by_id;
	struct list all;
	size_t n;
	uint64_t bytes;
};

enum {
	FLIGHT_PER_CONN_MAX = 256,           /* then the connection is not read */
	FLIGHT_BYTES_MAX = 64 * 1024 * 1024, /* then no connection is read */
	FLIGHT_TRIES_MAX = 30,
	FLIGHT_AGAIN_MS = 1000,
};

void flights_init(struct flights *f);
void flights_fini(struct flights *f);
/* A copy of the envelope; NULL: no memory. e->id 0 with an empty stanza makes one that is done. */
struct flight *flight_new(struct flights *f, const struct envelope *e, uint64_t conn, bool counts);
struct flight *flight_find(struct flights *f, uint64_t id);
/* It is safe: out of the table. Freed at once when no connection lists it. */
void flight_done(struct flights *f, struct flight *x);
/* Takes the done ones from the front of a connection's list; returns how many, and of those how many
 * count for the peer's h. */
uint32_t flight_settle(struct list *in_conn, uint32_t *counting);
/* The connection is gone; what is on its way stays in the table. */
void flight_forget_conn(struct list *in_conn);

#endif
