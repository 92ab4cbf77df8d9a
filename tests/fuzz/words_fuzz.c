/* Texts of strangers as PostgreSQL's tsvector and tsquery: whatever stands in them, between quotes there are letters and digits alone, and
 * quotes come in pairs. */
#include <stdlib.h>

#include "words.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct bytes made)
{
	size_t quotes = 0;

	for (size_t i = 0; i < made.n; i++) {
		bool is_in = quotes & 1;
		quotes += made.p[i] == '\'';
		if (made.p[i] == '\\' || made.p[i] == 0 || (is_in && (made.p[i] == ' ' || made.p[i] == '&' || made.p[i] == '|' || made.p[i] == '!')))
			abort();
	}
	if (quotes & 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = { data, size };
	struct buf out;

	if (size > 65536)
		return 0;
	buf_init(&out, 2 * WORDS_BYTES_MAX);
	if (words_vector(text, 7, &out) == 0)
		check(buf_bytes(&out));
	buf_clear(&out);
	int rc = words_query(text, 7, 16, &out);
	if (rc != 0 && rc != ERR_LIMIT)
		abort();
	if (rc == 0)
		check(buf_bytes(&out));
	buf_fini(&out);
	return 0;
}
