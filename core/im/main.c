#include "im.h"

#include "base/err.h"
#include "run/stats.h"
#include "command/commands.h"

#include <stdlib.h>

static int prepare(struct proc *p, void **program)
{
	struct im *im = calloc(1, sizeof *im);

	if (!im)
		return ERR_NOMEM;
	*program = im;
	return im_init(im, proc_loop(p), proc_bus(p), proc_instance(p));
}

static int init(void *program)
{
	static struct stats stats;

	(void)program;
	stats_register(&stats, im_stat_names, im_stats, IM_STAT_COUNT);
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	im_apply(program, s);
}

static void up(void *program, struct chan *c)
{
	im_up(program, c);
}

/* While a door cannot take what we send, nobody's stanzas are read: they would only pile up here.
 * Doors themselves never stop reading from us. */
static void pressure(void *program, struct chan *c, bool is_full)
{
	struct im *im = program;

	(void)c;
	im->full_channels += is_full ? 1 : im->full_channels ? -1u : 0;
	bool is_paused = im->full_channels > 0;
	for (struct chan *door = NULL; (door = bus_next(im->bus, PROG_ACCESS, door));)
		chan_pause(door, is_paused);
	for (struct chan *sip = NULL; (sip = bus_next(im->bus, PROG_XLATE, sip));)
		chan_pause(sip, is_paused);
	for (struct chan *hub = NULL; (hub = bus_next(im->bus, PROG_SWITCH, hub));)
		chan_pause(hub, is_paused);
}

static void down(void *program, struct chan *c)
{
	/* A channel that was full and has died drains no more. */
	if (chan_pending(c) > BUS_HIGH_WATER)
		pressure(program, c, false);
	im_down(program, c);
}

int main(int argc, char **argv)
{
	static struct proc_def program = {
		.prog = PROG_IM,
		.backend = LOOP_LIBEVENT,
		.handlers = im_handlers,
		.commands = im_commands,
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.up = up,
		.down = down,
		.pressure = pressure,
	};

	program.n_handlers = im_n_handlers;
	program.n_commands = im_n_commands;
	return proc_main(argc, argv, &program);
}
