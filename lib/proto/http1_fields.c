#include "proto/http1.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/http1_impl.h"

/* Characters, fields, cookies, paths and queries. */

/* RFC 9110 5.6.2, but letters and digits. */
static bool is_mark(uint8_t c)
{
	switch (c) {
	case '!': case '#': case '$': case '%': case '&': case '\'': case '*': case '+': case '-': case '.': case '^': case '_': case '`': case '|': case '~':
		return true;
	default:
		return false;
	}
}

bool http1_is_token(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		bool is_alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
		if (!is_alnum && !is_mark(c))
			return false;
	}
	return b.n > 0;
}

bool http1_is_text(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if ((b.p[i] < ' ' && b.p[i] != '\t') || b.p[i] == 0x7f)
			return false;
	return true;
}

struct bytes http1_trim(struct bytes b)
{
	while (b.n > 0 && (b.p[0] == ' ' || b.p[0] == '\t'))
		b = bytes_skip(b, 1);
	while (b.n > 0 && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
		b.n--;
	return b;
}

int http1_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- what a head says ---- */

bool http1_is_target(struct bytes t)
{
	for (size_t i = 0; i < t.n; i++)
		if (t.p[i] <= ' ' || t.p[i] >= 0x7f || t.p[i] == '#' || t.p[i] == '\\' || t.p[i] == '"' || t.p[i] == '<' || t.p[i] == '>')
			return false;
	return t.n > 0;
}

enum http1_method http1_method_of(struct bytes m)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS" };

	for (unsigned i = 0; i < HTTP1_OTHER; i++)
		if (bytes_eq_str(m, names[i]))
			return (enum http1_method)i;
	return HTTP1_OTHER;
}

bool http1_is_host(struct bytes h)
{
	size_t i = 0;

	if (h.n > 0 && h.p[0] == '[') {
		for (i = 1; i < h.n && (http1_hex(h.p[i]) >= 0 || h.p[i] == ':' || h.p[i] == '.'); i++)
			continue;
		if (i == h.n || i < 3 || h.p[i++] != ']')
			return false;
	} else {
		while (i < h.n && ((h.p[i] >= '0' && h.p[i] <= '9') || ((h.p[i] | 32) >= 'a' && (h.p[i] | 32) <= 'z') ||
		                   h.p[i] == '.' || h.p[i] == '-' || h.p[i] == '_'))
			i++;
		if (i == 0)
			return false;
	}
	if (i == h.n)
		return h.n <= 255;
	uint64_t port;
	return h.p[i] == ':' && h.n - i <= 6 && bytes_to_u64(bytes_skip(h, i + 1), 65535, &port) == 0;
}

/* ---- fields ---- */

size_t http1_count(const struct http1_request *req, const char *name)
{
	struct bytes wanted = bytes_of(name);
	size_t n = 0;

	for (size_t i = 0; i < req->n_fields; i++)
		n += req->fields[i].name.n == wanted.n && bytes_eq_nocase(req->fields[i].name, wanted);
	return n;
}

struct bytes http1_value(const struct http1_request *req, const char *name)
{
	if (http1_count(req, name) != 1)
		return BYTES_NONE;
	for (size_t i = 0; i < req->n_fields; i++)
		if (bytes_eq_nocase(req->fields[i].name, bytes_of(name)))
			return req->fields[i].value;
	return BYTES_NONE;
}

static bool list_has(struct bytes list, struct bytes token)
{
	while (list.n > 0) {
		size_t n = bytes_find(list, ',');
		if (bytes_eq_nocase(http1_trim(bytes_make(list.p, n)), token))
			return true;
		list = bytes_skip(list, n + 1);
	}
	return false;
}

bool http1_has_token(const struct http1_request *req, const char *name, const char *token)
{
	for (size_t i = 0; i < req->n_fields; i++)
		if (bytes_eq_nocase(req->fields[i].name, bytes_of(name)) && list_has(req->fields[i].value, bytes_of(token)))
			return true;
	return false;
}

static struct bytes cookie_in(struct bytes list, struct bytes name, size_t *count)
{
	struct bytes found = BYTES_NONE;

	while (list.n > 0) {
		size_t n = bytes_find(list, ';');
		struct bytes pair = http1_trim(bytes_make(list.p, n));
		size_t eq = bytes_find(pair, '=');
		if (eq < pair.n && bytes_eq(bytes_make(pair.p, eq), name)) {
			found = bytes_skip(pair, eq + 1);
			(*count)++;
		}
		list = bytes_skip(list, n + 1);
	}
	return found;
}

