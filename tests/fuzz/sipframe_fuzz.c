/* SIP over WebSocket, both ways: what a client's message becomes in the stream is one message there, which says its length, and a stream
 * in pieces gives the same messages as at once. */
#include <stdlib.h>

#include "base/err.h"
#include "sipframe.h"

enum { OUT_MAX = 1 << 20, LENGTH_ROOM = 64 /* for the length that is added */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	uint64_t n, hash;
	int rc;
};

static void add(struct sum *s, struct bytes message)
{
	if (message.n == 0)
		abort();
	/* Line ends that come in pieces are several keep-alives; they are no messages. */
	if (message.p[0] == '\r' || message.p[0] == '\n')
		return;
	s->n++;
	for (size_t i = 0; i < message.n; i++)
		s->hash = (s->hash ^ message.p[i]) * UINT64_C(1099511628211);
}

static struct sum cut(struct bytes in, size_t step)
{
	struct sum out = { 0, 0, 0 };
	struct sipframes s;
	struct bytes message;

	sipframes_init(&s);
	for (; in.n && !out.rc; in = bytes_skip(in, step < in.n ? step : in.n)) {
		out.rc = sipframes_feed(&s, bytes_make(in.p, step < in.n ? step : in.n));
		while (!out.rc && sipframes_next(&s, &message, &out.rc))
			add(&out, message);
	}
	sipframes_fini(&s);
	return out;
}

static void from_client(struct bytes message)
{
	struct buf out;
	const char *why;

	buf_init(&out, OUT_MAX);
	int rc = sipframe_from_client(message, &out, &why);
	struct sum s = rc ? (struct sum){ 0, 0, 0 } : cut(buf_bytes(&out), OUT_MAX);
	bool is_large = message.n > SIPFRAME_MAX - LENGTH_ROOM;
	if (!rc && !is_large && (s.rc || s.n != (message.n > 4)))
		abort();
	if (rc && buf_len(&out))
		abort();
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct bytes in = bytes_make(data + 1, size - 1);
	struct sum whole = cut(in, in.n ? in.n : 1), parts = cut(in, data[0] ? data[0] : 1);

	if (in.n <= SIPFRAME_MAX && (whole.n != parts.n || whole.hash != parts.hash || whole.rc != parts.rc))
		abort();
	from_client(in);
	return 0;
}
