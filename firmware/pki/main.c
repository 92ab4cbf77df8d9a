#include "pki.h"

#include "base/err.h"
#include "base/log.h"
#include "net/dns_command.h"

#include <stdlib.h>

/* gh-pki: what is fetched from, and proved to, authorities of certificates. */

static int prepare(struct proc *proc, void **program)
{
	struct pki *p = calloc(1, sizeof *p);

	if (!p)
		return ERR_NOMEM;
	p->proc = proc;
	p->loop = proc_loop(proc);
	if (tls_prepare() < 0)
		log_warn("pki.trust", LOG_STR("what", "trust"), LOG_STR("name", "system"), LOG_STR("reason", "not-found"));
	p->cache.dir_fd = proc_open_folder(proc);
	if (p->cache.dir_fd < 0) {
		free(p);
		return ERR_NOT_FOUND;
	}
	p->dns = dns_new(p->loop);
	p->fetcher = p->dns ? fetcher_new(p->loop, p->dns) : NULL;
	if (!p->fetcher) {
		dns_free(p->dns);
		free(p);
		return ERR_NOMEM;
	}
	p->lists = (struct lists){ .loop = p->loop, .bus = proc_bus(proc), .fetcher = p->fetcher, .cache = &p->cache };
	p->discovery = (struct discovery){ .loop = p->loop, .own = p->dns, .fetcher = p->fetcher };
	p->staples = (struct staples){ .loop = p->loop, .bus = proc_bus(proc), .fetcher = p->fetcher, .cache = &p->cache };
	lists_init(&p->lists);
	staples_init(&p->staples);
	*program = p;
	return 0;
}

static const char *const acme_stat_names[] = { "acme.issued", "acme.failed", "acme.requests", "acme.bad-nonces" };

static int init(void *program)
{
	struct pki *p = program;

	door_init(&p->door, p->loop, proc_bus(p->proc));
	acme_init(&p->acme, p->loop, proc_bus(p->proc), p->fetcher, &p->door);
	stats_register(&p->acme_stats, acme_stat_names, &p->acme.issued_n, 4);
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	struct pki *p = program;

	pki_config(p, s);
	acme_apply(&p->acme, s);
}

static void listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	door_listener(&((struct pki *)program)->door, name, addr, port, fd);
}

static void up(void *program, struct chan *c)
{
	struct pki *p = program;

	if (chan_prog(c) == PROG_ADMIN)
		door_tell_admin(&p->door);
	lists_up(&p->lists, c);
	staples_up(&p->staples, c);
}

static void down(void *program, struct chan *c)
{
	acme_down(&((struct pki *)program)->acme, chan_prog(c));
}

static int on_answer(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return acme_on_answer(&((struct pki *)program)->acme, f);
}

static int on_kept(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return acme_on_kept(&((struct pki *)program)->acme, f);
}

static void cmd_show(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	acme_cmd_show(&((struct pki *)program)->acme, ask, args, n);
}

static void cmd_renew(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	acme_cmd_renew(&((struct pki *)program)->acme, ask, args, n);
}

static void stop(void *program, uint32_t grace_ms)
{
	struct pki *p = program;

	(void)grace_ms;
	discovery_stop(&p->discovery, "gh-pki is stopping");
	acme_fini(&p->acme);
	door_fini(&p->door);
	lists_fini(&p->lists);
	staples_fini(&p->staples);
	fetcher_free(p->fetcher);
	dns_free(p->dns);
	sk_X509_pop_free(p->pool, X509_free);
	tls_store_free(p->trust);
	tls_forget();
	proc_exit(p->proc, 0);
}

static void show_revocation(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	(void)args;
	(void)n;
	lists_show(&((struct pki *)program)->lists, ask);
}

static void show_stapling(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	(void)args;
	(void)n;
	staples_show(&((struct pki *)program)->staples, ask);
}

static void revocation_fetch(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct pki *p = program;

	(void)args;
	(void)n;
	lists_fetch_all(&p->lists);
	staples_fetch_all(&p->staples);
	proc_done(ask, 0, "asked for; show revocation and show stapling say what came");
}

static void discovery_check(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	discovery_command(&((struct pki *)program)->discovery, ask, args, n);
}

static void flush_dns(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_flush_command(((struct pki *)program)->dns, ask, args, n);
}

static const struct bus_handler handlers[] = { { MSG_ACME_ANSWER, on_answer }, { MSG_ACME_KEPT, on_kept } };
static const struct proc_command commands[] = {
	{ "show acme", cmd_show },
	{ "acme renew", cmd_renew },
	{ "show revocation", show_revocation },
	{ "show stapling", show_stapling },
	{ "revocation fetch", revocation_fetch },
	{ "discovery check", discovery_check },
	{ "dns flush", flush_dns },
};

int main(int argc, char **argv)
{
	static const struct proc_def program = {
		.prog = PROG_PKI,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = commands,
		.n_commands = sizeof commands / sizeof commands[0],
		.prepare = prepare,
		.init = init,
		.check = pki_check,
		.apply = apply,
		.listener = listener,
		.up = up,
		.down = down,
		.stop = stop,
	};

	return proc_main(argc, argv, &program);
}
