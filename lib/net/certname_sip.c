#include "net/certname_sip.h"

#include <openssl/x509v3.h>

enum { NAMES_MAX = 1000 }; /* of one certificate that are looked at */

/* Called for each identity; true ends the walk. */
typedef bool (*identity_fn)(void *arg, struct bytes identity);

static struct bytes text_of(const ASN1_STRING *s)
{
	struct bytes text = BYTES_NONE;

	if (ASN1_STRING_length(s) > 0)
		text = bytes_make(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	/* A NUL inside would read differently here and there. */
	return text.n && memchr(text.p, 0, text.n) ? BYTES_NONE : text;
}

/* The host of "sip:host" in any case; empty for another scheme or a URI of a user. */
static struct bytes host_of_uri(struct bytes uri)
{
	if (uri.n <= 4 || !bytes_eq_nocase(bytes_make(uri.p, 4), BYTES("sip:")) || memchr(uri.p, '@', uri.n))
		return BYTES_NONE;
	struct bytes host = bytes_skip(uri, 4);
	for (size_t i = 0; i < host.n; i++) {
		if (host.p[i] == ':' || host.p[i] == ';' || host.p[i] == '?' || host.p[i] == '/')
			host.n = i;
	}
	return host;
}

static bool each_of_type(GENERAL_NAMES *names, int type, identity_fn fn, void *arg, size_t *n_found)
{
	bool is_done = false;

	for (int i = 0; !is_done && i < sk_GENERAL_NAME_num(names) && i < NAMES_MAX; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type != type)
			continue;
		struct bytes id = text_of(g->d.ia5);
		if (type == GEN_URI)
			id = host_of_uri(id);
		if (!id.n)
			continue;
		++*n_found;
		is_done = fn(arg, id);
	}
	return is_done;
}

static bool each_common_name(X509 *cert, identity_fn fn, void *arg, size_t *n_found)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	bool is_done = false;

	for (int at = -1; !is_done && (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
		struct bytes id = text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
		if (!id.n)
			continue;
		++*n_found;
		is_done = fn(arg, id);
	}
	return is_done;
}

/* Says whether fn ended it. */
static bool each_identity(X509 *cert, bool allow_common_name, identity_fn fn, void *arg, size_t *n_found)
{
	int where = -1;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &where, NULL);
	bool is_done;

	*n_found = 0;
	/* -1: not in the certificate. Twice or unreadable is not the same as absent. */
	if (!names && where == -1 && allow_common_name)
		return each_common_name(cert, fn, arg, n_found);
	is_done = each_of_type(names, GEN_URI, fn, arg, n_found);
	if (*n_found == 0)
		is_done = each_of_type(names, GEN_DNS, fn, arg, n_found);
	GENERAL_NAMES_free(names);
	return is_done;
}

static bool is_same(void *arg, struct bytes identity)
{
	return bytes_eq_nocase(identity, *(const struct bytes *)arg);
}

/* Letters, digits, hyphens and dots, and not all of it digits and dots: an address is no domain. */
static bool is_domain(struct bytes d)
{
	bool has_letter = false;

	for (size_t i = 0; i < d.n; i++) {
		uint8_t c = d.p[i] | 0x20;
		bool is_letter = c >= 'a' && c <= 'z';
		if (!is_letter && !(d.p[i] >= '0' && d.p[i] <= '9') && d.p[i] != '-' && d.p[i] != '.' && d.p[i] != '_')
			return false;
		has_letter |= is_letter;
	}
	return has_letter;
}

bool certname_sip_matches(X509 *cert, const char *domain, bool allow_common_name)
{
	struct bytes wanted = bytes_of(domain);
	size_t n;

	return is_domain(wanted) && each_identity(cert, allow_common_name, is_same, &wanted, &n);
}

struct listing {
	char *out;
	size_t n, room;
};

static bool add_to_list(void *arg, struct bytes identity)
{
	struct listing *l = arg;

	if (l->n && l->n + 1 < l->room)
		l->out[l->n++] = ' ';
	for (size_t i = 0; i < identity.n && l->n + 1 < l->room; i++)
		l->out[l->n++] = identity.p[i] <= 0x20 || identity.p[i] >= 0x7f ? '?' : (char)identity.p[i];
	return false;
}

size_t certname_sip_list(X509 *cert, bool allow_common_name, char *out, size_t room)
{
	struct listing l = { out, 0, room };
	size_t n;

	(void)each_identity(cert, allow_common_name, add_to_list, &l, &n); /* it walks to the end */
	if (room)
		out[l.n] = 0;
	return n;
}
