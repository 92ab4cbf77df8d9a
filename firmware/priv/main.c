#include "priv.h"

#include "base/err.h"
#include "base/log.h"
#include "run/alarm.h"

#include <stdlib.h>

enum { SETTLE_MS = 200 }; /* changes come in bursts */

static int prepare(struct proc *proc, void **program)
{
	struct priv *p = calloc(1, sizeof *p);
	int rc = p ? kernel_open(&p->kernel) : ERR_NOMEM;

	if (!rc)
		rc = filter_open(&p->filter);
	if (rc) {
		if (p)
			kernel_close(p->kernel);
		free(p);
		return rc;
	}
	p->proc = proc;
	knobs_open(&p->knobs);
	duid_read(&p->duid);
	*program = p;
	return 0;
}

static void on_again(void *arg)
{
	struct priv *p = arg;

	if (p->is_applied)
		priv_converge(p);
}

static void on_look(void *arg)
{
	struct priv *p = arg;

	if (p->is_applied && kernel_read(p->kernel, &p->have) == 0)
		priv_look_at_legs(p);
	else if (p->is_applied)
		(void)loop_timer_set(p->loop, &p->look, LEGS_LOOK_MS); /* it has just fired */
}

/* Our own changes come back here, too: the look after them finds nothing to do. */
static void on_event(void *arg, unsigned events)
{
	struct priv *p = arg;

	(void)events;
	kernel_drain(p->kernel);
	if (!loop_timer_is_set(&p->again) || p->again.at_ms > loop_now(p->loop) + SETTLE_MS)
		(void)loop_timer_set(p->loop, &p->again, SETTLE_MS); /* a place of its own since init */
}

static int init(void *program)
{
	struct priv *p = program;

	p->loop = proc_loop(p->proc);
	if (filter_shut(p->filter))
		log_error("net.firewall.failed", LOG_STR("why", "the packet filter cannot be shut"));
	loop_timer_init(&p->again, on_again, p);
	loop_timer_init(&p->lease_end, on_again, p);
	loop_timer_init(&p->look, on_look, p);
	int rc = loop_timer_set(p->loop, &p->look, LEGS_LOOK_MS); /* as the next */
	rc = rc ? rc : loop_timer_set(p->loop, &p->lease_end, SETTLE_MS); /* now, so that it needs no memory later */
	if (rc)
		return rc;
	rc = loop_timer_set(p->loop, &p->again, SETTLE_MS);
	return rc ? rc : loop_watch_add(p->loop, &p->events, kernel_events(p->kernel), LOOP_READ, on_event, p);
}

static int check(void *program, const struct settings *s, const char **path, const char **why)
{
	static struct wanted_error error;
	struct wanted ignored;
	int rc = wanted_read(s, &ignored, &error);

	(void)program;
	*path = error.path;
	*why = error.why;
	return rc;
}

static void apply(void *program, const struct settings *s)
{
	struct priv *p = program;
	struct wanted_error error;

	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	if (wanted_read(s, &p->wanted, &error)) /* check has passed */
		log_warn("net.refused", LOG_STR("step", error.path), LOG_STR("why", error.why));
	p->is_applied = true;
	priv_converge(p);
	lease_tell_offers(p);
}

static int on_firewall(void *program, struct chan *from, const struct frame *f)
{
	struct priv *p = program;
	struct wire w = wire_of(f->body);
	struct bytes text = wire_bytes(&w);
	char why[256];

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	int rc = filter_load(p->filter, text, why);
	if (rc)
		log_error("net.firewall.failed", LOG_STR("why", why));
	alarm_set(ALARM_FIREWALL, "", rc != 0, why);
	return 0;
}

static void on_up(void *program, struct chan *ch)
{
	struct priv *p = program;

	if (chan_prog(ch) == PROG_CONF)
		lease_tell_offers(p);
	if (chan_prog(ch) != PROG_DHCP)
		return;
	lease_forget_asked(p);
	if (p->is_applied)
		priv_converge(p);
}

static const struct bus_handler handlers[] = {
	{ MSG_FIREWALL, on_firewall },
	{ MSG_DHCP_LEASE, lease_on_news },
};

int main(int argc, char **argv)
{
	const struct proc_def def = {
		.prog = PROG_PRIV, .backend = LOOP_POLL,
		.handlers = handlers, .n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = priv_commands, .n_commands = priv_n_commands,
		.prepare = prepare, .init = init, .check = check, .apply = apply, .up = on_up,
	};
	return proc_main(argc, argv, &def);
}
