/* gateway/link/meta_h2.h - an edge opens a stream of HTTP/2 with what it says of its client as fields. */
#ifndef LINK_META_H2_H
#define LINK_META_H2_H

#include "meta.h"

#include "proto/h2.h"

enum { META_LIST_BYTES_MAX = META_FIELDS_BYTES_MAX + META_PAIRS_MAX * 32 }; /* RFC 9113 6.5.2 */

/* As h2_open. */
int meta_h2_open(struct h2 *h, struct h2_stream *s, const struct meta *m);

#endif
