/* focus_impl.h - the parts of focus*.c. focus.c has the table of them, their machine and clock; focus_stanza.c
 * takes stanzas, focus_media.c MSRP, focus_watch.c the subscription, focus_roster.c knows who is in the room,
 * focus_tell.c writes to the user. */
#ifndef XLATE_FOCUS_IMPL_H
#define XLATE_FOCUS_IMPL_H

#include "conference.h"
#include "focus.h"
#include "proto/msrp_join.h"
#include "session_impl.h"
#include "session_msrp.h"

enum {
	FOCI_MAX = 5000,
	FOCI_PER_USER_MAX = 50,   /* rooms of one user, devices counted */
	FOCUS_OCCUPANTS_MAX = 500, /* of one room; who comes later is not shown */
	FOCUS_SENT_MAX = 50,      /* messages of one user in one room that wait for their 200 */
	FOCUS_SENT_MS = 30000,    /* RFC 4975 7.1.1: as long as a transaction lasts */
	FOCUS_LIST_MS = 10000,    /* for the first list of who is there */
	FOCUS_EXPIRES_S = 600,    /* MUC-X02 */
	FOCUS_EXPIRES_MAX_S = 86400,
	FOCUS_AGAIN_MS = 30000,   /* after a subscription that failed for now */
	FOCUS_HASTY_MAX = 3,      /* SUBSCRIBEs within that time that were sent at once, whatever the focus says */
	FOCUS_REFRESH_MIN_MS = 5000,
};

#define FOCUS_STATES(X)                                                                            \
	X(FOCUS_CALLING, "calling") /* INVITE is out, or the media is not there yet */             \
	X(FOCUS_NAMING, "naming")   /* the first NICKNAME is out */                                \
	X(FOCUS_LISTING, "listing") /* who is there? */                                            \
	X(FOCUS_INSIDE, "inside")                                                                  \
	X(FOCUS_OVER, "over")
#define FOCUS_EVENTS(X)                                                                            \
	X(FOCUS_OPENED, "opened")   /* the media is there */                                       \
	X(FOCUS_NAMED, "named")     /* the nickname is ours, or there are none */                  \
	X(FOCUS_CLASHED, "clashed") /* it is not: const struct stanza_fault */                     \
	X(FOCUS_LISTED, "listed")   /* the list is here, or there will be none */                  \
	X(FOCUS_LEAVE, "leave")     /* the user's, told what he asked for */                       \
	X(FOCUS_DISMISSED, "dismissed") /* BYE */                                                  \
	X(FOCUS_DESTROYED, "destroyed") /* the room is no more */                                  \
	X(FOCUS_LOST, "lost")       /* the session went otherwise: const struct stanza_fault */
#define FOCUS_MEMBER(id, name) id,
enum focus_state { FOCUS_STATES(FOCUS_MEMBER) FOCUS_STATE_COUNT };
enum focus_event { FOCUS_EVENTS(FOCUS_MEMBER) FOCUS_EVENT_COUNT };
#undef FOCUS_MEMBER

struct occupant {
	struct list node;
	char *entity;
	char *nick;     /* as in the room's JIDs */
	char *nick_key; /* as it is compared (MUC-S11) */
	bool is_us, is_named; /* is_named: by the document that is being read */
};

enum focus_sent_kind { FOCUS_GROUP, FOCUS_PRIVATE, FOCUS_NICK };
struct focus_sent { /* a request of ours that waits for its response */
	struct list node;
	enum focus_sent_kind kind;
	char id[MSRP_ID_MAX_BYTES + 1];
	struct stanza_in *st; /* NULL: the NICKNAME of the join */
	char *nick;           /* of a NICKNAME */
	uint64_t due_ms;
};

struct focus {
	struct xlate *x;
	struct list node;
	uint8_t state;
	struct session *session; /* NULL: it has gone */
	char *key;               /* "user LF room" */
	char *user, *room;       /* full JID, bare JID */
	char *nick;              /* ours: as it was asked for, until it is taken */
	char *join_sid;          /* of the presence that asked */
	char *subject;
	struct list occupants, sent;
	size_t n_occupants, n_sent;
	/* The subscription. */
	struct dialog watch;
	char *watch_key;         /* NULL: none */
	struct request_out *subscribing;
	uint32_t expires_s;
	uint64_t hasty_ms;       /* until then n_hasty counts */
	unsigned n_hasty;
	bool has_version;
	uint32_t version;
	struct loop_timer timer;
	uint64_t list_ms, refresh_ms; /* 0: no such end */
};

struct foci {
	struct list all;
	size_t count;
	struct map by_key, by_watch;
};

/* ---- focus.c ---- */
extern const struct fsm focus_fsm;
/* Calls the focus. 0, or ERR_*: there is nothing. */
int focus_join(struct xlate *x, struct stanza_in *st);
struct focus *focus_of_pair(struct xlate *x, const struct jid *user, const struct jid *room);
/* One step of the machine. The focus may be gone afterwards. */
void focus_step(struct focus *f, enum focus_event e, void *arg);
void focus_arm(struct focus *f);
size_t focus_count_of(struct xlate *x, const struct jid *user);

/* ---- focus_stanza.c: how what waited for a response ends ---- */
void focus_sent_free(struct focus *f, struct focus_sent *s);
void focus_sent_done(struct focus *f, struct focus_sent *s);
void focus_sent_refuse(struct focus *f, struct focus_sent *s, enum stanza_error e, const char *text);
void focus_sent_expire(struct focus *f, uint64_t now_ms);

/* ---- focus_media.c ---- */
/* Sends NICKNAME (RFC 7701 7.1). st: NULL, of the join. ERR_FULL, ERR_AGAIN, ERR_NOMEM, ERR_SYNTAX: st is not taken. */
int focus_name(struct focus *f, struct bytes nick, struct stanza_in *st);
/* Sends a text to the room (nick empty), or to one in it. ERR_LIMIT: longer than they take; else as above. */
int focus_say(struct focus *f, struct bytes nick, struct bytes text, struct stanza_in *st);
unsigned focus_on_text(void *f, const struct msrp_whole *w, const struct msrp_frame *frame);
void focus_on_response(void *f, const struct msrp_frame *r);

/* ---- focus_watch.c ---- */
void focus_watch_begin(struct focus *f);
void focus_watch_refresh(struct focus *f);
void focus_watch_stop(struct focus *f); /* tells the focus */
void focus_watch_end(struct focus *f);

/* ---- focus_roster.c ---- */
/* Takes a document; the user is told what changed once he is inside. */
void focus_roster_read(struct focus *f, const struct conference *c);
struct occupant *focus_occupant(struct focus *f, struct bytes entity);
void focus_roster_free(struct focus *f);

/* ---- focus_tell.c ---- */
struct focus_change { /* of an occupant */
	const char *nick;
	bool is_gone, is_us;
	unsigned status;       /* a further status code; 0: none */
	const char *new_nick;  /* with status 303 */
	const char *extra;     /* element beside <item/>; NULL: none */
};
void focus_tell_presence(struct focus *f, const struct focus_change *c);
/* All who are there, ourselves last, then the subject (XEP-0045 7.2). */
void focus_tell_room(struct focus *f);
void focus_tell_subject(struct focus *f);
void focus_tell_join_error(struct focus *f, const struct stanza_fault *fault);
/* nick: whose; empty: the room's. elements: from <body> on. */
void focus_tell_message(struct focus *f, struct bytes nick, bool is_group, struct bytes sid, struct bytes elements, uint32_t facts);

#endif
