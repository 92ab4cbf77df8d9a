/* trip.h - one request on its way out: from static routes or from RFC 3263 to next hops, one after the other
 * until one answers (RFC 3263 4.3, B-STR-10, ERR-15), with one answer to a challenge (ERR-12). */
#ifndef GSIP_TRIP_H
#define GSIP_TRIP_H

#include "gsip.h"

struct trip;

/* How it ended. status: final. why: 0, there was a response; ERR_*: nobody answered, and status is made up:
 * 408 no answer, 503 no connection, 404 no such domain, 487 cancelled (ERR-11). */
struct trip_end {
	unsigned status;
	int why;
	const char *reason; /* for the log, "" mostly */
	uint64_t flow;
};

struct trip_owner {
	void (*provisional)(void *arg, struct sipmsg *m); /* over 100; may be NULL */
	/* Once, never from inside trip_start; the trip is gone afterwards. m: the response, NULL when why is set. */
	void (*final)(void *arg, struct sipmsg *m, const struct trip_end *end);
};

struct trip_wish {
	struct sipmsg *m;       /* taken over, on failure too */
	struct bytes domain;    /* the partner whose row governs, normalised; at most GSIP_DOMAIN_MAX - 1 bytes */
	const struct route_answer *routes; /* static ones that go before all else (B-STR-01); NULL: none */
	uint64_t flow;          /* 0, or the connection to try first */
	bool is_tls_only;
	bool is_gateway;        /* gh-xlate's: the row's user and password may be used, and the mark says so */
	uint64_t trace;
};

/* ACK goes too: its end is status 200 once it was sent. ERR_NOMEM, ERR_FULL. */
int trip_start(struct gsip *g, const struct trip_wish *w, const struct trip_owner *o, void *arg, struct trip **out);
/* CANCEL (RFC 3261 9.1); `final` still comes. */
void trip_cancel(struct trip *t);
/* `final` is not called any more. NULL is fine. */
void trip_drop(struct trip *t);
/* At the end of the program: all go, nobody is called. */
void trip_fini_all(struct gsip *g);

#endif
