/* store.h - generations as files in gh-conf's own folder. A generation is written whole to a
 * temporary name, synced, renamed, and only then named in "current": after a crash at any instant
 * the old one or the new one is there, whole. The last STORE_KEEP generations stay.
 *     gen-00000012.conf   "# generation 12", "# version ...", "# by ...", "# at ...", "# note ...", then set lines
 *     current             "12"
 *     pending             "11 1764012345678": back to 11 at that time unless confirmed */
#ifndef CONF_STORE_H
#define CONF_STORE_H

#include "aside.h"

struct conf_text_error;

enum { STORE_KEEP = 50 };

struct store {
	int dir_fd;
	uint32_t generation; /* running; 0: nothing was ever committed */
	struct rows running;
	struct aside aside; /* what running has of another version */
};

struct store_about {
	uint32_t generation;
	char by[64], at[32], note[128];
};

/* dir_fd: the open folder, the store's from now on. Reads the running generation; when that file is
 * damaged, the newest one before it that is whole (logged). Of one that another version wrote (an upgrade that went back, or
 * forward) the lines that this one does not know are no damage: see aside. ERR_IO, ERR_NOMEM. */
int store_open(struct store *s, int dir_fd);
void store_close(struct store *s);
/* Makes rows the running generation `generation`, on disk first. rows is emptied: its content
 * moves. On failure nothing has changed. */
int store_commit(struct store *s, uint32_t generation, struct rows *rows, const char *by, const char *note,
                 uint64_t wall_ms);
/* Rows of an old generation, without what this version does not know of another's. ERR_NOT_FOUND; ERR_SYNTAX when damaged. */
int store_load(const struct store *s, uint32_t generation, struct rows *out);
/* What runs as text with a head, for a backup, and such a text again: is_foreign says that another version made it, if its head does not. */
void store_print(const struct store *s, struct buf *out);
int store_parse(struct bytes text, bool is_foreign, struct rows *out, struct aside *aside, struct conf_text_error *error);
/* Newest first: start with *at = 0; false at the end. */
bool store_history(const struct store *s, uint32_t *at, struct store_about *out);

/* The next generation may be written under note only once: does the running one have it? */
bool store_is_noted(const struct store *s, const char *note);
/* Forgets all generations: an empty box (factory reset of the settings). May be cut and repeated. ERR_IO. */
int store_wipe(int dir_fd);

/* What a commit-confirm that still waits would go back to, and when. at_wall_ms 0 clears. back_to 0
 * is the empty box before the first commit. */
int store_set_pending(const struct store *s, uint32_t back_to, uint64_t at_wall_ms);
bool store_pending(const struct store *s, uint32_t *back_to, uint64_t *at_wall_ms);

#endif
