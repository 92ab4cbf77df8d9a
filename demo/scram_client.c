#include "scram_client.h"

#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

enum { DIGEST = 32 };

void scram_client_first(struct scram_client *s, const char *user, const uint8_t *exporter, struct buf *out)
{
	random_hex(s->nonce, 32);
	s->gs2 = exporter ? "p=tls-exporter,," : "n,,";
	if (exporter)
		memcpy(s->binding, exporter, sizeof s->binding);
	snprintf(s->first_bare, sizeof s->first_bare, "n=%s,r=%s", user, s->nonce);
	buf_put_str(out, s->gs2);
	buf_put_str(out, s->first_bare);
}

/* Value of "k=..." in a comma-separated message. */
static struct bytes attribute(struct bytes message, char k)
{
	while (message.n >= 2) {
		struct bytes part = bytes_make(message.p, bytes_find(message, ','));
		if (part.n >= 2 && part.p[0] == (uint8_t)k && part.p[1] == '=')
			return bytes_skip(part, 2);
		message = bytes_skip(message, part.n + 1);
	}
	return BYTES_NONE;
}

static void hmac(const uint8_t key[static DIGEST], struct bytes text, uint8_t out[static DIGEST])
{
	unsigned n = DIGEST;

	HMAC(EVP_sha256(), key, DIGEST, text.p, text.n, out, &n);
}

/* "c=...,r=..." without the proof. */
static void put_without_proof(const struct scram_client *s, struct bytes nonce, struct buf *out)
{
	struct buf cbind;

	buf_init(&cbind, 256);
	buf_put_str(&cbind, s->gs2);
	if (*s->gs2 == 'p')
		buf_put(&cbind, s->binding, sizeof s->binding);
	buf_put_str(out, "c=");
	text_base64(buf_bytes(&cbind), out);
	buf_put_str(out, ",r=");
	buf_put_bytes(out, nonce);
	buf_fini(&cbind);
}

/* RFC 5802 3: the proof, and the signature that the server must show. */
static void prove(struct scram_client *s, const uint8_t salted[static DIGEST], struct bytes auth_message,
                  struct buf *out)
{
	uint8_t client_key[DIGEST], stored_key[DIGEST], signature[DIGEST], server_key[DIGEST];

	hmac(salted, BYTES("Client Key"), client_key);
	EVP_Digest(client_key, DIGEST, stored_key, NULL, EVP_sha256(), NULL);
	hmac(stored_key, auth_message, signature);
	for (unsigned i = 0; i < DIGEST; i++)
		client_key[i] ^= signature[i];
	hmac(salted, BYTES("Server Key"), server_key);
	hmac(server_key, auth_message, s->server_signature);
	buf_put_str(out, ",p=");
	text_base64(bytes_make(client_key, DIGEST), out);
}

int scram_client_final(struct scram_client *s, const char *password, struct bytes server_first, struct buf *out)
{
	struct bytes nonce = attribute(server_first, 'r'), salt64 = attribute(server_first, 's');
	uint64_t rounds = 0;
	uint8_t salted[DIGEST];
	struct buf salt, auth;
	int rc = ERR_SYNTAX;

	buf_init(&salt, 256);
	buf_init(&auth, 4096);
	if (!bytes_starts(nonce, bytes_of(s->nonce)) || text_unbase64(salt64, &salt) < 0 ||
	    bytes_to_u64(attribute(server_first, 'i'), 10000000, &rounds) < 0 || rounds < 4096)
		goto out;
	if (!PKCS5_PBKDF2_HMAC(password, (int)strlen(password), buf_bytes(&salt).p, (int)buf_len(&salt),
	                       (int)rounds, EVP_sha256(), DIGEST, salted))
		goto out;
	buf_putf(&auth, "%s,%.*s,", s->first_bare, BYTES_FMT(server_first));
	put_without_proof(s, nonce, &auth);
	put_without_proof(s, nonce, out);
	prove(s, salted, buf_bytes(&auth), out);
	secret_wipe(salted, sizeof salted);
	rc = buf_failed(&auth) ? ERR_LIMIT : 0;
out:
	buf_fini(&salt);
	buf_fini(&auth);
	return rc;
}

int scram_client_check(const struct scram_client *s, struct bytes server_final)
{
	struct buf signature;

	buf_init(&signature, 128);
	int rc = text_unbase64(attribute(server_final, 'v'), &signature);
	if (rc == 0 && !secret_eq(buf_bytes(&signature), bytes_make(s->server_signature, DIGEST)))
		rc = ERR_AUTH;
	buf_fini(&signature);
	return rc < 0 ? ERR_AUTH : 0;
}
