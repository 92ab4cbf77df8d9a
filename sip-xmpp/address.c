#include "address.h"

#include <arpa/inet.h>

#include "base/err.h"
#include "base/text.h"
#include "sip/message.h"

/* ---- SIP to JID ---- */

/* What percent-decoding may bring to light and no localpart can hold (ADR-08). */
static bool has_control(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return true;
	return false;
}

static int decode(struct bytes in, struct arena *a, struct bytes *out)
{
	struct buf b;

	buf_init(&b, ADDRESS_URI_MAX_BYTES);
	int rc = sipuri_decode(in, &b);
	if (!rc && (buf_failed(&b) || !text_is_utf8(buf_bytes(&b)) || has_control(buf_bytes(&b))))
		rc = ERR_SYNTAX;
	if (!rc) {
		*out = arena_dup(a, buf_bytes(&b));
		if (!out->p && buf_len(&b))
			rc = ERR_NOMEM;
	}
	buf_fini(&b);
	return rc;
}

static int local_of(struct bytes user, struct arena *a, struct bytes *out)
{
	struct bytes text;

	*out = BYTES_NONE;
	if (!user.n)
		return 0;
	int rc = decode(user, a, &text);
	if (!rc)
		rc = jid_escape(text, a, &text);
	return rc ? rc : jid_parse_local(text, a, out);
}

/* COMPAT: OCS and Lync 2013 write opaque=user:epid:X;gruu where others write gr=X (ADR-29). */
static bool epid_of(struct bytes params, struct bytes *out)
{
	struct bytes opaque, gruu;

	if (!sip_param(params, "gruu", &gruu) || !sip_param(params, "opaque", &opaque) ||
	    !bytes_starts(opaque, BYTES("user:epid:")))
		return false;
	*out = bytes_skip(opaque, sizeof "user:epid:" - 1);
	return true;
}

static int resource_of(struct bytes params, struct arena *a, struct bytes *out)
{
	struct bytes gr;

	*out = BYTES_NONE;
	/* A temporary GRUU, gr without a value, names nobody's device (ADR-12). */
	if ((!sip_param(params, "gr", &gr) && !epid_of(params, &gr)) || !gr.n)
		return 0;
	int rc = decode(gr, a, &gr);
	return rc ? rc : jid_parse_resource(gr, a, out);
}

static int domain_of(struct bytes host, struct arena *a, struct bytes *out)
{
	uint8_t text[64];

	if (bytes_find(host, ':') == host.n)
		return jid_parse_domain(host, a, out);
	if (host.n > sizeof text - 2)
		return ERR_SYNTAX;
	text[0] = '[';
	memcpy(text + 1, host.p, host.n);
	text[host.n + 1] = ']';
	struct bytes literal = arena_dup(a, bytes_make(text, host.n + 2));
	return literal.p ? jid_parse_domain(literal, a, out) : ERR_NOMEM;
}

static int is_translated(enum sipuri_scheme s, bool may_be_sips)
{
	switch (s) {
	case SIPURI_SIP:
	case SIPURI_IM:
	case SIPURI_PRES:
		return 0;
	case SIPURI_SIPS:
		return may_be_sips ? 0 : ERR_UNSUPPORTED;
	default:
		return ERR_SYNTAX;
	}
}

int address_to_jid(struct bytes uri, bool may_be_sips, struct arena *a, struct jid *out)
{
	struct sipuri u;
	struct bytes local, domain, resource;

	if (uri.n > ADDRESS_URI_MAX_BYTES)
		return ERR_LIMIT;
	if (sipuri_parse(uri, &u))
		return ERR_SYNTAX;
	int rc = is_translated(u.scheme, may_be_sips);
	if (!rc)
		rc = local_of(u.user, a, &local);
	if (!rc)
		rc = domain_of(u.host, a, &domain);
	if (!rc)
		rc = resource_of(u.params, a, &resource);
	return rc ? rc : jid_make(local, domain, resource, a, out);
}

