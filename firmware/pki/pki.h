/* pki.h - gh-pki as one struct: what its files share. */
#ifndef PKI_PKI_H
#define PKI_PKI_H

#include "acme.h"
#include "door.h"
#include "fetch.h"
#include "net/dns.h"
#include "net/tls.h"
#include "run/proc.h"

struct pki {
	struct proc *proc;
	struct loop *loop;
	struct dns *dns;
	struct fetcher *fetcher;
	char refused[256];       /* path of the setting that check refused */
	struct tls_store *trust; /* of requests that begin now; NULL before the first settings */
	struct door door;
	struct acme acme;
	struct stats acme_stats;
};

/* config.c: name servers, whom we trust, where we may go. */
int pki_check(void *program, const struct settings *s, const char **path, const char **why);
void pki_config(struct pki *p, const struct settings *s);

#endif
