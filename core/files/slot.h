/* slot.h - places for files: what a slot (XEP-0363 4) is, and the paths under which it is filled and fetched. A path carries
 * all that is known of the slot, sealed with HMAC-SHA-256 by a key that only gh-files has: nothing is kept between the request
 * for a slot and its file, and nobody can make a path, or change name, size, type, owner or end of one. Pure.
 *
 *	/upload/TOKEN/NAME   TOKEN: base64url (RFC 4648 5) of kind:u8 id[16] hour:u32 [ until:u64 size:u64 owner:str type:str ] mac[16]
 *
 * What stands in [] is in the path that fills (PUT) alone. The mac covers the name, too. */
#ifndef FILES_SLOT_H
#define FILES_SLOT_H

#include "base/buf.h"

enum {
	SLOT_ID_BYTES = 16,
	SLOT_MAC_BYTES = 16,
	SLOT_NAME_MAX = 255,
	SLOT_TYPE_MAX = 127,
	SLOT_OWNER_MAX = 1280, /* a longer bare JID has no path that fits a request's line */
	SLOT_PATH_MAX = 3200,
};

enum slot_kind { SLOT_FILL = 'P', SLOT_FETCH = 'G' };

struct slot {
	enum slot_kind kind;
	uint8_t id[SLOT_ID_BYTES];
	uint32_t hour;    /* when it was given out, hours since 1970: where its file lies */
	uint64_t until_s; /* fill: since 1970 */
	uint64_t size;    /* fill: bytes */
	char owner[SLOT_OWNER_MAX + 1]; /* fill: bare JID */
	char type[SLOT_TYPE_MAX + 1];   /* fill: media type (RFC 9110 8.3.1); "" not said */
	char name[SLOT_NAME_MAX + 1];   /* UTF-8 */
};

/* May a file have this name? UTF-8 that can be shown, no slash of either kind, not "." or "..". */
bool slot_is_name(struct bytes name);
/* Is it a media type, with or without parameters? */
bool slot_is_type(struct bytes type);
/* Appends the path. ERR_LIMIT: it would be longer than SLOT_PATH_MAX. ERR_SYS: libcrypto refuses. */
int slot_put_path(struct bytes key, const struct slot *s, struct buf *out);
/* From a request's path, still encoded. ERR_SYNTAX, ERR_LIMIT: no path of ours; ERR_AUTH: forged. *out is filled only when
 * it is genuine. */
int slot_read_path(struct bytes key, struct bytes path, struct slot *out);
/* Appends text with all but unreserved characters percent-encoded (RFC 3986 2.1). */
void slot_put_encoded(struct buf *out, struct bytes text);

#endif
