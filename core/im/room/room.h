/* room.h - group chat (XEP-0045) as a machine: stanzas and the time go in, stanzas and what must be kept come out
 * through room_ops. No sockets, no clock, no log. room_service.h is what the rest of gh-im uses; this is shared by
 * room_*.c. A service is one domain; a room is one of its addresses.
 *
 * An occupant is a person under a nickname; each client of theirs that entered with it has a seat. */
#ifndef IM_ROOM_H
#define IM_ROOM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rate.h"
#include "base/wire.h"
#include "proto/envelope.h"
#include "proto/jid.h"
#include "room/room_service.h"

#define NS_MUC_ADMIN NS_MUC "#admin"
#define NS_MUC_OWNER NS_MUC "#owner"
#define NS_MUC_REQUEST NS_MUC "#request"
#define NS_MUC_ROOMINFO NS_MUC "#roominfo"
#define NS_MUC_CONFIG NS_MUC "#roomconfig"
#define NS_MUC_REGISTER NS_MUC "#register"
#define NS_MUC_UNIQUE NS_MUC "#unique"
#define NS_MUC_STABLE_ID NS_MUC "#stable_id"
#define NS_MUC_SELF_PING NS_MUC "#self-ping-optimization"
#define NS_MUC_DIRECT "jabber:x:conference"
#define NS_OCCUPANT_ID "urn:xmpp:occupant-id:0"
#define NS_HATS "urn:xmpp:hats:0"
#define NS_RSM "http://jabber.org/protocol/rsm"
#define NS_REGISTER "jabber:iq:register"
#define NS_XHTML_IM "http://jabber.org/protocol/xhtml-im"

/* Greater has more rights (XEP-0045 5). */
enum room_affiliation { ROOM_NONE, ROOM_MEMBER, ROOM_ADMIN, ROOM_OWNER, ROOM_OUTCAST, ROOM_AFFILIATION_COUNT };
enum room_role { ROLE_OUTSIDE, ROLE_VISITOR, ROLE_PARTICIPANT, ROLE_MODERATOR, ROOM_ROLE_COUNT };

struct room_affiliate {
	uint8_t affiliation;
	char *nick;   /* registered; or NULL */
	char *reason; /* or NULL */
	uint16_t jid_n;
	char jid[]; /* bare JID, or a domain (outcasts only) */
};

struct room_occupant {
	struct list node; /* in its room */
	struct list seats;
	unsigned n_seats;
	uint8_t role, affiliation;
	struct rate rate;
	struct bytes nick, key, bare; /* key: the nickname as it is compared (RFC 8266); all in `names` */
	uint8_t *names;
	uint8_t *presence; /* children of the last available presence, details of availability first */
	uint32_t presence_n, details_n;
	char id[45]; /* XEP-0421 */
};

/* A client, and all its seats in the rooms of a service. */
struct room_client {
	struct list seats;
	unsigned n_seats;
	uint16_t full_n;
	char full[];
};

struct room_seat {
	struct list node; /* in its occupant */
	struct list client_node; /* in its client */
	struct room *room;
	struct room_occupant *occupant;
	struct room_client *client;
	uint32_t number;
	uint64_t heard_ms, asked_ms; /* of another domain: is it alive? */
};

/* A message that was said. */
struct room_past {
	struct list node;
	uint64_t at_ms;
	uint32_t from_n, id_n, by_n, n;
	uint8_t data[]; /* from (room/nick), stanza-id, the occupant-id of who said it, what stands behind `to` up to </message> */
};

struct room {
	struct room_service *service;
	struct list occupants;
	unsigned n_occupants, n_seats;
	struct map nicks; /* key -> occupant */
	struct map seats; /* full JID -> seat */
	struct map affiliates; /* JID -> room_affiliate */
	unsigned n_owners;
	bool is_locked; /* made and not configured yet (10.1.2) */
	bool is_gone;   /* freed when the stanza has been dealt with */
	struct room_config config;
	char *subject;
	char *subject_by; /* room/nick */
	uint64_t subject_ms;
	struct list past;
	unsigned n_past;
	char *card; /* <vCard/>; NULL: none */
	uint16_t jid_n, creator_n;
	char jid[]; /* then the creator's bare JID */
};