struct bytes http1_cookie(const struct http1_request *req, const char *name)
{
	struct bytes found = BYTES_NONE;
	size_t count = 0;

	for (size_t i = 0; i < req->n_fields; i++) {
		size_t before = count;
		if (!bytes_eq_nocase(req->fields[i].name, BYTES("cookie")))
			continue;
		struct bytes value = cookie_in(req->fields[i].value, bytes_of(name), &count);
		if (count > before)
			found = value;
	}
	return count == 1 ? found : BYTES_NONE;
}

/* ---- paths ---- */

/* One character of b decoded into *c; how many bytes it took, 0: malformed. */
static size_t decode_one(struct bytes b, uint8_t *c)
{
	if (b.p[0] != '%') {
		*c = b.p[0];
		return 1;
	}
	int high = b.n > 2 ? http1_hex(b.p[1]) : -1, low = b.n > 2 ? http1_hex(b.p[2]) : -1;
	if (high < 0 || low < 0)
		return 0;
	*c = (uint8_t)(high * 16 + low);
	return 3;
}

static int decode_segment(struct bytes in, bool may_slash, struct buf *out)
{
	while (in.n > 0) {
		uint8_t c;
		size_t n = decode_one(in, &c);
		if (n == 0 || c < ' ' || c == 0x7f || c == '\\' || (c == '/' && !may_slash))
			return ERR_SYNTAX;
		buf_put_u8(out, c);
		in = bytes_skip(in, n);
	}
	return 0;
}

static int add_segment(struct http1_path *p, struct bytes raw, bool is_last, bool may_slash)
{
	size_t at = buf_len(&p->text);
	int rc = decode_segment(raw, may_slash, &p->text);
	/* The buffer has its whole room from the start: views into it stay. */
	struct bytes s = bytes_skip(buf_bytes(&p->text), at);

	if (rc < 0)
		return rc;
	p->is_folder = is_last && (s.n == 0 || bytes_eq_str(s, "."));
	if (p->is_folder || bytes_eq_str(s, "."))
		return 0;
	if (s.n == 0 || bytes_eq_str(s, "..") || !text_is_utf8(s))
		return ERR_SYNTAX;
	if (p->n == HTTP1_SEGMENTS_MAX)
		return ERR_LIMIT;
	p->segments[p->n++] = s;
	return 0;
}

int http1_path_decode(struct bytes path, bool may_slash, struct http1_path *out)
{
	int rc = 0;

	*out = (struct http1_path){ 0 };
	buf_init(&out->text, path.n + 1);
	if (path.n == 0 || path.p[0] != '/')
		return ERR_SYNTAX;
	if (!buf_reserve(&out->text, path.n))
		return ERR_NOMEM;
	for (struct bytes rest = bytes_skip(path, 1); rc == 0;) {
		size_t n = bytes_find(rest, '/');
		rc = add_segment(out, bytes_make(rest.p, n), n == rest.n, may_slash);
		if (n == rest.n)
			break;
		rest = bytes_skip(rest, n + 1);
	}
	return rc;
}

void http1_path_fini(struct http1_path *p)
{
	buf_fini(&p->text);
	p->n = 0;
}

/* ---- queries ---- */

static int decode_form(struct bytes in, struct buf *out)
{
	while (in.n > 0) {
		uint8_t c;
		size_t n = decode_one(in, &c);
		if (n == 0 || c == 0)
			return ERR_SYNTAX;
		buf_put_u8(out, n == 1 && c == '+' ? ' ' : c);
		in = bytes_skip(in, n);
	}
	return buf_failed(out) ? ERR_LIMIT : 0;
}

bool http1_query_next(struct bytes *query, struct buf *text, struct bytes *name, struct bytes *value, int *rc)
{
	*rc = 0;
	buf_clear(text);
	while (query->n > 0) {
		size_t n = bytes_find(*query, '&');
		struct bytes pair = bytes_make(query->p, n);
		*query = bytes_skip(*query, n + 1);
		if (pair.n == 0)
			continue;
		size_t eq = bytes_find(pair, '=');
		*rc = decode_form(bytes_make(pair.p, eq), text);
		size_t name_n = buf_len(text);
		if (*rc == 0)
			*rc = decode_form(bytes_skip(pair, eq + 1), text);
		if (*rc == 0 && !text_is_utf8(buf_bytes(text)))
			*rc = ERR_UTF8;
		if (*rc < 0)
			return false;
		*name = bytes_make(buf_bytes(text).p, name_n);
		*value = bytes_skip(buf_bytes(text), name_n);
		return true;
	}
	return false;
}
