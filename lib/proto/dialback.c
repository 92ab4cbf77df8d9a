#include "proto/dialback.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/secret.h"
#include "base/text.h"

enum {
	SHA256_BYTES = 32,
	TEXT_MAX_BYTES = 16384, /* two domains and a stream id that a peer chose */
};

/* XEP-0185 3: key = HMAC-SHA256(SHA256(secret), receiving ' ' originating ' ' stream id). The hash
 * of the secret is used in hex, as the example there has it. False: absurd lengths, or the library
 * failed. */
static bool digest_key(struct bytes secret, const struct bytes part[3], uint8_t out[static SHA256_BYTES])
{
	uint8_t hash[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	unsigned n = 0;
	struct buf text;

	memset(out, 0, SHA256_BYTES);
	buf_init(&text, TEXT_MAX_BYTES);
	for (int i = 0; i < 3; i++) {
		buf_put_str(&text, i ? " " : "");
		buf_put_bytes(&text, part[i]);
	}
	bool ok = !buf_failed(&text) && EVP_Digest(secret.p, secret.n, hash, &n, EVP_sha256(), NULL) == 1;
	if (ok) {
		struct bytes in = buf_bytes(&text);
		text_hex(bytes_make(hash, SHA256_BYTES), hex);
		ok = HMAC(EVP_sha256(), hex, 2 * SHA256_BYTES, in.p, in.n, out, &n) != NULL;
	}
	secret_wipe(hash, sizeof hash);
	secret_wipe(hex, sizeof hex);
	buf_fini(&text);
	return ok;
}

void dialback_key(struct bytes secret, struct bytes receiving, struct bytes originating,
                  struct bytes stream_id, char out[static DIALBACK_KEY_BYTES])
{
	const struct bytes part[3] = { receiving, originating, stream_id };
	uint8_t digest[SHA256_BYTES];
	bool ok = digest_key(secret, part, digest);

	text_hex(bytes_make(digest, sizeof digest), out);
	if (!ok)
		out[0] = 0;
}

bool dialback_check(struct bytes secret, struct bytes receiving, struct bytes originating,
                    struct bytes stream_id, struct bytes key)
{
	char want[DIALBACK_KEY_BYTES];

	dialback_key(secret, receiving, originating, stream_id, want);
	bool is_same = want[0] && secret_eq(bytes_of(want), key);
	secret_wipe(want, sizeof want);
	return is_same;
}
