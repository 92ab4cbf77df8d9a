/* auth.h - the client side of SASL PLAIN and SCRAM (RFC 4616, 5802, 7677), for the load generator.
 * The salted password is remembered: users of a bench share password and salt, so that a login costs the generator little. */
#ifndef LOAD_AUTH_H
#define LOAD_AUTH_H

#include "base/buf.h"

enum auth_mechanism { AUTH_PLAIN, AUTH_SCRAM_SHA1, AUTH_SCRAM_SHA256, AUTH_MECHANISM_COUNT };
const char *auth_name(enum auth_mechanism m);
int auth_of(const char *name, enum auth_mechanism *out);

struct auth_memory {
	uint8_t salted[32];
	char salt[96];
	unsigned iterations;
};
struct auth {
	enum auth_mechanism mechanism;
	const char *user, *password;
	struct auth_memory *memory;
	char nonce[33];
	char first_bare[160];
	char auth_message[1024];
};

/* The initial response, base64. */
void auth_first(struct auth *a, struct buf *out);
/* The answer to a challenge (both base64). ERR_SYNTAX, ERR_PROTOCOL. */
int auth_next(struct auth *a, struct bytes challenge, struct buf *out);

#endif
