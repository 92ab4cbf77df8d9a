/* lockout.h - what failed logins cost outlives this program: the file "lockout" of gh-conf's folder holds the throttle's entries and
 * the accounts' counts of failures are saved with it. A first failure is written at once, further ones together, at most every
 * LOCKOUT_WRITE_MS: whoever tries passwords makes no more writes than that, and an end of the program forgives at most what was tried
 * within that time. A file that is damaged is logged and counts as none. */
#ifndef CONF_LOCKOUT_H
#define CONF_LOCKOUT_H

#include "base/buf.h"
#include "run/loop.h"
#include "throttle.h"

enum { LOCKOUT_WRITE_MS = 2000, LOCKOUT_FILE_MAX = THROTTLE_ENTRIES * 48 + 64 };

struct conf;
struct lockout {
	struct loop_timer timer;
	uint64_t written_ms; /* of the last write; 0: none yet */
	bool is_waiting;     /* for the timer */
	bool has_failures;   /* in the accounts, that their file does not know */
};

/* With a throttle that is new: what the file says comes back. */
void lockout_init(struct conf *c);
/* An attempt was counted or taken back. */
void lockout_changed(struct conf *c);
/* An administrator has forgiven an account: written at once. */
void lockout_forgiven(struct conf *c);
/* An account's count of failures has grown. */
void lockout_failed(struct conf *c);
/* What is not written yet, at the program's end. */
void lockout_fini(struct conf *c);

/* The throttle as bytes and back, for the file. Times go as what has passed and what is left, by the wall clock: a clock that was set
 * back makes no wait longer than it was. ERR_SYNTAX, ERR_LIMIT: t is as new. Pure. */
void lockout_put(const struct throttle *t, uint64_t now_ms, uint64_t wall_ms, struct buf *out);
int lockout_read(struct bytes file, struct throttle *t, uint64_t now_ms, uint64_t wall_ms);

#endif
