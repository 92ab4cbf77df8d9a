/* gateway/switch/trace.h - `trace domain DOMAIN SECONDS`: a record for each envelope from or to a
 * remote domain while the operator looks on. Bounded in number, time and records. */
#ifndef SWITCH_TRACE_H
#define SWITCH_TRACE_H

#include "hub.h"

#include "run/proc.h"

enum { TRACES_MAX = 8, TRACE_SECONDS_MAX = 3600, TRACE_RECORDS_MAX = 10000, TRACE_DOMAIN_MAX = 1023 };

struct traces;
struct trace {
	struct traces *traces;
	struct proc_ask *ask; /* NULL: free place */
	struct loop_timer timer;
	uint32_t n_records;
	size_t domain_n;
	uint8_t domain[TRACE_DOMAIN_MAX];
};
struct traces {
	struct hub *hub;
	struct trace all[TRACES_MAX];
	unsigned n_running;
};

void traces_init(struct traces *t, struct hub *h);
/* The command; answers at once when it cannot begin. */
void traces_start(struct traces *t, struct proc_ask *ask, const struct bytes *args, size_t n_args);
/* gh-conf has gone, and with it everybody who looked on. */
void traces_end(struct traces *t);

#endif
