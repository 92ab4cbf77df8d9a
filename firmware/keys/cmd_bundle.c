/* What operators give: certificates and keys in files (certificate import, inspect, match, verify). */
#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "bundle.h"
#include "net/certname.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

enum { NAME_BYTES = 256 };

/* ---- reading files ---- */

static int add_all(struct bundle *b, const struct bytes *files, size_t n, struct bytes password)
{
	int rc = n ? 0 : bundle_fail(b, ERR_SYNTAX, "wants a file");

	if (n > BUNDLE_FILES_MAX)
		rc = bundle_fail(b, ERR_LIMIT, "more than 8 files");
	for (size_t i = 0; !rc && i < n; i++)
		rc = bundle_add(b, files[i], password);
	return rc;
}

/* Could it be a password? What is known as a file is none. */
static bool may_be_password(struct bytes in)
{
	struct bundle b = { 0 };

	if (in.n > BUNDLE_PASSWORD_MAX_BYTES)
		return false;
	bool may_be = bundle_add(&b, in, BYTES_NONE) == ERR_SYNTAX;
	bundle_fini(&b);
	return may_be;
}

/* Files, and behind them, when one of them is encrypted, its password. ERR_AUTH: a password is wanted; ERR_DENIED: it is wrong. */
static int read_files(struct bundle *b, const struct bytes *files, size_t n)
{
	int rc = add_all(b, files, n, BYTES_NONE);

	if (rc != ERR_AUTH || n < 2 || !may_be_password(files[n - 1]))
		return rc;
	bundle_fini(b);
	rc = add_all(b, files, n - 1, files[n - 1]);
	return rc == ERR_AUTH ? ERR_DENIED : rc;
}

/* ---- telling ---- */

static int64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

static void put_time(struct proc_ask *ask, const char *key, const ASN1_TIME *t)
{
	char text[TEXT_TIME_BYTES];

	text_time((uint64_t)(seconds_of(t) < 0 ? 0 : seconds_of(t)) * 1000, false, text);
	proc_record_str(ask, key, text);
}

static void note(struct proc_ask *ask, const char *text)
{
	proc_record_begin(ask);
	proc_record_str(ask, "note", text);
	proc_record_end(ask);
}

static void note_name(struct proc_ask *ask, X509_NAME *who, const char *what)
{
	char name[NAME_BYTES], text[NAME_BYTES + 160];

	bundle_put_name(who, name, sizeof name);
	snprintf(text, sizeof text, "%s%s", name, what);
	note(ask, text);
}

static void note_times(struct proc_ask *ask, X509 *cert, int64_t wall_s)
{
	X509_NAME *name = X509_get_subject_name(cert);

	if (seconds_of(X509_get0_notAfter(cert)) < wall_s)
		note_name(ask, name, ": the certificate has expired");
	else if (seconds_of(X509_get0_notBefore(cert)) > wall_s)
		note_name(ask, name, ": the certificate is not valid yet");
}

/* What a person should know, although it is no reason to refuse. */
static void note_chain(struct proc_ask *ask, const struct bundle *b, int64_t wall_s)
{
	X509 *last = b->certs[b->n_chain - 1];

	for (size_t i = 0; i < b->n_chain; i++)
		note_times(ask, b->certs[i], wall_s);
	for (size_t i = b->n_chain; i < b->n_certs; i++)
		note_name(ask, X509_get_subject_name(b->certs[i]), ": not part of the chain, left out");
	if (!bundle_is_self_signed(last) && b->n_chain == 1)
		note_name(ask, X509_get_issuer_name(last), ": the issuer's certificate is not in the files; partners may need it");
}

static void put_names(struct proc_ask *ask, X509 *cert)
{
	const char *kind;
	char name[256];
	struct buf names;
	size_t at = 0;

	buf_init(&names, 16 << 10);
	while (certname_next(cert, &at, &kind, name))
		buf_putf(&names, "%s%s:%s", buf_len(&names) ? " " : "", kind, name);
	proc_record_text(ask, "names", buf_bytes(&names));
	buf_fini(&names);
}

static void put_digest(struct proc_ask *ask, X509 *cert)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char text[65] = "";

	if (X509_digest(cert, EVP_sha256(), digest, &n) && n == 32)
		text_hex(bytes_make(digest, n), text);
	proc_record_str(ask, "sha256", text);
}

static void put_cert(struct proc_ask *ask, X509 *cert, const char *part, int64_t wall_s)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	char text[NAME_BYTES + 160];

	proc_record_begin(ask);
	proc_record_str(ask, "part", part);
	bundle_put_name(X509_get_subject_name(cert), text, sizeof text);
	proc_record_str(ask, "subject", text);
	bundle_put_name(X509_get_issuer_name(cert), text, sizeof text);
	proc_record_str(ask, "issuer", text);
	put_names(ask, cert);
	put_time(ask, "from", X509_get0_notBefore(cert));
	put_time(ask, "until", X509_get0_notAfter(cert));
	int64_t left_s = seconds_of(X509_get0_notAfter(cert)) - wall_s;
	proc_record_int(ask, "days", left_s >= 0 ? left_s / 86400 : -1 - (-left_s - 1) / 86400);
	proc_record_str(ask, "key", key ? key_kind(key) : "unreadable");
	proc_record_str(ask, "signature", OBJ_nid2sn(X509_get_signature_nid(cert)));
	put_digest(ask, cert);
	proc_record_str(ask, "weak", bundle_weakness(cert, text, sizeof text) ? text : "");
	proc_record_end(ask);
}

