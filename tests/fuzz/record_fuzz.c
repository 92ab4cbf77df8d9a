/* Files of the compliance archive as anybody may have written them: frame after frame, each proved or refused; what can be read can be
 * written again as it was, and exported. Behind a first byte that is odd the input is the fields of one record, as gh-im sends them. */
#include <stdlib.h>

#include "base/err.h"
#include "format.h"
#include "proto/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 32 << 20 };

static void check_same(struct bytes fields, const struct record *r)
{
	struct buf b;

	buf_init(&b, RECORD_BODY_MAX + 64);
	record_put_fields(&b, r);
	if (buf_failed(&b) || !bytes_eq(buf_bytes(&b), fields))
		abort();
	buf_fini(&b);
}

static void export(const struct record *r, struct bytes hash)
{
	static struct xml_pool *parsers;
	struct arena arena;
	struct buf out;

	if (!parsers)
		parsers = xml_pool_new(2);
	arena_init(&arena, OUT_MAX);
	buf_init(&out, OUT_MAX);
	for (unsigned k = 0; k < FORMAT_COUNT; k++) {
		const struct format_in in = { .record = r, .hash = hash, .parsers = parsers, .arena = &arena };
		size_t before = buf_len(&out);
		bool is_put = format_put((enum format_kind)k, &in, &out);
		size_t n = buf_len(&out) - before;
		if (is_put && k == FORMAT_JSON && bytes_find(bytes_skip(buf_bytes(&out), before), '\n') != n - 1)
			abort(); /* one line */
		if (is_put && k == FORMAT_EML && (n % 512 || n < 1024))
			abort();
		arena_reset(&arena);
	}
	buf_fini(&out);
	arena_fini(&arena);
}

static void one_by_one(struct bytes in)
{
	uint8_t hash[RECORD_HASH_BYTES] = { 0 };
	struct record_frame f;
	struct record_head h;
	struct record r;

	if (record_read_head(in, &h))
		return;
	in = bytes_skip(in, RECORD_HEAD_BYTES);
	memcpy(hash, h.hash, sizeof hash);
	while (record_frame(in, &f) == 0) {
		uint8_t was[RECORD_HASH_BYTES];
		struct buf again;
		memcpy(was, hash, sizeof was);
		bool is_right = record_check(&f, hash);
		buf_init(&again, RECORD_BODY_MAX + 64);
		if (!f.pruned && record_read(f.body, &r) == 0) {
			check_same(bytes_skip(f.body, 8), &r);
			export(&r, f.hash);
			record_append(&again, r.number, bytes_skip(f.body, 8), was);
			if (is_right != bytes_eq(buf_bytes(&again), bytes_make(in.p, f.n)))
				abort();
		}
		buf_fini(&again);
		if (!is_right)
			return;
		in = bytes_skip(in, f.n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t hash[RECORD_HASH_BYTES];
	struct bytes in = bytes_make(data, size);
	struct record r = { .number = 1 };
	uint64_t at;

	(void)format_time(in, true, &at);
	if (size && data[0] & 1 && record_read_fields(bytes_skip(in, 1), &r) == 0) {
		check_same(bytes_skip(in, 1), &r);
		export(&r, bytes_make(hash, sizeof hash));
	}
	one_by_one(in);
	return 0;
}
