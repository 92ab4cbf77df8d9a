/* slots.h - two slots, of which one runs, and the table that says which boots next. Pure: the disk is four calls.
 *
 *                 install            boot (a try less)            confirmed healthy
 *     EMPTY ---> WRITING ---> READY, tries 3 ---------> runs ------------------> good, tries 3 again
 *       any state  ^  |                 tries 0: the other one boots, this version is remembered as failed
 *                  +--+ the same file again: goes on
 *
 * The table is one sector, kept twice; the copies are written in turn, so a cut leaves the one before. A good boot re-arms
 * the counter: later damage of that slot falls back, too. With no tries left anywhere the preferred one still boots. */
#ifndef UPDATE_SLOTS_H
#define UPDATE_SLOTS_H

#include "image_head.h"

enum { SLOTS = 2, SLOT_TRIES = 3, TABLE_BYTES = 512, TABLE_COPIES = 2 };

struct slot_table;
/* What the root side opens: partitions, or files. Offsets in bytes; each returns 0 or ERR_*. */
struct slot_disk {
	void *arg;
	int (*write)(void *arg, unsigned slot, enum image_part part, uint64_t offset, struct bytes data);
	int (*read)(void *arg, unsigned slot, enum image_part part, uint64_t offset, uint8_t *out, size_t n);
	/* All writes to the slot are on the medium when it returns; reads come from there afterwards. */
	int (*sync)(void *arg, unsigned slot);
	uint64_t (*room)(void *arg, unsigned slot, enum image_part part);
	int (*table_read)(void *arg, unsigned copy, uint8_t out[static TABLE_BYTES]);
	/* On the medium when it returns. */
	int (*table_write)(void *arg, unsigned copy, const uint8_t in[static TABLE_BYTES]);
	/* Before a table is written: the boot loader is to choose by it. NULL: it reads the table itself. */
	int (*boot)(void *arg, const struct slot_table *t);
};

enum slot_state { SLOT_EMPTY, SLOT_WRITING, SLOT_READY, SLOT_STATE_COUNT };
extern const char *const slot_state_names[SLOT_STATE_COUNT];

struct slot {
	enum slot_state state;
	bool is_good;    /* was confirmed here at least once */
	uint8_t tries;   /* boots that are left until it is confirmed */
	struct image_version version, floor;
	uint8_t id[IMAGE_HASH_BYTES]; /* of the file's head */
	uint32_t chunks_done;         /* WRITING: on the medium */
};

struct slot_table {
	uint64_t sequence;
	struct slot slots[SLOTS];
	uint8_t preferred;          /* boots if it has tries left */
	uint8_t booted;             /* runs now */
	struct image_version floor; /* the security floor: nothing below it is installed, or gone back to */
	bool has_failed;
	struct image_version failed; /* the last one that did not become healthy */
};

/* ERR_NOT_FOUND: neither copy is whole. */
int slots_load(const struct slot_disk *d, struct slot_table *out);
/* The older copy is replaced. */
int slots_store(const struct slot_disk *d, struct slot_table *t);
/* A box that has one slot and no table yet. */
void slots_first(struct slot_table *t, const struct image_version *version);

/* ---- the boot loader's part ---- */
/* Which slot boots, by the table alone. Never an unfinished one. ERR_NOT_FOUND: there is none. */
int slots_choose(const struct slot_table *t, unsigned *out);
/* The same, and one try less. The caller stores the table before it boots. */
int slots_boot(struct slot_table *t, unsigned *out);

/* ---- the running system's part ---- */
/* What runs is healthy. */
void slots_confirm(struct slot_table *t);
/* At the start: an upgrade that fell back is remembered. true: this has just been found. */
bool slots_notice_failure(struct slot_table *t);
/* The other slot boots next. ERR_NOT_FOUND: it has nothing whole; ERR_DENIED: it is below the floor. */
int slots_rollback(struct slot_table *t);
static inline unsigned slots_spare(const struct slot_table *t)
{
	return 1u - t->booted;
}

#endif
