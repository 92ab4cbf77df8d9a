/* base/text.h - hex, base64, UTF-8 and time stamps. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

/* Lower-case hex: 2n digits and a NUL into out. */
void text_hex(struct bytes in, char *out);
/* Exactly n bytes from 2n hex digits of either case. ERR_SYNTAX. */
int text_unhex(struct bytes in, uint8_t *out, size_t n);

/* Base64 with padding (RFC 4648 4), appended to b. */
void text_base64(struct bytes in, struct buf *b);
/* Strict: no white space, right padding, zero spare bits. Appends; ERR_SYNTAX leaves b as it was;
 * ERR_LIMIT when b is full. */
int text_unbase64(struct bytes in, struct buf *b);

/* True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF). */
bool text_is_utf8(struct bytes in);

/* The front of well-formed UTF-8 that fits into `max` bytes, whole characters only. */
struct bytes text_cut(struct bytes in, size_t max);

/* Length of the character at the front of `in`, 1 to 4 bytes, when it can be shown in a line of text: well-formed
 * UTF-8, no control (C0, DEL, C1), no line or paragraph separator, no control of the writing direction. Otherwise 0. */
size_t text_shown(struct bytes in);

/* UTC as XEP-0082 wants it, "2026-11-24T19:00:00Z" or with milliseconds; unix_ms: since 1970. */
enum { TEXT_TIME_BYTES = 32 };
void text_time(uint64_t unix_ms, bool with_ms, char out[static TEXT_TIME_BYTES]);

/* Escapes for XML text and attributes (& < > " '); appended. */
void text_xml_escape(struct bytes in, struct buf *b);

#endif
