/* staples.h - how authorities say that our certificates stand (OCSP, RFC 6960): asked for each `certificate * chain` that names
 * a responder, verified, kept on the disk, and given to the doors, which staple it (net/tls_news.h). */
#ifndef PKI_STAPLES_H
#define PKI_STAPLES_H

#include "base/list.h"
#include "cache.h"
#include "fetch.h"
#include "net/ocsp.h"
#include "net/tls.h"
#include "run/proc.h"
#include "run/settings.h"
#include "when.h"

struct staple_source {
	struct list node;
	struct staples *all;
	char name[64]; /* of the certificate */
	struct ocsp_subject subject;
	struct buf answer; /* what is shown; empty: nothing */
	enum ocsp_status status;
	bool is_known;     /* status is what the authority said last */
	struct when when;
	struct fetch *fetch;
	char why[160]; /* the last trouble; "" none */
	bool is_seen;  /* the settings have it */
};

struct staples {
	struct loop *loop;
	struct bus *bus;
	struct fetcher *fetcher;
	const struct cache *cache;
	struct tls_store *trust; /* where issuers are that a chain leaves out; the owner's */
	struct list all;
	struct loop_timer timer;
	bool is_on;
};

/* The rest of *s is set. */
void staples_init(struct staples *s);
void staples_fini(struct staples *s);
/* New settings; trust is set anew before. */
void staples_apply(struct staples *s, const struct settings *set);
/* A program that may staple has come. */
void staples_up(struct staples *s, struct chan *c);
/* Asks for all now. */
void staples_fetch_all(struct staples *s);
void staples_show(const struct staples *s, struct proc_ask *ask);

#endif
