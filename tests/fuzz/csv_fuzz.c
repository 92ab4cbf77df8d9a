/* Rows of a whole text are those of the text in pieces of any size, never longer than allowed, and read the same when they are written
 * again. */
#include <stdlib.h>

#include "base/err.h"
#include "base/wire.h"
#include "proto/csv.h"

enum { INPUT_MAX = 8 << 10, ROW_MAX = 256, OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reader says, row by row. */
static void note(struct buf *out, const struct csv *c, int rc)
{
	wire_put_u32(out, c->line);
	wire_put_u32(out, (uint32_t)rc);
	for (size_t i = 0; rc == 0 && i < c->n; i++)
		wire_put_bytes(out, c->fields[i]);
}

static void in_pieces(struct bytes text, size_t piece, struct buf *out)
{
	unsigned line = 1;
	bool is_skipping = false;
	size_t at = 0, take = piece;

	for (;;) {
		bool is_last = text.n - at <= take;
		struct bytes part = bytes_skip(text, at);
		struct csv c;
		int rc;

		if (!is_last)
			part.n = take;
		csv_init(&c, part, is_last, line, ROW_MAX);
		c.is_skipping = is_skipping;
		if (at == 0)
			csv_pass_mark(&c);
		while ((rc = csv_row(&c)) != ERR_NOT_FOUND && rc != ERR_TRUNCATED)
			note(out, &c, rc);
		if (rc == ERR_TRUNCATED && (is_last || c.rest.n > ROW_MAX))
			abort();
		at += part.n - c.rest.n;
		take = rc == ERR_TRUNCATED ? c.rest.n + piece : piece;
		line = c.next_line;
		is_skipping = c.is_skipping;
		csv_fini(&c);
		if (is_last)
			return;
	}
}

static void again(struct bytes text)
{
	struct csv c, twice;
	struct buf out;
	int rc;

	csv_init(&c, text, true, 1, ROW_MAX);
	buf_init(&out, OUT_MAX);
	while ((rc = csv_row(&c)) != ERR_NOT_FOUND) {
		if (rc)
			continue;
		buf_clear(&out);
		for (size_t i = 0; i < c.n; i++)
			csv_put(&out, c.fields[i], i + 1 < c.n ? ',' : '\n');
		csv_init(&twice, buf_bytes(&out), true, 2, 4 * ROW_MAX);
		if (csv_row(&twice) != 0 || twice.n != c.n)
			abort();
		for (size_t i = 0; i < c.n; i++)
			if (!bytes_eq(c.fields[i], twice.fields[i]))
				abort();
		if (csv_row(&twice) != ERR_NOT_FOUND)
			abort();
		csv_fini(&twice);
	}
	csv_fini(&c);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, size };
	struct buf whole, cut;

	if (size > INPUT_MAX || size < 1)
		return 0;
	in = bytes_skip(in, 1);
	buf_init(&whole, OUT_MAX);
	buf_init(&cut, OUT_MAX);
	in_pieces(in, INPUT_MAX, &whole);
	in_pieces(in, 8 + data[0], &cut);
	if (!bytes_eq(buf_bytes(&whole), buf_bytes(&cut)))
		abort();
	again(in);
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
