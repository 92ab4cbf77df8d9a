/* session_impl.h - the parts of session_*.c. session.c has the table of sessions, their machine and clock;
 * session_in.c takes SIP requests, session_out.c makes them, session_stanza.c is the XMPP side. */
#ifndef XLATE_SESSION_IMPL_H
#define XLATE_SESSION_IMPL_H

#include "base/fsm.h"
#include "composing.h"
#include "dialog.h"
#include "service_features.h"
#include "request_out.h"
#include "session.h"
#include "sip/sdp.h"
#include "stanza_out.h"
#include "session_typing.h"

enum {
	SESSIONS_MAX = 20000,
	SESSION_QUEUE_MAX = 100,           /* messages that wait for one session (MSG-X19) */
	SESSION_ACK_MS = 32000,            /* 64*T1 (RFC 3261 13.3.1.4) */
	SESSION_JOIN_MS = 30000,           /* for the media to come up */
	SESSION_PAGE_MS = 24 * 3600 * 1000, /* SES-02: a peer that refused stays with page mode */
	SESSION_PAGED_MAX = 10000,
	SESSION_SIZE_MAX = 10000,          /* of a message: what every XMPP server takes (MSG-S21) */
	SESSION_TYPING_MS = COMPOSING_REFRESH_S * 1000,
};

struct session;
struct msrp_whole;
struct msrp_frame;
/* Who deals with what passes in an MSRP session that is no chat of two users (group chat: focus.h). None of
 * these steps the session, but for response, which does it last. */
struct session_owner {
	/* Their 200: false, it is not what we called for, or nobody waits for it any more. */
	bool (*is_wanted)(void *arg, const struct sipmsg *m);
	void (*opened)(void *arg);
	bool is_focus; /* we hold the conference: our Contact says so (RFC 4579 5.1) */
	/* The status of its response, which is the one to f; 0: the owner answers later (msrp_answer). */
	unsigned (*message)(void *arg, const struct msrp_whole *w, const struct msrp_frame *f);
	unsigned (*nickname)(void *arg, const struct msrp_frame *f); /* the same of NICKNAME; NULL: there are none */
	void (*response)(void *arg, const struct msrp_frame *f);    /* to a request of ours */
	/* The session goes, and is not to be touched. why: with SESSION_REFUSED. */
	void (*over)(void *arg, unsigned event, const struct outcome *why);
};

enum session_kind { SESSION_LYNC, SESSION_MSRP };

#define SESSION_STATES(X)                                                                          \
	X(SESSION_INVITING, "inviting")     /* our INVITE is out */                                \
	X(SESSION_ANSWERED, "answered")     /* their INVITE has our 200, ACK is awaited */         \
	X(SESSION_JOINING, "joining")       /* the media must come up */                           \
	X(SESSION_OPEN, "open")                                                                    \
	X(SESSION_OVER, "over")
#define SESSION_EVENTS(X)                                                                          \
	X(SESSION_STANZA, "stanza")         /* a message for the SIP user: struct outgoing */      \
	X(SESSION_ACCEPTED, "accepted")     /* final answers to our INVITE: struct outcome */      \
	X(SESSION_REFUSED, "refused")                                                              \
	X(SESSION_ACKED, "acked")                                                                  \
	X(SESSION_JOINED, "joined")                                                                \
	X(SESSION_BYE, "bye")               /* theirs */                                           \
	X(SESSION_END, "end")               /* ours; may have a reason: const char */              \
	X(SESSION_LOST, "lost")             /* the dialog or its media is gone */                  \
	X(SESSION_LATE, "late")             /* the state has lasted too long */
#define SESSION_MEMBER(id, name) id,
enum session_state { SESSION_STATES(SESSION_MEMBER) SESSION_STATE_COUNT };
enum session_event { SESSION_EVENTS(SESSION_MEMBER) SESSION_EVENT_COUNT };
#undef SESSION_MEMBER

struct outgoing { /* a message that waits to be sent, or for its answer */
	struct list node;
	struct stanza_in *s;
	bool is_second; /* its first session had gone when it was sent */
};

struct session_msrp;
struct session {
	struct xlate *x;
	struct list node;
	uint64_t key;
	uint8_t state;
	enum session_kind kind;
	struct dialog dialog;
	char tag[DIALOG_TAG_BYTES]; /* of our answer to their INVITE */
	char *dialog_key, *pair_key;
	char *user, *remote;  /* JIDs: the XMPP user's, the SIP user's */
	char *thread;
	char *sdp;            /* ours */
	struct session_msrp *msrp; /* NULL with Lync */
	const struct session_owner *owner; /* NULL: a chat of two */
	void *owner_arg;
	const char *name;     /* shown in From of our INVITE; NULL: none. The owner's */
	char last_sid[20];    /* of the last message to XMPP */
	uint8_t flags;        /* of the requests: UNIT_CLIENT */
	uint64_t flow;
	uint32_t invite_cseq;
	struct request_out *invite, *message;
	struct list queue;    /* struct outgoing */
	size_t n_queue;
	struct outgoing *sending;
	struct loop_timer timer;
	uint64_t late_ms, idle_ms, refresh_ms; /* 0: no such end */
	uint64_t renew_ms;    /* when we refresh the session (RFC 4028 10); 0: they do, or nobody */
	uint32_t interval_s;  /* Session-Expires; 0: none */
	struct session_typing to_sip, to_xmpp;
};

struct sessions {
	struct xlate *x;
	struct list all;
	size_t count;
	struct map by_key, by_dialog, by_pair;
	struct map paged; /* bare JID of a SIP user -> struct paged */
	struct list paged_order;
	struct list deliveries; /* MESSAGEs that wait for the XMPP side: struct delivery */
};

