#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "proto/jid.h"

#include <stdio.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* A wildcard keeps its star; the rest goes to A-labels. */
static int to_ascii(struct bytes domain, char out[static 256])
{
	bool is_wild = domain.n > 2 && domain.p[0] == '*' && domain.p[1] == '.';
	struct bytes rest = is_wild ? bytes_skip(domain, 2) : domain, normal;
	struct arena a;
	char ascii[254];

	arena_init(&a, 16384);
	int rc = jid_parse_domain(rest, &a, &normal);
	if (!rc)
		rc = jid_domain_to_ascii(normal, ascii);
	arena_fini(&a);
	if (!rc)
		snprintf(out, 256, "%s%s", is_wild ? "*." : "", ascii);
	return rc ? ERR_SYNTAX : 0;
}

/* ---- the words of an operator: domains, and attributes like "O:My Company" (G-PKI-05) ---- */

static const struct {
	const char *word;
	int nid;      /* of the subject; NID_undef: none of it */
	size_t max_n; /* RFC 5280 A.1 */
} attributes[] = {
	{ "CN", NID_commonName, 64 },	    { "OU", NID_organizationalUnitName, 64 }, { "O", NID_organizationName, 64 },
	{ "L", NID_localityName, 128 },	    { "ST", NID_stateOrProvinceName, 128 },   { "C", NID_countryName, 2 },
	{ "emailAddress", NID_pkcs9_emailAddress, 255 }, { "subjectAltName", NID_undef, 8192 }, { "keyType", NID_undef, 16 },
};

struct parts {
	X509_NAME *subject;
	GENERAL_NAMES *names;
	struct bytes first_name, common_name; /* the first domain; what CN: says */
};

static bool cut_word(struct bytes word, struct bytes *attribute, struct bytes *value)
{
	size_t at = bytes_find(word, ':');

	if (at >= word.n)
		return false;
	*attribute = bytes_make(word.p, at);
	*value = bytes_skip(word, at + 1);
	return true;
}

static int push_name(GENERAL_NAMES *names, int type, ASN1_STRING *text)
{
	GENERAL_NAME *name = text && sk_GENERAL_NAME_num(names) < 2 * CERT_DOMAINS_MAX ? GENERAL_NAME_new() : NULL;

	if (!name) {
		ASN1_STRING_free(text);
		return text ? ERR_LIMIT : ERR_NOMEM;
	}
	GENERAL_NAME_set0_value(name, type, text);
	if (sk_GENERAL_NAME_push(names, name) > 0)
		return 0;
	GENERAL_NAME_free(name);
	return ERR_NOMEM;
}

/* A dNSName (RFC 6120 13.7.1.2), once. */
static int add_domain(struct parts *p, struct bytes domain)
{
	ASN1_IA5STRING *text = NULL;
	char ascii[256];
	int rc = to_ascii(domain, ascii);

	if (rc)
		return rc;
	for (int i = 0; i < sk_GENERAL_NAME_num(p->names); i++) {
		int type;
		const ASN1_STRING *have = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(p->names, i), &type);
		if (type == GEN_DNS && bytes_eq_str(bytes_make(ASN1_STRING_get0_data(have), (size_t)ASN1_STRING_length(have)), ascii))
			return 0;
	}
	if (!p->first_name.n)
		p->first_name = domain;
	text = ASN1_IA5STRING_new();
	if (text && !ASN1_STRING_set(text, ascii, -1)) {
		ASN1_IA5STRING_free(text);
		text = NULL;
	}
	return push_name(p->names, GEN_DNS, text);
}

static int add_address(struct parts *p, struct bytes in)
{
	char text[64];

	if (in.n == 0 || in.n >= sizeof text)
		return ERR_SYNTAX;
	snprintf(text, sizeof text, "%.*s", BYTES_FMT(in));
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
	ERR_clear_error();
	return address ? push_name(p->names, GEN_IPADD, address) : ERR_SYNTAX;
}

/* "a.example,DNS:b.example,IP:192.0.2.1" */
static int add_names(struct parts *p, struct bytes list)
{
	int rc = 0;

	while (!rc && list.n) {
		struct bytes one = bytes_make(list.p, bytes_find(list, ','));
		list = bytes_skip(list, one.n + 1 < list.n ? one.n + 1 : list.n);
		while (one.n && *one.p == ' ')
			one = bytes_skip(one, 1);
		if (bytes_starts(one, BYTES("IP:")))
			rc = add_address(p, bytes_skip(one, 3));
		else if (bytes_starts(one, BYTES("DNS:")))
			rc = add_domain(p, bytes_skip(one, 4));
		else
			rc = add_domain(p, one);
	}
	return rc;
}

