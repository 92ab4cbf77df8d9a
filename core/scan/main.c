#include "scan.h"

#include "base/err.h"
#include "run/stats.h"

#include <stdlib.h>

/* gh-scan: files that people have uploaded, to a virus scanner. */

#define STAT_NAME(id, name) name,
static const char *const stat_names[SCAN_STAT_COUNT] = { SCAN_STATS(STAT_NAME) };
#undef STAT_NAME

struct program {
	struct scan scan; /* first: handlers and hooks get it */
	struct stats stats;
};

static void sweep(void *arg)
{
	conns_sweep(arg);
}

static int prepare(struct proc *proc, void **program)
{
	struct program *p = calloc(1, sizeof *p);

	if (!p)
		return ERR_NOMEM;
	struct scan *g = &p->scan;
	g->loop = proc_loop(proc);
	g->bus = proc_bus(proc);
	g->proc = proc;
	list_init(&g->conns);
	list_init(&g->gone);
	loop_defer_init(&g->sweep, sweep, g);
	jobs_init(g);
	*program = g;
	return 0;
}

static int init(void *program)
{
	struct program *p = program;

	stats_register(&p->stats, stat_names, p->scan.stats, SCAN_STAT_COUNT);
	p->scan.dns = dns_new(p->scan.loop);
	return p->scan.dns ? 0 : ERR_NOMEM;
}

static void apply(void *program, const struct settings *s)
{
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	scan_apply(program, s);
}

/* gh-files has gone, and its uploads with it. */
static void down(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_FILES)
		jobs_drop_all(program);
}

static void stop(void *program, uint32_t grace_ms)
{
	struct scan *g = program;

	(void)grace_ms;
	jobs_drop_all(g);
	for (size_t i = 0; i < g->n_servers; i++)
		server_stop(&g->servers[i]);
	conns_sweep(g);
	loop_defer_cancel(&g->sweep);
	dns_free(g->dns);
	proc_exit(g->proc, 0);
}

int main(int argc, char **argv)
{
	static const struct bus_handler handlers[] = {
		{ MSG_SCAN, job_on_scan },
		{ MSG_SCAN_STOP, job_on_stop },
	};
	const struct proc_def def = {
		.prog = PROG_SCAN,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = scan_commands,
		.n_commands = scan_n_commands,
		.prepare = prepare,
		.init = init,
		.check = scan_check,
		.apply = apply,
		.down = down,
		.stop = stop,
	};
	return proc_main(argc, argv, &def);
}
