/* proto/upload.h - one HTTP request about a file (XEP-0363), as the front hands it to gh-files, and what it is answered. The
 * front alone speaks HTTP with the client; between the two goes a stream of one request and one answer:
 *
 *	ask     length:u32 (of what follows) op:u8 path:str type:str range:str if_range:str if_none_match:str size:u64
 *	        then, when it was answered 100, `size` bytes of the file
 *	answer  length:u32 (of what follows) status:u16 size:u64 n:u8 and n of {name:str value:str}
 *	        then `size` bytes; none when HEAD was asked. 100 has none and is not the last: the file may come
 *
 * An edge that asks may be hostile: any bytes may come. Pure. */
#ifndef PROTO_UPLOAD_H
#define PROTO_UPLOAD_H

#include "base/buf.h"

#define UPLOAD_PREFIX "/upload/"

enum {
	UPLOAD_HEAD_MAX = 16 << 10, /* of an ask or answer, without its length */
	UPLOAD_FIELDS_MAX = 12,
	/* A client that moves less than that in such a time has no place here, whether it reads or writes. */
	UPLOAD_PACE_MS = 30000,
	UPLOAD_PACE_BYTES = 32 << 10,
};

enum upload_op { UPLOAD_GET, UPLOAD_HEAD, UPLOAD_PUT, UPLOAD_OP_COUNT };

struct upload_ask {
	enum upload_op op;
	struct bytes path; /* of the target, still encoded */
	struct bytes type; /* Content-Type; empty: none */
	struct bytes range, if_range, if_none_match; /* RFC 9110 14.2, 13.1; empty: none */
	uint64_t size; /* PUT: Content-Length */
};

struct upload_field {
	struct bytes name, value;
};
struct upload_answer {
	uint16_t status;
	uint64_t size;
	struct upload_field fields[UPLOAD_FIELDS_MAX];
	size_t n;
};

void upload_put_ask(struct buf *out, const struct upload_ask *a);
void upload_put_answer(struct buf *out, const struct upload_answer *a);
/* The one at the front of `in`: views into it, *used bytes. ERR_AGAIN: it is not whole yet. ERR_LIMIT, ERR_SYNTAX. */
int upload_take_ask(struct bytes in, struct upload_ask *out, size_t *used);
int upload_take_answer(struct bytes in, struct upload_answer *out, size_t *used);
/* Adds a field to an answer. More than UPLOAD_FIELDS_MAX: a broken invariant, it is left out. */
void upload_add(struct upload_answer *a, const char *name, struct bytes value);

#endif
