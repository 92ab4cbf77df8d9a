#include "net/dtls_cookie.h"

#include "base/random.h"
#include "base/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

void dtls_cookies_init(struct dtls_cookies *c, uint64_t now_ms)
{
	random_bytes(c->now, sizeof c->now);
	random_bytes(c->before, sizeof c->before); /* one that nobody has used */
	c->until_ms = now_ms + DTLS_COOKIE_LIFE_MS;
}

void dtls_cookies_fini(struct dtls_cookies *c)
{
	secret_wipe(c, sizeof *c);
}

void dtls_cookies_rotate(struct dtls_cookies *c, uint64_t now_ms)
{
	if (now_ms < c->until_ms)
		return;
	if (now_ms >= c->until_ms + DTLS_COOKIE_LIFE_MS) {
		dtls_cookies_init(c, now_ms); /* nobody came for so long: both are too old */
		return;
	}
	memcpy(c->before, c->now, sizeof c->before);
	random_bytes(c->now, sizeof c->now);
	c->until_ms += DTLS_COOKIE_LIFE_MS;
}

static bool make(const uint8_t key[static DTLS_COOKIE_KEY_BYTES], const struct peer_address *of,
                 uint8_t out[static DTLS_COOKIE_BYTES])
{
	uint8_t in[sizeof of->bytes + 3], mac[EVP_MAX_MD_SIZE];
	unsigned n;

	memcpy(in, of->bytes, sizeof of->bytes);
	in[sizeof of->bytes] = of->family;
	in[sizeof of->bytes + 1] = (uint8_t)(of->port >> 8);
	in[sizeof of->bytes + 2] = (uint8_t)of->port;
	if (!HMAC(EVP_sha256(), key, DTLS_COOKIE_KEY_BYTES, in, sizeof in, mac, &n))
		return false;
	memcpy(out, mac, DTLS_COOKIE_BYTES);
	return true;
}

bool dtls_cookie_make(const struct dtls_cookies *c, const struct peer_address *of, uint8_t out[static DTLS_COOKIE_BYTES])
{
	return make(c->now, of, out);
}

bool dtls_cookie_is_good(const struct dtls_cookies *c, const struct peer_address *of, struct bytes cookie)
{
	uint8_t good[DTLS_COOKIE_BYTES];

	return (make(c->now, of, good) && secret_eq(bytes_make(good, sizeof good), cookie)) ||
	       (make(c->before, of, good) && secret_eq(bytes_make(good, sizeof good), cookie));
}
