/* im.h - gh-im as a whole: its tables and what it was told to do. Each table belongs to the file
 * named beside it; the others go through that file's header. */
#ifndef IM_IM_H
#define IM_IM_H

#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/secret.h"
#include "proto/envelope.h"
#include "proto/jid.h"
#include "proto/xml.h"
#include "run/bus.h"
#include "run/proc.h"
#include "extdisco.h"

struct parcel;
struct item;

/* What `apply` took from the settings. */
struct im_config {
	bool has_messages, has_presence, has_offline, has_plain, has_digest_md5;
	bool tells_online; /* who is online, to gh-xlate */
	uint32_t offline_user, offline_domain, offline_total; /* messages */
	uint32_t resume_max_s;
	uint32_t sessions_user, roster_max, unacked_max;
	uint32_t scram_iterations;
	uint32_t partner_silence_s;
};

struct im {
	struct loop *loop;
	struct bus *bus;
	unsigned instance;
	uint64_t sequence; /* of ids */
	uint64_t started_ms;
	struct im_config config;
	struct arena arena; /* of the stanza being dealt with */
	struct buf out, out2; /* stanzas being written: never kept over a call of another file */
	struct xml_pool *parsers;
	struct item *item; /* being dealt with, or NULL: writes asked for meanwhile hold it (ask.c) */
	unsigned full_channels; /* that have too much queued (main.c) */

	struct map domains;  /* name -> struct domain (domain.c) */
	struct map users;    /* bare JID -> struct user (user.c) */
	struct list idle_users; /* oldest first */
	struct loop_timer idle_timer;
	unsigned freed_since_trim;
	struct map sessions; /* conn -> struct session (session.c) */
	struct map resumable; /* SM id -> struct session (sm.c) */
	struct map logins;   /* conn -> struct login (auth.c) */
	struct log_limit login_log;
	unsigned digest_checks; /* that gh-store has not answered (digest_check.c) */
	struct extdisco extdisco;
	struct secret secret; /* makes verifiers of people who do not exist (auth.c) */
	struct map asks;     /* id -> struct ask (ask.c) */
	struct list ask_order;
	struct buf ask_body;
	size_t ask_bytes;
	struct list young;   /* parcels that are not safe yet, oldest first (parcel.c) */
	struct loop_timer journal_timer; /* (journal.c) */
	struct buf journal_drops, offline_drops; /* u64 each, for the next batch */
	struct loop_timer drop_timer;
	struct map remote;   /* id -> struct parcel: outward, unconfirmed (remote.c) */
	struct list remote_order;
	size_t remote_bytes;
	struct loop_timer remote_timer;
	struct map partners; /* name -> struct partner (partner.c) */
	struct list partner_order;
	struct loop_timer partner_timer;
	uint64_t *recent_routes; /* ids taken over lately */
};

/* Everything but the process around it. ERR_NOMEM. */
int im_init(struct im *im, struct loop *loop, struct bus *bus, unsigned instance);
void im_fini(struct im *im);
void im_apply(struct im *im, const struct settings *s);
void im_up(struct im *im, struct chan *c);
void im_down(struct im *im, struct chan *c);
/* Handlers of the bus; the program is a struct im. */
extern const struct bus_handler im_handlers[];
extern const size_t im_n_handlers;

/* Fresh id: of parcels, envelopes, traces. */
uint64_t im_next_id(struct im *im);

/* Counters. */
#define IM_STATS(X)                                                                                \
	X(STAT_MESSAGES, "im.messages")                                                            \
	X(STAT_PRESENCES, "im.presences")                                                          \
	X(STAT_IQS, "im.iqs")                                                                      \
	X(STAT_DELIVERED, "im.delivered")                                                          \
	X(STAT_CARBONS, "im.carbons")                                                              \
	X(STAT_OFFLINE_STORED, "im.offline.stored")                                                \
	X(STAT_OFFLINE_FULL, "im.offline.full")                                                    \
	X(STAT_OFFLINE_SENT, "im.offline.sent")                                                    \
	X(STAT_JOURNALLED, "im.journalled")                                                        \
	X(STAT_BLOCKED, "im.blocked")                                                              \
	X(STAT_BOUNCED, "im.bounced")                                                              \
	X(STAT_AUTH_OK, "im.auth.ok")                                                              \
	X(STAT_AUTH_FAILED, "im.auth.failed")                                                      \
	X(STAT_DIGEST_OK, "im.digest.ok")                                                          \
	X(STAT_DIGEST_FAILED, "im.digest.failed")                                                  \
	X(STAT_SESSIONS, "im.sessions") /* that there are now */                                   \
	X(STAT_SESSIONS_OPENED, "im.sessions.opened")                                              \
	X(STAT_SESSIONS_RESUMED, "im.sessions.resumed")                                            \
	X(STAT_SESSIONS_EXPIRED, "im.sessions.expired")                                            \
	X(STAT_CONFLICTS, "im.sessions.conflict")                                                  \
	X(STAT_QUEUE_FULL, "im.queue.full")                                                        \
	X(STAT_REMOTE_OUT, "im.remote.out")                                                        \
	X(STAT_REMOTE_IN, "im.remote.in")                                                          \
	X(STAT_REMOTE_AGAIN, "im.remote.again")                                                    \
	X(STAT_REMOTE_FULL, "im.remote.full")                                                      \
	X(STAT_GHOSTS, "im.partner.ghosts")                                                        \
	X(STAT_STORE_FAILED, "im.store.failed")                                                    \
	X(STAT_NO_MEMORY, "im.no_memory")
#define IM_STAT_ID(id, name) id,
enum im_stat { IM_STATS(IM_STAT_ID) IM_STAT_COUNT };
#undef IM_STAT_ID
extern const char *const im_stat_names[IM_STAT_COUNT];
extern uint64_t im_stats[IM_STAT_COUNT];

#endif
