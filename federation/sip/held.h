/* held.h - a request that waits for its answer. It is parsed while young; what waits longer is kept as text, a
 * fraction of that, and parsed again when its answer must be made. */
#ifndef GSIP_HELD_H
#define GSIP_HELD_H

#include "base/list.h"
#include "sip/message.h"

struct gsip;

enum { HELD_PARSED_MS = 250 };

struct held {
	struct list node;
	struct sipmsg *m; /* NULL: text has it */
	uint8_t *text;
	uint32_t n;
	uint64_t since_ms;
};

/* Takes m over. */
void held_init(struct gsip *g, struct held *h, struct sipmsg *m);
void held_fini(struct gsip *g, struct held *h);
/* The request, h's; NULL without memory. */
struct sipmsg *held_message(struct held *h);
/* Packs what is old enough. */
void held_pack(struct gsip *g);

#endif
