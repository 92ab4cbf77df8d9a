/* Rules about the identity provider of XMPP clients (OAUTHBEARER). */
#include "check_impl.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

enum { KEYS_MAX = 8, RSA_BITS_MIN = 2048 }; /* what gh-im takes (core/im/auth/jwt.h) */

static const char *trouble_of(const EVP_PKEY *key)
{
	char group[32];
	size_t n;

	if (!key)
		return "a public key cannot be read";
	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) < RSA_BITS_MIN ? "an RSA key is shorter than 2048 bits" : NULL;
	if (EVP_PKEY_is_a(key, "ED25519"))
		return NULL;
	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 && strcmp(group, "prime256v1") == 0)
		return NULL;
	return "a public key is neither RSA, P-256 nor Ed25519";
}

static const char *trouble_in(struct bytes pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	const char *text = NULL;

	for (unsigned n = 0; in && !text && BIO_ctrl_pending(in); n++) {
		EVP_PKEY *key = PEM_read_bio_PUBKEY(in, NULL, NULL, NULL);
		text = n == KEYS_MAX ? "more than 8 public keys" : trouble_of(key);
		EVP_PKEY_free(key);
	}
	BIO_free(in);
	return text;
}

void check_oauth(const struct rows *r, struct check *c)
{
	static const enum setting all[] = { SET_IM_OAUTH_ISSUER, SET_IM_OAUTH_AUDIENCE, SET_IM_OAUTH_KEY };
	struct bytes pem = rows_value(r, SET_IM_OAUTH_KEY, BYTES_NONE);
	const char *text = pem.n ? trouble_in(pem) : NULL;
	unsigned n = 0;

	if (text)
		check_add(c, true, BYTES("im oauth-key"), text);
	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
		n += check_is_set(r, all[i], BYTES_NONE);
	for (unsigned i = 0; n && i < sizeof all / sizeof all[0]; i++)
		if (!check_is_set(r, all[i], BYTES_NONE))
			check_add(c, false, bytes_of(setting_row(all[i])->path), "not set: OAUTHBEARER needs im oauth-issuer, im oauth-audience and im oauth-key");
}
