/* conference.h - who is in a room, as SIP says it: the conference event package's document (RFC 4575 5), as much
 * of it as RFC 7702 has use for. Pure. */
#ifndef XLATE_CONFERENCE_H
#define XLATE_CONFERENCE_H

#include "base/arena.h"
#include "base/buf.h"

#define NS_CONFERENCE_INFO "urn:ietf:params:xml:ns:conference-info"
#define CONFERENCE_CONTENT_TYPE "application/conference-info+xml"

enum { CONFERENCE_MAX_BYTES = 65535, CONFERENCE_ARENA_BYTES = 4 << 20 };

enum conference_state {
	CONFERENCE_FULL,    /* all there is: what is not named has gone */
	CONFERENCE_PARTIAL, /* what has changed since the version before (4.6) */
	CONFERENCE_DELETED, /* the room is no more */
	CONFERENCE_STATE_COUNT
};

struct conference_user {
	struct bytes entity;       /* URI */
	struct bytes display_text; /* in a room: the nickname (MUC-S11) */
	struct bytes role;         /* the first one: "participant", "moderator"; empty: not said */
	bool is_gone;              /* deleted, or none of its endpoints is connected */
};
struct conference {
	struct bytes entity;
	enum conference_state state;
	bool has_version;
	uint32_t version;
	struct bytes title;        /* display-text of the room */
	bool has_subject;
	struct bytes subject;
	bool has_users;            /* false: nothing is said of them */
	bool is_users_partial;     /* users who are not named are still there */
	size_t n;
	struct conference_user *users;
};

/* Everything unknown is passed over. ERR_XML_*, ERR_SYNTAX (no such document, a state or version that is none,
 * a user without an entity), ERR_LIMIT (over CONFERENCE_MAX_BYTES), ERR_NOMEM. *out has views into in and a. */
int conference_read(struct bytes in, struct arena *a, struct conference *out);
/* A whole document, valid by RFC 4575's schema. A title or subject that is empty and not said is left out. */
void conference_write(struct buf *b, const struct conference *c);

#endif
