#include "proto/allow.h"

#include "base/err.h"

/* The two CSV formats of allow lists: by the names in their first row (RFC 4180). */

enum { COLUMNS_MAX = 16, FIELD_MAX = 4096 };

struct csv {
	struct bytes rest;
	unsigned line, next_line;
	struct buf text; /* of a row, its fields one behind the other */
	struct bytes fields[COLUMNS_MAX];
	size_t n;
};

static int refuse(const char **why, const char *text, int rc)
{
	*why = text;
	return rc;
}

/* A quoted field, its quote taken; "" is one quote. */
static int take_quoted(struct csv *c, const char **why)
{
	struct bytes *r = &c->rest;

	for (;; *r = bytes_skip(*r, 1)) {
		if (r->n == 0)
			return refuse(why, "a quote that does not end", ERR_TRUNCATED);
		c->next_line += r->p[0] == '\n';
		if (r->p[0] != '"') {
			buf_put_u8(&c->text, r->p[0]);
			continue;
		}
		if (r->n < 2 || r->p[1] != '"')
			break;
		buf_put_u8(&c->text, '"');
		*r = bytes_skip(*r, 1);
	}
	*r = bytes_skip(*r, 1);
	return r->n && r->p[0] != ',' && r->p[0] != '\n' && r->p[0] != '\r' ? refuse(why, "text behind a quoted field", ERR_SYNTAX) : 0;
}

static int take_field(struct csv *c, const char **why)
{
	struct bytes *r = &c->rest;
	size_t n = 0;

	if (r->n && r->p[0] == '"') {
		*r = bytes_skip(*r, 1);
		return take_quoted(c, why);
	}
	while (n < r->n && r->p[n] != ',' && r->p[n] != '\n' && r->p[n] != '\r') {
		if (r->p[n] == '"')
			return refuse(why, "a quote inside a field that is not quoted", ERR_SYNTAX);
		n++;
	}
	buf_put_bytes(&c->text, bytes_make(r->p, n));
	*r = bytes_skip(*r, n);
	return 0;
}

/* Its line end. False: another field follows. */
static bool at_end(struct csv *c)
{
	struct bytes *r = &c->rest;

	if (r->n && r->p[0] == ',') {
		*r = bytes_skip(*r, 1);
		return false;
	}
	if (r->n && r->p[0] == '\r')
		*r = bytes_skip(*r, 1);
	if (r->n && r->p[0] == '\n')
		*r = bytes_skip(*r, 1);
	c->next_line++;
	return true;
}

/* The next row; ERR_NOT_FOUND at the end. */
static int take_row(struct csv *c, const char **why)
{
	size_t ends[COLUMNS_MAX];

	if (c->rest.n == 0)
		return ERR_NOT_FOUND;
	c->line = c->next_line;
	buf_clear(&c->text);
	for (c->n = 0;; c->n++) {
		size_t before = buf_len(&c->text);
		if (c->n == COLUMNS_MAX)
			return refuse(why, "too many columns", ERR_LIMIT);
		int rc = take_field(c, why);
		if (rc)
			return rc;
		ends[c->n] = buf_len(&c->text);
		if (buf_failed(&c->text) || ends[c->n] - before > FIELD_MAX)
			return refuse(why, "a field is too long", ERR_LIMIT);
		if (at_end(c)) {
			c->n++;
			break;
		}
	}
	for (size_t i = 0, at = 0; i < c->n; at = ends[i++])
		c->fields[i] = bytes_make(bytes_skip(buf_bytes(&c->text), at).p, ends[i] - at);
	return 0;
}

/* ---- columns ---- */

struct columns {
	const char *const *names;
	size_t n, n_must; /* the first so many must be there */
	size_t n_head;    /* fields of the first row */
	size_t at[COLUMNS_MAX]; /* SIZE_MAX: not there */
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
	static const struct bytes mark = BYTES("\xef\xbb\xbf"); /* of spreadsheets */
	struct csv c = { .rest = bytes_starts(text, mark) ? bytes_skip(text, mark.n) : text, .line = 1, .next_line = 1 };
	size_t rows = 0;

	*error = (struct allow_error){ .line = 1, .why = "" };
	if (text.n > ALLOW_CSV_MAX)
		return refuse(&error->why, "the file is longer than 1 MiB", ERR_LIMIT);
	buf_init(&c.text, COLUMNS_MAX * FIELD_MAX);
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
	buf_fini(&c.text);
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

static void put_field(struct buf *out, struct bytes v, char end)
{
	bool is_quoted = bytes_find(v, ',') < v.n || bytes_find(v, '"') < v.n || (v.n && (v.p[0] == ' ' || v.p[v.n - 1] == ' '));

	if (is_quoted)
		buf_put_u8(out, '"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			buf_put_u8(out, '"');
		buf_put_u8(out, v.p[i]);
	}
	if (is_quoted)
		buf_put_u8(out, '"');
	buf_put_u8(out, (uint8_t)end);
}

void allow_write_head(struct buf *out)
{
	for (size_t i = 0; i < RULE_COLUMNS; i++)
		put_field(out, bytes_of(rule_names[i]), i + 1 < RULE_COLUMNS ? ',' : '\n');
}

void allow_write_rule(struct buf *out, const struct allow_rule *r)
{
	struct buf set;

	buf_init(&set, 128);
	allow_put_methods(&set, r->methods, ",");
	put_field(out, r->url, ',');
	put_field(out, r->deployment, ',');
	put_field(out, buf_bytes(&set), ',');
	put_field(out, r->is_exact ? BYTES("exact") : BYTES("prefix"), ',');
	put_field(out, r->description, '\n');
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
