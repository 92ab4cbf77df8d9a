/* sip/message_auth.h - a challenge or credentials (RFC 3261 25.1: WWW-Authenticate, Proxy-Authorization, ...)
 * as parameters, split by Sofia-SIP's parser. Pure. */
#ifndef SIP_MESSAGE_AUTH_H
#define SIP_MESSAGE_AUTH_H

#include "base/arena.h"
#include "base/bytes.h"

enum { SIP_AUTH_PARAMS_MAX = 24 };

struct sip_auth_param {
	struct bytes name, value; /* value without quotes and \-escapes */
};

struct sip_auth {
	struct bytes scheme;
	size_t n;
	struct sip_auth_param params[SIP_AUTH_PARAMS_MAX];
};

/* value: one header field's. Texts come out in the arena. ERR_SYNTAX, ERR_LIMIT (parameters), ERR_NOMEM. */
int sip_auth_parse(struct bytes value, struct arena *a, struct sip_auth *out);
/* Without case. Empty when absent; of two with one name the first. */
struct bytes sip_auth_param(const struct sip_auth *auth, const char *name);

#endif
