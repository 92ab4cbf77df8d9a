/* run/metrics.h - numbers of the box as text for collectors: Prometheus text exposition 0.0.4, or OpenMetrics 1.0.
 *	gatehouse_s2s_in_total{program="gh-s2s",instance="0"} 12
 * Pure. Labels are only names that the settings or the service table bound: never users, addresses, or other
 * people's domains, which would let a stranger grow a collector's memory (coturn's lesson). */
#ifndef RUN_METRICS_H
#define RUN_METRICS_H

#include "base/buf.h"

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };
/* What to say with it over HTTP. */
#define METRICS_TYPE_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
/* From a request's Accept header: OpenMetrics when it is named, Prometheus otherwise. */
enum metrics_format metrics_format_of(struct bytes accept);

enum { METRICS_MAX = 8192, METRICS_LABEL_MAX = 63, METRICS_NAME_MAX = 95 };

struct metric {
	char name[METRICS_NAME_MAX + 1]; /* without _total */
	char label[METRICS_LABEL_MAX + 1], instance[8]; /* of program and instance, or of `key` */
	const char *label_name; /* constant: "program", "certificate", "severity"; NULL: no label */
	bool is_gauge;
	int64_t value;
};
struct metrics {
	struct metric *v;
	size_t n, cap;
	bool is_over; /* over METRICS_MAX or without memory: left out */
};

void metrics_init(struct metrics *m);
void metrics_fini(struct metrics *m);
/* A counter of a program as `show counters` has it ("turn.kernel-bytes"). Which are gauges is known here. */
void metrics_counter(struct metrics *m, struct bytes program, unsigned instance, struct bytes counter, int64_t value);
/* A gauge of the box: name as it stands ("uptime_seconds"), label_name a constant or NULL. */
void metrics_gauge(struct metrics *m, const char *name, const char *label_name, struct bytes label, int64_t value);
/* Appends all, each family once, sorted. */
void metrics_render(struct metrics *m, enum metrics_format f, struct buf *out);

#endif
