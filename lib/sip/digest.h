/* sip/digest.h - digest authentication (RFC 7616 and 8760 over RFC 3261 22), both sides: SHA-256, and MD5
 * for those that know nothing else (COMPAT: most SIP phones before RFC 8760). qop=auth only. Pure but for
 * OpenSSL's digests; nonces are told the time and need no memory. */
#ifndef SIP_DIGEST_H
#define SIP_DIGEST_H

#include "base/arena.h"
#include "base/buf.h"

enum digest_algorithm { DIGEST_SHA256, DIGEST_MD5, DIGEST_ALGORITHM_COUNT };
const char *digest_algorithm_name(enum digest_algorithm a);
/* "" is MD5 (RFC 7616 3.3). ERR_UNSUPPORTED. */
int digest_algorithm_of(struct bytes name, enum digest_algorithm *out);

/* H(user:realm:password), RFC 7616 3.4.2: all that a server must keep of a password. A secret. */
enum { DIGEST_BYTES_MAX = 32, DIGEST_HEX_MAX = 64 };
struct digest_ha1 {
	uint8_t n; /* 32 or 16 */
	uint8_t p[DIGEST_BYTES_MAX];
};
/* ERR_LIMIT, ERR_UNSUPPORTED (OpenSSL does not do MD5 here). */
int digest_make_ha1(enum digest_algorithm a, struct bytes user, struct bytes realm, struct bytes password,
                    struct digest_ha1 *out);

/* What a response is made of (RFC 7616 3.4.1). */
struct digest_proof {
	enum digest_algorithm algorithm;
	struct bytes nonce, nc, cnonce; /* nc: 8 hex digits; nc and cnonce empty without qop (RFC 2069) */
	bool has_qop;
	struct bytes method, uri;
};
/* out: hex digits and a NUL. */
int digest_respond(const struct digest_ha1 *h, const struct digest_proof *p, char out[static DIGEST_HEX_MAX + 1]);
/* Is response the right one? Constant time in the secret. */
bool digest_is_right(const struct digest_ha1 *h, const struct digest_proof *p, struct bytes response);

/* ---- the client ---- */
/* From WWW-Authenticate or Proxy-Authenticate; texts in the arena. */
struct digest_challenge {
	enum digest_algorithm algorithm;
	struct bytes realm, nonce, opaque;
	bool has_opaque, has_qop, is_stale;
};
/* ERR_SYNTAX; ERR_UNSUPPORTED: another scheme, algorithm, or qop: look at the next challenge. */
int digest_challenge_parse(struct bytes value, struct arena *a, struct digest_challenge *out);
/* Is a rather to be answered than b (RFC 8760 2.4: the first that one can do; we never prefer MD5)? */
bool digest_is_better(const struct digest_challenge *a, const struct digest_challenge *b);
struct digest_login {
	struct bytes user, password;
	struct bytes method, uri; /* of the request; uri: the Request-URI */
	uint32_t nc;              /* 1 for a nonce's first use */
	const char *cnonce;       /* random, hex */
};
/* Appends the value of Authorization or Proxy-Authorization. ERR_SYNTAX (a control character), ERR_LIMIT,
 * ERR_UNSUPPORTED. */
int digest_answer(const struct digest_challenge *c, const struct digest_login *l, struct buf *out);

/* ---- the server ---- */
/* A nonce holds its time and is signed (HMAC-SHA-256 by key), so that nobody has to remember it. */
enum { DIGEST_NONCE_CHARS = 64 };
void digest_nonce_make(struct bytes key, uint64_t now_ms, char out[static DIGEST_NONCE_CHARS + 1]);
enum digest_nonce { DIGEST_NONCE_GOOD, DIGEST_NONCE_STALE, DIGEST_NONCE_FOREIGN };
enum digest_nonce digest_nonce_check(struct bytes key, uint64_t now_ms, uint32_t lifetime_ms, struct bytes nonce);
/* Appends the value of a challenge. realm: ours, a domain. */
void digest_challenge_put(struct buf *out, enum digest_algorithm a, const char *realm, const char *nonce, bool is_stale);
/* From Authorization or Proxy-Authorization; texts in the arena. */
struct digest_credentials {
	struct bytes user, realm, response;
	struct digest_proof proof; /* its method is the caller's to put in */
	uint32_t nc;               /* the number; 0 without qop */
};
/* ERR_SYNTAX; ERR_UNSUPPORTED: another scheme, algorithm or qop. */
int digest_credentials_parse(struct bytes value, struct arena *a, struct digest_credentials *out);

#endif
