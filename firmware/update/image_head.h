/* image_head.h - the head of an upgrade file (docs/architecture/upgrade.md).
 *
 *     head     4032 bytes of text, filled with NUL, and 64 of Ed25519 over them
 *     hashes   32 bytes a chunk (SHA-256); their own SHA-256 stands in the head
 *     payload  the parts, one behind the other, each in chunks of 64 KiB, the last one of a part shorter
 *
 * Who may sign is two raw public keys in the image, without dates: no clock decides about an upgrade. */
#ifndef UPDATE_IMAGE_HEAD_H
#define UPDATE_IMAGE_HEAD_H

#include "base/bytes.h"

enum {
	IMAGE_TEXT_BYTES = 4032, IMAGE_SIGNATURE_BYTES = 64, IMAGE_HEAD_BYTES = IMAGE_TEXT_BYTES + IMAGE_SIGNATURE_BYTES,
	IMAGE_HASH_BYTES = 32, IMAGE_CHUNK_BYTES = 64 << 10, IMAGE_CHUNKS_MAX = 65536,
	IMAGE_KEY_BYTES = 32, IMAGE_KEYS = 2,
};

/* In the order of the file. */
enum image_part { PART_UKI, PART_ROOT, PART_HASH, PART_COUNT };
extern const char *const image_part_names[PART_COUNT];

struct image_version {
	uint16_t n[3];
};

struct image_head {
	struct image_version version;
	struct image_version floor; /* once this image was good here, nothing below that is installed any more */
	char platform[16];          /* "any", "virtual", "hardware" */
	uint64_t part_bytes[PART_COUNT];
	uint8_t hashes[IMAGE_HASH_BYTES]; /* SHA-256 of the list */
	uint8_t id[IMAGE_HASH_BYTES];     /* SHA-256 of the whole head: which file this is */
};

typedef const uint8_t image_trust[IMAGE_KEYS][IMAGE_KEY_BYTES];

/* "1.2" or "1.2.3". ERR_SYNTAX. */
int image_version_parse(struct bytes text, struct image_version *out);
int image_version_cmp(const struct image_version *a, const struct image_version *b);
enum { IMAGE_VERSION_TEXT = 24 };
void image_version_text(const struct image_version *v, char out[static IMAGE_VERSION_TEXT]);

/* The signature first: nothing of an unsigned head is read. ERR_AUTH: not signed by one of the keys; ERR_SYNTAX, ERR_RANGE
 * with *why in static text. */
int image_head_decode(const uint8_t raw[static IMAGE_HEAD_BYTES], image_trust trust, struct image_head *out, const char **why);
/* The text without signature: for the tool that makes such files. */
void image_head_encode(const struct image_head *h, uint8_t out[static IMAGE_TEXT_BYTES]);

uint32_t image_chunks(const struct image_head *h);
/* Where chunk i stands: false behind the last one. */
struct image_place {
	enum image_part part;
	uint64_t offset;      /* in the part */
	size_t n;             /* bytes */
	uint64_t file_offset;
};
bool image_place_of(const struct image_head *h, uint32_t i, struct image_place *out);
/* Where the payload begins. */
uint64_t image_payload_offset(const struct image_head *h);

#endif
