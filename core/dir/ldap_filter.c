/* Filters: the text of RFC 4515 into the form of RFC 4511 4.5.1.7. The text is an administrator's; depth and length are limited all
 * the same, and there is no recursion. */
#include "ldap_impl.h"

#include "base/err.h"

enum { VALUE_MAX = 1024 };

struct filter {
	BerElement *b; /* NULL: look only */
	struct bytes rest;
	uint8_t kinds[LDAP_FILTER_DEPTH]; /* of the sets that are open */
	unsigned members[LDAP_FILTER_DEPTH];
	unsigned depth;
};

bool ldap_is_type(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i], l = c | 0x20;
		if (!((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ';'))
			return false;
	}
	return v.n > 0 && v.n <= 255;
}

static int hex_of(uint8_t c)
{
	uint8_t l = c | 0x20;

	return c >= '0' && c <= '9' ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* An assertion value, escapes (RFC 4515 3) taken out, up to a star or the end of the item. */
static int take_value(struct bytes *rest, char out[static VALUE_MAX], size_t *n)
{
	*n = 0;
	while (rest->n && rest->p[0] != '*' && rest->p[0] != ')') {
		uint8_t c = rest->p[0];
		if (c == '(' || !c)
			return ERR_SYNTAX;
		if (c == '\\') {
			if (rest->n < 3 || hex_of(rest->p[1]) < 0 || hex_of(rest->p[2]) < 0)
				return ERR_SYNTAX;
			c = (uint8_t)(hex_of(rest->p[1]) << 4 | hex_of(rest->p[2]));
			*rest = bytes_skip(*rest, 2);
		}
		if (*n == VALUE_MAX)
			return ERR_LIMIT;
		out[(*n)++] = (char)c;
		*rest = bytes_skip(*rest, 1);
	}
	return rest->n ? 0 : ERR_SYNTAX; /* the item's end is still to come */
}

static int wrote(int rc)
{
	return rc < 0 ? ERR_NOMEM : 0;
}

static int put_pair(BerElement *b, ber_tag_t tag, struct bytes type, struct bytes value)
{
	struct berval t = ldap_berval(type), v = ldap_berval(value);

	return b ? wrote(ber_printf(b, "t{OO}", tag, &t, &v)) : 0;
}

static int put_present(BerElement *b, struct bytes type)
{
	struct berval t = ldap_berval(type);

	return b ? wrote(ber_printf(b, "tO", (ber_tag_t)FILTER_PRESENT, &t)) : 0;
}

static int put_part(BerElement *b, ber_tag_t tag, struct bytes value)
{
	struct berval v = ldap_berval(value);

	return b ? wrote(ber_printf(b, "tO", tag, &v)) : 0;
}

static int begin(BerElement *b, ber_tag_t tag, struct bytes type)
{
	struct berval t = ldap_berval(type);

	return b ? wrote(ber_printf(b, "t{O{", tag, &t)) : 0;
}

static int end(BerElement *b)
{
	return b ? wrote(ber_printf(b, "}}")) : 0;
}

/* The first part of a pattern is what it begins with, the last what it ends with, unless they are empty. */
static int put_pattern(BerElement *b, const struct ldap_term *t)
{
	size_t parts = 0, at = bytes_find(t->value, '*');
	struct bytes rest = t->value;

	if (at == rest.n)
		return put_pair(b, FILTER_EQUAL, t->type, t->value);
	for (size_t i = 0; i < rest.n; i++)
		parts += rest.p[i] != '*';
	if (!parts)
		return put_present(b, t->type);
	int rc = begin(b, FILTER_SUBSTRINGS, t->type);
	for (bool is_first = true, is_last = false; !rc && !is_last; is_first = false) {
		at = bytes_find(rest, '*');
		struct bytes part = bytes_make(rest.p, at);
		is_last = at == rest.n;
		rest = bytes_skip(rest, at + 1);
		if (part.n)
			rc = put_part(b, is_first ? SUBSTRING_INITIAL : is_last ? SUBSTRING_FINAL : SUBSTRING_ANY, part);
	}
	return rc ? rc : end(b);
}

int ldap_term_put(BerElement *b, const struct ldap_term *t)
{
	return t->match == LDAP_PATTERN ? put_pattern(b, t) : put_pair(b, FILTER_EQUAL, t->type, t->value);
}

/* Behind the first star of "a*b*c": first is what stood before it. */
static int put_substrings(struct filter *f, struct bytes type, struct bytes first)
{
	char value[VALUE_MAX];
	size_t n, parts = first.n > 0;

	if (!first.n && f->rest.n > 1 && f->rest.p[1] == ')') {
		f->rest = bytes_skip(f->rest, 1);
		return put_present(f->b, type);
	}
	int rc = begin(f->b, FILTER_SUBSTRINGS, type);
	if (!rc && first.n)
		rc = put_part(f->b, SUBSTRING_INITIAL, first);
	while (!rc && f->rest.n && f->rest.p[0] == '*') {
		f->rest = bytes_skip(f->rest, 1);
		rc = take_value(&f->rest, value, &n);
		bool is_last = !rc && f->rest.p[0] == ')';
		if (!rc && !n && !is_last)
			return ERR_SYNTAX; /* two stars */
		if (!rc && n) {
			parts++;
			rc = put_part(f->b, is_last ? SUBSTRING_FINAL : SUBSTRING_ANY, bytes_make(value, n));
		}
	}
	return rc ? rc : !parts ? ERR_SYNTAX : end(f->b);
}

/* type:dn:rule:=value, each of the three may be left out, but not both type and rule (RFC 4515 3). */
static int put_extensible(struct filter *f, struct bytes head)
{
	char value[VALUE_MAX];
	size_t n, at = bytes_find(head, ':');
	struct bytes type = bytes_make(head.p, at), rule = bytes_skip(head, at + 1);
	bool has_dn = rule.n >= 2 && bytes_eq_nocase(bytes_make(rule.p, 2), BYTES("dn")) && (rule.n == 2 || rule.p[2] == ':');

	if (has_dn)
		rule = bytes_skip(rule, 3);
	if ((type.n && !ldap_is_type(type)) || (rule.n && !ldap_is_type(rule)) || (!type.n && !rule.n))
		return ERR_SYNTAX;
	int rc = take_value(&f->rest, value, &n);
	if (rc || f->rest.p[0] != ')')
		return rc ? rc : ERR_SYNTAX;
	if (!f->b)
		return 0;
	rc = wrote(ber_printf(f->b, "t{", (ber_tag_t)FILTER_EXTENSIBLE));
	if (!rc && rule.n)
		rc = put_part(f->b, MATCH_RULE, rule);
	if (!rc && type.n)
		rc = put_part(f->b, MATCH_TYPE, type);
	if (!rc)
		rc = put_part(f->b, MATCH_VALUE, bytes_make(value, n));
	if (!rc && has_dn)
		rc = wrote(ber_printf(f->b, "tb", (ber_tag_t)MATCH_DN, (ber_int_t)1));
	return rc ? rc : wrote(ber_printf(f->b, "}"));
}

/* attribute, operator, value; ends before the ')'. */
static int put_item(struct filter *f)
{
	size_t at = bytes_find(f->rest, '=');
	struct bytes head = bytes_make(f->rest.p, at);
	char value[VALUE_MAX];
	size_t n;

	if (at == f->rest.n || !at)
		return ERR_SYNTAX;
	uint8_t sign = head.p[head.n - 1];
	ber_tag_t tag = sign == '>' ? FILTER_GE : sign == '<' ? FILTER_LE : sign == '~' ? FILTER_APPROX : FILTER_EQUAL;
	f->rest = bytes_skip(f->rest, at + 1);
	if (sign == ':')
		return put_extensible(f, bytes_make(head.p, head.n - 1));
	if (tag != FILTER_EQUAL)
		head.n--;
	if (!ldap_is_type(head))
		return ERR_SYNTAX;
	int rc = take_value(&f->rest, value, &n);
	if (rc)
		return rc;
	if (f->rest.p[0] == '*')
		return tag == FILTER_EQUAL ? put_substrings(f, head, bytes_make(value, n)) : ERR_SYNTAX;
	return put_pair(f->b, tag, head, bytes_make(value, n));
}

static int open_set(struct filter *f, ber_tag_t tag)
{
	if (f->depth == LDAP_FILTER_DEPTH)
		return ERR_LIMIT;
	f->kinds[f->depth] = (uint8_t)tag;
	f->members[f->depth++] = 0;
	f->rest = bytes_skip(f->rest, 1);
	return f->b ? wrote(ber_printf(f->b, "t{", tag)) : 0;
}

static int close_set(struct filter *f)
{
	f->depth--;
	if (f->kinds[f->depth] == FILTER_NOT && f->members[f->depth] != 1)
		return ERR_SYNTAX;
	return f->b ? wrote(ber_printf(f->b, "}")) : 0;
}

/* At a '(' : a set is opened, or an item is written with its ')'. */
static int one(struct filter *f)
{
	f->rest = bytes_skip(f->rest, 1);
	if (!f->rest.n)
		return ERR_SYNTAX;
	if (f->depth)
		f->members[f->depth - 1]++;
	switch (f->rest.p[0]) {
	case '&':
		return open_set(f, FILTER_AND);
	case '|':
		return open_set(f, FILTER_OR);
	case '!':
		return open_set(f, FILTER_NOT);
	default:
		break;
	}
	int rc = put_item(f);
	if (!rc && (!f->rest.n || f->rest.p[0] != ')'))
		rc = ERR_SYNTAX;
	if (!rc)
		f->rest = bytes_skip(f->rest, 1);
	return rc;
}

int ldap_filter_put(BerElement *b, struct bytes text)
{
	struct filter f = { .b = b, .rest = text };
	int rc = text.n && text.p[0] == '(' ? one(&f) : ERR_SYNTAX;

	while (!rc && f.depth) {
		if (f.rest.n && f.rest.p[0] == '(') {
			rc = one(&f);
		} else if (f.rest.n && f.rest.p[0] == ')') {
			f.rest = bytes_skip(f.rest, 1);
			rc = close_set(&f);
		} else {
			rc = ERR_SYNTAX;
		}
	}
	return rc ? rc : f.rest.n ? ERR_SYNTAX : 0;
}

int ldap_filter_check(struct bytes text)
{
	return ldap_filter_put(NULL, text);
}
