/* linked.h - what gh-link has from an enrolment or a renewal: certificates and the edge's row, committed as a generation of their
 * own, by "link". One at a time; nobody waits for another commit here: gh-link comes again. */
#ifndef CONF_LINKED_H
#define CONF_LINKED_H

#include "run/bus.h"
#include "txn.h"

struct conf;
struct conf_linked {
	uint32_t id; /* of MSG_LINK_KEEP whose commit is under way; 0: none */
	uint64_t window_ms;
	unsigned n_commits;
};

/* MSG_LINK_KEEP. */
int linked_on_keep(void *conf, struct chan *from, const struct frame *f);
/* A commit has ended: was it ours? */
bool linked_committed(struct conf *c, const struct txn_result *r);

#endif
