/* What gh-files reads of an edge: asks, paths, ranges; and what gh-proxy reads of gh-files: answers. What is read is written
 * again to the same bytes; no path is genuine but one that the key has sealed, and a part lies within its file. */
#include <stdlib.h>

#include "base/err.h"
#include "files.h"
#include "proto/upload.h"
#include "range.h"

enum { OUT_MAX = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct bytes key = { (const uint8_t *)"0123456789abcdef0123456789abcdef", 32 };

static void same(struct bytes in, size_t used, const struct buf *out)
{
	if (buf_failed(out) || !bytes_eq(bytes_make(in.p, used), buf_bytes(out)))
		abort();
}

static void answer(const struct upload_ask *ask, struct bytes name)
{
	struct shelf_label l = { .size = ask->size, .type = "text/html" };
	struct slot slot = { .kind = SLOT_FETCH };
	struct upload_answer a;
	struct buf text;
	uint64_t from;

	memcpy(l.name, name.p ? name.p : key.p, name.n < SLOT_NAME_MAX ? name.n : SLOT_NAME_MAX);
	buf_init(&text, 4096);
	reply_file(ask, &slot, &l, &text, &a, &from);
	if (buf_failed(&text) || from > l.size || a.size > l.size - from)
		abort();
	buf_fini(&text);
}

static void forge(struct bytes path)
{
	struct slot s, again;
	struct buf b;

	if (slot_read_path(key, path, &s) == 0) /* a seed: sealed with this key */
		return;
	/* Any name that may be one, and any type, go there and back under the seal. */
	s = (struct slot){ .kind = SLOT_FILL, .size = path.n };
	if (!slot_is_name(path) || path.n > SLOT_NAME_MAX)
		return;
	memcpy(s.name, path.p, path.n);
	buf_init(&b, SLOT_PATH_MAX + 1);
	if (slot_put_path(key, &s, &b) || slot_read_path(key, buf_bytes(&b), &again) || strcmp(s.name, again.name) != 0)
		abort();
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_make(data, size);
	struct upload_answer got;
	struct upload_ask ask;
	struct buf out;
	size_t used;

	buf_init(&out, OUT_MAX);
	if (upload_take_ask(in, &ask, &used) == 0) {
		upload_put_ask(&out, &ask);
		same(in, used, &out);
		forge(ask.path);
		answer(&ask, ask.type);
	}
	buf_clear(&out);
	if (upload_take_answer(in, &got, &used) == 0) {
		upload_put_answer(&out, &got);
		same(in, used, &out);
	}
	(void)slot_is_type(in);
	forge(in);
	buf_fini(&out);
	return 0;
}
