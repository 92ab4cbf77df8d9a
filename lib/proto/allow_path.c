#include "proto/allow.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/http1_impl.h"

/* Paths, URLs and hosts in the one form in which they are compared and sent. */

static bool is_unreserved(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr("-._~", c));
}

/* pchar of RFC 3986 3.3 that may stand raw, but for ';': parameters are read in too many ways. */
static bool is_plain(uint8_t c)
{
	return is_unreserved(c) || (c && strchr("!$&'()*+,=:@", c));
}

static int refuse(const char **why, const char *text)
{
	*why = text;
	return ERR_SYNTAX;
}

/* One character of in, decoded into *c; how many bytes it took; 0: malformed. */
static size_t decode(struct bytes in, uint8_t *c, const char **why)
{
	if (in.p[0] != '%') {
		*c = in.p[0];
		if (is_plain(*c))
			return 1;
		*why = *c == ';' ? "path parameters (;)" : "a character that is no path's";
		return 0;
	}
	int high = in.n > 2 ? http1_hex(in.p[1]) : -1, low = in.n > 2 ? http1_hex(in.p[2]) : -1;
	if (high < 0 || low < 0) {
		*why = "a % without two hex digits";
		return 0;
	}
	*c = (uint8_t)(high * 16 + low);
	if (*c >= ' ' && *c != 0x7f && !strchr("/\\;%?#", *c))
		return 3;
	*why = *c == '/' || *c == '\\' ? "an encoded slash" : "an encoded character that could hide another path";
	return 0;
}

static void put(struct buf *out, uint8_t c)
{
	if (is_plain(c))
		buf_put_u8(out, c);
	else
		buf_putf(out, "%%%02X", c);
}

/* A segment, decoded into raw and written into out. */
static int put_segment(struct bytes in, struct buf *raw, struct buf *out, const char **why)
{
	uint8_t c;

	buf_clear(raw);
	while (in.n > 0) {
		size_t n = decode(in, &c, why);
		if (n == 0)
			return ERR_SYNTAX;
		buf_put_u8(raw, c);
		in = bytes_skip(in, n);
	}
	if (buf_failed(raw))
		return ERR_NOMEM;
	struct bytes text = buf_bytes(raw);
	if (!text_is_utf8(text))
		return refuse(why, "bytes that are not UTF-8");
	for (size_t i = 0; i < text.n; i++)
		put(out, text.p[i]);
	return 0;
}

/* Takes the last segment back, up to its slash (RFC 3986 5.2.4). */
static int go_up(struct buf *out, size_t begin)
{
	struct bytes so_far = bytes_skip(buf_bytes(out), begin);

	if (so_far.n <= 1)
		return ERR_SYNTAX;
	size_t n = so_far.n - 1; /* it ends with a slash */
	while (n > 0 && so_far.p[n - 1] != '/')
		n--;
	buf_truncate(out, begin + n);
	return 0;
}

static int walk(struct bytes rest, struct buf *raw, struct buf *out, const char **why)
{
	size_t begin = buf_len(out) - 1;

	for (;;) {
		size_t n = bytes_find(rest, '/'), at = buf_len(out);
		int rc = put_segment(bytes_make(rest.p, n), raw, out, why);
		if (rc)
			return rc;
		struct bytes s = buf_bytes(raw);
		bool is_dot = bytes_eq_str(s, "."), is_up = bytes_eq_str(s, "..");
		if (is_dot || is_up)
			buf_truncate(out, at);
		if (is_up && go_up(out, begin))
			return refuse(why, "a path above the root");
		if (n == rest.n)
			return 0;
		if (s.n && !is_dot && !is_up)
			buf_put_u8(out, '/');
		rest = bytes_skip(rest, n + 1);
	}
}

int allow_path(struct bytes path, struct buf *out, const char **why)
{
	size_t before = buf_len(out);
	struct buf raw;

	*why = "";
	if (path.n == 0 || path.p[0] != '/')
		return refuse(why, "the target is no path");
	if (path.n > ALLOW_PATH_MAX) {
		*why = "the path is too long";
		return ERR_LIMIT;
	}
	buf_init(&raw, ALLOW_PATH_MAX);
	buf_put_u8(out, '/');
	int rc = walk(bytes_skip(path, 1), &raw, out, why);
	if (!rc && (buf_failed(out) || buf_len(out) - before > ALLOW_PATH_MAX)) {
		*why = "the path is too long";
		rc = ERR_LIMIT;
	}
	buf_fini(&raw);
	if (rc)
		buf_truncate(out, before);
	return rc;
}

int allow_host(struct bytes host, char out[static ALLOW_HOST_MAX + 1], uint16_t *port)
{
	size_t n = bytes_find(host, ':');
	uint64_t number = 443;

	if (n == 0 || n > ALLOW_HOST_MAX || (n < host.n && (bytes_to_u64(bytes_skip(host, n + 1), 65535, &number) || number == 0)))
		return ERR_SYNTAX;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = host.p[i];
		if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '_' || (c == '.' && i && host.p[i - 1] != '.')))
			return ERR_SYNTAX;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] + 32 : host.p[i]);
	out[n] = '\0';
	*port = (uint16_t)number;
	return 0;
}

/* A query goes to the target as it is: it has no characters that end it early. */
static bool is_query(struct bytes q)
{
	for (size_t i = 0; i < q.n; i++)
		if (q.p[i] <= ' ' || q.p[i] >= 0x7f || strchr("#\\\"<>", q.p[i]))
			return false;
	return true;
}

int allow_url_parse(struct bytes url, struct allow_url *out, const char **why)
{
	static const struct bytes scheme = BYTES("https://");

	*out = (struct allow_url){ .port = 443 };
	buf_init(&out->path, ALLOW_PATH_MAX + 16);
	if (url.n > ALLOW_URL_MAX)
		return refuse(why, "the URL is too long");
	if (url.n < scheme.n || !bytes_eq_nocase(bytes_make(url.p, scheme.n), scheme))
		return refuse(why, "the URL has to begin with https://: people outside come by nothing else");
	url = bytes_skip(url, scheme.n);
	size_t host_n = bytes_find(url, '/'), query_at;
	if (host_n > bytes_find(url, '?'))
		return refuse(why, "the URL has no path");
	if (allow_host(bytes_make(url.p, host_n), out->host, &out->port))
		return refuse(why, "the URL has no host that is a name (A-labels), and a port from 1 to 65535 if any");
	struct bytes rest = bytes_skip(url, host_n);
	query_at = bytes_find(rest, '?');
	if (!is_query(bytes_skip(rest, query_at + 1)))
		return refuse(why, "the URL's query has a character that is none of a query");
	return allow_path(rest.n ? bytes_make(rest.p, query_at) : BYTES("/"), &out->path, why);
}

void allow_url_fini(struct allow_url *u)
{
	buf_fini(&u->path);
}
