#include "credentials.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"
#include "base/secret.h"
#include "base/text.h"
#include "proto/turncred.h"
#include "oauth.h"

struct account {
	uint8_t hash[32]; /* USERHASH */
	uint8_t md5[16], sha256[32];
	bool has_md5, has_sha256;
	uint16_t n;
	char name[];
};
struct credentials {
	struct map by_name, by_hash;
	struct secret secrets[CREDENTIALS_SECRETS_MAX];
	size_t n_secrets;
	struct oauth_key oauth[CREDENTIALS_OAUTH_MAX];
	size_t n_oauth;
	uint16_t realm_n;
	uint8_t realm[STUNMSG_REALM_MAX];
	uint8_t server_n, server[CREDENTIALS_SERVER_MAX];
};

struct credentials *credentials_new(struct bytes realm)
{
	struct credentials *c = realm.n <= STUNMSG_REALM_MAX ? calloc(1, sizeof *c) : NULL;

	if (!c)
		return NULL;
	map_init(&c->by_name);
	map_init(&c->by_hash);
	memcpy(c->realm, realm.p, realm.n);
	c->realm_n = (uint16_t)realm.n;
	return c;
}

static void account_free(struct account *a)
{
	secret_wipe(a, sizeof *a + a->n);
	free(a);
}

void credentials_free(struct credentials *c)
{
	size_t at = 0;
	struct account *a;

	if (!c)
		return;
	while ((a = map_next(&c->by_name, &at)))
		account_free(a);
	map_fini(&c->by_name);
	map_fini(&c->by_hash);
	for (size_t i = 0; i < c->n_secrets; i++)
		secret_fini(&c->secrets[i]);
	secret_wipe(c->oauth, sizeof c->oauth);
	free(c);
}

/* One word "name=hex". */
static int read_key(struct bytes word, struct account *a)
{
	static const struct bytes md5 = { (const uint8_t *)"md5=", 4 }, sha256 = { (const uint8_t *)"sha256=", 7 };

	if (bytes_starts(word, md5)) {
		a->has_md5 = true;
		return text_unhex(bytes_skip(word, md5.n), a->md5, sizeof a->md5);
	}
	if (bytes_starts(word, sha256)) {
		a->has_sha256 = true;
		return text_unhex(bytes_skip(word, sha256.n), a->sha256, sizeof a->sha256);
	}
	return ERR_SYNTAX;
}

static int read_keys(struct bytes keys, struct account *a)
{
	while (keys.n > 0) {
		size_t n = bytes_find(keys, ' ');
		int rc = read_key(bytes_make(keys.p, n), a);
		if (rc < 0)
			return rc;
		keys = bytes_skip(keys, n + 1);
	}
	return a->has_md5 || a->has_sha256 ? 0 : ERR_SYNTAX;
}

int credentials_add_user(struct credentials *c, struct bytes name, struct bytes keys)
{
	if (name.n == 0 || name.n > STUNMSG_USERNAME_MAX || c->by_name.count >= CREDENTIALS_USERS_MAX)
		return ERR_LIMIT;
	if (!turncred_is_prepared(name))
		return ERR_SYNTAX;
	struct account *a = calloc(1, sizeof *a + name.n);
	if (!a)
		return ERR_NOMEM;
	memcpy(a->name, name.p, name.n);
	a->n = (uint16_t)name.n;
	int rc = read_keys(keys, a);
	if (rc == 0)
		rc = stunmsg_userhash(name, bytes_make(c->realm, c->realm_n), a->hash);
	if (rc == 0)
		rc = map_add(&c->by_name, bytes_make(a->name, a->n), a);
	if (rc == 0 && (rc = map_add(&c->by_hash, bytes_make(a->hash, sizeof a->hash), a)) < 0)
		(void)map_del(&c->by_name, bytes_make(a->name, a->n)); /* is a */
	if (rc < 0)
		account_free(a);
	return rc;
}

int credentials_add_secret(struct credentials *c, struct bytes secret)
{
	if (c->n_secrets == CREDENTIALS_SECRETS_MAX)
		return ERR_LIMIT;
	int rc = secret_set(&c->secrets[c->n_secrets], secret);
	c->n_secrets += rc == 0;
	return rc;
}

int credentials_set_server(struct credentials *c, struct bytes name)
{
	if (name.n > sizeof c->server)
		return ERR_LIMIT;
	memcpy(c->server, name.p, name.n);
	c->server_n = (uint8_t)name.n;
	return 0;
}

int credentials_add_oauth(struct credentials *c, struct bytes kid, struct bytes key_base64)
{
	if (c->n_oauth == CREDENTIALS_OAUTH_MAX)
		return ERR_LIMIT;
	int rc = oauth_key_read(kid, key_base64, &c->oauth[c->n_oauth]);
	c->n_oauth += rc == 0;
	return rc;
}

/* RFC 8489 9.2.4: without PASSWORD-ALGORITHM it is MD5. */
static bool wants_sha256(const struct stunmsg *m)
{
	return m->has & STUN_HAS_ALGORITHM && m->algorithm == STUN_ALGORITHM_SHA256;
}

static void take(struct credentials_result *out, struct bytes user, struct bytes key)
{
	memcpy(out->user, user.p, user.n);
	out->user_n = (uint16_t)user.n;
	memcpy(out->key, key.p, key.n);
	out->key_n = (uint8_t)key.n;
}

