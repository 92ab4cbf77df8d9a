/* session.h - one bound resource of a user. Attached: a client stream at a gh-access worker carries
 * it. Detached: its stream was lost, and it waits to be resumed (XEP-0198 5). */
#ifndef IM_SESSION_H
#define IM_SESSION_H

#include "delivery/item.h"
#include "names.h"
#include "delivery/parcel.h"
#include "user.h"

struct sm;
struct hold;

enum session_bit {
	SESSION_IS_AVAILABLE = 1 << 0,    /* has sent presence */
	SESSION_WANTS_ROSTER = 1 << 1,    /* has asked for the roster: gets pushes (RFC 6121 2.1.6) */
	SESSION_WANTS_BLOCKS = 1 << 2,    /* has asked for the block list (XEP-0191 3.3) */
	SESSION_HAS_CARBONS = 1 << 3,
	SESSION_IS_INACTIVE = 1 << 4,     /* XEP-0352 */
	SESSION_IS_ENDING = 1 << 5,
	SESSION_IS_PHONE = 1 << 6,        /* shown by the call manager: nobody sits at it */
	SESSION_IS_OUTSIDE = 1 << 7,      /* its stream came through gh-proxy, here or at an edge */
};

/* What lies in a session's queue of stanzas that the client may not have yet. */
enum queued_flag {
	QUEUED_POINT = 1 << 0,   /* the parcel waits for this delivery */
	QUEUED_FORKED = 1 << 1,  /* other resources got it too */
	QUEUED_OFFLINE = 1 << 2, /* from offline storage: stays there until confirmed */
};
struct queued {
	struct parcel *parcel;
	uint32_t seq; /* s->delivered when it left */
	uint8_t flags;
};

struct session {
	struct list node; /* in its user's list */
	struct user *user;
	uint64_t conn; /* 0: detached */
	struct list custody; /* parcels it sent that are not safe yet, oldest first */
	struct sm *sm;       /* NULL until enabled */
	struct queued *queue; /* ring of queue_cap */
	uint32_t queue_at, queue_n, queue_cap;
	uint32_t delivered; /* stanzas handed to it, on all its streams */
	uint32_t stream_base; /* s->delivered when this stream began */
	uint32_t written;     /* up to here the kernel has taken them */
	uint32_t presence_n;
	char *app; /* label of the application password that its stream logged in with; NULL: none */
	char *client; /* id of the program behind it (XEP-0388 user-agent); NULL: none */
	struct hold *held; /* what waits for it to look up (idle.h); NULL: nothing */
	uint8_t *presence; /* the last available presence, neutral form without `to` */
	struct list watches; /* whom it sees for a while (presence/watch.c) */
	uint32_t n_watches;
	struct names directed; /* who got directed presence (RFC 6121 4.6) */
	struct names answered; /* to whom it has replied (answered.h) */
	uint64_t opened_ms, presence_ms; /* wall clock; when the client last said how available it is */
	uint64_t archive_first, archive_last; /* the part of its archive that it has read (XEP-0313); 0: none */
	uint16_t archive_asks;     /* that are not answered yet */
	uint16_t bits;
	uint16_t bare_n, full_n;
	int8_t priority;
	uint8_t door_prog, door; /* gh-access, or gh-xlate for a SIP client; and its instance */
	char full[];
};

static inline struct bytes session_full(const struct session *s)
{
	return bytes_make(s->full, s->full_n);
}
static inline struct bytes session_bare(const struct session *s)
{
	return bytes_make(s->full, s->bare_n);
}
static inline struct bytes session_resource(const struct session *s)
{
	return bytes_make(s->full + s->bare_n + 1, s->full_n - s->bare_n - 1u);
}
static inline bool session_is_available(const struct session *s)
{
	return s->bits & SESSION_IS_AVAILABLE;
}
/* What is for the bare address may go to it (RFC 6121 8.5.2). */
static inline bool session_takes_messages(const struct session *s)
{
	return session_is_available(s) && s->priority >= 0;
}

/* The session of a stream, of a resource. NULL: none. */
struct session *session_of(const struct im *im, uint64_t conn);
struct session *session_by_resource(const struct user *u, struct bytes resource);
struct session *session_by_full(const struct im *im, struct bytes full);
struct chan *session_chan(const struct im *im, const struct session *s);

/* New session of a ready user for a stream. wanted: resource, "" for one of our choice, which then
 * begins with tag. 0; ERR_FULL (too many), ERR_SYNTAX (resource), ERR_NOMEM. An older session of
 * the same resource ends with "conflict" (RFC 6120 7.7.2.2). */
struct session_wish {
	uint64_t conn;
	uint8_t door_prog, door;
	struct bytes wanted, tag;
};
int session_open(struct im *im, struct user *u, const struct session_wish *w, struct session **out);
/* Tells its stream, if any, to say this and close; then ends it. */
void session_kick(struct im *im, struct session *s, const char *condition, const char *text);
/* All that a user has; the user stays. */
void session_kick_all(struct im *im, struct user *u, const char *condition, const char *text);
/* Tells a stream the same, with an element of its own beside the condition (may be empty); the
 * session is the caller's. */
void session_close_stream(struct im *im, const struct session *s, const char *condition, const char *text,
                          struct bytes detail);
/* Over: unavailable to whom it concerns; what it has not got goes another way (sm.c). */
void session_end(struct im *im, struct session *s);

/* Hands it a stanza (neutral form). */
void session_send(struct im *im, struct session *s, enum stanza_kind kind, struct bytes stanza);
/* The same where the stanza's type and facts count for an inactive client; addresses are not read. */
void session_send_as(struct im *im, struct session *s, const struct envelope *e);
/* The same at once, whether the client is active or not (idle.h). */
void session_send_now(struct im *im, struct session *s, const struct envelope *e);
/* A message or other stanza with its item: kept until the client has it where somebody waits for
 * that. false: its queue is full, or without memory; it was not delivered. */
bool session_send_item(struct im *im, struct session *s, struct item *it, uint8_t flags);
/* The same for a parcel. */
bool session_send_parcel(struct im *im, struct session *s, struct parcel *p, uint8_t flags);
/* The stream goes on somewhere else: DELIVER what is in the queue. */
void session_replay(struct im *im, struct session *s);
/* What is at the head of the queue up to and with seq has arrived. */
void session_confirm(struct im *im, struct session *s, uint32_t seq);

int session_on_closed(void *im, struct chan *from, const struct frame *f);
int session_on_written(void *im, struct chan *from, const struct frame *f);
int session_on_csi(void *im, struct chan *from, const struct frame *f);
/* A worker has died: all its streams are lost. */
void sessions_door_down(struct im *im, const struct chan *door);
/* Ends those whose domain lives here no more (host-gone). */
void sessions_check_domains(struct im *im);
void sessions_fini(struct im *im);

#endif
