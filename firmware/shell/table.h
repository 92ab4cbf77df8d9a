/* table.h - records to a person or to a program: aligned columns, or one JSON array.
 * Columns are made from the first records; a stream that pauses is written as far as it came, so a
 * trace is seen while it runs. */
#ifndef SHELL_TABLE_H
#define SHELL_TABLE_H

#include "base/arena.h"
#include "base/wire.h"
#include "page.h"

#include <jansson.h>

enum { TABLE_COLUMNS_MAX = 32, TABLE_ROWS_MAX = 512 };

struct table_row {
	size_t n;
	struct bytes keys[TABLE_COLUMNS_MAX], values[TABLE_COLUMNS_MAX];
};

struct table {
	struct page *page;
	struct arena arena;
	struct table_row rows[TABLE_ROWS_MAX];
	size_t n;
	/* What the last head said, so that it is not said again for each part of a stream. */
	struct bytes keys[TABLE_COLUMNS_MAX];
	size_t widths[TABLE_COLUMNS_MAX], n_keys;
	struct arena head_arena;
	json_t *json; /* array; NULL: text */
};

void table_init(struct table *t, struct page *page, bool is_json);
void table_fini(struct table *t);
/* A RECORD's body. ERR_SYNTAX, ERR_NOMEM. */
int table_add(struct table *t, struct wire *w);
/* Text as it is; in JSON a record with the key "text". ERR_NOMEM. */
int table_text(struct table *t, struct bytes text);
/* Text: writes what has come. */
void table_flush(struct table *t);
/* JSON: writes the array. */
void table_end(struct table *t);

#endif
