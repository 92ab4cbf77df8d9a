#include "backup_crypt.h"

#include "base/err.h"
#include "base/secret.h"
#include "base/wire.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/sha.h>

int backup_reader_init(struct backup_reader *r, struct bytes password)
{
	*r = (struct backup_reader){ .hash = EVP_MD_CTX_new() };
	buf_init(&r->in, BACKUP_HEAD_MAX + 4 + BACKUP_CHUNK_MAX);
	if (!r->hash || !EVP_DigestInit_ex(r->hash, EVP_sha256(), NULL))
		return ERR_NOMEM;
	if (password.n == 0)
		return 0;
	r->password = malloc(password.n);
	if (!r->password)
		return ERR_NOMEM;
	memcpy(r->password, password.p, password.n);
	r->n_password = password.n;
	return 0;
}

void backup_reader_fini(struct backup_reader *r)
{
	EVP_MD_CTX_free(r->hash);
	if (r->password)
		secret_wipe(r->password, r->n_password);
	free(r->password);
	buf_fini(&r->in);
	secret_wipe(r, sizeof *r);
}

static int wrong(struct backup_reader *r, int rc, const char *what)
{
	snprintf(r->why, sizeof r->why, "byte %llu, part %llu: %s", (unsigned long long)r->at, (unsigned long long)r->chunk, what);
	return rc;
}

static int unlock(struct backup_reader *r)
{
	uint8_t check[BACKUP_CHECK_BYTES];
	int rc = backup_derive(&r->head, bytes_make(r->password, r->n_password), r->key, check);

	if (rc)
		return wrong(r, rc, "no memory for the password");
	if (!secret_eq(bytes_make(check, sizeof check), bytes_make(r->head.check, sizeof r->head.check))) {
		snprintf(r->why, sizeof r->why, "wrong password");
		return ERR_AUTH;
	}
	return 0;
}

/* 1: there was one; 0: more bytes are wanted. */
static int take_head(struct backup_reader *r)
{
	const char *why = "";
	size_t whole = 0;
	struct bytes in = buf_bytes(&r->in);
	int rc = backup_head_decode(in, &r->head, &whole, &why);

	if (rc == ERR_TRUNCATED)
		return 0;
	if (rc)
		return wrong(r, rc, why);
	SHA256(in.p, whole, r->head_hash);
	(void)EVP_DigestUpdate(r->hash, in.p, whole); /* a failure shows at the end: the sums differ */
	buf_consume(&r->in, whole);
	r->at += whole;
	r->has_head = true;
	rc = r->password ? unlock(r) : 0;
	return rc ? rc : 1;
}

static int take_end(struct backup_reader *r, struct bytes piece)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	struct bytes said = bytes_make(piece.p, SHA256_DIGEST_LENGTH);

	if (piece.n != SHA256_DIGEST_LENGTH + BACKUP_SIGNATURE_BYTES || !EVP_DigestFinal_ex(r->hash, sum, NULL) ||
	    !bytes_eq(said, bytes_make(sum, sizeof sum)) ||
	    !backup_verify(r->head.public_key, backup_end_purpose, said, bytes_skip(piece, SHA256_DIGEST_LENGTH)))
		return wrong(r, ERR_CHECKSUM, "the signature at its end is not of the box that its head names");
	r->is_whole = true;
	return 1;
}

static int take_plain(struct backup_reader *r, struct bytes plain, backup_piece_fn fn, void *arg)
{
	uint8_t section = plain.p[0];

	if (section == BACKUP_END)
		return take_end(r, bytes_skip(plain, 1));
	if (section == 0 || section < r->section)
		return wrong(r, ERR_SYNTAX, "sections out of order");
	r->section = section;
	int rc = fn(arg, (enum backup_section)section, bytes_skip(plain, 1));
	return rc ? wrong(r, rc, "its content was refused") : 1;
}

/* The nonce says whether a chunk is the last: only one of the two opens. */
static int unseal(struct backup_reader *r, struct bytes sealed, uint8_t *plain)
{
	struct backup_place at = { r->key, r->head_hash, r->chunk, false };
	int rc = backup_unseal(&at, sealed, plain);

	if (!rc)
		return plain[0] == BACKUP_END ? ERR_CHECKSUM : 0;
	at.is_last = true;
	rc = backup_unseal(&at, sealed, plain);
	return rc ? rc : plain[0] == BACKUP_END ? 0 : ERR_CHECKSUM;
}

static int take_chunk(struct backup_reader *r, backup_piece_fn fn, void *arg)
{
	struct wire w = wire_of(buf_bytes(&r->in));
	size_t n = wire_u32(&w);
	uint8_t plain[BACKUP_CHUNK_MAX];

	if (wire_failed(&w))
		return 0;
	if (n < 1 + BACKUP_TAG_BYTES || n > BACKUP_CHUNK_MAX)
		return wrong(r, ERR_SYNTAX, "the length of a part");
	struct bytes sealed = wire_raw(&w, n), all = bytes_make(buf_bytes(&r->in).p, 4 + n);
	if (wire_failed(&w))
		return 0;
	if (unseal(r, sealed, plain))
		return wrong(r, ERR_CHECKSUM, "damaged, or not of this file, or not in its place");
	if (plain[0] != BACKUP_END)
		(void)EVP_DigestUpdate(r->hash, all.p, all.n); /* a failure shows at the end: the sums differ */
	int rc = take_plain(r, bytes_make(plain, n - BACKUP_TAG_BYTES), fn, arg);
	secret_wipe(plain, n);
	buf_consume(&r->in, 4 + n);
	r->at += 4 + n;
	r->chunk++;
	return rc;
}

static int step(struct backup_reader *r, backup_piece_fn fn, void *arg)
{
	if (!r->has_head)
		return take_head(r);
	if (!r->password)
		return 0;
	if (r->is_whole)
		return buf_len(&r->in) ? wrong(r, ERR_SYNTAX, "something follows the end") : 0;
	return take_chunk(r, fn, arg);
}

int backup_reader_feed(struct backup_reader *r, struct bytes in, backup_piece_fn fn, void *arg)
{
	int rc = 1;

	while (rc >= 0 && (in.n > 0 || rc == 1)) {
		size_t room = r->in.max - buf_len(&r->in), n = in.n < room ? in.n : room;
		if (r->has_head && !r->password)
			return 0; /* the head is all that is wanted */
		buf_put(&r->in, in.p, n);
		in = bytes_skip(in, n);
		if (buf_failed(&r->in))
			return wrong(r, ERR_NOMEM, "out of memory");
		while ((rc = step(r, fn, arg)) == 1)
			;
		if (rc == 0 && in.n > 0 && buf_len(&r->in) == r->in.max)
			return wrong(r, ERR_SYNTAX, "the length of a part"); /* cannot be: all fit */
	}
	return rc;
}

int backup_reader_end(struct backup_reader *r)
{
	if (r->is_whole || (r->has_head && !r->password))
		return 0;
	return wrong(r, ERR_TRUNCATED, "the file ends too early");
}
