#include "net/keyproxy_provider.h"

#include "base/err.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#define PROVIDER "gh-keys"
#define PROPERTIES "provider=gh-keys"
/* Parameters of ours in EVP_PKEY_fromdata: the key's name, and where to ask (a pointer's bytes). */
#define PARAM_NAME "gh-key-name"
#define PARAM_SIGNER "gh-key-signer"

/* ---- key management ---- */

struct remote_key {
	EVP_PKEY *pub; /* of the default provider: all public questions go there */
	struct keyproxy_signer *signer;
	char name[KEYPROXY_NAME_MAX + 1]; /* "": a public key only */
	const char *type;
};

static struct remote_key *key_new(const char *type)
{
	struct remote_key *k = calloc(1, sizeof *k);

	if (k)
		k->type = type;
	return k;
}

static void *rsa_new(void *provctx)
{
	(void)provctx;
	return key_new("RSA");
}

static void *ec_new(void *provctx)
{
	(void)provctx;
	return key_new("EC");
}

static void *ed25519_new(void *provctx)
{
	(void)provctx;
	return key_new("ED25519");
}

static void key_free(void *key)
{
	struct remote_key *k = key;

	if (k)
		EVP_PKEY_free(k->pub);
	free(k);
}

static int key_has(const void *key, int selection)
{
	const struct remote_key *k = key;

	if (!k || ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && !k->name[0]))
		return 0;
	return k->pub != NULL;
}

static int key_match(const void *a, const void *b, int selection)
{
	const struct remote_key *x = a, *y = b;

	(void)selection; /* equal public halves mean equal private ones */
	return x->pub && y->pub && EVP_PKEY_eq(x->pub, y->pub) == 1;
}

/* The public half becomes a key of the default provider, which checks it. */
static EVP_PKEY *public_of(const char *type, const OSSL_PARAM params[])
{
	EVP_PKEY *pub = NULL;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, "provider=default");

	if (c && EVP_PKEY_fromdata_init(c) == 1)
		(void)EVP_PKEY_fromdata(c, &pub, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params); /* pub stays NULL */
	EVP_PKEY_CTX_free(c);
	return pub;
}

static int key_import(void *key, int selection, const OSSL_PARAM params[])
{
	struct remote_key *k = key;
	const OSSL_PARAM *name = OSSL_PARAM_locate_const(params, PARAM_NAME);
	const OSSL_PARAM *signer = OSSL_PARAM_locate_const(params, PARAM_SIGNER);
	char *to = k->name;

	(void)selection;
	if (name && (name->data_size > KEYPROXY_NAME_MAX ||
	             OSSL_PARAM_get_utf8_string(name, &to, sizeof k->name) != 1))
		return 0;
	if (signer) {
		void *p = &k->signer;
		size_t n;
		if (OSSL_PARAM_get_octet_string(signer, &p, sizeof k->signer, &n) != 1 || n != sizeof k->signer)
			return 0;
	}
	EVP_PKEY_free(k->pub);
	k->pub = public_of(k->type, params);
	return k->pub != NULL;
}

/* Whoever wants the private half to sign elsewhere learns that it is not here, and comes to our own
 * signature then. */
static int key_export(void *key, int selection, OSSL_CALLBACK *cb, void *arg)
{
	struct remote_key *k = key;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && k->name[0])
		return 0;
	return EVP_PKEY_export(k->pub, EVP_PKEY_PUBLIC_KEY, cb, arg);
}

static const OSSL_PARAM *key_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(PARAM_NAME, NULL, 0),
		OSSL_PARAM_octet_string(PARAM_SIGNER, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
	struct remote_key *k = key;

	return EVP_PKEY_get_params(k->pub, params);
}

static const OSSL_PARAM *key_gettable(void *provctx)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provctx;
	return params;
}

static const char *rsa_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "RSA" : NULL;
}

static const char *ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

static const char *ed25519_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ED25519" : NULL;
}

