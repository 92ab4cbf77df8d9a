/* archive.h - message archives (XEP-0313), each person's own: what they say and hear goes to gh-store, and what they hear says
 * under which id (XEP-0359). Rows go to disk in batches; no sender has an acknowledgement before the batch is there.
 *
 * An id is the time and a random number, so that ids are in order, and on the wire a keyed hash behind, so that they cannot be
 * guessed (XEP-0313 3). Questions: archive_query.h; what a person wants kept: archive_prefs.h; what goes: archive_clean.h. */
#ifndef IM_ARCHIVE_H
#define IM_ARCHIVE_H

#include "delivery/item.h"
#include "user.h"

enum { ARCHIVE_WAIT_MS = 20, ARCHIVE_ID_CHARS = 24 };

/* Is a message of this kind archived (XEP-0313 6.1.1, XEP-0334)? Pure. */
bool archive_is_eligible(const struct envelope *e);

/* A client of ours says this. it->archive_id: of its sender's archive, 0: it is not there. */
void archive_sent(struct im *im, struct session *from, struct item *it);
/* A person here is about to get this: what pretends to be an id of theirs goes, and the id it has now comes in. */
void archive_received(struct im *im, struct user *u, struct item *it);
/* The same for a message that waited on disk since a time when it could not be archived: from a journal. row: its own number. */
void archive_late(struct im *im, struct user *u, struct item *it, uint64_t at_ms, uint64_t row);

/* A message of the archive of another server, at its own place: the same message again is there already. false: no memory for it. */
bool archive_brought(struct im *im, struct bytes owner, const struct envelope *e, struct bytes peer, uint64_t at_ms, struct bytes id);

/* A new id, for what a room is about to say. */
void archive_room_name(struct im *im, char out[static ARCHIVE_ID_CHARS + 1]);
/* A persistent room has said this (e->from: the occupant; e->stanza as it will be shown) under that id; who sends the stanza being dealt
 * with waits for the disk. */
void archive_room(struct im *im, struct bytes room, const struct envelope *e, struct bytes name);

/* Appends a message with its id put in. false: it has no end tag to put it before. */
bool archive_put_stamped(const struct im *im, struct buf *b, struct bytes stanza, struct bytes by, uint64_t id);
/* The id that a message has in it, which must be one of ours at its end. ERR_NOT_FOUND. */
int archive_id_of(const struct im *im, struct bytes stanza, uint64_t *out);
/* An id as others see it. */
void archive_id_text(const struct im *im, uint64_t id, char out[static ARCHIVE_ID_CHARS + 1]);
/* ERR_NOT_FOUND: not one of ours. */
int archive_id_read(const struct im *im, struct bytes text, uint64_t *out);
/* The first id that is not too old (im archive-life). */
uint64_t archive_oldest(const struct im *im);

/* Sends the batch now: before what may acknowledge the same messages. */
void archive_flush(struct im *im);
void archive_init(struct im *im);
void archive_fini(struct im *im);

#endif
