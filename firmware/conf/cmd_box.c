/* Commands about the box as a whole: factory reset, shutdown, reboot. */
#include "base/err.h"
#include "base/log.h"
#include "conf.h"
#include "run/disk.h"
#include "run/box.h"

#include <stdio.h>

int conf_end_box(struct conf *c, unsigned what)
{
	struct chan *to = bus_chan(c->bus, PROG_SUPER, 0);

	wire_put_u8(chan_begin(to, MSG_BOX_END, 0), (uint8_t)what);
	return chan_end(to);
}

bool conf_is_appliance(const struct conf *c)
{
	for (size_t i = 0; i < c->n_processes; i++)
		if (c->processes[i].prog == PROG_PRIV)
			return true;
	return false;
}

static void end_box(struct conf *c, struct oper *o, unsigned what, const char *text)
{
	int rc = conf_end_box(c, what);

	oper_done(o, rc, rc ? "gh-super cannot be reached" : text);
}

/* The name of the box, typed, shows that the person means this box. */
static bool is_confirmed(struct conf *c, struct oper *o, const struct command_args *args)
{
	struct bytes name = rows_value(&c->store.running, SET_SYSTEM_NAME, BYTES_NONE);
	char text[256];

	if (args->n > 1 && bytes_eq(args->v[1], name))
		return true;
	snprintf(text, sizeof text, "nothing was reset: to confirm, type the name of this box behind it: factory-reset %.*s %.*s", BYTES_FMT(args->v[0]),
	         BYTES_FMT(name));
	oper_done(o, ERR_DENIED, text);
	return false;
}

/* A file of ours says so across a crash; the start does it (conf_reset_settings). */
static void reset_settings(struct conf *c, struct oper *o)
{
	int rc = disk_replace(c->store.dir_fd, CONF_RESET_FILE, BYTES("settings\n"));

	if (rc)
		oper_done(o, rc, "the reset could not be written: nothing has changed");
	else
		end_box(c, o, BOX_RESTART, "settings and their history are being wiped; keys, accounts and people's data stay");
}

COMMAND_FN(cmd_factory_reset)
{
	bool is_all = bytes_eq_str(args->v[0], "all");

	(void)cmd;
	if (c->transfer.oper_id)
		oper_done(o, ERR_AGAIN, "a backup, restore, upgrade or list of contacts is under way");
	else if (!is_confirmed(c, o, args))
		return;
	else if (is_all)
		end_box(c, o, BOX_RESET, "everything is being wiped; the box starts again as new, with a new host id");
	else
		reset_settings(c, o);
}

COMMAND_FN(cmd_shutdown)
{
	(void)cmd;
	(void)args;
	end_box(c, o, BOX_SHUTDOWN, "stopping");
}

COMMAND_FN(cmd_reboot)
{
	(void)cmd;
	(void)args;
	end_box(c, o, BOX_REBOOT, "starting again");
}
