/* net/dtls_cookie.h - cookies that prove an address and need no memory (RFC 6347 4.2.1). */
#ifndef NET_DTLS_COOKIE_H
#define NET_DTLS_COOKIE_H

#include "base/bytes.h"
#include "net/address.h"

enum {
	DTLS_COOKIE_BYTES = 16,
	DTLS_COOKIE_KEY_BYTES = 32,
	DTLS_COOKIE_LIFE_MS = 120000, /* a key makes cookies so long, and opens them twice as long */
};

struct dtls_cookies {
	uint8_t now[DTLS_COOKIE_KEY_BYTES], before[DTLS_COOKIE_KEY_BYTES];
	uint64_t until_ms;
};

void dtls_cookies_init(struct dtls_cookies *c, uint64_t now_ms);
void dtls_cookies_fini(struct dtls_cookies *c);
/* Draws new keys when the time has come. */
void dtls_cookies_rotate(struct dtls_cookies *c, uint64_t now_ms);
/* False: OpenSSL has no memory. */
bool dtls_cookie_make(const struct dtls_cookies *c, const struct peer_address *of, uint8_t out[static DTLS_COOKIE_BYTES]);
bool dtls_cookie_is_good(const struct dtls_cookies *c, const struct peer_address *of, struct bytes cookie);

#endif
