/* txn.h - one commit, in two phases, over all programs.
 *
 *     idle --start--> asking --all accept--> binding --ports bound--> (write) --> switched, idle
 *                        | refusal, death, timeout        | port refused   | disk
 *                        +-----------------------> dropped, idle <---------+
 *
 * Only programs that read something which changed are asked. A program that ends while it is asked
 * counts as a refusal: perhaps the snapshot killed it. Programs that come (back) get the running
 * snapshot. A commit with a time to confirm goes back by itself; that survives gh-conf's own end,
 * since the store keeps the deadline.
 *
 * The machine does no I/O apart from the store: it tells its owner what to send (struct txn_ops),
 * so the tests run it with fake programs on a virtual clock. */
#ifndef CONF_TXN_H
#define CONF_TXN_H

#include "run/loop.h"
#include "store.h"

enum { TXN_INSTANCES_MAX = 16, TXN_WAIT_MS = 10000, TXN_CONFIRM_MAX_MINUTES = 1440 };

enum txn_state { TXN_IDLE, TXN_ASKING, TXN_BINDING, TXN_STATE_COUNT };

struct txn_slot {
	bool is_up;
	bool is_leaving;            /* it ends on purpose: nobody waits for what it thinks */
	bool is_asked, is_accepted; /* in the commit under way */
	bool is_offered;            /* outside a commit: `offered` was sent, not yet accepted */
	bool is_settled;            /* it runs `has` */
	uint32_t offered, has;
};

struct txn_result {
	int rc; /* 0: switched */
	uint32_t generation;
	char path[256], why[256]; /* the setting that was refused */
};

struct txn_ops {
	void (*snapshot)(void *arg, enum prog p, unsigned instance, uint32_t generation, const struct rows *r);
	void (*switch_to)(void *arg, enum prog p, unsigned instance, uint32_t generation);
	void (*drop)(void *arg, enum prog p, unsigned instance, uint32_t generation);
	/* Ask for exactly the listeners of r; txn_bound follows. */
	void (*listeners)(void *arg, const struct rows *r);
	/* A commit has ended; by_itself: a confirmation did not come. Changes have been logged. */
	void (*done)(void *arg, const struct txn_result *r, bool by_itself);
	/* The running settings are new (old still valid): gh-conf's own use of them, audit. */
	void (*switched)(void *arg, const struct rows *old, const char *by);
};

struct txn {
	struct loop *loop;
	struct store *store;
	const struct txn_ops *ops;
	void *arg;

	enum txn_state state;
	struct rows next;
	uint32_t next_generation;
	char by[64], note[128];
	unsigned confirm_minutes;
	bool is_by_itself;
	struct loop_timer wait;

	struct loop_timer confirm; /* set: waits for txn_confirm */
	uint32_t back_to;
	struct txn_slot slots[PROG_COUNT][TXN_INSTANCES_MAX];
	uint32_t again; /* programs that get the running settings again when the commit is over */
};

/* Picks up a confirmation that was pending when gh-conf ended. */
void txn_init(struct txn *t, struct loop *l, struct store *s, const struct txn_ops *ops, void *arg);
void txn_fini(struct txn *t);

struct txn_start {
	struct rows *rows; /* emptied: its content moves */
	const char *by, *note;
	unsigned confirm_minutes; /* 0: for good */
};
/* ERR_AGAIN: another commit is under way; ERR_BAD_STATE: a commit waits for its confirmation. Then rows
 * are untouched; otherwise ops->done follows, perhaps before this returns. */
int txn_start(struct txn *t, const struct txn_start *start);
/* ERR_BAD_STATE: nothing waits. */
int txn_confirm(struct txn *t);
/* Goes back now instead of at the deadline. ERR_BAD_STATE, ERR_AGAIN, or the store's error. */
int txn_revert(struct txn *t);
/* Milliseconds until it goes back; 0: nothing waits. */
uint64_t txn_confirm_left_ms(const struct txn *t);

void txn_up(struct txn *t, enum prog p, unsigned instance);
void txn_down(struct txn *t, enum prog p, unsigned instance);
/* What these programs (a mask) get with the running settings is new, though the settings are not: they get them again, now
 * or after the commit under way. */
void txn_offer_again(struct txn *t, uint32_t programs);
/* gh-super ends it: it is asked no more, and what it was asked goes on without it. */
void txn_leaving(struct txn *t, enum prog p, unsigned instance);
void txn_accepted(struct txn *t, enum prog p, unsigned instance, uint32_t generation);
void txn_refused(struct txn *t, enum prog p, unsigned instance, uint32_t generation, struct bytes path,
                 struct bytes why);
/* rc < 0: path names the setting whose port could not be bound. */
void txn_bound(struct txn *t, int rc, struct bytes path, const char *why);

#endif
