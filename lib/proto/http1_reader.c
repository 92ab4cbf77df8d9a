#include "proto/http1.h"

#include "base/err.h"
#include "proto/http1_impl.h"

/* Lines are judged one by one as they end, so that the verdict does not depend on how the bytes were cut. */

enum { STATE_START, STATE_FIELDS, STATE_BODY, STATE_CHUNK_HEAD, STATE_CHUNK, STATE_CHUNK_END, STATE_TRAILER, STATE_END, STATE_BAD };
enum { CHUNK_DIGITS_MAX = 8, PIPELINE_BYTES = 64 << 10 };

const struct http1_limits http1_limits_default = {
	.line_bytes = 8 << 10, .head_bytes = 32 << 10, .fields = HTTP1_FIELDS_MAX, .body_bytes = 8 << 20,
};

void http1_reader_init(struct http1_reader *r, const struct http1_limits *l)
{
	*r = (struct http1_reader){ .limits = *l, .state = STATE_START };
	if (r->limits.fields > HTTP1_FIELDS_MAX)
		r->limits.fields = HTTP1_FIELDS_MAX;
	buf_init(&r->in, r->limits.head_bytes + r->limits.line_bytes + PIPELINE_BYTES);
}

void http1_reader_init_responses(struct http1_reader *r, const struct http1_limits *l)
{
	http1_reader_init(r, l);
	r->is_response = true;
}

void http1_answers_head(struct http1_reader *r, bool is_of_head)
{
	r->is_of_head = is_of_head;
}

int http1_closed(const struct http1_reader *r)
{
	return r->is_response && r->state == STATE_BODY && r->left > INT64_MAX && http1_waiting(r) == 0 ? 0 : ERR_TRUNCATED;
}

void http1_reader_fini(struct http1_reader *r)
{
	buf_fini(&r->in);
}

int http1_feed(struct http1_reader *r, struct bytes b)
{
	buf_consume(&r->in, r->consumed);
	r->consumed = 0;
	if (buf_len(&r->in) + b.n > r->in.max)
		return ERR_LIMIT;
	buf_put_bytes(&r->in, b);
	return buf_failed(&r->in) ? ERR_NOMEM : 0;
}

size_t http1_waiting(const struct http1_reader *r)
{
	return buf_len(&r->in) - r->consumed;
}

struct bytes http1_rest(const struct http1_reader *r)
{
	return bytes_skip(buf_bytes(&r->in), r->consumed);
}

bool http1_is_inside(const struct http1_reader *r)
{
	return r->state != STATE_START || http1_waiting(r) > 0;
}

static int refuse(struct http1_reader *r, int status, const char *why)
{
	r->state = STATE_BAD;
	r->status = status;
	r->why = why;
	return ERR_PROTOCOL;
}

/* The next whole line from r->at on, without its CR LF; r->at goes behind it. */
static int take_line(struct http1_reader *r, int status_long, struct bytes *line)
{
	struct bytes rest = bytes_skip(buf_bytes(&r->in), r->at);
	size_t n = bytes_find(rest, '\n');

	if (n > r->limits.line_bytes)
		return refuse(r, status_long, "a line is too long");
	if (n == rest.n)
		return ERR_AGAIN;
	if (n == 0 || rest.p[n - 1] != '\r')
		return refuse(r, 400, "a line does not end with CR LF");
	r->head_bytes += (uint32_t)n + 1;
	if (r->head_bytes > r->limits.head_bytes)
		return refuse(r, status_long == 414 ? 414 : 431, "the head is too long");
	*line = bytes_make(rest.p, n - 1);
	r->at += n + 1;
	return 0;
}

/* ---- the request line (RFC 9112 3) ---- */

static int read_version(struct http1_reader *r, struct bytes v)
{
	if (v.n != 8 || !bytes_starts(v, BYTES("HTTP/")) || v.p[6] != '.' || v.p[5] < '0' || v.p[5] > '9' || v.p[7] < '0' ||
	    v.p[7] > '9')
		return refuse(r, 400, "the request line has no HTTP version");
	if (v.p[5] != '1')
		return refuse(r, 505, "only HTTP/1.1 and HTTP/1.0 are spoken");
	r->is_minor_0 = v.p[7] == '0';
	return 0;
}

