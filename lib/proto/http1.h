/* proto/http1.h - HTTP/1.1 on the wire (RFC 9112), in its strict reading. Bytes of requests, or of responses, go in, whole heads
 * and pieces of bodies come out; heads and bodies of both are written. Pure: no sockets, no clock.
 *
 * What two readers of the same bytes could understand in two ways is refused and the connection ends: line ends that
 * are not CR LF, folded fields, space before the colon, a field with a control character, two Content-Length or two
 * Transfer-Encoding, both together, a transfer coding other than chunked, no Host or two, chunks that are not written
 * exactly as RFC 9112 7.1 says. So whoever stands behind us sees the requests that we saw. */
#ifndef PROTO_HTTP1_H
#define PROTO_HTTP1_H

#include "base/buf.h"

enum { HTTP1_FIELDS_MAX = 64, HTTP1_SEGMENTS_MAX = 32 };

struct http1_limits {
	uint32_t line_bytes;  /* longest line: request line, field, chunk head */
	uint32_t head_bytes;  /* all lines of a head together; of a trailer likewise */
	uint32_t fields;      /* at most HTTP1_FIELDS_MAX */
	uint64_t body_bytes;
};
extern const struct http1_limits http1_limits_default; /* 8 KiB, 32 KiB, 64, 8 MiB */

struct http1_field {
	struct bytes name, value; /* value without the white space around it */
};

enum http1_method { HTTP1_GET, HTTP1_HEAD, HTTP1_POST, HTTP1_PUT, HTTP1_DELETE, HTTP1_OPTIONS, HTTP1_OTHER };

struct http1_request {
	enum http1_method method;
	struct bytes method_text;
	struct bytes target; /* as it came */
	struct bytes path;   /* of the target, still encoded, begins with '/'; "*" for OPTIONS */
	struct bytes query;  /* behind the first '?', still encoded; empty without */
	struct bytes host;   /* "name" or "name:port" */
	struct bytes protocol; /* HTTP/2: of an extended CONNECT (RFC 8441 4), which opens a tunnel to the path; empty without */
	unsigned minor;      /* HTTP/1.minor: 0 or 1; 1 for HTTP/2 too */
	struct http1_field fields[HTTP1_FIELDS_MAX];
	size_t n_fields;
	bool has_body;          /* announced: chunked, or a length above 0 */
	bool is_chunked;        /* its length is not known: HTTP/2 has no chunks */
	uint64_t length;        /* when it is not chunked */
	bool expects_continue;  /* send "100 Continue", or a final answer instead (RFC 9110 10.1.1) */
	bool is_kept;           /* the connection may go on after the answer */
	/* Of a response: fields, minor, has_body, is_chunked, length and is_kept as above; no method, target, host. */
	unsigned status;        /* 100 to 599; 0: a request */
	bool is_until_close;    /* its body ends with the connection (RFC 9112 6.3) */
};

enum http1_event { HTTP1_HEAD_CAME, HTTP1_BODY_CAME, HTTP1_END_CAME };

struct http1_reader {
	struct http1_limits limits;
	struct buf in;
	int state;         /* inner */
	size_t at;         /* bytes of `in` that belong to the head so far */
	size_t consumed;   /* given out, to be dropped at the next call */
	uint32_t head_bytes;
	bool had_empty_line;
	uint64_t left;     /* of the body, or of the chunk */
	uint64_t body_bytes;
	bool is_minor_0;
	bool is_response, is_of_head;
	uint16_t status_came;
	struct {
		uint32_t name, name_n, value, value_n;
	} spots[HTTP1_FIELDS_MAX];
	size_t n_spots;
	uint32_t method_n, target, target_n;
	int status; /* what to answer after an error: 400, 413, 414, 417, 431, 501, 505 */
	const char *why; /* static text */
};

void http1_reader_init(struct http1_reader *r, const struct http1_limits *l);
/* A reader of responses. The caller says of each whether it answers HEAD, before its head ends: http1_answers_head. A response
 * of 1xx is one of its own, which END follows at once; 101 is refused. */
