#include "proto/msrp_impl.h"

struct bytes msrp_path_first(struct bytes path, struct bytes *rest)
{
	size_t n = bytes_find(path, ' ');

	*rest = bytes_skip(path, n + 1);
	return bytes_make(path.p, n);
}

struct bytes msrp_path_last(struct bytes path)
{
	struct bytes last = BYTES_NONE;

	while (path.n)
		last = msrp_path_first(path, &path);
	return last;
}

static bool read_port(struct bytes in, uint16_t *out)
{
	uint64_t v;

	if (bytes_to_u64(in, UINT16_MAX, &v) != 0 || v == 0)
		return false;
	*out = (uint16_t)v;
	return true;
}

static bool is_host(struct bytes host, const char *extra)
{
	for (size_t i = 0; i < host.n; i++)
		if (!msrp_is_alnum(host.p[i]) && !(host.p[i] && strchr(extra, host.p[i])))
			return false;
	return host.n != 0 && host.n < 256;
}

/* [user@]host[:port] */
static bool read_authority(struct bytes in, struct msrp_uri *u)
{
	size_t at = bytes_find(in, '@');

	if (at < in.n) {
		u->user = msrp_part(in, 0, at);
		in = bytes_skip(in, at + 1);
	}
	size_t end = in.n;
	if (in.n && in.p[0] == '[') {
		end = bytes_find(in, ']');
		if (end == in.n)
			return false;
		u->host = msrp_part(in, 1, end);
		end++;
	} else {
		end = bytes_find(in, ':');
		u->host = msrp_part(in, 0, end);
	}
	if (end < in.n && (in.p[end] != ':' || !read_port(bytes_skip(in, end + 1), &u->port)))
		return false;
	return is_host(u->host, in.n && in.p[0] == '[' ? ":." : "-._");
}

static bool is_unreserved(struct bytes v, const char *extra)
{
	for (size_t i = 0; i < v.n; i++)
		if (!msrp_is_alnum(v.p[i]) && !(v.p[i] && strchr(extra, v.p[i])))
			return false;
	return true;
}

int msrp_uri_parse(struct bytes in, struct msrp_uri *out)
{
	struct msrp_uri u = { 0 };
	size_t scheme = bytes_find(in, ':');

	u.is_tls = scheme == 5;
	if (scheme == in.n || !bytes_eq_nocase(msrp_part(in, 0, scheme), bytes_of(u.is_tls ? "msrps" : "msrp")) ||
	    !bytes_starts(bytes_skip(in, scheme), BYTES("://")))
		return ERR_SYNTAX;
	in = bytes_skip(in, scheme + 3);
	size_t semi = bytes_find(in, ';'), slash = bytes_find(msrp_part(in, 0, semi), '/');
	if (semi == in.n)
		return ERR_SYNTAX;
	if (slash < semi)
		u.session = msrp_part(in, slash + 1, semi);
	if (!read_authority(msrp_part(in, 0, slash), &u) || !is_unreserved(u.session, "-._~+=/") ||
	    !is_unreserved(u.user, "-._~%!$&'()*+,;=:"))
		return ERR_SYNTAX;
	in = bytes_skip(in, semi + 1);
	size_t end = bytes_find(in, ';');
	u.params = bytes_skip(in, end + 1);
	if (!is_unreserved(in, "-._~%!$&'*+=;"))
		return ERR_SYNTAX;
	if (!bytes_eq_nocase(msrp_part(in, 0, end), BYTES("tcp")))
		return ERR_UNSUPPORTED;
	*out = u;
	return 0;
}

bool msrp_uri_equal(const struct msrp_uri *a, const struct msrp_uri *b)
{
	return a->is_tls == b->is_tls && a->port == b->port && bytes_eq_nocase(a->host, b->host) &&
	       bytes_eq(a->session, b->session);
}

bool msrp_is_path(struct bytes path)
{
	struct bytes rest = path;
	struct msrp_uri u;

	for (int n = 0; rest.n; n++) {
		int rc = msrp_uri_parse(msrp_path_first(rest, &rest), &u);
		if (n == MSRP_PATH_URIS_MAX || (rc != 0 && rc != ERR_UNSUPPORTED))
			return false;
	}
	return path.n != 0;
}
