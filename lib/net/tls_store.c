#include "net/tls_store.h"

#include "base/err.h"
#include "net/certname.h"
#include "net/certname_sip.h"
#include "net/keyproxy.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* TLS 1.2: forward secret AEAD only (RFC 9325 4.2). TLS 1.3 has no others. */
#define SUITES_12 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"
#define SIGNATURES                                                                                 \
	"ECDSA+SHA256:ed25519:RSA-PSS+SHA256:ECDSA+SHA384:RSA-PSS+SHA384:RSA-PSS+SHA512:"          \
	"RSA+SHA256:RSA+SHA384:RSA+SHA512"

enum { CERT_LIST_MAX_BYTES = 32 << 10 }; /* what a peer may send as its chain */

/* Where Debian keeps the public authorities in one file. */
#define SYSTEM_ANCHORS "/etc/ssl/certs/ca-certificates.crt"

/* Read once before the fence closes the file system, and then shared by all stores of the process. */
static STACK_OF(X509) *system_anchors;

/* A list is looked at where there is one: most authorities have none here. Which lack one is noted by their depth. */
static int may_lack_list(int is_fine, X509_STORE_CTX *c)
{
	if (is_fine || X509_STORE_CTX_get_error(c) != X509_V_ERR_UNABLE_TO_GET_CRL)
		return is_fine;
	uint32_t *lacking = X509_STORE_CTX_get_app_data(c);
	if (lacking)
		*lacking |= 1u << X509_STORE_CTX_get_error_depth(c);
	X509_STORE_CTX_set_error(c, X509_V_OK);
	return 1;
}

static X509_STORE *trust_new(void)
{
	X509_STORE *t = X509_STORE_new();

	if (!t)
		return NULL;
	X509_VERIFY_PARAM *p = X509_STORE_get0_param(t);
	/* An administrator's anchor may be an intermediate, or the partner's own certificate. */
	(void)X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_depth(p, TLS_CHAIN_MAX);
	X509_STORE_set_verify_cb(t, may_lack_list);
	X509_VERIFY_PARAM_set_auth_level(p, 2); /* 112 bits: no SHA-1, no RSA below 2048 */
	return t;
}

static SSL_CTX *context_new(const struct tls_store *s, const SSL_METHOD *method, int version_min)
{
	SSL_CTX *c = SSL_CTX_new(method);

	if (!c)
		return NULL;
	SSL_CTX_set_security_level(c, 2);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_clear_mode(c, SSL_MODE_AUTO_RETRY); /* one record a call, the link counts */
	if (s->keys)
		SSL_CTX_set_mode(c, SSL_MODE_ASYNC);
	/* One read for header and records; the buffer is released when nothing is in it. */
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF); /* resumption by ticket only */
	(void)SSL_CTX_set_num_tickets(c, 1);
	(void)SSL_CTX_set_max_cert_list(c, CERT_LIST_MAX_BYTES);
	if (SSL_CTX_set_min_proto_version(c, version_min) != 1 ||
	    SSL_CTX_set_cipher_list(c, SUITES_12) != 1 || SSL_CTX_set1_groups_list(c, GROUPS) != 1 ||
	    SSL_CTX_set1_sigalgs_list(c, SIGNATURES) != 1 ||
	    SSL_CTX_set_session_id_context(c, (const uint8_t *)"gatehouse", 9) != 1) {
		SSL_CTX_free(c);
		return NULL;
	}
	tls_context_hooks(c);
	return c;
}

struct tls_store *tls_store_new(struct keyproxy *keys)
{
	struct tls_store *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->refs = 1;
	s->keys = keys;
	s->version_min = TLS1_2_VERSION;
	s->base = context_new(s, TLS_method(), s->version_min);
	s->trust = trust_new();
	tls_tickets_init(&s->tickets, time(NULL));
	if (s->base && s->trust)
		return s;
	tls_store_free(s);
	return NULL;
}

int tls_store_require_13(struct tls_store *s)
{
	s->version_min = TLS1_3_VERSION;
	return SSL_CTX_set_min_proto_version(s->base, s->version_min) == 1 ? 0 : ERR_UNSUPPORTED;
}

