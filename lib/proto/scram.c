#include "proto/scram.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "proto/jid_precis.h"

enum { MESSAGE_MAX_BYTES = 4096, NONCE_MAX_BYTES = 512 };

enum scram_state { SCRAM_START, SCRAM_FIRST, SCRAM_CHALLENGED, SCRAM_DONE };

/* ---- digests ---- */

static const EVP_MD *md_of(enum scram_hash h)
{
	return h == SCRAM_SHA1 ? EVP_sha1() : EVP_sha256();
}

static size_t digest_bytes(enum scram_hash h)
{
	return h == SCRAM_SHA1 ? 20 : 32;
}

static int hmac(enum scram_hash h, const uint8_t *key, struct bytes in, uint8_t *out)
{
	unsigned n = 0;

	return HMAC(md_of(h), key, (int)digest_bytes(h), in.p, in.n, out, &n) ? 0 : ERR_NOMEM;
}

static int hash(enum scram_hash h, const uint8_t *in, uint8_t *out)
{
	unsigned n = 0;

	return EVP_Digest(in, digest_bytes(h), out, &n, md_of(h), NULL) == 1 ? 0 : ERR_NOMEM;
}

/* RFC 5802 3: SaltedPassword, then StoredKey and ServerKey. */
int scram_make_verifier(enum scram_hash h, struct bytes password, struct bytes salt,
                        uint32_t iterations, struct scram_verifier *out)
{
	struct scram_verifier v = { .iterations = iterations, .salt_n = (uint8_t)salt.n };
	uint8_t salted[SCRAM_DIGEST_MAX], client_key[SCRAM_DIGEST_MAX];
	int rc = 0;

	if (salt.n == 0 || salt.n > SCRAM_SALT_MAX || password.n > MESSAGE_MAX_BYTES)
		return ERR_LIMIT;
	if (iterations == 0 || iterations > INT32_MAX)
		return ERR_RANGE;
	memcpy(v.salt, salt.p, salt.n);
	const char *text = password.n ? (const char *)password.p : "";
	if (PKCS5_PBKDF2_HMAC(text, (int)password.n, v.salt, (int)salt.n, (int)iterations, md_of(h),
	                      (int)digest_bytes(h), salted) != 1)
		rc = ERR_NOMEM;
	if (rc == 0)
		rc = hmac(h, salted, BYTES("Client Key"), client_key);
	if (rc == 0)
		rc = hash(h, client_key, v.stored_key);
	if (rc == 0)
		rc = hmac(h, salted, BYTES("Server Key"), v.server_key);
	if (rc == 0)
		*out = v;
	secret_wipe(salted, sizeof salted);
	secret_wipe(client_key, sizeof client_key);
	secret_wipe(&v, sizeof v);
	return rc;
}

bool scram_check_password(enum scram_hash h, const struct scram_verifier *v, size_t n, struct bytes password, size_t *which)
{
	struct scram_verifier mine;
	bool is_one = false;

	if (!n || scram_make_verifier(h, password, bytes_make(v->salt, v->salt_n), v->iterations, &mine) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!secret_eq(bytes_make(mine.stored_key, digest_bytes(h)), bytes_make(v[i].stored_key, digest_bytes(h))))
			continue;
		is_one = true;
		*which = i;
	}
	secret_wipe(&mine, sizeof mine);
	return is_one;
}

int scram_saslprep(struct bytes in, struct arena *a, struct bytes *out)
{
	int rc = precis_opaque(in, a, out);

	return rc == ERR_UTF8 ? ERR_SYNTAX : rc;
}

/* ---- messages (RFC 5802 7) ---- */

/* Takes the text before the next comma, which it drops. False: no comma. */
static bool take_field(struct bytes *rest, struct bytes *field)
{
	size_t n = bytes_find(*rest, ',');
	bool has_comma = n < rest->n;

	*field = bytes_make(rest->p, n);
	*rest = bytes_skip(*rest, has_comma ? n + 1 : n);
	return has_comma;
}

static bool has_nul(struct bytes v)
{
	return v.n && memchr(v.p, 0, v.n);
}

static bool has_key(struct bytes field, char key)
{
	return field.n >= 2 && field.p[0] == key && field.p[1] == '=';
}