static int read_request_line(struct http1_reader *r, struct bytes line)
{
	size_t base = (size_t)(line.p - buf_bytes(&r->in).p);
	size_t method_n = bytes_find(line, ' ');
	struct bytes rest = bytes_skip(line, method_n + 1);
	size_t target_n = bytes_find(rest, ' ');

	if (method_n > HTTP1_METHOD_MAX || !http1_is_token(bytes_make(line.p, method_n)))
		return refuse(r, 400, "the request line has no method");
	if (target_n == rest.n || !http1_is_target(bytes_make(rest.p, target_n)))
		return refuse(r, 400, "the request line has no valid target");
	int rc = read_version(r, bytes_skip(rest, target_n + 1));
	if (rc < 0)
		return rc;
	r->method_n = (uint32_t)method_n;
	r->target = (uint32_t)(base + method_n + 1);
	r->target_n = (uint32_t)target_n;
	/* The method begins the buffer: an empty line before it was dropped. */
	r->state = STATE_FIELDS;
	return 0;
}

static int read_status_line(struct http1_reader *r, struct bytes line)
{
	if (http1_status_line(line, &r->status_came, &r->is_minor_0))
		return refuse(r, 502, "no status line of HTTP/1.1");
	if (r->status_came == 101)
		return refuse(r, 502, "another protocol, which was not asked for");
	r->state = STATE_FIELDS;
	return 0;
}

static int at_start(struct http1_reader *r)
{
	struct bytes line;

	r->head_bytes = 0;
	r->n_spots = 0;
	r->body_bytes = 0;
	int rc = take_line(r, 414, &line);
	if (rc < 0)
		return rc;
	if (r->is_response)
		return read_status_line(r, line);
	if (line.n > 0)
		return read_request_line(r, line);
	if (r->had_empty_line) /* RFC 9112 2.2: one of them is let pass */
		return refuse(r, 400, "empty lines instead of a request");
	r->had_empty_line = true;
	buf_consume(&r->in, r->at);
	r->at = 0;
	return 0;
}

/* ---- fields (RFC 9112 5) ---- */

static int read_field(struct http1_reader *r, struct bytes line, struct http1_field *out)
{
	size_t n = bytes_find(line, ':');

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return refuse(r, 400, "a folded field");
	if (n == line.n || !http1_is_token(bytes_make(line.p, n)))
		return refuse(r, 400, "a field without a valid name");
	out->name = bytes_make(line.p, n);
	out->value = http1_trim(bytes_skip(line, n + 1));
	if (!http1_is_text(out->value))
		return refuse(r, 400, "a control character in a field");
	return 0;
}

static int add_field(struct http1_reader *r, struct bytes line)
{
	const uint8_t *base = buf_bytes(&r->in).p;
	struct http1_field f;

	if (r->n_spots == r->limits.fields)
		return refuse(r, 431, "too many fields");
	int rc = read_field(r, line, &f);
	if (rc < 0)
		return rc;
	r->spots[r->n_spots].name = (uint32_t)(f.name.p - base);
	r->spots[r->n_spots].name_n = (uint32_t)f.name.n;
	r->spots[r->n_spots].value = f.value.n ? (uint32_t)(f.value.p - base) : 0;
	r->spots[r->n_spots].value_n = (uint32_t)f.value.n;
	r->n_spots++;
	return 0;
}

/* ---- what the head means ---- */

/* origin-form, absolute-form, and "*" of OPTIONS (RFC 9112 3.2). */
static int read_target(struct http1_reader *r, struct http1_request *q)
{
	struct bytes t = q->target;

	if (bytes_eq_str(t, "*") && q->method == HTTP1_OPTIONS) {
		q->path = t;
		return 0;
	}
	if (t.p[0] != '/') {
		size_t scheme_n = bytes_find(t, ':') + 3;
		if (!bytes_eq_nocase(bytes_make(t.p, scheme_n < t.n ? scheme_n : t.n), BYTES("https://")) &&
		    !bytes_eq_nocase(bytes_make(t.p, scheme_n < t.n ? scheme_n : t.n), BYTES("http://")))
			return refuse(r, 400, "the target is no path");
		t = bytes_skip(t, scheme_n);
		size_t host_n = bytes_find(t, '/');
		if (!bytes_eq_nocase(bytes_make(t.p, host_n), q->host))
			return refuse(r, 400, "target and Host differ");
		t = bytes_skip(t, host_n);
		if (t.n == 0)
			return refuse(r, 400, "the target has no path");
	}
	size_t n = bytes_find(t, '?');
	q->path = bytes_make(t.p, n);
	q->query = bytes_skip(t, n + 1);
	return 0;
}

static int read_host(struct http1_reader *r, struct http1_request *q)
{
	size_t n = http1_count(q, "host");

	if (n > 1 || (n == 0 && q->minor > 0))
		return refuse(r, 400, "exactly one Host is needed");
	q->host = http1_value(q, "host");
	if (n == 1 && !http1_is_host(q->host))
		return refuse(r, 400, "Host is malformed");
	return 0;
}

