/* operator.h - gh-admin's end of an operator's connection to gh-conf (run/oper.h). One question at a time; further ones
 * wait in order. Rights are gh-conf's business. */
#ifndef ADMIN_OPERATOR_H
#define ADMIN_OPERATOR_H

#include "admin.h"

#include "base/wire.h"
#include "run/oper.h"

enum { OPERATOR_ASKS_MAX = 32 };

struct operator;
struct ask;
struct ask_ops {
	/* RECORD, TEXT, NOTE, CANDIDATE, FILE, WANT; DONE or NEED is the last. w: its fields. */
	void (*frame)(struct ask *q, enum oper_frame type, struct wire *w);
	/* Instead of DONE: the connection has gone. */
	void (*gone)(struct ask *q);
};

/* Embedded in whoever waits for the answer. */
struct ask {
	struct list node;
	struct operator *op; /* while it waits or is answered */
	const struct ask_ops *ops;
	struct buf frame;
	size_t count_at;
	uint16_t n_words;
};

/* like: NULL: this one has to log in; else a further connection of that one. NULL without memory, descriptors or
 * gh-conf. ended is called once, when gh-conf has closed it (not after operator_close); may be NULL. */
struct operator *operator_open(struct admin *a, const char *peer, const struct operator *like,
                               void (*ended)(void *arg), void *arg);
/* For collectors without an account (OPER_LIKE_COLLECTOR); else as operator_open. */
struct operator *operator_open_collector(struct admin *a, void (*ended)(void *arg), void *arg);
/* Closes it; its asks hear gone(). The memory goes at the end of the turn. NULL is fine. */
void operator_close(struct operator *op);
void operator_sweep(struct admin *a);
/* A piece of the person's file that WANT asked for, to the further connection of `like` that waits for one. ERR_NOT_FOUND: none waits
 * for a piece from that offset. ERR_LIMIT: longer than was asked for. */
int operator_piece(const struct operator *like, uint64_t offset, struct bytes content);
/* The command under way ends, and says so. */
void operator_stop(struct operator *op);
/* Stops and resumes reading of answers. */
void operator_pause(struct operator *op, bool is_paused);

/* ---- a question ---- */
void ask_begin(struct ask *q, enum oper_frame type, const struct ask_ops *ops);
/* A line of words (OPER_ASK; OPER_COMPLETE has no kinds). */
void ask_words(struct ask *q, enum oper_frame type, const struct ask_ops *ops);
void ask_word(struct ask *q, enum oper_word kind, struct bytes word);
/* ERR_LIMIT: too many wait, or it is too long; then it is as after ask_drop. */
int ask_send(struct ask *q, struct operator *op);
/* Nobody waits for it any more: stopped if it is under way. Harmless on one that is zero or over. */
void ask_drop(struct ask *q);

#endif
