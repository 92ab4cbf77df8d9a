/* backup_file.h - the backup file (docs/architecture/backup.md has it to the byte).
 *
 *     head   "GHBACKUP" version:u16 length:u16 fields signature:64
 *     chunk  length:u32 AES-256-GCM(section:u8 bytes) tag:16        any number, sections in order
 *     end    a chunk of section 255: SHA-256 of all before it, Ed25519 over that
 *
 * Key and check value come from the password by scrypt (RFC 7914). A chunk's nonce is its number and whether it is the
 * last; the head's hash is its additional data: a chunk that is cut off, moved, repeated or of another file does not open.
 * Two engines: no files, no clock, no logging. */
#ifndef KEYS_BACKUP_FILE_H
#define KEYS_BACKUP_FILE_H

#include "base/buf.h"
#include "run/backup.h"

#include <openssl/evp.h>

enum {
	BACKUP_VERSION = 1,
	BACKUP_HEAD_MAX = 512, /* with signature */
	BACKUP_KEY_BYTES = 32, BACKUP_CHECK_BYTES = 16, BACKUP_SALT_BYTES = 16, BACKUP_TAG_BYTES = 16, BACKUP_SIGNATURE_BYTES = 64,
	BACKUP_CHUNK_MAX = 1 + BACKUP_PIECE_MAX + BACKUP_TAG_BYTES,
	HOST_ID_BYTES = 16, PUBLIC_KEY_BYTES = 32,
	PASSWORD_MIN_BYTES = 12, PASSWORD_MAX_BYTES = 1024,
	/* scrypt: what we write, and the most that we let a file make us do (128 MiB) */
	SCRYPT_LOG2N = 16, SCRYPT_R = 8, SCRYPT_P = 1, SCRYPT_LOG2N_MIN = 10, SCRYPT_LOG2N_MAX = 17, SCRYPT_P_MAX = 4,
};

struct backup_head {
	uint16_t version;
	char product[32], platform[32], name[64];
	uint8_t host_id[HOST_ID_BYTES], public_key[PUBLIC_KEY_BYTES];
	uint8_t id[BACKUP_ID_BYTES];
	uint32_t generation;
	uint64_t made_ms; /* wall clock of the box that made it */
	uint8_t flags;    /* enum backup_flag */
	uint8_t log2n, r, p;
	uint8_t salt[BACKUP_SALT_BYTES], check[BACKUP_CHECK_BYTES];
};

/* host_id is the start of the SHA-256 of the public key. */
void backup_host_id(const uint8_t public_key[static PUBLIC_KEY_BYTES], uint8_t out[static HOST_ID_BYTES]);

/* NULL: strong enough for a file that may be stolen; else why not. */
const char *backup_password_weakness(struct bytes password);

struct backup_writer {
	struct backup_head head;
	EVP_PKEY *identity; /* the caller's */
	EVP_MD_CTX *hash;   /* of all bytes so far */
	uint8_t key[BACKUP_KEY_BYTES], head_hash[32];
	uint64_t chunk;
	uint8_t section;
};

/* Fills in what the writer decides itself (id, salt, scrypt, check, host), signs and appends the head. Takes some 100 ms.
 * ERR_NOMEM, ERR_SYS (OpenSSL). */
int backup_writer_init(struct backup_writer *w, const struct backup_head *about, EVP_PKEY *identity, struct bytes password, struct buf *out);
/* At most BACKUP_PIECE_MAX bytes; sections never go back. ERR_BAD_STATE, ERR_LIMIT, ERR_SYS. */
int backup_writer_put(struct backup_writer *w, enum backup_section section, struct bytes piece, struct buf *out);
int backup_writer_end(struct backup_writer *w, struct buf *out);
void backup_writer_fini(struct backup_writer *w);

struct backup_reader {
	struct backup_head head;
	struct buf in; /* of a head or chunk that is not whole yet */
	EVP_MD_CTX *hash;
	uint8_t *password; /* NULL: only the head is wanted */
	size_t n_password;
	uint8_t key[BACKUP_KEY_BYTES], head_hash[32];
	uint64_t at, chunk; /* bytes taken, chunks opened */
	uint8_t section;
	bool has_head, is_whole;
	char why[160]; /* after an error: what is wrong, and where */
};

/* A piece of a section; bytes valid during the call. An error ends the reading. */
typedef int (*backup_piece_fn)(void *arg, enum backup_section section, struct bytes piece);

/* password: copied, wiped at the end; empty: only the head is read. ERR_NOMEM. */
int backup_reader_init(struct backup_reader *r, struct bytes password);
/* Any bytes in pieces of any size. 0; ERR_AUTH wrong password; ERR_CHECKSUM damaged; ERR_SYNTAX malformed, or
 * something behind the end; ERR_UNSUPPORTED version; or what fn gave. After an error only fini. */
int backup_reader_feed(struct backup_reader *r, struct bytes in, backup_piece_fn fn, void *arg);
/* No more bytes come. ERR_TRUNCATED. */
int backup_reader_end(struct backup_reader *r);
void backup_reader_fini(struct backup_reader *r);

#endif