void http1_reader_init_responses(struct http1_reader *r, const struct http1_limits *l);
void http1_answers_head(struct http1_reader *r, bool is_of_head);
/* The connection has ended. 0: the response was whole by that (is_until_close). ERR_TRUNCATED. */
int http1_closed(const struct http1_reader *r);
void http1_reader_fini(struct http1_reader *r);
/* Adds bytes. ERR_LIMIT: more are waiting than any limit allows (pipelining is bounded: stop reading while a request
 * is being answered, http1_waiting says how much lies here). ERR_NOMEM. */
int http1_feed(struct http1_reader *r, struct bytes b);
size_t http1_waiting(const struct http1_reader *r);
/* What comes next. 0: *what is HEAD (req is filled), BODY (*piece is) or END (each request ends with one). ERR_AGAIN: more
 * bytes are needed. Anything else: r->status and r->why say what to answer; the connection must end after that, each
 * later call gives the same. Views are valid until the next call or feed. */
int http1_next(struct http1_reader *r, enum http1_event *what, struct http1_request *req, struct bytes *piece);
/* After END, for another protocol that takes over the connection (RFC 9110 7.8): the bytes that came behind the request.
 * Valid until the next call. */
struct bytes http1_rest(const struct http1_reader *r);
/* Is a request begun and not yet ended? */
bool http1_is_inside(const struct http1_reader *r);

/* The value of the only field of that name; BYTES_NONE when there is none or more than one. */
struct bytes http1_value(const struct http1_request *req, const char *name);
size_t http1_count(const struct http1_request *req, const char *name);
/* Is the token in a comma-separated field (in any of that name)? Case does not count. */
bool http1_has_token(const struct http1_request *req, const char *name, const char *token);
/* Value of a cookie (RFC 6265 5.4): the only one of that name; BYTES_NONE. */
struct bytes http1_cookie(const struct http1_request *req, const char *name);

/* ---- paths and queries ---- */
struct http1_path {
	struct bytes segments[HTTP1_SEGMENTS_MAX]; /* decoded, UTF-8, no control characters; views into `text` */
	size_t n;
	bool is_folder; /* ends with '/' */
	struct buf text;
};
/* "." is left out; "..", an empty segment, an encoded NUL or control character, a backslash, '%' without two hex digits
 * and text that is not UTF-8 are refused; an encoded slash too unless may_slash (it is then part of a segment).
 * ERR_SYNTAX, ERR_LIMIT. http1_path_fini in either case. */
int http1_path_decode(struct bytes path, bool may_slash, struct http1_path *out);
void http1_path_fini(struct http1_path *p);
/* Next name=value of a query or form (application/x-www-form-urlencoded), decoded into text (emptied first).
 * False at the end; *rc tells whether it was malformed. */
bool http1_query_next(struct bytes *query, struct buf *text, struct bytes *name, struct bytes *value, int *rc);

/* ---- requests ---- */
/* Begins a head. target: as it is to stand there. */
void http1_put_request(struct buf *out, struct bytes method, struct bytes target, struct bytes query);

/* ---- responses ---- */
/* Begins a head. status 100 to 599. */
void http1_put_status(struct buf *out, int status);
/* ERR_SYNTAX and nothing put when the name is no token or the value has control characters. */
int http1_put_field(struct buf *out, const char *name, struct bytes value);
/* Ends a head: a body of that length follows (also for the answer to HEAD, where none does). */
void http1_end_head_length(struct buf *out, uint64_t length);
/* Ends it: chunks follow. Not for HTTP/1.0. */
void http1_end_head_chunked(struct buf *out);
/* Ends it: no body (1xx, 204, 304), or one that ends with the connection. */
void http1_end_head_none(struct buf *out);
/* One chunk; nothing for empty bytes, which would end the body. */
void http1_put_chunk(struct buf *out, struct bytes b);
void http1_put_last_chunk(struct buf *out);
const char *http1_reason(int status);
/* IMF-fixdate (RFC 9110 5.6.7). unix_s: since 1970. */
enum { HTTP1_DATE_BYTES = 30 };
void http1_date(uint64_t unix_s, char out[static HTTP1_DATE_BYTES]);

#endif
