/* announce/notice.h - a domain's message of the day (XEP-0133 4.24 to 4.26): everybody gets it once, who is not there when they
 * come next. Kept by gh-store (NOTICE_*); what of it a person has seen hangs on the account. Its number is the time when it was
 * set, so that an edited one is none that anybody gets twice. */
#ifndef IM_NOTICE_H
#define IM_NOTICE_H

#include "im.h"
#include "run/proc.h"

struct session;
struct user;

/* Asks gh-store for what there is, once at the start. */
void notices_load(struct im *im);
void notices_clear(struct im *im);
/* A session takes messages from now on: it gets what its person has not seen. */
void notice_show(struct im *im, struct session *s);
/* This person has it. */
void notice_seen(struct im *im, struct user *u, uint64_t mark);

/* The text of a domain's; {NULL,0}: there is none. */
struct bytes notice_text(const struct im *im, struct bytes domain);

/* The commands `announce motd ...`. */
void announce_motd_set(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void announce_motd_edit(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void announce_motd_show(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void announce_motd_delete(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
