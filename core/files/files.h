/* files.h - gh-files as one struct: what its files share. */
#ifndef FILES_FILES_H
#define FILES_FILES_H

#include "shelf.h"

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rate.h"
#include "base/secret.h"
#include "net/address.h"
#include "run/bus.h"
#include "run/proc.h"
#include "run/settings.h"

enum {
	TRANSFERS_MAX = 512,
	TRANSFERS_ADDRESS_MAX = 64, /* IPv6: of one /64 */
	UPLOADS_OWNER_MAX = 8,
	SLOT_LIFE_S = 600,          /* from a slot to the begin of its upload */
	JOBS_MAX = 8,               /* walks at a time */
	FILES_KEY_BYTES = 32,
};

/* Counters: enum, name. */
#define FILES_STATS(X)                                                                             \
	X(STAT_SLOTS, "files.slots")                                                               \
	X(STAT_SLOTS_REFUSED, "files.slots.refused")                                               \
	X(STAT_UPLOADS, "files.uploads")                                                           \
	X(STAT_UPLOAD_BYTES, "files.uploads.bytes")                                                \
	X(STAT_UPLOADS_REFUSED, "files.uploads.refused")                                           \
	X(STAT_UPLOADS_BROKEN, "files.uploads.broken")                                             \
	X(STAT_DOWNLOADS, "files.downloads")                                                       \
	X(STAT_DOWNLOAD_BYTES, "files.downloads.bytes")                                            \
	X(STAT_DOWNLOADS_REFUSED, "files.downloads.refused")                                       \
	X(STAT_FORGED, "files.forged")                                                             \
	X(STAT_TOO_MANY, "files.refused.transfers")                                                \
	X(STAT_SLOW, "files.slow")                                                                 \
	X(STAT_EXPIRED, "files.expired")                                                           \
	X(STAT_DELETED, "files.deleted")                                                           \
	X(STAT_INFECTED, "files.infected")                                                         \
	X(STAT_UNSCANNED, "files.unscanned")                                                       \
	X(STAT_SCAN_REFUSED, "files.refused.unscanned")                                            \
	X(STAT_IO, "files.disk.failed")
#define STAT_MEMBER(id, name) id,
enum files_stat { FILES_STATS(STAT_MEMBER) FILES_STAT_COUNT };
#undef STAT_MEMBER

struct files_config {
	uint64_t file_max, user_quota, total; /* bytes */
	uint64_t keep_s;                      /* 0: for ever */
	uint32_t slots_minute;
	unsigned free_percent;
	uint32_t scan_ms; /* how long an upload waits for a scanner */
	bool is_on, is_scanned, may_unscanned, has_quarantine;
};

/* What a user has. */
struct owner {
	uint64_t bytes, reserved; /* of whole files, of those that come */
	uint32_t files, uploads;
	uint64_t window_ms; /* begin of the minute in which slots are counted */
	uint32_t slots;
	size_t jid_n;
	char jid[];
};

struct files {
	struct loop *loop;
	struct bus *bus;
	struct proc *proc;
	struct shelf shelf, quarantine;
	struct secret key; /* empty: gh-keys has not given it yet */
	struct files_config config;
	struct map owners; /* bare JID -> struct owner (quota.c) */
	uint64_t bytes, reserved;
	uint32_t n_files, n_quarantined; /* those in quarantine count in n_files, too */
	bool is_counted; /* all that lies there is in the numbers */
	bool is_low;     /* the alarm stands */
	struct list transfers, gone; /* transfer.c */
	uint32_t n_transfers;
	struct address_table addresses;
	struct rate in, out; /* bytes of all files that come, and that go */
	struct loop_defer sweep;
	struct list jobs; /* job.c */
	struct map forgotten; /* bare JIDs of accounts that are gone: for the next walk (job.c) */
	unsigned n_jobs;
	struct loop_timer job_timer, minute;
	struct log_limit log;
	uint64_t stats[FILES_STAT_COUNT];
};

/* ---- quota.c: who has how much ---- */
/* NULL: no memory. */
struct owner *quota_owner(struct files *f, struct bytes jid);
/* May this user have a slot for so many bytes? ERR_RANGE: larger than any file may be. ERR_LIMIT: not so many slots a minute;
 * *retry_s says when. ERR_FULL: the user has too much. ERR_AGAIN: the store is full, or not counted yet. */
int quota_slot(struct files *f, struct owner *o, uint64_t size, uint32_t *retry_s);
/* An upload begins: its bytes are reserved. ERR_LIMIT: so many at a time. ERR_FULL, ERR_AGAIN as above. */
int quota_enter(struct files *f, struct owner *o, uint64_t size);
/* It ends. */
void quota_leave(struct files *f, struct owner *o, uint64_t size);
void quota_add(struct files *f, struct owner *o, uint64_t size);
void quota_del(struct files *f, const struct shelf_label *l);
/* The alarm, by what there is now; forgets users who have nothing. */
void quota_look(struct files *f);
void quota_fini(struct files *f);

/* ---- transfer.c ---- */
int transfer_on_stream(void *files, struct chan *from, const struct frame *f);
void transfer_sweep(void *files);
void transfer_drop_all(struct files *f);
/* gh-scan: its verdict; it has come (again), or gone; whether files are scanned may have changed. */
int transfer_on_scanned(void *files, struct chan *from, const struct frame *f);
void transfer_scanner_up(struct files *f);
void transfer_scanner_down(struct files *f);
void transfer_scan_apply(struct files *f);
/* Bytes a second of all files together, each way; 0: no bound. */
void transfer_set_rate(struct files *f, uint32_t bytes_s);

/* ---- reply.c: pure but for the time ---- */
/* Heads of what is answered: 200, 206, 304, 416 by the ask and the label; *from and *n: the part that follows. views into `text`
 * (emptied first), as long as it is not changed. */
struct upload_ask;
struct upload_answer;
void reply_file(const struct upload_ask *ask, const struct slot *slot, const struct shelf_label *l, struct buf *text,
                struct upload_answer *out, uint64_t *from);

/* ---- slots.c: gh-im asks ---- */
int slots_on_ask(void *files, struct chan *from, const struct frame *f);
int slots_on_forget(void *files, struct chan *from, const struct frame *f);

/* ---- job.c: walks over all files, in steps ---- */
void jobs_init(struct files *f);
/* Counts what is there. */
int job_count(struct files *f);
/* Deletes what is too old. */
void job_expire(struct files *f);
/* Answers commands: of files of this owner or with this id, one of them empty. ERR_FULL, ERR_NOMEM: not begun. */
int job_list(struct files *f, struct proc_ask *ask, struct bytes owner);
int job_delete(struct files *f, struct proc_ask *ask, struct bytes owner, struct bytes id);
/* All files of an account that is gone, as soon as may be. */
void job_forget(struct files *f, struct bytes owner);
void jobs_fini(struct files *f);

extern const struct proc_command files_commands[];
extern const size_t files_n_commands;

#endif
