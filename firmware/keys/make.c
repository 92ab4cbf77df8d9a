#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static const struct key_type {
	const char *name, *curve; /* curve NULL: RSA */
	unsigned bits;
} types[] = {
	{ "rsa-2048", NULL, 2048 },	 { "rsa-3072", NULL, 3072 }, { "rsa-4096", NULL, 4096 }, /* B-TLS-06 */
	{ "ecdsa-p256", "P-256", 256 }, { "ecdsa-p384", "P-384", 384 }, { "ed25519", "", 256 },
};

EVP_PKEY *key_generate(struct bytes kind)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (!bytes_eq_str(kind, types[i].name))
			continue;
		if (!types[i].curve)
			return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)types[i].bits);
		if (!types[i].curve[0])
			return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", types[i].curve);
	}
	return NULL;
}

static void answer(struct proc_ask *ask, struct bytes name, EVP_PKEY *pkey)
{
	proc_record_begin(ask);
	proc_record_text(ask, "key", name);
	proc_record_str(ask, "kind", key_kind(pkey));
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

static void put(struct keys *k, struct proc_ask *ask, struct bytes name, EVP_PKEY *pkey, const char *event)
{
	int rc = vault_put(&k->vault, name, pkey);

	if (rc) {
		EVP_PKEY_free(pkey);
		proc_done(ask, rc, rc == ERR_SYNTAX ? "a key's name has letters a-z, digits, '.' and '-'" : err_text(rc));
		return;
	}
	log_info(event, LOG_BYTES("key", name), LOG_STR("kind", key_kind(pkey)));
	answer(ask, name, pkey);
}

void cmd_generate(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	EVP_PKEY *pkey = n == 2 ? key_generate(args[1]) : NULL;

	if (pkey)
		put(program, ask, args[0], pkey, "keys.generated");
	else
		proc_done(ask, ERR_SYNTAX, "wants a name and rsa-2048, rsa-3072, rsa-4096, ecdsa-p256, ecdsa-p384 or ed25519");
}

void cmd_delete(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct keys *k = program;
	int rc = n == 1 ? vault_del(&k->vault, args[0]) : ERR_SYNTAX;

	if (!rc)
		log_info("keys.deleted", LOG_BYTES("key", args[0]));
	proc_done(ask, rc, rc ? err_text(rc) : "");
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct key *const *)a)->name, (*(struct key *const *)b)->name);
}

/* DER; the caller frees it with OPENSSL_free. Empty when OpenSSL fails. */
static struct bytes public_half(EVP_PKEY *pkey)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);

	return bytes_make(der, n > 0 ? (size_t)n : 0);
}

void key_pin(EVP_PKEY *pkey, char out[static 65])
{
	struct bytes der = public_half(pkey);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	out[0] = 0;
	if (der.n && EVP_Digest(der.p, der.n, digest, &n, EVP_sha256(), NULL))
		text_hex(bytes_make(digest, n), out);
	OPENSSL_free((void *)(uintptr_t)der.p);
}

/* All keys in the order of their names; how many. */
static size_t sorted(const struct vault *v, struct key *all[static KEYS_MAX])
{
	size_t n = 0;
	struct key *one;

	for (size_t at = 0; n < KEYS_MAX && (one = map_next(&v->by_name, &at));)
		all[n++] = one;
	qsort(all, n, sizeof(*all), by_name);
	return n;
}

void cmd_show(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct keys *k = program;
	struct key *all[KEYS_MAX];
	char pin[65];

	(void)args;
	(void)n;
	for (size_t i = 0, count = sorted(&k->vault, all); i < count; i++) {
		key_pin(all[i]->pkey, pin);
		proc_record_begin(ask);
		proc_record_str(ask, "key", all[i]->name);
		proc_record_str(ask, "kind", key_kind(all[i]->pkey));
		proc_record_str(ask, "pin", pin);
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}

void cmd_public(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct keys *k = program;
	struct key *all[KEYS_MAX];

	(void)args;
	(void)n;
	for (size_t i = 0, count = sorted(&k->vault, all); i < count; i++) {
		struct bytes der = public_half(all[i]->pkey);
		proc_record_begin(ask);
		proc_record_str(ask, "key", all[i]->name);
		proc_record_text(ask, "public", der);
		proc_record_end(ask);
		OPENSSL_free((void *)(uintptr_t)der.p);
	}
	proc_done(ask, 0, "");
}
