/* exchange.h - one request and its answer, for exchange*.c alone: publish.h is for the others. When both are whole, the same pair of
 * sockets may bring the next request of the same client: between the two the exchange is idle, counts nowhere and knows nothing of the
 * one before. */
#ifndef PUBLISH_EXCHANGE_H
#define PUBLISH_EXCHANGE_H

#include "publish.h"

enum {
	/* Bytes on their way to a slow client move in gusts, as in core/files/transfer.c: the front looks at clients more closely. */
	GUST_MS = 600000,
	LONGEST_MS = 4 * 3600 * 1000,
};

enum state {
	STATE_ASK,    /* the head is to come */
	STATE_WAIT,   /* for a connection */
	STATE_SENT,   /* the service has the head; its body goes */
	STATE_ANSWER, /* the answer has begun */
	STATE_ENDING, /* all is said, and has to leave yet */
	STATE_IDLE,   /* the next request may come */
};

struct exchange {
	struct list node;
	struct publish *publish;
	struct link pair;
	struct http1_reader ask;
	struct loop_timer timer;
	struct loop_defer pump;
	struct address_count *address;
	struct target *target; /* while there is an outlet */
	struct outlet *outlet; /* NULL: none */
	struct buf head;       /* of the request, as the service gets it */
	uint64_t body_max, body, timeout_ms;
	uint64_t began_ms, still_ms, moved; /* at the last look */
	struct sockaddr_storage from;
	struct peer_address peer;
	uint8_t state;
	uint8_t sends, answers; /* enum forward_body: of the request, of the answer */
	bool is_of_head, has_body, has_ended; /* the request */
	bool is_interim; /* the head that came last is of 1xx */
	bool may_keep, is_gone;
	bool may_rest; /* ENDING: it goes on to IDLE */
	bool is_edge;  /* the pair is a link's */
	bool is_counted; /* among those that are under way */
};

/* ---- exchange.c ---- */
void exchange_drop(struct exchange *x);
/* Its time for the next step. */
void exchange_wait(struct exchange *x, uint64_t ms);
uint64_t exchange_moved(const struct exchange *x);
/* Sends what was put, and holds up the side that is faster. */
void exchange_flow(struct exchange *x);
/* All has been said: ends when it has left. may_rest: request and answer are whole, another may follow. */
void exchange_end(struct exchange *x, bool may_rest);
/* It needs its connection no more. */
void exchange_leave(struct exchange *x, bool may_keep);
/* Answers in place of the service. fail: which has failed; within an answer the client sees that it is not whole. */
void exchange_refuse(struct exchange *x, int status, const char *why);
void exchange_fail(struct exchange *x, int status, const char *why);

/* ---- exchange_ask.c ---- */
/* Goes through what has come of the request. */
void exchange_read(struct exchange *x);
void exchange_connect(struct exchange *x, bool is_fresh);

#endif