static inline struct bytes room_jid(const struct room *r)
{
	return bytes_make(r->jid, r->jid_n);
}
static inline struct bytes room_creator(const struct room *r)
{
	return bytes_make(r->jid + r->jid_n, r->creator_n);
}
static inline struct bytes seat_full(const struct room_seat *s)
{
	return bytes_make(s->client->full, s->client->full_n);
}

/* ---- room_config.c: the form muc#roomconfig ---- */

const char *room_field_value(const struct room *r, enum room_field f);
bool room_is(const struct room *r, enum room_field f);
/* The form for an owner. */
void room_config_write_form(struct buf *b, const struct room *r);
/* Takes what the submitted form says, as far as owners may. 0 with the fields that changed as bits, or ERR_RANGE (not-acceptable;
 * nothing is changed). */
int room_config_take(struct room *r, const struct xml_node *form, uint32_t *changed);
void room_config_fini(struct room_config *c);

/* ---- room_people.c ---- */

const char *room_affiliation_name(enum room_affiliation a);
const char *room_role_name(enum room_role r);
int room_affiliation_of_name(struct bytes name, enum room_affiliation *out);
int room_role_of_name(struct bytes name, enum room_role *out);
/* What somebody is here; a ban of the domain counts, administrators of the service own every room. */
enum room_affiliation room_affiliation_of(const struct room *r, struct bytes bare);
/* Sets it, in memory and by save_affiliate. ERR_FULL, ERR_NOMEM. The last owner's is not to be taken: the caller's care. */
int room_affiliate(struct room *r, struct bytes jid, enum room_affiliation a, struct bytes nick, struct bytes reason);
enum room_role room_first_role(const struct room *r, enum room_affiliation a);
struct room_occupant *room_by_nick(const struct room *r, struct bytes nick, struct arena *a);
struct room_occupant *room_by_bare(const struct room *r, struct bytes bare);
struct room_seat *room_seat_of(const struct room *r, struct bytes full);
/* A seat under this nickname; with the person's own occupant of that name, or a new one. ERR_NOMEM, ERR_SYNTAX (nickname), ERR_FULL
 * (the client is in too many rooms). */
int room_sit(struct room *r, struct bytes nick, const struct room_in *in, struct room_seat **out);
/* The seat goes; with the last one the occupant. */
void room_stand_up(struct room *r, struct room_seat *s);
int room_rename(struct room *r, struct room_occupant *o, struct bytes nick, struct arena *a);
void room_free_people(struct room *r);
void room_occupant_jid(struct buf *b, const struct room *r, const struct room_occupant *o);

/* ---- room_presence.c ---- */

enum { ROOM_CODES_MAX = 8 };
/* One change of somebody's presence. */
struct room_notice {
	struct room_occupant *occupant;
	bool is_leaving;
	uint16_t codes[ROOM_CODES_MAX]; /* for all; 0 ends them */
	uint16_t self[ROOM_CODES_MAX];  /* besides, for the one concerned; 110 comes by itself */
	struct bytes reason, actor, nick; /* nick: the new one (303) */
	struct bytes inside; /* more in <x/> (destroy), already XML */
	struct room_seat *only; /* of the occupant's own seats only this one is told */
	bool is_for_self; /* nobody else is told */
};
/* To everybody who may see it, and to the one concerned. */
void room_tell(struct room *r, const struct room_notice *n);
/* Who is here, for a newcomer. */
void room_tell_present(struct room *r, struct room_seat *to);
/* Takes a seat away with these words for all; with the last seat of the room's last occupant the room may end. */
void room_remove(struct room *r, struct room_seat *s, struct room_notice *n);
/* The same with all seats of an occupant. */
void room_expel(struct room *r, struct room_notice *n);
/* Role or affiliation have changed: everybody hears. */
void room_tell_item(struct room *r, struct room_occupant *o, struct bytes reason, struct bytes actor);

/* ---- room_send.c: stanzas of a room ---- */

