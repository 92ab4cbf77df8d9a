#include "token.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"

#include <openssl/evp.h>

/* nonce | AES-256-GCM(number, mark), with the kind beside it as associated data | tag */
enum { NONCE = 12, CLEAR = 16, TAG = 16, SEALED = NONCE + CLEAR + TAG };
_Static_assert(2 * SEALED == TOKEN_CHARS, "hex");

static void put_u64(uint8_t *out, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		out[i] = (uint8_t)v;
}

static uint64_t get_u64(const uint8_t *in)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | in[i];
	return v;
}

int token_seal(const uint8_t key[static TOKEN_KEY_BYTES], enum token_kind kind, const struct token *t, char out[static TOKEN_CHARS + 1])
{
	uint8_t clear[CLEAR], sealed[SEALED], label = (uint8_t)kind;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	put_u64(clear, t->number);
	put_u64(clear + 8, t->mark);
	random_bytes(sealed, NONCE);
	bool is_done = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
	               EVP_EncryptUpdate(c, NULL, &n, &label, 1) == 1 && EVP_EncryptUpdate(c, sealed + NONCE, &n, clear, CLEAR) == 1 &&
	               EVP_EncryptFinal_ex(c, sealed + NONCE + CLEAR, &n) == 1 &&
	               EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, sealed + NONCE + CLEAR) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!is_done)
		return ERR_NOMEM;
	text_hex(bytes_make(sealed, SEALED), out);
	return 0;
}

/* Text that is not ours to the letter is none of ours, even if it means the same. */
static bool is_lower(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] >= 'A' && text.p[i] <= 'Z')
			return false;
	return true;
}

int token_open(const uint8_t key[static TOKEN_KEY_BYTES], enum token_kind kind, struct bytes text, struct token *out)
{
	uint8_t clear[CLEAR], sealed[SEALED], label = (uint8_t)kind;
	int n;

	if (text.n != TOKEN_CHARS || !is_lower(text) || text_unhex(text, sealed, SEALED))
		return ERR_AUTH;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	if (!c)
		return ERR_NOMEM;
	bool is_right = EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
	                EVP_DecryptUpdate(c, NULL, &n, &label, 1) == 1 &&
	                EVP_DecryptUpdate(c, clear, &n, sealed + NONCE, CLEAR) == 1 &&
	                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, sealed + NONCE + CLEAR) == 1 &&
	                EVP_DecryptFinal_ex(c, clear + CLEAR, &n) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!is_right)
		return ERR_AUTH;
	*out = (struct token){ .number = get_u64(clear), .mark = get_u64(clear + 8) };
	return 0;
}
