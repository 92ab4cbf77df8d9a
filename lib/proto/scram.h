/* proto/scram.h - SCRAM-SHA-1 and SCRAM-SHA-256, with and without channel binding
 * (RFC 5802, 7677, 9266), the server's side. It needs only the stored verifier.
 * Pure but for OpenSSL's HMAC and PBKDF2 and random nonces handed in by the caller. */
#ifndef PROTO_SCRAM_H
#define PROTO_SCRAM_H

#include "base/arena.h"
#include "base/buf.h"

enum scram_hash { SCRAM_SHA1, SCRAM_SHA256, SCRAM_HASH_COUNT };
enum { SCRAM_DIGEST_MAX = 32, SCRAM_SALT_MAX = 64, SCRAM_NONCE_BYTES = 24 };

struct scram_verifier {
	uint32_t iterations;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t salt_n;
	uint8_t stored_key[SCRAM_DIGEST_MAX], server_key[SCRAM_DIGEST_MAX];
};

/* From a password (SASLprep'd by the caller when it is not ASCII: scram_saslprep). */
int scram_make_verifier(enum scram_hash h, struct bytes password, struct bytes salt,
                        uint32_t iterations, struct scram_verifier *out);
/* Does this password match one of n verifiers (PLAIN)? *which: its place. The verifiers of one user
 * share salt and iterations; all n are compared, each in constant time. */
bool scram_check_password(enum scram_hash h, const struct scram_verifier *v, size_t n, struct bytes password, size_t *which);
/* SASLprep (RFC 4013) by OpaqueString (RFC 8265 4.2). ERR_SYNTAX when the password has none. */
int scram_saslprep(struct bytes in, struct arena *a, struct bytes *out);

/* ---- server ---- */
struct scram_server {
	enum scram_hash hash;
	bool is_plus;      /* the mechanism name ended in -PLUS */
	bool can_plus;     /* we offered -PLUS: a client's "y" is then a downgrade (RFC 5802 6) */
	uint8_t state;
	char *client_first_bare, *server_first; /* kept between the two steps */
	char *gs2_header;
	struct bytes username; /* after step 1; inside client_first_bare's copy, unescaped */
};
void scram_server_init(struct scram_server *s, enum scram_hash h, bool is_plus, bool can_plus);
void scram_server_fini(struct scram_server *s);
/* Step 1: client-first-message. On success s->username (and *authzid, "" when none) are known and
 * the caller looks up the verifier. ERR_SYNTAX, ERR_UNSUPPORTED (extension "m="), ERR_DENIED
 * (channel binding downgrade or mismatch of use). cb_type: what the client named, for "p=". */
int scram_server_first(struct scram_server *s, struct bytes in, struct bytes *authzid, struct bytes *cb_type);
/* Step 2: server-first-message appended to out. nonce: fresh random text of the caller, no commas.
 * For unknown users the caller gives a verifier made from a keyed hash of the name, so that their
 * absence cannot be seen. */
int scram_server_challenge(struct scram_server *s, const struct scram_verifier *v, const char *nonce, struct buf *out);
/* Step 3: client-final-message; cb_data: of the type named in step 1, empty otherwise. v: n verifiers
 * that share salt and iterations with that of step 2, so that the proof may fit any of them: all are
 * tried. 0 with server-final-message appended and *which set to the place of the one that fits;
 * ERR_AUTH; ERR_SYNTAX. */
int scram_server_final(struct scram_server *s, const struct scram_verifier *v, size_t n, struct bytes in,
                       struct bytes cb_data, struct buf *out, size_t *which);

#endif
