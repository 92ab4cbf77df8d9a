/* pki.h - gh-pki as one struct: what its files share. */
#ifndef PKI_PKI_H
#define PKI_PKI_H

#include "acme.h"
#include "discovery.h"
#include "door.h"
#include "fetch.h"
#include "lists.h"
#include "net/dns.h"
#include "net/tls.h"
#include "run/proc.h"
#include "staples.h"

struct pki {
	struct proc *proc;
	struct loop *loop;
	struct dns *dns;
	struct fetcher *fetcher;
	struct cache cache;
	struct lists lists;
	struct staples staples;
	const struct settings *settings; /* NULL before the first */
	char refused[256];       /* path of the setting that check refused */
	struct tls_store *trust; /* of requests that begin now; NULL before the first settings */
	struct door door;
	struct acme acme;
	struct discovery discovery;
	struct stats acme_stats;
	STACK_OF(X509) *pool;    /* intermediates of our own chains: authorities that lists may be of */
};

/* config.c: name servers, whom we trust, where we may go. */
int pki_check(void *program, const struct settings *s, const char **path, const char **why);
void pki_config(struct pki *p, const struct settings *s);

#endif
