/* The same requests, and the same responses, come out however the bytes are cut; bodies keep to their limit; what is read as a head and written
 * again is read as the same. The first byte says how to cut. */
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/forward.h"
#include "proto/http1.h"

enum { BODY_MAX = 4096, OUT_MAX = 1 << 20, INPUT_MAX = 16 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = { .line_bytes = 512, .head_bytes = 2048, .fields = 16, .body_bytes = BODY_MAX };

static void check_path(struct bytes path)
{
	struct http1_path p;

	if (http1_path_decode(path, false, &p) == 0) {
		for (size_t i = 0; i < p.n; i++)
			if (p.segments[i].n == 0 || bytes_eq_str(p.segments[i], "..") || bytes_find(p.segments[i], '/') < p.segments[i].n ||
			    !text_is_utf8(p.segments[i]))
				abort();
	}
	http1_path_fini(&p);
}

static void check_query(struct bytes query)
{
	struct bytes name, value;
	struct buf text;
	int rc;

	buf_init(&text, 1024);
	while (http1_query_next(&query, &text, &name, &value, &rc))
		if (name.n + value.n != buf_len(&text))
			abort();
	buf_fini(&text);
}

/* No field that we let in can break a head that we write. */
static void check_head(const struct http1_request *q, struct buf *sum)
{
	if (q->has_body && q->is_chunked && q->length)
		abort();
	for (size_t i = 0; i < q->n_fields; i++) {
		if (http1_put_field(sum, "x", q->fields[i].value) != 0)
			abort();
		buf_put_bytes(sum, q->fields[i].name);
	}
	buf_put_bytes(sum, q->target);
	buf_put_u8(sum, (uint8_t)(q->is_kept + 2 * q->expects_continue + 4 * q->minor));
	(void)http1_cookie(q, "a");                       /* views; the sanitizer looks */
	(void)http1_has_token(q, "connection", "upgrade"); /* likewise */
	check_path(q->path);
	check_query(q->query);
}

static void put_body(struct buf *out, enum forward_body how, uint64_t length)
{
	static const uint8_t zeros[BODY_MAX];

	if (how == FORWARD_PLAIN && length > BODY_MAX)
		abort();
	forward_put_body(out, how, bytes_make(zeros, how == FORWARD_PLAIN ? (size_t)length : 3));
	forward_end_body(out, how);
}

/* Behind what was forwarded stands another message: it is read as that, and so it is no part of the first. */
static void check_next(struct http1_reader *r, const struct http1_request *q, enum forward_body how)
{
	static struct http1_request next;
	enum http1_event what = HTTP1_BODY_CAME;
	struct bytes piece;
	struct buf out;

	buf_init(&out, OUT_MAX);
	put_body(&out, how, q->length);
	if (q->status)
		buf_put_str(&out, "HTTP/1.1 204 No Content\r\nX-Next: 1\r\n\r\n");
	else
		buf_put_str(&out, "GET /next HTTP/1.1\r\nHost: h\r\nX-Next: 1\r\n\r\n");
	if (http1_feed(r, buf_bytes(&out)) != 0)
		abort();
	while (what == HTTP1_BODY_CAME)
		if (http1_next(r, &what, &next, &piece) != 0)
			abort();
	if (what != HTTP1_END_CAME || http1_next(r, &what, &next, &piece) != 0 || what != HTTP1_HEAD_CAME || http1_count(&next, "x-next") != 1 ||
	    http1_next(r, &what, &next, &piece) != 0 || what != HTTP1_END_CAME || http1_is_inside(r))
		abort();
	buf_fini(&out);
}

/* What goes on to the next reader is read there as the same, and ends where it ended. */
static void check_forwarded(const struct http1_request *q)
{
	static struct http1_request again;
	enum forward_body how = q->is_chunked ? FORWARD_CHUNKS : q->has_body ? FORWARD_PLAIN : FORWARD_NONE;
	enum http1_event what;
	struct http1_reader r;
	struct bytes piece;
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (q->status) {
		forward_put_response(&out, q);
		how = forward_end_response(&out, q, !q->has_body, true);
		http1_reader_init_responses(&r, &http1_limits_default);
		http1_answers_head(&r, !q->has_body);
	} else {
		forward_put_request(&out, &(struct forward){ .request = q, .host = BYTES("h"), .path = BYTES("/p"), .address = "192.0.2.1" });
		http1_reader_init(&r, &http1_limits_default);
	}
	if (http1_feed(&r, buf_bytes(&out)) != 0 || http1_next(&r, &what, &again, &piece) != 0 || what != HTTP1_HEAD_CAME || http1_waiting(&r) ||
	    again.status != q->status || again.has_body != q->has_body || (!q->status && (!bytes_eq(again.query, q->query) || again.length != q->length)))
		abort();
	check_next(&r, q, how);
	http1_reader_fini(&r);
	buf_fini(&out);
}

static int read_all(struct bytes in, size_t step, bool is_response, struct buf *sum)
{
	static struct http1_request q;
	enum http1_event what;
	struct http1_reader r;
	struct bytes piece;
	int rc = ERR_AGAIN;
	size_t body = 0;

	if (is_response)
		http1_reader_init_responses(&r, &limits);
	else
		http1_reader_init(&r, &limits);
	while (in.n && rc == ERR_AGAIN) {
		size_t k = step < in.n ? step : in.n;
		if (http1_feed(&r, bytes_make(in.p, k)) != 0)
			abort();
		in = bytes_skip(in, k);
		while ((rc = http1_next(&r, &what, &q, &piece)) == 0) {
			if (what == HTTP1_HEAD_CAME) {
				check_head(&q, sum);
				check_forwarded(&q);
				body = 0;
			} else if (what == HTTP1_BODY_CAME) {
				body += piece.n;
				buf_put_bytes(sum, piece);
			} else {
				buf_put_str(sum, "|");
			}
			if (body > BODY_MAX)
				abort();
		}
	}
	int status = rc == ERR_AGAIN ? 0 : r.status;
	if (rc != ERR_AGAIN && status < 400)
		abort();
	http1_reader_fini(&r);
	return status;
}

static void check_cuts(struct bytes in, size_t step, bool is_response)
{
	struct buf once, cut, single;

	buf_init(&once, OUT_MAX);
	buf_init(&cut, OUT_MAX);
	buf_init(&single, OUT_MAX);
	int status = read_all(in, in.n, is_response, &once);
	if (read_all(in, step, is_response, &cut) != status || read_all(in, 1, is_response, &single) != status ||
	    !bytes_eq(buf_bytes(&once), buf_bytes(&cut)) || !bytes_eq(buf_bytes(&once), buf_bytes(&single)))
		abort();
	buf_fini(&once);
	buf_fini(&cut);
	buf_fini(&single);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > INPUT_MAX)
		return 0;
	struct bytes in = { data + 1, size - 1 };
	check_cuts(in, data[0] + 1u, false);
	check_cuts(in, data[0] + 1u, true);
	check_path(in);
	check_query(in);
	return 0;
}
