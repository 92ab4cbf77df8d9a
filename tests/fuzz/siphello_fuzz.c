/* What a SIP client says first, in growing pieces (the first byte): what is decided once stays so, nothing over the limit is ours,
 * and an answer holds no more than was said. */
#include <stdlib.h>

#include "siphello.h"

enum { ANSWER_SLACK = 256, OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_host(void *arg, const char *host)
{
	(void)arg;
	return strcmp(host, "a.example") == 0;
}

static void answer(struct bytes said)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	siphello_answer(said, 503, "Service Unavailable", "0123456789abcdef", 30, &out);
	/* A tag for each To, of which there are at most as many as lines of three bytes. */
	if (buf_failed(&out) || buf_len(&out) > said.n + said.n / 3 * 21 + ANSWER_SLACK)
		abort();
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 2 * SIPHELLO_MAX)
		return 0;
	struct bytes in = bytes_make(data + 1, size - 1);
	size_t step = data[0] ? data[0] : size;
	enum siphello_what what = SIPHELLO_MORE;

	for (size_t n = 0; n < in.n && what == SIPHELLO_MORE;) {
		n = n + step < in.n ? n + step : in.n;
		what = siphello_read(bytes_make(in.p, n), is_host, NULL);
	}
	if (what == SIPHELLO_OURS && siphello_kind(in) != SIPHELLO_OURS)
		abort();
	answer(in);
	return 0;
}
