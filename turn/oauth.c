#include "oauth.h"

#include <openssl/evp.h>

#include "base/err.h"
#include "base/text.h"
#include "base/wire.h"

enum { IV_BYTES = 12, TAG_BYTES = 16, PLAIN_REST = 8 + 4 };

int oauth_key_read(struct bytes kid, struct bytes base64, struct oauth_key *out)
{
	struct oauth_key k = { .kid_n = (uint8_t)kid.n };
	struct buf b;
	int rc = kid.n == 0 || kid.n > OAUTH_KID_MAX ? ERR_LIMIT : 0;

	buf_init(&b, sizeof k.key);
	if (rc == 0)
		rc = text_unbase64(base64, &b);
	k.key_n = (uint8_t)buf_len(&b);
	if (rc == 0 && k.key_n != 16 && k.key_n != 32)
		rc = ERR_SYNTAX;
	if (rc == 0) {
		memcpy(k.kid, kid.p, kid.n);
		memcpy(k.key, buf_bytes(&b).p, k.key_n);
		*out = k;
	}
	buf_fini(&b);
	return rc;
}

bool oauth_key_is(const struct oauth_key *k, struct bytes kid)
{
	return bytes_eq(bytes_make(k->kid, k->kid_n), kid);
}

static int decrypt(const struct oauth_key *k, struct bytes iv, struct bytes aad, struct bytes sealed, uint8_t *plain)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	size_t n = sealed.n - TAG_BYTES;
	uint8_t tag[TAG_BYTES];
	int got;

	memcpy(tag, sealed.p + n, TAG_BYTES);
	bool is_right = c && EVP_DecryptInit_ex(c, k->key_n == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, NULL, NULL) == 1 &&
	                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, IV_BYTES, NULL) == 1 &&
	                EVP_DecryptInit_ex(c, NULL, NULL, k->key, iv.p) == 1 &&
	                EVP_DecryptUpdate(c, NULL, &got, aad.p, (int)aad.n) == 1 &&
	                EVP_DecryptUpdate(c, plain, &got, sealed.p, (int)n) == 1 &&
	                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
	                EVP_DecryptFinal_ex(c, plain + got, &got) == 1;
	EVP_CIPHER_CTX_free(c);
	return is_right ? 0 : ERR_AUTH;
}

static int read_plain(struct bytes plain, struct oauth_token *out)
{
	struct wire w = wire_of(plain);
	struct bytes key = wire_str(&w);
	uint64_t stamp = wire_u64(&w);
	uint32_t lifetime_s = wire_u32(&w);

	if (wire_end(&w) < 0 || key.n == 0 || key.n > sizeof out->mac_key)
		return ERR_AUTH;
	memcpy(out->mac_key, key.p, key.n);
	out->mac_key_n = (uint8_t)key.n;
	out->made_s = stamp >> 16;
	out->lifetime_s = lifetime_s;
	return 0;
}

int oauth_open(const struct oauth_key *k, struct bytes server, struct bytes token, struct oauth_token *out)
{
	uint8_t plain[OAUTH_TOKEN_MAX];

	if (token.n > OAUTH_TOKEN_MAX)
		return ERR_AUTH;
	struct wire w = wire_of(token);
	struct bytes iv = wire_str(&w);
	struct bytes sealed = wire_raw(&w, wire_left(&w));
	if (wire_end(&w) < 0 || iv.n != IV_BYTES || sealed.n < TAG_BYTES + 2 + PLAIN_REST)
		return ERR_AUTH;
	int rc = decrypt(k, iv, server, sealed, plain);
	if (rc == 0)
		rc = read_plain(bytes_make(plain, sealed.n - TAG_BYTES), out);
	return rc;
}
