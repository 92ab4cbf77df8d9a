/* show metrics: the counters of all programs, and what the settings say of the box, for a collector. */
#include "base/err.h"
#include "cert.h"
#include "conf.h"
#include "run/metrics.h"
#include "run/stats.h"

#include <stdlib.h>

enum { TEXT_MAX_BYTES = 4 << 20 };

/* A record of `show counters`: program, instance, counter, value. */
static bool take_record(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct bytes program = BYTES_NONE, counter = BYTES_NONE;
	uint64_t instance = 0, value = 0;
	unsigned n = wire_u16(&w);

	(void)c;
	(void)name;
	for (unsigned i = 0; i < n && !wire_failed(&w); i++) {
		struct bytes key = wire_str(&w), v = wire_bytes(&w);
		if (bytes_eq_str(key, "program"))
			program = v;
		else if (bytes_eq_str(key, "counter"))
			counter = v;
		else if (bytes_eq_str(key, "instance"))
			(void)bytes_to_u64(v, 255, &instance); /* a number of ours */
		else if (bytes_eq_str(key, "value"))
			(void)bytes_to_u64(v, INT64_MAX, &value); /* likewise */
	}
	if (o->metrics && !wire_failed(&w) && counter.n)
		metrics_counter(o->metrics, program, (unsigned)instance, counter, (int64_t)value);
	return true;
}

static void put_certificates(struct conf *c, struct metrics *m)
{
	struct cert_about about;
	char why[128];

	for (size_t i = 0; i < c->store.running.n; i++) {
		const struct row_item *item = &c->store.running.v[i];
		if (item->row->id == SET_CERTIFICATE_CHAIN && cert_read(item->value, &about, why, sizeof why) == 0)
			metrics_gauge(m, "certificate_expiry_timestamp_seconds", "certificate", item->key, about.not_after_s);
	}
}

static void put_box(struct conf *c, struct metrics *m)
{
	const char *name;
	uint64_t value;

	for (size_t at = 0; stats_next(&at, &name, &value);)
		metrics_counter(m, bytes_of(prog_name(PROG_CONF)), 0, bytes_of(name), (int64_t)value);
	for (size_t i = 0; i < c->n_processes; i++) {
		const struct conf_process *p = &c->processes[i];
		struct bytes who = bytes_of(prog_name(p->prog));
		metrics_counter(m, who, p->instance, BYTES("program.restarts"), p->restarts);
	}
	metrics_gauge(m, "uptime_seconds", NULL, BYTES_NONE, (int64_t)((loop_now(c->loop) - c->started_ms) / 1000));
	metrics_gauge(m, "generation", NULL, BYTES_NONE, c->store.generation);
	put_certificates(c, m);
}

void metrics_forget(struct oper *o)
{
	if (!o->metrics)
		return;
	metrics_fini(o->metrics);
	free(o->metrics);
	o->metrics = NULL;
}

/* A program that is away, or does not answer, is left out: the rest is still of use. */
static void finish(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	struct buf out;

	if (rc == ERR_BAD_STATE || !o->metrics) {
		metrics_forget(o);
		oper_done(o, rc, text);
		return;
	}
	put_box(c, o->metrics);
	buf_init(&out, TEXT_MAX_BYTES);
	metrics_render(o->metrics, strcmp(name, "openmetrics") == 0 ? METRICS_OPENMETRICS : METRICS_PROMETHEUS, &out);
	metrics_forget(o);
	rc = buf_failed(&out) ? ERR_NOMEM : 0;
	if (!rc)
		oper_text(o, buf_bytes(&out));
	buf_fini(&out);
	oper_done(o, rc, "");
}

COMMAND_FN(cmd_show_metrics)
{
	struct relay_ask ask = { .targets = P_WORK, .verb = "show counters", .record = take_record, .done = finish, .name = "prometheus" };

	(void)cmd;
	if (args->n > 0 && bytes_eq_str(args->v[0], "openmetrics")) {
		ask.name = "openmetrics";
	} else if (args->n > 0 && !bytes_eq_str(args->v[0], "prometheus")) {
		oper_done(o, ERR_UNKNOWN, "prometheus or openmetrics");
		return;
	}
	metrics_forget(o);
	o->metrics = malloc(sizeof *o->metrics);
	if (!o->metrics) {
		oper_done(o, ERR_NOMEM, "");
		return;
	}
	metrics_init(o->metrics);
	relay_start(c, o, &ask);
}
