#include "ldap_impl.h"

#include "base/err.h"
#include "base/secret.h"

/* Requests (RFC 4511 4.1.1), by their tags. */
enum { REQUEST_BIND = 0x60, REQUEST_UNBIND = 0x42, REQUEST_SEARCH = 0x63, REQUEST_EXTENDED = 0x77, AUTH_SIMPLE = 0x80, EXTENDED_NAME = 0x80,
       CONTROLS = 0xa0, DEREF_ALWAYS = 3, VERSION = 3 };
#define OID_STARTTLS "1.3.6.1.4.1.1466.20037"
#define OID_PAGED "1.2.840.113556.1.4.319" /* RFC 2696 */

/* ---- requests ---- */

/* What b has, put behind what is in out; b is freed, with what was secret in it. rc: of its writing. */
static int finish(BerElement *b, int rc, struct buf *out)
{
	struct berval v = { 0, NULL };

	if (!rc && (ber_flatten2(b, &v, 0) < 0 || v.bv_len > LDAP_MESSAGE_MAX))
		rc = ERR_LIMIT;
	if (!rc)
		buf_put(out, v.bv_val, v.bv_len);
	if (v.bv_val)
		secret_wipe(v.bv_val, v.bv_len);
	ber_free(b, 1);
	return rc ? rc : buf_failed(out) ? ERR_LIMIT : 0;
}

static int wrote(int rc)
{
	return rc < 0 ? ERR_NOMEM : 0;
}

int ldap_put_bind(struct buf *out, uint32_t id, struct bytes dn, struct bytes password)
{
	struct berval name = ldap_berval(dn), secret = ldap_berval(password);
	BerElement *b = ber_alloc_t(LBER_USE_DER);

	if (!b)
		return ERR_NOMEM;
	int rc = wrote(ber_printf(b, "{it{iOtO}}", (ber_int_t)id, (ber_tag_t)REQUEST_BIND, (ber_int_t)VERSION, &name, (ber_tag_t)AUTH_SIMPLE, &secret));
	return finish(b, rc, out);
}

int ldap_put_unbind(struct buf *out, uint32_t id)
{
	BerElement *b = ber_alloc_t(LBER_USE_DER);

	return b ? finish(b, wrote(ber_printf(b, "{itn}", (ber_int_t)id, (ber_tag_t)REQUEST_UNBIND)), out) : ERR_NOMEM;
}

int ldap_put_starttls(struct buf *out, uint32_t id)
{
	BerElement *b = ber_alloc_t(LBER_USE_DER);
	struct berval oid = ldap_berval(BYTES(OID_STARTTLS));

	if (!b)
		return ERR_NOMEM;
	return finish(b, wrote(ber_printf(b, "{it{tO}}", (ber_int_t)id, (ber_tag_t)REQUEST_EXTENDED, (ber_tag_t)EXTENDED_NAME, &oid)), out);
}

static int put_filter(BerElement *b, const struct ldap_search *s)
{
	int rc = wrote(ber_printf(b, "t{", (ber_tag_t)FILTER_AND));

	if (!rc && s->filter.n)
		rc = ldap_filter_put(b, s->filter);
	if (!rc && s->n_terms)
		rc = wrote(ber_printf(b, "t{", (ber_tag_t)(s->is_any ? FILTER_OR : FILTER_AND)));
	for (size_t i = 0; !rc && i < s->n_terms; i++)
		rc = ldap_term_put(b, &s->terms[i]);
	if (!rc && s->n_terms)
		rc = wrote(ber_printf(b, "}"));
	if (!rc && !s->filter.n && !s->n_terms) /* an empty set is not known to all (RFC 4526) */
		rc = ldap_term_put(b, &(struct ldap_term){ .type = BYTES("objectClass"), .match = LDAP_PATTERN, .value = BYTES("*") });
	return rc ? rc : wrote(ber_printf(b, "}"));
}

