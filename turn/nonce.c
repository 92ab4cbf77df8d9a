#include "nonce.h"

#include <openssl/crypto.h>

#include "proto/hmac.h"

/* RFC 8489 9.2.1: "obMatJos2", then 24 feature bits in base64; bit 0 (password algorithms) is the most
 * significant. We have no other feature. */
static const char cookie[2][NONCE_COOKIE_BYTES + 1] = { "obMatJos2AAAA", "obMatJos2gAAA" };

enum { STAMP_BYTES = 3, MAC_BYTES = 5, STAMP_AT = NONCE_COOKIE_BYTES, STAMP_MASK = 0xffffff };
enum { DIGITS = ((STAMP_BYTES + MAC_BYTES) * 8 + 5) / 6, NONCE_BYTES = STAMP_AT + DIGITS };
_Static_assert((int)NONCE_BYTES <= (int)NONCE_TEXT_MAX, "a nonce fits");

/* Six bits a character: short answers are what makes the relay a poor amplifier. */
static void digits(const uint8_t in[static STAMP_BYTES + MAC_BYTES], char out[static DIGITS])
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (unsigned i = 0; i < DIGITS; i++) {
		unsigned bit = i * 6, at = bit / 8, pair = (unsigned)in[at] << 8;
		if (at + 1 < STAMP_BYTES + MAC_BYTES)
			pair |= in[at + 1];
		out[i] = set[pair >> (10 - bit % 8) & 63];
	}
}

/* The stamp of a nonce; what is no digit gives one that no MAC goes with. */
static uint32_t stamp_of(const uint8_t *p)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < STAMP_BYTES * 8 / 6; i++) {
		unsigned c = p[i];
		v = v << 6 | (c - 'A' < 26   ? c - 'A'
		              : c - 'a' < 26 ? c - 'a' + 26
		              : c - '0' < 10 ? c - '0' + 52
		                             : 62 + (c == '/'));
	}
	return v;
}

static void set_stamp(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < STAMP_BYTES; i++)
		p[i] = (uint8_t)(v >> (16 - 8 * i));
}

/* The MAC covers the stamp, the offer and the client's side of the 5-tuple. */
static bool text(const uint8_t key[static NONCE_KEY_BYTES], uint32_t stamp, bool offers_algorithms,
                 const struct stunaddr *client, uint8_t transport, char out[static NONCE_BYTES])
{
	uint8_t in[STAMP_BYTES + 5 + sizeof client->ip], md[HMAC_BYTES_MAX], both[STAMP_BYTES + MAC_BYTES];
	const struct bytes part = bytes_make(in, sizeof in);

	set_stamp(in, stamp);
	in[3] = offers_algorithms;
	in[4] = client->family;
	in[5] = transport;
	in[6] = (uint8_t)(client->port >> 8);
	in[7] = (uint8_t)client->port;
	memcpy(in + 8, client->ip, sizeof client->ip);
	if (!hmac_make(HMAC_SHA256, bytes_make(key, NONCE_KEY_BYTES), &part, 1, md))
		return false;
	memcpy(both, in, STAMP_BYTES);
	memcpy(both + STAMP_BYTES, md, MAC_BYTES);
	memcpy(out, cookie[offers_algorithms], NONCE_COOKIE_BYTES);
	digits(both, out + STAMP_AT);
	return true;
}

size_t nonce_make(const struct nonce_key *k, const struct stunaddr *client, uint8_t transport, bool offers_algorithms,
                  uint64_t now_s, char out[static NONCE_TEXT_MAX])
{
	return text(k->key[0], (uint32_t)now_s, offers_algorithms, client, transport, out) ? NONCE_BYTES : 0;
}

enum nonce_verdict nonce_check(const struct nonce_key *k, struct bytes nonce, const struct stunaddr *client,
                               uint8_t transport, uint64_t now_s)
{
	char want[NONCE_BYTES];

	if (nonce.n != NONCE_BYTES)
		return NONCE_FORGED;
	uint32_t stamp = stamp_of(nonce.p + STAMP_AT);
	for (unsigned i = 0; i < 2; i++)
		if (text(k->key[i], stamp, nonce_offers_algorithms(nonce), client, transport, want) &&
		    CRYPTO_memcmp(want, nonce.p, NONCE_BYTES) == 0)
			return ((now_s - stamp) & STAMP_MASK) <= NONCE_LIFE_S ? NONCE_GOOD : NONCE_STALE;
	return NONCE_FORGED;
}

bool nonce_offers_algorithms(struct bytes nonce)
{
	return nonce.n >= NONCE_COOKIE_BYTES && memcmp(nonce.p, cookie[1], NONCE_COOKIE_BYTES) == 0;
}
