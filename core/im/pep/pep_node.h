/* pep_node.h - the nodes of a user as long as the user is in memory (user.h): names and states. Items lie in gh-store.
 * One block of memory each; a change makes a new one. */
#ifndef IM_PEP_NODE_H
#define IM_PEP_NODE_H

#include "base/wire.h"
#include "pep/pep_state.h"
#include "user.h"

struct pep_node {
	struct pep_config config; /* its texts are views of data */
	struct bytes people;      /* pep_people_next */
	char *last;               /* id of the item published last; NULL: none is kept */
	uint16_t name_n;
	uint32_t state_n;
	uint8_t data[]; /* name, state */
};

static inline struct bytes pep_node_name(const struct pep_node *n)
{
	return bytes_make(n->data, n->name_n);
}
static inline struct bytes pep_node_state(const struct pep_node *n)
{
	return bytes_make(n->data + n->name_n, n->state_n);
}

/* NULL when there is none. */
struct pep_node *pep_node_find(const struct user *u, struct bytes name);
/* Makes it, or gives it another state; the last item stays. NULL without memory. In memory only. */
struct pep_node *pep_node_put(struct user *u, struct bytes name, const struct pep_config *c, struct bytes people);
void pep_node_set_last(struct pep_node *n, struct bytes id);
/* Takes it out; the caller has it then. */
void pep_node_take(struct user *u, struct pep_node *n);
void pep_node_free(struct pep_node *n);
/* As gh-store tells it with a user. ERR_SYNTAX, ERR_NOMEM. */
int pep_node_load(struct user *u, struct wire *w);
void pep_nodes_clear(struct user *u);

#endif