SSL_CTX *tls_store_datagram(struct tls_store *s)
{
	if (!s->datagram && s->version_min == TLS1_2_VERSION)
		s->datagram = context_new(s, DTLS_method(), DTLS1_2_VERSION);
	return s->datagram;
}

int tls_store_lend(struct tls_store *s, SSL_CTX *to)
{
	SSL_CTX_set_security_level(to, 2);
	SSL_CTX_set1_cert_store(to, s->trust);
	return SSL_CTX_set_min_proto_version(to, s->version_min) == 1 && SSL_CTX_set_cipher_list(to, SUITES_12) == 1 &&
			       SSL_CTX_set1_groups_list(to, GROUPS) == 1 && SSL_CTX_set1_sigalgs_list(to, SIGNATURES) == 1
		       ? 0
		       : ERR_NOMEM;
}

struct tls_store *tls_store_hold(struct tls_store *s)
{
	s->refs++;
	return s;
}

static void certificate_free(struct tls_certificate *c)
{
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	free(c);
}

void tls_store_keep_tickets(struct tls_store *s, const struct tls_store *before)
{
	if (before)
		s->tickets = before->tickets;
}

void tls_store_free(struct tls_store *s)
{
	size_t at = 0;
	struct tls_certificate *c;
	struct tls_domain *d;
	struct tls_anchor *a;

	if (!s || --s->refs)
		return;
	while ((c = map_next(&s->certificates, &at)))
		certificate_free(c);
	for (at = 0; (d = map_next(&s->domains, &at)); free(d))
		SSL_CTX_free(d->ctx);
	for (at = 0; (a = map_next(&s->anchors, &at)); free(a))
		X509_STORE_free(a->only);
	map_fini(&s->certificates);
	map_fini(&s->domains);
	map_fini(&s->anchors);
	SSL_CTX_free(s->base);
	SSL_CTX_free(s->datagram);
	X509_STORE_free(s->trust);
	tls_tickets_fini(&s->tickets);
	free(s);
}

/* ---- PEM ---- */

/* Nobody is there to type a passphrase. */
static int no_passphrase(char *out, int n, int is_write, void *arg)
{
	(void)out;
	(void)n;
	(void)is_write;
	(void)arg;
	return 0;
}

