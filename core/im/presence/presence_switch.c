#include "presence/presence_switch.h"

#include "domain.h"
#include "presence/presence.h"
#include "session.h"
#include "presence/watch.h"
#include "user.h"

static void each_contact(struct im *im, void (*fn)(struct im *im, struct user *u, struct contact *c))
{
	size_t at = 0;

	for (struct user *u; (u = map_next(&im->users, &at));)
		for (uint32_t i = 0; u->n_sessions && i < u->n_contacts; i++)
			fn(im, u, u->contacts[i]);
}

static void withdraw(struct im *im, struct user *u, struct contact *c)
{
	if (c->bits & CONTACT_FROM)
		presence_hide(im, u, contact_jid(c));
	if (c->is_seen)
		presence_post(im, TYPE_UNAVAILABLE, contact_jid(c), user_jid(u));
	c->is_seen = false;
}

/* Those to whom a client shows itself without a subscription. Rooms of other domains, which are among them, see it go. */
static void withdraw_directed(struct im *im)
{
	size_t at = 0;

	for (struct user *u; (u = map_next(&im->users, &at));)
		LIST_EACH (it, &u->sessions)
			presence_directed_end(im, LIST_OWNER(it, struct session, node));
}

void presence_withdraw_all(struct im *im)
{
	each_contact(im, withdraw);
	withdraw_directed(im);
	watches_withdraw(im);
}

static void share(struct im *im, struct user *u, struct contact *c)
{
	struct jid j = jid_of_normal(contact_jid(c));

	if (c->bits & CONTACT_FROM && !user_blocks(u, contact_jid(c)))
		presence_show(im, u, contact_jid(c));
	/* People here show themselves. */
	if (c->bits & CONTACT_TO && !domain_of(im, jid_domain(&j)))
		presence_post(im, TYPE_PROBE, user_jid(u), contact_jid(c));
}

void presence_share_all(struct im *im)
{
	each_contact(im, share);
}