static bool is_nonce(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x21 || v.p[i] > 0x7e || v.p[i] == ',')
			return false;
	return v.n > 0 && v.n <= NONCE_MAX_BYTES;
}

/* cb-name: letters, digits, full stop, hyphen. */
static bool is_cb_name(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		if (!is_letter && !(c >= '0' && c <= '9') && c != '.' && c != '-')
			return false;
	}
	return v.n > 0;
}

/* saslname: "=2C" is a comma, "=3D" an equals sign, no other "=". out: in.n bytes and a NUL. */
static int unescape(struct bytes in, char *out, struct bytes *name)
{
	size_t n = 0;

	if (!text_is_utf8(in) || has_nul(in))
		return ERR_SYNTAX;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] != '=') {
			out[n++] = (char)in.p[i];
			continue;
		}
		struct bytes code = bytes_skip(in, i);
		if (bytes_starts(code, BYTES("=2C")))
			out[n++] = ',';
		else if (bytes_starts(code, BYTES("=3D")))
			out[n++] = '=';
		else
			return ERR_SYNTAX;
		i += 2;
	}
	out[n] = 0;
	*name = bytes_make(out, n);
	return 0;
}

/* ---- server ---- */

void scram_server_init(struct scram_server *s, enum scram_hash h, bool is_plus, bool can_plus)
{
	*s = (struct scram_server){ .hash = h, .is_plus = is_plus, .can_plus = can_plus };
}

void scram_server_fini(struct scram_server *s)
{
	free(s->client_first_bare);
	free(s->server_first);
	free(s->gs2_header);
	scram_server_init(s, s->hash, s->is_plus, s->can_plus);
}

/* RFC 5802 6: which use of channel binding goes with which mechanism and offer. */
static int check_binding(const struct scram_server *s, struct bytes flag, struct bytes *cb_type)
{
	*cb_type = BYTES_NONE;
	if (has_key(flag, 'p')) {
		*cb_type = bytes_skip(flag, 2);
		if (!is_cb_name(*cb_type))
			return ERR_SYNTAX;
		return s->is_plus ? 0 : ERR_DENIED;
	}
	if (bytes_eq_str(flag, "n"))
		return s->is_plus ? ERR_DENIED : 0;
	if (bytes_eq_str(flag, "y"))
		return s->is_plus || s->can_plus ? ERR_DENIED : 0;
	return ERR_SYNTAX;
}

/* A copy of the text with room behind it for the name that stands in it, unescaped. */
static char *keep(struct bytes text, size_t name_n)
{
	char *copy = malloc(text.n + name_n + 2);

	if (!copy)
		return NULL;
	memcpy(copy, text.p, text.n);
	copy[text.n] = 0;
	return copy;
}

static int read_gs2(struct scram_server *s, struct bytes *rest, struct bytes *authzid,
                    struct bytes *cb_type)
{
	struct bytes whole = *rest, flag, name, cb;

	if (!take_field(rest, &flag) || !take_field(rest, &name))
		return ERR_SYNTAX;
	int rc = check_binding(s, flag, &cb);
	if (rc)
		return rc;
	if (name.n && (!has_key(name, 'a') || name.n == 2))
		return ERR_SYNTAX;
	name = bytes_skip(name, 2);
	whole.n -= rest->n;
	s->gs2_header = keep(whole, name.n);
	if (!s->gs2_header)
		return ERR_NOMEM;
	*cb_type = bytes_make(s->gs2_header + 2, cb.n);
	return unescape(name, s->gs2_header + whole.n + 1, authzid);
}

static int read_bare(struct scram_server *s, struct bytes bare)
{
	struct bytes rest = bare, name, nonce;

	if (has_key(rest, 'm'))
		return ERR_UNSUPPORTED; /* RFC 5802 5.1: mandatory extension */
	if (!take_field(&rest, &name) || !has_key(name, 'n') || name.n == 2)
		return ERR_SYNTAX;
	take_field(&rest, &nonce);
	if (!has_key(nonce, 'r') || !is_nonce(bytes_skip(nonce, 2)))
		return ERR_SYNTAX;
	name = bytes_skip(name, 2);
	s->client_first_bare = keep(bare, name.n);
	if (!s->client_first_bare)
		return ERR_NOMEM;
	return unescape(name, s->client_first_bare + bare.n + 1, &s->username);
}

