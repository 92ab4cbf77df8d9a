/* request_in.h - a SIP request from a door. It has one answer, which is due within 30 seconds
 * (RFC 4320 4.2: later nobody listens), for an INVITE within 180. */
#ifndef XLATE_REQUEST_IN_H
#define XLATE_REQUEST_IN_H

#include "xlate.h"

enum { REQUESTS_IN_MAX = 100000, REQUEST_IN_WAIT_MS = 30000, REQUEST_IN_INVITE_WAIT_MS = 180000 };

struct request_in {
	struct xlate *x;
	struct list node;
	uint64_t key;       /* in x->requests_in; 0: ACK, which has no answer */
	uint64_t id, trace, flow;
	uint64_t due_ms;
	enum prog door;     /* PROG_SIP, PROG_LINE */
	uint8_t instance, flags;
	struct sipmsg *m;   /* until it is answered */
	struct bytes peer;  /* the domain that the door has proved */
	/* Of From (its gr or the Contact's as resource: MSG-S03), and of the Request-URI. */
	struct jid from, to;
	/* For whoever took it. An INVITE that is cancelled: answer it with 487 (the default when NULL). gone:
	 * the answer is not wanted any more (its door died, or it was due): r goes after the call, and must
	 * not be answered. */
	void *user;
	void (*cancelled)(struct request_in *r);
	void (*gone)(struct request_in *r);
	uint8_t text[];
};

struct reply {
	unsigned status;
	const char *reason;   /* NULL: the standard's */
	const char *to_tag;   /* NULL: the door makes one */
	struct bytes headers; /* "Name: value\r\n"... without Content-Type */
	const char *content_type;
	struct bytes body;
};
/* Answers and frees r. */
void request_in_answer(struct request_in *r, const struct reply *reply);
/* The same with a status and nothing else; reason may be NULL. */
void request_in_status(struct request_in *r, unsigned status, const char *reason);
/* The same as a refusal that an administrator may want to know of: one line. why: a word. */
void request_in_refuse(struct request_in *r, unsigned status, const char *why);
void request_in_refuse_with(struct request_in *r, unsigned status, const char *why, struct bytes headers);
/* An ACK, or what must stay unanswered: freed. */
void request_in_free(struct request_in *r);

int request_in_on_request(void *x, struct chan *from, const struct frame *f);
int request_in_on_cancel(void *x, struct chan *from, const struct frame *f);
/* A door is gone with all that waited there. */
void request_in_down(struct xlate *x, enum prog door, unsigned instance);
void request_in_init(struct xlate *x);
void request_in_fini(struct xlate *x);

#endif
