/* proto/form.h - data forms (XEP-0004): what is common to all of them. Which fields there are, and what they may have, is
 * their users' business. Pure. */
#ifndef PROTO_FORM_H
#define PROTO_FORM_H

#include "base/buf.h"
#include "proto/xml.h"

/* The field of this name. NULL: there is none. */
const struct xml_node *form_field(const struct xml_node *form, const char *var);
/* Its first value, a view of the tree. {NULL,0}: it has none; empty, but there: p is not NULL. */
struct bytes form_field_value(const struct xml_node *field);
/* The same of the field of this name. */
struct bytes form_value(const struct xml_node *form, const char *var);
/* 1, true, 0, false (3.3). ERR_SYNTAX. */
int form_bool(struct bytes value, bool *out);

/* ---- writing ---- */

/* <x> of this type, and FORM_TYPE (XEP-0068). form_end closes it. */
void form_begin(struct buf *b, const char *type, const char *form_type);
void form_end(struct buf *b);
/* A field with one value. type may be NULL (forms of type submit). */
void form_put(struct buf *b, const char *var, const char *type, struct bytes value);
/* <value>, escaped. */
void form_put_value(struct buf *b, struct bytes value);

#endif