static int64_t wall_of(const struct keys *k)
{
	return (int64_t)(loop_wall_ms(proc_loop(k->proc)) / 1000);
}

/* ---- certificate import: name, chain that runs, chain of the candidate, files ---- */

/* The key in a PEM chain's first certificate; the caller's. */
static EVP_PKEY *key_of_chain(struct bytes pem)
{
	BIO *in = pem.n && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *cert = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = cert ? X509_get_pubkey(cert) : NULL;

	X509_free(cert);
	BIO_free(in);
	ERR_clear_error();
	return key;
}

/* May the file's key stand beside that chain? An empty one says nothing. */
static bool is_key_of(EVP_PKEY *key, struct bytes chain)
{
	EVP_PKEY *public = key_of_chain(chain);
	bool is_it = !public || EVP_PKEY_eq(public, key) == 1;

	EVP_PKEY_free(public);
	ERR_clear_error();
	return is_it;
}

static int check_weakness(struct bundle *b)
{
	const char *weak = b->key ? bundle_key_weakness(b->key) : NULL;
	char why[sizeof b->why];

	if (weak)
		return bundle_fail(b, ERR_UNSUPPORTED, weak);
	for (size_t i = 0; i < b->n_chain; i++) {
		if (bundle_weakness(b->certs[i], why, sizeof why))
			return bundle_fail(b, ERR_UNSUPPORTED, why);
	}
	return 0;
}

/* Is all of it good to be kept? Nothing has changed until then. */
static int check_import(struct keys *k, struct bundle *b, const struct bytes *args)
{
	EVP_PKEY *kept = vault_get(&k->vault, args[0]);
	EVP_PKEY *key = b->key ? b->key : kept;
	char why[sizeof b->why];

	if (b->key && args[1].n && !is_key_of(b->key, args[1]))
		return bundle_fail(b, ERR_EXISTS, "in use");
	if (b->n_certs == 0 && !is_key_of(b->key, args[2]))
		return bundle_fail(b, ERR_DENIED, "the private key belongs to another certificate: give both in one command");
	int rc = b->n_certs ? bundle_sort(b, key, wall_of(k)) : 0;
	if (rc == ERR_DENIED && !b->key) {
		snprintf(why, sizeof why, "the private key %.*s belongs to another certificate: import both under a new name", BYTES_FMT(args[0]));
		b->why[0] = 0;
		return bundle_fail(b, rc, why);
	}
	return rc ? rc : check_weakness(b);
}

/* Certificates first: they are only words until the key is on the disk. */
static int answer_import(struct keys *k, struct proc_ask *ask, struct bundle *b, struct bytes name)
{
	struct buf pem;
	int rc = 0;

	buf_init(&pem, 1 << 20);
	if (b->n_chain)
		rc = bundle_put_chain(b, &pem);
	if (!rc && b->key) {
		rc = vault_put(&k->vault, name, b->key);
		if (!rc) {
			log_info("keys.imported", LOG_BYTES("key", name), LOG_STR("kind", key_kind(b->key)));
			b->key = NULL; /* the vault's now */
		}
	}
	if (!rc && b->n_chain) {
		note_chain(ask, b, wall_of(k));
		proc_record_begin(ask);
		proc_record_text(ask, "pem", buf_bytes(&pem));
		proc_record_end(ask);
	}
	buf_fini(&pem);
	return rc ? bundle_fail(b, rc, rc == ERR_SYNTAX ? "a key's name has letters a-z, digits, '.' and '-'" : err_text(rc)) : 0;
}

void cmd_bundle_import(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct keys *k = program;
	struct bundle b = { 0 };
	int rc = n < 4 ? bundle_fail(&b, ERR_SYNTAX, "wants a name and a file") : read_files(&b, args + 3, n - 3);

	if (!rc)
		rc = check_import(k, &b, args);
	bool has_key = b.key != NULL;
	if (!rc)
		rc = answer_import(k, ask, &b, args[0]);
	const char *done = has_key ? "key imported" : vault_get(&k->vault, n ? args[0] : BYTES_NONE) ? "" : "its private key is not here yet";
	proc_done(ask, rc, rc ? b.why : done);
	bundle_fini(&b);
}

/* ---- certificate inspect: files ---- */

static const char *part_of(const struct bundle *b, size_t i)
{
	if (i == 0)
		return "certificate";
	if (i >= b->n_chain)
		return "not of the chain";
	return bundle_is_self_signed(b->certs[i]) ? "root" : "issuer";
}

