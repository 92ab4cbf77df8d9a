#include "proto/csv.h"

#include "base/err.h"

void csv_init(struct csv *c, struct bytes text, bool is_last, unsigned line, size_t row_max)
{
	*c = (struct csv){ .rest = text, .is_last = is_last, .line = line, .next_line = line, .row_max = row_max, .why = "" };
	buf_init(&c->text, row_max);
}

void csv_pass_mark(struct csv *c)
{
	static const struct bytes mark = BYTES("\xef\xbb\xbf");

	if (bytes_starts(c->rest, mark))
		c->rest = bytes_skip(c->rest, mark.n);
}

void csv_fini(struct csv *c)
{
	buf_fini(&c->text);
}

/* A row being read: what is left of the text behind what was taken. */
struct reading {
	struct csv *csv;
	struct bytes left;
	unsigned line_ends;
};

static int refuse(struct reading *r, const char *why, int rc)
{
	r->csv->why = why;
	return rc;
}

/* The text ends before the row does. */
static int ends_early(struct reading *r, const char *why)
{
	return r->csv->is_last ? refuse(r, why, ERR_SYNTAX) : ERR_TRUNCATED;
}

static bool is_line_end(uint8_t b)
{
	return b == '\n' || b == '\r';
}

/* Its quote has been taken; "" is one quote. */
static int take_quoted(struct reading *r)
{
	struct bytes *in = &r->left;

	for (;; *in = bytes_skip(*in, 1)) {
		if (in->n == 0)
			return ends_early(r, "a quote that does not end");
		r->line_ends += in->p[0] == '\n';
		if (in->p[0] != '"') {
			buf_put_u8(&r->csv->text, in->p[0]);
			continue;
		}
		if (in->n == 1 && !r->csv->is_last)
			return ERR_TRUNCATED; /* the first of two? */
		if (in->n == 1 || in->p[1] != '"')
			break;
		buf_put_u8(&r->csv->text, '"');
		*in = bytes_skip(*in, 1);
	}
	*in = bytes_skip(*in, 1);
	return in->n && in->p[0] != ',' && !is_line_end(in->p[0]) ? refuse(r, "text behind a quoted field", ERR_SYNTAX) : 0;
}

static int take_field(struct reading *r)
{
	struct bytes *in = &r->left;
	size_t n = 0;

	if (in->n && in->p[0] == '"') {
		*in = bytes_skip(*in, 1);
		return take_quoted(r);
	}
	while (n < in->n && in->p[n] != ',' && !is_line_end(in->p[n])) {
		if (in->p[n] == '"')
			return refuse(r, "a quote inside a field that is not quoted", ERR_SYNTAX);
		n++;
	}
	buf_put_bytes(&r->csv->text, bytes_make(in->p, n));
	*in = bytes_skip(*in, n);
	return 0;
}

/* What follows a field: 1 another one, 0 the end of the row. */
static int take_end(struct reading *r)
{
	struct bytes *in = &r->left;

	if (in->n == 0)
		return r->csv->is_last ? 0 : ERR_TRUNCATED;
	if (in->p[0] == ',') {
		*in = bytes_skip(*in, 1);
		return 1;
	}
	if (in->p[0] == '\r' && in->n == 1 && !r->csv->is_last)
		return ERR_TRUNCATED; /* a line feed may follow */
	if (in->p[0] == '\r')
		*in = bytes_skip(*in, 1);
	if (in->n && in->p[0] == '\n')
		*in = bytes_skip(*in, 1);
	r->line_ends++;
	return 0;
}

static int take_row(struct reading *r)
{
	struct csv *c = r->csv;
	size_t ends[CSV_COLUMNS_MAX], at = 0;
	int rc = 1;

	buf_clear(&c->text);
	for (c->n = 0; rc == 1; c->n++) {
		if (c->n == CSV_COLUMNS_MAX)
			return refuse(r, "too many columns", ERR_LIMIT);
		rc = take_field(r);
		if (rc)
			return rc;
		ends[c->n] = buf_len(&c->text);
		rc = take_end(r);
	}
	if (rc)
		return rc;
	if (buf_failed(&c->text))
		return refuse(r, "the row is too long", ERR_LIMIT);
	for (size_t i = 0; i < c->n; at = ends[i++])
		c->fields[i] = bytes_make(bytes_skip(buf_bytes(&c->text), at).p, ends[i] - at);
	return 0;
}

/* What a refused row has left of its first line. False: its end is not here; what is left then is a CR that a line feed may follow. */
static bool skip_line(struct csv *c)
{
	struct bytes r = c->rest;
	size_t n = 0;

	while (n < r.n && !is_line_end(r.p[n]))
		n++;
	bool is_here = n + 1 < r.n || (n < r.n && (r.p[n] == '\n' || c->is_last));
	c->is_skipping = !is_here && !c->is_last;
	if (!is_here) {
		c->rest = bytes_skip(r, n);
		return !c->is_skipping;
	}
	bool is_pair = r.p[n] == '\r' && n + 1 < r.n && r.p[n + 1] == '\n';
	c->next_line++;
	c->rest = bytes_skip(r, n + (is_pair ? 2 : 1));
	return true;
}

int csv_row(struct csv *c)
{
	if (c->is_skipping && !skip_line(c))
		return c->rest.n ? ERR_TRUNCATED : ERR_NOT_FOUND;
	if (c->rest.n == 0)
		return ERR_NOT_FOUND;
	c->line = c->next_line;
	bool is_cut = c->rest.n > c->row_max, is_last = c->is_last;
	const struct bytes given = is_cut ? bytes_make(c->rest.p, c->row_max) : c->rest;
	struct reading r = { .csv = c, .left = given };
	c->is_last = is_last && !is_cut;
	int rc = take_row(&r);
	c->is_last = is_last;
	if (rc == ERR_TRUNCATED && is_cut)
		rc = refuse(&r, "the row is too long", ERR_LIMIT);
	if (rc && rc != ERR_TRUNCATED)
		(void)skip_line(c); /* what of it is not here is skipped at the next call */
	if (rc)
		return rc;
	c->next_line += r.line_ends;
	c->rest = bytes_skip(c->rest, given.n - r.left.n);
	return 0;
}

void csv_put(struct buf *out, struct bytes field, char end)
{
	bool is_quoted = field.n && (field.p[0] == ' ' || field.p[field.n - 1] == ' ');

	for (size_t i = 0; i < field.n && !is_quoted; i++)
		is_quoted = field.p[i] == ',' || field.p[i] == '"' || is_line_end(field.p[i]);
	if (is_quoted)
		buf_put_u8(out, '"');
	for (size_t i = 0; i < field.n; i++) {
		if (field.p[i] == '"')
			buf_put_u8(out, '"');
		buf_put_u8(out, field.p[i]);
	}
	if (is_quoted)
		buf_put_u8(out, '"');
	buf_put_u8(out, (uint8_t)end);
}
