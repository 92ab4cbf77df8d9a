/* Tokens of an identity provider: behind an "s" the payload of a token that is signed here; anything else is a stranger's whole token,
 * which must never be believed. */
#include <stdlib.h>
#include <string.h>

#include "auth/jwt.h"
#include "base/buf.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;

static void put_part(struct bytes in, struct buf *out)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	text_base64(in, &b);
	struct bytes v = buf_bytes(&b);
	for (size_t i = 0; i < v.n && v.p[i] != '='; i++)
		buf_put_u8(out, v.p[i] == '+' ? '-' : v.p[i] == '/' ? '_' : v.p[i]);
	buf_fini(&b);
}

static void sign(struct bytes payload, struct buf *out)
{
	uint8_t signature[64];
	size_t n = sizeof signature;
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	put_part(BYTES("{\"alg\":\"EdDSA\"}"), out);
	buf_put_u8(out, '.');
	put_part(payload, out);
	if (!c || EVP_DigestSignInit(c, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(c, signature, &n, buf_bytes(out).p, buf_len(out)) != 1)
		abort();
	EVP_MD_CTX_free(c);
	buf_put_u8(out, '.');
	put_part(bytes_make(signature, n), out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jwt_keys keys;
	static const uint8_t seed[32] = "a key of the fuzzer";
	struct bytes in = { data, size };
	char user[JWT_USER_MAX + 1];
	const char *why = NULL;

	if (!key) {
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
		keys = (struct jwt_keys){ .keys = { key }, .n = 1 };
	}
	const struct jwt_rules r = { &keys, BYTES("https://id.example"), BYTES("xmpp"), BYTES("sub"), 1000 };
	if (size && data[0] == 's') {
		struct buf b;
		buf_init(&b, 1 << 20);
		sign(bytes_skip(in, 1), &b);
		int rc = jwt_check(&r, buf_bytes(&b), user, &why);
		if (rc == 0 && (!user[0] || strlen(user) > JWT_USER_MAX))
			abort();
		if (rc && !why)
			abort();
		buf_fini(&b);
	} else if (jwt_check(&r, in, user, &why) == 0 || !why) {
		abort();
	}
	return 0;
}
