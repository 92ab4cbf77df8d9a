/* journal.h - messages that somebody waits for and that no recipient has confirmed soon enough:
 * they go to disk in batches, and from there when they are confirmed, in batches too. After a
 * crash of gh-im the journal becomes offline messages, or is sent outward again. */
#ifndef IM_JOURNAL_H
#define IM_JOURNAL_H

#include "im.h"

enum { JOURNAL_WAIT_MS = 50 };

void journal_init(struct im *im);
/* Asks for what the last life left. Once, before anything else is asked. */
void journal_settle(struct im *im);
/* A parcel waits for safety from now on. */
void journal_watch(struct im *im, struct parcel *p);
void journal_drop(struct im *im, uint64_t uid);
/* A message from offline storage has arrived. */
void journal_drop_offline(struct im *im, uint64_t row);
/* Sends the batches of drops now: before offline storage is read. */
void journal_flush(struct im *im);
void journal_fini(struct im *im);

#endif
