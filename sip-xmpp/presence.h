/* presence.h - presence between SIP and XMPP (RFC 8048 with RFC 3856, 6665, 3863): what is kept of each pair
 * of an XMPP user and a SIP user, in both directions.
 *
 *   watch     the XMPP user sees the SIP user: gh-xlate subscribes in SIP (watch.c, watch_notify.c)
 *   notifier  a SIP client sees the XMPP user: gh-xlate notifies (notifier.c, notify.c); several of a pair
 *
 * XMPP subscriptions last, SIP's expire (RFC 8048 5): a pair stays while either side has one. It is kept in
 * gh-store (presence_store.c), so that a restart ends nothing. */
#ifndef XLATE_PRESENCE_H
#define XLATE_PRESENCE_H

#include "dialog.h"
#include "service_features.h"
#include "pidf.h"
#include "request_out.h"
#include "stanza_out.h"
#include "texts.h"

enum {
	PRESENCE_RESOURCES_MAX = 20,  /* of one XMPP user, as seen by one SIP user */
	PRESENCE_DIALOGS_MAX = 10,    /* of one SIP user with one XMPP user */
	PRESENCE_SPREAD_MS = 60000,   /* SUB-S19: after a restart */
	PRESENCE_PROBE_MS = 5000,     /* SUB-P02 */
	PRESENCE_BUSY_RETRY_S = 5,
	PRESENCE_REFUSED_RETRY_S = 300,
};

/* Whoever has subscriptions is counted: an XMPP user, a SIP user, a SIP domain. */
struct holder {
	uint32_t n;          /* watches or dialogs */
	struct list pairs;   /* of an XMPP user */
	uint64_t heard_ms, asked_ms; /* SUB-P04 */
	uint16_t key_n;
	char key[];
};

enum grant { GRANT_NONE, GRANT_ASKED, GRANT_GIVEN };

struct pair {
	struct presence *p;
	struct watch *watch;    /* NULL: none */
	struct list notifiers;
	struct list of_xmpp;    /* in the XMPP user's holder */
	struct list unsaved, again;
	struct holder *xmpp_holder;
	struct text *resources[PRESENCE_RESOURCES_MAX]; /* packed pres, newest last */
	uint8_t n_resources;
	uint8_t grant;          /* enum grant: may the SIP user see the XMPP user? */
	bool is_known;          /* has the XMPP side said how its user is? */
	bool is_saved;          /* gh-store has a row */
	bool is_line;           /* of the call manager (manager.h): the phone of the XMPP user himself; not kept */
	uint16_t xmpp_n, sip_n;
	char key[];             /* "juliet@example.com romeo@example.net", bare and normalised */
};
static inline struct bytes pair_xmpp(const struct pair *c)
{
	return bytes_make(c->key, c->xmpp_n);
}
static inline struct bytes pair_sip(const struct pair *c)
{
	return bytes_make(c->key + c->xmpp_n + 1, c->sip_n);
}

struct watch {
	struct pair *pair;
	struct dialog dialog;
	struct loop_timer timer;   /* what for: its state says */
	struct loop_timer offline; /* SUB-X14: grace after the last resource has gone */
	struct request_out *out;   /* SUBSCRIBE under way */
	uint64_t expires_at_ms, asked_ms, online_ms;
	uint32_t expires_s, wanted_s, retry_s;
	char *sid;                 /* of the <presence type='subscribe'/>, until it is answered */
	char *prober;              /* SUB-P01: a look without a subscription; full JID of who asked */
	struct text *tuples[PIDF_TUPLES_MAX]; /* packed pres, as told last */
	uint8_t n_tuples, failures, intervals;
	uint8_t state;             /* enum watch_state */
	uint8_t next_event;        /* an action's wish; WATCH_EVENT_COUNT: none */
	bool is_authorised;        /* <presence type='subscribed'/> was sent */
	bool is_wanted;            /* false: unsubscribed, it only has to end */
	bool is_told;              /* the first notification has come (SUB-X04) */
	bool is_held_off;          /* the other side said when to come back */
	bool is_over;
	bool is_line_shown;        /* of a line: its user is online */
};

