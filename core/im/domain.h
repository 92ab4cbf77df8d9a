/* domain.h - the domains that live here: the keys of `domain * certificate`. */
#ifndef IM_DOMAIN_H
#define IM_DOMAIN_H

#include "im.h"

struct domain {
	struct bytes name;
	struct bytes contact; /* URI for XEP-0157, or empty */
	unsigned outside;     /* what its people may log in with from outside (auth/policy.h) */
};

/* NULL: not here. */
struct domain *domain_of(const struct im *im, struct bytes name);
/* Takes the new set. */
void domains_apply(struct im *im, const struct settings *s);
void domains_fini(struct im *im);

#endif
