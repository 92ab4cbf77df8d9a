#include "pep/pep_state.h"

#include "base/err.h"

enum { VERSION = 1 };
enum flag { IS_PERSISTENT = 1, HAS_PAYLOADS = 2, TELLS_DELETE = 4, TELLS_RETRACT = 8, TELLS_CONFIG = 16 };

const char *const pep_access_names[PEP_ACCESS_COUNT] = { "open", "presence", "roster", "whitelist" };
const char *const pep_last_names[PEP_LAST_COUNT] = { "never", "on_sub", "on_sub_and_presence" };
const char *const pep_affiliation_names[PEP_AFFILIATION_COUNT] = { "none", "member", "publisher", "outcast", "owner" };

const struct pep_config pep_default = {
	.access = PEP_PRESENCE, .last = PEP_LAST_ON_PRESENCE, .is_persistent = true, .has_payloads = true, .tells_delete = true,
	.tells_retract = true, .max_items = 1,
};

unsigned pep_name_of(const char *const *names, unsigned n, struct bytes name)
{
	unsigned i = 0;

	while (i < n && !bytes_eq_str(name, names[i]))
		i++;
	return i;
}

void pep_state_put(struct buf *b, const struct pep_config *c, struct bytes people)
{
	wire_put_u8(b, VERSION);
	wire_put_u8(b, c->access);
	wire_put_u8(b, c->last);
	wire_put_u8(b, (uint8_t)((c->is_persistent ? IS_PERSISTENT : 0) | (c->has_payloads ? HAS_PAYLOADS : 0) |
				 (c->tells_delete ? TELLS_DELETE : 0) | (c->tells_retract ? TELLS_RETRACT : 0) |
				 (c->tells_config ? TELLS_CONFIG : 0)));
	wire_put_u32(b, c->max_items);
	wire_put_str(b, c->title);
	wire_put_str(b, c->type);
	wire_put_bytes(b, c->groups);
	wire_put_bytes(b, people);
}

int pep_state_get(struct bytes in, struct pep_config *c, struct bytes *people)
{
	struct wire w = wire_of(in);
	bool is_ours = wire_u8(&w) == VERSION;

	c->access = wire_u8(&w);
	c->last = wire_u8(&w);
	uint8_t flags = wire_u8(&w);
	c->is_persistent = flags & IS_PERSISTENT;
	c->has_payloads = flags & HAS_PAYLOADS;
	c->tells_delete = flags & TELLS_DELETE;
	c->tells_retract = flags & TELLS_RETRACT;
	c->tells_config = flags & TELLS_CONFIG;
	c->max_items = wire_u32(&w);
	c->title = wire_str(&w);
	c->type = wire_str(&w);
	c->groups = wire_bytes(&w);
	*people = wire_bytes(&w);
	if (!is_ours || c->access >= PEP_ACCESS_COUNT || c->last >= PEP_LAST_COUNT || !c->max_items)
		return ERR_SYNTAX;
	return wire_end(&w);
}

bool pep_people_next(struct wire *w, struct pep_person *p)
{
	if (!wire_left(w))
		return false;
	p->jid = wire_str(w);
	p->affiliation = wire_u8(w);
	p->is_subscribed = wire_u8(w);
	return !wire_failed(w) && p->affiliation < PEP_AFFILIATION_COUNT;
}

struct pep_person pep_people_find(struct bytes people, struct bytes jid)
{
	struct wire w = wire_of(people);
	struct pep_person p;

	while (pep_people_next(&w, &p))
		if (bytes_eq(p.jid, jid))
			return p;
	return (struct pep_person){ 0 };
}

static void put(struct buf *b, const struct pep_person *p)
{
	wire_put_str(b, p->jid);
	wire_put_u8(b, p->affiliation);
	wire_put_u8(b, p->is_subscribed);
}

int pep_people_set(struct buf *b, struct bytes people, const struct pep_person *p)
{
	struct wire w = wire_of(people);
	struct pep_person old;
	unsigned n = 0;

	while (pep_people_next(&w, &old)) {
		if (bytes_eq(old.jid, p->jid))
			continue;
		put(b, &old);
		n++;
	}
	if (p->affiliation == PEP_NONE && !p->is_subscribed)
		return 0;
	put(b, p);
	return n < PEP_PEOPLE_MAX ? 0 : ERR_LIMIT;
}
