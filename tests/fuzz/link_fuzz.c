/* What gh-link reads itself: fields of a request (lines "name value"), the body of CLIENT_STREAM, and the whole of an HTTP/2
 * connection on either side, with its budgets, messages of an enrolment, and the frames and stanzas of partners. The first byte
 * says which. What was taken says the same when it is written and read again. */
#include <stdlib.h>

#include "base/err.h"
#include "enrol_code.h"
#include "ferry_frame.h"
#include "ferry_stanza.h"
#include "meta_h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 20 };

static void same(const struct meta *m)
{
	struct meta_fields f;
	struct meta_reader r;

	meta_write(m, &f);
	meta_read_begin(&r);
	for (size_t i = 0; i < f.n; i++)
		meta_read(&r, bytes_of(f.pairs[i].name), f.pairs[i].value);
	if (meta_read_end(&r) || memcmp(&r.meta, m, sizeof *m) != 0)
		abort();
}

static void fields(struct bytes in)
{
	struct meta_reader r;

	meta_read_begin(&r);
	while (in.n) {
		struct bytes line = bytes_make(in.p, bytes_find(in, '\n'));
		size_t name_n = bytes_find(line, ' ');
		meta_read(&r, bytes_make(line.p, name_n), bytes_skip(line, name_n + 1));
		in = bytes_skip(in, line.n + 1);
	}
	if (meta_read_end(&r) == 0)
		same(&r.meta);
}

static void body(struct bytes in)
{
	struct meta m;

	if (meta_from_body(in, &m) == 0) {
		memcpy(m.service, "xmpp-client", sizeof "xmpp-client"); /* by the message in which it came */
		same(&m);
	}
}

/* What somebody says who has not the code: never taken, and nothing is read beyond it. */
static void enrolment(struct bytes in)
{
	static const uint8_t exporter[ENROL_EXPORTER_BYTES];
	enum enrol_message type;
	struct bytes payload;
	char code[ENROL_CODE_BYTES];
	size_t used;
	struct buf b;

	(void)enrol_code_read(in, code);
	if (enrol_take(in, "2345-6789-ABCD-EFGH-JKLM", exporter, &type, &payload, &used) == 0)
		abort(); /* a MAC was guessed */
	buf_init(&b, OUT_MAX);
	if (enrol_put(&b, "2345-6789-ABCD-EFGH-JKLM", exporter, ENROL_DONE, in) == 0 &&
	    (enrol_take(buf_bytes(&b), "2345-6789-ABCD-EFGH-JKLM", exporter, &type, &payload, &used) || !bytes_eq(payload, in)))
		abort();
	buf_fini(&b);
}

/* ---- partners' stanzas: what a core takes is one stanza between the envelope's addresses, and says the same when it is read again ---- */

static void stanza(struct envelope *e)
{
	struct xml_pool *pool = xml_pool_new(1);
	struct arena a;
	struct buf once, twice;

	arena_init(&a, 16 << 20);
	buf_init(&once, OUT_MAX * 4);
	buf_init(&twice, OUT_MAX * 4);
	if (ferry_stanza_judge(e, pool, &a, &once) == 0) {
		struct envelope again = *e;
		if (ferry_stanza_judge(&again, pool, &a, &twice) || !bytes_eq(again.stanza, e->stanza) || again.kind != e->kind ||
		    again.type != e->type || again.facts != e->facts || !bytes_eq(again.sid, e->sid))
			abort();
	}
	buf_fini(&once);
	buf_fini(&twice);
	arena_fini(&a);
	xml_pool_free(pool);
}

static void frames(struct bytes in)
{
	struct ferry_frame f;
	size_t used;

	while (ferry_frame_read(in, &f, &used) == 0) {
		if (used > in.n || (f.type == FERRY_ROUTE && (!f.e.from.n || !f.e.to.n)))
			abort();
		if (f.type == FERRY_ROUTE)
			stanza(&f.e);
		in = bytes_skip(in, used);
	}
}

/* ---- a connection ---- */

enum { STREAMS = 4 };

struct side {
	struct h2 h2;
	struct meta_reader reader;
	struct h2_stream streams[STREAMS];
	struct buf out;
};

static struct h2_stream *free_stream(struct side *s)
{
	for (size_t i = 0; i < STREAMS; i++)
		if (!s->streams[i].id)
			return &s->streams[i];
	return NULL;
}

static void on_begin(void *arg)
{
	meta_read_begin(&((struct side *)arg)->reader);
}

static void on_field(void *arg, struct bytes name, struct bytes value)
{
	meta_read(&((struct side *)arg)->reader, name, value);
}

static void on_request(void *arg, int32_t id, bool is_whole)
{
	struct side *s = arg;
	struct h2_stream *stream = is_whole || meta_read_end(&s->reader) ? NULL : free_stream(s);

	if (stream)
		same(&s->reader.meta);
	if (!stream || h2_accept(&s->h2, id, stream))
		h2_refuse(&s->h2, id, 503);
}

static void on_data(void *arg, struct h2_stream *stream, struct bytes in)
{
	struct side *s = arg;

	if (in.n % 2) { /* some are slow */
		h2_consume(&s->h2, stream, in.n);
		(void)h2_send(&s->h2, stream, in);
	} else if (in.n == 4)
		h2_end(&s->h2, stream);
	else if (in.n == 6)
		h2_reset(&s->h2, stream);
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

static const struct h2_owner owner = { .begin = on_begin, .field = on_field, .request = on_request, .data = on_data, .drained = on_drained, .closed = on_closed };

static void connection(struct bytes in, bool is_server)
{
	static const struct h2_limits limits = { .streams_max = 8, .opens_per_s = 10, .window = 1 << 16, .fields_bytes = META_LIST_BYTES_MAX };
	static const struct meta m = { .service = "xmpp-client", .transport = "tls", .tls = "TLSv1.3", .address_n = 4 };
	struct side s = { .out = { .p = NULL } };
	uint64_t now = 1000;
	int rc = h2_init(&s.h2, is_server, &limits, &owner, &s, now);

	buf_init(&s.out, OUT_MAX);
	while (!rc && in.n) {
		size_t n = in.p[0] % 64 < in.n ? in.p[0] % 64 : in.n - 1;
		rc = n ? h2_input(&s.h2, bytes_make(in.p + 1, n), now) : h2_tick(&s.h2, now += 1000);
		in = bytes_skip(in, n + 1);
		struct h2_stream *stream = free_stream(&s);
		if (!rc && !is_server && stream)
			(void)meta_h2_open(&s.h2, stream, &m); /* not ready, full: fine */
		if (!rc)
			rc = h2_output(&s.h2, &s.out, OUT_MAX);
		buf_clear(&s.out);
	}
	for (size_t i = 0; i < STREAMS; i++)
		if (s.streams[i].id)
			buf_fini(&s.streams[i].out);
	if (s.h2.session)
		h2_fini(&s.h2);
	buf_fini(&s.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'f':
		fields(bytes_make(data + 1, size - 1));
		break;
	case 'e':
		enrolment(bytes_make(data + 1, size - 1));
		break;
	case 'p':
		frames(bytes_make(data + 1, size - 1));
		break;
	case 'b':
		body(bytes_make(data + 1, size - 1));
		break;
	default:
		connection(bytes_make(data + 1, size - 1), data[0] == 's');
	}
	return 0;
}