/* How long the body is: RFC 9112 6, nothing that two could read differently. */
static int read_framing(struct http1_reader *r, struct http1_request *q)
{
	size_t n_te = http1_count(q, "transfer-encoding"), n_cl = http1_count(q, "content-length");

	if (n_te + n_cl > 1)
		return refuse(r, 400, "more than one field tells the length");
	if (n_te && q->minor == 0)
		return refuse(r, 400, "Transfer-Encoding in HTTP/1.0");
	if (n_te && !bytes_eq_nocase(http1_value(q, "transfer-encoding"), BYTES("chunked")))
		return refuse(r, 501, "a transfer coding other than chunked");
	q->is_chunked = n_te > 0;
	struct bytes length = http1_value(q, "content-length");
	if (n_cl && (length.n == 0 || length.n > 19 || bytes_to_u64(length, INT64_MAX, &q->length) < 0))
		return refuse(r, 400, "Content-Length is no number");
	if (q->length > r->limits.body_bytes)
		return refuse(r, 413, "the body is too long");
	q->has_body = q->is_chunked || q->length > 0;
	return 0;
}

static int read_expect(struct http1_reader *r, struct http1_request *q)
{
	size_t n = http1_count(q, "expect");

	if (n == 0 || q->minor == 0)
		return 0;
	if (n > 1 || !bytes_eq_nocase(http1_value(q, "expect"), BYTES("100-continue")))
		return refuse(r, 417, "an unknown expectation");
	q->expects_continue = q->has_body;
	return 0;
}

static void fill(struct http1_reader *r, struct http1_request *q)
{
	const uint8_t *base = buf_bytes(&r->in).p;

	*q = (struct http1_request){ .minor = r->is_minor_0 ? 0 : 1, .n_fields = r->n_spots };
	q->method_text = bytes_make(base, r->method_n);
	q->method = http1_method_of(q->method_text);
	q->target = bytes_make(base + r->target, r->target_n);
	for (size_t i = 0; i < r->n_spots; i++) {
		q->fields[i].name = bytes_make(base + r->spots[i].name, r->spots[i].name_n);
		q->fields[i].value = bytes_make(base + r->spots[i].value, r->spots[i].value_n);
	}
}

static int end_response_head(struct http1_reader *r, struct http1_request *q)
{
	q->status = r->status_came;
	const char *why = http1_response_framing(q, r->is_of_head, r->limits.body_bytes);
	if (why)
		return refuse(r, 502, why);
	r->left = q->is_until_close ? UINT64_MAX : q->length;
	r->state = q->is_chunked ? STATE_CHUNK_HEAD : q->has_body ? STATE_BODY : STATE_END;
	return 0;
}

static int end_request_head(struct http1_reader *r, struct http1_request *q)
{
	int rc = read_host(r, q);

	if (rc == 0)
		rc = read_target(r, q);
	if (rc == 0)
		rc = read_framing(r, q);
	if (rc == 0)
		rc = read_expect(r, q);
	if (rc < 0)
		return rc;
	bool says_close = http1_has_token(q, "connection", "close");
	q->is_kept = !says_close && (q->minor > 0 || http1_has_token(q, "connection", "keep-alive"));
	r->left = q->length;
	r->state = q->is_chunked ? STATE_CHUNK_HEAD : q->length ? STATE_BODY : STATE_END;
	return 0;
}

static int end_head(struct http1_reader *r, struct http1_request *q)
{
	fill(r, q);
	int rc = r->is_response ? end_response_head(r, q) : end_request_head(r, q);

	if (rc < 0)
		return rc;
	r->consumed = r->at;
	r->at = 0;
	r->head_bytes = 0;
	r->had_empty_line = false;
	return 0;
}

static int at_fields(struct http1_reader *r, struct http1_request *q)
{
	struct bytes line;
	int rc = take_line(r, 431, &line);

	if (rc < 0)
		return rc;
	return line.n ? add_field(r, line) : end_head(r, q);
}

/* ---- chunks (RFC 9112 7.1) ---- */

