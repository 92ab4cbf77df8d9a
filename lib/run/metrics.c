#include "run/metrics.h"

#include <stdio.h>
#include <stdlib.h>

/* Counters of programs that go down again. */
static const char *const gauges[] = { "turn.allocations", "turn.kernel-flows", "turn.ports-used", "im.sessions", "alarms.critical", "alarms.major", "alarms.minor",
				      "alarms.warning" };

enum metrics_format metrics_format_of(struct bytes accept)
{
	static const char wanted[] = "application/openmetrics-text";

	for (size_t i = 0; i + sizeof wanted - 1 <= accept.n; i++)
		if (bytes_eq_nocase(bytes_make(accept.p + i, sizeof wanted - 1), bytes_of(wanted)))
			return METRICS_OPENMETRICS;
	return METRICS_PROMETHEUS;
}

void metrics_init(struct metrics *m)
{
	*m = (struct metrics){ 0 };
}

void metrics_fini(struct metrics *m)
{
	free(m->v);
	*m = (struct metrics){ 0 };
}

static struct metric *add(struct metrics *m)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 256;
		struct metric *v = cap <= METRICS_MAX ? realloc(m->v, cap * sizeof *v) : NULL;
		if (!v) {
			m->is_over = true;
			return NULL;
		}
		m->v = v;
		m->cap = cap;
	}
	m->v[m->n] = (struct metric){ 0 };
	return &m->v[m->n++];
}

/* [a-zA-Z0-9_] after our prefix. */
static void put_name(char out[static METRICS_NAME_MAX + 1], struct bytes name)
{
	size_t n = (size_t)snprintf(out, METRICS_NAME_MAX + 1, "gatehouse_");

	for (size_t i = 0; i < name.n && n < METRICS_NAME_MAX; i++) {
		uint8_t c = name.p[i];
		bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		out[n++] = is_good ? (char)c : '_';
	}
	out[n] = '\0';
}

/* Names of settings and programs: what is more than printable ASCII becomes '_'. */
static void put_label(char out[static METRICS_LABEL_MAX + 1], struct bytes label)
{
	size_t n = 0;

	for (; n < label.n && n < METRICS_LABEL_MAX; n++) {
		uint8_t c = label.p[n];
		out[n] = c >= ' ' && c < 0x7f && c != '"' && c != '\\' ? (char)c : '_';
	}
	out[n] = '\0';
}

static bool is_gauge(struct bytes counter)
{
	for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++)
		if (bytes_eq_str(counter, gauges[i]))
			return true;
	return false;
}

void metrics_counter(struct metrics *m, struct bytes program, unsigned instance, struct bytes counter, int64_t value)
{
	struct metric *e = add(m);

	if (!e)
		return;
	put_name(e->name, counter);
	put_label(e->label, program);
	(void)snprintf(e->instance, sizeof e->instance, "%u", instance);
	e->label_name = "program";
	e->is_gauge = is_gauge(counter);
	e->value = value;
}

void metrics_gauge(struct metrics *m, const char *name, const char *label_name, struct bytes label, int64_t value)
{
	struct metric *e = add(m);

	if (!e)
		return;
	put_name(e->name, bytes_of(name));
	put_label(e->label, label);
	e->label_name = label_name;
	e->is_gauge = true;
	e->value = value;
}

static int compare(const void *a, const void *b)
{
	const struct metric *x = a, *y = b;
	int rc = strcmp(x->name, y->name);

	if (!rc)
		rc = strcmp(x->label, y->label);
	return rc ? rc : strcmp(x->instance, y->instance);
}

static void put_family(struct buf *out, const struct metric *e, enum metrics_format f)
{
	/* OpenMetrics names the family without the suffix of its samples. */
	const char *suffix = e->is_gauge || f == METRICS_OPENMETRICS ? "" : "_total";

	buf_putf(out, "# HELP %s%s %s\n", e->name, suffix, e->is_gauge ? "How it stands now." : "Counted since the program started.");
	buf_putf(out, "# TYPE %s%s %s\n", e->name, suffix, e->is_gauge ? "gauge" : "counter");
}

static void put_sample(struct buf *out, const struct metric *e)
{
	buf_putf(out, "%s%s", e->name, e->is_gauge ? "" : "_total");
	if (e->label_name && e->instance[0])
		buf_putf(out, "{%s=\"%s\",instance=\"%s\"}", e->label_name, e->label, e->instance);
	else if (e->label_name)
		buf_putf(out, "{%s=\"%s\"}", e->label_name, e->label);
	buf_putf(out, " %lld\n", (long long)e->value);
}

void metrics_render(struct metrics *m, enum metrics_format f, struct buf *out)
{
	if (m->n)
		qsort(m->v, m->n, sizeof *m->v, compare);
	for (size_t i = 0; i < m->n; i++) {
		if (i > 0 && compare(&m->v[i], &m->v[i - 1]) == 0)
			continue; /* the same series twice would make collectors refuse all of it */
		if (i == 0 || strcmp(m->v[i].name, m->v[i - 1].name))
			put_family(out, &m->v[i], f);
		put_sample(out, &m->v[i]);
	}
	if (f == METRICS_OPENMETRICS)
		buf_put_str(out, "# EOF\n");
}
