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
	p->dns = dns_new(p->loop);
	p->fetcher = p->dns ? fetcher_new(p->loop, p->dns) : NULL;
	if (!p->fetcher) {
		dns_free(p->dns);
		free(p);
		return ERR_NOMEM;
	}
	*program = p;
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	pki_config(program, s);
}

static void stop(void *program, uint32_t grace_ms)
{
	struct pki *p = program;

	(void)grace_ms;
	fetcher_free(p->fetcher);
	dns_free(p->dns);
	tls_store_free(p->trust);
	tls_forget();
	proc_exit(p->proc, 0);
}

int main(int argc, char **argv)
{
	static const struct proc_def program = {
		.prog = PROG_PKI,
		.backend = LOOP_LIBEVENT,
		.prepare = prepare,
		.check = pki_check,
		.apply = apply,
		.stop = stop,
	};

	return proc_main(argc, argv, &program);
}