/* ---- session.c ---- */
extern const struct fsm session_fsm;
struct session *session_new(struct xlate *x, enum session_kind kind, struct bytes user, struct bytes remote, struct bytes thread);
/* The dialog is begun: the session is found by it. ERR_NOMEM, ERR_EXISTS. */
int session_enter(struct session *s);
/* One step of the machine. The session may be gone afterwards. */
void session_step(struct session *s, enum session_event e, void *arg);
/* Sets the clock anew. */
void session_arm(struct session *s);
/* Of several ends the first; 0: there is none. */
static inline void session_sooner(uint64_t *next, uint64_t at)
{
	if (at && (!*next || at < *next))
		*next = at;
}
/* Begins to wait for what the state needs. */
void session_begin_wait(struct session *s);
void session_drop(struct session *s); /* one that never came to be */
/* Nothing new finds it any more. */
void session_leave(struct session *s);
void session_touch(struct session *s); /* there was traffic */
struct session *session_of_request(struct xlate *x, const struct sipmsg *m);
/* Of a response to a request of ours that came from who is in it. */
struct session *session_of_answer(struct xlate *x, const struct sipmsg *m);
struct session *session_of_pair(struct xlate *x, const struct jid *user, const struct jid *remote);
bool session_is_paged(struct xlate *x, const struct jid *remote);
void session_set_paged(struct xlate *x, const struct jid *remote);
bool session_set(char **field, struct bytes v); /* false: no memory, the field is as it was */

/* ---- session_out.c ---- */
int session_invite(struct session *s);
void session_ack(struct session *s);
void session_bye(struct session *s, const char *reason); /* reason: NULL, or text of a Reason field */
/* Sends what is queued as far as it may go now. */
void session_flush(struct session *s);
void session_tell_typing(struct session *s, bool is_typing);
bool session_put_contact(const struct session *s, struct buf *out);
int session_describe(struct session *s, const struct imsdp *offer); /* makes s->sdp */
/* The next request of the dialog; NULL without memory. Sends and frees it (request_out_send). */
struct sipmsg *session_request(struct session *s, const char *method, bool has_contact);
int session_send(struct session *s, struct sipmsg *m, request_out_fn fn, void *arg, struct request_out **out);

/* ---- session_refresh.c: RFC 4028 ---- */
/* Session-Expires, within our bounds; is_ours: refresher is uac, or not said. False: there is none. */
bool session_refresh_read(const struct sipmsg *m, uint32_t *seconds, bool *is_ours);
/* Of the one who called: what the answer says; the refresh. */
void session_refresh_note(struct session *s, const struct sipmsg *answer);
void session_refresh_send(struct session *s);

/* ---- session_msrp.c: the media of an MSRP session ---- */
bool msrp_may_offer(const struct xlate *x);
/* May this offer be answered, with our listeners as they are? */
bool msrp_may_answer(const struct xlate *x, const struct imsdp *offer);
/* Announces the session to gh-sip and writes our description. offer: NULL when we call. ERR_AGAIN: gh-sip is
 * not there. */
int msrp_describe(struct session *s, const struct imsdp *offer, struct imsdp *ours);
/* Their answer. ERR_UNSUPPORTED: nothing to chat over in it. */
int msrp_answered(struct session *s, const struct imsdp *answer);
bool msrp_is_joined(const struct session *s);
void msrp_joined(struct session *s); /* the session is open now */
void msrp_close(struct session *s);
/* Sends a message. ERR_LIMIT: longer than they take. ERR_AGAIN: gh-sip is not there. */
int msrp_send(struct session *s, struct stanza_in *st, struct bytes text);
void msrp_tell_typing(struct session *s, bool is_typing);
/* The XMPP user has got the message with this id: a REPORT, when it was asked for (RCP-04). */
void msrp_report(struct session *s, struct bytes sid);
uint64_t msrp_next(const struct session *s); /* when half a message is to be given up; 0: none */
void msrp_sweep(struct session *s, uint64_t now_ms);

/* ---- session_in.c ---- */
/* The offer of an INVITE, when it is one of chat that we can answer as the settings are. */
bool session_read_offer(struct request_in *r, struct imsdp *offer);
void session_refuse_media(struct request_in *r, const char *code_and_text); /* 488 */
/* Takes the call; owner NULL: a chat of two. NULL: it was refused. r is answered in any case. */
struct session *session_accept(struct xlate *x, struct request_in *r, enum session_kind kind, const struct imsdp *offer,
			       const struct session_owner *owner, void *owner_arg);
void deliveries_fini(struct sessions *all);

/* ---- session_stanza.c ---- */
/* A message to the XMPP user; fn may be NULL. text: UTF-8. 0 or ERR_*. */
int session_tell_text(struct session *s, struct bytes text, stanza_out_fn fn, void *arg);
/* The same with elements beside the body, as they are, and what they are (enum stanza_fact). Nobody hears of
 * its outcome. */
int session_tell_with(struct session *s, struct bytes text, struct bytes beside, uint32_t facts);
/* Elements without a body. */
void session_tell_bare(struct session *s, struct bytes elements, uint32_t facts);
void session_tell_state(struct session *s, enum chat_state state);
/* The text of a message: of the <body/> without xml:lang, else the first (MSG-X08). */
struct bytes session_body_of(const struct xml_node *message);
void outgoing_free(struct outgoing *o);
/* Each of these ends o: */
void outgoing_done(struct outgoing *o);
void outgoing_refuse(struct outgoing *o, const struct outcome *why);
void outgoing_fail(struct outgoing *o, enum stanza_error e, const char *text);
void outgoing_page(struct outgoing *o);   /* by page mode */
void outgoing_again(struct outgoing *o);  /* in a new session */

#endif
