/* room_service.h - rooms of one domain (XEP-0045) as the rest of gh-im sees them: a machine that is given stanzas, and says
 * through room_ops what is to be sent and kept. Pure: no I/O. */
#ifndef IM_ROOM_SERVICE_H
#define IM_ROOM_SERVICE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "proto/envelope.h"
#include "proto/xml.h"

/* What can be configured in a room; names in room_config.c. */
enum room_field {
	ROOM_NAME,
	ROOM_DESC,
	ROOM_LANG,
	ROOM_SECRET,
	ROOM_TEXTS, /* how many texts there are */
	ROOM_PERSISTENT = ROOM_TEXTS,
	ROOM_PUBLIC,
	ROOM_MEMBERS_ONLY,
	ROOM_MODERATED,
	ROOM_HAS_PASSWORD,
	ROOM_WHOIS,      /* 0 moderators, 1 anyone */
	ROOM_MAX_USERS,
	ROOM_SUBJECT,    /* participants may change it (D-ROM-15) */
	ROOM_INVITES,    /* others than moderators may invite (D-ROM-10) */
	ROOM_PM,         /* 0 anyone, 1 participants, 2 moderators, 3 none (D-ROM-14) */
	ROOM_HISTORY,
	ROOM_BROADCAST,  /* bits: visitor, participant, moderator */
	ROOM_OPEN,       /* who registers becomes a member (D-ROM-05) */
	ROOM_FIELD_COUNT
};

struct room_config {
	char *text[ROOM_TEXTS]; /* NULL: empty */
	uint32_t v[ROOM_FIELD_COUNT]; /* from ROOM_PERSISTENT on */
};

/* What an administrator has set. */
struct room_rules {
	uint32_t v[ROOM_FIELD_COUNT]; /* of a new room */
	bool owner_may[ROOM_FIELD_COUNT]; /* D-GCA-04 */
	uint32_t rooms_max, persistent_max, rooms_user, rooms_client, occupants_max, affiliates_max;
	uint32_t nick_max, subject_max, message_max; /* bytes */
	uint32_t rate, history_max, silence_s;
	uint8_t invite_role; /* lowest that may invite (D-ROM-10): 1 visitor to 3 moderator */
	bool has_persistent, has_old_clients, strips_xhtml, has_archive, has_search;
	bool hides_details; /* how available occupants are (C-AVL-04) */
};

struct room;
struct room_past;
struct room_affiliate;
struct room_service;

struct room_in;

enum { ROOM_ID_MAX = 32 }; /* characters of a stanza-id (XEP-0359) */

struct room_ops {
	/* kind, type, facts, from, to, stanza are set; views are good during the call. */
	void (*send)(void *arg, const struct envelope *e);
	bool (*is_admin)(void *arg, struct bytes bare);
	/* These are of persistent rooms. */
	void (*save_room)(void *arg, const struct room *r);
	void (*save_affiliate)(void *arg, const struct room *r, struct bytes jid, uint8_t affiliation, struct bytes nick, struct bytes reason);
	void (*save_past)(void *arg, const struct room *r, const struct room_past *p);
	void (*drop_room)(void *arg, struct bytes jid);
	/* The archive (XEP-0313); NULL where there is none, as without rules.has_archive. name: an id for what is said next. said: it was,
	 * e->stanza as occupants saw it. unsay: the message with this id is gone, `rest` stands in its place; false: no such id. query:
	 * somebody who may asks. */
	void (*name)(void *arg, char out[static ROOM_ID_MAX + 1]);
	void (*said)(void *arg, const struct room *r, const struct envelope *e, struct bytes id);
	bool (*unsay)(void *arg, const struct room *r, struct bytes id, struct bytes rest);
	void (*query)(void *arg, const struct room_in *in);
};

struct room_service {
	const struct room_ops *ops;
	void *arg;
	struct bytes domain; /* the caller's */
	struct room_rules rules;
	struct map rooms; /* bare JID -> room */
	struct map clients; /* full JID -> room_client */
	unsigned n_gone; /* rooms that have ended and are not freed yet */
	unsigned n_persistent;
	uint32_t numbers; /* of seats */
	uint64_t now_ms, wall_ms;
	struct bytes secret; /* for occupant ids; the caller's */
	struct buf out, head, rest, rest2, payload;
	bool is_ready; /* what is kept has been read */
};

/* A stanza for the service or a room of it. */
struct room_in {
	uint8_t kind, type;
	uint32_t facts;
	struct bytes from, to, sid; /* from: normal form, to be believed */
	struct xml_node *node;      /* in the arena, in jabber:client */
	struct arena *arena;
	uint64_t now_ms, wall_ms;
	bool is_local, may_create;
};

void room_service_init(struct room_service *s, const struct room_ops *ops, void *arg, struct bytes domain);
/* All that are in its rooms hear that it ends (332); before room_service_fini. */
void room_service_close(struct room_service *s);
/* Nobody is told. */
void room_service_fini(struct room_service *s);
/* Other rules. Where occupants' details are hidden or shown from now on, all hear so, but for what would be too many stanzas: they hear it
 * with the occupant's next presence. */
void room_service_rule(struct room_service *s, const struct room_rules *rules);
void room_service_input(struct room_service *s, const struct room_in *in);
/* Now and then: silent people of other domains are asked whether they are there (xmpp.md lesson 21). */
void room_service_tick(struct room_service *s, uint64_t now_ms, uint64_t wall_ms);
/* A client here is gone from all rooms. */
void room_service_gone(struct room_service *s, struct bytes full);

/* ---- for who keeps them ---- */

/* What is written down of a room but its people and messages. */
void room_encode(struct buf *b, const struct room *r);
/* A room as it was kept; its parts follow. ERR_SYNTAX, ERR_NOMEM, ERR_EXISTS. */
int room_restore(struct room_service *s, struct bytes jid, struct bytes encoded, struct room **out);
void room_restore_affiliate(struct room *r, struct bytes jid, uint8_t affiliation, struct bytes nick, struct bytes reason);
void room_restore_past(struct room *r, uint64_t at_ms, struct bytes from, struct bytes id, struct bytes by, struct bytes rest);
/* What was read of a room is read again from the start. */
void room_forget(struct room_service *s, struct bytes jid);
struct bytes room_jid_of(const struct room *r);
void room_past_parts(const struct room_past *p, uint64_t *at_ms, struct bytes *from, struct bytes *id, struct bytes *by, struct bytes *rest);
uint32_t room_history_of(const struct room *r);

/* ---- for operators ---- */

struct room_facts {
	struct bytes jid, name, creator;
	unsigned occupants, affiliates;
	bool is_persistent, is_public, is_members_only, is_moderated, has_password;
};
/* Walks the rooms: at starts at 0; false at the end. */
bool room_service_next(const struct room_service *s, size_t *at, struct room_facts *out);
/* ERR_NOT_FOUND. */
int room_service_destroy(struct room_service *s, struct bytes jid, struct bytes reason);
int room_service_kick(struct room_service *s, struct bytes jid, struct bytes nick, struct arena *a);

#endif
