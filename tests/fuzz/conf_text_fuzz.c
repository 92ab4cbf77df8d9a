/* Any text: an error with its line, or rows that print to text that reads back to equal rows. As another version's: what was kept aside is
 * kept again when rows and it are read back. */
#include "aside.h"
#include "conf_text.h"

#include "base/err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct rows *r)
{
	struct conf_text_error e;
	struct rows again = { 0 };
	struct buf text, text2;

	buf_init(&text, 64 << 20);
	buf_init(&text2, 64 << 20);
	conf_text_print(r, &text);
	if (conf_text_parse(buf_bytes(&text), &again, &e) < 0 || rows_diff(r, &again, NULL, NULL) != 0)
		abort();
	conf_text_print(&again, &text2);
	if (!bytes_eq(buf_bytes(&text), buf_bytes(&text2)))
		abort();
	buf_fini(&text);
	buf_fini(&text2);
	rows_fini(&again);
}

static void check_aside(struct bytes in)
{
	struct conf_text_error e;
	struct rows r = { 0 }, again = { 0 };
	struct aside a, b;
	struct buf text;

	aside_init(&a);
	aside_init(&b);
	buf_init(&text, 64 << 20);
	if (conf_text_parse_aside(in, &r, &a, &e) == 0) {
		conf_text_print(&r, &text);
		if (aside_put(&a, &r, &text) < 0 || conf_text_parse_aside(buf_bytes(&text), &again, &b, &e) < 0)
			abort();
		if (rows_diff(&r, &again, NULL, NULL) != 0 || buf_len(&b.lines) > buf_len(&a.lines))
			abort();
	}
	buf_fini(&text);
	aside_fini(&a);
	aside_fini(&b);
	rows_fini(&r);
	rows_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_text_error e;
	struct rows r = { 0 };
	int rc = conf_text_parse(bytes_make(data, size), &r, &e);

	if (rc == 0)
		check_round_trip(&r);
	else if (rc != ERR_NOMEM && (e.line == 0 || !e.text[0]))
		abort();
	rows_fini(&r);
	check_aside(bytes_make(data, size));
	return 0;
}
