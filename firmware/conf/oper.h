/* oper.h - operators at the socket: one connection, one candidate, one command at a time
 * (run/oper.h has the frames). Commands answer through these calls. */
#ifndef CONF_OPER_H
#define CONF_OPER_H

#include "base/buf.h"
#include "command.h"
#include "keyring.h"
#include "rows.h"
#include "run/loop.h"

#include <sys/types.h>

/* 16 operators; one answer may queue 32 MiB before its reader is given up. */
enum { OPERS_MAX = 16, OPER_QUEUE_MAX = 32 << 20 };

struct oper;
/* A command that goes on over many turns, with files in pieces. */
struct oper_work {
	/* The PIECE that oper_want asked for; rc: the person's side could not read it. */
	void (*piece)(struct conf *c, struct oper *o, int rc, uint64_t offset, struct bytes content);
	/* What was queued for the operator has left. */
	void (*drained)(struct conf *c, struct oper *o);
	/* The operator stops it, or has gone: nothing more is answered by the work itself. */
	void (*stop)(struct conf *c, struct oper *o);
};

struct oper {
	struct list node;
	struct conf *conf;
	uint64_t id;
	struct loop_watch watch;
	struct loop_defer sweep; /* closes it after the callbacks */
	struct buf in, out;
	enum oper_role role;
	char by[64]; /* "root", "uid 1000": for audit and history */
	struct rows base, candidate; /* candidate began as base; empty both without one */
	bool has_candidate;
	struct keyring keys;     /* while a check or commit waits for gh-keys */
	unsigned commit_minutes; /* of that commit; 0: for good */
	bool is_busy;    /* a command has not answered yet: frames wait */
	bool is_closing;
	const struct oper_work *work; /* until oper_done */
	bool is_piece_wanted;
	bool had_secret; /* in the line that is under way */
	size_t frame_at, count_at;
	uint16_t n_pairs;
};

/* Takes over an accepted descriptor. */
void oper_accept(struct conf *c, int fd);
void oper_close_all(struct conf *c);
/* NULL when the operator has gone. */
struct oper *oper_of(struct conf *c, uint64_t id);

/* ---- answering ---- */
void oper_record_begin(struct oper *o);
void oper_record_bytes(struct oper *o, const char *key, struct bytes value);
void oper_record_str(struct oper *o, const char *key, const char *value);
void oper_record_int(struct oper *o, const char *key, int64_t value);
void oper_record_end(struct oper *o);
void oper_text(struct oper *o, struct bytes text);
void oper_note(struct oper *o, const char *text);
void oper_need(struct oper *o, enum oper_need what, size_t word, const char *text);
void oper_candidate(struct oper *o, const char *word, const char *help);
/* A piece of a file for the person. Look at oper_pending before the next one. */
void oper_file(struct oper *o, const char *name, struct bytes content);
/* Asks for a piece of the file that the word at `word` names; work->piece follows. */
void oper_want(struct oper *o, size_t word, uint64_t offset);
/* Bytes that the operator has not taken yet. */
size_t oper_pending(const struct oper *o);
/* Ends the answer; the next frame is read. */
void oper_done(struct oper *o, int rc, const char *text);

/* ---- the candidate ---- */
/* Begins one from the running settings when there is none. ERR_NOMEM, ERR_LIMIT. */
int oper_begin(struct oper *o);
/* The candidate, or what runs. */
const struct rows *oper_rows(const struct oper *o);
void oper_discard(struct oper *o);
/* The operator decides again about path and what is below it, knowing what runs now: only changes of
 * others from now on are in conflict with that. Empty path: about all. There is a candidate. */
int oper_decide(struct oper *o, struct bytes path);
/* Changes of others since the candidate began are taken in; nothing to do without one. ERR_EXISTS: both
 * changed the same setting, *why names it. */
int oper_rebase(struct oper *o, char why[static 512]);

#endif
