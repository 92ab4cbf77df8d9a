#include <stdlib.h>

#include "commands.h"
#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "run/stats.h"

/* gh-access: the client door. */

struct access {
	struct door door; /* first: handlers and hooks get it */
	struct proc *proc;
	struct stats stats;
	struct loop_timer stop;
};

static int on_key_signed(void *door, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct door *)door)->keys, f);
}

static int on_key_failed(void *door, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct door *)door)->keys, f);
}

static int on_staple(void *door, struct chan *from, const struct frame *f)
{
	(void)from;
	return tls_news_on_staple(&((struct door *)door)->news, f);
}

static void end(void *arg)
{
	proc_exit(((struct access *)arg)->proc, 0);
}

static int prepare(struct proc *p, void **program)
{
	struct access *a = calloc(1, sizeof *a);
	struct keyproxy *keys = keyproxy_new(proc_loop(p), proc_bus(p));

	if (!a || !keys)
		return ERR_NOMEM;
	a->proc = p;
	loop_timer_init(&a->stop, end, a);
	stats_register(&a->stats, access_stat_names, a->door.stats, ACCESS_STAT_COUNT);
	*program = &a->door;
	return door_init(&a->door, proc_loop(p), proc_bus(p), keys, proc_instance(p));
}

static void apply(void *program, const struct settings *s)
{
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	door_apply(program, s);
}

static void listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	door_listener(program, name, addr, port, fd);
}

static void up(void *program, struct chan *c)
{
	door_up(program, c);
}

static void down(void *program, struct chan *c)
{
	door_down(program, c);
}

static void pressure(void *program, struct chan *c, bool is_full)
{
	door_pressure(program, c, is_full);
}

/* Says good-bye to everybody and gives the kernel a moment to take it. */
static void stop(void *program, uint32_t grace_ms)
{
	struct access *a = program;

	door_stop(&a->door);
	if (loop_timer_set(a->door.loop, &a->stop, grace_ms < 300 ? grace_ms : 300))
		proc_exit(a->proc, 0);
}

int main(int argc, char **argv)
{
	/* The door's handlers, and those of the keys and answers to staple. */
	static struct bus_handler handlers[16];
	size_t n = 0;

	for (; n < n_door_handlers; n++)
		handlers[n] = door_handlers[n];
	handlers[n++] = (struct bus_handler){ MSG_KEY_SIGNED, on_key_signed };
	handlers[n++] = (struct bus_handler){ MSG_KEY_FAILED, on_key_failed };
	handlers[n++] = (struct bus_handler){ MSG_STAPLE, on_staple };
	const struct proc_def def = {
		.prog = PROG_ACCESS,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = n,
		.commands = access_commands,
		.n_commands = n_access_commands,
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
