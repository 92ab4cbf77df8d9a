/* gateway/link/service.h - the fixed table of what an edge may ask for: a service's name is all that it can say. */
#ifndef LINK_SERVICE_H
#define LINK_SERVICE_H

#include "base/bytes.h"
#include "run/msg.h"
#include "run/prog.h"

struct trunk;

/* Chats must not wait behind files: each kind has connections of its own (mra.md 2.2). */
enum trunk_kind { TRUNK_SIGNAL, TRUNK_BULK, TRUNK_KIND_COUNT };

struct link_service {
	const char *name;
	enum trunk_kind kind; /* connections on which it may be asked for */
	enum prog inside;     /* who gets the stream on the core; gh-link: it stays there */
	enum msg with;        /* in this message */
	/* inside is gh-link: takes over the descriptor; not 0: it does not want it now. */
	int (*serve)(struct trunk *t, int fd);
	bool is_session; /* counted, and waited for when the connection drains */
};

/* NULL: there is none of this name. */
const struct link_service *link_service_of(struct bytes name);
/* The one whose streams come in this message; NULL. */
const struct link_service *link_service_with(enum msg with);

#endif
