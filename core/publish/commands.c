#include "publish.h"

#include "net/dns_command.h"

/* What operators ask. */

static void show_publish(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct publish *p = program;

	(void)args, (void)n;
	for (size_t i = 0; i < p->n_targets; i++) {
		const struct target *t = p->targets[i];
		proc_record_begin(ask);
		proc_record_str(ask, "target", t->conf.key);
		proc_record_str(ask, "host", t->conf.host);
		proc_record_int(ask, "port", t->conf.port);
		proc_record_str(ask, "state", t->is_up ? "up" : t->is_known ? "down" : "unknown");
		proc_record_int(ask, "requests", (int64_t)t->requests);
		proc_record_int(ask, "errors", (int64_t)t->errors);
		proc_record_int(ask, "connections", t->n_outlets);
		proc_record_int(ask, "idle", t->n_idle);
		proc_record_str(ask, "trouble", t->why);
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}

static void flush_dns(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_flush_command(((struct publish *)program)->dns, ask, args, n);
}

const struct proc_command publish_commands[] = {
	{ "show publish", show_publish },
	{ "dns flush", flush_dns },
};
const size_t publish_n_commands = sizeof publish_commands / sizeof publish_commands[0];
