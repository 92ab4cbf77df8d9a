/* The server's side: nonces, challenges, credentials as they come (RFC 7616 3.3, 3.4). */
#include "sip/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "sip/message_auth.h"

/*  time ms: 8 bytes | random: 8 bytes | first 16 bytes of HMAC-SHA-256 over both */
enum { NONCE_TIME = 8, NONCE_HEAD = 16, NONCE_BYTES = 32, NC_CHARS = 8 };
_Static_assert(NONCE_BYTES * 2 == DIGEST_NONCE_CHARS, "in hex");

static void sign(struct bytes key, const uint8_t *head, uint8_t out[static 16])
{
	uint8_t mac[EVP_MAX_MD_SIZE];

	if (!HMAC(EVP_sha256(), key.p, (int)key.n, head, NONCE_HEAD, mac, NULL))
		die("digest.nonce", "no HMAC");
	memcpy(out, mac, 16);
}

void digest_nonce_make(struct bytes key, uint64_t now_ms, char out[static DIGEST_NONCE_CHARS + 1])
{
	uint8_t nonce[NONCE_BYTES];

	for (int i = 0; i < NONCE_TIME; i++)
		nonce[i] = (uint8_t)(now_ms >> (8 * (NONCE_TIME - 1 - i)));
	random_bytes(nonce + NONCE_TIME, NONCE_HEAD - NONCE_TIME);
	sign(key, nonce, nonce + NONCE_HEAD);
	text_hex(bytes_make(nonce, sizeof nonce), out);
}

enum digest_nonce digest_nonce_check(struct bytes key, uint64_t now_ms, uint32_t lifetime_ms, struct bytes text)
{
	uint8_t nonce[NONCE_BYTES], mac[16];
	uint64_t at_ms = 0;

	if (text_unhex(text, nonce, sizeof nonce))
		return DIGEST_NONCE_FOREIGN;
	sign(key, nonce, mac);
	if (!secret_eq(bytes_make(nonce + NONCE_HEAD, sizeof mac), bytes_make(mac, sizeof mac)))
		return DIGEST_NONCE_FOREIGN;
	for (int i = 0; i < NONCE_TIME; i++)
		at_ms = at_ms << 8 | nonce[i];
	return at_ms > now_ms || now_ms - at_ms > lifetime_ms ? DIGEST_NONCE_STALE : DIGEST_NONCE_GOOD;
}

void digest_challenge_put(struct buf *out, enum digest_algorithm a, const char *realm, const char *nonce, bool is_stale)
{
	buf_putf(out, "Digest realm=\"%s\", nonce=\"%s\", qop=\"auth\", algorithm=%s%s", realm, nonce,
		 digest_algorithm_name(a), is_stale ? ", stale=true" : "");
}

static int read_nc(struct bytes text, uint32_t *out)
{
	uint8_t n[NC_CHARS / 2];

	if (text_unhex(text, n, sizeof n))
		return ERR_SYNTAX;
	*out = (uint32_t)n[0] << 24 | (uint32_t)n[1] << 16 | (uint32_t)n[2] << 8 | n[3];
	return *out ? 0 : ERR_SYNTAX;
}

static int read_qop(const struct sip_auth *auth, struct digest_credentials *c)
{
	struct bytes qop = sip_auth_param(auth, "qop");

	if (!qop.n)
		return 0; /* RFC 3261 22.4 8: an RFC 2069 client */
	if (!bytes_eq_nocase(qop, BYTES("auth")))
		return ERR_UNSUPPORTED;
	c->proof.has_qop = true;
	c->proof.nc = sip_auth_param(auth, "nc");
	c->proof.cnonce = sip_auth_param(auth, "cnonce");
	return c->proof.cnonce.n ? read_nc(c->proof.nc, &c->nc) : ERR_SYNTAX;
}

int digest_credentials_parse(struct bytes value, struct arena *a, struct digest_credentials *out)
{
	struct digest_credentials c = { .nc = 0 };
	struct sip_auth auth;
	int rc = sip_auth_parse(value, a, &auth);

	if (rc)
		return rc;
	if (!bytes_eq_nocase(auth.scheme, BYTES("Digest")) ||
	    digest_algorithm_of(sip_auth_param(&auth, "algorithm"), &c.proof.algorithm))
		return ERR_UNSUPPORTED;
	c.user = sip_auth_param(&auth, "username");
	c.realm = sip_auth_param(&auth, "realm");
	c.response = sip_auth_param(&auth, "response");
	c.proof.nonce = sip_auth_param(&auth, "nonce");
	c.proof.uri = sip_auth_param(&auth, "uri");
	if (!c.user.n || !c.realm.n || !c.response.n || !c.proof.nonce.n || !c.proof.uri.n)
		return ERR_SYNTAX;
	rc = read_qop(&auth, &c);
	if (!rc)
		*out = c;
	return rc;
}
