#include "line.h"

#include "base/err.h"
#include "run/stats.h"

#include <stdlib.h>

/* gh-line: the door of SIP clients. */

static int prepare(struct proc *p, void **program)
{
	struct line *l = calloc(1, sizeof *l);

	if (!l)
		return ERR_NOMEM;
	*program = l;
	return line_init(l, proc_loop(p), proc_bus(p), proc_instance(p));
}

static int init(void *program)
{
	static struct stats stats;

	(void)program;
	stats_register(&stats, line_stat_names, line_stats, LINE_STAT_COUNT);
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	line_apply(program, s);
}

static void listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	line_listener(program, name, addr, port, fd);
}

static void up(void *program, struct chan *c)
{
	line_up(program, c);
}

static void down(void *program, struct chan *c)
{
	/* A channel that was full and has died drains no more. */
	if (chan_pending(c) > BUS_HIGH_WATER)
		line_pressure(program, c, false);
	line_down(program, c);
}

static void pressure(void *program, struct chan *c, bool is_full)
{
	line_pressure(program, c, is_full);
}

int main(int argc, char **argv)
{
	static struct proc_def program = {
		.prog = PROG_LINE,
		.backend = LOOP_LIBEVENT,
		.handlers = line_handlers,
		.commands = line_commands,
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.listener = listener,
		.up = up,
		.down = down,
		.pressure = pressure,
	};

	program.n_handlers = line_n_handlers;
	program.n_commands = line_n_commands;
	return proc_main(argc, argv, &program);
}
