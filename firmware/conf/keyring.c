#include "keyring.h"

#include "base/err.h"
#include "cert.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

struct keyring_key {
	char name[64];
	EVP_PKEY *public;
};

void keyring_fini(struct keyring *k)
{
	for (size_t i = 0; i < k->n; i++)
		EVP_PKEY_free(k->v[i].public);
	free(k->v);
	*k = (struct keyring){ 0 };
}

int keyring_add(struct keyring *k, struct bytes name, struct bytes der)
{
	const uint8_t *p = der.p;

	if (k->n == KEYRING_MAX || name.n >= sizeof k->v->name)
		return ERR_LIMIT;
	if (!k->v && !(k->v = calloc(KEYRING_MAX, sizeof *k->v)))
		return ERR_NOMEM;
	EVP_PKEY *public = der.n <= INT32_MAX ? d2i_PUBKEY(NULL, &p, (long)der.n) : NULL;
	ERR_clear_error();
	if (!public)
		return ERR_SYNTAX;
	struct keyring_key *new = &k->v[k->n++];
	*new = (struct keyring_key){ .public = public };
	memcpy(new->name, name.p, name.n);
	return 0;
}

int keyring_match(const struct keyring *k, struct bytes name, struct bytes pem)
{
	for (size_t i = 0; i < k->n; i++) {
		if (!bytes_eq_str(name, k->v[i].name))
			continue;
		EVP_PKEY *public = cert_public_key(pem);
		if (!public)
			return ERR_SYNTAX;
		int rc = EVP_PKEY_eq(public, k->v[i].public) == 1 ? 0 : ERR_DENIED;
		EVP_PKEY_free(public);
		ERR_clear_error(); /* keys of two types leave one */
		return rc;
	}
	return ERR_NOT_FOUND;
}