struct notifier {
	struct pair *pair;
	struct list node;
	struct dialog dialog;
	struct loop_timer timer;   /* expiry; a look: end of the wait */
	struct loop_timer rate;    /* PRE-X13 */
	struct request_out *out;   /* NOTIFY under way */
	uint64_t expires_at_ms, told_ms, flow;
	char *event;               /* Event as asked for (its id comes back); NULL: "presence" */
	const char *reason;        /* of the end */
	uint8_t state;             /* enum notifier_state */
	uint8_t flags;             /* enum sip_unit_flag */
	uint8_t tries;             /* NOTIFYs in a row that failed */
	bool is_due;               /* to be notified once the one under way is done */
	bool is_last_sent;         /* the NOTIFY under way says terminated */
	bool is_look;              /* SUB-P02 */
	bool was_active;           /* before it ended */
	bool is_counted;           /* by presence_take */
	bool is_over;
};

struct presence {
	struct xlate *x;
	struct texts texts;
	struct map pairs;       /* key -> struct pair */
	struct map watches;     /* local tag -> struct watch */
	struct map dialogs;     /* local tag -> struct notifier */
	struct map holders;     /* JID or domain -> struct holder */
	uint32_t n;             /* watches and notifiers in all */
	struct log_limit floods;
	/* gh-store */
	struct list unsaved;
	struct loop_timer save_timer, load_timer;
	struct buf saving;      /* the ask under way: sent again when gh-store is back */
	struct buf deletes;     /* keys of rows that have no pair any more */
	uint32_t n_deletes;
	uint32_t load_id, save_id; /* 0: none under way */
	uint32_t n_page;
	struct buf load_after;  /* key of the last row that was read */
	bool is_loaded;
	bool is_kept; /* there is a gh-store in this box: not on an edge (system role), where subscriptions end with the program */
	struct list again;      /* pairs to be probed */
	uint32_t n_again;       /* at a time */
	struct loop_timer again_timer;
};

/* ---- presence.c: pairs, limits ---- */
struct pair *pair_find(struct presence *p, struct bytes xmpp, struct bytes sip);
struct pair *pair_get(struct presence *p, struct bytes xmpp, struct bytes sip); /* made when missing; NULL: no memory */
/* The same of a line: no stanza finds it. */
struct pair *pair_line(struct presence *p, struct bytes xmpp, struct bytes sip);
struct pair *pair_line_get(struct presence *p, struct bytes xmpp, struct bytes sip);
/* Frees it when nothing hangs on it. */
void pair_settle(struct pair *c);
/* One more subscription: NULL, or what is full: a word for the log. */
const char *presence_take(struct presence *p, struct bytes who, struct bytes sip_domain);
void presence_give(struct presence *p, struct bytes who, struct bytes sip_domain);
void presence_flooded(struct presence *p, struct bytes who, const char *what);
struct holder *holder_get(struct presence *p, struct bytes key);
void holder_settle(struct presence *p, struct holder *h);
struct bytes jid_domain_of(struct bytes bare);
uint64_t tag_number(struct bytes tag); /* of our 16 hex digits; 0: it is not ours */
uint64_t presence_now(const struct presence *p);

/* Sends a presence stanza. resource: of from; may be empty. children may be empty. */
struct tell {
	enum stanza_type type;
	struct bytes from, resource, to, lang, children;
	struct bytes sid;
};
void presence_tell(struct presence *p, const struct tell *t);
void presence_tell_plain(struct presence *p, enum stanza_type type, struct bytes from, struct bytes to);
/* "sip:juliet@example.com" */
bool presence_put_uri(struct buf *b, struct bytes bare);
/* The same at `sip host`, when that is set: the URI of our Contact, which a partner must reach (SUB-X01). A
 * host and port alone mean UDP (RFC 3263 4.1), so is_tls says otherwise. */
bool presence_put_contact(struct presence *p, struct buf *b, struct bytes bare, bool is_tls);
bool presence_is_on(const struct presence *p);

