/* proto/forward.h - a request and its answer as they go on from hop to hop (RFC 9110 7): from the front to gh-publish, by a pair of
 * sockets or a link, and from there to the service inside. On each of these ways stands one request of HTTP/1.1 and its answer; what
 * belongs to one connection alone (RFC 9110 7.6.1) stays behind, and so does what only we may say of the client.
 *
 * Between the front and gh-publish a request with a body comes with "Expect: 100-continue": its body is sent after 100, which comes when
 * the service can be reached. Pure. */
#ifndef PROTO_FORWARD_H
#define PROTO_FORWARD_H

#include "proto/http1.h"

struct forward {
	const struct http1_request *request;
	struct bytes host, path; /* path: normal (proto/allow.h) */
	const char *address;     /* of the client, as text; NULL: it is not told on this way */
	bool is_expecting;       /* 100 is waited for */
	bool is_ending;          /* the connection is not used again */
};
/* The head of the request, to its end; with a body that is chunked when it came so. */
void forward_put_request(struct buf *out, const struct forward *f);

enum forward_body { FORWARD_NONE, FORWARD_PLAIN, FORWARD_CHUNKS };
/* The fields of a response that go on, as they are; those of its length and of the connection are written anew by who sends it. Returns
 * how many. */
size_t forward_response_fields(const struct http1_request *response, struct http1_field *fields, size_t max);
/* The head of a response as far as its own fields; what else is to be said comes before forward_end_response. */
void forward_put_response(struct buf *out, const struct http1_request *response);
/* Ends that head: how its body is to be written. is_of_head: HEAD was asked. can_chunk: whoever reads it speaks HTTP/1.1; else a
 * body without a length ends with the connection. */
enum forward_body forward_end_response(struct buf *out, const struct http1_request *response, bool is_of_head, bool can_chunk);
/* A piece of a body. */
void forward_put_body(struct buf *out, enum forward_body how, struct bytes piece);
void forward_end_body(struct buf *out, enum forward_body how);
/* Does it want another protocol (RFC 9110 7.8)? None but HTTP goes on. */
bool forward_is_upgrade(const struct http1_request *q);

#endif
