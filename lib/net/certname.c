#include "net/certname.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

enum { CERTNAME_MAX = 100 }; /* names shown of one certificate */

enum name_kind { NAME_NONE, NAME_DNS, NAME_SRV, NAME_XMPP };
static const char *const kind_names[] = { "", "dns", "srv", "xmpp" };

/* The identifier in a general name, if it is of one of our kinds. No text of any kind has a NUL
 * inside: such a name would read differently here and there. */
static enum name_kind name_read(const GENERAL_NAME *g, struct bytes *out)
{
	enum name_kind kind = NAME_NONE;
	const ASN1_STRING *text = NULL;

	if (g->type == GEN_DNS) {
		kind = NAME_DNS;
		text = g->d.dNSName;
	} else if (g->type == GEN_OTHERNAME) {
		const ASN1_TYPE *v = g->d.otherName->value;
		int nid = OBJ_obj2nid(g->d.otherName->type_id);
		if (nid == NID_SRVName && v->type == V_ASN1_IA5STRING) { /* RFC 4985 2 */
			kind = NAME_SRV;
			text = v->value.ia5string;
		} else if (nid == NID_XmppAddr && v->type == V_ASN1_UTF8STRING) { /* RFC 6120 13.7.1.4 */
			kind = NAME_XMPP;
			text = v->value.utf8string;
		}
	}
	if (!text || ASN1_STRING_length(text) <= 0)
		return NAME_NONE;
	*out = bytes_make(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
	return memchr(out->p, 0, out->n) ? NAME_NONE : kind;
}

static bool has_two_labels(struct bytes domain)
{
	size_t dot = bytes_find(domain, '.');

	return dot > 0 && dot + 1 < domain.n;
}

/* RFC 9525 6.3: "*" is the whole left-most label and stands for exactly one. */
static bool dns_matches(struct bytes presented, struct bytes domain, bool allow_wildcard)
{
	if (bytes_eq_nocase(presented, domain))
		return true;
	if (!allow_wildcard || !bytes_starts(presented, BYTES("*.")))
		return false;
	struct bytes parent = bytes_skip(presented, 2);
	size_t dot = bytes_find(domain, '.');
	return dot > 0 && dot < domain.n && has_two_labels(parent) &&
	       bytes_eq_nocase(parent, bytes_skip(domain, dot + 1));
}

/* "_xmpp-server.example.com" (RFC 4985 2); no wildcards there. */
static bool srv_matches(struct bytes presented, const char *service, struct bytes domain)
{
	struct bytes s = bytes_of(service);

	if (!service || presented.n <= s.n || presented.p[s.n] != '.')
		return false;
	return bytes_eq_nocase(bytes_make(presented.p, s.n), s) &&
	       bytes_eq_nocase(bytes_skip(presented, s.n + 1), domain);
}

static bool name_matches(const GENERAL_NAME *g, const struct certname_demand *d)
{
	struct bytes presented, ascii = bytes_of(d->domain_ascii);

	switch (name_read(g, &presented)) {
	case NAME_DNS:
		return dns_matches(presented, ascii, d->allow_wildcard);
	case NAME_SRV:
		return srv_matches(presented, d->srv_service, ascii);
	case NAME_XMPP:
		return bytes_eq_nocase(presented, d->domain);
	default:
		return false;
	}
}

bool certname_matches(X509 *cert, const struct certname_demand *d)
{
	bool found = false;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	if (!d->domain_ascii || !d->domain_ascii[0])
		goto out;
	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++)
		found = name_matches(sk_GENERAL_NAME_value(names, i), d);
out:
	GENERAL_NAMES_free(names);
	return found;
}

/* Control bytes of a stranger's certificate do not reach a terminal. */
static void copy_printable(struct bytes in, char out[static 256])
{
	for (size_t i = 0; i < in.n; i++)
		out[i] = in.p[i] < 0x20 || in.p[i] == 0x7f ? '?' : (char)in.p[i];
	out[in.n] = 0;
}

bool certname_next(X509 *cert, size_t *at, const char **kind, char out[static 256])
{
	bool found = false;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	while (!found && *at < CERTNAME_MAX && (int)*at < sk_GENERAL_NAME_num(names)) {
		struct bytes text;
		enum name_kind k = name_read(sk_GENERAL_NAME_value(names, (int)(*at)++), &text);
		if (k == NAME_NONE || text.n > 255)
			continue;
		*kind = kind_names[k];
		copy_printable(text, out);
		found = true;
	}
	GENERAL_NAMES_free(names);
	return found;
}
