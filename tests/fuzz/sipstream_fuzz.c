/* SIP on a stream: what comes in pieces is what comes as a whole. The first byte says how it is cut. */
#include <stdlib.h>

#include "base/err.h"
#include "sip/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

enum { MOST_INPUT = 32768, MOST_ITEMS = 512 };
struct seen {
	size_t n, pings;
	int rc;
	struct { /* of a message */
		size_t body_n;
		uint16_t fault;
		enum sipmsg_method method;
	} item[MOST_ITEMS];
};

static void note(struct seen *s, struct sipmsg *m)
{
	if (m && s->n < MOST_ITEMS) {
		s->item[s->n].body_n = sipmsg_body(m).n;
		s->item[s->n].fault = sipmsg_fault(m).status;
		s->item[s->n].method = sipmsg_method(m);
		s->n++;
	}
	sipmsg_free(m);
}

static void drain(struct sipstream *stream, struct seen *s)
{
	struct sipmsg *m;
	bool is_ping;

	do {
		s->rc = sipstream_next(stream, &m, &is_ping);
		must(!is_ping || !m);
		s->pings += is_ping;
		bool is_more = m || is_ping;
		note(s, m);
		if (!is_more)
			return;
	} while (s->rc == 0);
}

static void run(struct bytes in, size_t piece, struct seen *s)
{
	struct sipstream stream;

	*s = (struct seen){ 0 };
	sipstream_init(&stream);
	while (in.n && s->rc == 0) {
		size_t n = piece < in.n ? piece : in.n;
		must(sipstream_feed(&stream, bytes_make(in.p, n)) == 0);
		in = bytes_skip(in, n);
		drain(&stream, s);
	}
	must(s->rc == 0 || !sipstream_is_inside(&stream));
	sipstream_fini(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seen whole, pieces;

	if (size < 2 || size > MOST_INPUT)
		return 0;
	struct bytes in = bytes_make(data + 1, size - 1);
	run(in, in.n, &whole);
	run(in, data[0] % 61 + 1u, &pieces);
	must(whole.n == pieces.n && whole.pings == pieces.pings && whole.rc == pieces.rc);
	for (size_t i = 0; i < whole.n; i++)
		must(whole.item[i].body_n == pieces.item[i].body_n && whole.item[i].fault == pieces.item[i].fault &&
		     whole.item[i].method == pieces.item[i].method);
	return 0;
}
