/* net/tls_news.h - what gh-pki tells a program while it runs: how the authorities of our certificates say they stand, to be
 * stapled into handshakes (RFC 6066 8, RFC 8446 4.4.2.1), and revocation lists of others' authorities. Stores look at it at
 * each handshake and verdict, so that news needs no new store and no session ends by it. */
#ifndef NET_TLS_NEWS_H
#define NET_TLS_NEWS_H

#include "base/map.h"
#include "net/revoked.h"
#include "run/bus.h"

enum { TLS_STAPLE_MAX = 16 << 10, TLS_STAPLES_MAX = 512, TLS_LEAF_BYTES = 32 };

struct tls_staple {
	uint8_t leaf[TLS_LEAF_BYTES]; /* SHA-256 of the certificate */
	int64_t until_s;              /* not shown from then on */
	size_t n;
	uint8_t answer[];
};

/* An all-zero struct has no news. It outlives the stores that use it. */
struct tls_news {
	struct map staples; /* struct tls_staple by leaf; owned */
	struct revoked revoked;
};
void tls_news_fini(struct tls_news *n);

/* MSG_STAPLE: leaf (32 bytes), until u64, answer bytes (empty: there is none any more). An error ends gh-pki. */
void tls_news_put_staple(const uint8_t leaf[static TLS_LEAF_BYTES], int64_t until_s, struct bytes answer, struct buf *out);
int tls_news_on_staple(struct tls_news *n, const struct frame *f);
/* MSG_REVOKED (net/revoked.h). *is_new: open connections are to be looked at (tls_is_revoked). */
int tls_news_on_revoked(struct tls_news *n, const struct frame *f, bool *is_new);

/* The answer for that certificate that may be shown now, or NULL. */
const struct tls_staple *tls_news_staple(const struct tls_news *n, const uint8_t leaf[static TLS_LEAF_BYTES], int64_t now_s);

#endif
