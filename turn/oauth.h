/* turn/oauth.h - self-contained tokens of an authorization server (RFC 7635 6.2). Pure.
 *
 *	nonce length(2) nonce(12)  encrypted( key length(2) mac_key  timestamp(8: 48.16)  lifetime(4) )  tag(16)
 *	AEAD with the realm-independent server name as associated data */
#ifndef TURN_OAUTH_H
#define TURN_OAUTH_H

#include "proto/stunmsg.h"

enum {
	OAUTH_KID_MAX = 63,
	OAUTH_TOKEN_MAX = 512,
	OAUTH_SKEW_S = 5, /* RFC 7635 4.1.1: clocks differ a little */
};
struct oauth_key {
	uint8_t kid[OAUTH_KID_MAX], kid_n;
	uint8_t key[32], key_n; /* 16: A128GCM, 32: A256GCM */
};
struct oauth_token {
	uint8_t mac_key[STUNMSG_KEY_MAX], mac_key_n;
	uint64_t made_s;
	uint32_t lifetime_s;
};
int oauth_key_read(struct bytes kid, struct bytes base64, struct oauth_key *out); /* ERR_SYNTAX, ERR_LIMIT */
bool oauth_key_is(const struct oauth_key *k, struct bytes kid);
/* server: the name that the authorization server knows us by. ERR_AUTH: not of this key, or damaged. */
int oauth_open(const struct oauth_key *k, struct bytes server, struct bytes token, struct oauth_token *out);

#endif
