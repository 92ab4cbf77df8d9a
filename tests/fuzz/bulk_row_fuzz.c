/* Rows of lists of contacts: what is taken is made of normalised addresses and text that XML can have, and is the same row when it is
 * written and read again. */
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "bulk/row.h"
#include "proto/csv.h"
#include "proto/jid.h"

enum { INPUT_MAX = 8 << 10, ARENA_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_address(struct bytes bare, struct arena *a)
{
	struct jid j;

	if (jid_parse(bare, a, &j) || !bytes_eq(j.full, bare) || !j.local_n || j.resource_n)
		abort();
}

static void check_text(struct bytes text)
{
	if (!text_is_utf8(text))
		abort();
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20)
			abort();
}

static void check_import(const struct bulk_row *r, struct arena *a)
{
	struct bulk_row again;
	struct buf out;
	struct csv c;

	check_address(r->user, a);
	check_address(r->contact, a);
	check_text(r->name);
	check_text(r->group);
	buf_init(&out, INPUT_MAX * 8);
	if (bulk_row_put(&out, r->user, r->contact, r->name, r->group, a)) {
		csv_init(&c, buf_bytes(&out), true, 1, INPUT_MAX * 8);
		/* What was escaped by hand may be longer, or a blank at an end, when it is written. */
		if (csv_row(&c) || c.n != 6)
			abort();
		if (bulk_row_import(c.fields, c.n, a, &again) == BULK_DONE &&
		    (!bytes_eq(again.contact, r->contact) || !bytes_eq(again.user, r->user) || !bytes_eq(again.name, r->name) ||
		     !bytes_eq(again.group, r->group)))
			abort();
		csv_fini(&c);
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bulk_row r;
	struct arena a;
	struct csv c;
	int rc;

	if (size > INPUT_MAX)
		return 0;
	arena_init(&a, ARENA_MAX);
	csv_init(&c, bytes_make(data, size), true, 1, INPUT_MAX);
	while ((rc = csv_row(&c)) != ERR_NOT_FOUND) {
		if (rc)
			continue;
		(void)bulk_row_is_head_import(c.fields, c.n);
		(void)bulk_row_is_head_rename(c.fields, c.n);
		if (bulk_row_import(c.fields, c.n, &a, &r) == BULK_DONE)
			check_import(&r, &a);
		if (bulk_row_rename(c.fields, c.n, &a, &r) == BULK_DONE) {
			check_address(r.contact, &a);
			check_address(r.to, &a);
		}
		arena_reset(&a);
	}
	csv_fini(&c);
	arena_fini(&a);
	return 0;
}