#define FN(id, fn) { id, (void (*)(void))(fn) }
#define KEYMGMT(make, operation)                                                                   \
	{                                                                                          \
		FN(OSSL_FUNC_KEYMGMT_NEW, make), FN(OSSL_FUNC_KEYMGMT_FREE, key_free),             \
		FN(OSSL_FUNC_KEYMGMT_HAS, key_has), FN(OSSL_FUNC_KEYMGMT_MATCH, key_match),        \
		FN(OSSL_FUNC_KEYMGMT_IMPORT, key_import),                                          \
		FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types),                                     \
		FN(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                                          \
		FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_types),                                     \
		FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                                  \
		FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                               \
		FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation),                             \
		{ 0, NULL },                                                                       \
	}
static const OSSL_DISPATCH rsa_keymgmt[] = KEYMGMT(rsa_new, rsa_operation);
static const OSSL_DISPATCH ec_keymgmt[] = KEYMGMT(ec_new, ec_operation);
static const OSSL_DISPATCH ed25519_keymgmt[] = KEYMGMT(ed25519_new, ed25519_operation);

/* ---- signature: one whole message at a time, which is how TLS and X.509 sign ---- */

struct remote_sign {
	struct remote_key *key;
	const EVP_MD *md;
	int padding, salt_len;
};

static void *sign_new(void *provctx, const char *query)
{
	(void)provctx;
	(void)query;
	return calloc(1, sizeof(struct remote_sign));
}

/* OpenSSL sets the padding before or after init: names and numbers, as the caller likes. */
static int padding_of(const OSSL_PARAM *p, int *out)
{
	if (p->data_type == OSSL_PARAM_INTEGER)
		return OSSL_PARAM_get_int(p, out);
	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return 0;
	if (strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0)
		*out = RSA_PKCS1_PADDING;
	else if (strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0)
		*out = RSA_PKCS1_PSS_PADDING;
	else
		return 0;
	return 1;
}

static int salt_of(const OSSL_PARAM *p, int *out)
{
	if (p->data_type == OSSL_PARAM_INTEGER)
		return OSSL_PARAM_get_int(p, out);
	if (p->data_type != OSSL_PARAM_UTF8_STRING || strcmp(p->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) != 0)
		return 0;
	*out = RSA_PSS_SALTLEN_DIGEST;
	return 1;
}

static int sign_set_params(void *ctx, const OSSL_PARAM params[])
{
	struct remote_sign *s = ctx;
	const OSSL_PARAM *p;

	if (!params)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p && !padding_of(p, &s->padding))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	return !p || salt_of(p, &s->salt_len);
}

static const OSSL_PARAM *sign_settable(void *ctx, void *provctx)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)ctx;
	(void)provctx;
	return params;
}

static int sign_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct remote_sign *s = ctx;
	struct remote_key *k = key;

	if (!k || !k->name[0] || !k->signer)
		return 0;
	s->key = k;
	s->padding = strcmp(k->type, "RSA") == 0 ? RSA_PKCS1_PADDING : 0;
	s->salt_len = RSA_PSS_SALTLEN_DIGEST;
	s->md = digest && digest[0] ? EVP_get_digestbyname(digest) : NULL;
	if (!s->md && strcmp(k->type, "ED25519") != 0)
		return 0;
	return sign_set_params(s, params);
}

static int sign(void *ctx, uint8_t *out, size_t *out_n, size_t room, const uint8_t *in, size_t in_n)
{
	struct remote_sign *s = ctx;
	uint8_t digest[EVP_MAX_MD_SIZE], signature[KEYPROXY_SIGNATURE_MAX];
	unsigned digest_n = sizeof digest;
	size_t n = 0;
	struct keyproxy_request r = { .name = s->key->name, .digest = "", .padding = (uint8_t)s->padding,
		                      .data = bytes_make(in, in_n) };

	if (!out) {
		*out_n = (size_t)EVP_PKEY_get_size(s->key->pub);
		return 1;
	}
	if (s->md) {
		if (EVP_Digest(in, in_n, digest, &digest_n, s->md, NULL) != 1)
			return 0;
		r.digest = EVP_MD_get0_name(s->md);
		r.data = bytes_make(digest, digest_n);
		if (s->padding == RSA_PKCS1_PSS_PADDING)
			r.salt_len = (uint8_t)(s->salt_len >= 0 && s->salt_len < 256 ? s->salt_len : (int)digest_n);
	}
	if (s->key->signer->sign(s->key->signer, &r, signature, &n) || n == 0 || n > room)
		return 0;
	memcpy(out, signature, n);
	*out_n = n;
	return 1;
}

