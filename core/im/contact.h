/* contact.h - one row of a roster: address, state, name, groups, the request that waits, and what groups
 * of the directory say. One
 * block of memory each; a change makes a new one. */
#ifndef IM_CONTACT_H
#define IM_CONTACT_H

#include "base/bytes.h"
#include "run/store_op.h"

struct contact {
	uint8_t bits; /* enum contact_bit */
	bool is_seen; /* at another domain, and available as far as we know (partner.c) */
	uint16_t jid_n, name_n;
	uint32_t groups_n, request_n, shared_n;
	uint8_t data[]; /* jid, name, groups (each a str of base/wire.h), request (a stanza), shared (presence/shared.h) */
};

struct contact_parts {
	struct bytes jid, name, groups, request, shared;
	uint8_t bits;
};

static inline struct bytes contact_jid(const struct contact *c)
{
	return bytes_make(c->data, c->jid_n);
}
static inline struct bytes contact_name(const struct contact *c)
{
	return bytes_make(c->data + c->jid_n, c->name_n);
}
static inline struct bytes contact_groups(const struct contact *c)
{
	return bytes_make(c->data + c->jid_n + c->name_n, c->groups_n);
}
static inline struct bytes contact_request(const struct contact *c)
{
	return bytes_make(c->data + c->jid_n + c->name_n + c->groups_n, c->request_n);
}
static inline struct bytes contact_shared(const struct contact *c)
{
	return bytes_make(c->data + c->jid_n + c->name_n + c->groups_n + c->request_n, c->shared_n);
}
static inline struct contact_parts contact_parts(const struct contact *c)
{
	return (struct contact_parts){ contact_jid(c), contact_name(c), contact_groups(c), contact_request(c), contact_shared(c),
				       c->bits };
}

/* NULL without memory. */
struct contact *contact_new(const struct contact_parts *p);

#endif
