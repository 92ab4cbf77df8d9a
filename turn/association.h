/* turn/association.h - the inside of clients over DTLS: door_dtls.c, association.c. One record an association, found
 * by listener and client address. Of its 37 kB all but 136 bytes are OpenSSL's, 22 kB of them a buffer for handshake
 * messages that it keeps for repeats; it has 33 kB more of record buffers while it is busy (net/dtls.h). */
#ifndef TURN_ASSOCIATION_H
#define TURN_ASSOCIATION_H

#include "door_dtls.h"
#include "net/address.h"
#include "net/dtls.h"

enum {
	ASSOCIATION_HANDSHAKE_MS = 10 * 1000,
	ASSOCIATION_IDLE_MS = 60 * 1000, /* without a record and without an allocation */
	ASSOCIATION_BEGIN_MAX = 16,      /* begun in a turn: handshakes do not hold up packets */
	ASSOCIATION_KEY_BYTES = 20,
	ASSOCIATION_REPLY_MAX = 256,     /* a HelloVerifyRequest has some 60 */
};

struct association {
	struct list node; /* of all, of the broken, or of those that are gone */
	struct associations *of;
	struct door *door;
	struct dtls *t; /* NULL: gone, freed at the end of the turn */
	struct address_count *address;
	struct loop_timer timer;
	uint64_t heard_ms; /* the last record */
	struct stunaddr from;
	uint32_t number; /* path.conn */
	uint8_t key[ASSOCIATION_KEY_BYTES];
	bool is_secure;
};

struct associations {
	struct worker *worker;
	struct dtls_door *dtls;        /* NULL before the first certificate */
	const struct tls_store *store; /* what it has, held by it */
	bool is_open;                  /* newcomers are taken */
	bool is_told;                  /* that they are not */
	uint32_t n, next_number;
	uint32_t n_begun; /* in this turn */
	struct map by_key;
	struct list all, broken, gone;
	struct loop_defer sweep;
	struct address_table addresses;
	struct buf reply;
	uint64_t counts[ASSOCIATION_STAT_COUNT];
};

/* The client's address is proved: an association begins, or a line says why not. Takes t. */
void association_begin(struct door *d, const struct stunaddr *from, const union endpoint *at, struct dtls *t);
struct association *association_find(const struct associations *s, const struct door *d, const struct stunaddr *from);
/* It ends at once, and the engine is told. */
void association_lose(struct association *a);
/* The same, and the engine is not. */
void association_end(struct association *a);
/* It ends at the end of the turn: from inside the engine. */
void association_break(struct association *a);
/* The end of a turn: ends what is broken, frees what is gone. */
void associations_sweep(void *associations);

#endif