extern const struct feature presence_feature;
bool presence_on_subscribe(struct xlate *x, struct request_in *r);  /* SUBSCRIBE */
bool presence_on_notify(struct xlate *x, struct request_in *r);     /* NOTIFY */
bool presence_on_publish(struct xlate *x, struct request_in *r);    /* PUBLISH */
bool presence_on_stanza(struct xlate *x, struct stanza_in *s);      /* <presence/> */
void presence_show_subscriptions(struct xlate *x, struct proc_ask *ask);

#define PRESENCE_STATS(X)                                                                          \
	X(PSTAT_WATCHES_ASKED, "xlate.watches.asked")                                              \
	X(PSTAT_WATCHES_REFRESHED, "xlate.watches.refreshed")                                      \
	X(PSTAT_WATCHES_ENDED, "xlate.watches.ended")                                              \
	X(PSTAT_WATCHES_FAILED, "xlate.watches.failed")                                            \
	X(PSTAT_NOTIFIED_IN, "xlate.notify.in")                                                    \
	X(PSTAT_NOTIFIED_BAD, "xlate.notify.bad")                                                  \
	X(PSTAT_NOTIFIED_STRAY, "xlate.notify.stray")                                              \
	X(PSTAT_NOTIFIED_OUT, "xlate.notify.out")                                                  \
	X(PSTAT_NOTIFIED_HELD, "xlate.notify.held")                                                \
	X(PSTAT_DIALOGS_OPENED, "xlate.dialogs.opened")                                            \
	X(PSTAT_DIALOGS_LOST, "xlate.dialogs.lost")                                                \
	X(PSTAT_FLOODED, "xlate.subscriptions.flooded")                                            \
	X(PSTAT_SAVED, "xlate.subscriptions.saved")                                                \
	X(PSTAT_STORE_FAILED, "xlate.subscriptions.store_failed")
#define PRESENCE_STAT_ID(id, name) id,
enum presence_stat { PRESENCE_STATS(PRESENCE_STAT_ID) PSTAT_COUNT };
#undef PRESENCE_STAT_ID
extern uint64_t presence_stats[PSTAT_COUNT];

/* ---- watch.c ---- */
#define WATCH_STATES(X)                                                                            \
	X(W_IDLE, "idle")             /* no dialog */                                              \
	X(W_ASKING, "asking")         /* SUBSCRIBE that begins one is under way */                 \
	X(W_UNASKING, "unasking")     /* the same, and it is not wanted any more */                \
	X(W_HELD, "held")                                                                          \
	X(W_CHECKING, "checking")     /* refresh is due; is the XMPP side alive? (SUB-P04) */      \
	X(W_REFRESHING, "refreshing")                                                              \
	X(W_WAITING, "waiting")       /* for the next try */                                       \
	X(W_LEAVING, "leaving")       /* SUBSCRIBE Expires: 0 is under way */                      \
	X(W_LINGERING, "lingering")   /* for the last NOTIFY */                                    \
	X(W_FROZEN, "frozen")         /* the state will never change (SUB-X21) */
#define WATCH_EVENTS(X)                                                                            \
	X(V_SUBSCRIBE, "subscribe") X(V_ONLINE, "online") X(V_OFFLINE, "offline")                  \
	X(V_UNSUBSCRIBE, "unsubscribe") X(V_HEARD, "heard") X(V_TIMER, "timer")                    \
	X(V_OK, "2xx") X(V_BRIEF, "423") X(V_LOST, "481") X(V_REFUSED, "refused")                  \
	X(V_ABSENT, "absent") X(V_FAILED, "failed")                                                \
	X(V_LOOKED, "looked") X(V_END_REFUSED, "rejected") X(V_END_ABSENT, "noresource")       \
	X(V_END_AGAIN, "deactivated") X(V_END_LATER, "probation") X(V_END_FROZEN, "invariant")
#define WATCH_ID(id, name) id,
enum watch_state { WATCH_STATES(WATCH_ID) WATCH_STATE_COUNT };
enum watch_event { WATCH_EVENTS(WATCH_ID) WATCH_EVENT_COUNT };
#undef WATCH_ID

