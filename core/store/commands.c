#include "program.h"

#include "net/dns_command.h"

#include <sys/stat.h>

/* What operators ask. */

static const char *state_of(const struct program *g)
{
	return g->is_ready ? "up" : g->server.is_failing ? "down" : "starting";
}

static void show_store(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct program *g = program;
	const struct server *s = &g->server;
	struct stat file;

	(void)args, (void)n;
	proc_record_begin(ask);
	proc_record_str(ask, "engine", s->settings ? "postgresql" : "sqlite");
	proc_record_str(ask, "state", state_of(g));
	if (s->settings) {
		proc_record_str(ask, "server", s->host);
		proc_record_int(ask, "port", s->port);
		proc_record_str(ask, "version", s->db ? db_server_version(s->db) : "");
		proc_record_int(ask, "failures", s->failures);
		proc_record_str(ask, "trouble", s->why);
	} else if (stat(STORE_DB_FILE, &file) == 0) {
		proc_record_int(ask, "bytes", file.st_size);
	}
	proc_record_int(ask, "waiting", g->hold.n);
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

static void flush_dns(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct program *g = program;

	if (g->server.dns)
		dns_flush_command(g->server.dns, ask, args, n);
	else
		proc_done(ask, 0, "");
}

const struct proc_command store_commands[] = {
	{ "show store", show_store },
	{ "dns flush", flush_dns },
};
const size_t store_n_commands = sizeof store_commands / sizeof store_commands[0];