/* chunk-ext = *( ";" chunk-ext-name [ "=" ( token / quoted-string ) ] ), without the bad white space */
static bool is_extension(struct bytes e)
{
	while (e.n > 0) {
		size_t n = 1;
		if (e.p[0] != ';')
			return false;
		while (n < e.n && e.p[n] != ';' && e.p[n] != '=')
			n++;
		if (!http1_is_token(bytes_make(e.p + 1, n - 1)))
			return false;
		e = bytes_skip(e, n);
		if (e.n == 0 || e.p[0] != '=')
			continue;
		e = bytes_skip(e, 1);
		bool is_quoted = e.n > 0 && e.p[0] == '"';
		for (n = is_quoted ? 1 : 0; n < e.n && (is_quoted ? e.p[n] != '"' && e.p[n] != '\\' : e.p[n] != ';'); n++)
			continue;
		if (is_quoted ? n == e.n || e.p[n] != '"' || !http1_is_text(bytes_make(e.p, n)) : !http1_is_token(bytes_make(e.p, n)))
			return false;
		e = bytes_skip(e, n + (is_quoted ? 1 : 0));
	}
	return true;
}

static int at_chunk_head(struct http1_reader *r)
{
	struct bytes line;
	size_t n = 0;
	uint64_t size = 0;

	r->head_bytes = 0;
	int rc = take_line(r, 400, &line);
	if (rc < 0)
		return rc;
	for (; n < line.n && http1_hex(line.p[n]) >= 0 && n <= CHUNK_DIGITS_MAX; n++)
		size = size * 16 + (unsigned)http1_hex(line.p[n]);
	if (n == 0 || n > CHUNK_DIGITS_MAX || !is_extension(bytes_skip(line, n)))
		return refuse(r, 400, "a chunk without a valid size");
	r->body_bytes += size;
	if (r->body_bytes > r->limits.body_bytes)
		return refuse(r, 413, "the body is too long");
	buf_consume(&r->in, r->at);
	r->at = 0;
	r->left = size;
	r->head_bytes = 0;
	r->n_spots = 0;
	r->state = size ? STATE_CHUNK : STATE_TRAILER;
	return 0;
}

static int at_chunk_end(struct http1_reader *r)
{
	struct bytes b = buf_bytes(&r->in);

	if ((b.n > 0 && b.p[0] != '\r') || (b.n > 1 && b.p[1] != '\n'))
		return refuse(r, 400, "a chunk that does not end where it said");
	if (b.n < 2)
		return ERR_AGAIN;
	buf_consume(&r->in, 2);
	r->state = STATE_CHUNK_HEAD;
	return 0;
}

/* Trailer fields are read as strictly as any and dropped: nobody here acts on them. */
static int at_trailer(struct http1_reader *r)
{
	struct http1_field f;
	struct bytes line;
	int rc = take_line(r, 431, &line);

	if (rc < 0)
		return rc;
	if (line.n && r->n_spots++ == r->limits.fields)
		return refuse(r, 431, "too many fields");
	rc = line.n ? read_field(r, line, &f) : 0;
	if (rc < 0)
		return rc;
	buf_consume(&r->in, r->at);
	r->at = 0;
	if (line.n == 0)
		r->state = STATE_END;
	return 0;
}

static int at_body(struct http1_reader *r, struct bytes *piece)
{
	struct bytes b = buf_bytes(&r->in);

	if (b.n == 0)
		return ERR_AGAIN;
	*piece = bytes_make(b.p, b.n < r->left ? b.n : (size_t)r->left);
	r->left -= piece->n;
	r->consumed = piece->n;
	if (r->left == 0)
		r->state = r->state == STATE_CHUNK ? STATE_CHUNK_END : STATE_END;
	return 0;
}

int http1_next(struct http1_reader *r, enum http1_event *what, struct http1_request *req, struct bytes *piece)
{
	int rc = 0;

	buf_consume(&r->in, r->consumed);
	r->consumed = 0;
	while (rc == 0) {
		switch (r->state) {
		case STATE_START:
			rc = at_start(r);
			break;
		case STATE_FIELDS:
			rc = at_fields(r, req);
			if (rc == 0 && r->state != STATE_FIELDS) {
				*what = HTTP1_HEAD_CAME;
				return 0;
			}
			break;
		case STATE_BODY:
		case STATE_CHUNK:
			rc = at_body(r, piece);
			*what = HTTP1_BODY_CAME;
			return rc;
		case STATE_CHUNK_HEAD:
			rc = at_chunk_head(r);
			break;
		case STATE_CHUNK_END:
			rc = at_chunk_end(r);
			break;
		case STATE_TRAILER:
			rc = at_trailer(r);
			break;
		case STATE_END:
			r->state = STATE_START;
			r->at = 0;
			*what = HTTP1_END_CAME;
			return 0;
		default:
			rc = ERR_PROTOCOL;
		}
	}
	return rc;
}
