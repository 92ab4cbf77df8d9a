/* The section of keys in a backup:
 *     n:u16, n of {name:str pem:bytes}, master:bytes (32, or none)
 * and what a restore prepares from it: the file restore.keys, which is the restore's id and the section, sealed. */
#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/pem.h>

static const char prepared_file[] = "restore.keys";

static int put_key(const struct key *k, struct buf *out)
{
	BIO *pem = BIO_new(BIO_s_secmem());
	char *text = NULL;
	long n = pem && PEM_write_bio_PrivateKey(pem, k->pkey, NULL, NULL, 0, NULL, NULL) ? BIO_get_mem_data(pem, &text) : 0;

	wire_put_str(out, bytes_of(k->name));
	wire_put_bytes(out, bytes_make(text, n > 0 ? (size_t)n : 0));
	BIO_free(pem);
	return n > 0 ? 0 : ERR_NOMEM;
}

int backup_keys_put(const struct vault *v, struct buf *out)
{
	uint8_t master[MASTER_BYTES];
	struct key *k;
	int rc = vault_master(v, master);

	wire_put_u16(out, (uint16_t)v->by_name.count);
	for (size_t at = 0; !rc && (k = map_next(&v->by_name, &at));)
		rc = put_key(k, out);
	wire_put_bytes(out, bytes_make(master, rc ? 0 : sizeof master));
	secret_wipe(master, sizeof master);
	return rc ? rc : buf_failed(out) ? ERR_LIMIT : 0;
}

static EVP_PKEY *key_of(struct bytes pem)
{
	BIO *bio = pem.n && pem.n <= KEY_FILE_MAX_BYTES ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)"") : NULL;

	BIO_free(bio);
	return pkey;
}

/* Each key of a section to fn; then *master. */
typedef int (*key_fn)(void *arg, struct bytes name, struct bytes pem);
static int walk(struct bytes section, key_fn fn, void *arg, struct bytes *master)
{
	struct wire w = wire_of(section);
	unsigned n = wire_u16(&w);
	int rc = n > KEYS_MAX ? ERR_FULL : 0;

	for (unsigned i = 0; !rc && i < n; i++) {
		struct bytes name = wire_str(&w), pem = wire_bytes(&w);
		rc = wire_failed(&w) ? ERR_SYNTAX : fn(arg, name, pem);
	}
	*master = wire_bytes(&w);
	if (rc)
		return rc;
	return wire_end(&w) || (master->n != 0 && master->n != MASTER_BYTES) ? ERR_SYNTAX : 0;
}

static int check_key(void *arg, struct bytes name, struct bytes pem)
{
	EVP_PKEY *pkey = key_name_is_good(name) ? key_of(pem) : NULL;

	(void)arg;
	EVP_PKEY_free(pkey);
	return pkey ? 0 : ERR_SYNTAX;
}

int backup_keys_prepare(const struct vault *v, struct bytes section, const uint8_t id[static BACKUP_ID_BYTES])
{
	struct bytes master;
	int rc = walk(section, check_key, NULL, &master);
	struct buf b;

	if (rc)
		return rc;
	buf_init(&b, KEYS_SECTION_MAX + BACKUP_ID_BYTES);
	(void)buf_reserve(&b, BACKUP_ID_BYTES + section.n); /* at once: no copies of keys are left by growing; failure shows below */
	buf_put(&b, id, BACKUP_ID_BYTES);
	buf_put_bytes(&b, section);
	rc = buf_failed(&b) ? ERR_NOMEM : seal_write(v->storage, prepared_file, buf_bytes(&b));
	seal_wipe(&b);
	return rc;
}

/* What is prepared, whole; the caller wipes it. Of a version that did not seal, too. ERR_NOT_FOUND. */
static int read_prepared(const struct vault *v, struct buf *out)
{
	bool is_plain;

	return seal_read(v->storage, prepared_file, out, &is_plain);
}

static bool is_of(const struct buf *b, const uint8_t id[static BACKUP_ID_BYTES])
{
	static const uint8_t nothing[BACKUP_ID_BYTES]; /* of a gh-conf that has decided nothing */

	return memcmp(id, nothing, BACKUP_ID_BYTES) != 0 && buf_len(b) > BACKUP_ID_BYTES && memcmp(buf_bytes(b).p, id, BACKUP_ID_BYTES) == 0;
}

bool backup_keys_is_prepared(const struct vault *v, const uint8_t id[static BACKUP_ID_BYTES])
{
	struct buf b;

	buf_init(&b, KEYS_SECTION_MAX + BACKUP_ID_BYTES + (32 << 10));
	bool is_it = read_prepared(v, &b) == 0 && is_of(&b, id);
	seal_wipe(&b);
	return is_it;
}

/* What is left of it on the disk is sealed. */
static int drop_prepared(const struct vault *v)
{
	if (unlinkat(v->storage->folder, prepared_file, 0) < 0 && errno != ENOENT)
		return ERR_IO;
	return fsync(v->storage->folder) < 0 ? ERR_IO : 0;
}

static int take_key(void *arg, struct bytes name, struct bytes pem)
{
	struct vault *v = arg;
	EVP_PKEY *pkey = key_of(pem);
	int rc = pkey ? vault_put(v, name, pkey) : ERR_SYNTAX;

	if (rc)
		EVP_PKEY_free(pkey);
	return rc;
}

struct looked {
	struct bytes name;
	bool is_there;
};

static int look(void *arg, struct bytes name, struct bytes pem)
{
	struct looked *l = arg;

	(void)pem;
	l->is_there |= bytes_eq(l->name, name);
	return 0;
}

/* Keys of this box that the backup has not. */
static int drop_others(struct vault *v, struct bytes section)
{
	struct bytes master;
	struct key *k;
	int rc = 0;

	for (size_t at = 0; !rc && (k = map_next(&v->by_name, &at));) {
		struct looked l = { bytes_of(k->name), false };
		rc = walk(section, look, &l, &master);
		if (!rc && !l.is_there) {
			rc = vault_del(v, l.name);
			at = 0; /* the map has changed */
		}
	}
	return rc;
}

/* Others go first: a full vault has room then. */
static int install(struct vault *v, struct bytes section)
{
	struct bytes master = BYTES_NONE;
	int rc = drop_others(v, section);

	if (!rc)
		rc = walk(section, take_key, v, &master);
	if (!rc && master.n)
		rc = vault_set_master(v, master.p);
	return rc;
}

int backup_keys_decide(struct vault *v, const uint8_t id[static BACKUP_ID_BYTES])
{
	struct buf b;

	buf_init(&b, KEYS_SECTION_MAX + BACKUP_ID_BYTES + (32 << 10));
	int rc = read_prepared(v, &b);
	bool is_there = rc == 0;
	if (rc == ERR_NOT_FOUND)
		rc = 0;
	else if (!rc && is_of(&b, id)) {
		rc = install(v, bytes_skip(buf_bytes(&b), BACKUP_ID_BYTES));
		if (!rc)
			log_info("keys.restored", LOG_INT("keys", v->by_name.count));
	}
	seal_wipe(&b);
	return rc || !is_there ? rc : drop_prepared(v);
}
