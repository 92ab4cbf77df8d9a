/* What strangers say to the front by HTTP/2. 'f': fields of a request (lines "name value"); what is taken means the same when it is
 * written as HTTP/1.1 and read by that strict reader. Anything else: a whole connection behind its preface, in pieces whose
 * length is a byte before each (0: a second passes), with its budgets; answers and windows as the front's. */
#include <stdlib.h>

#include "base/err.h"
#include "proto/h2.h"
#include "proto/h2_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAMS = 8, OUT_MAX = 1 << 20, IN_MAX = H2_WINDOW_FRONT };
static const struct http1_limits limits = { .line_bytes = 4096, .head_bytes = 16 << 10, .fields = 48, .body_bytes = 64ULL << 30 };

/* ---- fields ---- */

static void write_old(const struct http1_request *q, struct buf *out)
{
	buf_put_bytes(out, q->method_text);
	buf_put_str(out, " ");
	buf_put_bytes(out, q->target);
	buf_put_str(out, " HTTP/1.1\r\nHost: ");
	buf_put_bytes(out, q->host);
	for (size_t i = 0; i < q->n_fields; i++) {
		if (bytes_eq_str(q->fields[i].name, "host"))
			continue;
		buf_put_str(out, "\r\n");
		buf_put_bytes(out, q->fields[i].name);
		buf_put_str(out, ": ");
		buf_put_bytes(out, q->fields[i].value);
	}
	buf_put_str(out, "\r\n\r\n");
}

static void same(const struct http1_request *q)
{
	static const struct http1_limits wide = { .line_bytes = 16 << 10, .head_bytes = 64 << 10, .fields = HTTP1_FIELDS_MAX, .body_bytes = 64ULL << 30 };
	static struct http1_reader r;
	static struct http1_request old;
	enum http1_event what;
	struct bytes piece;
	struct buf text;

	buf_init(&text, OUT_MAX);
	write_old(q, &text);
	http1_reader_init(&r, &wide);
	if (http1_feed(&r, buf_bytes(&text)) || http1_next(&r, &what, &old, &piece) || what != HTTP1_HEAD_CAME)
		abort();
	if (old.method != q->method || !bytes_eq(old.path, q->path) || !bytes_eq(old.query, q->query) || !bytes_eq(old.host, q->host) ||
	    old.length != q->length || old.n_fields != q->n_fields + 1 - http1_count(q, "host"))
		abort();
	http1_reader_fini(&r);
	buf_fini(&text);
}

static void fields(struct bytes in, bool is_whole)
{
	static struct http1_request q;
	struct h2_head h;

	h2_head_init(&h, &limits);
	while (in.n) {
		struct bytes line = bytes_make(in.p, bytes_find(in, '\n'));
		size_t name_n = bytes_find(line, ' ');
		h2_head_field(&h, bytes_make(line.p, name_n), bytes_skip(line, name_n + 1));
		in = bytes_skip(in, line.n + 1);
	}
	int rc = h2_head_end(&h, is_whole, &q);
	if ((rc == ERR_SYNTAX) != (h.status != 0) || (h.status && (h.status < 400 || h.status > 503 || !h.why)))
		abort();
	if (rc == 0 && q.protocol.n == 0)
		same(&q);
	h2_head_fini(&h);
}

/* ---- a connection ---- */

struct side {
	struct h2 h2;
	struct h2_head head;
	bool has_head;
	struct h2_stream streams[STREAMS];
	size_t held[STREAMS]; /* not given back yet */
	struct buf out;
};

static size_t at(const struct side *s, const struct h2_stream *stream)
{
	return (size_t)(stream - s->streams);
}

static void on_begin(void *arg)
{
	struct side *s = arg;

	if (s->has_head)
		h2_head_fini(&s->head);
	h2_head_init(&s->head, &limits);
	s->has_head = true;
}

static void on_field(void *arg, struct bytes name, struct bytes value)
{
	struct side *s = arg;

	h2_head_field(&s->head, name, value);
}

