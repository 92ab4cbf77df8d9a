/* Files of gh-keys at rest: AES-256-GCM (NIST SP 800-38D) with a key of this box.
 *
 *     "GHSEAL1\n" nonce:12 cipher text tag:16        additional data: the file's name
 *
 * The key is the file storage.key of the same folder, mode 0600. It keeps single files, backups of the disk's files without
 * it, and old blocks of deleted keys from being of use; who has the whole disk has it, too. Where there is a TPM it is not on the
 * disk: storage.tpm is, the same key sealed to that TPM, and the disk alone is of no use. A
 * file without the mark is of a version that did not seal: it is read as it is, and whoever reads it writes it anew. */
#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "run/disk.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { MARK_BYTES = 8, NONCE_BYTES = 12, TAG_BYTES = 16, SEAL_BYTES = MARK_BYTES + NONCE_BYTES + TAG_BYTES };

static const char storage_file[] = "storage.key", tpm_file[] = "storage.tpm";
static const char mark[MARK_BYTES + 1] = "GHSEAL1\n";

/* ---- the key of this box ---- */

/* A damaged one is not replaced: all that it has sealed would be lost in silence. */
static int read_storage_file(int folder, uint8_t out[static STORAGE_KEY_BYTES])
{
	struct buf b;

	buf_init(&b, 16 << 10);
	int rc = disk_read(folder, storage_file, &b);
	if (!rc && buf_len(&b) != STORAGE_KEY_BYTES)
		rc = ERR_IO;
	if (!rc)
		memcpy(out, buf_bytes(&b).p, STORAGE_KEY_BYTES);
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
	return rc;
}

static int storage_key(struct storage *s, bool may_make, uint8_t out[static STORAGE_KEY_BYTES])
{
	if (s->is_lost)
		return ERR_IO;
	if (s->has_key) {
		memcpy(out, s->key, STORAGE_KEY_BYTES);
		return 0;
	}
	int rc = read_storage_file(s->folder, out);
	if (rc != ERR_NOT_FOUND || !may_make)
		return rc;
	random_bytes(out, STORAGE_KEY_BYTES);
	return disk_replace(s->folder, storage_file, bytes_make(out, STORAGE_KEY_BYTES));
}

/* ---- a TPM ---- */

static int unseal(struct storage *s, struct tpm *tpm, struct bytes sealed)
{
	uint8_t secret[TPM_SECRET_MAX];
	size_t n = 0;
	int rc = tpm ? tpm_unseal(tpm, sealed, secret, &n) : ERR_NOT_FOUND;

	if (!rc && n != STORAGE_KEY_BYTES)
		rc = ERR_SYNTAX;
	if (!rc)
		memcpy(s->key, secret, STORAGE_KEY_BYTES);
	s->has_key = rc == 0;
	secret_wipe(secret, sizeof secret);
	return rc;
}

/* The file with the open key goes only when the TPM has shown that it gives the key back. */
static int seal_to(struct storage *s, struct tpm *tpm)
{
	uint8_t key[STORAGE_KEY_BYTES];
	struct buf sealed;
	int rc = read_storage_file(s->folder, key);

	if (rc == ERR_NOT_FOUND) {
		random_bytes(key, sizeof key);
		rc = 0;
	}
	buf_init(&sealed, TPM_SEALED_MAX);
	if (!rc)
		rc = tpm_seal(tpm, bytes_make(key, sizeof key), &sealed);
	if (!rc)
		rc = unseal(s, tpm, buf_bytes(&sealed));
	if (!rc && memcmp(key, s->key, sizeof key) != 0)
		rc = ERR_IO;
	if (!rc)
		rc = disk_replace(s->folder, tpm_file, buf_bytes(&sealed));
	if (!rc && unlinkat(s->folder, storage_file, 0) < 0 && errno != ENOENT)
		rc = ERR_IO;
	if (rc)
		s->has_key = false; /* as without one */
	secret_wipe(key, sizeof key);
	buf_fini(&sealed);
	return rc;
}

int storage_open(struct storage *s, int folder, struct tpm *tpm)
{
	struct buf sealed;

	*s = (struct storage){ .folder = folder };
	buf_init(&sealed, 16 << 10);
	int rc = disk_read(folder, tpm_file, &sealed);
	if (rc == 0)
		rc = unseal(s, tpm, buf_bytes(&sealed));
	else if (rc == ERR_NOT_FOUND && tpm)
		rc = seal_to(s, tpm) ? ERR_AGAIN : 0;
	else if (rc == ERR_NOT_FOUND)
		rc = ERR_AGAIN; /* no TPM: the file beside the others */
	buf_fini(&sealed);
	s->is_lost = rc != 0 && rc != ERR_AGAIN;
	if (s->is_lost)
		log_error("keys.tpm.lost", LOG_STR("reason", err_name(rc)), LOG_STR("advice", "the keys are sealed to a TPM that is not here or was cleared: put the disk back, or factory-reset all and restore a backup"));
	else if (s->has_key && unlinkat(folder, storage_file, 0) < 0 && errno != ENOENT)
		log_warn("keys.tpm.open", LOG_STR("file", storage_file)); /* a crash had left it */
	return 0;
}

