/* charset.h - text of a SIP body as UTF-8, and UTF-8 as text that XML can carry. Pure. */
#ifndef XLATE_CHARSET_H
#define XLATE_CHARSET_H

#include "base/buf.h"

/* Appends text in this charset (RFC 2046 4.1.2 names, without case; empty: UTF-8) as UTF-8. ERR_UNSUPPORTED:
 * another charset (415); ERR_UTF8: it is not what it says (400); ERR_LIMIT. MSG-S13. */
int charset_to_utf8(struct bytes charset, struct bytes in, struct buf *out);

/* Appends UTF-8 as the text of an element or attribute: escaped, CR LF as LF, and what XML has no character
 * for as U+FFFD (MSG-S01, XML 1.0 2.2). */
void charset_put_xml(struct buf *out, struct bytes utf8);
/* The next character; *n: its bytes. utf8 is well-formed and not empty. */
uint32_t charset_next(struct bytes utf8, size_t *n);

#endif
