#include "switch.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRACE_SECONDS_DEFAULT = 60, TRACE_SECONDS_MAX = 3600, TRACE_RECORDS_MAX = 10000 };

/* One operator's look at what passes from and to a domain. */
struct trace {
	struct hub *hub;
	struct proc_ask *ask;
	struct loop_timer end;
	unsigned records;
	size_t domain_n;
	uint8_t domain[];
};

static void finish(struct trace *t, const char *text);

static void trace_ends(void *arg)
{
	finish(arg, "time is over");
}

static void record(struct trace *t, const struct envelope *e, enum route_verdict v)
{
	struct proc_ask *a = t->ask;
	char stamp[TEXT_TIME_BYTES], id[17];

	text_time(loop_wall_ms(t->hub->loop), true, stamp);
	snprintf(id, sizeof id, "%016llx", (unsigned long long)e->trace);
	proc_record_begin(a);
	proc_record_str(a, "time", stamp);
	proc_record_str(a, "trace", id);
	proc_record_str(a, "direction", e->door == DOOR_S2S || e->door == DOOR_SIP ? "in" : "out");
	proc_record_text(a, "from", e->from);
	proc_record_text(a, "to", e->to);
	proc_record_str(a, "kind", stanza_kind_name((enum stanza_kind)e->kind));
	proc_record_str(a, "type", stanza_type_name((enum stanza_type)e->type));
	proc_record_int(a, "bytes", (int64_t)e->stanza.n);
	proc_record_str(a, "verdict", route_verdict_name(v));
	proc_record_end(a);
}

static void trace_tap(void *arg, const struct envelope *e, enum route_verdict v)
{
	struct trace *t = arg;
	struct bytes domain = { t->domain, t->domain_n };

	if (!bytes_eq(hub_domain(e->from), domain) && !bytes_eq(hub_domain(e->to), domain))
		return;
	record(t, e, v);
	if (++t->records >= TRACE_RECORDS_MAX)
		finish(t, "enough records");
}

static void finish(struct trace *t, const char *text)
{
	loop_timer_del(t->hub->loop, &t->end);
	hub_tap_del(t->hub, trace_tap, t);
	proc_done(t->ask, 0, text);
	free(t);
}

static struct trace *trace_new(struct hub *h, struct proc_ask *ask, struct bytes domain)
{
	struct trace *t = calloc(1, sizeof *t + domain.n);

	if (!t)
		return NULL;
	t->hub = h;
	t->ask = ask;
	t->domain_n = domain.n;
	memcpy(t->domain, domain.p, domain.n);
	loop_timer_init(&t->end, trace_ends, t);
	if (hub_tap_add(h, trace_tap, t)) {
		free(t);
		return NULL;
	}
	return t;
}

void trace_command(void *hub, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct hub *h = hub;
	uint64_t seconds = TRACE_SECONDS_DEFAULT;

	if (n_args < 1 || args[0].n == 0 || (n_args > 1 && bytes_to_u64(args[1], TRACE_SECONDS_MAX, &seconds))) {
		proc_done(ask, ERR_SYNTAX, "wants a domain and seconds (at most 3600)");
		return;
	}
	struct trace *t = trace_new(h, ask, args[0]);
	if (!t)
		proc_done(ask, ERR_FULL, "too many traces run already");
	else if (loop_timer_set(h->loop, &t->end, seconds * 1000))
		finish(t, "no memory");
}

static void routes_of(struct proc_ask *ask, struct hub *h, enum prog p, const char *domains)
{
	struct chan *c = bus_next(h->bus, p, NULL);

	proc_record_begin(ask);
	proc_record_str(ask, "domains", domains);
	proc_record_str(ask, "to", prog_name(p));
	proc_record_str(ask, "state", c ? "up" : "away");
	proc_record_int(ask, "waiting_bytes", c ? (int64_t)chan_pending(c) : 0);
	proc_record_end(ask);
}

void routes_command(void *hub, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct hub *h = hub;
	struct bytes domain;
	char name[256];

	(void)args;
	(void)n_args;
	for (size_t at = 0; h->settings && settings_next_key(h->settings, SET_DOMAIN_CERTIFICATE, &at, &domain);) {
		snprintf(name, sizeof name, "%.*s", BYTES_FMT(domain));
		routes_of(ask, h, h->core, name);
	}
	for (size_t at = 0; h->settings && settings_next_key(h->settings, SET_SIP_PEER_ACTION, &at, &domain);) {
		snprintf(name, sizeof name, "%.*s", BYTES_FMT(domain));
		routes_of(ask, h, h->doors[HUB_SIP], name);
	}
	if (h->settings)
		routes_of(ask, h, h->doors[HUB_XMPP], "all others that policy allows");
	proc_done(ask, 0, "");
}
