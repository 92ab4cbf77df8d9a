/* image_make.h - making an upgrade file: for the build and for tests; not in a program that ships. */
#ifndef UPDATE_IMAGE_MAKE_H
#define UPDATE_IMAGE_MAKE_H

#include "image_head.h"

#include <openssl/evp.h>

/* Reads n bytes of a part at offset. 0 or ERR_*. */
typedef int (*image_source_fn)(void *arg, enum image_part part, uint64_t offset, uint8_t *out, size_t n);
/* Takes the next bytes of the file. */
typedef int (*image_sink_fn)(void *arg, struct bytes data);

/* head: version, floor, platform and part_bytes are set; hashes and id are filled in. Same inputs, same bytes. */
int image_make(struct image_head *head, EVP_PKEY *key, image_source_fn source, image_sink_fn sink, void *arg);

#endif
