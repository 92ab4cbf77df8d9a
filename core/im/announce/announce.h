/* announce/announce.h - a message of a domain to all of its people who are online (XEP-0133 4.23), a few at a time, so that ten
 * thousand of them do not come at once. The sessions that get it are those that were there when it began. */
#ifndef IM_ANNOUNCE_H
#define IM_ANNOUNCE_H

#include "im.h"
#include "run/proc.h"

struct session;

enum { ANNOUNCE_TEXT_MAX = 8192 /* bytes */, ANNOUNCE_WAITING_MAX = 8 };

void announce_init(struct im *im);
void announce_fini(struct im *im);

/* Is this a text to send? UTF-8 of 1 to ANNOUNCE_TEXT_MAX bytes. */
bool announce_is_text(struct bytes text);
/* Begins. domain: one of ours. mark 0; or the number of the notice that it is, which its readers then have seen (notice.h).
 * ERR_FULL: so many are under way; ERR_NOMEM. */
int announce_start(struct im *im, struct bytes domain, struct bytes text, uint64_t mark);
/* Before: into the compliance archive, once, whoever reads it. ERR_DENIED: it cannot be noted, and so may not be said. */
int announce_note(struct im *im, struct bytes domain, struct bytes text);
/* What an operator hears of it; 0: "". */
const char *announce_error(int rc);
/* To one session, now. */
void announce_to(struct im *im, struct session *s, struct bytes domain, struct bytes text);

/* The domain of an announcement, which is the first argument, and its text, which is all behind it; both in im->arena. Otherwise
 * answers the command and gives ERR_*. */
int announce_args(struct im *im, struct proc_ask *ask, const struct bytes *args, size_t n, struct bytes *domain, struct bytes *text);
/* The command `announce send`. */
void announce_send(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
