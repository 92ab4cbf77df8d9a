/* presence.h - presence of people here (RFC 6121 4): broadcast, probes, directed presence. */
#ifndef IM_PRESENCE_H
#define IM_PRESENCE_H

#include "delivery/item.h"
#include "session.h"

/* From a client of ours, without `to`: it is available, or not. */
void presence_broadcast(struct im *im, struct session *s, struct item *it);
/* What an available client has said, changed by us: everybody concerned sees it, unless it is the same. */
void presence_renew(struct im *im, struct session *s, struct bytes stanza);
/* From a client of ours to somebody: kept in mind until it goes (RFC 6121 4.6.3). */
void presence_directed(struct session *s, const struct item *it);
/* Its directed presence ends: those who see the session no other way hear that it is unavailable. */
void presence_directed_end(struct im *im, struct session *s);
/* The session is over: everybody concerned hears so. */
void presence_gone(struct im *im, struct session *s);
/* To a user here: available, unavailable, error, probe. */
void presence_in(struct im *im, struct user *u, struct item *it);
/* All available resources of a user, shown to an address; or hidden from it (unavailable). */
void presence_show(struct im *im, struct user *u, struct bytes to);
void presence_hide(struct im *im, struct user *u, struct bytes to);
/* The user's clients see what a contact looks like now. */
void presence_ask(struct im *im, struct user *u, struct bytes contact);
/* A presence of this type without content, between two addresses (probe, subscribed, ...). */
void presence_post(struct im *im, enum stanza_type type, struct bytes from, struct bytes to);
/* Priority in a presence stanza (RFC 6121 4.7.2.3), 0 when there is none. Pure. */
int8_t presence_priority(struct im *im, struct bytes stanza);

#endif
