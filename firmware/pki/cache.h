/* cache.h - what was fetched last, in gh-pki's own folder, so that a start without the network is one with what was known.
 * All of it is signed by authorities and is verified again when it is read; nothing here is secret. */
#ifndef PKI_CACHE_H
#define PKI_CACHE_H

#include "base/buf.h"

enum cache_kind { CACHE_LIST, CACHE_STAPLE, CACHE_KIND_COUNT };
enum { CACHE_KEY_BYTES = 32 };

struct cache {
	int dir_fd;
};

/* ERR_NOT_FOUND, ERR_IO, ERR_LIMIT: out cannot take it. */
int cache_read(const struct cache *c, enum cache_kind k, const uint8_t key[static CACHE_KEY_BYTES], struct buf *out);
/* ERR_IO: what was there stays. */
int cache_write(const struct cache *c, enum cache_kind k, const uint8_t key[static CACHE_KEY_BYTES], struct bytes content);
/* Deletes the files of that kind that `is_used` does not know. */
void cache_sweep(const struct cache *c, enum cache_kind k, bool (*is_used)(void *arg, const uint8_t key[static CACHE_KEY_BYTES]), void *arg);

#endif
