/* date.h - Date of SIP (RFC 3261 20.17: RFC 1123 in GMT). Pure. */
#ifndef XLATE_DATE_H
#define XLATE_DATE_H

#include <stdint.h>

#include "base/bytes.h"

enum { DATE_BYTES = 32 };

/* "Fri, 02 Jan 2026 03:04:05 GMT" to milliseconds since 1970. ERR_SYNTAX. */
int date_parse(struct bytes in, uint64_t *out_ms);
void date_write(uint64_t unix_ms, char out[static DATE_BYTES]);

#endif
