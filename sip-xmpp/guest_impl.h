/* guest_impl.h - the parts of guest*.c. guest.c has the table of them and their clock; guest_in.c takes SIP
 * requests, guest_media.c what passes over MSRP, guest_stanza.c the room's stanzas, guest_watch.c tells who is there. */
#ifndef XLATE_GUEST_IMPL_H
#define XLATE_GUEST_IMPL_H

#include "conference.h"
#include "guest.h"
#include "session_impl.h"
#include "session_msrp.h"

enum {
	GUESTS_MAX = 5000,
	GUEST_PEOPLE_MAX = 200,    /* of one room; who comes later is not shown */
	GUEST_SENT_MAX = 50,       /* requests of one guest that wait for the room */
	GUEST_SENT_MS = 5000,      /* MUC-S04 */
	GUEST_NAMES_MAX = 3,       /* MUC-S03 */
	GUEST_JOIN_MS = 30000,
	GUEST_EXPIRES_S = 3600,
	GUEST_EXPIRES_MAX_S = 86400,
	GUEST_TELL_MS = 1000,      /* between two documents */
	GUEST_SID_BYTES = 17,
};

enum guest_state { GUEST_CALLED, GUEST_ENTERING, GUEST_INSIDE };

struct guest_person {
	struct list node;
	bool is_moderator;
	char nick[];
};

/* A request of the SIP user that is answered when the room has taken it. */
struct guest_sent {
	struct list node;
	char sid[GUEST_SID_BYTES];
	char *nick;      /* of a NICKNAME; NULL: a message */
	char *id, *to_path, *from_path, *failure_report;
	uint64_t due_ms;
};

struct guest {
	struct xlate *x;
	struct list node;
	uint8_t state; /* enum guest_state */
	struct session *session; /* NULL: it has gone */
	char *member_key;        /* "member LF room": how the room's stanzas find it */
	char *member, *room;     /* full JID, bare JID */
	char *name, *nick;       /* as asked for; as it is */
	unsigned n_names;        /* tried */
	char *subject;
	struct list people, sent;
	size_t n_people, n_sent;
	/* The subscription to who is there. */
	struct dialog watch;     /* not begun: none */
	struct request_out *telling;
	bool is_due;             /* something is to be told */
	uint32_t version;
	struct loop_timer timer;
	uint64_t join_ms, watch_ms, tell_ms; /* 0: no such end; earliest next document */
};

struct guests {
	struct list all;
	size_t count;
	struct map by_member;
};

/* ---- guest.c ---- */
extern const struct session_owner guest_owner;
struct guest *guest_new(struct xlate *x, const struct jid *from, const struct jid *room, struct bytes name);
void guest_free(struct guest *g);
struct guest *guest_of_member(struct xlate *x, struct bytes member, const struct jid *room);
/* Of a SIP user, whatever device says so. */
struct guest *guest_of_user(struct xlate *x, const struct jid *from, const struct jid *room);
void guest_enter(struct guest *g); /* with the name as it is */
/* BYE with this in Reason; g is gone. */
void guest_dismiss(struct guest *g, unsigned status, struct bytes text);
void guest_arm(struct guest *g);

/* ---- guest_media.c ---- */
unsigned guest_on_text(void *g, const struct msrp_whole *w, const struct msrp_frame *f);
unsigned guest_on_nickname(void *g, const struct msrp_frame *f);
/* Answers the one with this sid, or for a nickname; false: there is none. */
bool guest_answer(struct guest *g, struct bytes sid, unsigned status);
bool guest_answer_nick(struct guest *g, struct bytes nick, unsigned status);
void guest_sent_expire(struct guest *g, uint64_t now_ms);
void guest_sent_clear(struct guest *g);
/* A message of somebody in the room. stamp: of its delay, or empty. is_private: to him alone. */
void guest_say(struct guest *g, struct bytes nick, struct bytes text, struct bytes stamp, bool is_private);

/* ---- guest_watch.c ---- */
void guest_watch_take(struct guest *g, struct request_in *r);    /* the first SUBSCRIBE */
void guest_watch_renew(struct guest *g, struct request_in *r);   /* in its dialog */
void guest_watch_changed(struct guest *g);
void guest_watch_due(struct guest *g, uint64_t now_ms);
void guest_watch_end(struct guest *g, const char *reason);       /* tells the watcher */
void guest_watch_fini(struct guest *g);

/* ---- guest_stanza.c ---- */
void guest_people_clear(struct guest *g);
/* A stanza of his to the room (nick empty), or to somebody in it. */
void guest_post(struct guest *g, enum stanza_kind kind, enum stanza_type type, struct bytes nick, const char *sid,
		struct bytes inner, uint32_t facts);

#endif
