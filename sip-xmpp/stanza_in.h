/* stanza_in.h - a stanza for a SIP user. Its origin keeps it until it is taken (the SIP side has said 2xx, or
 * nothing is to be said), or refused with an error stanza. */
#ifndef XLATE_STANZA_IN_H
#define XLATE_STANZA_IN_H

#include "error.h"
#include "xlate.h"

enum {
	STANZAS_IN_MAX = 100000, STANZAS_IN_RECENT = 8192, STANZA_IN_BYTES_MAX = 262144,
	STANZA_IN_ANSWER_MS = 300000 /* more than any origin waits for gh-switch */
};

struct stanza_in {
	struct xlate *x;
	struct list node_order;
	struct envelope e;     /* its texts live as long as this */
	struct jid from, to;
	struct xml_node *node; /* the tree, while a handler of service_features.c runs; later: stanza_in_tree */
	/* How its recipient is reached, when that is a SIP client of ours (as in struct request_to). */
	uint8_t flags;
	uint64_t flow;
	/* Not NULL: it came some other way than from gh-switch; told once, rc as in ROUTE_DONE. */
	void (*finish)(struct stanza_in *s, int rc);
	void *user;
	uint8_t text[];
};

/* Each of these ends s. Taken: */
void stanza_in_done(struct stanza_in *s);
/* Refused: an error stanza goes back first. Errors and results are never answered (ERR-13). */
void stanza_in_refuse(struct stanza_in *s, const struct stanza_fault *f);
void stanza_in_refuse_with(struct stanza_in *s, enum stanza_error e, const char *text);
/* Not taken now: its origin keeps it and sends it again. */
void stanza_in_again(struct stanza_in *s);

/* The tree, parsed into x->arena; NULL when it does not parse (then it was refused by its door already). */
struct xml_node *stanza_in_tree(struct stanza_in *s);
/* Answers an iq with <iq type='result'> and this inside (may be empty), and ends s. */
void stanza_in_result(struct stanza_in *s, struct bytes inner);

/* A copy of an envelope as a stanza that came in some other way, offered to the features.
 * ERR_NOMEM, ERR_FULL: nothing was done. */
struct stanza_from {
	void (*finish)(struct stanza_in *s, int rc);
	void *user;
	uint8_t flags;
	uint64_t flow;
};
int stanza_in_offer(struct xlate *x, const struct envelope *e, const struct stanza_from *from);

int stanza_in_on_route(void *x, struct chan *from, const struct frame *f);
int stanza_in_init(struct xlate *x);
void stanza_in_fini(struct xlate *x);

#endif
