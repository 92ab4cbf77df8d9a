#include "backup_crypt.h"

#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/wire.h"

#include <openssl/sha.h>

static int sign_head(struct backup_writer *w, struct buf *out)
{
	uint8_t signature[BACKUP_SIGNATURE_BYTES];
	struct buf head;

	buf_init(&head, BACKUP_HEAD_MAX);
	backup_head_encode(&w->head, &head);
	int rc = buf_failed(&head) ? ERR_LIMIT : backup_sign(w->identity, backup_head_purpose, buf_bytes(&head), signature);
	if (!rc) {
		buf_put(&head, signature, sizeof signature);
		rc = buf_failed(&head) ? ERR_LIMIT : 0;
	}
	if (!rc) {
		struct bytes all = buf_bytes(&head);
		SHA256(all.p, all.n, w->head_hash);
		rc = EVP_DigestUpdate(w->hash, all.p, all.n) ? 0 : ERR_SYS;
		buf_put_bytes(out, all);
	}
	buf_fini(&head);
	return rc ? rc : buf_failed(out) ? ERR_LIMIT : 0;
}

int backup_writer_init(struct backup_writer *w, const struct backup_head *about, EVP_PKEY *identity, struct bytes password, struct buf *out)
{
	size_t n = PUBLIC_KEY_BYTES;

	*w = (struct backup_writer){ .head = *about, .identity = identity, .hash = EVP_MD_CTX_new() };
	struct backup_head *h = &w->head;
	h->log2n = SCRYPT_LOG2N;
	h->r = SCRYPT_R;
	h->p = SCRYPT_P;
	random_bytes(h->salt, sizeof h->salt);
	random_bytes(h->id, sizeof h->id);
	int rc = w->hash && EVP_DigestInit_ex(w->hash, EVP_sha256(), NULL) && EVP_PKEY_get_raw_public_key(identity, h->public_key, &n) ? 0 : ERR_SYS;
	if (!rc)
		rc = backup_derive(h, password, w->key, h->check);
	return rc ? rc : sign_head(w, out);
}

static int put_chunk(struct backup_writer *w, uint8_t section, struct bytes piece, struct buf *out)
{
	struct backup_place at = { w->key, w->head_hash, w->chunk, section == BACKUP_END };
	uint8_t plain[1 + BACKUP_PIECE_MAX];
	size_t start = buf_len(out);

	plain[0] = section;
	if (piece.n > 0)
		memcpy(plain + 1, piece.p, piece.n);
	wire_put_u32(out, (uint32_t)(1 + piece.n + BACKUP_TAG_BYTES));
	int rc = buf_failed(out) ? ERR_LIMIT : backup_seal(&at, bytes_make(plain, 1 + piece.n), out);
	secret_wipe(plain, 1 + piece.n);
	if (!rc && !EVP_DigestUpdate(w->hash, out->p + out->off + start, buf_len(out) - start))
		rc = ERR_SYS;
	w->chunk++;
	return rc;
}

int backup_writer_put(struct backup_writer *w, enum backup_section section, struct bytes piece, struct buf *out)
{
	if (section < w->section || section >= BACKUP_END)
		return ERR_BAD_STATE;
	if (piece.n > BACKUP_PIECE_MAX)
		return ERR_LIMIT;
	w->section = (uint8_t)section;
	return put_chunk(w, (uint8_t)section, piece, out);
}

int backup_writer_end(struct backup_writer *w, struct buf *out)
{
	uint8_t last[SHA256_DIGEST_LENGTH + BACKUP_SIGNATURE_BYTES];

	if (w->section == BACKUP_END)
		return ERR_BAD_STATE;
	w->section = BACKUP_END;
	if (!EVP_DigestFinal_ex(w->hash, last, NULL))
		return ERR_SYS;
	int rc = backup_sign(w->identity, backup_end_purpose, bytes_make(last, SHA256_DIGEST_LENGTH), last + SHA256_DIGEST_LENGTH);
	if (!rc)
		rc = EVP_DigestInit_ex(w->hash, EVP_sha256(), NULL) ? 0 : ERR_SYS; /* put_chunk goes on hashing */
	return rc ? rc : put_chunk(w, BACKUP_END, bytes_make(last, sizeof last), out);
}

void backup_writer_fini(struct backup_writer *w)
{
	EVP_MD_CTX_free(w->hash);
	secret_wipe(w, sizeof *w);
}
