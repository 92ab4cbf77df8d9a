/* watch.h - temporary presence subscriptions (C-AVL-06 to C-AVL-09): a client sees the presence of somebody who is in no contact list of its
 * user, and makes no entry in one. It asks with a presence probe (RFC 6121 4.3), which otherwise servers alone send, and gets what a
 * subscriber would until the time to live has passed (a further probe begins it anew), it sends directed unavailable presence, or it goes.
 * Then it hears nothing more, as C-AVL-08 wants. People of domains that live here alone are watched: what other servers show to a
 * probe without a subscription is `unsubscribed` (RFC 6121 4.3.2).
 *
 * Who may see whom is what a subscription would be answered (authorise.h); where the person would have to be asked, nothing is shown. */
#ifndef IM_WATCH_H
#define IM_WATCH_H

#include "delivery/item.h"
#include "session.h"

enum { WATCHES_SESSION_MAX = 1000 }; /* of one client, as with directed presence */

/* A client of ours sends a probe: does it go on, to watch_begin? If not, it has been answered as far as it is. */
bool watch_ask(struct im *im, const struct session *s, const struct item *it);
/* It has come to u, who is loaded or nobody. Answers with u's presence, and shows what follows; or: forbidden where policy does not approve
 * or there is nobody; unavailable for whom u blocks (D-AUT-04); resource-constraint above a limit (im temporary-subscriptions-max). */
void watch_begin(struct im *im, struct user *u, struct item *it);
/* The client wants no more of this address. False: it did not watch it. */
bool watch_stop(struct im *im, struct session *s, struct bytes to);

/* Each session that watches u and still may, in turn; at starts at NULL; NULL at the end. Who may not any more sees u go. */
struct session *watch_next(struct im *im, struct user *u, struct list **at);
/* Who may see u has changed. */
void watch_check(struct im *im, struct user *u);
/* u is nobody any more; the session is over, or shows itself no more. Nobody is told. */
void watch_user_over(struct im *im, struct user *u);
void watch_session_over(struct im *im, struct session *s);

void watches_init(struct im *im);
/* After im->config changed: off ends all. What there is has the new time to live. */
void watches_apply(struct im *im);
/* Sharing is being switched off (C-AVL-03): all end, and their clients see the people go. */
void watches_withdraw(struct im *im);
void watches_fini(struct im *im);

#endif
