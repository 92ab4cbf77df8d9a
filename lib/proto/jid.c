#include "proto/jid.h"

#include "base/err.h"
#include "proto/jid_dns.h"
#include "proto/jid_precis.h"

/* ---- one part at a time; `in` itself comes back when it is normal already ---- */

/* RFC 7622 3.3.1: allowed by IdentifierClass, not in a localpart. */
static bool is_excluded(uint8_t c)
{
	switch (c) {
	case '"':
	case '&':
	case '\'':
	case '/':
	case ':':
	case '<':
	case '>':
	case '@':
		return true;
	default:
		return false;
	}
}

static int lower_copy(struct bytes in, struct arena *a, struct bytes *out)
{
	char *copy = arena_strdup(a, in);

	if (!copy)
		return ERR_NOMEM;
	for (size_t i = 0; i < in.n; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] | 0x20);
	*out = bytes_make(copy, in.n);
	return 0;
}

static int check_length(struct bytes in)
{
	if (in.n == 0)
		return ERR_SYNTAX;
	return in.n > JID_PART_MAX_BYTES ? ERR_LIMIT : 0;
}

static int check_excluded(struct bytes in)
{
	for (size_t i = 0; i < in.n; i++)
		if (is_excluded(in.p[i]))
			return ERR_SYNTAX;
	return 0;
}

static int local_by_precis(struct bytes in, struct arena *a, struct bytes *out)
{
	struct bytes normal;
	int rc = precis_username(in, a, &normal);

	/* After the mapping: a fullwidth solidus is one as well. */
	if (rc == 0)
		rc = check_excluded(normal);
	if (rc == 0)
		*out = normal;
	return rc;
}

int jid_parse_local(struct bytes in, struct arena *a, struct bytes *out)
{
	bool has_upper = false;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];
		if (c >= 0x80)
			return local_by_precis(in, a, out);
		if (c <= 0x20 || c == 0x7f || is_excluded(c))
			return ERR_SYNTAX;
		has_upper |= c >= 'A' && c <= 'Z';
	}
	int rc = check_length(in);
	if (rc)
		return rc;
	if (has_upper)
		return lower_copy(in, a, out);
	*out = in;
	return 0;
}

static int resource_by_precis(struct bytes in, struct arena *a, struct bytes *out)
{
	struct bytes normal;
	int rc = precis_opaque(in, a, &normal);

	if (rc)
		return rc;
	if (normal.p[0] == ' ')
		return ERR_SYNTAX;
	*out = normal;
	return 0;
}

/* RFC 7622 table 2, example 18: no space first. */
int jid_parse_resource(struct bytes in, struct arena *a, struct bytes *out)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] >= 0x80)
			return resource_by_precis(in, a, out);
		if (in.p[i] < 0x20 || in.p[i] == 0x7f)
			return ERR_SYNTAX;
	}
	int rc = check_length(in);
	if (rc)
		return rc;
	if (in.p[0] == ' ')
		return ERR_SYNTAX;
	*out = in;
	return 0;
}

int jid_parse_domain(struct bytes in, struct arena *a, struct bytes *out)
{
	bool has_upper = false;

	if (in.n && in.p[in.n - 1] == '.')
		in.n--; /* RFC 7622 3.2: the dot of the root does not count */
	int rc = check_length(in);
	if (rc)
		return rc;
	if (in.p[0] == '[')
		return jid_dns_ipv6(in, a, out);
	if (!jid_dns_is_ldh(in, &has_upper))
		return jid_dns_normal(in, a, out);
	if (has_upper)
		return lower_copy(in, a, out);
	*out = in;
	return 0;
}

/* ---- the whole ---- */

struct parts {
	struct bytes local, domain, resource;
	bool has_local, has_resource;
};

/* RFC 7622 3.1: the resource begins at the first slash, the local part ends at the first at-sign
 * before it. */
static struct parts split(struct bytes in)
{
	struct parts p = { .domain = in };
	size_t slash = bytes_find(in, '/');

