/* play_store.h - for tests: a gh-store of memory on the bus (bodies as in core/store/README.md). It
 * can be slow with its disk, unwell, or die; what it has not answered a death undoes. */
#ifndef IM_PLAY_STORE_H
#define IM_PLAY_STORE_H

#include "base/list.h"
#include "run/bus.h"
#include "run/store_op.h"

struct play_store {
	struct bus *bus;
	struct list rows;   /* what is on disk */
	struct list held;   /* asks that wait for the disk, in order */
	uint64_t last_row;
	bool is_slow;       /* writes wait for play_store_sync */
	uint64_t slow_ops;  /* bits of enum store_op: reads that wait too */
	uint64_t sick_ops;  /* bits: answered with ERR_IO */
	unsigned n_asked[STORE_OP_COUNT];
};

void play_store_init(struct play_store *s);
void play_store_fini(struct play_store *s);
extern const struct bus_handler play_store_handlers[];
extern const size_t play_store_n_handlers;

/* An account with this password: one round of SCRAM, and both digests. */
void play_store_account(struct play_store *s, const char *jid, const char *password);
/* The account has no verifier of this hash any more (enum scram_hash). */
void play_store_forget_hash(struct play_store *s, const char *jid, uint8_t hash);
/* An application password of an account of play_store_account. */
void play_store_app(struct play_store *s, const char *jid, const char *label, const char *password);
/* All that waits for the disk is on it, and answered. */
void play_store_sync(struct play_store *s);
/* It died: what waited was never done. */
void play_store_forget_held(struct play_store *s);
/* How many messages wait on disk for somebody; how many rows the journal has. */
unsigned play_store_offline(const struct play_store *s, const char *jid);
unsigned play_store_journal(const struct play_store *s);
/* How many messages somebody's archive has; in how many rows of all archives this text stands, as bytes. */
unsigned play_store_archived(const struct play_store *s, const char *jid);
unsigned play_store_archive_has(const struct play_store *s, const char *text);
/* Does a message with this text wait on disk, for anybody? */
bool play_store_has(const struct play_store *s, const char *text);

#endif
