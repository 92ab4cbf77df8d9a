#include "trace.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/jid.h"

static void watch(void *arg, enum route_side side, const struct envelope *e, const struct route_answer *a,
                  const char *verdict);

static void finish(struct trace *t, int rc, const char *text)
{
	struct proc_ask *ask = t->ask;

	t->ask = NULL;
	loop_timer_del(t->traces->hub->loop, &t->timer);
	if (--t->traces->n_running == 0)
		t->traces->hub->watch = NULL; /* nobody looks: no cost */
	proc_done(ask, rc, text);
}

static void on_time(void *arg)
{
	finish(arg, 0, "");
}

void traces_init(struct traces *t, struct hub *h)
{
	*t = (struct traces){ .hub = h };
	for (size_t i = 0; i < TRACES_MAX; i++) {
		t->all[i].traces = t;
		loop_timer_init(&t->all[i].timer, on_time, &t->all[i]);
	}
}

void traces_end(struct traces *t)
{
	for (size_t i = 0; i < TRACES_MAX; i++)
		if (t->all[i].ask)
			finish(&t->all[i], ERR_CLOSED, "");
}

static const char *type_name(const struct envelope *e)
{
	return e->type == TYPE_AVAILABLE ? "available" : stanza_type_name(e->type);
}

static void record(struct trace *t, enum route_side side, const struct envelope *e, const char *verdict)
{
	char id[17], stamp[TEXT_TIME_BYTES];
	uint8_t trace[8];

	for (int i = 0; i < 8; i++)
		trace[i] = (uint8_t)(e->trace >> (56 - 8 * i));
	text_hex(bytes_make(trace, sizeof trace), id);
	text_time(loop_wall_ms(t->traces->hub->loop), true, stamp);
	proc_record_begin(t->ask);
	proc_record_str(t->ask, "time", stamp);
	proc_record_str(t->ask, "trace", id);
	proc_record_str(t->ask, "direction", side == ROUTE_FROM_IM ? "out" : "in");
	proc_record_text(t->ask, "from", e->from);
	proc_record_text(t->ask, "to", e->to);
	proc_record_str(t->ask, "kind", stanza_kind_name(e->kind));
	proc_record_str(t->ask, "type", type_name(e));
	proc_record_int(t->ask, "bytes", (int64_t)e->stanza.n);
	proc_record_str(t->ask, "verdict", verdict);
	proc_record_end(t->ask);
}

static void watch(void *arg, enum route_side side, const struct envelope *e, const struct route_answer *a,
                  const char *verdict)
{
	struct traces *ts = arg;

	for (size_t i = 0; i < TRACES_MAX; i++) {
		struct trace *t = &ts->all[i];
		if (!t->ask || !bytes_eq(a->peer, bytes_make(t->domain, t->domain_n)))
			continue;
		record(t, side, e, verdict);
		if (++t->n_records == TRACE_RECORDS_MAX)
			finish(t, ERR_LIMIT, "so many records that the trace ended early");
	}
}

static struct trace *free_place(struct traces *ts)
{
	for (size_t i = 0; i < TRACES_MAX; i++)
		if (!ts->all[i].ask)
			return &ts->all[i];
	return NULL;
}

static int take_domain(struct trace *t, struct bytes in)
{
	struct arena a;
	struct bytes domain;

	arena_init(&a, 1 << 16);
	int rc = jid_parse_domain(in, &a, &domain);
	if (rc == 0 && domain.n > sizeof t->domain)
		rc = ERR_LIMIT;
	if (rc == 0) {
		memcpy(t->domain, domain.p, domain.n);
		t->domain_n = domain.n;
	}
	arena_fini(&a);
	return rc;
}

void traces_start(struct traces *ts, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct trace *t = free_place(ts);
	uint64_t seconds;

	if (n_args != 2 || bytes_to_u64(args[1], TRACE_SECONDS_MAX, &seconds) || seconds == 0) {
		proc_done(ask, ERR_SYNTAX, "a domain and how many seconds, 1 to 3600");
		return;
	}
	if (!t) {
		proc_done(ask, ERR_FULL, "too many traces are running");
		return;
	}
	if (take_domain(t, args[0])) {
		proc_done(ask, ERR_SYNTAX, "not a domain");
		return;
	}
	if (loop_timer_set(ts->hub->loop, &t->timer, seconds * 1000)) {
		proc_done(ask, ERR_NOMEM, "");
		return;
	}
	t->ask = ask;
	t->n_records = 0;
	ts->n_running++;
	ts->hub->watch = watch;
	ts->hub->watch_arg = ts;
}