unsigned address_status(int rc)
{
	switch (rc) {
	case 0:
		return 200;
	case ERR_UNSUPPORTED:
		return 416;
	case ERR_LIMIT:
		return 414;
	case ERR_NOMEM:
		return 500;
	default:
		return 400;
	}
}

/* ---- JID to SIP ---- */

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Upper-case hex (ADR-19), but for what `plain` and RFC 3261's unreserved hold. */
static void put_encoded(struct buf *out, struct bytes v, const char *plain)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		if (is_alnum(c) || (c && (strchr("-_.!~*'()", c) || strchr(plain, c))))
			buf_put_u8(out, c);
		else
			buf_putf(out, "%%%02X", c);
	}
}

/* RFC 3261 25.1: param-unreserved. */
void address_put_gr(struct bytes resource, struct buf *out)
{
	put_encoded(out, resource, "/:&+$");
}

/* RFC 3261 25.1: user-unreserved. In im: and pres:, which are not SIP's, a path's delimiters are not plain. */
static const char *plain_of(enum sipuri_scheme s)
{
	return s == SIPURI_IM || s == SIPURI_PRES ? "&=+$" : "&=+$,;?/";
}

static int put_user(struct bytes local, const char *plain, struct buf *out)
{
	struct arena a;
	struct bytes user;

	if (local.n > JID_PART_MAX_BYTES)
		return ERR_LIMIT;
	arena_init(&a, 65536);
	int rc = jid_unescape(local, &a, &user);
	if (!rc) {
		put_encoded(out, user, plain);
		buf_put_u8(out, '@');
	}
	arena_fini(&a);
	return rc;
}

static bool is_ip_literal(struct bytes domain)
{
	char text[64];
	uint8_t address[16];

	if (domain.n && domain.p[0] == '[')
		return true; /* the JID's parser has looked inside */
	if (domain.n >= sizeof text)
		return false;
	memcpy(text, domain.p, domain.n);
	text[domain.n] = 0;
	return inet_pton(AF_INET, text, address) == 1;
}

static int put_host(struct bytes domain, struct buf *out)
{
	char ascii[254];

	if (is_ip_literal(domain)) {
		buf_put_bytes(out, domain);
		return 0;
	}
	int rc = jid_domain_to_ascii(domain, ascii);
	if (!rc)
		buf_put_str(out, ascii);
	return rc;
}

static const char *const schemes[] = { [SIPURI_SIP] = "sip:", [SIPURI_SIPS] = "sips:", [SIPURI_IM] = "im:", [SIPURI_PRES] = "pres:" };

static int put_uri(const struct jid *j, enum sipuri_scheme scheme, bool with_resource, struct buf *out)
{
	size_t before = buf_len(out);
	int rc = 0;

	buf_put_str(out, schemes[scheme]);
	if (j->local_n)
		rc = put_user(jid_local(j), plain_of(scheme), out);
	if (!rc)
		rc = put_host(jid_domain(j), out);
	if (!rc && with_resource && j->resource_n) {
		buf_put_str(out, ";gr=");
		address_put_gr(jid_resource(j), out);
	}
	if (!rc && buf_failed(out))
		return ERR_LIMIT;
	if (!rc && buf_len(out) - before > ADDRESS_URI_MAX_BYTES)
		rc = ERR_LIMIT;
	if (rc)
		buf_truncate(out, before);
	return rc;
}

int address_of_occupant(struct bytes room, struct bytes nick, struct buf *out)
{
	struct jid j = jid_of_normal(room);
	int rc = put_uri(&j, SIPURI_SIP, false, out);

	if (!rc && nick.n) {
		buf_put_str(out, ";gr=");
		address_put_gr(nick, out);
	}
	return rc ? rc : buf_failed(out) ? ERR_LIMIT : 0;
}

int address_of_jid(const struct jid *j, enum sipuri_scheme scheme, struct buf *out)
{
	return put_uri(j, scheme, true, out);
}

int address_of_bare(const struct jid *j, enum sipuri_scheme scheme, struct buf *out)
{
	return put_uri(j, scheme, false, out);
}
