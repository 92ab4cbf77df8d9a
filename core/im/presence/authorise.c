#include "presence/authorise.h"

#include "base/err.h"
#include "base/wire.h"
#include "domain.h"
#include "presence/shared.h"
#include "proto/jid.h"
#include "session.h"

#include <stdlib.h>

enum authorise_verdict authorise_decide(const struct authorise_case *c)
{
	static const enum authorise_verdict by_default[] = {
		[AUTHORISE_UNSET] = AUTHORISE_ASKS,
		[AUTHORISE_ASK] = AUTHORISE_ASKS,
		[AUTHORISE_ALLOW] = AUTHORISE_APPROVES,
		[AUTHORISE_BLOCK] = AUTHORISE_REFUSES,
	};

	/* D-AUT-02; not for others: D-AUT-09. Who lets in nobody means people here as well (C-AVL-17). */
	if (c->is_local && c->is_local_approved && c->otherwise != AUTHORISE_BLOCK)
		return AUTHORISE_APPROVES;
	if (c->is_allowed) /* D-AUT-05, D-AUT-10 */
		return AUTHORISE_APPROVES;
	if (c->is_contact) /* D-AUT-07, and by it D-AUT-08: whatever the default */
		return AUTHORISE_APPROVES;
	return by_default[c->otherwise];
}

/* The address or its domain, in the list. */
static bool has(struct wire *w, struct bytes bare)
{
	struct jid j = jid_of_normal(bare);
	bool is_there = false;

	for (uint16_t n = wire_u16(w); n && !wire_failed(w); n--) {
		struct bytes jid = wire_str(w);
		is_there |= bytes_eq(jid, bare) || bytes_eq(jid, jid_domain(&j));
	}
	return is_there;
}

enum authorise_verdict authorise_of(const struct im *im, const struct user *u, struct bytes bare)
{
	struct jid j = jid_of_normal(bare);
	const struct contact *c = user_contact(u, bare);
	struct wire w = wire_of(user_policy(u));
	struct authorise_case one = {
		.is_local = domain_of(im, jid_domain(&j)) != NULL,
		.is_local_approved = im->config.approves_local,
		.is_contact = c && shared_own_bits(c) & (CONTACT_TO | CONTACT_OUT),
	};

	if (u->policy_n) {
		one.otherwise = wire_u8(&w);
		one.is_allowed = has(&w, bare);
	}
	return authorise_decide(&one);
}

/* Has one of the person's clients shown itself to them (RFC 6121 4.6)? So are rooms of other domains, by all their occupants. */
static bool is_shown(const struct user *u, struct bytes bare)
{
	LIST_EACH (it, &u->sessions) {
		const struct names *n = &LIST_OWNER(it, struct session, node)->directed;
		for (unsigned i = 0; i < n->n; i++) {
			struct jid j = jid_of_normal(bytes_of(n->v[i]));
			if (bytes_eq(jid_bare(&j), bare))
				return true;
		}
	}
	return false;
}

bool authorise_keeps_out(const struct user *u, struct bytes full)
{
	struct wire w = wire_of(user_policy(u));

	if (!u->policy_n || wire_u8(&w) != AUTHORISE_BLOCK)
		return false;
	struct jid j = jid_of_normal(full);
	struct bytes bare = jid_bare(&j);
	if (!j.local_n || bytes_eq(bare, user_jid(u)) || has(&w, bare))
		return false;
	const struct contact *c = user_contact(u, bare);
	if (c && shared_own_bits(c) & (CONTACT_LISTED | CONTACT_TO | CONTACT_OUT))
		return false;
	return !is_shown(u, bare);
}

int authorise_set(struct user *u, struct bytes policy)
{
	struct wire w = wire_of(policy);
	uint8_t *copy = NULL;

	if (policy.n) {
		if (wire_u8(&w) >= AUTHORISE_DEFAULT_COUNT)
			return ERR_SYNTAX;
		(void)has(&w, BYTES_NONE);
		if (wire_end(&w))
			return ERR_SYNTAX;
		copy = malloc(policy.n);
		if (!copy)
			return ERR_NOMEM;
		memcpy(copy, policy.p, policy.n);
	}
	free(u->policy);
	u->policy = copy;
	u->policy_n = (uint32_t)policy.n;
	return 0;
}

const char *authorise_default_name(enum authorise_default d)
{
	static const char *const names[] = { "unset", "ask", "allow", "block" };

	_Static_assert(sizeof names / sizeof names[0] == AUTHORISE_DEFAULT_COUNT, "a name for each");
	return names[d];
}
