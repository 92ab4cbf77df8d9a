/* sync_impl.h - what the parts of a synchronisation share: sync.c its start and end, sync_known.c whom gh-im knows against the directory,
 * sync_changes.c what gh-im is asked for, sync_lists.c the contact lists of groups, sync_figures.c what came of it. */
#ifndef DIR_SYNC_IMPL_H
#define DIR_SYNC_IMPL_H

#include "dir.h"
#include "groups.h"
#include "people.h"
#include "run/directory.h"
#include "sync.h"

enum { SYNC_WINDOW = 64, SYNC_JID_MAX = 3071 };
enum { ROSTER = DIRECTORY_CHANGE_COUNT };
enum row_state { ROW_NEW, ROW_SAME, ROW_CHANGED, ROW_DUPLICATE, ROW_BAD };

/* Somebody whom gh-im knows and the directory does not have. */
struct vanished {
	struct bytes jid;
	uint64_t gone_ms;
	uint64_t roster; /* digest of what gh-im's list has (DIR_ROSTER) */
	bool is_gone, is_removed;
};

struct change {
	uint32_t id; /* 0: free */
	uint8_t what; /* enum directory_change, or ROSTER */
	struct people_row *row; /* NULL: it is not in the directory */
};

struct sync {
	struct dir *dir;
	struct proc_ask *ask; /* NULL: nobody waits for it */
	bool is_forced, is_reading; /* reading: gh-im is not needed yet */
	struct people people;
	struct vanished *vanished;
	size_t n_vanished, room;
	uint32_t page_id; /* of the DIR_KNOWN under way */
	size_t last_n;
	uint8_t last[SYNC_JID_MAX]; /* of the page before */
	uint32_t known, found_known;
	size_t row_at, vanished_at; /* what comes next */
	struct groups groups;
	bool has_groups, is_settled; /* they are there; contact lists are being written */
	size_t lists_at, ended_at;   /* which comes next */
	const char *groups_trouble;  /* why they could not be read; NULL: they could, or are not wanted */
	unsigned full;               /* lists with more contacts than may be */
	unsigned n_waiting;
	struct change waiting[SYNC_WINDOW];
	struct loop_timer patience;
	uint64_t began_ms; /* of the loop */
	struct sync_figures figures;
};

/* ---- sync.c ---- */
/* It is over, and s no more: says so, counts, frees, and arms the next. */
void sync_end(struct sync *s, int rc, const char *text);
/* gh-im has so long for its next answer. False: s is over. */
bool sync_wait(struct sync *s);

/* ---- sync_known.c ---- */
/* Whose address somebody else has too, or who has none (D-DUP). Leaves the rows in the order of addresses. */
void sync_judge_rows(struct sync *s);
/* Asks gh-im for the next page of those whom it knows; behind the last one come the changes. s may be over. */
void sync_ask_page(struct sync *s);

/* ---- sync_changes.c ---- */
/* As much as may be under way at once; first accounts, and when all of them are answered the lists. s may be over. */
void sync_send_changes(struct sync *s);
/* A question to gh-im that counts as under way (there is room: n_waiting is below SYNC_WINDOW): its body is to be written. */
struct buf *sync_begin_change(struct sync *s, enum msg type, uint8_t what, struct people_row *r);
bool sync_sent(struct sync *s); /* false: s is over */

/* ---- sync_lists.c: contact lists (A-10) ---- */
/* Everybody who is to come in is in: may lists be written? Without groups all lists are to be empty of them. */
bool sync_settle_lists(struct sync *s);
/* As many lists as may be under way. False: s is over. */
bool sync_send_lists(struct sync *s);
void sync_tell_groups(const struct sync *s);

/* ---- sync_figures.c ---- */
void sync_put_figures(struct proc_ask *ask, const struct sync_figures *f);
void sync_count(struct sync *s, const struct change *c, int rc); /* an answer of gh-im */
void sync_log_end(const struct sync *s, int rc);
void sync_tell_faults(const struct people *p, bool is_by_uri);

#endif
