/* item.h - a stanza while it is dealt with: its envelope as it came, and who wants to know when it
 * is safe. Lives on the stack; a parcel is made of it only when it must be kept. */
#ifndef IM_ITEM_H
#define IM_ITEM_H

#include "im.h"

struct session;

enum item_origin {
	ORIGIN_NONE,    /* nobody waits */
	ORIGIN_SESSION, /* a client with stream management */
	ORIGIN_ROUTE,   /* gh-switch, for ROUTE_DONE */
};

struct item {
	struct envelope e;
	struct bytes body; /* the encoded envelope */
	struct session *session; /* of the sender, when it is a local client; or NULL */
	uint8_t origin;          /* enum item_origin */
	uint32_t h;              /* ORIGIN_SESSION: its number in the session */
	struct parcel *parcel;   /* once made */
	uint64_t archive_id;     /* in its sender's archive; 0: none */
	bool was_written;        /* to a client that confirms nothing: as good as arrived */
};

/* The parcel of it, made now if need be; it has a point for the handling itself, dropped by
 * item_end. NULL without memory. */
struct parcel *item_parcel(struct im *im, struct item *it);
/* Is an acknowledgement wanted that must wait? */
bool item_wants_safety(const struct item *it);
/* Must this message outlive a crash once it is acknowledged? */
bool item_must_survive(const struct envelope *e);
/* Must an inactive client see it at once (XEP-0352)? Chat states, and headlines without a text, such
 * as events of feeds, can wait; of presence the door knows what can. Pure. */
bool item_is_urgent(const struct envelope *e);

/* A stanza came from a client (the body of a STANZA), from the switch (of a ROUTE), or out of a user's waiting list. archived: 0, or why
 * it cannot be (compliance/gate.h): then its sender gets an error, and nobody the stanza. ERR_SYNTAX: the body. */
int item_take_stanza(struct im *im, struct bytes body, int archived);
int item_take_route(struct im *im, struct bytes body, int archived);
void item_resume(struct im *im, struct parcel *p);

/* A stanza of our own making, in the arena, goes its way (subscriptions). */
void item_route(struct im *im, struct item *it);

/* Error answer to its sender. text may be NULL. Errors and results get none (RFC 6120 8.3.1). */
void item_refuse(struct im *im, const struct item *it, enum stanza_error why, const char *text);

/* Sends a stanza that gh-im made or answers with, to a full JID here or anywhere else. */
void post(struct im *im, enum stanza_kind kind, enum stanza_type type, struct bytes from, struct bytes to,
          struct bytes stanza);

#endif
