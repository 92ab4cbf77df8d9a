/* proto/h2_head.h - the fields of a request of HTTP/2 (RFC 9113 8.3) as the request that proto/http1.h gives, so that what
 * stands behind is the same for both. Strict in the same way: what an HTTP/1.1 of ours could not say, or would refuse, is
 * refused; and what two readers could understand in two ways: fields of the connection, a Host that is not the authority,
 * names in upper case, two Content-Length. Pure. */
#ifndef PROTO_H2_HEAD_H
#define PROTO_H2_HEAD_H

#include "proto/http1.h"

enum { H2_PSEUDO_FIELDS = 5 };

struct h2_head {
	struct http1_limits limits;
	struct buf text; /* names and values, one behind the other */
	struct {
		uint32_t name, name_n, value, value_n;
	} spots[HTTP1_FIELDS_MAX + H2_PSEUDO_FIELDS];
	size_t n_spots, n_pseudo; /* pseudo fields come first */
	uint32_t seen;            /* of the pseudo fields */
	int status;               /* what to answer when it is refused: 400, 413, 414, 431, 501; 0: not so far */
	const char *why;          /* static text */
};

/* limits: as those of HTTP/1.1; head_bytes counts 32 for each field (RFC 9113 6.5.2). */
void h2_head_init(struct h2_head *h, const struct http1_limits *limits);
void h2_head_fini(struct h2_head *h);
/* Any bytes; they are copied. */
void h2_head_field(struct h2_head *h, struct bytes name, struct bytes value);
/* After the last: fills q, whose views are valid until h2_head_fini. is_whole: no body follows. ERR_SYNTAX: h->status and h->why
 * say what to answer; q->method is set as far as it is known. ERR_NOMEM. */
int h2_head_end(struct h2_head *h, bool is_whole, struct http1_request *q);
/* Is a field of that name, in lower case, one of a connection of HTTP/1.1, which HTTP/2 has not (RFC 9113 8.2.2)? */
bool h2_is_of_connection(struct bytes name);

#endif
