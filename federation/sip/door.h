/* door.h - requests from partners: who sent it, may he, and where does it go (RFC 3261 16.3 to 16.5): to gh-xlate
 * for a domain that lives here, to another partner, or back with a reason. */
#ifndef GSIP_DOOR_H
#define GSIP_DOOR_H

#include "gsip.h"

/* One request on its way through the door; on the stack. */
struct visit {
	struct gsip *g;
	struct sipserver *t;  /* NULL: ACK */
	struct sipmsg *m;     /* owned */
	const struct sip_source *from;
	char domain[GSIP_DOMAIN_MAX]; /* of From, proved */
	char host[GSIP_DOMAIN_MAX];   /* of the Request-URI, normalised; "" when it is no domain */
	struct peer_rule rule;
	bool is_proved;      /* its sender is */
	bool is_in_dialog;
	bool has_our_route;  /* with the mark that allows this dialog */
	uint64_t trace;
};

/* Hooks of sip/endpoint.h. */
void door_request(void *g, struct sipserver *t, struct sipmsg *m, const struct sip_source *from);
void door_cancelled(void *g, struct sipserver *t);
/* Refuses, with one log line; frees the request. */
void door_refuse(struct visit *v, enum refusal why);
/* The methods that this door takes. */
extern const char door_allow[];

#endif
