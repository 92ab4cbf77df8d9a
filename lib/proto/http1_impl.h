/* proto/http1_impl.h - characters of HTTP's grammar, for proto/http1*.c and proto/h2_head.c only. */
#ifndef PROTO_HTTP1_IMPL_H
#define PROTO_HTTP1_IMPL_H

#include "proto/http1.h"

enum { HTTP1_METHOD_MAX = 32 };

struct http1_request;

/* tchar of RFC 9110 5.6.2. */
bool http1_is_token(struct bytes b);
/* field-vchar, obs-text, SP and HTAB: no control characters. */
bool http1_is_text(struct bytes b);
/* Without SP and HTAB at both ends. */
struct bytes http1_trim(struct bytes b);
int http1_hex(uint8_t c); /* -1 */
enum http1_method http1_method_of(struct bytes m);
/* Characters of a request's target. */
bool http1_is_target(struct bytes t);
/* uri-host [ ":" port ] of RFC 3986 3.2, as far as it is unambiguous: a name, IPv4, or IPv6 in brackets. */
bool http1_is_host(struct bytes h);

/* ---- http1_response.c ---- */
/* "HTTP/1.1 200 OK", without its line end (RFC 9112 4). ERR_SYNTAX. */
int http1_status_line(struct bytes line, uint16_t *status, bool *is_minor_0);
/* How long the body of a response is (RFC 9112 6.3): fills has_body, is_chunked, length, is_until_close, is_kept. NULL, or why not: static
 * text. */
const char *http1_response_framing(struct http1_request *q, bool is_of_head, uint64_t body_max);

#endif
