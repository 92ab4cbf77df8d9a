/* proto/jid_precis.h - PRECIS profiles (RFC 8264, 8265) by ICU's Unicode data. Private to lib/proto. */
#ifndef PROTO_JID_PRECIS_H
#define PROTO_JID_PRECIS_H

#include "base/arena.h"
#include "base/bytes.h"

/* UsernameCaseMapped (RFC 8265 3.3): width, case, NFC, bidi rule, IdentifierClass.
 * out: in the arena. ERR_UTF8, ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int precis_username(struct bytes in, struct arena *a, struct bytes *out);
/* OpaqueString (RFC 8265 4.2): other spaces become U+0020, NFC, FreeformClass. */
int precis_opaque(struct bytes in, struct arena *a, struct bytes *out);
/* Nickname as it is compared (RFC 8266 2.4). */
int precis_nickname(struct bytes in, struct arena *a, struct bytes *out);

#endif
