#include "commands.h"
#include "enrol.h"
#include "ferry.h"
#include "renew.h"

#include "base/err.h"
#include "run/alarm.h"
#include "run/stats.h"

#include <stdlib.h>

/* gh-link: an edge and a core joined. */

enum { STOP_MS = 300 };

#define STAT_NAME(id, name) name,
const char *const link_stat_names[LINK_STAT_COUNT] = { LINK_STATS(STAT_NAME) };
#undef STAT_NAME

struct program {
	struct joint joint; /* first: handlers and hooks get it */
	struct proc *proc;
	struct stats stats;
	struct loop_timer stop;
};

static int on_key_signed(void *joint, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct joint *)joint)->keys, f);
}

static int on_key_failed(void *joint, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct joint *)joint)->keys, f);
}

/* Each knows its own questions by their ids. */
static int on_link_answer(void *joint, struct chan *from, const struct frame *f)
{
	int rc = enrol_on_keys(joint, from, f);

	return rc ? rc : renew_on_keys(joint, f);
}

static int on_link_kept(void *joint, struct chan *from, const struct frame *f)
{
	int rc = enrol_on_kept(joint, from, f);

	return rc ? rc : renew_on_kept(joint, f);
}

void joint_sweep(void *joint)
{
	lane_sweep(joint);
	trunk_sweep(joint);
}

static void on_lonely(void *joint)
{
	(void)joint;
	alarm_raise(ALARM_LINK_DOWN, "", ALARM_USUAL, "no core has a connection to this edge");
}

static void on_refused_over(void *joint)
{
	(void)joint;
	alarm_clear(ALARM_LINK_REFUSED, "");
}

static void end(void *arg)
{
	struct program *g = arg;

	joint_config_fini(&g->joint);
	enrol_free(g->joint.enrol);
	renew_free(g->joint.renewal);
	ferries_free(g->joint.ferries);
	proc_exit(g->proc, 0);
}

static int prepare(struct proc *proc, void **program)
{
	struct program *g = calloc(1, sizeof *g);
	struct keyproxy *keys = keyproxy_new(proc_loop(proc), proc_bus(proc));

	if (!g || !keys)
		return ERR_NOMEM;
	struct joint *j = &g->joint;
	g->proc = proc;
	j->loop = proc_loop(proc);
	j->bus = proc_bus(proc);
	j->keys = keys;
	j->owed_max = LINK_OWED_MAX;
	j->next_id = proc_next_id(proc);
	j->dns = dns_new(j->loop);
	j->enrol = enrol_new(j);
	j->renewal = renew_new(j);
	j->ferries = ferries_new(j);
	acceptor_init(&j->acceptor, j->loop, false, &joint_acceptor_hooks, j);
	list_init(&j->trunks);
	list_init(&j->gone_trunks);
	list_init(&j->gone_lanes);
	address_table_init(&j->addresses);
	loop_defer_init(&j->sweep, joint_sweep, j);
	loop_timer_init(&j->lonely, on_lonely, j);
	loop_timer_init(&j->refused_timer, on_refused_over, j);
	loop_timer_init(&g->stop, end, g);
	stats_register(&g->stats, link_stat_names, j->stats, LINK_STAT_COUNT);
	*program = j;
	return j->dns && j->enrol && j->renewal && j->ferries ? 0 : ERR_NOMEM;
}

static void apply(void *program, const struct settings *s)
{
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	joint_apply(program, s);
}

static void listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	joint_listener(program, name, addr, port, fd);
}

static void up(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_up(((struct joint *)program)->keys);
}

static void down(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_down(((struct joint *)program)->keys);
	if (chan_prog(c) == PROG_SWITCH)
		ferries_switch_down(program);
	if (chan_prog(c) == PROG_KEYS || chan_prog(c) == PROG_CONF) {
		enrol_down(program);
		renew_down(program);
	}
}

static void pressure(void *program, struct chan *c, bool is_full)
{
	if (chan_prog(c) == PROG_SWITCH)
		ferries_pressure(program, is_full);
}

/* Says that it goes, and gives the kernel a moment to take it. */
static void stop(void *program, uint32_t grace_ms)
{
	struct program *g = program;

	g->joint.is_stopping = true;
	acceptor_fini(&g->joint.acceptor);
	LIST_EACH (it, &g->joint.trunks)
		trunk_drain(LIST_OWNER(it, struct trunk, node));
	if (loop_timer_set(g->joint.loop, &g->stop, grace_ms < STOP_MS ? grace_ms : STOP_MS))
		end(g);
}

int main(int argc, char **argv)
{
	static const struct bus_handler handlers[] = {
		{ MSG_CLIENT_STREAM, joint_client_stream },
		{ MSG_FILE_STREAM, joint_client_stream },
		{ MSG_WEB_STREAM, joint_client_stream },
		{ MSG_SIP_STREAM, joint_client_stream },
		{ MSG_KEY_SIGNED, on_key_signed },
		{ MSG_KEY_FAILED, on_key_failed },
		{ MSG_LINK_ANSWER, on_link_answer },
		{ MSG_LINK_KEPT, on_link_kept },
		{ MSG_ROUTE, ferries_on_route },
		{ MSG_ROUTE_DONE, ferries_on_done },
	};
	const struct proc_def def = {
		.prog = PROG_LINK,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = link_commands,
		.n_commands = n_link_commands,
		.prepare = prepare,
		.apply = apply,
		.listener = listener,
		.up = up,
		.down = down,
		.pressure = pressure,
		.stop = stop,
	};
	return proc_main(argc, argv, &def);
}
