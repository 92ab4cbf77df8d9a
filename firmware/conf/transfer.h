/* transfer.h - a large file between an operator and a program, in pieces: one step is asked for when the one before is
 * done, so that the slowest of them sets the pace and nothing is held whole. One transfer at a time. */
#ifndef CONF_TRANSFER_H
#define CONF_TRANSFER_H

#include "base/wire.h"
#include "run/bus.h"

struct conf;
struct oper;

enum { TRANSFER_SILENCE_MS = 600 * 1000, TRANSFER_QUEUE_BYTES = 1 << 20, TRANSFER_NAME_BYTES = 128 };

typedef void (*transfer_fn)(struct conf *c, struct oper *o);
typedef void (*transfer_answer_fn)(struct conf *c, struct oper *o, struct wire *answer);
typedef void (*transfer_piece_fn)(struct conf *c, struct oper *o, struct bytes piece);

struct transfer {
	uint64_t oper_id; /* 0: none under way */
	uint32_t ask_id;  /* 0: no answer is awaited */
	enum msg ask_msg;
	enum prog ask_to;
	transfer_answer_fn answered;
	transfer_piece_fn came;
	transfer_fn drained;
	uint32_t needs; /* P() of the programs that hold a part of it: it fails with each of them */
	/* Undo: it has failed, or the operator does not want it any more. */
	void (*undo)(struct conf *c);
	struct loop_timer silence;
	uint64_t offset; /* of the piece that is wanted */
};

void transfer_init(struct conf *c);
/* false: o has been told that another transfer is under way. */
bool transfer_begin(struct conf *c, struct oper *o, uint32_t needs, void (*undo)(struct conf *c));
/* Begins an ask (message m: BACKUP_ASK or UPDATE_ASK) with its op; the caller puts the fields and calls transfer_sent. */
struct buf *transfer_ask(struct conf *c, enum msg m, enum prog to, unsigned op, transfer_answer_fn then);
void transfer_sent(struct conf *c);
/* The next piece of the operator's file at offset; empty: it ends there. */
void transfer_want(struct conf *c, struct oper *o, size_t word, uint64_t offset, transfer_piece_fn then);
/* A piece of a file for the operator; then, at once or when there is room. */
void transfer_give(struct conf *c, struct oper *o, const char *name, struct bytes piece, transfer_fn then);
/* All that stands in part, which is empty then: more than a piece. */
void transfer_give_all(struct oper *o, const char *name, struct buf *part);
/* The end, with what o is told. rc < 0: undo has been called. */
void transfer_end(struct conf *c, struct oper *o, int rc, const char *text);
/* What a file of this box is called: gatehouse-gate-20261124-190000.backup; no character that a file system or a shell takes
 * badly. */
void transfer_file_name(const struct conf *c, const char *suffix, char out[static TRANSFER_NAME_BYTES]);
/* The same of a name that the operator gives; suffix: ".csv". False: not a name of a file, TRANSFER_NAME_HELP says why. */
bool transfer_name(const struct conf *c, struct bytes name, const char *suffix, char out[static TRANSFER_NAME_BYTES]);
#define TRANSFER_NAME_HELP "a name of letters, digits, '-', '_' and '.', 64 at most, without a folder"
/* BACKUP_ANSWER and UPDATE_ANSWER. */
int transfer_on_answer(struct conf *c, struct chan *from, const struct frame *f);
void transfer_down(struct conf *c, enum prog p);

#endif