static void answer(struct side *s, struct h2_stream *stream, const char *status, bool has_body)
{
	const struct h2_field f[] = { { BYTES(":status"), bytes_of(status), false }, { BYTES("server"), BYTES("x"), false } };

	if (h2_answer(&s->h2, stream, f, 2, has_body, false))
		h2_reset(&s->h2, stream);
	else if (has_body)
		(void)h2_send(&s->h2, stream, BYTES("there is nothing here"));
}

static void on_request(void *arg, int32_t id, bool is_whole)
{
	static struct http1_request q;
	struct side *s = arg;
	struct h2_stream *stream = NULL;
	int rc = h2_head_end(&s->head, is_whole, &q);

	for (size_t i = 0; i < STREAMS && !stream; i++)
		stream = s->streams[i].id ? NULL : &s->streams[i];
	if (!stream) {
		h2_refuse(&s->h2, id, 503);
		return;
	}
	s->held[at(s, stream)] = 0;
	if (h2_begin(&s->h2, id, stream))
		return;
	bool is_tunnel = !rc && q.protocol.n;
	answer(s, stream, rc ? "400" : "200", is_tunnel || q.method != HTTP1_HEAD);
	if (!is_tunnel && (rc || is_whole || !q.has_body))
		h2_end(&s->h2, stream);
}

static void on_data(void *arg, struct h2_stream *stream, struct bytes in)
{
	struct side *s = arg;
	size_t *held = &s->held[at(s, stream)];

	*held += in.n;
	if (*held > IN_MAX)
		abort(); /* more than the window */
	if (in.n % 3 == 0)
		return; /* nobody takes it now */
	h2_consume(&s->h2, stream, *held);
	*held = 0;
	if (in.n % 5 == 0)
		h2_reset(&s->h2, stream);
	else
		(void)h2_send(&s->h2, stream, in);
}

static void on_ended(void *arg, struct h2_stream *stream)
{
	struct side *s = arg;

	h2_end(&s->h2, stream);
}

static void on_drained(void *arg, struct h2_stream *stream)
{
	(void)arg, (void)stream;
}

static void on_closed(void *arg, struct h2_stream *stream, int why)
{
	(void)arg, (void)why;
	if (stream->id)
		abort();
}

static const struct h2_owner owner = {
	.begin = on_begin,
	.field = on_field,
	.request = on_request,
	.data = on_data,
	.ended = on_ended,
	.drained = on_drained,
	.closed = on_closed,
};

static void connection(struct bytes in)
{
	static const struct h2_limits l = {
		.streams_max = 6, .window = H2_WINDOW_FRONT, .fields_bytes = 16 << 10, .out_max = OUT_MAX, .is_open = true,
	};
	struct side s = { .has_head = false };
	uint64_t now = 1000;
	int rc = h2_init(&s.h2, true, &l, &owner, &s, now);

	buf_init(&s.out, OUT_MAX);
	if (!rc)
		rc = h2_input(&s.h2, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), now);
	while (!rc && in.n) {
		size_t n = in.p[0] < in.n ? in.p[0] : in.n - 1;
		now += n ? 0 : 1000;
		rc = n ? h2_input(&s.h2, bytes_make(in.p + 1, n), now) : 0;
		in = bytes_skip(in, n + 1);
		int sent = h2_output(&s.h2, &s.out, OUT_MAX);
		if (rc == ERR_PROTOCOL && (sent != ERR_PROTOCOL || !s.h2.why[0]))
			abort(); /* who is sent away hears why */
		rc = rc ? rc : sent;
		buf_clear(&s.out);
	}
	if (s.h2.n_streams > l.streams_max)
		abort();
	for (size_t i = 0; i < STREAMS; i++)
		h2_reset(&s.h2, &s.streams[i]);
	if (s.h2.session)
		h2_fini(&s.h2);
	if (s.has_head)
		h2_head_fini(&s.head);
	buf_fini(&s.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && (data[0] == 'f' || data[0] == 'w'))
		fields(bytes_make(data + 1, size - 1), data[0] == 'w');
	else if (size)
		connection(bytes_make(data + 1, size - 1));
	return 0;
}
