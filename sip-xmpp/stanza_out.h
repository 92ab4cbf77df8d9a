/* stanza_out.h - stanzas of ours. One that matters is kept until somebody has taken it and is sent again when
 * the way was broken; of the others nobody hears any more. */
#ifndef XLATE_STANZA_OUT_H
#define XLATE_STANZA_OUT_H

#include "stanza_in.h"

enum {
	STANZAS_OUT_MAX = 100000, STANZAS_OUT_BYTES_MAX = 64 << 20, STANZA_OUT_AGAIN_MS = 500,
	STANZA_OUT_WAIT_MS = 20000, /* less than a SIP transaction waits */
};

struct stanza_out; /* gone when fn was called */

enum stanza_outcome {
	STANZA_TAKEN,
	STANZA_REFUSED, /* an error stanza came first: error */
	STANZA_LOST,    /* nobody took it in time */
};
/* error: with STANZA_REFUSED; its tree is error->node. Valid during the call. */
typedef void (*stanza_out_fn)(void *arg, enum stanza_outcome o, const struct stanza_in *error);

struct stanza_to {
	enum stanza_kind kind;
	enum stanza_type type;
	uint32_t facts;
	uint64_t trace;
	struct bytes from, to; /* normalised */
	struct bytes sid;      /* unique among those under way when fn is to hear of errors */
	struct bytes stanza;   /* neutral form, with from, to and id in place */
	uint32_t wait_ms;      /* 0: STANZA_OUT_WAIT_MS */
	uint32_t hold_ms;      /* wait so long for an error stanza after it was taken (MSG-S19) */
};

/* 0: fn (NULL: nobody wants to know) is called once, never from inside. ERR_FULL, ERR_NOMEM: it is not. out may
 * be NULL. */
int stanza_out_send(struct xlate *x, const struct stanza_to *to, stanza_out_fn fn, void *arg, struct stanza_out **out);
/* Sends and forgets. */
void stanza_out_post(struct xlate *x, const struct stanza_to *to);
/* fn is not called any more and the stanza is not sent again. NULL is fine. */
void stanza_out_drop(struct stanza_out *s);

/* An error stanza: true when it is about one under way, whose fn has been told. */
bool stanza_out_on_error(struct xlate *x, const struct stanza_in *error);
/* What came of envelope id; rc as in ROUTE_DONE. */
void stanza_out_result(struct xlate *x, uint64_t id, int rc);
int stanza_out_on_done(void *x, struct chan *from, const struct frame *f);
void stanza_out_up(struct xlate *x);
void stanza_out_init(struct xlate *x);
void stanza_out_fini(struct xlate *x);

#endif