int scram_server_first(struct scram_server *s, struct bytes in, struct bytes *authzid,
                       struct bytes *cb_type)
{
	struct bytes rest = in, who = BYTES_NONE, cb = BYTES_NONE;

	if (s->state != SCRAM_START)
		return ERR_BAD_STATE;
	if (in.n > MESSAGE_MAX_BYTES)
		return ERR_LIMIT;
	if (in.n == 0 || has_nul(in))
		return ERR_SYNTAX;
	int rc = read_gs2(s, &rest, &who, &cb);
	if (rc == 0)
		rc = read_bare(s, rest);
	if (rc) {
		scram_server_fini(s);
		return rc;
	}
	s->state = SCRAM_FIRST;
	*authzid = who;
	*cb_type = cb;
	return 0;
}

/* The client's nonce, in the message that was checked by read_bare. */
static struct bytes client_nonce(const struct scram_server *s)
{
	struct bytes rest = bytes_of(s->client_first_bare), field;

	take_field(&rest, &field);
	take_field(&rest, &field);
	return bytes_skip(field, 2);
}

int scram_server_challenge(struct scram_server *s, const struct scram_verifier *v, const char *nonce,
                           struct buf *out)
{
	struct buf b;

	if (s->state != SCRAM_FIRST)
		return ERR_BAD_STATE;
	buf_init(&b, MESSAGE_MAX_BYTES);
	buf_put_str(&b, "r=");
	buf_put_bytes(&b, client_nonce(s));
	buf_put_str(&b, nonce);
	buf_put_str(&b, ",s=");
	text_base64(bytes_make(v->salt, v->salt_n), &b);
	buf_putf(&b, ",i=%u", (unsigned)v->iterations);
	int rc = buf_failed(&b) ? ERR_NOMEM : 0;
	if (rc == 0 && !(s->server_first = keep(buf_bytes(&b), 0)))
		rc = ERR_NOMEM;
	if (rc == 0) {
		buf_put_bytes(out, buf_bytes(&b));
		s->state = SCRAM_CHALLENGED;
	}
	buf_fini(&b);
	return rc == 0 && buf_failed(out) ? ERR_LIMIT : rc;
}

/* client-final-message: c=BASE64,r=NONCE,...,p=BASE64 */
struct final {
	struct bytes without_proof, binding, nonce, proof;
};

static int read_final(struct bytes in, struct final *out)
{
	struct final f;
	struct bytes rest = in;
	const uint8_t *last = in.n ? memrchr(in.p, ',', in.n) : NULL;

	if (in.n > MESSAGE_MAX_BYTES)
		return ERR_LIMIT;
	if (!last || has_nul(in))
		return ERR_SYNTAX;
	f.without_proof = bytes_make(in.p, (size_t)(last - in.p));
	f.proof = bytes_skip(in, f.without_proof.n + 1);
	if (!take_field(&rest, &f.binding) || !take_field(&rest, &f.nonce))
		return ERR_SYNTAX;
	if (!has_key(f.binding, 'c') || !has_key(f.nonce, 'r') || !has_key(f.proof, 'p'))
		return ERR_SYNTAX;
	f.binding = bytes_skip(f.binding, 2);
	f.nonce = bytes_skip(f.nonce, 2);
	f.proof = bytes_skip(f.proof, 2);
	*out = f;
	return 0;
}

/* The client must have seen the same channel, and have sent the same header (RFC 5802 6). */
static int check_same_binding(const struct scram_server *s, struct bytes base64, struct bytes cb_data)
{
	struct buf got, want;

	if (s->is_plus && cb_data.n == 0)
		return ERR_AUTH;
	buf_init(&got, MESSAGE_MAX_BYTES);
	buf_init(&want, 2 * MESSAGE_MAX_BYTES);
	buf_put_str(&want, s->gs2_header);
	if (s->is_plus)
		buf_put_bytes(&want, cb_data);
	int rc = text_unbase64(base64, &got);
	if (rc == 0 && !secret_eq(buf_bytes(&got), buf_bytes(&want)))
		rc = ERR_AUTH;
	buf_fini(&got);
	buf_fini(&want);
	return rc;
}

