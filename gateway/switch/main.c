#include "switch.h"

#include "base/err.h"
#include "run/stats.h"

#include <stdlib.h>

uint64_t switch_stats[STAT_COUNT];
static const char *const stat_names[] = {
	"switch.in.core",	 "switch.in.door",    "switch.passed",	    "switch.away",
	"switch.refused.not_hosted", "switch.refused.denied", "switch.refused.rate", "switch.refused.hops",
	"switch.refused.loop",	 "switch.refused.forged", "switch.full",
};
_Static_assert(sizeof stat_names / sizeof stat_names[0] == STAT_COUNT, "one name a counter");

static int prepare(struct proc *p, void **program)
{
	struct hub *h = calloc(1, sizeof *h);

	if (!h)
		return ERR_NOMEM;
	h->proc = p;
	h->loop = proc_loop(p);
	h->bus = proc_bus(p);
	*program = h;
	return 0;
}

static int init(void *program)
{
	static struct stats stats;

	(void)program;
	stats_register(&stats, stat_names, switch_stats, STAT_COUNT);
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	if (hub_set_policy(program, s))
		die("switch.apply", "no memory for the policy");
}

/* A core that cannot keep up stops the doors' reading, not the other way round: the core answers
 * local people, and what it sends outward waits with gh-im when gh-s2s is full. */
static void pressure(void *program, struct chan *c, bool is_full)
{
	struct hub *h = program;

	if (!h->settings || chan_prog(c) != h->core)
		return;
	for (unsigned side = 0; side < HUB_SIDES; side++)
		for (struct chan *door = NULL; (door = bus_next(h->bus, h->doors[side], door));)
			chan_pause(door, is_full);
}

/* Doors that were paused for a core that has died go on. */
static void down(void *program, struct chan *c)
{
	pressure(program, c, false);
	hub_down(program, c);
}

static const struct bus_handler handlers[] = {
	{ MSG_ROUTE, hub_on_route },
	{ MSG_ROUTE_DONE, hub_on_route_done },
};

static const struct proc_command commands[] = {
	{ "trace domain", trace_command },
	{ "show routes", routes_command },
};

int main(int argc, char **argv)
{
	static const struct proc_def program = {
		.prog = PROG_SWITCH,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = commands,
		.n_commands = sizeof commands / sizeof commands[0],
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.down = down,
		.pressure = pressure,
	};

	return proc_main(argc, argv, &program);
}
