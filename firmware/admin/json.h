/* json.h - small helps around jansson. */
#ifndef ADMIN_JSON_H
#define ADMIN_JSON_H

#include "base/buf.h"
#include "base/wire.h"

#include <jansson.h>

/* A string; bytes that are no UTF-8 become U+FFFD. NULL without memory. */
json_t *json_text(struct bytes b);
/* Writes it compactly and lets it go. NULL makes the buffer failed. */
void json_put(struct buf *out, json_t *j);
/* The fields of OPER_RECORD as an object. */
json_t *json_record(struct wire *w); /* NULL without memory */
/* A body: one object, no duplicate keys, bounded depth. NULL with *why. */
json_t *json_body(struct bytes in, char why[static 160]);
/* A member that is a string, as a view; BYTES_NONE when it is missing or of another type. */
struct bytes json_member(const json_t *object, const char *name);

#endif
