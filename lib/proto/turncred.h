/* proto/turncred.h - what a relay's credentials are made of: user names, realms and passwords in the one
 * form that both sides hash (RFC 8489 9.2, 14.3), stored keys, and time-limited names (draft-uberti-behave-
 * turn-rest-00; what XMPP servers hand out by XEP-0215): "expiry" or "expiry:tag", password
 * base64(HMAC-SHA1(secret, name)). Pure; libcrypto for digests. */
#ifndef PROTO_TURNCRED_H
#define PROTO_TURNCRED_H

#include "base/arena.h"
#include "base/buf.h"
#include "proto/stunmsg.h"

/* OpaqueString (RFC 8265 4.2). out: in itself or in the arena. ERR_UTF8, ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int turncred_prepare(struct bytes in, struct arena *a, struct bytes *out);
/* Is it so already? A peer has prepared what it sends: what is not so is no name of anybody. */
bool turncred_is_prepared(struct bytes text);

/* "md5=<32 hex> sha256=<64 hex>" of user:realm:password, all three prepared: what `turn user NAME key` keeps.
 * Appends; md5 is left out where libcrypto refuses it (FIPS). ERR_SYS: libcrypto has neither; ERR_LIMIT. */
int turncred_put_keys(struct bytes user, struct bytes realm, struct bytes password, struct buf *out);

struct turncred_timed {
	uint64_t expires_s; /* since 1970 */
	struct bytes tag;   /* view into the name; may be empty */
};
int turncred_read(struct bytes name, struct turncred_timed *out); /* ERR_SYNTAX */
/* The long-term key that goes with the name under this secret. Negative when libcrypto fails. */
int turncred_key(struct bytes secret, struct bytes name, struct bytes realm, bool use_sha256,
                 uint8_t out[static STUNMSG_KEY_MAX], size_t *n);
/* The password for a name, NUL-terminated. */
enum { TURNCRED_PASSWORD_BYTES = 29 };
int turncred_password(struct bytes secret, struct bytes name, char out[static TURNCRED_PASSWORD_BYTES]);
/* A name for somebody, always the same under one secret, which tells nobody who he is: 16 hex digits, NUL. */
enum { TURNCRED_TAG_BYTES = 17 };
int turncred_tag(struct bytes secret, struct bytes who, char out[static TURNCRED_TAG_BYTES]);
/* Makes a name for the tag (prepared; may be empty) that is good until then, NUL-terminated, and its
 * password. ERR_LIMIT: the tag is too long. */
struct turncred {
	char name[STUNMSG_USERNAME_MAX + 1], password[TURNCRED_PASSWORD_BYTES];
};
int turncred_mint(struct bytes secret, uint64_t expires_s, struct bytes tag, struct turncred *out);

#endif
