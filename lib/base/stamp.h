/* base/stamp.h - time stamps from outside (RFC 3339, XEP-0082; xs:dateTime in PIDF). Pure. */
#ifndef BASE_STAMP_H
#define BASE_STAMP_H

#include "base/bytes.h"

/* Milliseconds since 1970, with the offset taken off. ERR_SYNTAX; years before 1970 as well. */
int stamp_parse(struct bytes in, uint64_t *out_ms);

#endif