static int add_attribute(struct parts *p, struct bytes word, struct bytes value)
{
	for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
		if (!bytes_eq_str(word, attributes[i].word))
			continue;
		int nid = attributes[i].nid;
		if (value.n == 0 || value.n > attributes[i].max_n || (nid == NID_countryName && value.n != 2))
			return ERR_SYNTAX;
		if (nid == NID_commonName)
			p->common_name = value;
		if (nid != NID_undef)
			return X509_NAME_add_entry_by_NID(p->subject, nid, MBSTRING_UTF8, value.p, (int)value.n, -1, 0) ? 0 : ERR_SYNTAX;
		return bytes_eq_str(word, "subjectAltName") ? add_names(p, value) : 0; /* the key is there by now */
	}
	return ERR_SYNTAX;
}

/* A common name is 64 characters at most; nobody matches on it. */
static int name_by_domain(struct parts *p)
{
	char ascii[256];

	if (!p->first_name.n || to_ascii(p->first_name, ascii))
		return ERR_SYNTAX;
	ascii[64] = 0;
	return X509_NAME_add_entry_by_NID(p->subject, NID_commonName, MBSTRING_ASC, (const uint8_t *)ascii, -1, -1, 0) ? 0 : ERR_NOMEM;
}

/* All words into a subject and names. A common name that is a domain counts as a name, as clients look at those only. */
static int make_parts(const struct bytes *words, size_t n, X509_NAME *subject, GENERAL_NAMES *names)
{
	struct parts p = { .subject = subject, .names = names };
	int rc = n && n <= 2 * CERT_DOMAINS_MAX ? 0 : ERR_SYNTAX;
	struct bytes attribute, value;

	for (size_t i = 0; !rc && i < n; i++)
		rc = cut_word(words[i], &attribute, &value) ? add_attribute(&p, attribute, value) : add_domain(&p, words[i]);
	if (!rc && p.common_name.n)
		(void)add_domain(&p, p.common_name); /* a person's or a company's name is none */
	else if (!rc)
		rc = name_by_domain(&p);
	ERR_clear_error();
	return !rc && sk_GENERAL_NAME_num(names) == 0 ? ERR_SYNTAX : rc;
}

static const EVP_MD *digest_for(EVP_PKEY *pkey)
{
	return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

static int bio_to_buf(BIO *bio, struct buf *out)
{
	char *text;
	long n = BIO_get_mem_data(bio, &text);

	buf_put(out, text, n > 0 ? (size_t)n : 0);
	return n > 0 && !buf_failed(out) ? 0 : ERR_NOMEM;
}

static int sign_request(X509_REQ *req, GENERAL_NAMES *names, EVP_PKEY *pkey)
{
	STACK_OF(X509_EXTENSION) *exts = NULL;
	bool is_signed = X509V3_add1_i2d(&exts, NID_subject_alt_name, names, 0, 0) > 0 && X509_REQ_add_extensions(req, exts) &&
			 X509_REQ_set_pubkey(req, pkey) && X509_REQ_sign(req, pkey, digest_for(pkey)) > 0;

	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	return is_signed ? 0 : ERR_NOMEM;
}

int cert_request(EVP_PKEY *pkey, const struct bytes *words, size_t n, struct buf *out)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = names && req && bio ? make_parts(words, n, X509_REQ_get_subject_name(req), names) : ERR_NOMEM;

	if (!rc)
		rc = sign_request(req, names, pkey);
	if (!rc && !PEM_write_bio_X509_REQ(bio, req))
		rc = ERR_NOMEM;
	if (!rc)
		rc = bio_to_buf(bio, out);
	GENERAL_NAMES_free(names);
	X509_REQ_free(req);
	BIO_free(bio);
	return rc;
}

/* An authority that checks names itself wants no subject (RFC 8555 7.4: a common name is a name, too). */
int cert_request_names(EVP_PKEY *pkey, const struct bytes *names, size_t n, struct buf *out)
{
	struct parts p = { .names = GENERAL_NAMES_new() };
	X509_REQ *req = X509_REQ_new();
	uint8_t *der = NULL;
	int rc = p.names && req ? n ? 0 : ERR_SYNTAX : ERR_NOMEM, len = 0;

	for (size_t i = 0; !rc && i < n; i++)
		rc = add_domain(&p, names[i]);
	if (!rc)
		rc = sign_request(req, p.names, pkey);
	if (!rc && (len = i2d_X509_REQ(req, &der)) <= 0)
		rc = ERR_NOMEM;
	if (!rc)
		buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	GENERAL_NAMES_free(p.names);
	X509_REQ_free(req);
	return rc ? rc : buf_failed(out) ? ERR_NOMEM : 0;
}

