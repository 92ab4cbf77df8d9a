/* The same messages come out however the bytes are cut; no message passes its limit; nothing follows an error. The first
 * byte says how to cut. */
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/websocket.h"

enum { MESSAGE_MAX = 4096, SUM_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct bytes in, size_t step, struct buf *sum)
{
	struct ws_reader r;
	enum ws_event what;
	struct bytes payload;
	int rc = ERR_AGAIN;

	ws_reader_init(&r, MESSAGE_MAX);
	while (rc == ERR_AGAIN && in.n) {
		struct bytes part = bytes_make(in.p, step < in.n ? step : in.n);
		in = bytes_skip(in, part.n);
		while ((rc = ws_next(&r, &part, &what, &payload)) == 0) {
			if (payload.n > MESSAGE_MAX || (what >= WS_PING && payload.n > WS_CONTROL_MAX) || (what == WS_TEXT && !text_is_utf8(payload)))
				abort();
			ws_put(sum, what, payload);
		}
	}
	buf_put_u8(sum, (uint8_t)r.status);
	if (r.is_over && ws_next(&r, &in, &what, &payload) != ERR_CLOSED)
		abort();
	ws_reader_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, cut;
	char accept[WS_ACCEPT_BYTES];

	if (size == 0)
		return 0;
	buf_init(&whole, SUM_MAX);
	buf_init(&cut, SUM_MAX);
	read_all(bytes_make(data + 1, size - 1), size, &whole);
	read_all(bytes_make(data + 1, size - 1), 1u + data[0] % 64, &cut);
	if (!bytes_eq(buf_bytes(&whole), buf_bytes(&cut)))
		abort();
	(void)ws_accept(bytes_make(data, size), accept); /* the sanitizer looks */
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
