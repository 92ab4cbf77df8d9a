/* backup_crypt.h - what the two engines of the backup file share. */
#ifndef KEYS_BACKUP_CRYPT_H
#define KEYS_BACKUP_CRYPT_H

#include "backup_file.h"

/* Place of one chunk: the nonce and additional data that bind it there. */
struct backup_place {
	const uint8_t *key, *head_hash;
	uint64_t number;
	bool is_last;
};

int backup_derive(const struct backup_head *h, struct bytes password, uint8_t key[static BACKUP_KEY_BYTES],
                  uint8_t check[static BACKUP_CHECK_BYTES]);
/* Appends cipher text and tag. ERR_SYS. */
int backup_seal(const struct backup_place *at, struct bytes plain, struct buf *out);
/* plain has room for sealed.n - tag. ERR_CHECKSUM: not what was sealed there. */
int backup_unseal(const struct backup_place *at, struct bytes sealed, uint8_t *plain);
int backup_sign(EVP_PKEY *identity, const char *purpose, struct bytes data, uint8_t out[static BACKUP_SIGNATURE_BYTES]);
bool backup_verify(const uint8_t public_key[static PUBLIC_KEY_BYTES], const char *purpose, struct bytes data, struct bytes signature);

/* backup_head.c: head without its signature, appended; and back. decode: ERR_TRUNCATED wants more bytes; *whole is the
 * length with signature. */
extern const char backup_head_purpose[], backup_end_purpose[];
void backup_head_encode(const struct backup_head *h, struct buf *out);
int backup_head_decode(struct bytes in, struct backup_head *h, size_t *whole, const char **why);

#endif
