/* Records as a gh-conf that has gone mad could send them, and text, to a table on a pipe and as JSON; and any line made
 * safe for a terminal: it has no control characters and is UTF-8. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_safe(struct bytes in)
{
	struct buf b;

	buf_init(&b, 8 << 20);
	page_put_safe(&b, in);
	struct bytes out = buf_bytes(&b);
	if (!text_is_utf8(out) || out.n > in.n)
		abort();
	for (size_t i = 0; i < out.n; i++)
		if (out.p[i] < 0x20 || out.p[i] == 0x7f || (out.p[i] == 0xc2 && out.p[i + 1] < 0xa0))
			abort();
	buf_fini(&b);
}

static void fill(struct table *t, struct bytes in)
{
	for (unsigned i = 0; in.n > 0 && i < 64; i++) {
		size_t n = in.p[0] % 64u;
		struct wire w = wire_of(bytes_make(in.p + 1, n < in.n ? n : in.n - 1));
		if (in.p[0] & 0x80)
			(void)table_text(t, w.in);
		else if (table_add(t, &w) < 0)
			break; /* ghsh ends there */
		if (in.p[0] & 0x40)
			table_flush(t);
		in = bytes_skip(in, n + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	struct page page;

	if (!nowhere && !(nowhere = freopen("/dev/null", "w", stdout)))
		abort();
	check_safe(bytes_make(data, size));
	for (int is_json = 0; is_json < 2; is_json++) {
		struct table *t = malloc(sizeof *t);
		if (!t)
			return 0;
		page_init(&page, false);
		page.columns = 80;
		table_init(t, &page, is_json);
		fill(t, bytes_make(data, size));
		table_end(t);
		table_fini(t);
		free(t);
	}
	return 0;
}
