/* meter.h - processor time and memory of a server: a process and all its descendants. */
#ifndef LOAD_METER_H
#define LOAD_METER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { METER_PIDS_MAX = 256 };
struct meter {
	pid_t roots[METER_PIDS_MAX];
	size_t n_roots;
};

struct meter_reading {
	double cpu_s;       /* user and system, of the processes alive now and their waited-for children */
	double run_s;       /* likewise, of the threads alive now only, but to the nanosecond */
	uint64_t pss_kib;   /* proportional set size: shared pages are counted once in the sum */
	uint64_t rss_kib;
	unsigned processes;
};

/* "12,34": ERR_SYNTAX. */
int meter_init(struct meter *m, const char *pids);
void meter_read(const struct meter *m, struct meter_reading *out);
/* Monotonic seconds. */
double meter_now(void);

#endif
