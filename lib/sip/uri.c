#include "sip/uri.h"

#include <assert.h>
#include <ctype.h>

#include <sofia-sip/url.h>

#include "base/err.h"
#include "sip/message.h"

static const char *const scheme_names[] = { "sip", "sips", "im", "pres", "tel", "msrp", "msrps", "" };
static_assert(sizeof scheme_names / sizeof scheme_names[0] == SIPURI_OTHER + 1, "a name for each scheme");

static enum sipuri_scheme scheme_of(int type)
{
	switch (type) {
	case url_sip:
		return SIPURI_SIP;
	case url_sips:
		return SIPURI_SIPS;
	case url_im:
		return SIPURI_IM;
	case url_pres:
		return SIPURI_PRES;
	case url_tel:
		return SIPURI_TEL;
	case url_msrp:
		return SIPURI_MSRP;
	case url_msrps:
		return SIPURI_MSRPS;
	default:
		return SIPURI_OTHER;
	}
}

/* Sofia-SIP splits a copy in place and never moves a part's start, so its pointers are offsets in the
 * original too, whose escapes it leaves alone. A part ends before its delimiter, which stands in front
 * of the next part. */
struct splitter {
	struct bytes in;
	const char *copy;
	size_t end;
};

static struct bytes cut(struct splitter *s, const char *part)
{
	if (!part)
		return BYTES_NONE;
	size_t at = (size_t)(part - s->copy);
	if (at > s->end)
		return BYTES_NONE;
	struct bytes v = bytes_make(s->in.p + at, s->end - at);
	s->end = at ? at - 1 : 0;
	return v;
}

static struct bytes unbracketed(struct bytes host)
{
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		return bytes_make(host.p + 1, host.n - 2);
	return host;
}

static int split(struct bytes in, const char *copy, const url_t *url, struct sipuri *out)
{
	struct splitter s = { .in = in, .copy = copy, .end = in.n };
	struct sipuri u = { .scheme = scheme_of(url->url_type) };
	struct bytes port;
	uint64_t number = 0;

	(void)cut(&s, url->url_fragment);
	u.headers = cut(&s, url->url_headers);
	u.params = cut(&s, url->url_params);
	u.path = cut(&s, url->url_path);
	port = cut(&s, url->url_port);
	u.host = unbracketed(cut(&s, url->url_host));
	(void)cut(&s, url->url_password);
	u.user = cut(&s, url->url_user);
	if (u.path.n) { /* RFC 4975 9: the transport follows the session id */
		struct bytes whole = u.path;
		u.path.n = bytes_find(whole, ';');
		u.params = bytes_skip(whole, u.path.n + 1);
	}
	if (port.n && (bytes_to_u64(port, UINT16_MAX, &number) < 0 || !number))
		return ERR_SYNTAX;
	u.port = (uint16_t)number;
	*out = u;
	return 0;
}

/* What Sofia-SIP's splitter lets by: white space, controls and what RFC 3261 25.1 has no place for. */
static bool is_uri_text(struct bytes in)
{
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] <= ' ' || in.p[i] >= 0x7f || strchr("<>\"\\^`{|}", in.p[i]))
			return false;
	return in.n > 0;
}

static bool needs_host(enum sipuri_scheme s)
{
	return s != SIPURI_TEL && s != SIPURI_OTHER;
}

static bool needs_user(enum sipuri_scheme s)
{
	return s == SIPURI_TEL || s == SIPURI_IM || s == SIPURI_PRES;
}

static bool is_host(struct bytes h)
{
	for (size_t i = 0; i < h.n; i++)
		if (!isalnum(h.p[i]) && !strchr(".-_:%", h.p[i]))
			return false;
	return h.n > 0;
}

int sipuri_parse(struct bytes in, struct sipuri *out)
{
	char copy[SIPURI_MAX_BYTES + 1];
	struct sipuri u;
	url_t url;

	if (in.n >= sizeof copy || !is_uri_text(in) || !isalpha(in.p[0]) || bytes_find(in, ':') == in.n)
		return ERR_SYNTAX;
	memcpy(copy, in.p, in.n);
	copy[in.n] = 0;
	if (url_d(&url, copy) < 0 || url.url_type == url_invalid)
		return ERR_SYNTAX;
	if (scheme_of(url.url_type) == SIPURI_OTHER) {
		*out = (struct sipuri){ .scheme = SIPURI_OTHER };
		return 0;
	}
	int rc = split(in, copy, &url, &u);
	if (rc < 0 || (needs_host(u.scheme) && !is_host(u.host)) || (needs_user(u.scheme) && !u.user.n))
		return ERR_SYNTAX;
	*out = u;
	return 0;
}

static void print_host(const struct sipuri *u, struct buf *out)
{
	bool is_v6 = bytes_find(u->host, ':') < u->host.n;

	buf_put_str(out, is_v6 ? "[" : "");
	buf_put_bytes(out, u->host);
	buf_put_str(out, is_v6 ? "]" : "");
	if (u->port)
		buf_putf(out, ":%u", u->port);
}

