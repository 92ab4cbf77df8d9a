/* mime.h - media types, header blocks and multipart bodies as SIP carries them (RFC 2045, RFC 2046 5.1). Pure;
 * what comes out are views into what went in. */
#ifndef XLATE_MIME_H
#define XLATE_MIME_H

#include "base/bytes.h"

enum { MIME_HEADERS_MAX = 32, MIME_PARTS_MAX = 16, MIME_BOUNDARY_MAX_BYTES = 70 };

/* "text/plain; charset=UTF-8" */
struct mime_type {
	struct bytes type; /* "text/plain" */
	struct bytes params;
};
struct mime_type mime_type_of(struct bytes value);
bool mime_is(const struct mime_type *t, const char *type); /* without case */
/* Without quotes; empty when absent. */
struct bytes mime_param(const struct mime_type *t, const char *name);
/* Does a list ("text/plain, message/cpim;q=0.5") name this type, or one of its wildcards? */
bool mime_list_has(struct bytes list, const char *type);

/* "Name: value" lines up to an empty line. */
struct mime_header {
	struct bytes name, value; /* value without white space around it, folded lines as they are */
};
struct mime_block {
	size_t n;
	struct mime_header headers[MIME_HEADERS_MAX];
	struct bytes rest; /* behind the empty line */
};
/* ERR_SYNTAX: a line without colon, or no empty line; ERR_LIMIT. Lines end in CR LF; a bare LF is understood. */
int mime_block_read(struct bytes in, struct mime_block *out);
struct bytes mime_block_get(const struct mime_block *b, const char *name); /* the first; without case */

/* The parts of a multipart body; each still has its header block. ERR_SYNTAX: no boundary or no closing
 * one; ERR_LIMIT: more parts than the limit. */
struct mime_parts {
	size_t n;
	struct bytes parts[MIME_PARTS_MAX];
};
int mime_split(struct bytes body, struct bytes boundary, struct mime_parts *out);
/* Header block (may be empty: "\r\n") and content of a part. */
int mime_part_read(struct bytes part, struct mime_block *out);

#endif
