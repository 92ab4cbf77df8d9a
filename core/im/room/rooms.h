/* rooms.h - the rooms of our domains (room_service.h) inside gh-im: which services there are, what goes to and from them, and that
 * what is acknowledged is on disk. */
#ifndef IM_ROOMS_H
#define IM_ROOMS_H

#include "delivery/item.h"
#include "run/proc.h"

struct rooms;

/* ERR_NOMEM. */
int rooms_init(struct im *im);
void rooms_fini(struct im *im);
void rooms_apply(struct im *im, const struct settings *s);

/* Is this domain one of rooms? */
bool rooms_host(const struct im *im, struct bytes domain);
bool rooms_host_of(const struct im *im, struct bytes jid);
/* A stanza for a room or its service. */
void rooms_input(struct im *im, const struct item *it);
/* An error or a result that somebody here has for a room; also while rooms are dealing with a stanza. */
void rooms_answer(struct im *im, const struct envelope *e);
/* A client here is unavailable: it leaves its rooms. */
void rooms_gone(struct im *im, struct bytes full);
/* Items of XEP-0030: the services of a domain. */
void rooms_put_items(const struct im *im, struct buf *b, struct bytes domain);

/* Commands (commands.c). */
void rooms_show(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void rooms_destroy(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void rooms_kick(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
