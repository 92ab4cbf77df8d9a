/* sync.h - the synchronisation: people of the directory become accounts here (B-LDP-03, A-11.01). The directory is read as a whole,
 * compared with whom gh-im knows from it, and what differs is carried out by gh-im, a few at a time. Who has vanished is locked out at
 * once, and deleted when `directory grace` has passed. People with an address that two have, or none, do not come in (D-DUP). */
#ifndef DIR_SYNC_H
#define DIR_SYNC_H

#include "dir.h"

void sync_init(struct dir *d);
/* Settings have changed: one that is under way ends, and the next begins soon, where there are any to be. */
void sync_apply(struct dir *d);
/* gh-im has gone: what it was asked for is not answered. */
void sync_down(struct dir *d);
void sync_stop(struct dir *d);
/* `directory sync [force]`, `show directory sync` */
void sync_command(void *dir, struct proc_ask *ask, const struct bytes *args, size_t n);
void sync_show(void *dir, struct proc_ask *ask, const struct bytes *args, size_t n);
/* gh-im's answers. */
int sync_on_page(void *dir, struct chan *from, const struct frame *f);
int sync_on_changed(void *dir, struct chan *from, const struct frame *f);

#endif
