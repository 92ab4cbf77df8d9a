#include "proto/jid_dns.h"

#include <arpa/inet.h>
#include <idn2.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/jid.h"

/* Mapping as UTS 46 without its transitional part is what RFC 7622 3.2.1 asks for (case, width,
 * NFC) and more. COMPAT: libidn2 2.3 with IDN2_USE_STD3_ASCII_RULES drops "@", "/", "_" and the like
 * in silence instead of refusing them, so that rule is kept here (check_ascii, check_unicode). */
enum { IDN_FLAGS = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL };

static bool is_ldh(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

static bool is_label_ldh(struct bytes l)
{
	if (l.n == 0 || l.n > DNS_LABEL_MAX_BYTES || l.p[0] == '-' || l.p[l.n - 1] == '-')
		return false;
	return l.n < 4 || l.p[2] != '-' || l.p[3] != '-';
}

bool jid_dns_is_ldh(struct bytes in, bool *has_upper)
{
	size_t start = 0;

	if (in.n > DNS_NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];
		if (c == '.') {
			if (!is_label_ldh(bytes_make(in.p + start, i - start)))
				return false;
			start = i + 1;
		} else if (!is_ldh(c)) {
			return false;
		}
		*has_upper |= c >= 'A' && c <= 'Z';
	}
	return is_label_ldh(bytes_skip(in, start));
}

static int err_of_idn(int rc)
{
	switch (rc) {
	case IDN2_MALLOC:
		return ERR_NOMEM;
	case IDN2_TOO_BIG_DOMAIN:
	case IDN2_TOO_BIG_LABEL:
		return ERR_LIMIT;
	case IDN2_ENCODING_ERROR:
		return ERR_UTF8;
	default:
		return ERR_SYNTAX;
	}
}

/* To A-labels, checked. *out: for idn2_free. */
static int to_ascii(struct bytes in, uint8_t **out)
{
	char name[JID_PART_MAX_BYTES + 1];

	if (in.n > JID_PART_MAX_BYTES)
		return ERR_LIMIT;
	if (in.n == 0 || memchr(in.p, 0, in.n))
		return ERR_SYNTAX;
	if (!text_is_utf8(in))
		return ERR_UTF8;
	memcpy(name, in.p, in.n);
	name[in.n] = 0;
	uint8_t *ascii = NULL;
	int rc = idn2_lookup_u8((const uint8_t *)name, &ascii, IDN_FLAGS);
	if (rc != IDN2_OK)
		return err_of_idn(rc);
	*out = ascii;
	return 0;
}

static bool is_all_ldh(struct bytes l)
{
	for (size_t i = 0; i < l.n; i++)
		if (!is_ldh(l.p[i]))
			return false;
	return true;
}

/* Letters, digits, hyphens only, and labels that a name server takes. */
static int check_ascii(const char *ascii)
{
	struct bytes rest = bytes_of(ascii);

	if (rest.n == 0 || rest.n > DNS_NAME_MAX_BYTES)
		return rest.n ? ERR_LIMIT : ERR_SYNTAX;
	for (;;) {
		struct bytes label = { rest.p, bytes_find(rest, '.') };
		bool is_idn = bytes_starts(label, BYTES("xn--"));
		if (!is_all_ldh(label) || !is_label_ldh(is_idn ? bytes_skip(label, 4) : label))
			return ERR_SYNTAX;
		if (label.n == rest.n)
			return 0;
		rest = bytes_skip(rest, label.n + 1);
	}
}

/* U-labels hold no other ASCII either, and are again what they came from: then the form is normal. */
static int check_unicode(const char *unicode, const char *ascii)
{
	uint8_t *back = NULL;

	for (const char *c = unicode; *c; c++)
		if (!(*c & 0x80) && *c != '.' && (!is_ldh((uint8_t)*c) || (*c >= 'A' && *c <= 'Z')))
			return ERR_SYNTAX;
	int rc = to_ascii(bytes_of(unicode), &back);
	if (rc == 0 && strcmp((const char *)back, ascii) != 0)
		rc = ERR_SYNTAX;
	idn2_free(back);
	return rc;
}

int jid_dns_normal(struct bytes in, struct arena *a, struct bytes *out)
{
	uint8_t *ascii = NULL;
	char *unicode = NULL;

	int rc = to_ascii(in, &ascii);
	if (rc == 0)
		rc = check_ascii((const char *)ascii);
	if (rc == 0) {
		int idn = idn2_to_unicode_8z8z((const char *)ascii, &unicode, 0);
		rc = idn == IDN2_OK ? 0 : err_of_idn(idn);
	}
	if (rc == 0)
		rc = check_unicode(unicode, (const char *)ascii);
	if (rc == 0) {
		struct bytes copy = arena_dup(a, bytes_of(unicode));
		if (copy.p)
			*out = copy;
		else
			rc = ERR_NOMEM;
	}
	idn2_free(ascii);
	idn2_free(unicode);
	return rc;
}

static bool literal_of(struct bytes in, char out[static INET6_ADDRSTRLEN])
{
	if (in.n == 0 || in.n >= INET6_ADDRSTRLEN || memchr(in.p, 0, in.n))
		return false;
	memcpy(out, in.p, in.n);
	out[in.n] = 0;
	return true;
}

int jid_dns_ipv6(struct bytes in, struct arena *a, struct bytes *out)
{
	struct in6_addr addr;
	char text[INET6_ADDRSTRLEN];

	if (in.n < 2 || in.p[0] != '[' || in.p[in.n - 1] != ']')
		return ERR_SYNTAX;
	if (!literal_of(bytes_make(in.p + 1, in.n - 2), text) || inet_pton(AF_INET6, text, &addr) != 1 ||
	    !inet_ntop(AF_INET6, &addr, text, sizeof text))
		return ERR_SYNTAX;
	size_t n = strlen(text);
	char *full = arena_alloc(a, n + 3);
	if (!full)
		return ERR_NOMEM;
	full[0] = '[';
	memcpy(full + 1, text, n);
	full[n + 1] = ']';
	full[n + 2] = 0;
	*out = bytes_make(full, n + 2);
	return 0;
}

bool jid_dns_is_ipv4(struct bytes in)
{
	struct in_addr addr;
	char text[INET6_ADDRSTRLEN];

	return literal_of(in, text) && inet_pton(AF_INET, text, &addr) == 1;
}

int jid_domain_to_ascii(struct bytes domain, char out[static 254])
{
	bool has_upper = false;
	uint8_t *ascii = NULL;

	if (domain.n == 0 || domain.p[0] == '[' || jid_dns_is_ipv4(domain))
		return ERR_SYNTAX;
	if (jid_dns_is_ldh(domain, &has_upper) && !has_upper) {
		memcpy(out, domain.p, domain.n);
		out[domain.n] = 0;
		return 0;
	}
	int rc = to_ascii(domain, &ascii);
	if (rc == 0)
		rc = check_ascii((const char *)ascii);
	if (rc == 0)
		memcpy(out, ascii, strlen((const char *)ascii) + 1);
	idn2_free(ascii);
	return rc;
}
