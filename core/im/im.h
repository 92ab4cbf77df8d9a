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
#include "pep/caps_table.h"
#include "compliance/compliance_table.h"
#include "names.h"
#include "iq/extdisco.h"
#include "auth/oauth.h"
#include "iq/upload.h"

struct parcel;
struct item;
struct bulk;
struct portable;
struct portable_out;

/* What `apply` took from the settings. */
struct im_config {
	bool has_messages, has_presence, has_offline, has_plain, has_digest_md5;
	bool tells_online; /* who is online, to gh-xlate */
	uint32_t offline_user, offline_domain, offline_total; /* messages */
	uint32_t resume_max_s;
	bool approves_local;
	uint32_t sessions_user, roster_max, watchers_max, unacked_max;
	bool has_watches;
	uint32_t watches_max; /* temporary subscriptions; 0: as many as there are */
	uint64_t watch_life_ms;
	uint32_t scram_iterations;
	uint32_t partner_silence_s;
	bool has_archive, has_archive_search;
	uint64_t archive_life_ms; /* 0: for ever */
	uint32_t archive_user;    /* messages of one person */
	uint64_t archive_user_bytes;
	bool has_search;
	uint16_t search_results;
	uint32_t push_user; /* clients of one person that are pushed to */
	uint64_t fast_life_ms; /* 0: no tokens */
	uint32_t pep_nodes, pep_items, pep_item_bytes; /* of one account, of one node, of one item */
};

/* Message archives. */
struct archive {
	uint64_t last_id;
	struct buf rows;              /* of the batch, as ARCHIVE_ADD has them (archive.c) */
	struct archive_batch *batch;  /* NULL: none under way */
	struct loop_timer flush_timer;
	struct list questions;        /* that wait for their turn at gh-store (archive_query.c) */
	unsigned n_questions, n_asked, n_of_rooms;
	struct loop_timer clean_timer; /* (archive_clean.c) */
	bool is_cleaning;
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

	struct map push_servers; /* (push/push_server.c) */
	struct rooms *rooms; /* (rooms.c) */
	struct bulk *bulk;   /* a list of contacts being read, or NULL (bulk/bulk.c) */
	struct portable *portable_in;      /* a file of people being read, or NULL (portable/portable.h) */
	struct portable_out *portable_out; /* one being written */
	struct map domains;  /* name -> struct domain (domain.c) */
	struct {
		struct list all; /* oldest first */
		unsigned n;
		struct loop_timer timer;
	} watches; /* (presence/watch.c) */
	struct names full;   /* people whose lists are (roster.c) */
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
	struct upload upload;
	struct oauth oauth;
	struct {
		bool is_on;
		bool is_there, has_cards;
		unsigned n_waits;
		struct map waiting; /* id -> struct directory_wait */
		struct map looks;   /* id -> struct look (iq/look.c) */
	} directory; /* (auth/directory.c) */
	struct secret secret; /* makes verifiers of people who do not exist (auth.c), and tokens (fast.c) */
	bool has_box_secret;  /* it is the box's, not one of this life */
	struct map asks;     /* id -> struct ask (ask.c) */
	struct list ask_order;
	struct buf ask_body;
	size_t ask_bytes;
	struct list young;   /* parcels that are not safe yet, oldest first (parcel.c) */
	struct loop_timer journal_timer; /* (journal.c) */
	struct buf journal_drops, offline_drops; /* u64 each, for the next batch */
	struct loop_timer drop_timer;
	struct archive archive;
	struct compliance compliance; /* (compliance/) */
	struct map remote;   /* id -> struct parcel: outward, unconfirmed (remote.c) */
	struct list remote_order;
	size_t remote_bytes;
	struct loop_timer remote_timer;
	struct {
		struct names admins;
		bool has_own; /* im self-service */
		struct list sessions, runs; /* oldest first */
		unsigned n_sessions, n_runs;
		struct loop_defer turn;
	} adhoc; /* (adhoc/) */
	struct {
		struct list waiting; /* the first is being sent */
		unsigned n_waiting;
		struct loop_timer timer;
		struct map notices; /* domain -> struct notice (announce/notice.c) */
	} announce; /* (announce/) */
	struct list reports; /* oldest first (report.c) */
	unsigned n_reports;
	struct log_limit report_log;
	struct caps_table caps; /* what clients want to hear of (caps.c) */
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
	X(STAT_ARCHIVED, "im.archive.stored")                                                      \
	X(STAT_ARCHIVE_FAILED, "im.archive.failed")                                                \
	X(STAT_ARCHIVE_ASKED, "im.archive.asked")                                                  \
	X(STAT_ARCHIVE_REFUSED, "im.archive.refused")                                              \
	X(STAT_COMPLY_NOTED, "im.compliance.noted")                                                \
	X(STAT_COMPLY_LOST, "im.compliance.lost")                                                  \
	X(STAT_COMPLY_REFUSED, "im.compliance.refused")                                            \
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
	X(STAT_SLOTS, "im.upload.slots")                                                           \
	X(STAT_SLOTS_REFUSED, "im.upload.slots.refused")                                           \
	X(STAT_ROOMS, "im.rooms") /* that there are now */                                          \
	X(STAT_ROOM_IN, "im.rooms.in")                                                             \
	X(STAT_ROOM_OUT, "im.rooms.out")                                                           \
	X(STAT_ROOM_REFUSED, "im.rooms.refused")                                                   \
	X(STAT_GHOSTS, "im.partner.ghosts")                                                        \
	X(STAT_PEP_PUBLISHED, "im.pep.published")                                                  \
	X(STAT_PEP_NOTIFIED, "im.pep.notified")                                                    \
	X(STAT_PEP_REFUSED, "im.pep.refused")                                                      \
	X(STAT_CAPS_ASKED, "im.caps.asked")                                                        \
	X(STAT_CAPS_FALSE, "im.caps.false")                                                        \
	X(STAT_PUSH_SENT, "im.push.sent")                                                          \
	X(STAT_PUSH_DROPPED, "im.push.dropped")                                                    \
	X(STAT_PUSH_REFUSED, "im.push.refused")                                                    \
	X(STAT_SEARCHES, "im.searches")                                                           \
	X(STAT_ADHOC_RUN, "im.adhoc.run")                                                          \
	X(STAT_ADHOC_REFUSED, "im.adhoc.refused")                                                  \
	X(STAT_ANNOUNCED, "im.announced")                                                          \
	X(STAT_WATCHES, "im.watches") /* temporary subscriptions that there are now */             \
	X(STAT_WATCHES_BEGUN, "im.watches.begun")                                                  \
	X(STAT_WATCHES_EXPIRED, "im.watches.expired")                                              \
	X(STAT_WATCHES_REFUSED, "im.watches.refused")                                              \
	X(STAT_REPORTS, "im.reports")                                                              \
	X(STAT_CSI_HELD, "im.csi.held")                                                            \
	X(STAT_CSI_SAVED, "im.csi.saved") /* bytes */                                              \
	X(STAT_STORE_FAILED, "im.store.failed")                                                    \
	X(STAT_NO_MEMORY, "im.no_memory")
#define IM_STAT_ID(id, name) id,
enum im_stat { IM_STATS(IM_STAT_ID) IM_STAT_COUNT };
#undef IM_STAT_ID
extern const char *const im_stat_names[IM_STAT_COUNT];
extern uint64_t im_stats[IM_STAT_COUNT];

#endif
