/* turn/nonce.h - nonces that cost no memory (RFC 8489 9.2, 14.10): a stamp and a MAC over the client's
 * address, port and transport under the box's key, behind the security feature cookie (RFC 8489 9.2.1).
 * Every worker has the same key, so a client may meet another one. Pure.
 *
 *	"obMatJos2" features(4)  stamp and MAC, 8 bytes in base64's digits
 *
 * Short, so that a challenge is no more than three times its request. 40 bits of MAC do: who guesses one has
 * won a challenge of another kind. The stamp counts seconds and comes round after 194 days. */
#ifndef TURN_NONCE_H
#define TURN_NONCE_H

#include "proto/stunmsg.h"

enum {
	NONCE_KEY_BYTES = 32,
	NONCE_TEXT_MAX = 64,
	NONCE_COOKIE_BYTES = 13,
	NONCE_LIFE_S = 3600, /* shorter ones break clients (turn.md 5) */
};
enum nonce_verdict { NONCE_GOOD, NONCE_STALE, NONCE_FORGED }; /* the last two: 438 with a fresh one */

struct nonce_key {
	uint8_t key[2][NONCE_KEY_BYTES]; /* now, and the one before */
};
/* offers_algorithms: sets the feature bit for password algorithms (RFC 8489 18.1). now_s: any clock that
 * all workers share. Returns the length; 0 when libcrypto fails. */
size_t nonce_make(const struct nonce_key *k, const struct stunaddr *client, uint8_t transport, bool offers_algorithms,
                  uint64_t now_s, char out[static NONCE_TEXT_MAX]);
enum nonce_verdict nonce_check(const struct nonce_key *k, struct bytes nonce, const struct stunaddr *client,
                               uint8_t transport, uint64_t now_s);
/* Has the nonce the bit for password algorithms? A client that answers such a nonce without
 * PASSWORD-ALGORITHM(S) may have been bid down: RFC 8489 9.2.4. */
bool nonce_offers_algorithms(struct bytes nonce);

#endif
