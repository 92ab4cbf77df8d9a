/* msrp_impl.h - what the reader and the writer of MSRP frames share. */
#ifndef PROTO_MSRP_IMPL_H
#define PROTO_MSRP_IMPL_H

#include "base/err.h"
#include "proto/msrp.h"

#define END_LINE "-------"
enum { END_LINE_BYTES = 7 };

/* A header field and the member that it is: a text, or one of the two with a form of their own. In the
 * order of writing: paths first, Content-Type last (RFC 4975 7.1). */
enum msrp_form { MSRP_TEXT, MSRP_RANGE, MSRP_STATUS };
struct msrp_header {
	const char *name;
	enum msrp_form form;
	size_t field; /* offset of a text */
};
enum { MSRP_HEADER_COUNT = 10 };
extern const struct msrp_header msrp_headers[MSRP_HEADER_COUNT];

const char *msrp_method_name(enum msrp_method m); /* "" for MSRP_OTHER */
bool msrp_is_id(struct bytes id);     /* RFC 4975 9: ident */
bool msrp_is_path(struct bytes path); /* at most MSRP_PATH_URIS_MAX URIs */

static inline bool msrp_is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline struct bytes msrp_part(struct bytes in, size_t from, size_t to)
{
	return bytes_make(from ? in.p + from : in.p, to - from);
}

#endif
