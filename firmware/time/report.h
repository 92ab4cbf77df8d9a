/* report.h - what chronyd says of the clock: chronyc's comma-separated lines, read strictly. Pure. */
#ifndef TIME_REPORT_H
#define TIME_REPORT_H

#include "base/bytes.h"

enum { REPORT_SOURCES_MAX = 64, REPORT_NAME_BYTES = 256 };

enum report_leap { LEAP_NORMAL, LEAP_INSERT, LEAP_DELETE, LEAP_NONE }; /* NONE: not synchronised */

/* Of `chronyc -c tracking`. */
struct report_tracking {
	char reference[REPORT_NAME_BYTES]; /* address; "" for none */
	unsigned stratum;
	int64_t offset_ns;     /* clock minus true time, as far as known; what chronyd is correcting */
	uint64_t root_delay_ns, root_dispersion_ns;
	enum report_leap leap;
};

/* One line of `chronyc -c -N sources`. */
struct report_source {
	char name[REPORT_NAME_BYTES]; /* as in the settings; a name may be there several times */
	char state; /* '*' followed, '+' combined, '-' not combined, 'x' false, '~' too variable, '?' not usable */
	unsigned stratum, poll, reach; /* poll: log2 of seconds; reach: bits of the last 8 questions */
	uint32_t heard_s; /* since its last good answer; UINT32_MAX: never */
	int64_t offset_ns;
};

struct report {
	struct report_tracking tracking;
	struct report_source sources[REPORT_SOURCES_MAX];
	size_t n_sources;
};

/* ERR_SYNTAX: not what chronyc writes; out is untouched then. */
int report_read_tracking(struct bytes text, struct report_tracking *out);
/* At most REPORT_SOURCES_MAX lines count. */
int report_read_sources(struct bytes text, struct report *out);
/* Does the clock follow a source that was heard of late? */
bool report_is_synchronised(const struct report *r);
/* In one phrase why it does not. */
const char *report_trouble(const struct report *r);

#endif
