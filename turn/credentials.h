/* turn/credentials.h - who a client is, by the long-term mechanism (RFC 8489 9.2):
 *  - users with stored keys (never passwords), by name or USERHASH;
 *  - time-limited user names "expiry:tag" whose password is base64(HMAC-SHA1(secret, name)), several
 *    secrets at once so that they rotate with overlap; SHA-256 likewise where the client offers it;
 *  - tickets of the box for users who are logged in (XEP-0215): the same form, the secret is the box's
 *    own and lasts as long as the box runs;
 *  - third parties' tokens (RFC 7635): the key comes out of the encrypted token.
 * Built from a settings snapshot, then read only. */
#ifndef TURN_CREDENTIALS_H
#define TURN_CREDENTIALS_H

#include "proto/stunmsg.h"

enum { CREDENTIALS_USERS_MAX = 10000, CREDENTIALS_SECRETS_MAX = 16, CREDENTIALS_OAUTH_MAX = 16, CREDENTIALS_SERVER_MAX = 255 };

struct credentials;
struct credentials *credentials_new(struct bytes realm);
void credentials_free(struct credentials *c);
/* name: prepared (proto/turncred.h). keys: "md5=<32 hex> sha256=<64 hex>" as `turn user` stores them; either may be missing. ERR_SYNTAX, ERR_LIMIT. */
int credentials_add_user(struct credentials *c, struct bytes name, struct bytes keys);
int credentials_add_secret(struct credentials *c, struct bytes secret);
/* The name that authorization servers seal tokens for (RFC 7635 6.2, 9). ERR_LIMIT. */
int credentials_set_server(struct credentials *c, struct bytes name);
/* kid and key of an authorization server (RFC 7635 4.1.1, 6.2: A256GCM, A128GCM). */
int credentials_add_oauth(struct credentials *c, struct bytes kid, struct bytes key_base64);

struct credentials_result {
	char user[STUNMSG_USERNAME_MAX]; /* the account that is counted: a time-limited name's tag when it has one; a token's "kid/digest" */
	uint8_t key[STUNMSG_KEY_MAX];        /* under which the request was signed, and the answer is */
	uint16_t user_n;
	uint8_t key_n;
	uint64_t expires_s; /* wall clock; 0: never. A token bounds the allocation's life; a name's expiry only its start */
	bool is_token;      /* of RFC 7635 */
};
/* Finds the account of the request and verifies its integrity; tries each current secret. now_s: wall
 * clock. A time-limited name that has expired still renews what is there: it fails at Allocate and Binding.
 * ERR_AUTH (401: unknown, expired, wrong; *why says which, for the log only). Takes the same time
 * for unknown and known names as far as it can. */
int credentials_check(const struct credentials *c, const struct stunmsg *m, uint64_t now_s,
                      struct credentials_result *out, const char **why);

#endif
