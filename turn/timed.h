/* turn/timed.h - time-limited user names (draft-uberti-behave-turn-rest-00; what ejabberd, Prosody and
 * conference servers hand out by XEP-0215): "expiry" or "expiry:tag", password base64(HMAC-SHA1(secret,
 * name)). Pure. */
#ifndef TURN_TIMED_H
#define TURN_TIMED_H

#include "proto/stunmsg.h"

struct timed {
	uint64_t expires_s; /* since 1970 */
	struct bytes tag;   /* view into the name; may be empty */
};
int timed_read(struct bytes name, struct timed *out); /* ERR_SYNTAX */
/* The long-term key that goes with the name under this secret. Negative when libcrypto fails. */
int timed_key(struct bytes secret, struct bytes name, struct bytes realm, bool use_sha256,
              uint8_t out[static STUNMSG_KEY_MAX], size_t *n);
/* The password for a name, NUL-terminated: for what the box hands out itself. */
enum { TIMED_PASSWORD_BYTES = 29 };
int timed_password(struct bytes secret, struct bytes name, char out[static TIMED_PASSWORD_BYTES]);

#endif
