#include "backup_crypt.h"

#include "base/err.h"

#include <openssl/sha.h>

enum { NONCE_BYTES = 12, SCRYPT_MEMORY = 160 << 20, SIGNED_MAX = 64 + BACKUP_HEAD_MAX };

int backup_derive(const struct backup_head *h, struct bytes password, uint8_t key[static BACKUP_KEY_BYTES],
                  uint8_t check[static BACKUP_CHECK_BYTES])
{
	uint8_t both[BACKUP_KEY_BYTES + BACKUP_CHECK_BYTES];

	if (!EVP_PBE_scrypt((const char *)password.p, password.n, h->salt, sizeof h->salt, 1ull << h->log2n, h->r, h->p, SCRYPT_MEMORY,
	                    both, sizeof both))
		return ERR_NOMEM;
	memcpy(key, both, BACKUP_KEY_BYTES);
	memcpy(check, both + BACKUP_KEY_BYTES, BACKUP_CHECK_BYTES);
	OPENSSL_cleanse(both, sizeof both);
	return 0;
}

static void nonce_of(const struct backup_place *at, uint8_t out[static NONCE_BYTES])
{
	memset(out, 0, NONCE_BYTES);
	out[0] = at->is_last;
	for (unsigned i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(at->number >> (56 - 8 * i));
}

int backup_seal(const struct backup_place *at, struct bytes plain, struct buf *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t nonce[NONCE_BYTES], *to = buf_reserve(out, plain.n + BACKUP_TAG_BYTES);
	int n = 0, end = 0;

	nonce_of(at, nonce);
	bool is_done = c && to && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, at->key, nonce) &&
	               EVP_EncryptUpdate(c, NULL, &n, at->head_hash, SHA256_DIGEST_LENGTH) &&
	               EVP_EncryptUpdate(c, to, &n, plain.p, (int)plain.n) && EVP_EncryptFinal_ex(c, to + n, &end) &&
	               EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, BACKUP_TAG_BYTES, to + plain.n);
	EVP_CIPHER_CTX_free(c);
	if (!is_done)
		return ERR_SYS;
	buf_commit(out, plain.n + BACKUP_TAG_BYTES);
	return 0;
}

int backup_unseal(const struct backup_place *at, struct bytes sealed, uint8_t *plain)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t nonce[NONCE_BYTES];
	size_t body = sealed.n - BACKUP_TAG_BYTES;
	int n = 0, end = 0;

	nonce_of(at, nonce);
	bool is_good = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, at->key, nonce) &&
	               EVP_DecryptUpdate(c, NULL, &n, at->head_hash, SHA256_DIGEST_LENGTH) &&
	               EVP_DecryptUpdate(c, plain, &n, sealed.p, (int)body) &&
	               EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, BACKUP_TAG_BYTES, (void *)(uintptr_t)(sealed.p + body)) &&
	               EVP_DecryptFinal_ex(c, plain + n, &end) > 0;
	EVP_CIPHER_CTX_free(c);
	return is_good ? 0 : ERR_CHECKSUM;
}

/* A signature says what it is for, so that one of the head is none of the end. */
static size_t put_purpose(const char *purpose, struct bytes data, uint8_t out[static SIGNED_MAX])
{
	size_t n = strlen(purpose) + 1;

	if (n + data.n > SIGNED_MAX)
		return 0;
	memcpy(out, purpose, n);
	memcpy(out + n, data.p, data.n);
	return n + data.n;
}

int backup_sign(EVP_PKEY *identity, const char *purpose, struct bytes data, uint8_t out[static BACKUP_SIGNATURE_BYTES])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t text[SIGNED_MAX];
	size_t n = put_purpose(purpose, data, text), n_out = BACKUP_SIGNATURE_BYTES;
	bool is_done = ctx && n && EVP_DigestSignInit(ctx, NULL, NULL, NULL, identity) > 0 && EVP_DigestSign(ctx, out, &n_out, text, n) > 0;

	EVP_MD_CTX_free(ctx);
	return is_done && n_out == BACKUP_SIGNATURE_BYTES ? 0 : ERR_SYS;
}

bool backup_verify(const uint8_t public_key[static PUBLIC_KEY_BYTES], const char *purpose, struct bytes data, struct bytes signature)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, PUBLIC_KEY_BYTES);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t text[SIGNED_MAX];
	size_t n = put_purpose(purpose, data, text);
	bool is_good = key && ctx && n && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) > 0 &&
	               EVP_DigestVerify(ctx, signature.p, signature.n, text, n) > 0;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return is_good;
}