static STACK_OF(X509) *read_certificates(BIO *in, int max)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	X509 *x = NULL;

	while (all && (x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL))) {
		if (sk_X509_num(all) < max && sk_X509_push(all, x) > 0)
			continue;
		X509_free(x);
		goto fail;
	}
	/* Anything but "no more PEM blocks" is a damaged block. */
	if (!all || sk_X509_num(all) == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		goto fail;
	ERR_clear_error();
	return all;
fail:
	ERR_clear_error();
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

STACK_OF(X509) *tls_pem_certificates(struct bytes pem)
{
	BIO *in = pem.n && pem.n < INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	STACK_OF(X509) *all = in ? read_certificates(in, TLS_CHAIN_MAX) : NULL;

	BIO_free(in);
	return all;
}

static EVP_PKEY *pem_key(struct bytes pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *k = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;

	BIO_free(in);
	return k;
}

/* ---- certificates ---- */

static bool issues_another(STACK_OF(X509) *all, X509 *x)
{
	for (int i = 0; i < sk_X509_num(all); i++) {
		X509 *other = sk_X509_value(all, i);
		if (other != x && X509_check_issued(x, other) == X509_V_OK)
			return true;
	}
	return false;
}

X509 *tls_take_leaf(STACK_OF(X509) *all)
{
	for (int i = 0; i < sk_X509_num(all); i++) {
		if (!issues_another(all, sk_X509_value(all, i)))
			return sk_X509_delete(all, i);
	}
	return NULL;
}

static X509 *take_issuer(STACK_OF(X509) *all, X509 *of)
{
	for (int i = 0; i < sk_X509_num(all); i++) {
		if (X509_check_issued(sk_X509_value(all, i), of) == X509_V_OK)
			return sk_X509_delete(all, i);
	}
	return NULL;
}

/* The way up from the leaf, without a root: the peer has it or does not believe it. */
static STACK_OF(X509) *take_chain(STACK_OF(X509) *all, X509 *leaf)
{
	STACK_OF(X509) *chain = sk_X509_new_null();

	for (X509 *x = leaf, *up; chain && (up = take_issuer(all, x)); x = up) {
		if (X509_self_signed(up, 0) == 1 || sk_X509_push(chain, up) <= 0) {
			X509_free(up);
			break;
		}
	}
	return chain;
}

static int validity_now(X509 *x)
{
	if (X509_cmp_current_time(X509_get0_notAfter(x)) <= 0)
		return ERR_CERT_EXPIRED;
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
		return ERR_CERT_NOT_YET;
	return 0;
}

int tls_store_add_certificate(struct tls_store *s, struct bytes name, struct bytes pem)
{
	int rc = ERR_NOMEM;
	struct tls_certificate *c = calloc(1, sizeof *c);
	STACK_OF(X509) *all = tls_pem_certificates(pem);

	if (!c)
		goto out;
	rc = ERR_SYNTAX;
	if (!all || name.n == 0 || name.n > TLS_NAME_MAX || !(c->leaf = tls_take_leaf(all)))
		goto out;
	memcpy(c->name, name.p, name.n);
	rc = ERR_CERT_OTHER;
	c->chain = take_chain(all, c->leaf);
	c->key = s->keys ? keyproxy_pkey(s->keys, name, c->leaf) : pem_key(pem);
	if (X509_digest(c->leaf, EVP_sha256(), c->leaf_sha256, NULL) != 1 || !c->chain || !c->key || X509_check_private_key(c->leaf, c->key) != 1)
		goto out;
	rc = map_add(&s->certificates, bytes_of(c->name), c);
	if (rc)
		goto out;
	rc = validity_now(c->leaf);
	c = NULL;
out:
	ERR_clear_error();
	sk_X509_pop_free(all, X509_free);
	if (c)
		certificate_free(c);
	return rc;
}

/* ---- domains ---- */

static void lower(const char *in, char out[static TLS_DOMAIN_MAX + 1])
{
	size_t n = 0;

	for (; in[n] && n < TLS_DOMAIN_MAX; n++)
		out[n] = in[n] >= 'A' && in[n] <= 'Z' ? (char)(in[n] + 32) : in[n];
	out[n] = 0;
}

struct tls_domain *tls_store_domain(struct tls_store *s, const char *name)
{
	char key[TLS_DOMAIN_MAX + 1];

	lower(name, key);
	return map_get(&s->domains, bytes_of(key));
}

struct tls_domain *tls_store_only_domain(struct tls_store *s)
{
	return s->domains.count == 1 ? s->first : NULL;
}

static struct tls_domain *domain_new(struct tls_store *s, const char *name)
{
	struct tls_domain *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	lower(name, d->name);
	d->ctx = context_new(s, TLS_method(), s->version_min);
	if (!d->ctx || map_add(&s->domains, bytes_of(d->name), d)) {
		SSL_CTX_free(d->ctx);
		free(d);
		return NULL;
	}
	if (!s->first)
		s->first = d;
	return d;
}

static int domain_use(struct tls_domain *d, struct tls_certificate *c)
{
	int type = EVP_PKEY_get_base_id(X509_get0_pubkey(c->leaf));
	size_t i = 0;

	for (; i < 3 && d->key_types[i]; i++) {
		/* Two of one type: which would be sent? Never "the last one wins" (lesson 6). */
		if (d->key_types[i] == type)
			return ERR_EXISTS;
	}
	if (i == 3 || SSL_CTX_use_certificate(d->ctx, c->leaf) != 1 ||
	    SSL_CTX_use_PrivateKey(d->ctx, c->key) != 1 || SSL_CTX_set1_chain(d->ctx, c->chain) != 1) {
		ERR_clear_error();
		return ERR_CERT_OTHER;
	}
	d->key_types[i] = type;
	return 0;
}

int tls_store_add_domain(struct tls_store *s, const char *domain, struct bytes certificate_name)
{
	struct tls_certificate *c = map_get(&s->certificates, certificate_name);
	struct tls_domain *d = tls_store_domain(s, domain);

	if (!c)
		return ERR_NOT_FOUND;
	if (!d && !(d = domain_new(s, domain)))
		return ERR_NOMEM;
	int rc = domain_use(d, c);
	if (rc)
		return rc;
	/* XmppAddr is not looked at here: what partners and clients check is the DNS name. */
	struct certname_demand server = { .domain_ascii = domain, .domain = bytes_of(domain),
		                          .srv_service = "_xmpp-server", .allow_wildcard = true };
	struct certname_demand client = server;
	client.srv_service = "_xmpp-client";
	return certname_matches(c->leaf, &server) || certname_matches(c->leaf, &client) ||
	                       certname_sip_matches(c->leaf, domain, false)
	               ? 0 : ERR_CERT_NAME;
}

/* ---- trust ---- */

int tls_prepare(void)
{
	if (system_anchors)
		return 0;
	BIO *in = BIO_new_file(SYSTEM_ANCHORS, "r");
	if (in)
		system_anchors = read_certificates(in, 1000);
	BIO_free(in);
	ERR_clear_error();
	return system_anchors ? 0 : ERR_NOT_FOUND;
}

void tls_forget(void)
{
	sk_X509_pop_free(system_anchors, X509_free);
	system_anchors = NULL;
}

static int trust_all(X509_STORE *t, STACK_OF(X509) *all)
{
	for (int i = 0; i < sk_X509_num(all); i++) {
		if (X509_STORE_add_cert(t, sk_X509_value(all, i)) != 1)
			return ERR_NOMEM;
	}
	return 0;
}

int tls_store_trust_system(struct tls_store *s)
{
	int rc = tls_prepare();

	return rc ? rc : trust_all(s->trust, system_anchors);
}

int tls_store_trust_anchor(struct tls_store *s, struct bytes name, struct bytes pem)
{
	int rc = ERR_SYNTAX;
	struct tls_anchor *a = calloc(1, sizeof *a);
	STACK_OF(X509) *all = tls_pem_certificates(pem);

	if (!a || !(a->only = trust_new())) {
		rc = ERR_NOMEM;
		goto out;
	}
	if (!all || name.n == 0 || name.n > TLS_NAME_MAX)
		goto out;
	memcpy(a->name, name.p, name.n);
	rc = trust_all(a->only, all);
	if (!rc)
		rc = trust_all(s->trust, all);
	if (!rc)
		rc = map_add(&s->anchors, bytes_of(a->name), a);
	if (!rc)
		a = NULL;
out:
	sk_X509_pop_free(all, X509_free);
	if (a)
		X509_STORE_free(a->only);
	free(a);
	return rc;
}

/* ---- revocation ---- */

void tls_store_use_news(struct tls_store *s, const struct tls_news *news)
{
	s->news = news;
}

void tls_store_require_lists(struct tls_store *s)
{
	s->needs_lists = true;
}

static int add_list(X509_STORE *t, X509_CRL *crl)
{
	if (X509_STORE_add_crl(t, crl) != 1 ||
	    X509_STORE_set_flags(t, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) != 1)
		return ERR_NOMEM;
	return 0;
}

static int add_list_everywhere(struct tls_store *s, X509_CRL *crl)
{
	struct tls_anchor *a;
	int rc = add_list(s->trust, crl);

	for (size_t at = 0; rc == 0 && (a = map_next(&s->anchors, &at));)
		rc = add_list(a->only, crl);
	return rc;
}

int tls_store_add_revocation(struct tls_store *s, struct bytes pem)
{
	BIO *in = pem.n && pem.n < INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509_CRL *crl;
	int rc = 0;
	bool is_some = false;

	while (rc == 0 && in && (crl = PEM_read_bio_X509_CRL(in, NULL, no_passphrase, NULL))) {
		rc = add_list_everywhere(s, crl);
		X509_CRL_free(crl);
		is_some = true;
	}
	/* Anything but "no more PEM blocks" is a damaged block. */
	if (rc == 0 && (!is_some || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE))
		rc = ERR_SYNTAX;
	ERR_clear_error();
	BIO_free(in);
	return rc;
}
