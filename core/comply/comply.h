/* comply.h - gh-comply as one struct: what its files share. */
#ifndef COMPLY_COMPLY_H
#define COMPLY_COMPLY_H

#include "ledger.h"
#include "seal.h"

#include "base/log.h"
#include "proto/xml.h"
#include "run/bus.h"
#include "run/proc.h"
#include "run/settings.h"

enum {
	SEALS_WAITING_MAX = 64,
	EXPORTS_MAX = 4,
};

#define COMPLY_STATS(X)                                                                            \
	X(STAT_STANZAS, "comply.stanzas")                                                          \
	X(STAT_FILES, "comply.files")                                                              \
	X(STAT_EVENTS, "comply.events")                                                            \
	X(STAT_BYTES, "comply.bytes")                                                              \
	X(STAT_COMMITS, "comply.commits")                                                          \
	X(STAT_FAILED, "comply.commits.failed")                                                    \
	X(STAT_SEALED, "comply.seals")                                                             \
	X(STAT_EXPIRED, "comply.expired")                                                          \
	X(STAT_EXPORTED, "comply.exported")
#define STAT_MEMBER(id, name) id,
enum comply_stat { COMPLY_STATS(STAT_MEMBER) COMPLY_STAT_COUNT };
#undef STAT_MEMBER

/* In the range of `compliance mode`. */
enum comply_mode { COMPLY_OFF, COMPLY_FAST, COMPLY_BLOCKING };

struct comply_config {
	uint8_t mode;      /* enum comply_mode */
	uint64_t keep_ms;  /* 0: for ever */
	uint64_t segment_bytes, segment_ms, seal_ms;
	unsigned free_percent;
};

/* The place of a record in the chain that wants a signature. */
struct seal_wish {
	uint32_t id; /* of the COMPLY_SIGN; 0: gh-keys has not been asked */
	uint64_t segment, number;
	uint8_t hash[RECORD_HASH_BYTES];
};

struct verify;
struct export;
struct expire;

struct comply {
	struct loop *loop;
	struct bus *bus;
	struct proc *proc;
	const struct settings *settings;
	struct comply_config config;
	struct ledger ledger;
	struct ledger_end found; /* at the start */
	struct buf fields;       /* of a record of our own, while it is made */
	char rules[RECORD_TEXT_MAX + 1]; /* what the last event "settings" said */
	/* ---- intake.c ---- */
	uint64_t answer_seq; /* the last COMPLY_WRITE in the batch; 0: nobody waits */
	struct loop_timer commit_timer;
	struct loop_defer commit_now;
	bool is_failing;
	struct log_limit log;
	/* ---- notary.c ---- */
	struct seal_wish wishes[SEALS_WAITING_MAX]; /* oldest first */
	size_t n_wishes;
	uint64_t sealed; /* number up to which the newest signature goes */
	uint64_t sealed_at_ms; /* when one was asked for, monotonic */
	char pin[SEAL_PIN_HEX + 1]; /* of gh-keys' key; "" not known yet */
	/* ---- one at a time, or NULL ---- */
	struct verify *verify;
	struct expire *expire;
	uint64_t expired_to; /* segments up to this one have been looked at by the rules that are set */
	struct list exports;
	unsigned n_exports;
	struct loop_timer minute;
	struct xml_pool *parsers;
	uint64_t stats[COMPLY_STAT_COUNT];
};

/* ---- intake.c: records of gh-im, and commits ---- */
void intake_init(struct comply *c);
int intake_on_write(void *comply, struct chan *from, const struct frame *f);
/* A record of our own, soon on the disk. printf of our own values; cut at RECORD_TEXT_MAX. */
void intake_event(struct comply *c, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* What is put goes to the disk now, and gh-im hears of it. */
void intake_commit(struct comply *c);
/* The newest segment ends when it is large or old enough. */
void intake_roll(struct comply *c);
void intake_fini(struct comply *c);

/* ---- notary.c: signatures by gh-keys ---- */
/* Wants one over the last record, when there is none. */
void notary_wish(struct comply *c);
/* Asks gh-keys, which has come, for all that wait. */
void notary_ask(struct comply *c);
int notary_on_signed(void *comply, struct chan *from, const struct frame *f);

/* ---- watch.c: alarms by what there is now ---- */
void watch_disk(struct comply *c);

/* ---- hold.c: legal holds ---- */
/* Is a record of somebody whom `compliance hold` names, or of a domain of that name? */
bool hold_has(const struct comply *c, const struct record *r);
/* Is this address, or its domain, that name? */
bool hold_is_of(struct bytes address, struct bytes name);
/* Whether there are any. */
bool hold_is_any(const struct comply *c);
/* The settings are these now: a record says so when that is news. */
void hold_tell(struct comply *c);

/* ---- expire.c: what is too old ---- */
void expire_begin(struct comply *c);
/* After a change of holds or of the time: segments that were kept are looked at again. */
void expire_again(struct comply *c);
void expire_fini(struct comply *c);

/* ---- verify.c ---- */
struct verdict {
	const char *why; /* NULL: all is as it was written; else what is wrong with record `number` */
	uint64_t first, last; /* numbers */
	uint64_t records, pruned, segments, signatures;
	uint64_t signed_to;  /* the last record that a signature stands for */
	uint64_t other_key;  /* signatures by another key than the one that gh-keys has now */
	uint64_t number, segment, offset; /* of what is wrong */
	uint8_t hash[RECORD_HASH_BYTES];  /* of the last record that is right */
};
/* why is "gh-comply ends" when it was broken off. */
typedef void (*verify_fn)(void *arg, const struct verdict *v);
/* by: who asks, for the record that says so. done is called once, later. ERR_BAD_STATE: one runs; ERR_NOMEM. */
int verify_begin(struct comply *c, struct bytes by, verify_fn done, void *arg);
void verify_fini(struct comply *c);

/* ---- export.c ---- */
void export_command(void *comply, struct proc_ask *ask, const struct bytes *args, size_t n);
void export_read_command(void *comply, struct proc_ask *ask, const struct bytes *args, size_t n);
void export_fini(struct comply *c);

/* ---- commands.c ---- */
extern const struct proc_command comply_commands[];
extern const size_t comply_n_commands;

#endif