static int check_account(const struct account *a, const struct stunmsg *m, struct credentials_result *out, const char **why)
{
	bool is_sha256 = wants_sha256(m);

	if (is_sha256 ? !a->has_sha256 : !a->has_md5) {
		*why = "the account has no key for this algorithm: set its password again";
		return ERR_AUTH;
	}
	take(out, bytes_make(a->name, a->n), is_sha256 ? bytes_make(a->sha256, sizeof a->sha256) : bytes_make(a->md5, sizeof a->md5));
	if (stunmsg_verify(m, bytes_make(out->key, out->key_n)))
		return 0;
	*why = "wrong password";
	return ERR_AUTH;
}

/* An expiry bounds when a name may begin, not a call that goes on (turn.md 3: strict expiry cuts calls). */
static bool begins(const struct stunmsg *m)
{
	return m->method == STUN_ALLOCATE || m->method == STUN_BINDING;
}

static int check_timed(const struct credentials *c, const struct stunmsg *m, uint64_t now_s,
                       struct credentials_result *out, const char **why)
{
	struct turncred_timed t;

	if (!turncred_is_prepared(m->username)) {
		*why = "the client has not prepared the name as RFC 8265 4.2 wants (OpaqueString)";
		return ERR_AUTH;
	}
	if (turncred_read(m->username, &t) < 0) {
		*why = "no such user";
		return ERR_AUTH;
	}
	if (t.expires_s <= now_s && begins(m)) {
		*why = "the time-limited name has expired";
		return ERR_AUTH;
	}
	for (size_t i = 0; i < c->n_secrets; i++) {
		uint8_t key[STUNMSG_KEY_MAX];
		size_t n;
		struct bytes secret = bytes_make(c->secrets[i].p, c->secrets[i].n);
		if (turncred_key(secret, m->username, bytes_make(c->realm, c->realm_n), wants_sha256(m), key, &n) < 0)
			continue;
		take(out, t.tag.n ? t.tag : m->username, bytes_make(key, n));
		if (stunmsg_verify(m, bytes_make(key, n)))
			return 0;
	}
	*why = "the time-limited name was not signed with a secret of ours";
	return ERR_AUTH;
}

/* A token has no user's name: it is an account of its own, "kid/" and four bytes of its key's digest, so that those
 * who have tokens of one server do not share one user's limits. */
static void name_token(const struct oauth_token *t, struct bytes kid, struct credentials_result *out)
{
	uint8_t md[EVP_MAX_MD_SIZE] = { 0 };
	char hex[9];

	(void)EVP_Digest(t->mac_key, t->mac_key_n, md, NULL, EVP_sha256(), NULL); /* without: one account for all */
	text_hex(bytes_make(md, 4), hex);
	int n = snprintf(out->user, sizeof out->user, "%.*s/%s", BYTES_FMT(kid), hex);
	out->user_n = (uint16_t)n; /* a kid is short: OAUTH_KID_MAX */
}

/* COMPAT: coturn 4.6's client signs with the first 16 bytes of a key of 20. */
static bool is_signed_by_token(const struct stunmsg *m, struct credentials_result *out)
{
	enum { SHORT_KEY = 16, SHA1_KEY = 20 };

	if (stunmsg_verify(m, bytes_make(out->key, out->key_n)))
		return true;
	if (out->key_n != SHA1_KEY || !stunmsg_verify(m, bytes_make(out->key, SHORT_KEY)))
		return false;
	out->key_n = SHORT_KEY;
	return true;
}

static int check_token(const struct credentials *c, const struct stunmsg *m, uint64_t now_s,
                       struct credentials_result *out, const char **why)
{
	struct oauth_token t;

	/* RFC 7635 4.1: USERNAME carries the key's id. */
	*why = "the token is of no authorization server of ours";
	for (size_t i = 0; i < c->n_oauth; i++) {
		if (!oauth_key_is(&c->oauth[i], m->username) ||
		    oauth_open(&c->oauth[i], bytes_make(c->server, c->server_n), m->access_token, &t) < 0)
			continue;
		take(out, m->username, bytes_make(t.mac_key, t.mac_key_n));
		name_token(&t, m->username, out);
		out->is_token = true;
		out->expires_s = t.made_s + t.lifetime_s;
		*why = "the token has expired";
		if (out->expires_s + OAUTH_SKEW_S <= now_s || t.made_s > now_s + OAUTH_SKEW_S)
			return ERR_AUTH;
		*why = "not signed with the token's key";
		return is_signed_by_token(m, out) ? 0 : ERR_AUTH;
	}
	return ERR_AUTH;
}

int credentials_check(const struct credentials *c, const struct stunmsg *m, uint64_t now_s,
                      struct credentials_result *out, const char **why)
{
	const struct account *a;

	*why = "";
	out->is_token = false;
	out->expires_s = 0;
	out->user_n = 0;
	out->key_n = 0;
	if (m->has & STUN_HAS_ACCESS_TOKEN)
		return check_token(c, m, now_s, out, why);
	a = m->has & STUN_HAS_USERHASH ? map_get(&c->by_hash, m->userhash) : map_get(&c->by_name, m->username);
	if (a)
		return check_account(a, m, out, why);
	if (m->has & STUN_HAS_USERHASH) {
		*why = "no user of this hash";
		return ERR_AUTH;
	}
	return check_timed(c, m, now_s, out, why);
}