static const OSSL_DISPATCH signature[] = {
	FN(OSSL_FUNC_SIGNATURE_NEWCTX, sign_new),
	FN(OSSL_FUNC_SIGNATURE_FREECTX, free),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_init),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
	FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sign_set_params),
	FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sign_settable),
	{ 0, NULL },
};

/* ---- the provider ---- */

static const OSSL_ALGORITHM keymgmts[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, rsa_keymgmt, "RSA in gh-keys" },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, ec_keymgmt, "EC in gh-keys" },
	{ "ED25519:1.3.101.112", PROPERTIES, ed25519_keymgmt, "Ed25519 in gh-keys" },
	{ NULL, NULL, NULL, NULL },
};
static const OSSL_ALGORITHM signatures[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, signature, "RSA in gh-keys" },
	{ "ECDSA", PROPERTIES, signature, "ECDSA in gh-keys" },
	{ "ED25519:1.3.101.112", PROPERTIES, signature, "Ed25519 in gh-keys" },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keymgmts;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static const OSSL_DISPATCH provider[] = {
	FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
	{ 0, NULL },
};

static int provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **provctx)
{
	(void)in;
	*out = provider;
	*provctx = (void *)core;
	return 1;
}

int keyproxy_provider_load(OSSL_PROVIDER **out)
{
	if (!OSSL_PROVIDER_available(NULL, PROVIDER) &&
	    OSSL_PROVIDER_add_builtin(NULL, PROVIDER, provider_init) != 1)
		return ERR_TLS;
	/* With the fall-backs kept, the default provider still comes by itself. */
	OSSL_PROVIDER *p = OSSL_PROVIDER_try_load(NULL, PROVIDER, 1);
	if (!p || EVP_set_default_properties(NULL, "?provider=default") != 1) {
		keyproxy_provider_unload(p);
		return ERR_TLS;
	}
	*out = p;
	return 0;
}

void keyproxy_provider_unload(OSSL_PROVIDER *p)
{
	if (p)
		(void)OSSL_PROVIDER_unload(p); /* only an unknown p fails */
}

/* Our two parameters and the public ones in one list. */
static OSSL_PARAM *key_params(struct keyproxy_signer **s, struct bytes name, EVP_PKEY *pub)
{
	OSSL_PARAM *all = NULL, *theirs = NULL;
	OSSL_PARAM ours[] = {
		OSSL_PARAM_construct_utf8_string(PARAM_NAME, (char *)name.p, name.n),
		OSSL_PARAM_construct_octet_string(PARAM_SIGNER, s, sizeof *s),
		OSSL_PARAM_construct_end(),
	};

	if (EVP_PKEY_todata(pub, EVP_PKEY_PUBLIC_KEY, &theirs) == 1)
		all = OSSL_PARAM_merge(ours, theirs);
	if (all) {
		OSSL_PARAM *copy = OSSL_PARAM_dup(all);
		OPENSSL_free(all);
		all = copy;
	}
	OSSL_PARAM_free(theirs);
	return all;
}

EVP_PKEY *keyproxy_provider_key(struct keyproxy_signer *s, struct bytes name, EVP_PKEY *pub)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *c = NULL;
	OSSL_PARAM *params = NULL;
	const char *type = EVP_PKEY_get0_type_name(pub);

	if (!type || name.n == 0 || name.n > KEYPROXY_NAME_MAX || !(params = key_params(&s, name, pub)))
		goto out;
	c = EVP_PKEY_CTX_new_from_name(NULL, type, PROPERTIES);
	if (c && EVP_PKEY_fromdata_init(c) == 1)
		(void)EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, params); /* key stays NULL */
out:
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(params);
	return key;
}
