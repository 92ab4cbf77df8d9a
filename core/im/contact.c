#include "contact.h"

#include <stdlib.h>

static uint8_t *put(uint8_t *at, struct bytes v)
{
	if (v.n)
		memcpy(at, v.p, v.n);
	return at + v.n;
}

struct contact *contact_new(const struct contact_parts *p)
{
	struct contact *c = malloc(sizeof *c + p->jid.n + p->name.n + p->groups.n + p->request.n + p->shared.n);

	if (!c)
		return NULL;
	*c = (struct contact){ .bits = p->bits, .jid_n = (uint16_t)p->jid.n, .name_n = (uint16_t)p->name.n,
			       .groups_n = (uint32_t)p->groups.n, .request_n = (uint32_t)p->request.n, .shared_n = (uint32_t)p->shared.n };
	put(put(put(put(put(c->data, p->jid), p->name), p->groups), p->request), p->shared);
	return c;
}
