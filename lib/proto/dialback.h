/* proto/dialback.h - Server Dialback keys (XEP-0220, recipe of XEP-0185). Pure. */
#ifndef PROTO_DIALBACK_H
#define PROTO_DIALBACK_H

#include "base/bytes.h"

enum { DIALBACK_KEY_BYTES = 65 };

/* Key for one stream between two domains: HMAC-SHA256 over receiving, originating and stream id
 * under SHA256(secret), in hex. secret: 32 bytes or more. Domains normalised (RFC 7622).
 * out: 64 hex digits and a NUL; empty when the parts are too long for any stream (16 KiB). */
void dialback_key(struct bytes secret, struct bytes receiving, struct bytes originating,
                  struct bytes stream_id, char out[static DIALBACK_KEY_BYTES]);
/* Constant-time check of a key that a peer presents. */
bool dialback_check(struct bytes secret, struct bytes receiving, struct bytes originating,
                    struct bytes stream_id, struct bytes key);

#endif
