/* backup.h - backup and restore of the whole box, led from here (run/backup.h; docs/architecture/backup.md).
 *
 * What gh-conf itself puts in: a table of parts, one row a section. A part that is kept in a file of our folder joins by a
 * row. Two phases of a restore: everybody has it verified on disk; then one file of ours, "restore", decides. Whoever
 * starts while it is there takes the new, before it serves anybody; without it, drops what it had prepared. */
#ifndef CONF_BACKUP_H
#define CONF_BACKUP_H

#include "base/buf.h"
#include "run/backup.h"
#include "run/loop.h"
#include "run/prog.h"

struct conf;
struct oper;
struct rows;

/* ---- backup_part.c: our own sections ---- */
struct backup_part {
	enum backup_section section;
	const char *name;
	size_t max_bytes;
	/* Appends; nothing appended: the backup has no such section. ERR_*. */
	int (*save)(struct conf *c, struct buf *out);
	/* Could it be installed? *why in a text of 300 bytes. */
	int (*check)(struct conf *c, struct bytes content, char why[static 300]);
	/* Makes it what runs, at the start before anything else; may be repeated after a crash. note names the restore. */
	int (*install)(struct conf *c, struct bytes content, const char *note);
};
extern const struct backup_part backup_parts[];
enum { BACKUP_PARTS = 2 };

/* ---- one backup being written or read ---- */
struct backup {
	struct buf parts[BACKUP_PARTS];
	unsigned part; /* being given, up to `at` */
	size_t at;
	uint64_t bytes; /* of the file, so far */
	char file[128];
	bool has_store;
	/* reading */
	size_t word;
	bool is_show, is_whole, has_begun_store, is_at_end;
	struct buf store; /* pieces of one feed on their way to gh-store */
	char host[33], name[64], product[32], platform[32], made[32];
	uint32_t generation;
	uint8_t flags;
	uint8_t id[BACKUP_ID_BYTES]; /* of the restore */
};
void backup_fini(struct backup *b);

/* ---- backup_decide.c: the decision of a restore ---- */
struct restore {
	uint8_t id[BACKUP_ID_BYTES]; /* zero: nothing is decided */
	bool is_decided;
	bool is_fresh;               /* decided in this life of ours: all are about to start again */
	bool is_settled[PROG_COUNT]; /* has taken it over */
	uint32_t ask_id[PROG_COUNT];
	struct loop_timer again;
};

/* Writes our parts beside what runs, then the decision. Afterwards the box is to be restarted. ERR_IO: nothing has changed. */
int restore_decide(struct conf *c);
/* At the start, after the store was opened: takes our parts over if a restore is decided. ERR_*: not now. */
int restore_resume(struct conf *c);
/* gh-keys or gh-store has come: tells it what is decided. Its first settings wait for its answer (restore_on_answer). */
bool restore_is_asked(enum prog p);
void restore_ask(struct conf *c, enum prog p);
/* false: no answer to restore_ask. */
bool restore_on_answer(struct conf *c, enum prog p, uint32_t id, int rc);
/* What was prepared for a restore that does not come is dropped everywhere. */
void restore_drop(struct conf *c);

#endif