static int fill(X509 *cert, EVP_PKEY *pkey, const struct bytes *words, size_t n, GENERAL_NAMES *names)
{
	uint8_t serial[16];

	random_bytes(serial, sizeof serial);
	serial[0] &= 0x7f;
	BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
	int rc = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) ? 0 : ERR_NOMEM;
	BN_free(number);
	if (!rc)
		rc = make_parts(words, n, X509_get_subject_name(cert), names);
	if (!rc && (!X509_set_version(cert, X509_VERSION_3) || !X509_set_issuer_name(cert, X509_get_subject_name(cert)) ||
		    !X509_gmtime_adj(X509_getm_notBefore(cert), -300) ||
		    !X509_gmtime_adj(X509_getm_notAfter(cert), (long)CERT_SELF_SIGNED_DAYS * 86400) ||
		    !X509_set_pubkey(cert, pkey) || X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) <= 0 ||
		    X509_sign(cert, pkey, digest_for(pkey)) <= 0))
		rc = ERR_NOMEM;
	return rc;
}

int cert_self_signed(EVP_PKEY *pkey, const struct bytes *words, size_t n, struct buf *out)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	X509 *cert = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = names && cert && bio ? fill(cert, pkey, words, n, names) : ERR_NOMEM;

	if (!rc && !PEM_write_bio_X509(bio, cert))
		rc = ERR_NOMEM;
	if (!rc)
		rc = bio_to_buf(bio, out);
	GENERAL_NAMES_free(names);
	X509_free(cert);
	BIO_free(bio);
	return rc;
}

/* What "keyType:" says; empty: nothing. */
static struct bytes wanted_kind(const struct bytes *words, size_t n)
{
	struct bytes attribute, value;

	for (size_t i = 0; i < n; i++) {
		if (cut_word(words[i], &attribute, &value) && bytes_eq_str(attribute, "keyType"))
			return value;
	}
	return BYTES_NONE;
}

/* The key of that name, or a new one of the kind that the words or `kind` say. *is_new: the caller's; else the vault's. */
static int find_key(const struct vault *v, const struct bytes *args, size_t n, const char *kind, EVP_PKEY **out, bool *is_new, const char **why)
{
	struct bytes wanted = n > 1 ? wanted_kind(args + 1, n - 1) : BYTES_NONE;

	*is_new = false;
	*out = n >= 2 ? vault_get(v, args[0]) : NULL;
	*why = "wants a key's name, and domains or attributes";
	if (n < 2 || *out)
		return n < 2 ? ERR_SYNTAX : 0;
	*why = "there is no key of this name; keyType:ecdsa-p256 makes one";
	if (!wanted.n && !kind)
		return ERR_NOT_FOUND;
	*why = "keyType is one of rsa-2048 rsa-3072 rsa-4096 ecdsa-p256 ecdsa-p384 ed25519";
	*out = key_generate(wanted.n ? wanted : bytes_of(kind));
	*is_new = *out != NULL;
	return *out ? 0 : ERR_SYNTAX;
}

static void run(struct keys *k, struct proc_ask *ask, const struct bytes *args, size_t n, const char *kind,
		int (*make)(EVP_PKEY *, const struct bytes *, size_t, struct buf *))
{
	EVP_PKEY *pkey;
	bool is_new;
	const char *why;
	struct buf pem;

	buf_init(&pem, 65536);
	int rc = find_key(&k->vault, args, n, kind, &pkey, &is_new, &why);
	if (!rc) {
		rc = make(pkey, args + 1, n - 1, &pem);
		why = rc == ERR_SYNTAX ? "neither a domain name nor an attribute with a good value: CN OU O L ST C emailAddress subjectAltName keyType" : err_text(rc);
	}
	if (!rc && is_new) {
		rc = vault_put(&k->vault, args[0], pkey);
		why = rc == ERR_SYNTAX ? "a key's name has letters a-z, digits, '.' and '-'" : err_text(rc);
		is_new = rc != 0;
		if (!rc)
			log_info("keys.generated", LOG_BYTES("key", args[0]), LOG_STR("kind", key_kind(pkey)));
	}
	if (!rc) {
		proc_record_begin(ask);
		proc_record_text(ask, "pem", buf_bytes(&pem));
		proc_record_end(ask);
	}
	if (is_new)
		EVP_PKEY_free(pkey);
	buf_fini(&pem);
	proc_done(ask, rc, rc ? why : "");
}

void cmd_csr(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	run(program, ask, args, n, NULL, cert_request);
}

void cmd_self_signed(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	run(program, ask, args, n, NULL, cert_self_signed);
}

/* The classic words make the key, too (G-PKI-04, G-PKI-05). */
void cmd_pki_csr(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	run(program, ask, args, n, "rsa-2048", cert_request);
}

void cmd_pki_self_signed(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	run(program, ask, args, n, "rsa-2048", cert_self_signed);
}