static int put_page(BerElement *b, const struct ldap_search *s)
{
	BerElement *value = ber_alloc_t(LBER_USE_DER);
	struct berval oid = ldap_berval(BYTES(OID_PAGED)), cookie = ldap_berval(s->cookie), v;
	int rc = value ? wrote(ber_printf(value, "{iO}", (ber_int_t)s->page_size, &cookie)) : ERR_NOMEM;

	if (!rc && ber_flatten2(value, &v, 0) < 0)
		rc = ERR_NOMEM;
	/* Critical: without pages an answer would be cut (RFC 4511 4.1.11). */
	if (!rc)
		rc = wrote(ber_printf(b, "t{{ObO}}", (ber_tag_t)CONTROLS, &oid, (ber_int_t)1, &v));
	if (value)
		ber_free(value, 1);
	return rc;
}

int ldap_put_search(struct buf *out, uint32_t id, const struct ldap_search *s)
{
	BerElement *b = ber_alloc_t(LBER_USE_DER);
	struct berval base = ldap_berval(s->base);

	if (!b)
		return ERR_NOMEM;
	int rc = wrote(ber_printf(b, "{it{Oeeiib", (ber_int_t)id, (ber_tag_t)REQUEST_SEARCH, &base, (ber_int_t)s->scope, (ber_int_t)DEREF_ALWAYS,
	                          (ber_int_t)s->size_limit, (ber_int_t)s->time_limit_s, (ber_int_t)0));
	if (!rc)
		rc = put_filter(b, s);
	if (!rc)
		rc = wrote(ber_printf(b, "{"));
	for (size_t i = 0; !rc && i < s->n_attributes; i++) {
		struct berval type = ldap_berval(s->attributes[i]);
		rc = wrote(ber_printf(b, "O", &type));
	}
	if (!rc)
		rc = wrote(ber_printf(b, "}}"));
	if (!rc && s->page_size)
		rc = put_page(b, s);
	if (!rc)
		rc = wrote(ber_printf(b, "}"));
	return finish(b, rc, out);
}

/* ---- answers ---- */

/* Tag and length (X.690 8.1) as LDAP has them: tags of one byte, definite lengths (RFC 4511 5.1). Read here and not by liblber, whose
 * public readers allocate for each element, or copy the message. ERR_TRUNCATED, ERR_PROTOCOL, ERR_LIMIT. */
static int read_head(struct bytes in, size_t *head, size_t *body)
{
	if (in.n && (in.p[0] & 0x1f) == 0x1f)
		return ERR_PROTOCOL;
	if (in.n < 2)
		return ERR_TRUNCATED;
	size_t n = in.p[1], wide = n & 0x7f;
	*head = 2;
	if (n >= 0x80) {
		if (!wide || wide > 4)
			return ERR_PROTOCOL;
		if (in.n < 2 + wide)
			return ERR_TRUNCATED;
		*head += wide;
		n = 0;
		for (size_t i = 0; i < wide; i++)
			n = n << 8 | in.p[2 + i];
	}
	if (n > LDAP_MESSAGE_MAX)
		return ERR_LIMIT;
	*body = n;
	return in.n - *head < n ? ERR_TRUNCATED : 0;
}

int ldap_frame(struct bytes in, size_t *n)
{
	size_t head = 0, body = 0;

	if (in.n && in.p[0] != LBER_SEQUENCE)
		return ERR_PROTOCOL;
	int rc = read_head(in, &head, &body);
	if (!rc)
		*n = head + body;
	return rc;
}

/* The next element of `rest`, whatever it is. */
static bool next(struct bytes *rest, ber_tag_t *tag, struct bytes *value)
{
	size_t head, body;

	if (read_head(*rest, &head, &body))
		return false;
	*tag = rest->p[0];
	*value = bytes_make(rest->p + head, body);
	*rest = bytes_skip(*rest, head + body);
	return true;
}

static bool next_of(struct bytes *rest, ber_tag_t want, struct bytes *value)
{
	ber_tag_t tag;

	return next(rest, &tag, value) && tag == want;
}

static bool read_number(struct bytes v, uint32_t *out)
{
	if (!v.n || v.n > 4 || v.p[0] & 0x80)
		return false;
	*out = 0;
	for (size_t i = 0; i < v.n; i++)
		*out = *out << 8 | v.p[i];
	return true;
}