void storage_close(struct storage *s)
{
	secret_wipe(s->key, sizeof s->key);
}

/* ---- sealing ---- */

static int encrypt(const uint8_t *key, const char *file, struct bytes plain, struct buf *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[NONCE_BYTES];
	int n = 0, n_end = 0;

	random_bytes(nonce, sizeof nonce);
	buf_put(out, mark, MARK_BYTES);
	buf_put(out, nonce, sizeof nonce);
	uint8_t *to = buf_reserve(out, plain.n + TAG_BYTES);
	bool is_good = ctx && to && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) &&
		       EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)file, (int)strlen(file)) &&
		       EVP_EncryptUpdate(ctx, to, &n, plain.p, (int)plain.n) && EVP_EncryptFinal_ex(ctx, to + n, &n_end) &&
		       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, to + plain.n);
	if (is_good)
		buf_commit(out, plain.n + TAG_BYTES);
	EVP_CIPHER_CTX_free(ctx);
	return is_good ? 0 : ERR_NOMEM;
}

static int decrypt(const uint8_t *key, const char *file, struct bytes sealed, struct buf *out)
{
	struct bytes nonce = bytes_make(sealed.p + MARK_BYTES, NONCE_BYTES);
	struct bytes text = bytes_make(sealed.p + MARK_BYTES + NONCE_BYTES, sealed.n - SEAL_BYTES);
	uint8_t tag[TAG_BYTES];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *to = buf_reserve(out, text.n + TAG_BYTES);
	int n = 0, n_end = 0;

	memcpy(tag, sealed.p + sealed.n - TAG_BYTES, TAG_BYTES);
	if (!ctx || !to) {
		EVP_CIPHER_CTX_free(ctx);
		return ERR_NOMEM;
	}
	bool is_good = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce.p) &&
		       EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)file, (int)strlen(file)) &&
		       EVP_DecryptUpdate(ctx, to, &n, text.p, (int)text.n) && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) &&
		       EVP_DecryptFinal_ex(ctx, to + n, &n_end) > 0;
	EVP_CIPHER_CTX_free(ctx);
	if (is_good)
		buf_commit(out, text.n);
	else
		secret_wipe(to, text.n);
	return is_good ? 0 : ERR_CHECKSUM;
}

int seal_write(struct storage *s, const char *file, struct bytes content)
{
	uint8_t key[STORAGE_KEY_BYTES];
	struct buf sealed;

	if (content.n > SEALED_MAX_BYTES)
		return ERR_LIMIT;
	buf_init(&sealed, SEALED_MAX_BYTES + SEAL_BYTES);
	int rc = storage_key(s, true, key);
	if (!rc)
		rc = encrypt(key, file, content, &sealed);
	if (!rc)
		rc = disk_replace(s->folder, file, buf_bytes(&sealed));
	secret_wipe(key, sizeof key);
	buf_fini(&sealed);
	return rc;
}

int seal_read(struct storage *s, const char *file, struct buf *out, bool *is_plain)
{
	uint8_t key[STORAGE_KEY_BYTES];
	struct buf in;

	buf_init(&in, SEALED_MAX_BYTES + SEAL_BYTES + (16 << 10));
	int rc = disk_read(s->folder, file, &in);
	struct bytes sealed = buf_bytes(&in);
	*is_plain = !rc && !bytes_starts(sealed, bytes_make(mark, MARK_BYTES));
	if (*is_plain) {
		buf_put_bytes(out, sealed);
		rc = buf_failed(out) ? ERR_LIMIT : 0;
	} else if (!rc && sealed.n < SEAL_BYTES) {
		rc = ERR_CHECKSUM;
	} else if (!rc) {
		rc = storage_key(s, false, key) ? ERR_IO : decrypt(key, file, sealed, out);
		secret_wipe(key, sizeof key);
	}
	secret_wipe(in.p, in.cap);
	buf_fini(&in);
	return rc;
}

void seal_wipe(struct buf *b)
{
	secret_wipe(b->p, b->cap);
	buf_fini(b);
}
