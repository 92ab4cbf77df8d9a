/* Frames come out the same however the bytes are cut; a frame written and read again is itself; chunks of
 * any kind are joined within bounds. The first byte says how to cut. */
#include <stdlib.h>

#include "base/err.h"
#include "proto/msrp.h"
#include "proto/msrp_join.h"

enum { BODY_MAX = 256, OUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct msrp_frame *f)
{
	struct msrp_reader r;
	struct msrp_frame back;
	struct buf out, second;

	buf_init(&out, OUT_MAX);
	buf_init(&second, OUT_MAX);
	if (f->fault == 0 && msrp_encode(f, &out) == 0) {
		msrp_reader_init(&r, BODY_MAX);
		if (msrp_reader_feed(&r, buf_bytes(&out)) != 0 || msrp_reader_next(&r, &back) != 0)
			abort();
		if (!bytes_eq(f->body, back.body) || f->flag != back.flag || f->status != back.status || back.fault)
			abort();
		if (msrp_encode(&back, &second) != 0 || !bytes_eq(buf_bytes(&out), buf_bytes(&second)))
			abort();
		msrp_reader_fini(&r);
	}
	buf_clear(&out);
	if (!f->status && msrp_respond(f, 400, NULL, &out) != 0)
		abort();
	buf_fini(&out);
	buf_fini(&second);
}

static void check_join(struct msrp_join *j, const struct msrp_frame *f)
{
	struct msrp_whole w;

	if (f->method != MSRP_SEND || f->fault || msrp_join_add(j, f, 1, &w) != 0)
		return;
	if (w.body.n > BODY_MAX)
		abort();
	uint8_t sum = 0;
	for (size_t i = 0; i < w.body.n; i++)
		sum = (uint8_t)(sum + w.body.p[i]);
	(void)sum; /* every byte was written by some chunk: the sanitizer looks */
}

static size_t read_all(struct bytes in, size_t step, struct buf *sum)
{
	struct msrp_reader r;
	struct msrp_join j;
	struct msrp_frame f;
	size_t n = 0;
	int rc = ERR_AGAIN;

	msrp_reader_init(&r, BODY_MAX);
	msrp_join_init(&j, BODY_MAX);
	while (in.n && rc == ERR_AGAIN) {
		size_t k = step < in.n ? step : in.n;
		if (msrp_reader_feed(&r, bytes_make(in.p, k)) != 0)
			break;
		in = bytes_skip(in, k);
		while ((rc = msrp_reader_next(&r, &f)) == 0) {
			n++;
			buf_put_bytes(sum, f.id);
			buf_put_bytes(sum, f.body);
			check_join(&j, &f);
			check_again(&f);
		}
	}
	size_t given_up;
	(void)msrp_join_sweep(&j, 1 + MSRP_JOIN_MS, &given_up); /* only the memory matters here */
	msrp_join_fini(&j);
	msrp_reader_fini(&r);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once, cut;

	if (size < 1 || size > MSRP_FEED_MAX_BYTES)
		return 0;
	buf_init(&once, OUT_MAX);
	buf_init(&cut, OUT_MAX);
	struct bytes in = { data + 1, size - 1 };
	if (read_all(in, in.n, &once) != read_all(in, data[0] + 1u, &cut) || !bytes_eq(buf_bytes(&once), buf_bytes(&cut)))
		abort();
	buf_fini(&once);
	buf_fini(&cut);
	return 0;
}