/* A stanza that goes to many: written once, but for its `to`. */
struct room_letter {
	struct room_service *s;
	uint8_t kind, type;
	uint32_t facts;
	struct bytes from;
	struct bytes rest; /* behind `to`: attributes, '>', children, end tag */
};
void room_letter_send(const struct room_letter *l, struct bytes to);
/* The same to many, who may get different rests: begin writes what is the same for all. */
void room_letter_begin(const struct room_letter *l);
void room_letter_next(const struct room_letter *l, struct bytes to);
void room_letter_send_all(const struct room_letter *l, const struct room *r);
void room_result(struct room_service *s, const struct room_in *in, struct bytes payload);
void room_refuse(struct room_service *s, const struct room_in *in, enum stanza_error why, const char *text);
/* Says again how available the occupants are, for those of whom there is something to say, in no more than budget stanzas; how many. */
unsigned room_tell_details(struct room *r, unsigned budget);
/* Attributes of a stanza that goes on: type, id, xml:lang. */
void room_put_attrs(struct buf *b, const struct room_in *in, const char *type);
/* The children that may pass through a room. */
void room_put_children(struct room_service *s, struct buf *b, const struct room_in *in);
/* The same of a presence: those that say how available somebody is (C-AVL-04), then the others. How many bytes the first are. */
size_t room_put_presence(struct room_service *s, struct buf *b, const struct room_in *in);

/* ---- room_past.c ---- */

void room_past_add(struct room *r, uint64_t at_ms, struct bytes from, struct bytes id, struct bytes by, struct bytes rest, bool is_new);
void room_past_replay(struct room *r, struct room_seat *to, const struct room_in *in, const struct xml_node *history);
/* XEP-0425: its words go, its place stays. NULL: it is not there. */
struct room_past *room_past_find(const struct room *r, struct bytes id);
void room_past_replace(struct room *r, struct room_past *p, struct bytes rest);
void room_past_clear(struct room *r);
struct bytes past_from(const struct room_past *p);
struct bytes past_id(const struct room_past *p);
struct bytes past_by(const struct room_past *p);
struct bytes past_rest(const struct room_past *p);

/* ---- what comes in ---- */

void room_on_presence(struct room_service *s, struct room *r, const struct room_in *in); /* room_enter.c */
void room_on_message(struct room *r, const struct room_in *in);                          /* room_talk.c */
/* Invitations, declines, voice requests and their approvals; false: it is none of them. room_invite.c */
bool room_on_mediated(struct room *r, const struct room_in *in);
void room_on_iq(struct room *r, const struct room_in *in, bool has_nick); /* room_iq.c */
void room_on_service_iq(struct room_service *s, const struct room_in *in); /* room_disco.c */
void room_disco_info(struct room *r, const struct room_in *in);
void room_disco_items(struct room *r, const struct room_in *in);
void room_admin_get(struct room *r, const struct room_in *in); /* room_admin.c */
void room_admin_set(struct room *r, const struct room_in *in);
void room_owner_get(struct room *r, const struct room_in *in); /* room_owner.c */
void room_owner_set(struct room *r, const struct room_in *in);
void room_moderate(struct room *r, const struct room_in *in, const struct xml_node *moderate); /* room_talk.c */
void room_send_subject(struct room *r, struct room_seat *to);
/* room_archive.c: is what is said kept for queries? */
bool room_has_archive(const struct room *r);
/* A new id of a message, in hexadecimal. */
void room_name_message(const struct room *r, char out[static ROOM_ID_MAX + 1]);
/* It was said under this id; facts of it as it came. */
void room_archive(struct room *r, const struct room_letter *l, struct bytes id, uint32_t facts);
void room_archive_query(struct room *r, const struct room_in *in);

/* ---- room_service.c ---- */

struct room *room_find(const struct room_service *s, struct bytes jid);
/* NULL without memory. */
struct room *room_new(struct room_service *s, struct bytes jid, struct bytes creator);
/* Everybody goes, and it is kept no longer. password, alternate, reason: for those who are in it. */
void room_destroy(struct room *r, struct bytes alternate, struct bytes password, struct bytes reason);
/* Nobody is in it and it is not persistent: it ends. */
void room_check_empty(struct room *r);
/* It ends now; freed when the stanza has been dealt with. */
void room_end(struct room *r);
/* Writes down all of a room that has become persistent; or takes it off the disk. */
void room_keep(struct room *r);
void room_save(struct room *r);
uint32_t room_max_users(const struct room *r);
char *room_dup(struct bytes v);

#endif
