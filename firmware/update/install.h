/* install.h - an upgrade file into the spare slot, as it comes: nothing is written that has not been verified.
 *
 * Order of writes (image.md 4): signature, version, room; the spare slot is marked unfinished; chunks; sync; all is read
 * back from the medium; only then the table names it. After a cut at any point what ran before boots, or the new one whole. */
#ifndef UPDATE_INSTALL_H
#define UPDATE_INSTALL_H

#include "base/buf.h"
#include "slots.h"

enum { INSTALL_SYNC_CHUNKS = 256, INSTALL_VERIFY_CHUNKS = 64 };

struct install {
	const struct slot_disk *disk;
	struct slot_table *table;
	const uint8_t (*trust)[IMAGE_KEY_BYTES];
	const char *platform;
	unsigned flags; /* enum upgrade_flag */
	struct buf in;  /* of a head or list that is not whole yet */
	bool has_head, has_list, is_resumed;
	struct image_head head;
	uint8_t *list;
	uint64_t at;    /* next byte of the file that is wanted */
	uint32_t chunk, verified; /* next to be taken; read back */
	char why[200];  /* after an error */
};

/* trust, platform: the caller's, as long as this lives. */
void install_init(struct install *i, const struct slot_disk *d, struct slot_table *t, const uint8_t (*trust)[IMAGE_KEY_BYTES],
                  const char *platform, unsigned flags);
void install_fini(struct install *i);
/* Bytes of the file at offset, which is i->at; how many of them does not matter (at most a chunk counts at a time). ERR_AUTH, ERR_SYNTAX,
 * ERR_CHECKSUM; ERR_EXISTS: runs already; ERR_DENIED: too old, or has failed; ERR_LIMIT: no room; ERR_IO. */
int install_feed(struct install *i, uint64_t offset, struct bytes in);
/* No more bytes come: reads back a little. 1: call again; 0: the slot boots next. ERR_TRUNCATED, ERR_CHECKSUM, ERR_IO. */
int install_verify(struct install *i);

#endif
