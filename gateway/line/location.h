/* location.h - the location service (RFC 3261 10, RFC 5626 6): which clients of a user are registered, and by
 * which way they are reached. Knows no messages; the time is told. */
#ifndef LINE_LOCATION_H
#define LINE_LOCATION_H

#include "base/list.h"
#include "base/map.h"
#include "sip/line.h"
#include "sip/place.h"
#include "way.h"

enum { LOCATION_CONTACTS_MAX = 20, LOCATION_TEXT_MAX = 1024, LOCATION_RESOURCE_MAX = 512, LOCATION_FLOWS_MAX = 4 };

struct registrant; /* a user with bindings */

/* One way to a client: its connection, or its address by UDP. */
struct binding_flow {
	struct sip_source from;
	uint64_t id;               /* names it to an operator; never used twice */
	uint64_t since_ms, expires_at_ms;
	uint32_t reg_id;           /* RFC 5626 4.2; 0: not said */
	uint32_t cseq;
	uint32_t silent_ms;        /* it is lost when nothing was heard by its way for so long; 0: never */
	struct way *way;
	bool is_drained;           /* its next registration is refused: it shall go elsewhere */
	uint16_t q_milli;          /* RFC 3261 10.2.1.2; 1000: not said */
	/* texts of its own */
	char *contact;             /* URI, as the client wrote it */
	char *call_id, *agent;
	char *app;                 /* label of the application password that it came with; "" none */
};

/* One client. */
struct binding {
	struct list node;          /* of its user, newest registration first */
	struct list all;
	struct registrant *user;
	uint64_t reg;              /* names it to gh-xlate; never used twice */
	uint64_t epoch;            /* grows when it has begun anew, with another Call-ID (RFC 5627 5.4) */
	struct binding_flow flows[LOCATION_FLOWS_MAX]; /* newest first; never none (RFC 5626 6) */
	size_t n;
	/* texts of its own */
	char *instance;            /* +sip.instance without brackets; "" none */
	char *resource;            /* the instance, or a name that the contact always gives */
};
struct bytes binding_jid(const struct binding *b); /* the user's bare JID */
/* NULL: it has no such flow (any more). */
const struct binding_flow *binding_flow_of(const struct binding *b, uint64_t id);
const struct binding_flow *binding_flow_from(const struct binding *b, const struct sip_source *from);

struct location_owner {
	/* It is new, or its first flow is (is_new false). */
	void (*placed)(void *arg, const struct binding *b, bool is_new);
	void (*gone)(void *arg, const struct binding *b, enum line_gone why);
};

struct location {
	const struct location_owner *owner;
	void *arg;
	uint64_t sequence; /* of reg */
	struct map users;  /* bare JID -> struct registrant */
	struct map regs;   /* reg -> struct binding */
	struct map ways;   /* way.h */
	struct list all;
	uint32_t per_user_max, max;
};

/* first: where numbers of bindings begin. */
void location_init(struct location *l, const struct location_owner *o, void *arg, uint64_t first);
void location_fini(struct location *l); /* without telling the owner */

/* One REGISTER that has been found good. */
struct location_contact {
	struct bytes uri, instance; /* instance empty: none */
	uint32_t reg_id;            /* of an instance: which of its flows; 0: its only one */
	uint32_t expires_s;         /* 0: it goes */
	uint16_t q_milli;
	uint32_t silent_ms;         /* as of struct binding_flow */
};
struct location_update {
	struct bytes jid, call_id, agent, app;
	uint32_t cseq;
	struct sip_source from;
	bool removes_all; /* Contact: * */
	size_t n;
	const struct location_contact *contacts;
};
/* All of it or nothing (RFC 3261 10.3 7). ERR_BAD_STATE: older than what is there (CSeq); ERR_FULL: the user has
 * too many; ERR_LIMIT: all have, or a text is too long; ERR_NOMEM. */
int location_update(struct location *l, const struct location_update *u, uint64_t now_ms);

/* NULL: none. */
struct binding *location_of_reg(const struct location *l, uint64_t reg);
/* The one that sends from there, as this user. */
struct binding *location_of_source(const struct location *l, struct bytes jid, const struct sip_source *from);
struct binding *location_of_resource(const struct location *l, struct bytes jid, struct bytes resource);
/* Walks a user's bindings, newest first; NULL begins. */
struct binding *location_next(const struct location *l, struct bytes jid, const struct binding *after);
size_t location_count(const struct location *l, struct bytes jid);

void location_remove(struct location *l, struct binding *b, enum line_gone why);
/* This way leads nowhere any more. NULL: it was the client's last one, and the client is gone. */
struct binding *location_way_lost(struct location *l, struct binding *b, const struct sip_source *from);
/* Its connection has ended. */
void location_flow_gone(struct location *l, uint64_t flow);
/* A sign of life came from there. */
void location_heard(struct location *l, const struct sip_source *from, uint64_t now_ms);
/* Flows that are due or silent go, and clients that have none then. */
void location_expire(struct location *l, uint64_t now_ms);

#endif
