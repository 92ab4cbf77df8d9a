#include "proto/allow.h"

#include "base/err.h"
#include "proto/csv.h"

/* The two CSV formats of allow lists: by the names in their first row (RFC 4180). */

enum { FIELD_MAX = 4096 };

static int refuse(const char **why, const char *text, int rc)
{
	*why = text;
	return rc;
}

/* The next row; ERR_NOT_FOUND at the end. */
static int take_row(struct csv *c, const char **why)
{
	int rc = csv_row(c);

	if (rc)
		return rc == ERR_NOT_FOUND ? rc : refuse(why, c->why, rc);
	for (size_t i = 0; i < c->n; i++)
		if (c->fields[i].n > FIELD_MAX)
			return refuse(why, "a field is too long", ERR_LIMIT);
	return 0;
}

/* ---- columns ---- */

struct columns {
	const char *const *names;
	size_t n, n_must; /* the first so many must be there */
	size_t n_head;    /* fields of the first row */
	size_t at[CSV_COLUMNS_MAX]; /* SIZE_MAX: not there */
};

static int read_head(struct csv *c, struct columns *cols, const char **why)
{
	int rc = take_row(c, why);

	if (rc)
		return rc == ERR_NOT_FOUND ? refuse(why, "the file is empty", ERR_SYNTAX) : rc;
	cols->n_head = c->n;
	for (size_t i = 0; i < cols->n; i++)
		cols->at[i] = SIZE_MAX;
	for (size_t k = 0; k < c->n; k++) {
		size_t i = 0;
		while (i < cols->n && !bytes_eq_nocase(c->fields[k], bytes_of(cols->names[i])))
			i++;
		if (i == cols->n || cols->at[i] != SIZE_MAX)
			return refuse(why, "the first row names a column that is not known, or one twice", ERR_SYNTAX);
		cols->at[i] = k;
	}
	for (size_t i = 0; i < cols->n_must; i++)
		if (cols->at[i] == SIZE_MAX)
			return refuse(why, "the first row lacks a column that must be there", ERR_SYNTAX);
	return 0;
}

static struct bytes column(const struct csv *c, const struct columns *cols, size_t i)
{
	struct bytes v = cols->at[i] < c->n ? c->fields[cols->at[i]] : BYTES_NONE;

	while (v.n && v.p[0] == ' ')
		v = bytes_skip(v, 1);
	while (v.n && v.p[v.n - 1] == ' ')
		v.n--;
	return v;
}

typedef int (*row_fn)(void *arg, const struct csv *c, const struct columns *cols, const char **why);

static int read_all(struct bytes text, struct columns *cols, row_fn fn, void *arg, struct allow_error *error)
{
	struct csv c;
	size_t rows = 0;

	*error = (struct allow_error){ .line = 1, .why = "" };
	if (text.n > ALLOW_CSV_MAX)
		return refuse(&error->why, "the file is longer than 1 MiB", ERR_LIMIT);
	csv_init(&c, text, true, 1, CSV_COLUMNS_MAX * FIELD_MAX);
	csv_pass_mark(&c);
	int rc = read_head(&c, cols, &error->why);
	while (!rc && (rc = take_row(&c, &error->why)) == 0) {
		bool is_empty = c.n == 1 && c.fields[0].n == 0;
		if (rows++ == ALLOW_CSV_ROWS_MAX)
			rc = refuse(&error->why, "too many rows", ERR_LIMIT);
		else if (c.n > cols->n_head)
			rc = refuse(&error->why, "more fields than the first row has", ERR_SYNTAX);
		else if (!is_empty)
			rc = fn(arg, &c, cols, &error->why);
	}
	error->line = c.line;
	csv_fini(&c);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* ---- rules ---- */

enum { RULE_URL, RULE_DEPLOYMENT, RULE_METHODS, RULE_MATCH, RULE_DESCRIPTION, RULE_COLUMNS };
static const char *const rule_names[RULE_COLUMNS] = { "Url", "Deployment", "HttpMethods", "MatchType", "Description" };

struct rules_to {
	allow_rule_fn fn;
	void *arg;
};

static int take_rule(void *arg, const struct csv *c, const struct columns *cols, const char **why)
{
	const struct rules_to *to = arg;
	struct allow_words w = {
		.url = column(c, cols, RULE_URL),
		.deployment = column(c, cols, RULE_DEPLOYMENT),
		.methods = column(c, cols, RULE_METHODS),
		.match = column(c, cols, RULE_MATCH),
		.description = column(c, cols, RULE_DESCRIPTION),
	};

	return to->fn(to->arg, &w, why);
}

int allow_read_rules(struct bytes csv, allow_rule_fn fn, void *arg, struct allow_error *error)
{
	struct columns cols = { .names = rule_names, .n = RULE_COLUMNS, .n_must = 1 };
	struct rules_to to = { fn, arg };

	return read_all(csv, &cols, take_rule, &to, error);
}

void allow_write_head(struct buf *out)
{
	for (size_t i = 0; i < RULE_COLUMNS; i++)
		csv_put(out, bytes_of(rule_names[i]), i + 1 < RULE_COLUMNS ? ',' : '\n');
}

void allow_write_rule(struct buf *out, const struct allow_rule *r)
{
	struct buf set;

	buf_init(&set, 128);
	allow_put_methods(&set, r->methods, ",");
	csv_put(out, r->url, ',');
	csv_put(out, r->deployment, ',');
	csv_put(out, buf_bytes(&set), ',');
	csv_put(out, r->is_exact ? BYTES("exact") : BYTES("prefix"), ',');
	csv_put(out, r->description, '\n');
	buf_fini(&set);
}

/* ---- tests ---- */

enum { TEST_URL, TEST_EXPECTED, TEST_DEPLOYMENT, TEST_DESCRIPTION, TEST_METHOD, TEST_COLUMNS };
static const char *const test_names[TEST_COLUMNS] = { "Url", "ExpectedResult", "Deployment", "Description", "HttpMethod" };

struct tests_to {
	allow_test_fn fn;
	void *arg;
};

static int take_test(void *arg, const struct csv *c, const struct columns *cols, const char **why)
{
	const struct tests_to *to = arg;
	struct bytes expected = column(c, cols, TEST_EXPECTED);
	struct allow_test t = {
		.url = column(c, cols, TEST_URL),
		.deployment = column(c, cols, TEST_DEPLOYMENT),
		.description = column(c, cols, TEST_DESCRIPTION),
		.method = column(c, cols, TEST_METHOD),
		.is_allowed = bytes_eq_nocase(expected, BYTES("allow")),
		.line = c->line,
	};

	if (!t.is_allowed && !bytes_eq_nocase(expected, BYTES("block")))
		return refuse(why, "ExpectedResult is allow or block", ERR_SYNTAX);
	if (t.method.n == 0)
		t.method = BYTES("GET");
	return to->fn(to->arg, &t, why);
}

int allow_read_tests(struct bytes csv, allow_test_fn fn, void *arg, struct allow_error *error)
{
	struct columns cols = { .names = test_names, .n = TEST_COLUMNS, .n_must = 2 };
	struct tests_to to = { fn, arg };

	return read_all(csv, &cols, take_test, &to, error);
}
