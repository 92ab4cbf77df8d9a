/* summed.h - a text file with a head that names its format and, as its last line, "sha256 " and the checksum of all before it. Pure. */
#ifndef CONF_SUMMED_H
#define CONF_SUMMED_H

#include "base/buf.h"

/* Appends the last line to what `out` has: head and body. */
void summed_end(struct buf *out);
/* What stands between head and last line, a view into text. ERR_SYNTAX: another head; ERR_CHECKSUM: cut or changed. */
int summed_body(struct bytes text, struct bytes head, struct bytes *body);

#endif
