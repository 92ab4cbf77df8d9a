/* notify.h - who is told of alarms, by SNMPv3 notifications (RFC 3416 4.2.6, 4.2.7): traps in the name of our own engine, or informs
 * to the receiver's, which acknowledges each; those wait, in order, until it does. */
#ifndef SNMP_NOTIFY_H
#define SNMP_NOTIFY_H

#include "mib.h"
#include "run/loop.h"
#include "run/settings.h"

#define NOTIFY_STATS(X)                                                                            \
	X(NOTIFY_TRAPS, "snmp.traps")                                                              \
	X(NOTIFY_INFORMS, "snmp.informs.acknowledged")                                             \
	X(NOTIFY_SILENT, "snmp.informs.unanswered")                                                \
	X(NOTIFY_DROPPED, "snmp.notifications.dropped")
#define NOTIFY_STAT_ID(id, name) id,
enum notify_stat { NOTIFY_STATS(NOTIFY_STAT_ID) NOTIFY_STAT_COUNT };
#undef NOTIFY_STAT_ID
extern const char *const notify_stat_names[NOTIFY_STAT_COUNT];
extern uint64_t notify_stats[NOTIFY_STAT_COUNT];

enum {
	NOTIFY_RECEIVERS_MAX = 16,
	NOTIFY_QUEUE_MAX = 256,     /* of one receiver; then the oldest is dropped and counted */
	NOTIFY_AGAIN_MS = 20000,    /* after a receiver did not acknowledge */
	NOTIFY_PORT = 162,
};

enum notice_kind { NOTICE_COLD_START, NOTICE_RAISED, NOTICE_CLEARED };
struct notice {
	enum notice_kind kind;
	struct mib_alarm alarm; /* of the last two */
};

struct notify;
/* started_ms: monotonic, for sysUpTime. NULL without memory. */
struct notify *notify_new(struct loop *loop, uint64_t started_ms);
void notify_free(struct notify *n);
/* Receivers that are as before keep what waits for them. before: the settings of the last call, or NULL. s stays the caller's, and
 * is used until the next call. */
void notify_apply(struct notify *n, const struct settings *s, const struct settings *before);
/* To all receivers. */
void notify_send(struct notify *n, const struct notice *what);

#endif
