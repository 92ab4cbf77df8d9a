/* proto/http1_impl.h - characters of HTTP's grammar, for proto/http1*.c only. */
#ifndef PROTO_HTTP1_IMPL_H
#define PROTO_HTTP1_IMPL_H

#include "base/bytes.h"

/* tchar of RFC 9110 5.6.2. */
bool http1_is_token(struct bytes b);
/* field-vchar, obs-text, SP and HTAB: no control characters. */
bool http1_is_text(struct bytes b);
/* Without SP and HTAB at both ends. */
struct bytes http1_trim(struct bytes b);
int http1_hex(uint8_t c); /* -1 */

#endif
