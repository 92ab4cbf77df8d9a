#include "scan.h"

#include "net/dns_command.h"

/* What operators ask. */

static void show_scan(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct scan *g = program;

	(void)args, (void)n;
	for (size_t i = 0; i < g->n_servers; i++) {
		const struct server *s = &g->servers[i];
		proc_record_begin(ask);
		proc_record_str(ask, "server", s->name);
		proc_record_str(ask, "state", s->is_up ? "up" : s->is_known ? "down" : "unknown");
		proc_record_int(ask, "files", (int64_t)s->files);
		proc_record_int(ask, "infected", (int64_t)s->infected);
		proc_record_int(ask, "failures", (int64_t)s->failures);
		proc_record_int(ask, "scanning", g->n_running);
		proc_record_int(ask, "waiting", g->n_waiting);
		proc_record_str(ask, "trouble", s->why);
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}

static void flush_dns(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_flush_command(((struct scan *)program)->dns, ask, args, n);
}

const struct proc_command scan_commands[] = {
	{ "show upload scan", show_scan },
	{ "dns flush", flush_dns },
};
const size_t scan_n_commands = sizeof scan_commands / sizeof scan_commands[0];
