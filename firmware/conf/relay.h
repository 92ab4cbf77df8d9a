/* relay.h - commands that other programs answer: sent to all their instances, records pass through
 * as they come, and the answer ends when the last has ended, died or let a silence pass. */
#ifndef CONF_RELAY_H
#define CONF_RELAY_H

#include "base/map.h"
#include "run/bus.h"

struct conf;
struct oper;

enum { RELAY_WAITS_MAX = 64, RELAY_SILENCE_MS = 30000 };

struct relay;
struct relays {
	struct map by_id;
};

struct relay_ask {
	unsigned targets; /* P(prog) bits */
	const char *verb;
	const struct bytes *args;
	size_t n_args;
	uint32_t silence_ms; /* 0: RELAY_SILENCE_MS */
	const char *none;    /* one of them has it: what is said when all answer ERR_NOT_FOUND; NULL: that is a failure as any */
	/* For each record before it is passed on; true: it has been dealt with. Optional. */
	bool (*record)(struct conf *c, struct oper *o, const char *name, const struct frame *f);
	bool is_own;      /* of gh-conf itself: o is NULL, here and in the hooks, and both hooks are there */
	const char *name; /* for record */
	/* Instead of oper_done. ERR_BAD_STATE: the operator stopped it. Optional. */
	void (*done)(struct conf *c, struct oper *o, const char *name, int rc, const char *text);
};

/* The answer goes to o, ending with oper_done. */
void relay_start(struct conf *c, struct oper *o, const struct relay_ask *ask);
/* Handlers of RECORD and COMMAND_DONE. */
int relay_record(struct conf *c, struct chan *from, const struct frame *f);
int relay_command_done(struct conf *c, struct chan *from, const struct frame *f);
/* A program has gone: its part of each answer ends. */
void relay_down(struct conf *c, enum prog p, unsigned instance);
/* The operator does not want the answer any more. */
void relay_abort(struct conf *c, uint64_t oper_id);

#endif
