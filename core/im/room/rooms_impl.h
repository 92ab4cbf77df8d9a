/* rooms_impl.h - shared by rooms.c, rooms_store.c, rooms_rules.c and rooms_commands.c. */
#ifndef IM_ROOMS_IMPL_H
#define IM_ROOMS_IMPL_H

#include "names.h"
#include "room/room_service.h"
#include "room/rooms.h"

/* One service; its rooms are of the service's domain. */
struct rooms_service {
	struct room_service machine;
	struct im *im;
	bool is_wanted; /* in the settings being applied */
	uint16_t name_n, of_n;
	char name[]; /* then the domain whose people find it */
};

/* What is said only when all that was written with it is on disk. */
struct rooms_hold {
	unsigned n_asks;
	bool is_open; /* the stanza is still being dealt with */
	bool has_failed;
	struct list answers;
};

struct rooms {
	struct map services; /* name -> rooms_service */
	struct names admins;
	uint8_t who_creates; /* enum rooms_creates */
	struct loop_timer timer;
	struct rooms_hold *hold; /* of the stanza being dealt with; NULL: nothing is written */
	bool is_busy, is_loading, is_again; /* is_again: a service came while it was loading */
	struct list inbox; /* answers that came while it was busy */
	unsigned n_inbox;
	struct room *reading; /* whose parts come from gh-store */
	unsigned n_read;
	struct buf last; /* name of the last room that was read */
	struct buf body; /* of what is written */
};

enum rooms_creates { ROOMS_CREATES_EVERYONE, ROOMS_CREATES_LOCAL, ROOMS_CREATES_ADMINS };

struct rooms_service *rooms_find(const struct im *im, struct bytes domain);

/* ---- rooms_store.c ---- */

void rooms_save_room(void *arg, const struct room *r);
void rooms_save_affiliate(void *arg, const struct room *r, struct bytes jid, uint8_t affiliation, struct bytes nick, struct bytes reason);
void rooms_save_past(void *arg, const struct room *r, const struct room_past *p);
void rooms_drop_room(void *arg, struct bytes jid);
bool rooms_unsay(void *arg, const struct room *r, struct bytes id, struct bytes rest);
/* Reads the rooms of all services that are not ready. */
void rooms_load(struct im *im);
/* The stanza has been dealt with. */
void rooms_hold_close(struct im *im, struct rooms_hold *h);
/* Keeps an answer until then. false: without memory. */
bool rooms_hold_answer(struct rooms_hold *h, const struct envelope *e);
void rooms_send(void *arg, const struct envelope *e);
/* Sends at once, whatever is being written. */
void rooms_send_now(struct im *im, const struct envelope *e);

/* ---- rooms_archive.c ---- */

void rooms_name(void *arg, char out[static ROOM_ID_MAX + 1]);
void rooms_said(void *arg, const struct room *r, const struct envelope *e, struct bytes id);
void rooms_query(void *arg, const struct room_in *in);

/* ---- rooms_rules.c ---- */

void rooms_read_rules(const struct settings *s, struct room_rules *out);

#endif
