#include "conn.h"
#include "session.h"

#include "base/err.h"
#include "base/log.h"
#include "run/proc.h"

#include <stdio.h>
#include <stdlib.h>

/* gh-admin: the web administration and its API. */

const char *const admin_stat_names[ADMIN_STAT_COUNT] = {
	"web.accepted", "web.closed", "web.refused.full", "web.refused.address", "web.accept-paused", "web.tls-failed", "web.requests",
	"web.malformed", "web.timeout", "web.unauthorized", "web.forged", "web.login", "web.login-failed", "web.session.address",
	"web.session.expired", "web.dropped", "web.metrics-refused",
};

struct program {
	struct admin admin; /* first: handlers and hooks get it */
	struct proc *proc;
	struct stats stats;
	struct loop_timer stop;
};

static int on_key_signed(void *admin, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct admin *)admin)->keys, f);
}

static int on_key_failed(void *admin, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct admin *)admin)->keys, f);
}

static int on_acme_token(void *admin, struct chan *from, const struct frame *f)
{
	struct admin *a = admin;
	struct wire w = wire_of(f->body);
	struct bytes token = wire_str(&w), answer = wire_str(&w);

	(void)from;
	if (wire_end(&w) || token.n >= sizeof a->acme_token || answer.n >= sizeof a->acme_answer)
		return ERR_PROTOCOL;
	(void)snprintf(a->acme_token, sizeof a->acme_token, "%.*s", BYTES_FMT(token));
	(void)snprintf(a->acme_answer, sizeof a->acme_answer, "%.*s", BYTES_FMT(answer));
	return 0;
}

static void sweep(void *arg)
{
	conn_sweep(arg);
	operator_sweep(arg);
}

static int on_staple(void *admin, struct chan *from, const struct frame *f)
{
	(void)from;
	return tls_news_on_staple(&((struct admin *)admin)->news, f);
}

static void end(void *arg)
{
	proc_exit(((struct program *)arg)->proc, 0);
}

static int prepare(struct proc *p, void **program)
{
	struct program *g = calloc(1, sizeof *g);
	struct keyproxy *keys = keyproxy_new(proc_loop(p), proc_bus(p));

	if (!g || !keys)
		return ERR_NOMEM;
	g->proc = p;
	g->admin.loop = proc_loop(p);
	g->admin.bus = proc_bus(p);
	g->admin.keys = keys;
	acceptor_init(&g->admin.acceptor, g->admin.loop, false, &admin_acceptor_hooks, &g->admin);
	list_init(&g->admin.conns);
	list_init(&g->admin.gone);
	list_init(&g->admin.operators);
	list_init(&g->admin.operators_gone);
	address_table_init(&g->admin.addresses);
	loop_defer_init(&g->admin.sweep, sweep, &g->admin);
	loop_timer_init(&g->stop, end, g);
	stats_register(&g->stats, admin_stat_names, g->admin.stats, ADMIN_STAT_COUNT);
	session_init(&g->admin);
	*program = &g->admin;
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	admin_apply(program, s);
}

static void listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	admin_listener(program, name, addr, port, fd);
}

static void up(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_up(((struct admin *)program)->keys);
}

static void down(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_down(((struct admin *)program)->keys);
}

/* Ends sessions, then gives the kernel a moment to take what is said. */
static void stop(void *program, uint32_t grace_ms)
{
	struct program *g = program;

	g->admin.is_stopping = true;
	acceptor_fini(&g->admin.acceptor);
	conn_drop_all(&g->admin);
	session_fini(&g->admin);
	collector_close(&g->admin);
	if (loop_timer_set(g->admin.loop, &g->stop, grace_ms < 200 ? grace_ms : 200))
		proc_exit(g->proc, 0);
}

int main(int argc, char **argv)
{
	static const struct bus_handler handlers[] = {
		{ MSG_KEY_SIGNED, on_key_signed },
		{ MSG_KEY_FAILED, on_key_failed },
		{ MSG_ACME_TOKEN, on_acme_token },
		{ MSG_STAPLE, on_staple },
	};
	const struct proc_def def = {
		.prog = PROG_ADMIN,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.prepare = prepare,
		.apply = apply,
		.listener = listener,
		.up = up,
		.down = down,
		.stop = stop,
	};
	return proc_main(argc, argv, &def);
}
