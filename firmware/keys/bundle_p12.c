/* PKCS#12 (RFC 7292), bag by bag: OpenSSL's own reader of whole files counts no iterations. */
#include "bundle.h"

#include "base/err.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>

static int spend(struct bundle *b, uint64_t n)
{
	if (n > BUNDLE_ITERATIONS_MAX || b->iterations + n > BUNDLE_ITERATIONS_MAX)
		return bundle_fail(b, ERR_LIMIT, "its password function would take too long: encrypt it with fewer iterations");
	b->iterations += n;
	return 0;
}

/* A negative number or none costs too much. */
static uint64_t count_of(const ASN1_INTEGER *i)
{
	uint64_t n;

	return i && ASN1_INTEGER_get_uint64(&n, i) ? n : UINT64_MAX;
}

static uint64_t scrypt_cost(const SCRYPT_PARAMS *s)
{
	uint64_t n = count_of(s->costParameter), r = count_of(s->blockSize), p = count_of(s->parallelizationParameter);

	return n > 1 << 20 || r > 64 || p > 64 ? UINT64_MAX : n * r * p;
}

static int spend_pbes2(struct bundle *b, const X509_ALGOR *alg)
{
	PBE2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), alg->parameter);
	int kdf = p ? OBJ_obj2nid(p->keyfunc->algorithm) : NID_undef;
	uint64_t cost = UINT64_MAX;

	if (kdf == NID_id_pbkdf2) {
		PBKDF2PARAM *k = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), p->keyfunc->parameter);
		cost = k ? count_of(k->iter) : UINT64_MAX;
		PBKDF2PARAM_free(k);
	} else if (kdf == NID_id_scrypt) {
		SCRYPT_PARAMS *s = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), p->keyfunc->parameter);
		cost = s ? scrypt_cost(s) : UINT64_MAX;
		SCRYPT_PARAMS_free(s);
	}
	PBE2PARAM_free(p);
	return spend(b, cost);
}

int bundle_spend(struct bundle *b, const X509_ALGOR *alg)
{
	if (OBJ_obj2nid(alg->algorithm) == NID_pbes2)
		return spend_pbes2(b, alg);
	PBEPARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), alg->parameter);
	uint64_t cost = p ? count_of(p->iter) : UINT64_MAX;
	PBEPARAM_free(p);
	return spend(b, cost);
}

static int add_shrouded(struct bundle *b, PKCS12_SAFEBAG *bag, struct bytes password)
{
	const X509_ALGOR *alg;

	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &alg, NULL);
	int rc = bundle_spend(b, alg);
	if (rc)
		return rc;
	PKCS8_PRIV_KEY_INFO *plain = PKCS12_decrypt_skey(bag, (const char *)password.p, (int)password.n);
	if (!plain)
		return bundle_fail(b, ERR_UNSUPPORTED, "the private key in it cannot be decrypted: export it with AES");
	rc = bundle_take_key(b, EVP_PKCS82PKEY(plain));
	PKCS8_PRIV_KEY_INFO_free(plain);
	return rc;
}

static int add_bag(struct bundle *b, PKCS12_SAFEBAG *bag, struct bytes password)
{
	switch (PKCS12_SAFEBAG_get_nid(bag)) {
	case NID_keyBag:
		return bundle_take_key(b, EVP_PKCS82PKEY(PKCS12_SAFEBAG_get0_p8inf(bag)));
	case NID_pkcs8ShroudedKeyBag:
		return add_shrouded(b, bag, password);
	case NID_certBag:
		return PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate ? bundle_take_cert(b, PKCS12_SAFEBAG_get1_cert(bag)) : 0;
	}
	return 0; /* secrets and lists are not what is asked for */
}

/* One safe; the caller frees what comes. */
static int open_safe(struct bundle *b, PKCS7 *safe, struct bytes password, STACK_OF(PKCS12_SAFEBAG) **bags)
{
	int nid = OBJ_obj2nid(safe->type), rc = 0;

	if (nid == NID_pkcs7_data) {
		*bags = PKCS12_unpack_p7data(safe);
	} else if (nid == NID_pkcs7_encrypted && safe->d.encrypted && safe->d.encrypted->enc_data && safe->d.encrypted->enc_data->algorithm) {
		rc = bundle_spend(b, safe->d.encrypted->enc_data->algorithm);
		if (!rc)
			*bags = PKCS12_unpack_p7encdata(safe, (const char *)password.p, (int)password.n);
	}
	if (!rc && !*bags)
		rc = bundle_fail(b, ERR_UNSUPPORTED, "a part of the PKCS#12 file cannot be decrypted: export it with AES");
	return rc;
}

static int add_safe(struct bundle *b, PKCS7 *safe, struct bytes password)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	int rc = open_safe(b, safe, password, &bags);

	if (!rc && sk_PKCS12_SAFEBAG_num(bags) > BUNDLE_BLOCKS_MAX)
		rc = bundle_fail(b, ERR_LIMIT, "more than 64 parts in one file");
	for (int i = 0; !rc && i < sk_PKCS12_SAFEBAG_num(bags); i++)
		rc = add_bag(b, sk_PKCS12_SAFEBAG_value(bags, i), password);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return rc;
}

/* An empty password is one, too: it is tried before anybody is asked. */
static int check_mac(struct bundle *b, PKCS12 *p12, struct bytes password)
{
	const ASN1_INTEGER *iterations = NULL;

	if (!PKCS12_mac_present(p12))
		return bundle_fail(b, ERR_UNSUPPORTED, "a PKCS#12 file that no password protects is not taken");
	PKCS12_get0_mac(NULL, NULL, NULL, &iterations, p12);
	int rc = spend(b, iterations ? count_of(iterations) : 1);
	if (rc)
		return rc;
	if (PKCS12_verify_mac(p12, (const char *)password.p, (int)password.n))
		return 0;
	ERR_clear_error();
	b->wants_password = true;
	return bundle_fail(b, ERR_AUTH, password.n ? "the password does not open it" : "it is encrypted: give its password");
}

int bundle_add_p12(struct bundle *b, PKCS12 *p12, struct bytes password)
{
	struct bytes word = password.n ? password : BYTES("");
	int rc = check_mac(b, p12, word);
	STACK_OF(PKCS7) *safes = rc ? NULL : PKCS12_unpack_authsafes(p12);

	if (!rc && !safes)
		rc = bundle_fail(b, ERR_SYNTAX, "the PKCS#12 file cannot be read");
	if (!rc && sk_PKCS7_num(safes) > BUNDLE_BLOCKS_MAX)
		rc = bundle_fail(b, ERR_LIMIT, "more than 64 parts in one file");
	for (int i = 0; !rc && i < sk_PKCS7_num(safes); i++)
		rc = add_safe(b, sk_PKCS7_value(safes, i), word);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return rc;
}
