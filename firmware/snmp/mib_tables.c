#include "mib_tables.h"

#define COLUMNS(c) c, sizeof c / sizeof c[0]

/* ghBox 1 */
static const struct column box[] = {
	{ 2, "version", COLUMN_TEXT },
	{ 3, "role", COLUMN_TEXT },
	{ 4, "generation", COLUMN_GAUGE },
	{ 5, "uptime_s", COLUMN_TICKS_S },
};
const struct table mib_box = { MIB_VERSION, { 1, 1 }, COLUMNS(box) };

/* ghProgramTable 2.1; index: number, instance */
static const struct column programs[] = {
	{ 3, "program", COLUMN_TEXT },
	{ 4, "state", COLUMN_STATE },
	{ 5, "pid", COLUMN_GAUGE },
	{ 6, "restarts", COLUMN_GAUGE },
};
const struct table mib_programs = { MIB_PROCESSES, { 1, 2, 1, 1 }, COLUMNS(programs) };

/* ghListenerTable 3.1; index: number */
static const struct column listeners[] = {
	{ 2, "listener", COLUMN_TEXT },
	{ 3, "program", COLUMN_TEXT },
	{ 4, "transport", COLUMN_TRANSPORT },
	{ 5, "address", COLUMN_TEXT },
	{ 6, "port", COLUMN_GAUGE },
	{ 7, "setting", COLUMN_TEXT },
};
const struct table mib_listeners = { MIB_LISTENERS, { 1, 3, 1, 1 }, COLUMNS(listeners) };

/* ghCertificateTable 8.1; index: name */
static const struct column certificates[] = {
	{ 2, "subject", COLUMN_TEXT },
	{ 3, "issuer", COLUMN_TEXT },
	{ 4, "until", COLUMN_TIME },
	{ 5, "days", COLUMN_INTEGER },
};
const struct table mib_certificates = { MIB_CERTIFICATES, { 1, 8, 1, 1 }, COLUMNS(certificates) };

/* ghNumberTable 11.1; index: program's number, instance, name */
static const struct column numbers[] = {
	{ 2, "value", COLUMN_COUNTER64 },
};
const struct table mib_numbers = { MIB_COUNTERS, { 1, 11, 1, 1 }, COLUMNS(numbers) };

const struct sum mib_sums[] = {
	/* ghFederation 4; 1 to 3 and 6 are counted from the streams */
	{ MIB_COUNTERS, "s2s.stanzas.in", 4, 4, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "s2s.stanzas.out", 4, 5, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "s2s.bounced", 4, 7, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "s2s.out.failed", 4, 8, COLUMN_COUNTER64 },
	/* ghSip 5 */
	{ MIB_SIP, "connections", 5, 1, COLUMN_GAUGE },
	{ MIB_SIP, "server-transactions", 5, 2, COLUMN_GAUGE },
	{ MIB_SIP, "client-transactions", 5, 3, COLUMN_GAUGE },
	{ MIB_COUNTERS, "sip.requests.in", 5, 4, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "sip.requests.out", 5, 5, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "sip.requests.refused", 5, 6, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "sip.out.failed", 5, 7, COLUMN_COUNTER64 },
	{ MIB_SIP, "msrp-sessions", 5, 8, COLUMN_GAUGE },
	/* ghTurn 6 */
	{ MIB_COUNTERS, "turn.allocations", 6, 1, COLUMN_GAUGE },
	{ MIB_COUNTERS, "turn.allocated", 6, 2, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "turn.refused", 6, 3, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "turn.auth-failed", 6, 4, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "turn.to-peer-bytes", 6, 5, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "turn.to-client-bytes", 6, 6, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "turn.kernel-bytes", 6, 7, COLUMN_COUNTER64 },
	/* ghIm 7 */
	{ MIB_COUNTERS, "im.sessions", 7, 1, COLUMN_GAUGE },
	{ MIB_COUNTERS, "im.messages", 7, 2, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "im.presences", 7, 3, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "im.delivered", 7, 4, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "im.offline.stored", 7, 5, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "im.auth.ok", 7, 6, COLUMN_COUNTER64 },
	{ MIB_COUNTERS, "im.auth.failed", 7, 7, COLUMN_COUNTER64 },
	/* ghAlarms 9 */
	{ MIB_COUNTERS, "alarms.critical", 9, 1, COLUMN_GAUGE },
	{ MIB_COUNTERS, "alarms.major", 9, 2, COLUMN_GAUGE },
	{ MIB_COUNTERS, "alarms.minor", 9, 3, COLUMN_GAUGE },
	{ MIB_COUNTERS, "alarms.warning", 9, 4, COLUMN_GAUGE },
};
const size_t mib_n_sums = sizeof mib_sums / sizeof mib_sums[0];
_Static_assert(sizeof mib_sums / sizeof mib_sums[0] <= MIB_SUMS_MAX, "a place for each");
