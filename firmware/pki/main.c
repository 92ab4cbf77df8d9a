#include "pki.h"

#include "base/err.h"
#include "base/log.h"

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
	p->staples = (struct staples){ .loop = p->loop, .bus = proc_bus(proc), .fetcher = p->fetcher, .cache = &p->cache };
	lists_init(&p->lists);
	staples_init(&p->staples);
	*program = p;
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	pki_config(program, s);
}

static void up(void *program, struct chan *c)
{
	struct pki *p = program;

	lists_up(&p->lists, c);
	staples_up(&p->staples, c);
}

static void stop(void *program, uint32_t grace_ms)
{
	struct pki *p = program;

	(void)grace_ms;
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

static const struct proc_command commands[] = {
	{ "show revocation", show_revocation },
	{ "show stapling", show_stapling },
	{ "revocation fetch", revocation_fetch },
};

int main(int argc, char **argv)
{
	static const struct proc_def program = {
		.prog = PROG_PKI,
		.backend = LOOP_LIBEVENT,
		.commands = commands,
		.n_commands = sizeof commands / sizeof commands[0],
		.prepare = prepare,
		.check = pki_check,
		.apply = apply,
		.up = up,
		.stop = stop,
	};

	return proc_main(argc, argv, &program);
}
