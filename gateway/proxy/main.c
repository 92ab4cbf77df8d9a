#include "commands.h"
#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "run/proc.h"
#include "run/stats.h"

#include <stdlib.h>

/* gh-proxy: the one front for clients outside. */

enum {
	PARSERS_IDLE_MAX = 64,
	ARENA_BYTES_MAX = 32 << 20,
	SCRATCH_BYTES_MAX = 16 << 20,
	STOP_MS = 300,
	PUBLISHED_REST_US = 500, /* the longest rest while services inside are asked much: see docs/performance.md */
};

#define STAT_NAME(id, name) name,
const char *const proxy_stat_names[PROXY_STAT_COUNT] = { PROXY_STATS(STAT_NAME) };
#undef STAT_NAME

struct program {
	struct proxy proxy; /* first: handlers and hooks get it */
	struct proc *proc;
	struct stats stats;
	struct loop_timer stop;
};

static int on_key_signed(void *proxy, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct proxy *)proxy)->keys, f);
}

static int on_key_failed(void *proxy, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct proxy *)proxy)->keys, f);
}

static int on_staple(void *proxy, struct chan *from, const struct frame *f)
{
	(void)from;
	return tls_news_on_staple(&((struct proxy *)proxy)->news, f);
}

static void sweep(void *arg)
{
	conn_sweep(arg);
}

static void end(void *arg)
{
	struct program *g = arg;

	proxy_config_fini(&g->proxy);
	client_hello_free(g->proxy.hellos);
	proc_exit(g->proc, 0);
}

static int prepare(struct proc *proc, void **program)
{
	struct program *g = calloc(1, sizeof *g);
	struct keyproxy *keys = keyproxy_new(proc_loop(proc), proc_bus(proc));

	if (!g || !keys)
		return ERR_NOMEM;
	struct proxy *p = &g->proxy;
	g->proc = proc;
	p->loop = proc_loop(proc);
	p->bus = proc_bus(proc);
	p->keys = keys;
	p->next_id = (uint64_t)PROG_PROXY << 56 | random_u64() >> 8; /* not those of the one before */
	bans_init(&p->bans);
	drain_init(&p->drain, p->loop, &proxy_drain_owner, p);
	acceptor_init(&p->acceptor, p->loop, false, &proxy_acceptor_hooks, p);
	list_init(&p->conns);
	list_init(&p->gone);
	list_init(&p->gone_streams);
	list_init(&p->gone_web_pairs);
	list_init(&p->exchanges);
	address_table_init(&p->addresses);
	list_init(&p->bosh_sessions);
	list_init(&p->bosh_gone);
	map_init(&p->bosh_sids);
	address_table_init(&p->bosh_addresses);
	loop_defer_init(&p->sweep, sweep, p);
	loop_timer_init(&g->stop, end, g);
	pacer_init(&p->published_pacer, p->loop, PUBLISHED_REST_US);
	arena_init(&p->arena, ARENA_BYTES_MAX);
	buf_init(&p->scratch, SCRATCH_BYTES_MAX);
	buf_init(&p->served, 1); /* nothing so far */
	stats_register(&g->stats, proxy_stat_names, p->stats, PROXY_STAT_COUNT);
	p->xml = xml_pool_new(PARSERS_IDLE_MAX);
	p->hellos = client_hello_new();
	*program = p;
	return p->xml && p->hellos ? 0 : ERR_NOMEM;
}

static void apply(void *program, const struct settings *s)
{
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	proxy_apply(program, s);
}

static void listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	proxy_listener(program, name, addr, port, fd);
}

static void up(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_up(((struct proxy *)program)->keys);
}

static void down(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_down(((struct proxy *)program)->keys);
}

/* Says good-bye and gives the kernel a moment to take it. */
static void stop(void *program, uint32_t grace_ms)
{
	struct program *g = program;

	g->proxy.is_stopping = true;
	acceptor_fini(&g->proxy.acceptor);
	bosh_end_all(&g->proxy, BOSH_SYSTEM_SHUTDOWN);
	conn_stop_all(&g->proxy);
	if (loop_timer_set(g->proxy.loop, &g->stop, grace_ms < STOP_MS ? grace_ms : STOP_MS))
		end(g);
}

int main(int argc, char **argv)
{
	static const struct bus_handler handlers[] = {
		{ MSG_KEY_SIGNED, on_key_signed },
		{ MSG_KEY_FAILED, on_key_failed },
		{ MSG_STAPLE, on_staple },
	};
	const struct proc_def def = {
		.prog = PROG_PROXY,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = proxy_commands,
		.n_commands = n_proxy_commands,
		.prepare = prepare,
		.apply = apply,
		.listener = listener,
		.up = up,
		.down = down,
		.stop = stop,
	};
	return proc_main(argc, argv, &def);
}