	if (slash < in.n) {
		p.has_resource = true;
		p.resource = bytes_skip(in, slash + 1);
		p.domain.n = slash;
	}
	size_t at = bytes_find(p.domain, '@');
	if (at < p.domain.n) {
		p.has_local = true;
		p.local = bytes_make(p.domain.p, at);
		p.domain = bytes_skip(p.domain, at + 1);
	}
	return p;
}

static bool is_same_view(struct bytes a, struct bytes b)
{
	return a.p == b.p && a.n == b.n;
}

int jid_make(struct bytes local, struct bytes domain, struct bytes resource, struct arena *a,
             struct jid *out)
{
	if (domain.n == 0)
		return ERR_SYNTAX;
	if (local.n > JID_PART_MAX_BYTES || domain.n > JID_PART_MAX_BYTES ||
	    resource.n > JID_PART_MAX_BYTES)
		return ERR_LIMIT;
	size_t n = domain.n + (local.n ? local.n + 1 : 0) + (resource.n ? resource.n + 1 : 0);
	uint8_t *text = arena_alloc(a, n + 1);
	if (!text)
		return ERR_NOMEM;
	uint8_t *at = text;
	if (local.n) {
		memcpy(at, local.p, local.n);
		at += local.n;
		*at++ = '@';
	}
	memcpy(at, domain.p, domain.n);
	at += domain.n;
	if (resource.n) {
		*at++ = '/';
		memcpy(at, resource.p, resource.n);
	}
	text[n] = 0;
	*out = (struct jid){ .full = { text, n },
		             .local_n = (uint16_t)local.n,
		             .domain_n = (uint16_t)domain.n,
		             .resource_n = (uint16_t)resource.n };
	return 0;
}

int jid_parse(struct bytes in, struct arena *a, struct jid *out)
{
	struct parts got = split(in), want = got;
	int rc = 0;

	if (in.n > JID_MAX_BYTES)
		return ERR_LIMIT;
	if (got.has_local)
		rc = jid_parse_local(got.local, a, &want.local);
	if (rc == 0)
		rc = jid_parse_domain(got.domain, a, &want.domain);
	if (rc == 0 && got.has_resource)
		rc = jid_parse_resource(got.resource, a, &want.resource);
	if (rc)
		return rc;
	if (!is_same_view(got.local, want.local) || !is_same_view(got.domain, want.domain) ||
	    !is_same_view(got.resource, want.resource))
		return jid_make(want.local, want.domain, want.resource, a, out);
	*out = (struct jid){ .full = in,
		             .local_n = (uint16_t)got.local.n,
		             .domain_n = (uint16_t)got.domain.n,
		             .resource_n = (uint16_t)got.resource.n };
	return 0;
}

int jid_nickname_key(struct bytes in, struct arena *a, struct bytes *out)
{
	return precis_nickname(in, a, out);
}

struct jid jid_of_normal(struct bytes normal)
{
	struct parts p = split(normal);

	return (struct jid){ .full = normal,
		             .local_n = (uint16_t)p.local.n,
		             .domain_n = (uint16_t)p.domain.n,
		             .resource_n = (uint16_t)p.resource.n };
}

/* ---- views ---- */

static size_t domain_at(const struct jid *j)
{
	return j->local_n ? j->local_n + 1u : 0;
}

struct bytes jid_local(const struct jid *j)
{
	return bytes_make(j->full.p, j->local_n);
}

struct bytes jid_domain(const struct jid *j)
{
	return bytes_make(j->full.p ? j->full.p + domain_at(j) : NULL, j->domain_n);
}

struct bytes jid_resource(const struct jid *j)
{
	if (j->resource_n == 0)
		return BYTES_NONE;
	return bytes_make(j->full.p + j->full.n - j->resource_n, j->resource_n);
}

struct bytes jid_bare(const struct jid *j)
{
	return bytes_make(j->full.p, domain_at(j) + j->domain_n);
}

bool jid_eq(const struct jid *a, const struct jid *b)
{
	return bytes_eq(a->full, b->full);
}

bool jid_bare_eq(const struct jid *a, const struct jid *b)
{
	return bytes_eq(jid_bare(a), jid_bare(b));
}
