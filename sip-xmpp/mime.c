#include "mime.h"

#include "base/err.h"
#include "sip/message.h"

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trim(struct bytes v)
{
	while (v.n && is_space(v.p[0]))
		v = bytes_skip(v, 1);
	while (v.n && is_space(v.p[v.n - 1]))
		v.n--;
	return v;
}

struct mime_type mime_type_of(struct bytes value)
{
	size_t n = bytes_find(value, ';');

	return (struct mime_type){ trim(bytes_make(value.p, n)), bytes_skip(value, n + 1) };
}

bool mime_is(const struct mime_type *t, const char *type)
{
	return bytes_eq_nocase(t->type, bytes_of(type));
}

struct bytes mime_param(const struct mime_type *t, const char *name)
{
	struct bytes v;

	if (!sip_param(t->params, name, &v))
		return BYTES_NONE;
	v = trim(v);
	if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
		v = bytes_make(v.p + 1, v.n - 2);
	return v;
}

bool mime_list_has(struct bytes list, const char *type)
{
	struct bytes want = bytes_of(type);
	size_t slash = bytes_find(want, '/');

	while (list.n) {
		size_t n = bytes_find(list, ',');
		struct mime_type t = mime_type_of(bytes_make(list.p, n));
		if (mime_is(&t, type) || mime_is(&t, "*/*"))
			return true;
		if (t.type.n == slash + 2 && t.type.p[slash + 1] == '*' &&
		    bytes_eq_nocase(bytes_make(t.type.p, slash + 1), bytes_make(want.p, slash + 1)))
			return true;
		list = bytes_skip(list, n + 1);
	}
	return false;
}

/* ---- header blocks ---- */

/* Takes a line without its end; false: there is none that ends. */
static bool take_line(struct bytes *in, struct bytes *line)
{
	size_t n = bytes_find(*in, '\n');

	if (n == in->n)
		return false;
	*line = bytes_make(in->p, n);
	*in = bytes_skip(*in, n + 1);
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static int add_header(struct mime_block *b, struct bytes line)
{
	size_t colon = bytes_find(line, ':');

	if (colon == 0 || colon == line.n)
		return ERR_SYNTAX;
	if (b->n == MIME_HEADERS_MAX)
		return ERR_LIMIT;
	b->headers[b->n++] = (struct mime_header){ trim(bytes_make(line.p, colon)), trim(bytes_skip(line, colon + 1)) };
	return 0;
}

/* A folded line belongs to the header before it (RFC 5322 2.2.3). */
static int fold(struct mime_block *b, struct bytes line)
{
	if (!b->n)
		return ERR_SYNTAX;
	struct bytes *v = &b->headers[b->n - 1].value;
	if (v->n)
		v->n = (size_t)(line.p + line.n - v->p);
	else
		*v = trim(line);
	return 0;
}

static int read_block(struct bytes in, bool may_end, struct mime_block *out)
{
	struct bytes line;
	int rc = 0;

	out->n = 0;
	while (!rc) {
		if (!take_line(&in, &line)) {
			if (!may_end)
				return ERR_SYNTAX;
			line = in;
			in = bytes_skip(in, in.n);
		}
		if (!line.n)
			break;
		rc = line.p[0] == ' ' || line.p[0] == '\t' ? fold(out, line) : add_header(out, line);
	}
	out->rest = in;
	return rc;
}

int mime_block_read(struct bytes in, struct mime_block *out)
{
	return read_block(in, false, out);
}

struct bytes mime_block_get(const struct mime_block *b, const char *name)
{
	for (size_t i = 0; i < b->n; i++)
		if (bytes_eq_nocase(b->headers[i].name, bytes_of(name)))
			return b->headers[i].value;
	return BYTES_NONE;
}

/* ---- multipart ---- */

/* Is this line "--boundary" or, *is_last, "--boundary--", with white space behind (RFC 2046 5.1.1)? */
static bool is_delimiter(struct bytes line, struct bytes boundary, bool *is_last)
{
	if (!bytes_starts(line, BYTES("--")))
		return false;
	line = bytes_skip(line, 2);
	if (!bytes_starts(line, boundary))
		return false;
	line = bytes_skip(line, boundary.n);
	*is_last = bytes_starts(line, BYTES("--"));
	return trim(bytes_skip(line, *is_last ? 2 : 0)).n == 0;
}

/* The line end before a delimiter is the delimiter's. */
static struct bytes part_between(const uint8_t *from, const uint8_t *to)
{
	struct bytes part = bytes_make(from, (size_t)(to - from));

	if (part.n && part.p[part.n - 1] == '\n')
		part.n--;
	if (part.n && part.p[part.n - 1] == '\r')
		part.n--;
	return part;
}

int mime_split(struct bytes body, struct bytes boundary, struct mime_parts *out)
{
	const uint8_t *start = NULL;
	bool is_last = false;

	out->n = 0;
	if (!boundary.n || boundary.n > MIME_BOUNDARY_MAX_BYTES)
		return ERR_SYNTAX;
	while (body.n && !is_last) {
		size_t n = bytes_find(body, '\n');
		struct bytes line = bytes_make(body.p, n);
		body = bytes_skip(body, n + 1);
		if (!is_delimiter(line, boundary, &is_last))
			continue;
		if (start && out->n == MIME_PARTS_MAX)
			return ERR_LIMIT;
		if (start)
			out->parts[out->n++] = part_between(start, line.p);
		start = body.p;
	}
	return is_last && out->n ? 0 : ERR_SYNTAX;
}

int mime_part_read(struct bytes part, struct mime_block *out)
{
	return read_block(part, true, out); /* RFC 2046 5.1.1: a part may be headers only */
}
