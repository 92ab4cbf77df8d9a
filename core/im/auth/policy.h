/* policy.h - what people outside may log in with, domain by domain (A-26.04, A-26.05; mra.md M-07). Inside all of it is taken. */
#ifndef IM_POLICY_H
#define IM_POLICY_H

#include "im.h"

/* What a login is proved by. A token of FAST (XEP-0484) needs both: its own, and that of the password which it stems from. */
enum credential {
	CREDENTIAL_USER,  /* the account's own password: "user credentials" */
	CREDENTIAL_APP,   /* an application password */
	CREDENTIAL_OAUTH, /* a token of an identity provider */
	CREDENTIAL_FAST,  /* a token that this box gave and renews */
	CREDENTIAL_COUNT
};

/* What the settings say of a domain: bit 1 << enum credential for each that is taken from outside. */
unsigned policy_read(const struct settings *s, struct bytes domain);
/* May people of this domain come in by it from outside? False for a domain that is not here. */
bool policy_takes(const struct im *im, struct bytes domain, enum credential by);
/* Of a password: `label` is the application password's, "" the account's own. */
static inline enum credential policy_password(const char *label)
{
	return label[0] ? CREDENTIAL_APP : CREDENTIAL_USER;
}

#endif
