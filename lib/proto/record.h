/* proto/record.h - what the compliance archive is made of: records, each with the SHA-256 of all before it. Pure: bytes in, bytes out.
 *
 * A segment is a file: a head, then records.
 *
 *     head     "GHCOMPL1" (8)  number of its first record u64  when it was begun u64 (ms since 1970)  hash before it (32)
 *     record   length of the body u32  body  hash (32) = SHA-256(hash before, SHA-256(length, body))
 *     pruned   0x80000000 | length of what follows u32  how many u32  hash (32): of the last of so many records that are gone
 *     body     number u64  kind u8  when u64 (ms since 1970)  fields of the kind
 *
 * Numbers rise by one from 1 on. All numbers are big-endian (base/wire.h). */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include "base/wire.h"

enum {
	RECORD_HASH_BYTES = 32,
	RECORD_HEAD_BYTES = 8 + 8 + 8 + RECORD_HASH_BYTES,
	RECORD_BODY_MAX = (4 << 20) - 1024, /* a stanza is shorter by far (c2s stanza-size) */
	RECORD_FRAME_BYTES = 4 + RECORD_HASH_BYTES, /* around a body */
	RECORD_EVENT_MAX = 31,
	RECORD_TEXT_MAX = 1000,
};

/* Kinds, as they stand on disks: they never change. */
enum record_kind {
	RECORD_STANZA = 1, /* door u8, kind u8, type u8, trace u64, from str, to str, id str, stanza bytes (proto/envelope.h) */
	RECORD_FILE = 2,   /* owner str, name str, media type str, size u64, path str: a place to put a file (XEP-0363) was given out */
	RECORD_TRANSFER = 4, /* fact u8 (enum transfer_fact), owner str, name str, media type str, size u64, moved u64, place str, address str, detail str:
	                        what has come of a file (C-MFT-17) */
	RECORD_EVENT = 3,  /* event str, text str: something about the archive itself: who read it, what is missing */
};

/* Facts of a RECORD_TRANSFER, as they stand on disks: they never change. */
enum transfer_fact {
	TRANSFER_PUT,      /* it was uploaded, and scanned where that is set */
	TRANSFER_GET,      /* it was downloaded: as much as `moved` says, of an answer that begins at its front or anywhere */
	TRANSFER_INFECTED, /* the scanner refuses it: detail is the signature's name */
	TRANSFER_UNSCANNED, /* it was uploaded, and no scanner could say */
	TRANSFER_FACT_COUNT
};
/* As exports have them; out of range: "". */
const char *transfer_fact_name(unsigned fact);

struct record {
	uint64_t number, at_ms;
	uint8_t kind; /* enum record_kind */
	uint8_t door, stanza_kind, type;
	uint64_t trace;
	struct bytes from, to; /* of a file: its owner, nobody; of an event: nobody */
	struct bytes sid, stanza;
	struct bytes name, media; /* of a file; name: of an event, too */
	struct bytes text;        /* of a file: its path, or place; of an event: what it says */
	uint64_t size, moved;     /* moved: of a transfer, bytes */
	uint8_t fact;             /* of a transfer */
	struct bytes address, detail; /* of a transfer: of the client; of TRANSFER_INFECTED: the signature */
};

/* Appends the fields behind the number. */
void record_put_fields(struct buf *b, const struct record *r);
/* Reads the fields behind the number; views into `in`; number stays. ERR_SYNTAX, ERR_TRUNCATED, ERR_RANGE (a kind or an enum that
 * there is not). */
int record_read_fields(struct bytes in, struct record *out);
/* A whole body. The same errors. */
int record_read(struct bytes body, struct record *out);

/* Appends a record with these fields (record_put_fields) under this number, and makes `hash` its hash. */
void record_append(struct buf *b, uint64_t number, struct bytes fields, uint8_t hash[static RECORD_HASH_BYTES]);
void record_append_pruned(struct buf *b, uint32_t n, const uint8_t hash[static RECORD_HASH_BYTES]);

struct record_head {
	uint64_t first, begun_ms;
	uint8_t hash[RECORD_HASH_BYTES];
};
void record_put_head(struct buf *b, const struct record_head *h);
/* in: RECORD_HEAD_BYTES or more. ERR_TRUNCATED, ERR_SYNTAX. */
int record_read_head(struct bytes in, struct record_head *out);

/* One thing in a segment: a record, or the place of pruned ones. */
struct record_frame {
	size_t n;              /* bytes of all of it */
	uint32_t pruned;       /* how many; 0: it is a record */
	struct bytes body;     /* of a record */
	struct bytes hash;     /* RECORD_HASH_BYTES */
};
/* The frame at the front of `in`. ERR_TRUNCATED: there is not all of it; ERR_RANGE: its length cannot be. */
int record_frame(struct bytes in, struct record_frame *out);
/* Is the frame's hash right, after that hash? Of pruned ones: as far as can be known. Then `hash` becomes the frame's. */
bool record_check(const struct record_frame *f, uint8_t hash[static RECORD_HASH_BYTES]);

#endif
