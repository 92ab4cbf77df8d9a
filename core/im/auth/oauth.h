/* oauth.h - logins with a token of an identity provider (OAUTHBEARER, RFC 7628, XEP-0493): on while issuer, audience and keys are
 * set. auth_oauth.c is the mechanism, jwt.h reads the tokens. */
#ifndef IM_OAUTH_H
#define IM_OAUTH_H

#include "auth/jwt.h"
#include "run/settings.h"

struct oauth {
	struct jwt_keys keys;
	char *issuer, *audience, *claim;
};

/* Once, before others: jansson opens no file then. */
void oauth_init(void);
/* Keys that cannot be used are logged, and then there are none. */
void oauth_apply(struct oauth *o, const struct settings *s);
static inline bool oauth_is_on(const struct oauth *o)
{
	return o->keys.n && o->issuer && o->audience && o->claim;
}
void oauth_fini(struct oauth *o);

#endif
