/* acme.h - chains that gh-pki has from an authority: judged by gh-keys as files of an operator are, then committed as a
 * generation of their own, by "acme". One at a time; nobody waits for another commit here: gh-pki comes again. */
#ifndef CONF_ACME_H
#define CONF_ACME_H

#include "base/buf.h"
#include "run/bus.h"
#include "txn.h"

struct conf;
struct conf_acme {
	uint32_t id;   /* of MSG_ACME_CHAIN; 0: none under way */
	bool is_commit; /* the commit under way is this one's */
	char name[64];
	uint64_t window_ms; /* when the count of commits began */
	unsigned n_commits; /* since then */
	struct buf chain; /* as gh-keys has sorted it */
};

/* MSG_ACME_CHAIN. */
int acme_on_chain(void *conf, struct chan *from, const struct frame *f);
/* A commit has ended: was it ours? */
bool acme_committed(struct conf *c, const struct txn_result *r);
void acme_fini(struct conf *c);
/* Has the whole of these settings no error? Else the first one in why. For what commits by itself. */
bool acme_is_sound(struct conf *c, const struct rows *next, char why[static 512]);

#endif
