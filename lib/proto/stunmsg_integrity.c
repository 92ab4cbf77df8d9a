#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "proto/hmac.h"
#include "proto/stunmsg_impl.h"

/* The Ethernet polynomial, reflected, four bits a step: messages are short, a large table would only
 * push other things out of the cache. */
uint32_t stunmsg_crc32(struct bytes b)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < b.n; i++) {
		crc ^= b.p[i];
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return ~crc;
}

bool stunmsg_hmac(struct bytes raw, size_t at, size_t value_n, struct bytes key, bool use_sha256, uint8_t out[static 32])
{
	/* The length field differs from the one on the wire. */
	uint8_t head[4];
	const struct bytes parts[] = { bytes_make(head, sizeof head), bytes_make(raw.p + sizeof head, at - sizeof head) };

	if (at < STUNMSG_HEADER || at > STUNMSG_SIGNED_MAX)
		return false;
	memcpy(head, raw.p, 2);
	stunmsg_set16(head + 2, (unsigned)(at + 4 + value_n - STUNMSG_HEADER));
	return hmac_make(use_sha256 ? HMAC_SHA256 : HMAC_SHA1, key, parts, 2, out);
}

bool stunmsg_verify(const struct stunmsg *m, struct bytes key)
{
	uint8_t want[32];
	size_t at = m->sha256_at ? m->sha256_at : m->integrity_at, n = m->sha256_at ? m->sha256_n : 20;

	if (!at || n < 16 || m->is_classic || !stunmsg_hmac(m->raw, at, n, key, m->sha256_at != 0, want))
		return false;
	return CRYPTO_memcmp(want, m->raw.p + at + 4, n) == 0;
}

static bool digest(const EVP_MD *md, const struct bytes *parts, size_t n_parts, uint8_t *out)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool is_done = c && EVP_DigestInit_ex(c, md, NULL) == 1;

	for (size_t i = 0; is_done && i < n_parts; i++)
		is_done = EVP_DigestUpdate(c, parts[i].p, parts[i].n) == 1;
	is_done = is_done && EVP_DigestFinal_ex(c, out, NULL) == 1;
	EVP_MD_CTX_free(c);
	return is_done;
}

int stunmsg_long_term_key(enum stunmsg_algorithm a, struct bytes user, struct bytes realm, struct bytes password,
                          uint8_t out[static STUNMSG_KEY_MAX], size_t *n)
{
	const struct bytes parts[] = { user, BYTES(":"), realm, BYTES(":"), password };
	bool is_sha256 = a == STUN_ALGORITHM_SHA256;

	*n = is_sha256 ? 32 : 16;
	return digest(is_sha256 ? EVP_sha256() : EVP_md5(), parts, 5, out) ? 0 : -1;
}

int stunmsg_userhash(struct bytes user, struct bytes realm, uint8_t out[static 32])
{
	const struct bytes parts[] = { user, BYTES(":"), realm };

	return digest(EVP_sha256(), parts, 3, out) ? 0 : -1;
}
