/* proto/hmac.h - HMAC (RFC 2104) of short messages, many a second: libcrypto looks an algorithm up once
 * instead of at each message, which takes longer than the message itself. */
#ifndef PROTO_HMAC_H
#define PROTO_HMAC_H

#include "base/bytes.h"

enum hmac_hash { HMAC_SHA1, HMAC_SHA256, HMAC_HASH_COUNT };
enum { HMAC_SHA1_BYTES = 20, HMAC_BYTES_MAX = 32 };

/* Over the parts one after another; out gets 20 or 32 bytes. False when libcrypto refuses. The last key stays
 * in memory until the next message: for keys that the program holds anyway. */
bool hmac_make(enum hmac_hash h, struct bytes key, const struct bytes *parts, size_t n_parts,
               uint8_t out[static HMAC_BYTES_MAX]);

#endif
