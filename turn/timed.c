#include "timed.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/err.h"

enum { SHA1_BYTES = 20 };

int timed_read(struct bytes name, struct timed *out)
{
	size_t n = bytes_find(name, ':');
	uint64_t expires_s;

	if (n == 0 || bytes_to_u64(bytes_make(name.p, n), UINT32_MAX * 16ULL, &expires_s) < 0)
		return ERR_SYNTAX;
	out->expires_s = expires_s;
	out->tag = bytes_skip(name, n + 1);
	return 0;
}

int timed_password(struct bytes secret, struct bytes name, char out[static TIMED_PASSWORD_BYTES])
{
	uint8_t md[SHA1_BYTES];
	unsigned n = 0;

	if (!HMAC(EVP_sha1(), secret.p, (int)secret.n, name.p, name.n, md, &n) || n != SHA1_BYTES)
		return ERR_SYS;
	(void)EVP_EncodeBlock((unsigned char *)out, md, SHA1_BYTES);
	return 0;
}

int timed_key(struct bytes secret, struct bytes name, struct bytes realm, bool use_sha256,
              uint8_t out[static STUNMSG_KEY_MAX], size_t *n)
{
	char password[TIMED_PASSWORD_BYTES];
	int rc = timed_password(secret, name, password);

	if (rc < 0)
		return rc;
	return stunmsg_long_term_key(use_sha256 ? STUN_ALGORITHM_SHA256 : STUN_ALGORITHM_MD5, name, realm,
	                             bytes_of(password), out, n);
}
