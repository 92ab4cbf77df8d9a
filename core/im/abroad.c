#include "abroad.h"

#include "base/rate.h"
#include "domain.h"
#include "names.h"
#include "user.h"

#include <stdlib.h>

enum { RECENT_MAX = 16, MINUTE = 60 };

struct abroad {
	struct rate rate; /* in sixtieths of a domain: `im new-domains` is by the minute */
	struct names recent;
};

static bool is_friend(const struct user *u, const struct jid *to)
{
	const struct contact *c = user_contact(u, jid_bare(to));

	return c && c->bits & (CONTACT_TO | CONTACT_FROM);
}

static bool is_answer(const struct envelope *e)
{
	return e->type == TYPE_RESULT || e->type == TYPE_ERROR;
}

static bool take(struct im *im, struct user *u, struct bytes domain)
{
	uint32_t limit = im->config.new_domains_per_min;
	uint64_t now = loop_now(im->loop);

	if (!u->abroad)
		u->abroad = calloc(1, sizeof *u->abroad);
	if (!u->abroad)
		return false;
	if (u->abroad->rate.per_s != limit)
		rate_init(&u->abroad->rate, limit, limit * MINUTE, now);
	if (names_has(&u->abroad->recent, domain))
		return true;
	if (!rate_take(&u->abroad->rate, MINUTE, now))
		return false;
	names_add(&u->abroad->recent, domain, RECENT_MAX);
	return true;
}

bool abroad_may(struct im *im, struct user *u, const struct envelope *e)
{
	struct jid own = jid_of_normal(user_jid(u)), to = jid_of_normal(e->to);

	if (bytes_eq(jid_domain(&own), jid_domain(&to)) || !im->config.new_domains_per_min || is_answer(e))
		return true;
	return domain_of(im, jid_domain(&to)) || is_friend(u, &to) || take(im, u, jid_domain(&to));
}

void abroad_free(struct abroad *a)
{
	if (!a)
		return;
	names_clear(&a->recent);
	free(a);
}
