/* proto/oauthbearer.h - the client's message of SASL OAUTHBEARER (RFC 7628 3.1). Pure. */
#ifndef PROTO_OAUTHBEARER_H
#define PROTO_OAUTHBEARER_H

#include "base/bytes.h"

/* authzid: empty when there is none. token: what stands behind "Bearer " (RFC 6750 2.1), not empty. Both point into `in`.
 * ERR_SYNTAX; ERR_UNSUPPORTED: a channel binding, or an authzid with "," or "=" in it. */
int oauthbearer_read(struct bytes in, struct bytes *authzid, struct bytes *token);

#endif
