#include "sip/digest.h"

#include <openssl/evp.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

enum { TEXT_MAX_BYTES = 4096 };

static const struct {
	const char *name, *openssl;
	uint8_t bytes;
} algorithms[] = {
	[DIGEST_SHA256] = { "SHA-256", "SHA256", 32 },
	[DIGEST_MD5] = { "MD5", "MD5", 16 },
};
_Static_assert(sizeof algorithms / sizeof algorithms[0] == DIGEST_ALGORITHM_COUNT, "a row for each");

const char *digest_algorithm_name(enum digest_algorithm a)
{
	return algorithms[a].name;
}

int digest_algorithm_of(struct bytes name, enum digest_algorithm *out)
{
	if (!name.n)
		name = BYTES("MD5");
	for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
		if (bytes_eq_nocase(name, bytes_of(algorithms[i].name))) {
			*out = (enum digest_algorithm)i;
			return 0;
		}
	}
	return ERR_UNSUPPORTED;
}

/* H of the parts with ':' between. */
static int hash(enum digest_algorithm a, const struct bytes *parts, size_t n, uint8_t *out)
{
	EVP_MD *md = EVP_MD_fetch(NULL, algorithms[a].openssl, NULL);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int rc = !md ? ERR_UNSUPPORTED : !c || EVP_DigestInit_ex(c, md, NULL) != 1 ? ERR_NOMEM : 0;

	for (size_t i = 0; !rc && i < n; i++) {
		if (parts[i].n > TEXT_MAX_BYTES)
			rc = ERR_LIMIT;
		else if ((i && EVP_DigestUpdate(c, ":", 1) != 1) || EVP_DigestUpdate(c, parts[i].p, parts[i].n) != 1)
			rc = ERR_NOMEM;
	}
	if (!rc && EVP_DigestFinal_ex(c, out, NULL) != 1)
		rc = ERR_NOMEM;
	EVP_MD_CTX_free(c);
	EVP_MD_free(md);
	return rc;
}

int digest_make_ha1(enum digest_algorithm a, struct bytes user, struct bytes realm, struct bytes password,
                    struct digest_ha1 *out)
{
	const struct bytes parts[] = { user, realm, password };
	struct digest_ha1 h = { .n = algorithms[a].bytes };
	int rc = hash(a, parts, 3, h.p);

	if (!rc)
		*out = h;
	secret_wipe(&h, sizeof h);
	return rc;
}

int digest_respond(const struct digest_ha1 *h, const struct digest_proof *p, char out[static DIGEST_HEX_MAX + 1])
{
	uint8_t digest[DIGEST_BYTES_MAX];
	char a1[DIGEST_HEX_MAX + 1], a2[DIGEST_HEX_MAX + 1];
	size_t n = algorithms[p->algorithm].bytes;
	const struct bytes second[] = { p->method, p->uri };

	if (h->n != n)
		return ERR_BAD_STATE;
	int rc = hash(p->algorithm, second, 2, digest);
	if (rc)
		return rc;
	text_hex(bytes_make(digest, n), a2);
	text_hex(bytes_make(h->p, n), a1);
	const struct bytes with_qop[] = { bytes_of(a1), p->nonce, p->nc, p->cnonce, BYTES("auth"), bytes_of(a2) };
	const struct bytes without[] = { bytes_of(a1), p->nonce, bytes_of(a2) };
	rc = p->has_qop ? hash(p->algorithm, with_qop, 6, digest) : hash(p->algorithm, without, 3, digest);
	if (!rc)
		text_hex(bytes_make(digest, n), out);
	secret_wipe(a1, sizeof a1);
	return rc;
}

bool digest_is_right(const struct digest_ha1 *h, const struct digest_proof *p, struct bytes response)
{
	uint8_t given[DIGEST_BYTES_MAX], right[DIGEST_BYTES_MAX];
	char hex[DIGEST_HEX_MAX + 1];
	size_t n = algorithms[p->algorithm].bytes;
	bool is_hex = text_unhex(response, given, n) == 0;

	if (digest_respond(h, p, hex) || text_unhex(bytes_of(hex), right, n))
		return false;
	return is_hex && secret_eq(bytes_make(given, n), bytes_make(right, n));
}
