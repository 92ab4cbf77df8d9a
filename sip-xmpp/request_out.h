/* request_out.h - a SIP request of ours and its one outcome. */
#ifndef XLATE_REQUEST_OUT_H
#define XLATE_REQUEST_OUT_H

#include "xlate.h"

/* The door gives up after 64*T1 = 32 s (a called user after 180); we a little later, should it not say so. */
/* VIA_BYTES: what the door adds: Via and Content-Length. */
enum { REQUEST_OUT_VIA_BYTES = 150, REQUESTS_OUT_MAX = 100000, REQUEST_OUT_WAIT_MS = 40000, REQUEST_OUT_INVITE_WAIT_MS = 200000 };

struct request_out; /* gone when fn was called */

struct request_to {
	const struct sipmsg *m; /* not taken over; without Via and Content-Length */
	uint64_t trace;
	struct bytes peer;      /* domain whose row governs; empty: that of the Request-URI */
	uint64_t flow;          /* 0: found by the door */
	uint8_t flags;          /* enum sip_unit_flag: UNIT_CLIENT sends it to gh-line */
	uint32_t max_bytes;     /* 0: SIP's own limit; the door's Via is counted (MSG-X10) */
};

/* What came of it. */
struct outcome {
	unsigned status;        /* final: 200 to 699 */
	int why;                /* ERR_*: nobody answered, the door made status up (ERR-11); 0: m is there */
	struct bytes reason;
	const struct sipmsg *m; /* the response; NULL when why is set. Valid during the call */
	uint64_t flow;
};
typedef void (*request_out_fn)(void *arg, const struct outcome *o);

/* 0: fn will be called once, never from inside this call. ERR_AGAIN: the door is not there;
 * ERR_FULL; ERR_LIMIT: over max_bytes; ERR_SYNTAX: m does not print; ERR_NOMEM: fn is not called. out may be NULL. */
int request_out_send(struct xlate *x, const struct request_to *to, request_out_fn fn, void *arg,
                     struct request_out **out);
/* ACK: no outcome (RFC 3261 17.1). */
int request_out_ack(struct xlate *x, const struct request_to *to);
/* CANCEL of an INVITE; fn is still called. */
void request_out_cancel(struct request_out *r);
/* fn is not called any more; r is not to be touched again. NULL is fine. */
void request_out_drop(struct request_out *r);

int request_out_on_response(void *x, struct chan *from, const struct frame *f);
/* A door is gone: what it had has failed (ERR_CLOSED, status 503). */
void request_out_down(struct xlate *x, enum prog door, unsigned instance);
void request_out_init(struct xlate *x);
void request_out_fini(struct xlate *x);

#endif
