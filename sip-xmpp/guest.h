/* guest.h - a SIP user in a room of XMPP (RFC 7702 6, RFC 7701, RFC 4575, RFC 4579): to the SIP user we are the
 * conference's focus, with an MSRP session and the conference event package; to the room an occupant of XEP-0045. */
#ifndef XLATE_GUEST_H
#define XLATE_GUEST_H

#include "request_in.h"
#include "stanza_in.h"

struct feature;
extern const struct feature guest_feature;

/* Is this domain (normalised) a service of rooms: a row of `gateway room-service`? */
bool guest_is_room_service(const struct xlate *x, struct bytes domain);

/* Rows of service_features.c. False: not about a room. */
bool guest_on_invite(struct xlate *x, struct request_in *r);
bool guest_on_message_request(struct xlate *x, struct request_in *r);
bool guest_on_subscribe(struct xlate *x, struct request_in *r);
bool guest_on_refer(struct xlate *x, struct request_in *r);
bool guest_on_presence(struct xlate *x, struct stanza_in *st);
bool guest_on_message(struct xlate *x, struct stanza_in *st);

#endif