static bool is_our_nonce(const struct scram_server *s, struct bytes nonce)
{
	struct bytes rest = bytes_of(s->server_first), field;

	take_field(&rest, &field);
	return secret_eq(bytes_skip(field, 2), nonce);
}

static int read_proof(enum scram_hash h, struct bytes base64, uint8_t *out)
{
	struct buf b;

	buf_init(&b, MESSAGE_MAX_BYTES);
	int rc = text_unbase64(base64, &b);
	if (rc == 0 && buf_len(&b) != digest_bytes(h))
		rc = ERR_SYNTAX;
	if (rc == 0)
		memcpy(out, buf_bytes(&b).p, digest_bytes(h));
	buf_fini(&b);
	return rc;
}

/* H(ClientProof XOR HMAC(StoredKey, AuthMessage)) must be StoredKey. */
static int check_proof(enum scram_hash h, const struct scram_verifier *v, struct bytes message,
                       const uint8_t *proof)
{
	uint8_t key[SCRAM_DIGEST_MAX], stored[SCRAM_DIGEST_MAX];
	int rc = hmac(h, v->stored_key, message, key);

	for (size_t i = 0; rc == 0 && i < digest_bytes(h); i++)
		key[i] ^= proof[i];
	if (rc == 0)
		rc = hash(h, key, stored);
	if (rc == 0 && !secret_eq(bytes_make(stored, digest_bytes(h)),
	                          bytes_make(v->stored_key, digest_bytes(h))))
		rc = ERR_AUTH;
	secret_wipe(key, sizeof key);
	return rc;
}

/* All are tried, whichever fits. */
static int check_proofs(enum scram_hash h, const struct scram_verifier *v, size_t n, struct bytes message,
                        const uint8_t *proof, size_t *which)
{
	int found = ERR_AUTH;

	for (size_t i = 0; i < n; i++) {
		int rc = check_proof(h, &v[i], message, proof);
		if (rc == 0)
			*which = i;
		if (rc != ERR_AUTH)
			found = rc;
	}
	return found;
}

static int finish(const struct scram_server *s, const struct scram_verifier *v, size_t n, const struct final *f,
                  const uint8_t *proof, struct buf *out, size_t *which)
{
	uint8_t signature[SCRAM_DIGEST_MAX];
	struct buf message;

	buf_init(&message, 4 * MESSAGE_MAX_BYTES);
	buf_put_str(&message, s->client_first_bare);
	buf_put_u8(&message, ',');
	buf_put_str(&message, s->server_first);
	buf_put_u8(&message, ',');
	buf_put_bytes(&message, f->without_proof);
	int rc = buf_failed(&message) ? ERR_NOMEM : 0;
	if (rc == 0)
		rc = check_proofs(s->hash, v, n, buf_bytes(&message), proof, which);
	if (rc == 0)
		rc = hmac(s->hash, v[*which].server_key, buf_bytes(&message), signature);
	if (rc == 0) {
		buf_put_str(out, "v=");
		text_base64(bytes_make(signature, digest_bytes(s->hash)), out);
		rc = buf_failed(out) ? ERR_LIMIT : 0;
	}
	buf_fini(&message);
	return rc;
}

int scram_server_final(struct scram_server *s, const struct scram_verifier *v, size_t n, struct bytes in,
                       struct bytes cb_data, struct buf *out, size_t *which)
{
	uint8_t proof[SCRAM_DIGEST_MAX];
	struct final f;

	if (s->state != SCRAM_CHALLENGED)
		return ERR_BAD_STATE;
	s->state = SCRAM_DONE; /* one try an exchange */
	int rc = read_final(in, &f);
	if (rc == 0)
		rc = read_proof(s->hash, f.proof, proof);
	if (rc == 0)
		rc = check_same_binding(s, f.binding, cb_data);
	if (rc == 0 && !is_our_nonce(s, f.nonce))
		rc = ERR_AUTH;
	return rc == 0 ? finish(s, v, n, &f, proof, out, which) : rc;
}
