/* archive_query.h - questions to an archive (XEP-0313 4, 5): read (archive_form.h), asked of gh-store a page at a time, some at once
 * and the others in turn, and answered when a page is whole. */
#ifndef IM_ARCHIVE_QUERY_H
#define IM_ARCHIVE_QUERY_H

#include "iq/iq.h"

/* At gh-store at once; waiting; of one session; of people at other domains, to rooms, in all. */
enum { ARCHIVE_ASKED_MAX = 8, ARCHIVE_QUESTIONS_MAX = 20000, ARCHIVE_OF_SESSION_MAX = 32, ARCHIVE_OF_ROOMS_MAX = 1000 };

void archive_query_init(struct im *im);
void archive_query_fini(struct im *im);

/* Rows of iq.c; the first three also for a room (room/rooms_archive.c): q->user is NULL then, and who may ask is the room's care. */
void archive_form_get(struct im *im, struct iq *q);
void archive_query(struct im *im, struct iq *q);
void archive_metadata(struct im *im, struct iq *q);
void archive_prefs_get(struct im *im, struct iq *q);
void archive_prefs_put(struct im *im, struct iq *q);

#endif
