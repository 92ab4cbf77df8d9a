/* format.h - a record as others read it: a line of JSON, or a mail (RFC 5322) in a tar file. Pure. */
#ifndef COMPLY_FORMAT_H
#define COMPLY_FORMAT_H

#include "proto/record.h"

#include "base/arena.h"
#include "proto/xml.h"

enum format_kind { FORMAT_JSON, FORMAT_EML, FORMAT_COUNT };
/* ERR_UNKNOWN. */
int format_of(struct bytes word, enum format_kind *out);
/* Name of the file that a person gets. */
const char *format_file(enum format_kind k);

struct format_in {
	const struct record *record;
	struct bytes hash;
	struct xml_pool *parsers; /* a stanza's words are read for both */
	struct arena *arena;
};
/* Appends it. false: without memory or room; what was appended is to be taken back. */
bool format_put(enum format_kind k, const struct format_in *in, struct buf *out);
/* What ends a file of that kind. */
void format_end(enum format_kind k, struct buf *out);

/* A time as operators write it, "2026-11-27" or "2026-11-27T10:00:00Z", in ms since 1970; is_end: of a day, its last ms. ERR_SYNTAX. */
int format_time(struct bytes text, bool is_end, uint64_t *out);

#endif
