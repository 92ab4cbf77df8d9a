#include "publish.h"

#include "base/err.h"
#include "run/stats.h"

#include <stdlib.h>

/* gh-publish: requests of people outside to web services inside (mra.md M-15). */

#define STAT_NAME(id, name) name,
static const char *const stat_names[PUBLISH_STAT_COUNT] = { PUBLISH_STATS(STAT_NAME) };
#undef STAT_NAME

struct program {
	struct publish publish; /* first: handlers and hooks get it */
	struct stats stats;
};

static void sweep(void *arg)
{
	exchange_sweep(arg);
	outlet_sweep(arg);
}

static int prepare(struct proc *proc, void **program)
{
	struct program *g = calloc(1, sizeof *g);

	if (!g)
		return ERR_NOMEM;
	if (tls_prepare())
		log_warn("publish.certificate", LOG_STR("what", "trust"), LOG_STR("name", "system"), LOG_STR("reason", "not-found"));
	struct publish *p = &g->publish;
	p->loop = proc_loop(proc);
	p->bus = proc_bus(proc);
	p->proc = proc;
	list_init(&p->exchanges);
	list_init(&p->idle);
	list_init(&p->gone);
	list_init(&p->gone_outlets);
	address_table_init(&p->addresses);
	loop_defer_init(&p->sweep, sweep, p);
	pacer_init(&p->pacer, p->loop, REST_US);
	*program = p;
	return 0;
}

static int init(void *program)
{
	struct program *g = program;

	stats_register(&g->stats, stat_names, g->publish.stats, PUBLISH_STAT_COUNT);
	g->publish.dns = dns_new(g->publish.loop);
	return g->publish.dns ? 0 : ERR_NOMEM;
}

static void apply(void *program, const struct settings *s)
{
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	publish_apply(program, s);
}

static int on_revoked(void *program, struct chan *from, const struct frame *f)
{
	struct publish *p = program;
	bool is_new;
	int rc = tls_news_on_revoked(&p->news, f, &is_new);

	(void)from;
	for (size_t i = 0; !rc && is_new && i < p->n_targets; i++)
		target_renew(p->targets[i]);
	return rc;
}

/* What is under way is dropped: its clients see that it is not whole. */
static void stop(void *program, uint32_t grace_ms)
{
	struct publish *p = program;

	(void)grace_ms;
	exchange_drop_all(p);
	publish_config_fini(p);
	outlet_sweep(p);
	loop_defer_cancel(&p->sweep);
	pacer_fini(&p->pacer);
	dns_free(p->dns);
	tls_forget();
	proc_exit(p->proc, 0);
}

int main(int argc, char **argv)
{
	static const struct bus_handler handlers[] = {
		{ MSG_WEB_STREAM, exchange_on_stream },
		{ MSG_REVOKED, on_revoked },
	};
	const struct proc_def def = {
		.prog = PROG_PUBLISH,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = publish_commands,
		.n_commands = publish_n_commands,
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.stop = stop,
	};
	return proc_main(argc, argv, &def);
}
