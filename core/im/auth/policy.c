#include "auth/policy.h"

#include "domain.h"

enum { LOGIN_OUTSIDE_APP = 1 }; /* second in the range of `im login-outside` */

/* `im login-outside` is for the domains that have no row of their own. */
static bool takes_user(const struct settings *s, struct bytes domain)
{
	if (settings_is_set(s, SET_IM_AUTHORISE_USER, domain))
		return settings_bool_at(s, SET_IM_AUTHORISE_USER, domain);
	return settings_enum(s, SET_IM_LOGIN_OUTSIDE) != LOGIN_OUTSIDE_APP;
}

unsigned policy_read(const struct settings *s, struct bytes domain)
{
	const bool takes[] = {
		[CREDENTIAL_USER] = takes_user(s, domain),
		[CREDENTIAL_APP] = settings_bool_at(s, SET_IM_AUTHORISE_APP, domain),
		[CREDENTIAL_OAUTH] = settings_bool_at(s, SET_IM_AUTHORISE_OAUTH, domain),
		[CREDENTIAL_FAST] = settings_bool_at(s, SET_IM_AUTHORISE_FAST, domain),
	};
	_Static_assert(sizeof takes / sizeof takes[0] == CREDENTIAL_COUNT, "a setting for each");
	unsigned bits = 0;

	for (unsigned i = 0; i < CREDENTIAL_COUNT; i++)
		bits |= takes[i] ? 1u << i : 0;
	return bits;
}

bool policy_takes(const struct im *im, struct bytes domain, enum credential by)
{
	const struct domain *d = domain_of(im, domain);

	return d && d->outside & 1u << by;
}
