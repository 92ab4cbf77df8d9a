/* run/zone.h - time zones by their IANA names. A program loads them before its fence, from the system's files; afterwards
 * a zone is the POSIX rule at the end of its file (RFC 8536 3.3), which the C library reads without any file. */
#ifndef RUN_ZONE_H
#define RUN_ZONE_H

#include "base/bytes.h"

enum { ZONE_NAME_MAX = 47, ZONE_RULE_MAX = 47, ZONES_MAX = 2000 };

struct zones;

/* From a folder like ZONE_FOLDER. UTC is there in any case, also when there is no such folder. NULL without memory. */
#define ZONE_FOLDER "/usr/share/zoneinfo"
struct zones *zones_load(const char *folder);
void zones_free(struct zones *z);
size_t zones_count(const struct zones *z);
/* The i-th, in order of their names, i below the count. */
const char *zones_name(const struct zones *z, size_t i);
/* The rule for TZ, like "CET-1CEST,M3.5.0,M10.5.0/3"; NULL: no such zone. Lives as long as z. */
const char *zones_rule(const struct zones *z, struct bytes name);
/* The zone of this process from now on; for zone_text. ERR_NOMEM. */
int zone_use(const char *rule);
/* Time in that zone as RFC 3339 has it: "2026-11-26T17:00:00+01:00". */
enum { ZONE_TEXT_BYTES = 32 };
void zone_text(uint64_t unix_ms, char out[static ZONE_TEXT_BYTES]);

#endif
