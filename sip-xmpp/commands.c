#include "commands.h"

#include "service_features.h"
#include "presence.h"

/* What is under way, then what each feature holds. */
static void show_gateway(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct xlate *x = program;

	(void)args;
	(void)n_args;
	proc_record_begin(ask);
	proc_record_str(ask, "part", "under way");
	proc_record_int(ask, "requests_in", (int64_t)x->requests_in.count);
	proc_record_int(ask, "requests_out", (int64_t)x->requests_out.count);
	proc_record_int(ask, "stanzas_in", (int64_t)x->stanzas_in.count);
	proc_record_int(ask, "stanzas_out", (int64_t)x->stanzas_out.count);
	proc_record_end(ask);
	features_show(x, ask);
	proc_done(ask, 0, "");
}

static void show_subscriptions(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	(void)args;
	(void)n_args;
	presence_show_subscriptions(program, ask);
	proc_done(ask, 0, "");
}

const struct proc_command xlate_commands[] = {
	{ "show gateway", show_gateway },
	{ "show gateway subscriptions", show_subscriptions },
};
const size_t xlate_n_commands = sizeof xlate_commands / sizeof xlate_commands[0];
