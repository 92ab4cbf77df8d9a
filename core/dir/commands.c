#include "conn.h"
#include "sync.h"
#include "validate.h"

#include "base/err.h"
#include "net/dns_command.h"
#include "proto/jid.h"
#include "run/alarm.h"

#include <stdlib.h>

/* What operators ask. */

static void show_directory(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct dir *d = program;

	(void)args, (void)n;
	for (size_t i = 0; i < d->n_servers; i++) {
		const struct server *s = &d->servers[i];
		proc_record_begin(ask);
		proc_record_str(ask, "server", s->host);
		proc_record_int(ask, "port", s->port);
		proc_record_str(ask, "security", s->is_ldaps ? "ldaps" : d->config.is_clear ? "clear" : "starttls");
		proc_record_str(ask, "state", d->is_refused ? "refused" : s->is_up ? "up" : s->is_known ? "down" : "unknown");
		proc_record_int(ask, "requests", (int64_t)s->requests);
		proc_record_int(ask, "failures", (int64_t)s->failures);
		proc_record_str(ask, "trouble", s->why);
		proc_record_end(ask);
	}
	proc_done(ask, d->is_usable ? 0 : ERR_BAD_STATE, d->is_usable ? "" : "its settings cannot be used: check");
}

/* ---- directory find: what an address is in the directory ---- */

struct find {
	struct dir *dir;
	struct proc_ask *ask;
	struct task task;
	struct ldap_search search;
	struct arena arena;
	unsigned n;
};

static void on_again(void *arg)
{
	((struct find *)arg)->n = 0;
}

static void on_entry(void *arg, const struct ldap_answer *a)
{
	struct find *f = arg;
	struct person p;

	int rc = person_read(&f->dir->config.people, a, &f->dir->arena, &p);
	f->n++;
	proc_record_begin(f->ask);
	proc_record_text(f->ask, "dn", a->dn);
	proc_record_text(f->ask, "user", rc == ERR_NOMEM ? BYTES_NONE : p.user);
	proc_record_text(f->ask, "address", rc ? BYTES_NONE : p.jid);
	proc_record_text(f->ask, "name", rc == ERR_NOMEM ? BYTES_NONE : p.name);
	proc_record_text(f->ask, "mail", rc == ERR_NOMEM ? BYTES_NONE : p.mail);
	proc_record_text(f->ask, "uri", rc == ERR_NOMEM ? BYTES_NONE : p.uri);
	proc_record_end(f->ask);
}

static void on_found(void *arg, int rc, uint32_t code)
{
	struct find *f = arg;

	if (!rc && code && code != LDAP_SIZE_LIMIT)
		rc = ERR_DENIED;
	if (!rc && !f->n)
		rc = ERR_NOT_FOUND;
	proc_done(f->ask, rc, rc == ERR_NOT_FOUND ? "nobody in the directory has this address" : rc == ERR_DENIED ? "the server refuses the search" :
	          rc == ERR_AUTH ? "the server refuses directory bind-dn or its password" : rc ? "no server could say: show directory" : "");
	arena_fini(&f->arena);
	free(f);
}

/* Asks anew even where the service's password was refused: an operator sees to it that it is right by now (B-LDP-10, B-LDX-14). */
static void find(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	enum { ARENA_MAX = 64 << 10, RESULTS = 10 };
	struct dir *d = program;
	struct find *f = n ? calloc(1, sizeof *f) : NULL;

	if (!f) {
		proc_done(ask, n ? ERR_NOMEM : ERR_RANGE, n ? err_text(ERR_NOMEM) : "whom?");
		return;
	}
	f->dir = d;
	f->ask = ask;
	arena_init(&f->arena, ARENA_MAX);
	struct jid j;
	int rc = jid_parse(args[0], &f->arena, &j);
	struct bytes jid = rc ? BYTES_NONE : arena_dup(&f->arena, j.full);
	rc = jid.n ? person_find(&d->config.people, jid, &f->arena, &f->search) : ERR_SYNTAX;
	if (rc) {
		proc_done(ask, rc, rc == ERR_NOT_FOUND ? "nobody in the directory can have this address: directory domain" : "this is no address");
		arena_fini(&f->arena);
		free(f);
		return;
	}
	if (d->is_refused) {
		d->is_refused = false;
		alarm_clear(ALARM_DIRECTORY_REFUSED, "");
	}
	f->search.base = arena_dup(&f->arena, bytes_of(d->config.base)); /* settings may change meanwhile */
	f->search.scope = LDAP_SCOPE_SUBTREE;
	f->search.filter = arena_dup(&f->arena, bytes_of(d->config.filter));
	f->search.size_limit = RESULTS;
	f->search.time_limit_s = d->config.timeout_ms / 1000;
	person_wants(&d->config.people, &f->search);
	f->task = (struct task){ .search = &f->search, .patience_ms = d->config.timeout_ms, .again = on_again, .entry = on_entry, .done = on_found, .arg = f };
	task_start(d, &f->task);
}

static void flush_dns(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_flush_command(((struct dir *)program)->dns, ask, args, n);
}

const struct proc_command dir_commands[] = {
	{ "show directory", show_directory },
	{ "show directory sync", sync_show },
	{ "directory find", find },
	{ "directory sync", sync_command },
	{ "directory validate", validate_command },
	{ "dns flush", flush_dns },
};
const size_t dir_n_commands = sizeof dir_commands / sizeof dir_commands[0];
