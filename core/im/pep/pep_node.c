#include "pep/pep_node.h"

#include "base/err.h"

#include <stdlib.h>

enum { STATE_BYTES_MAX = 1 << 20 };

static int place(const struct user *u, struct bytes name)
{
	for (uint32_t i = 0; i < u->n_nodes; i++)
		if (bytes_eq(pep_node_name(u->nodes[i]), name))
			return (int)i;
	return -1;
}

struct pep_node *pep_node_find(const struct user *u, struct bytes name)
{
	int i = place(u, name);

	return i < 0 ? NULL : u->nodes[i];
}

static struct pep_node *make(struct bytes name, struct bytes state)
{
	struct pep_node *n = calloc(1, sizeof *n + name.n + state.n);

	if (!n)
		return NULL;
	n->name_n = (uint16_t)name.n;
	n->state_n = (uint32_t)state.n;
	memcpy(n->data, name.p, name.n);
	memcpy(n->data + name.n, state.p, state.n);
	if (pep_state_get(pep_node_state(n), &n->config, &n->people)) {
		free(n);
		return NULL;
	}
	return n;
}

static bool append(struct user *u, struct pep_node *n)
{
	struct pep_node **more = realloc(u->nodes, (u->n_nodes + 1) * sizeof *more);

	if (!more)
		return false;
	u->nodes = more;
	u->nodes[u->n_nodes++] = n;
	return true;
}

static struct pep_node *put(struct user *u, struct bytes name, struct bytes state)
{
	struct pep_node *n = make(name, state);
	int at = place(u, name);

	if (n && at >= 0) {
		n->last = u->nodes[at]->last;
		free(u->nodes[at]);
		u->nodes[at] = n;
	} else if (n && !append(u, n)) {
		free(n);
		n = NULL;
	}
	return n;
}

struct pep_node *pep_node_put(struct user *u, struct bytes name, const struct pep_config *c, struct bytes people)
{
	struct pep_node *n = NULL;
	struct buf b;

	buf_init(&b, STATE_BYTES_MAX);
	pep_state_put(&b, c, people);
	if (!buf_failed(&b))
		n = put(u, name, buf_bytes(&b));
	buf_fini(&b);
	return n;
}

void pep_node_set_last(struct pep_node *n, struct bytes id)
{
	free(n->last);
	n->last = id.n ? strndup((const char *)id.p, id.n) : NULL;
}

void pep_node_take(struct user *u, struct pep_node *n)
{
	int at = place(u, pep_node_name(n));

	if (at < 0)
		return;
	u->n_nodes--;
	memmove(u->nodes + at, u->nodes + at + 1, (u->n_nodes - (uint32_t)at) * sizeof *u->nodes);
}

void pep_node_free(struct pep_node *n)
{
	if (!n)
		return;
	free(n->last);
	free(n);
}

int pep_node_load(struct user *u, struct wire *w)
{
	struct bytes name = wire_str(w), state = wire_bytes(w), last = wire_str(w);

	if (wire_failed(w))
		return ERR_SYNTAX;
	struct pep_node *n = put(u, name, state);
	if (n)
		pep_node_set_last(n, last);
	return n ? 0 : ERR_NOMEM;
}

void pep_nodes_clear(struct user *u)
{
	for (uint32_t i = 0; i < u->n_nodes; i++)
		pep_node_free(u->nodes[i]);
	free(u->nodes);
	u->nodes = NULL;
	u->n_nodes = 0;
}
