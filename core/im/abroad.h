/* abroad.h - how many other domains a person may begin to speak to in a while (xmpp.md lesson 15): a
 * client that is a bot must not make us try ten thousand of them. */
#ifndef IM_ABROAD_H
#define IM_ABROAD_H

#include "im.h"

struct user;
struct abroad; /* of one person, from the first stranger on */

/* May this go out? Answers, people whose presence is shared, and domains spoken to lately always may. */
bool abroad_may(struct im *im, struct user *u, const struct envelope *e);
void abroad_free(struct abroad *a); /* NULL is fine */

#endif