/* What came with an event; all may be nothing. */
struct watch_news {
	const struct sipmsg *m; /* the 2xx */
	unsigned status;
	uint32_t retry_s, min_s;
	bool is_retry_said;
};
/* A new one: NULL without memory or over the limits. */
struct watch *watch_new(struct pair *c);
/* The machine. w, and the pair, may be gone after it. */
void watch_step(struct watch *w, enum watch_event e, const struct watch_news *news);
void watch_free(struct watch *w);
/* A NOTIFY says that it ends sooner than the 2xx said (SUB-X13). */
void watch_shorten(struct watch *w, uint32_t expires_s);
/* SUB-X06: the second dialog of a forked SUBSCRIBE is ended; its NOTIFY is here. */
void watch_end_fork(struct watch *w, const struct sipmsg *notify);
/* Of the last resource: grace begins; or it is back. */
void watch_set_online(struct watch *w, bool is_online);
/* In a state of an earlier life. */
void watch_restore(struct watch *w, uint8_t state);
extern const struct fsm watch_fsm;
const char *watch_state_name(uint8_t state);

/* ---- watch_notify.c ---- */
void watch_on_notify(struct watch *w, struct request_in *r);
void watch_tell_all(struct watch *w, struct bytes to);   /* a probe's answer (SUB-P01) */
void watch_show_line(struct watch *w);                   /* what is known, as the user's phone */
void watch_tell_gone(struct watch *w);                   /* all tuples unavailable, and forgotten */
void watch_forget(struct watch *w);                      /* the tuples */

/* ---- notifier.c ---- */
#define NOTIFIER_STATES(X)                                                                         \
	X(N_PENDING, "pending")                                                                    \
	X(N_ACTIVE, "active")                                                                      \
	X(N_LOOKING, "looking")   /* a look (SUB-P02): the XMPP side is being asked */             \
	X(N_ENDING, "ending")     /* the last NOTIFY is under way */
#define NOTIFIER_EVENTS(X)                                                                         \
	X(E_GRANTED, "granted") X(E_DENIED, "denied") X(E_ABSENT, "absent") X(E_LATER, "later")    \
	X(E_REFRESHED, "refreshed") X(E_LEFT, "left") X(E_EXPIRED, "expired")                      \
	X(E_CHANGED, "changed") X(E_GONE, "gone")
#define NOTIFIER_ID(id, name) id,
enum notifier_state { NOTIFIER_STATES(NOTIFIER_ID) NOTIFIER_STATE_COUNT };
enum notifier_event { NOTIFIER_EVENTS(NOTIFIER_ID) NOTIFIER_EVENT_COUNT };
#undef NOTIFIER_ID
void notifier_step(struct notifier *n, enum notifier_event e);
/* The same to all of a pair; the pair may be gone after it. */
void notifiers_step(struct pair *c, enum notifier_event e);
void notifier_free(struct notifier *n);
bool notifier_on_subscribe(struct presence *p, struct request_in *r);
/* Restored: expires_at_ms is set. */
struct notifier *notifier_new(struct pair *c);
void notifier_restore(struct notifier *n);
extern const struct fsm notifier_fsm;
const char *notifier_state_name(uint8_t state);

/* ---- notify.c ---- */
/* Sends a NOTIFY of the state n is in, or marks it due. */
void notify_send(struct notifier *n);
void notify_init(struct notifier *n);
bool notify_put_contact(const struct notifier *n, struct buf *b);
/* A change that may wait its turn (PRE-X13). */
void notify_change(struct notifier *n);
/* The XMPP user's resource is now so; false: nothing changed. */
bool pair_set_resource(struct pair *c, const struct pres *now);
bool pair_is_online(const struct pair *c);
void pair_clear_resources(struct pair *c);

/* ---- presence_store.c ---- */
void presence_store_init(struct presence *p);
void presence_store_fini(struct presence *p);
/* Settings have come; is_kept: subscriptions are kept in gh-store, from now on. */
void presence_store_apply(struct presence *p, bool is_kept);
void presence_store_up(struct presence *p);
void pair_save(struct pair *c);                 /* soon */
void pair_forget(struct pair *c);               /* its row goes */
/* Each pair with live dialogs is probed, over a minute (SUB-S19). */
void presence_probe_all(struct presence *p);
int presence_on_store_item(void *x, struct chan *from, const struct frame *f);
int presence_on_store_done(void *x, struct chan *from, const struct frame *f);

#endif
