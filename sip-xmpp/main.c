#include "xlate.h"

#include "base/err.h"
#include "run/stats.h"
#include "commands.h"

#include <stdlib.h>

static int prepare(struct proc *p, void **program)
{
	struct xlate *x = calloc(1, sizeof *x);

	if (!x)
		return ERR_NOMEM;
	*program = x;
	return xlate_init(x, proc_loop(p), proc_bus(p), proc_instance(p));
}

static int init(void *program)
{
	static struct stats stats;

	(void)program;
	stats_register(&stats, xlate_stat_names, xlate_stats, XLATE_STAT_COUNT);
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	xlate_apply(program, s);
}

static void up(void *program, struct chan *c)
{
	xlate_up(program, c);
}

/* A side that cannot take what the other side sends stops the other side's reading, never its own. */
static void pressure(void *program, struct chan *c, bool is_full)
{
	struct xlate *x = program;
	bool is_door = chan_prog(c) == PROG_SIP || chan_prog(c) == PROG_LINE;

	if (is_door) {
		for (struct chan *hub = NULL; (hub = bus_next(x->bus, PROG_SWITCH, hub));)
			chan_pause(hub, is_full);
		return;
	}
	for (struct chan *door = NULL; (door = bus_next(x->bus, PROG_SIP, door));)
		chan_pause(door, is_full);
	for (struct chan *door = NULL; (door = bus_next(x->bus, PROG_LINE, door));)
		chan_pause(door, is_full);
}

static void down(void *program, struct chan *c)
{
	/* A channel that was full and has died drains no more. */
	if (chan_pending(c) > BUS_HIGH_WATER)
		pressure(program, c, false);
	xlate_down(program, c);
}

int main(int argc, char **argv)
{
	static struct proc_def program = {
		.prog = PROG_XLATE,
		.backend = LOOP_LIBEVENT,
		.handlers = xlate_handlers,
		.commands = xlate_commands,
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.up = up,
		.down = down,
		.pressure = pressure,
	};

	program.n_handlers = xlate_n_handlers;
	program.n_commands = xlate_n_commands;
	return proc_main(argc, argv, &program);
}
