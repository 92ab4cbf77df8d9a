#include "places.h"

#include <stdlib.h>

#include "base/err.h"

int places_set_targets(struct places *p, const struct dns_target *t, size_t n)
{
	struct dns_target *copy = n ? calloc(n, sizeof *copy) : NULL;

	if (n && !copy)
		return ERR_NOMEM;
	if (n)
		memcpy(copy, t, n * sizeof *copy);
	free(p->targets);
	*p = (struct places){ .targets = copy, .n_targets = (uint16_t)n };
	return 0;
}

void places_set_addrs(struct places *p, const struct dns_addr *a, size_t n)
{
	if (n > DNS_ADDRS_MAX)
		n = DNS_ADDRS_MAX;
	if (n)
		memcpy(p->addrs, a, n * sizeof *a);
	p->n_addrs = (uint16_t)n;
	p->addr = 0;
}

const struct dns_target *places_target(const struct places *p)
{
	return p->target < p->n_targets ? &p->targets[p->target] : NULL;
}

const struct dns_addr *places_next_addr(struct places *p)
{
	return p->addr < p->n_addrs ? &p->addrs[p->addr++] : NULL;
}

bool places_next_target(struct places *p)
{
	if (p->target < p->n_targets)
		p->target++;
	p->n_addrs = p->addr = 0;
	return p->target < p->n_targets;
}

void places_fini(struct places *p)
{
	free(p->targets);
	*p = (struct places){ 0 };
}
