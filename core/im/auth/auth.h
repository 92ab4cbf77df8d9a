/* auth.h - who is who: SASL with stored verifiers (RFC 5802, 7677, 4616), and what a stream may do
 * between its login and its session. Doors keep no credentials. */
#ifndef IM_AUTH_H
#define IM_AUTH_H

#include "im.h"
#include "user.h"

/* Bare JID of a stream that has logged in and has no session yet; empty otherwise. */
struct bytes auth_of(const struct im *im, uint64_t conn);
void auth_forget(struct im *im, uint64_t conn);
/* The session gets from the stream's login what it came by: s->app, s->client. */
struct session;
void auth_hand_over(struct im *im, uint64_t conn, struct session *s);
/* Logins under way with an application password that is deleted now come to nothing; label empty: all of
 * the account's. */
void auth_revoke_app(struct im *im, struct bytes jid, struct bytes label);
/* So do those of a client whose tokens are revoked. */
void auth_revoke_client(struct im *im, struct bytes jid, struct bytes client);
/* A login that waited for its user (its node in user->openers) goes on. */
void auth_open_waiting(struct im *im, struct list *node, struct user *u);

int auth_on_start(void *im, struct chan *from, const struct frame *f);
int auth_on_response(void *im, struct chan *from, const struct frame *f);
int auth_on_abort(void *im, struct chan *from, const struct frame *f);
int auth_on_open(void *im, struct chan *from, const struct frame *f);
/* A SIP client that gh-line has let in, or a phone of the call manager: no login precedes. */
int auth_on_enter(void *im, struct chan *from, const struct frame *f);

int auth_init(struct im *im);
/* The box's secret, once gh-store is there. */
void auth_ask_secret(struct im *im);
void auth_door_down(struct im *im, const struct chan *door);
void auth_fini(struct im *im);

#endif
