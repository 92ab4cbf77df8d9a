/* gateway/link/ferry_frame.h - what goes over a ferry, the stream between an edge and a core that carries partners' stanzas:
 *
 *     length:u32 (of what follows) type:u8 body
 *
 *     FERRY_HELLO   version u8                  first, from both sides
 *     FERRY_ROUTE   envelope (proto/envelope.h)  as ROUTE of run/msg.def
 *     FERRY_DONE    id u64, rc u32 (as i32)      as ROUTE_DONE; id: the envelope's, as its sender gave it
 *
 * Either side may be hostile: what is anything else ends the stream. Pure functions. */
#ifndef LINK_FERRY_FRAME_H
#define LINK_FERRY_FRAME_H

#include "proto/envelope.h"

enum ferry_type { FERRY_HELLO, FERRY_ROUTE, FERRY_DONE, FERRY_TYPE_COUNT };

enum {
	FERRY_VERSION = 1,
	FERRY_LENGTH_BYTES = 4,
	FERRY_FRAME_MAX = 8 << 20, /* as of a frame between programs (run/bus.h) */
};

struct ferry_frame {
	enum ferry_type type;
	uint8_t version;   /* HELLO */
	struct envelope e; /* ROUTE; views into what was read */
	uint64_t id;       /* DONE */
	int32_t rc;
};

/* The first frame of `in`; *used: its bytes. ERR_AGAIN: more bytes are needed; ERR_LIMIT: longer than any; ERR_SYNTAX, ERR_TRUNCATED,
 * ERR_RANGE: no such frame, or no such envelope (one without from or to is none). */
int ferry_frame_read(struct bytes in, struct ferry_frame *out, size_t *used);

void ferry_put_hello(struct buf *b);
void ferry_put_route(struct buf *b, const struct envelope *e);
void ferry_put_done(struct buf *b, uint64_t id, int32_t rc);

/* The id under which this box knows an envelope that came from `with` under the id `theirs`: gh-link's, so that the answer comes to
 * it, and always the same, so that an envelope which comes again is known whatever was started anew in between. Others' ids are made
 * of 40 bits that count and start anywhere: of two sides they do not meet. */
uint64_t ferry_id(const char *with, uint64_t theirs);

#endif
