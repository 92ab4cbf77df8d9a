#include "auth/oauth.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"

static char *text_of(const struct settings *s, enum setting id)
{
	struct bytes v = settings_text(s, id);

	return v.n ? strndup((const char *)v.p, v.n) : NULL;
}

void oauth_init(void)
{
	json_object_seed((size_t)random_u64() | 1);
}

void oauth_apply(struct oauth *o, const struct settings *s)
{
	struct bytes pem = settings_text(s, SET_IM_OAUTH_KEY);

	oauth_fini(o);
	o->issuer = text_of(s, SET_IM_OAUTH_ISSUER);
	o->audience = text_of(s, SET_IM_OAUTH_AUDIENCE);
	o->claim = text_of(s, SET_IM_OAUTH_CLAIM);
	int rc = pem.n ? jwt_keys_read(&o->keys, pem) : 0;
	if (rc)
		log_warn("im.oauth.key", LOG_STR("reason", err_name(rc)),
			 LOG_STR("do", "set im oauth-key: public keys in PEM, RSA of 2048 bits or more, P-256 or Ed25519, 8 at most"));
}

void oauth_fini(struct oauth *o)
{
	jwt_keys_free(&o->keys);
	free(o->issuer);
	free(o->audience);
	free(o->claim);
	*o = (struct oauth){ .issuer = NULL };
}