void sipuri_print(const struct sipuri *u, struct buf *out)
{
	bool is_msrp = u->scheme == SIPURI_MSRP || u->scheme == SIPURI_MSRPS;

	buf_put_str(out, scheme_names[u->scheme]);
	buf_put_str(out, is_msrp ? "://" : ":");
	buf_put_bytes(out, u->user);
	if (u->user.n && u->host.n)
		buf_put_u8(out, '@');
	print_host(u, out);
	if (u->path.n) {
		buf_put_u8(out, '/');
		buf_put_bytes(out, u->path);
	}
	if (u->params.n) {
		buf_put_u8(out, ';');
		buf_put_bytes(out, u->params);
	}
	if (u->headers.n) {
		buf_put_u8(out, '?');
		buf_put_bytes(out, u->headers);
	}
}

static int hex_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte with its escape undone; -1: a bad escape. */
static int next_byte(struct bytes *in)
{
	int c = in->p[0];

	if (c != '%') {
		*in = bytes_skip(*in, 1);
		return c;
	}
	if (in->n < 3 || hex_of(in->p[1]) < 0 || hex_of(in->p[2]) < 0)
		return -1;
	c = hex_of(in->p[1]) << 4 | hex_of(in->p[2]);
	*in = bytes_skip(*in, 3);
	return c;
}

int sipuri_decode(struct bytes in, struct buf *out)
{
	size_t before = buf_len(out);

	while (in.n) {
		int c = next_byte(&in);
		if (c < 0) {
			buf_truncate(out, before);
			return ERR_SYNTAX;
		}
		buf_put_u8(out, (uint8_t)c);
	}
	return buf_failed(out) ? ERR_LIMIT : 0;
}

/* "%61" equals "a" (RFC 3261 19.1.4), but "%3B" is not ";": an escaped delimiter is data. */
static bool is_same_text(struct bytes a, struct bytes b, bool is_case_blind)
{
	while (a.n && b.n) {
		bool is_escaped_a = a.p[0] == '%', is_escaped_b = b.p[0] == '%';
		int x = next_byte(&a), y = next_byte(&b);
		if (x < 0 || y < 0 || (is_escaped_a != is_escaped_b && strchr(";/?:@&=+$,", x)))
			return false;
		if (is_case_blind ? tolower(x) != tolower(y) : x != y)
			return false;
	}
	return a.n == b.n;
}

static bool is_strict_param(struct bytes name)
{
	static const char *const strict[] = { "user", "ttl", "method", "maddr", "transport" };

	for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++)
		if (bytes_eq_nocase(name, bytes_of(strict[i])))
			return true;
	return false;
}

static bool param_of(struct bytes params, struct bytes name, char separator, struct bytes *value)
{
	while (params.n) {
		struct bytes one = bytes_make(params.p, bytes_find(params, (uint8_t)separator));
		size_t eq = bytes_find(one, '=');
		params = bytes_skip(params, one.n + 1);
		if (!is_same_text(bytes_make(one.p, eq), name, true))
			continue;
		*value = bytes_skip(one, eq + 1);
		return true;
	}
	return false;
}

/* Is each of a's parameters in b alike, or absent where that is allowed? */
static bool has_params(struct bytes a, struct bytes b)
{
	while (a.n) {
		struct bytes one = bytes_make(a.p, bytes_find(a, ';')), value;
		size_t eq = bytes_find(one, '=');
		struct bytes name = bytes_make(one.p, eq);
		a = bytes_skip(a, one.n + 1);
		if (!param_of(b, name, ';', &value)) {
			if (is_strict_param(name))
				return false;
		} else if (!is_same_text(bytes_skip(one, eq + 1), value, true)) {
			return false;
		}
	}
	return true;
}

static bool has_headers(struct bytes a, struct bytes b)
{
	while (a.n) {
		struct bytes one = bytes_make(a.p, bytes_find(a, '&')), value;
		size_t eq = bytes_find(one, '=');
		a = bytes_skip(a, one.n + 1);
		if (!param_of(b, bytes_make(one.p, eq), '&', &value) || !is_same_text(bytes_skip(one, eq + 1), value, false))
			return false;
	}
	return true;
}

/* RFC 3966 4: visual separators do not count. */
static bool is_same_number(struct bytes a, struct bytes b)
{
	size_t i = 0, j = 0;

	for (;;) {
		while (i < a.n && strchr("-.()", a.p[i]))
			i++;
		while (j < b.n && strchr("-.()", b.p[j]))
			j++;
		if (i >= a.n || j >= b.n)
			return i >= a.n && j >= b.n;
		if (tolower(a.p[i++]) != tolower(b.p[j++]))
			return false;
	}
}

/* Also right for what has no other equal: a parameter that is there twice. */
static bool is_identical(const struct sipuri *a, const struct sipuri *b)
{
	return bytes_eq(a->user, b->user) && bytes_eq(a->host, b->host) && bytes_eq(a->path, b->path) &&
	       bytes_eq(a->params, b->params) && bytes_eq(a->headers, b->headers);
}

bool sipuri_equal(const struct sipuri *a, const struct sipuri *b)
{
	if (a->scheme != b->scheme || a->scheme == SIPURI_OTHER || a->port != b->port)
		return false;
	if (is_identical(a, b))
		return true;
	if (!bytes_eq_nocase(a->host, b->host) || !bytes_eq(a->path, b->path))
		return false;
	if (a->scheme == SIPURI_TEL ? !is_same_number(a->user, b->user) : !is_same_text(a->user, b->user, false))
		return false;
	return has_params(a->params, b->params) && has_params(b->params, a->params) &&
	       has_headers(a->headers, b->headers) && has_headers(b->headers, a->headers);
}
