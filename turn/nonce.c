#include "nonce.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/* RFC 8489 9.2.1: "obMatJos2", then 24 feature bits in base64; bit 0 (password algorithms) is the most
 * significant. We have no other feature. */
static const char cookie[2][NONCE_COOKIE_BYTES + 1] = { "obMatJos2AAAA", "obMatJos2gAAA" };

enum { STAMP_DIGITS = 8, MAC_BYTES = 12, MAC_DIGITS = 2 * MAC_BYTES };
enum { STAMP_AT = NONCE_COOKIE_BYTES, MAC_AT = STAMP_AT + STAMP_DIGITS, NONCE_BYTES = MAC_AT + MAC_DIGITS };
_Static_assert((int)NONCE_BYTES <= (int)NONCE_TEXT_MAX, "a nonce fits");

static void hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
}

static int unhex32(const uint8_t *p, uint32_t *out)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < STAMP_DIGITS; i++) {
		unsigned c = p[i], d = c - '0' < 10 ? c - '0' : c - 'a' < 6 ? c - 'a' + 10 : 16;
		if (d == 16)
			return -1;
		v = v << 4 | d;
	}
	*out = v;
	return 0;
}

/* text: cookie and stamp, which the MAC covers with the client's side of the 5-tuple. */
static bool mac(const uint8_t key[static NONCE_KEY_BYTES], const char text[static MAC_AT], const struct stunaddr *client,
                uint8_t transport, char out[static MAC_DIGITS])
{
	uint8_t in[MAC_AT + 4 + sizeof client->ip], md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	memcpy(in, text, MAC_AT);
	in[MAC_AT] = client->family;
	in[MAC_AT + 1] = transport;
	in[MAC_AT + 2] = (uint8_t)(client->port >> 8);
	in[MAC_AT + 3] = (uint8_t)client->port;
	memcpy(in + MAC_AT + 4, client->ip, sizeof client->ip);
	if (!HMAC(EVP_sha256(), key, NONCE_KEY_BYTES, in, sizeof in, md, &n) || n < MAC_BYTES)
		return false;
	hex(md, MAC_BYTES, out);
	return true;
}

size_t nonce_make(const struct nonce_key *k, const struct stunaddr *client, uint8_t transport, bool offers_algorithms,
                  uint64_t now_s, char out[static NONCE_TEXT_MAX])
{
	uint32_t stamp = (uint32_t)now_s;
	uint8_t wire[4] = { (uint8_t)(stamp >> 24), (uint8_t)(stamp >> 16), (uint8_t)(stamp >> 8), (uint8_t)stamp };

	memcpy(out, cookie[offers_algorithms], NONCE_COOKIE_BYTES);
	hex(wire, sizeof wire, out + STAMP_AT);
	return mac(k->key[0], out, client, transport, out + MAC_AT) ? NONCE_BYTES : 0;
}

static bool is_ours(const struct nonce_key *k, const char *text, const struct stunaddr *client, uint8_t transport)
{
	char want[MAC_DIGITS];
	uint8_t differ = 1;

	for (unsigned i = 0; i < 2 && differ; i++) {
		if (!mac(k->key[i], text, client, transport, want))
			return false;
		differ = 0;
		for (unsigned j = 0; j < MAC_DIGITS; j++)
			differ |= (uint8_t)(want[j] ^ text[MAC_AT + j]);
	}
	return !differ;
}

enum nonce_verdict nonce_check(const struct nonce_key *k, struct bytes nonce, const struct stunaddr *client,
                               uint8_t transport, uint64_t now_s)
{
	uint32_t stamp;

	if (nonce.n != NONCE_BYTES || unhex32(nonce.p + STAMP_AT, &stamp) < 0 ||
	    !is_ours(k, (const char *)nonce.p, client, transport))
		return NONCE_FORGED;
	return (uint32_t)now_s - stamp <= NONCE_LIFE_S ? NONCE_GOOD : NONCE_STALE;
}

bool nonce_offers_algorithms(struct bytes nonce)
{
	return nonce.n >= NONCE_COOKIE_BYTES && memcmp(nonce.p, cookie[1], NONCE_COOKIE_BYTES) == 0;
}
