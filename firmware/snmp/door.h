/* door.h - where managers ask: the ports, who is looked at, what he may see, and the answers. net-snmp's library reads and
 * writes the messages; nothing can be changed by SNMP. */
#ifndef SNMP_DOOR_H
#define SNMP_DOOR_H

#include "run/loop.h"
#include "run/settings.h"
#include "view.h"

#define DOOR_STATS(X)                                                                              \
	X(DOOR_ASKED, "snmp.requests")                                                             \
	X(DOOR_ANSWERED, "snmp.answers")                                                           \
	X(DOOR_REFUSED_SOURCE, "snmp.refused.source")                                              \
	X(DOOR_REFUSED_VERSION, "snmp.refused.version")                                            \
	X(DOOR_REFUSED_COMMUNITY, "snmp.refused.community")                                        \
	X(DOOR_REFUSED_AUTH, "snmp.refused.authentication")                                        \
	X(DOOR_REFUSED_LEVEL, "snmp.refused.level")                                                \
	X(DOOR_REFUSED_RATE, "snmp.refused.rate")                                                  \
	X(DOOR_REFUSED_WRITE, "snmp.refused.write")                                                \
	X(DOOR_REFUSED_CONTEXT, "snmp.refused.context")                                            \
	X(DOOR_REFUSED_FULL, "snmp.refused.full")                                                  \
	X(DOOR_MALFORMED, "snmp.malformed")
#define DOOR_STAT_ID(id, name) id,
enum door_stat { DOOR_STATS(DOOR_STAT_ID) DOOR_STAT_COUNT };
#undef DOOR_STAT_ID
extern const char *const door_stat_names[DOOR_STAT_COUNT];
extern uint64_t door_stats[DOOR_STAT_COUNT];

enum {
	DOOR_LISTENERS_MAX = 16,
	DOOR_HELD_MAX = 64,       /* requests that wait for what is gathered */
	DOOR_RANGES_MAX = 64,     /* of managers, and of all communities together */
	DOOR_COMMUNITIES_MAX = 16,
	DOOR_DATAGRAM_MAX = 8192, /* that we take and send */
	DOOR_BULK_BYTES = 1300,   /* of an answer to GETBULK: one packet */
	DOOR_STRANGERS_PER_S = 50, /* datagrams that do not claim to be authenticated: discovery (RFC 3414 4) */
	DOOR_CLAIMERS_PER_S = 5000, /* all others: each costs a hash */
};

struct door;
struct door_hooks {
	/* What may be answered now; NULL: hold the request, door_release follows. */
	const struct view *(*view)(void *arg);
};
/* NULL without memory. */
struct door *door_new(struct loop *loop, const struct door_hooks *hooks, void *arg);
void door_free(struct door *d);
void door_apply(struct door *d, const struct settings *s);
/* A port comes (the descriptor is taken over), or goes (fd -1). */
void door_listener(struct door *d, const char *addr, uint16_t port, int fd);
/* Answers what was held. */
void door_release(struct door *d, const struct view *t);

#endif
