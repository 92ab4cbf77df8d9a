#include <stdlib.h>

#include "hub.h"
#include "trace.h"

#include "base/err.h"
#include "base/log.h"
#include "run/proc.h"
#include "run/stats.h"

/* gh-switch: the hub. */

struct sw {
	struct hub hub; /* first: handlers and hooks get it */
	struct traces traces;
	struct stats stats;
};

static int prepare(struct proc *p, void **program)
{
	struct sw *s = calloc(1, sizeof *s);

	if (!s)
		return ERR_NOMEM;
	hub_init(&s->hub, proc_loop(p), proc_bus(p));
	traces_init(&s->traces, &s->hub);
	stats_register(&s->stats, hub_stat_names, s->hub.stats, HUB_STAT_COUNT);
	*program = s;
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	hub_apply(&((struct sw *)program)->hub, s);
}

static void down(void *program, struct chan *c)
{
	struct sw *s = program;

	if (chan_prog(c) == PROG_CONF)
		traces_end(&s->traces);
	else
		hub_down(&s->hub, c);
}

static void pressure(void *program, struct chan *c, bool is_full)
{
	hub_pressure(&((struct sw *)program)->hub, c, is_full);
}

/* ---- commands ---- */

static void trace_domain(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	traces_start(&((struct sw *)program)->traces, ask, args, n_args);
}

static void record_route(struct hub *h, struct proc_ask *ask, struct bytes domain, enum prog via, const char *rule)
{
	proc_record_begin(ask);
	proc_record_text(ask, "domain", domain);
	proc_record_str(ask, "via", prog_name(via));
	proc_record_str(ask, "up", bus_chan(h->bus, via, 0) ? "yes" : "no");
	proc_record_str(ask, "rule", rule);
	proc_record_end(ask);
}

static void record_peers(struct hub *h, struct proc_ask *ask)
{
	static const char *const actions[] = { "allow", "deny" };
	const struct settings *s = h->route.settings;
	size_t at = 0;
	struct bytes key;

	while (settings_next_key(s, SET_FED_PEER_ACTION, &at, &key))
		record_route(h, ask, key, PROG_S2S, actions[settings_enum_at(s, SET_FED_PEER_ACTION, key) % 2]);
}

static void show_routes(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	static const char *const modes[] = { "mode off", "mode allow-list", "mode open" };
	struct hub *h = &((struct sw *)program)->hub;
	const struct settings *s = h->route.settings;
	size_t at = 0;
	struct bytes key;

	(void)args;
	(void)n_args;
	if (!s) {
		proc_done(ask, ERR_AGAIN, "no settings yet");
		return;
	}
	while (settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key))
		record_route(h, ask, key, PROG_IM, "hosted");
	record_peers(h, ask);
	record_route(h, ask, BYTES("(any other)"), PROG_S2S, modes[settings_enum(s, SET_FED_MODE) % 3]);
	proc_done(ask, 0, "");
}

static const struct proc_command commands[] = {
	{ "trace domain", trace_domain },
	{ "show routes", show_routes },
};

static const struct bus_handler handlers[] = {
	{ MSG_ROUTE, hub_on_route },
	{ MSG_ROUTE_DONE, hub_on_route_done },
};

int main(int argc, char **argv)
{
	static const struct proc_def def = {
		.prog = PROG_SWITCH,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = commands,
		.n_commands = sizeof commands / sizeof commands[0],
		.prepare = prepare,
		.apply = apply,
		.down = down,
		.pressure = pressure,
	};

	return proc_main(argc, argv, &def);
}
