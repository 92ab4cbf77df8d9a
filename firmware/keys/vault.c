#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/pem.h>

static const char master_file[] = "master.secret";
static const char suffix[] = ".pem";

bool key_name_is_good(struct bytes name)
{
	if (name.n == 0 || name.n > KEY_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		bool is_edge = i == 0 || i == name.n - 1;
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (!is_edge && (c == '.' || c == '-')))
			continue;
		return false;
	}
	return true;
}

const char *key_kind(EVP_PKEY *pkey)
{
	int bits = EVP_PKEY_get_bits(pkey);

	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		return bits >= 4096 ? "RSA-4096" : bits >= 3072 ? "RSA-3072" : bits >= 2048 ? "RSA-2048" : "RSA (weak)";
	case EVP_PKEY_EC:
		return bits >= 384 ? "ECDSA-P384" : "ECDSA-P256";
	case EVP_PKEY_ED25519:
		return "Ed25519";
	}
	return "other";
}

static void key_free(struct key *k)
{
	EVP_PKEY_free(k->pkey); /* OpenSSL wipes it */
	free(k);
}

static int remember(struct vault *v, struct bytes name, EVP_PKEY *pkey)
{
	struct key *k = map_get(&v->by_name, name);

	if (k) {
		EVP_PKEY_free(k->pkey);
		k->pkey = pkey;
		return 0;
	}
	k = calloc(1, sizeof *k);
	if (!k)
		return ERR_NOMEM;
	memcpy(k->name, name.p, name.n);
	k->pkey = pkey;
	int rc = map_add(&v->by_name, bytes_of(k->name), k);
	if (rc)
		free(k);
	return rc;
}

static EVP_PKEY *key_of_pem(struct bytes pem)
{
	BIO *bio = pem.n ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)"") : NULL;

	BIO_free(bio);
	return pkey;
}

/* A key of a version that did not seal is sealed now, in its place: a power cut leaves the one or the other. */
static EVP_PKEY *read_key(struct storage *s, const char *file)
{
	EVP_PKEY *pkey = NULL;
	bool is_plain = false;
	struct buf pem;

	buf_init(&pem, KEY_FILE_MAX_BYTES);
	if (seal_read(s, file, &pem, &is_plain) == 0)
		pkey = key_of_pem(buf_bytes(&pem));
	if (pkey && is_plain && seal_write(s, file, buf_bytes(&pem)) < 0)
		log_error("keys.not_sealed", LOG_STR("file", file));
	seal_wipe(&pem);
	return pkey;
}

static void load(struct vault *v, const char *file)
{
	size_t n = strlen(file);
	struct bytes name = { (const uint8_t *)file, n - (sizeof suffix - 1) };

	if (n < sizeof suffix || strcmp(file + name.n, suffix) != 0)
		return;
	EVP_PKEY *pkey = key_name_is_good(name) ? read_key(v->storage, file) : NULL;
	if (!pkey || remember(v, name, pkey)) {
		EVP_PKEY_free(pkey);
		log_error("keys.unreadable", LOG_STR("file", file), LOG_STR("advice", "import the key again"));
	}
}

int vault_open(struct vault *v, struct storage *s)
{
	int again = openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);

	v->storage = s;
	map_init(&v->by_name);
	if (!d)
		return ERR_IO;
	for (struct dirent *e; (e = readdir(d));)
		load(v, e->d_name);
	closedir(d);
	return 0;
}

void vault_close(struct vault *v)
{
	struct key *k;

	for (size_t at = 0; (k = map_next(&v->by_name, &at));)
		key_free(k);
	map_fini(&v->by_name);
}

EVP_PKEY *vault_get(const struct vault *v, struct bytes name)
{
	struct key *k = map_get(&v->by_name, name);

	return k ? k->pkey : NULL;
}

static void file_name(struct bytes name, char file[static 80])
{
	snprintf(file, 80, "%.*s%s", BYTES_FMT(name), suffix);
}

int vault_put(struct vault *v, struct bytes name, EVP_PKEY *pkey)
{
	char file[80];

	if (!key_name_is_good(name))
		return ERR_SYNTAX;
	if (v->by_name.count >= KEYS_MAX && !vault_get(v, name))
		return ERR_FULL;
	/* Secure memory: OpenSSL wipes it when it is freed. */
	BIO *pem = BIO_new(BIO_s_secmem());
	if (!pem)
		return ERR_NOMEM;
	file_name(name, file);
	char *text = NULL;
	int rc = PEM_write_bio_PrivateKey(pem, pkey, NULL, NULL, 0, NULL, NULL) ? 0 : ERR_NOMEM;
	long n = rc ? 0 : BIO_get_mem_data(pem, &text);
	if (!rc)
		rc = n > 0 && n <= KEY_FILE_MAX_BYTES ? seal_write(v->storage, file, bytes_make(text, (size_t)n)) : ERR_LIMIT;
	BIO_free(pem);
	return rc ? rc : remember(v, name, pkey);
}

int vault_del(struct vault *v, struct bytes name)
{
	char file[80];
	struct key *k = map_del(&v->by_name, name);

	if (!k)
		return ERR_NOT_FOUND;
	file_name(name, file); /* before the key goes: the name may be its own */
	key_free(k);
	return unlinkat(v->storage->folder, file, 0) < 0 || fsync(v->storage->folder) < 0 ? ERR_IO : 0;
}

/* ---- the master of shared secrets ---- */

int vault_set_master(const struct vault *v, const uint8_t in[static MASTER_BYTES])
{
	return seal_write(v->storage, master_file, bytes_make(in, MASTER_BYTES));
}

/* ERR_NOT_FOUND: there is none. ERR_IO: there is something else; it is not replaced, as who holds the old secrets would
 * be lost in silence. */
static int read_master(const struct vault *v, uint8_t out[static MASTER_BYTES])
{
	bool is_plain = false;
	struct buf b;

	buf_init(&b, KEY_FILE_MAX_BYTES);
	int rc = seal_read(v->storage, master_file, &b, &is_plain);
	if (!rc && buf_len(&b) != MASTER_BYTES)
		rc = ERR_IO;
	if (!rc)
		memcpy(out, buf_bytes(&b).p, MASTER_BYTES);
	if (!rc && is_plain && vault_set_master(v, out) < 0)
		log_error("keys.not_sealed", LOG_STR("file", master_file));
	seal_wipe(&b);
	return rc == 0 || rc == ERR_NOT_FOUND ? rc : ERR_IO;
}

int vault_master(const struct vault *v, uint8_t out[static MASTER_BYTES])
{
	int rc = read_master(v, out);

	if (rc != ERR_NOT_FOUND)
		return rc;
	random_bytes(out, MASTER_BYTES);
	return vault_set_master(v, out);
}
