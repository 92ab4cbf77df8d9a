/* held.h - a request that waits for a way, or for its answer. While it is out, its client transaction has the only
 * text of it. Before, it is parsed while young, and kept as text, a fraction of that, when it waits longer. */
#ifndef GSIP_HELD_H
#define GSIP_HELD_H

#include "base/list.h"
#include "sip/message.h"

struct gsip;
struct sipclient;

enum { HELD_PARSED_MS = 250 };

struct held {
	struct list node;
	struct sipmsg *m; /* NULL: text has it, or the transaction */
	uint8_t *text;
	uint32_t n;
	uint64_t since_ms;
};

/* Takes m over. */
void held_init(struct gsip *g, struct held *h, struct sipmsg *m);
void held_fini(struct gsip *g, struct held *h);
/* The request, h's; NULL without memory, or while it is lent. */
struct sipmsg *held_message(struct gsip *g, struct held *h);
/* It is out: a client transaction keeps it now. */
void held_lend(struct held *h);
/* c is about to end, and the request may have to go elsewhere. */
void held_take_back(struct gsip *g, struct held *h, const struct sipclient *c);
/* Packs what is old enough. */
void held_pack(struct gsip *g);

#endif
