/* gsip_world.h - gh-sip's door on real sockets of loopback, for tests: partners are datagram sockets that speak
 * text, gh-xlate is the other end of a channel. */
#ifndef GSIP_WORLD_H
#define GSIP_WORLD_H

#include "gsip.h"
#include "sip/unit.h"

enum { WORLD_TEXT_MAX = 65536, WORLD_UNITS_MAX = 16 };

struct world_unit {
	struct sip_unit u;
	struct sipmsg *m; /* owned */
	char peer[256];
};

struct world {
	struct loop *loop;
	struct gsip g;
	struct settings *settings;
	struct bus *ours, *theirs; /* theirs: gh-xlate's */
	uint16_t port; /* of the door, UDP */
	/* What gh-xlate has got. */
	struct world_unit units[WORLD_UNITS_MAX];
	size_t n_units;
	struct sip_answer answer; /* the last; its texts are in answer_text */
	struct buf answer_text;
	unsigned n_answers;
	uint64_t cancelled;
};

/* A partner. */
struct world_peer {
	int fd;
	uint16_t port;
	char text[WORLD_TEXT_MAX]; /* what came last, NUL-terminated */
	size_t n;
	struct sipmsg *m; /* the same, parsed; owned */
};

/* settings may have %u once for the port of `peer`. */
void world_open(struct world *w, const char *settings);
void world_close(struct world *w);
void world_settings(struct world *w, const char *settings);
void world_gateway_up(struct world *w);
void world_gateway_down(struct world *w);
/* gh-xlate answers, asks, cancels. */
void world_answer(struct world *w, const struct sip_answer *a);
void world_ask(struct world *w, const struct sip_unit *u);
void world_cancel(struct world *w, uint64_t id);
/* Turns the loop until *what is not 0 any more, at most 3 s; false: it stayed so. */
bool world_until(struct world *w, const size_t *what);
/* Turns the loop for a moment. */
void world_settle(struct world *w);

void peer_open(struct world_peer *p);
void peer_close(struct world_peer *p);
/* To the door, with lines ending in CR LF where text has LF. */
void peer_send(struct world *w, struct world_peer *p, const char *text);
/* Waits for a message; fails the test after 3 s. */
struct sipmsg *peer_receive(struct world *w, struct world_peer *p);
/* Nothing comes for a moment. */
bool peer_is_silent(struct world *w, struct world_peer *p);
/* Answers the request that came last. headers: lines with LF, may be "". */
void peer_respond(struct world *w, struct world_peer *p, unsigned status, const char *headers);

#endif
