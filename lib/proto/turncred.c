#include "proto/turncred.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/hmac.h"
#include "proto/jid_precis.h"

enum { PREPARE_ROOM = 4096 };

/* ---- one form ---- */

/* OpaqueString leaves printable ASCII alone. */
static bool is_plain(struct bytes in)
{
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] < ' ' || in.p[i] > '~')
			return false;
	return in.n > 0;
}

int turncred_prepare(struct bytes in, struct arena *a, struct bytes *out)
{
	if (!is_plain(in))
		return precis_opaque(in, a, out);
	*out = in;
	return 0;
}

bool turncred_is_prepared(struct bytes text)
{
	struct bytes out;
	struct arena a;

	if (is_plain(text))
		return true;
	arena_init(&a, PREPARE_ROOM);
	bool is_same = precis_opaque(text, &a, &out) == 0 && bytes_eq(text, out);
	arena_fini(&a);
	return is_same;
}

/* ---- stored keys ---- */

static int put_key(enum stunmsg_algorithm algorithm, const char *word, const struct bytes v[3], struct buf *out)
{
	uint8_t key[STUNMSG_KEY_MAX];
	char hex[2 * STUNMSG_KEY_MAX + 1];
	size_t n;
	int rc = stunmsg_long_term_key(algorithm, v[0], v[1], v[2], key, &n);

	if (rc < 0)
		return rc;
	text_hex(bytes_make(key, n), hex);
	buf_putf(out, "%s%s=%s", buf_len(out) ? " " : "", word, hex);
	return 0;
}

int turncred_put_keys(struct bytes user, struct bytes realm, struct bytes password, struct buf *out)
{
	const struct bytes v[3] = { user, realm, password };
	int md5 = put_key(STUN_ALGORITHM_MD5, "md5", v, out), sha256 = put_key(STUN_ALGORITHM_SHA256, "sha256", v, out);

	if (md5 < 0 && sha256 < 0)
		return ERR_SYS;
	return buf_failed(out) ? ERR_LIMIT : 0;
}

/* ---- names that expire ---- */

int turncred_read(struct bytes name, struct turncred_timed *out)
{
	size_t n = bytes_find(name, ':');
	uint64_t expires_s;

	if (n == 0 || bytes_to_u64(bytes_make(name.p, n), UINT32_MAX * 16ULL, &expires_s) < 0)
		return ERR_SYNTAX;
	out->expires_s = expires_s;
	out->tag = bytes_skip(name, n + 1);
	return 0;
}

int turncred_password(struct bytes secret, struct bytes name, char out[static TURNCRED_PASSWORD_BYTES])
{
	uint8_t md[HMAC_BYTES_MAX];

	if (!hmac_make(HMAC_SHA1, secret, &name, 1, md))
		return ERR_SYS;
	(void)EVP_EncodeBlock((unsigned char *)out, md, HMAC_SHA1_BYTES);
	return 0;
}

int turncred_key(struct bytes secret, struct bytes name, struct bytes realm, bool use_sha256,
                 uint8_t out[static STUNMSG_KEY_MAX], size_t *n)
{
	char password[TURNCRED_PASSWORD_BYTES];
	int rc = turncred_password(secret, name, password);

	if (rc < 0)
		return rc;
	return stunmsg_long_term_key(use_sha256 ? STUN_ALGORITHM_SHA256 : STUN_ALGORITHM_MD5, name, realm,
	                             bytes_of(password), out, n);
}

int turncred_tag(struct bytes secret, struct bytes who, char out[static TURNCRED_TAG_BYTES])
{
	uint8_t md[HMAC_BYTES_MAX];

	if (!hmac_make(HMAC_SHA256, secret, &who, 1, md))
		return ERR_SYS;
	text_hex(bytes_make(md, (TURNCRED_TAG_BYTES - 1) / 2), out);
	return 0;
}

int turncred_mint(struct bytes secret, uint64_t expires_s, struct bytes tag, struct turncred *out)
{
	int n = snprintf(out->name, sizeof out->name, "%llu%s%.*s", (unsigned long long)expires_s, tag.n ? ":" : "", BYTES_FMT(tag));

	if (n < 0 || (size_t)n >= sizeof out->name)
		return ERR_LIMIT;
	return turncred_password(secret, bytes_make(out->name, (size_t)n), out->password);
}
