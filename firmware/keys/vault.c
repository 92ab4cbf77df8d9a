#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"

#include <dirent.h>
#include <errno.h>
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

static EVP_PKEY *read_key(int folder, const char *file)
{
	uint8_t text[KEY_FILE_MAX_BYTES];
	int fd = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	EVP_PKEY *pkey = NULL;

	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, text, sizeof text);
	(void)close(fd); /* read only */
	BIO *bio = n > 0 ? BIO_new_mem_buf(text, (int)n) : NULL;
	if (bio)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)"");
	BIO_free(bio);
	secret_wipe(text, sizeof text);
	return pkey;
}

static void load(struct vault *v, const char *file)
{
	size_t n = strlen(file);
	struct bytes name = { (const uint8_t *)file, n - (sizeof suffix - 1) };

	if (n < sizeof suffix || strcmp(file + name.n, suffix) != 0)
		return;
	EVP_PKEY *pkey = key_name_is_good(name) ? read_key(v->folder, file) : NULL;
	if (!pkey || remember(v, name, pkey)) {
		EVP_PKEY_free(pkey);
		log_error("keys.unreadable", LOG_STR("file", file), LOG_STR("advice", "import the key again"));
	}
}

int vault_open(struct vault *v, int folder)
{
	int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);

	v->folder = folder;
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

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);
		if (done <= 0)
			return ERR_IO;
		p += done;
		n -= (size_t)done;
	}
	return fsync(fd) < 0 ? ERR_IO : 0;
}

/* A whole new file, then a rename. */
int vault_write_file(int folder, const char *file, BIO *content)
{
	static const char file_new[] = "write.new"; /* no key's name ends so */
	char *text;
	long n = BIO_get_mem_data(content, &text);
	int fd = openat(folder, file_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return ERR_IO;
	int rc = write_all(fd, (const uint8_t *)text, (size_t)n);
	if (close(fd) < 0)
		rc = ERR_IO;
	if (!rc && renameat(folder, file_new, folder, file) < 0)
		rc = ERR_IO;
	if (rc)
		(void)unlinkat(folder, file_new, 0); /* the next write truncates it anyway */
	return rc ? rc : fsync(folder) < 0 ? ERR_IO : 0;
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
	int rc = PEM_write_bio_PrivateKey(pem, pkey, NULL, NULL, 0, NULL, NULL) ? 0 : ERR_NOMEM;
	if (!rc)
		rc = vault_write_file(v->folder, file, pem);
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
	return unlinkat(v->folder, file, 0) < 0 || fsync(v->folder) < 0 ? ERR_IO : 0;
}

/* ---- the master of shared secrets ---- */

/* ERR_NOT_FOUND: there is none. ERR_IO: there is something else; it is not replaced, as who holds the old secrets would
 * be lost in silence. */
static int read_master(int folder, uint8_t out[static MASTER_BYTES])
{
	int fd = openat(folder, master_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	ssize_t n = read(fd, out, MASTER_BYTES);
	(void)close(fd); /* read only */
	return n == MASTER_BYTES ? 0 : ERR_IO;
}

int vault_set_master(const struct vault *v, const uint8_t in[static MASTER_BYTES])
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int rc = bio && BIO_write(bio, in, MASTER_BYTES) == MASTER_BYTES ? vault_write_file(v->folder, master_file, bio) : ERR_NOMEM;

	BIO_free(bio);
	return rc;
}

int vault_master(const struct vault *v, uint8_t out[static MASTER_BYTES])
{
	int rc = read_master(v->folder, out);

	if (rc != ERR_NOT_FOUND)
		return rc;
	random_bytes(out, MASTER_BYTES);
	return vault_set_master(v, out);
}