/* LDAPResult (RFC 4511 4.1.9); what follows it is not needed. */
static bool read_result(struct bytes op, struct ldap_answer *a)
{
	struct bytes code, matched;

	return next_of(&op, LBER_ENUMERATED, &code) && read_number(code, &a->code) && next_of(&op, LBER_OCTETSTRING, &matched) &&
	       next_of(&op, LBER_OCTETSTRING, &a->text);
}

bool ldap_next_value(struct bytes *rest, struct bytes *value)
{
	return next_of(rest, LBER_OCTETSTRING, value);
}

bool ldap_next_attribute(struct bytes *rest, struct bytes *type, struct bytes *values)
{
	struct bytes attribute;

	return next_of(rest, LBER_SEQUENCE, &attribute) && next_of(&attribute, LBER_OCTETSTRING, type) && next_of(&attribute, LBER_SET, values);
}

/* Every element in it is whole, so that walks over it end only where it ends. */
static bool read_entry(struct bytes op, struct ldap_answer *a)
{
	struct bytes rest, type, values, v;

	if (!next_of(&op, LBER_OCTETSTRING, &a->dn) || !next_of(&op, LBER_SEQUENCE, &a->attributes))
		return false;
	for (rest = a->attributes; rest.n;) {
		if (!ldap_next_attribute(&rest, &type, &values))
			return false;
		while (values.n)
			if (!ldap_next_value(&values, &v))
				return false;
	}
	return true;
}

/* RFC 2696: SEQUENCE { size INTEGER, cookie OCTET STRING }. */
static bool read_page(struct bytes value, struct bytes *cookie)
{
	struct bytes page, size;

	return next_of(&value, LBER_SEQUENCE, &page) && next_of(&page, LBER_INTEGER, &size) && next_of(&page, LBER_OCTETSTRING, cookie);
}

static bool read_controls(struct bytes controls, struct ldap_answer *a)
{
	struct bytes control, oid, v;
	ber_tag_t tag;

	while (controls.n) {
		if (!next_of(&controls, LBER_SEQUENCE, &control) || !next_of(&control, LBER_OCTETSTRING, &oid))
			return false;
		if (!bytes_eq_str(oid, OID_PAGED))
			continue;
		while (control.n) {
			if (!next(&control, &tag, &v) || (tag == LBER_OCTETSTRING && !read_page(v, &a->cookie)))
				return false;
		}
	}
	return true;
}

int ldap_read(struct bytes message, struct ldap_answer *out)
{
	struct ldap_answer a = { .id = 0 };
	struct bytes body, id, op, controls;
	ber_tag_t tag;
	bool is_good;

	if (!next_of(&message, LBER_SEQUENCE, &body) || message.n || !next_of(&body, LBER_INTEGER, &id) || !read_number(id, &a.id) ||
	    !next(&body, &tag, &op))
		return ERR_PROTOCOL;
	switch (tag) {
	case LDAP_BIND_DONE:
	case LDAP_SEARCH_DONE:
	case LDAP_EXTENDED_DONE:
		is_good = read_result(op, &a);
		break;
	case LDAP_ENTRY:
		is_good = read_entry(op, &a);
		break;
	default: /* of answers there is one that we ask for and know: LDAP_REFERENCE, which is not followed */
		is_good = tag == LDAP_REFERENCE;
		break;
	}
	a.op = (enum ldap_op)tag;
	while (is_good && body.n)
		is_good = next(&body, &tag, &controls) && (tag != CONTROLS || read_controls(controls, &a));
	if (!is_good)
		return ERR_PROTOCOL;
	*out = a;
	return 0;
}

struct bytes ldap_values(const struct ldap_answer *a, struct bytes want)
{
	struct bytes rest = a->attributes, type, values;

	while (ldap_next_attribute(&rest, &type, &values)) {
		type.n = bytes_find(type, ';');
		if (want.n && bytes_eq_nocase(type, want))
			return values;
	}
	return BYTES_NONE;
}
