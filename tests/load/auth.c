#include "auth.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char *const names[] = { "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256" };
_Static_assert(sizeof names / sizeof names[0] == AUTH_MECHANISM_COUNT, "one name a mechanism");

const char *auth_name(enum auth_mechanism m)
{
	return names[m];
}

int auth_of(const char *name, enum auth_mechanism *out)
{
	for (unsigned i = 0; i < AUTH_MECHANISM_COUNT; i++) {
		if (bytes_eq_nocase(bytes_of(name), bytes_of(names[i]))) {
			*out = (enum auth_mechanism)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

static const EVP_MD *digest(const struct auth *a)
{
	return a->mechanism == AUTH_SCRAM_SHA1 ? EVP_sha1() : EVP_sha256();
}

void auth_first(struct auth *a, struct buf *out)
{
	struct buf plain;

	buf_init(&plain, 512);
	if (a->mechanism == AUTH_PLAIN) {
		buf_put_u8(&plain, 0);
		buf_put_str(&plain, a->user);
		buf_put_u8(&plain, 0);
		buf_put_str(&plain, a->password);
	} else {
		random_hex(a->nonce, 32);
		snprintf(a->first_bare, sizeof a->first_bare, "n=%s,r=%s", a->user, a->nonce);
		buf_putf(&plain, "n,,%s", a->first_bare);
	}
	text_base64(buf_bytes(&plain), out);
	buf_fini(&plain);
}

static int salted_password(struct auth *a, const char *salt64, unsigned iterations)
{
	struct auth_memory *m = a->memory;
	struct buf salt;

	if (m->iterations == iterations && strcmp(m->salt, salt64) == 0)
		return 0;
	buf_init(&salt, 256);
	int rc = text_unbase64(bytes_of(salt64), &salt);
	if (!rc) {
		struct bytes s = buf_bytes(&salt);
		PKCS5_PBKDF2_HMAC(a->password, (int)strlen(a->password), s.p, (int)s.n, (int)iterations,
				  digest(a), EVP_MD_get_size(digest(a)), m->salted);
		snprintf(m->salt, sizeof m->salt, "%s", salt64);
		m->iterations = iterations;
	}
	buf_fini(&salt);
	return rc;
}

static void client_proof(struct auth *a, uint8_t proof[static 32])
{
	uint8_t client_key[32], stored_key[32], signature[32];
	int n = EVP_MD_get_size(digest(a));

	HMAC(digest(a), a->memory->salted, n, (const uint8_t *)"Client Key", 10, client_key, NULL);
	EVP_Digest(client_key, (size_t)n, stored_key, NULL, digest(a), NULL);
	HMAC(digest(a), stored_key, n, (const uint8_t *)a->auth_message, strlen(a->auth_message),
	     signature, NULL);
	for (int i = 0; i < n; i++)
		proof[i] = client_key[i] ^ signature[i];
}

int auth_next(struct auth *a, struct bytes challenge, struct buf *out)
{
	char nonce[128], salt[96], final[200];
	unsigned iterations;
	uint8_t proof[32];
	struct buf text;

	buf_init(&text, 1024);
	int rc = text_unbase64(challenge, &text);
	if (!rc && sscanf(buf_cstr(&text), "r=%127[^,],s=%95[^,],i=%u", nonce, salt, &iterations) != 3)
		rc = ERR_SYNTAX;
	if (!rc && strncmp(nonce, a->nonce, 32) != 0)
		rc = ERR_PROTOCOL;
	if (!rc)
		rc = salted_password(a, salt, iterations);
	if (!rc) {
		snprintf(final, sizeof final, "c=biws,r=%s", nonce);
		snprintf(a->auth_message, sizeof a->auth_message, "%s,%s,%s", a->first_bare,
			 buf_cstr(&text), final);
		client_proof(a, proof);
		buf_clear(&text);
		buf_putf(&text, "%s,p=", final);
		text_base64(bytes_make(proof, (size_t)EVP_MD_get_size(digest(a))), &text);
		text_base64(buf_bytes(&text), out);
	}
	buf_fini(&text);
	return rc;
}
