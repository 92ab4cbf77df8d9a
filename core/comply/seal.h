/* seal.h - signatures of the compliance archive (run/complyseal.h): in a file beside each segment, each over the hash of one record
 * and so over all before it.
 *
 *     number u64  hash (32)  signature str  public key str (SubjectPublicKeyInfo in DER)   , one after the other */
#ifndef COMPLY_SEAL_H
#define COMPLY_SEAL_H

#include "proto/record.h"

enum { SEAL_FILE_MAX = 4 << 20, SEAL_PIN_HEX = 64 };

struct seal {
	uint64_t number;
	struct bytes hash, signature, key;
};

/* On the disk, behind those of the segment that are there. ERR_IO. */
int seal_append(int dir_fd, uint64_t segment, const struct seal *s);
/* Half of one at the end, of a kill, goes. ERR_IO. */
int seal_repair(int dir_fd, uint64_t segment);
/* All of a segment, appended; none is no error. ERR_IO, ERR_LIMIT. */
int seal_read(int dir_fd, uint64_t segment, struct buf *out);
/* The next one; false: none, or half of one. */
bool seal_next(struct wire *w, struct seal *out);
/* Is the signature right? */
bool seal_verify(const struct seal *s);
/* SHA-256 of the key, as `show keys` has it. */
void seal_pin(struct bytes key, char out[static SEAL_PIN_HEX + 1]);

#endif
