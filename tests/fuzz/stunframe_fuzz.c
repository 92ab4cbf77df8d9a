/* Framing on streams: whatever the pieces in which the bytes come, the frames are the same (RFC 8656 12.5). */
#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "proto/stunmsg.h"

enum { FRAMES_MAX = 64, MAX = 2048 };

struct cut {
	size_t at[FRAMES_MAX], n[FRAMES_MAX];
	unsigned count;
	int end; /* how it ended */
};

static void whole(struct bytes in, struct cut *out)
{
	size_t at = 0, used;
	struct bytes frame;

	*out = (struct cut){ .end = 0 };
	while (out->count < FRAMES_MAX && (out->end = stunframe_next(bytes_skip(in, at), MAX, &frame, &used)) == 0) {
		assert(frame.n <= MAX && used >= frame.n && used <= in.n - at);
		out->at[out->count] = at;
		out->n[out->count++] = frame.n;
		at += used;
	}
}

static void pieces(struct bytes in, size_t step, struct cut *out)
{
	size_t at = 0, have = 0, used;
	struct bytes frame;

	*out = (struct cut){ .end = ERR_AGAIN };
	while (out->count < FRAMES_MAX) {
		out->end = stunframe_next(bytes_make(in.p + at, have - at), MAX, &frame, &used);
		if (out->end == ERR_AGAIN && have < in.n) {
			assert(used > have - at);
			have = have + step < in.n ? have + step : in.n;
			continue;
		}
		if (out->end)
			return;
		out->at[out->count] = at;
		out->n[out->count++] = frame.n;
		at += used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cut a, b;
	static const size_t steps[] = { 1, 3, 7, 64 };

	whole(bytes_make(data, size), &a);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		pieces(bytes_make(data, size), steps[i], &b);
		assert(a.count == b.count && a.end == b.end);
		assert(memcmp(a.at, b.at, a.count * sizeof a.at[0]) == 0 && memcmp(a.n, b.n, a.count * sizeof a.n[0]) == 0);
	}
	return 0;
}