void cmd_bundle_inspect(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct bundle b = { 0 };
	int64_t wall_s = wall_of(program);
	int rc = read_files(&b, args, n);

	/* Several chains, or another's key: then there is no order, and all are shown all the same. */
	bool is_sorted = !rc && b.n_certs && bundle_sort(&b, NULL, wall_s) == 0;
	for (size_t i = 0; !rc && i < b.n_certs; i++)
		put_cert(ask, b.certs[i], is_sorted ? part_of(&b, i) : "certificate", wall_s);
	if (!rc && b.key) {
		const char *weak = bundle_key_weakness(b.key);
		char pin[65];
		key_pin(b.key, pin);
		proc_record_begin(ask);
		proc_record_str(ask, "part", "private key");
		proc_record_str(ask, "key", key_kind(b.key));
		proc_record_str(ask, "pin", pin);
		proc_record_str(ask, "weak", weak ? weak : "");
		proc_record_end(ask);
	}
	proc_done(ask, rc, rc ? b.why : "");
	bundle_fini(&b);
}

/* ---- certificate match: name of a key or "", files ---- */

void cmd_bundle_match(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct keys *k = program;
	struct bundle b = { 0 };
	EVP_PKEY *key = n ? vault_get(&k->vault, args[0]) : NULL;
	int rc = n < 2 ? bundle_fail(&b, ERR_SYNTAX, "wants a name and a file") : read_files(&b, args + 1, n - 1);

	if (!rc && !key && !b.key)
		rc = bundle_fail(&b, ERR_NOT_FOUND, "there is no private key of this name, and none in the files");
	if (!rc)
		rc = bundle_sort(&b, b.key ? b.key : key, wall_of(k));
	proc_done(ask, rc, rc ? b.why : "the private key belongs to the certificate");
	bundle_fini(&b);
}

/* ---- certificate verify: trust anchors as PEM, files ---- */

static int verify_at(struct bundle *b, X509_STORE *store, STACK_OF(X509) *others, int64_t wall_s)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int rc = ctx && X509_STORE_CTX_init(ctx, store, b->certs[0], others) ? 0 : ERR_NOMEM;

	if (!rc) {
		X509_STORE_CTX_set_time(ctx, 0, (time_t)wall_s);
		X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx), 2);
		if (X509_verify_cert(ctx) != 1)
			rc = bundle_fail(b, ERR_CERT_OTHER, X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return rc;
}

/* Anchors are settings: as many as they hold, where a bundle of files has its limits. */
static int add_anchors(struct bundle *b, X509_STORE *store, struct bytes pem)
{
	BIO *in = pem.n && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *x;
	int rc = in || !pem.n ? 0 : ERR_NOMEM;

	while (!rc && in && (x = PEM_read_bio_X509(in, NULL, NULL, (void *)""))) {
		rc = X509_STORE_add_cert(store, x) ? 0 : ERR_NOMEM;
		X509_free(x);
	}
	if (!rc && in && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		rc = bundle_fail(b, ERR_SYNTAX, "a trust anchor cannot be read");
	ERR_clear_error();
	BIO_free(in);
	return rc;
}

/* Roots of the files count as trusted when no anchor is set for it: the answer says so. */
static int verify(struct bundle *b, struct bytes anchors, int64_t wall_s, bool *is_own_root)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	int rc = store && others ? 0 : ERR_NOMEM;
	X509 *last = b->certs[b->n_chain - 1];

	if (!rc)
		rc = add_anchors(b, store, anchors);
	for (size_t i = 1; !rc && i < b->n_certs; i++)
		rc = sk_X509_push(others, b->certs[i]) ? 0 : ERR_NOMEM;
	if (!rc)
		rc = verify_at(b, store, others, wall_s);
	*is_own_root = rc == ERR_CERT_OTHER && bundle_is_self_signed(last);
	if (*is_own_root) {
		b->why[0] = 0;
		rc = X509_STORE_add_cert(store, last) ? verify_at(b, store, others, wall_s) : ERR_NOMEM;
	}
	sk_X509_free(others);
	X509_STORE_free(store);
	return rc;
}

void cmd_bundle_verify(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct bundle b = { 0 };
	int64_t wall_s = wall_of(program);
	int rc = n < 2 ? bundle_fail(&b, ERR_SYNTAX, "wants a file") : read_files(&b, args + 1, n - 1);
	bool is_own_root = false;

	if (!rc)
		rc = bundle_sort(&b, NULL, wall_s);
	if (!rc)
		rc = verify(&b, args[0], wall_s, &is_own_root);
	if (!rc)
		note_chain(ask, &b, wall_s);
	proc_done(ask, rc, rc ? b.why : is_own_root ? "the chain is good up to the root in the files, which is no trust anchor here" :
	          "the chain is good up to a trust anchor");
	bundle_fini(&b);
}
