#include "conn.h"
#include "look.h"
#include "sync.h"
#include "validate.h"

#include "base/err.h"
#include "run/stats.h"

#include <stdlib.h>

/* gh-dir: the directory of an enterprise, by LDAP. */

#define STAT_NAME(id, name) name,
static const char *const stat_names[DIR_STAT_COUNT] = { DIR_STATS(STAT_NAME) };
#undef STAT_NAME

struct program {
	struct dir dir; /* first: handlers and hooks get it */
	struct stats stats;
};

static void sweep(void *arg)
{
	conns_sweep(arg);
}

static int prepare(struct proc *proc, void **program)
{
	enum { ARENA_MAX = 1 << 20 };
	struct program *g = calloc(1, sizeof *g);

	if (!g)
		return ERR_NOMEM;
	if (tls_prepare())
		log_warn("dir.trust", LOG_STR("what", "system"), LOG_STR("reason", "not-found"));
	struct dir *d = &g->dir;
	d->loop = proc_loop(proc);
	d->bus = proc_bus(proc);
	d->proc = proc;
	list_init(&d->conns);
	list_init(&d->gone);
	list_init(&d->waiting);
	list_init(&d->checks);
	list_init(&d->looks);
	arena_init(&d->arena, ARENA_MAX);
	loop_defer_init(&d->sweep, sweep, d);
	sync_init(d);
	*program = d;
	return 0;
}

static int init(void *program)
{
	struct program *g = program;

	stats_register(&g->stats, stat_names, g->dir.stats, DIR_STAT_COUNT);
	g->dir.dns = dns_new(g->dir.loop);
	return g->dir.dns ? 0 : ERR_NOMEM;
}

static void apply(void *program, const struct settings *s)
{
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	dir_apply(program, s);
}

static int on_revoked(void *program, struct chan *from, const struct frame *f)
{
	struct dir *d = program;
	bool is_new;
	int rc = tls_news_on_revoked(&d->news, f, &is_new);

	(void)from;
	if (!rc && is_new)
		conns_renew(d); /* the next connections judge anew */
	return rc;
}

static void down(void *program, struct chan *c)
{
	if (chan_prog(c) != PROG_IM)
		return;
	checks_drop_all(program); /* its logins are gone */
	looks_drop_all(program);
	sync_down(program);
}

static void stop(void *program, uint32_t grace_ms)
{
	struct dir *d = program;

	(void)grace_ms;
	checks_drop_all(d);
	looks_drop_all(d);
	validate_end(d);
	sync_stop(d);
	conns_close(d);
	conns_sweep(d);
	loop_defer_cancel(&d->sweep);
	dir_config_fini(d);
	arena_fini(&d->arena);
	dns_free(d->dns);
	tls_forget();
	proc_exit(d->proc, 0);
}

int main(int argc, char **argv)
{
	static const struct bus_handler handlers[] = {
		{ MSG_DIR_CHECK, check_on_ask },
		{ MSG_DIR_LOOK, look_on_ask },
		{ MSG_DIR_KNOWN_PAGE, sync_on_page },
		{ MSG_DIR_CHANGED, sync_on_changed },
		{ MSG_REVOKED, on_revoked },
	};
	struct proc_def def = {
		.prog = PROG_DIR,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = dir_commands,
		.n_commands = dir_n_commands,
		.prepare = prepare,
		.init = init,
		.check = dir_check,
		.apply = apply,
		.down = down,
		.stop = stop,
	};
	return proc_main(argc, argv, &def);
}
