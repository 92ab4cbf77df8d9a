/* play.h - for tests: the real gh-xlate on a virtual clock, between a SIP door, gh-switch and gh-store that are
 * played here. example.com lives here, example.net is a SIP partner. What arrived at each side is read as it
 * was on the wire. */
#ifndef XLATE_PLAY_H
#define XLATE_PLAY_H

#include "xlate.h"

enum { PLAY_REQUESTS_MAX = 64, PLAY_TEXT_MAX = 16384 };

/* A SIP request of gh-xlate that the door has not answered yet. */
struct play_request {
	uint64_t id;
	uint8_t flags;
	char peer[256];
	char text[PLAY_TEXT_MAX]; /* whole, as the door would send it */
};

/* The answer to the last request that the door handed in. */
struct play_answer {
	bool is_there;
	unsigned status;
	char reason[256], to_tag[256], headers[8192], body[PLAY_TEXT_MAX];
};

struct play_row {
	char *key;
	uint8_t *value;
	size_t n;
};

struct play {
	struct loop *loop;
	struct xlate x;
	struct bus *bus, *door, *hub, *store;
	struct settings *settings;
	/* gh-sip */
	struct play_request *requests;
	unsigned n_requests;
	uint64_t unit_id;
	bool is_quiet;     /* requests are answered 200 at once and not kept */
	unsigned n_sent;   /* requests in all */
	struct play_answer answer;
	/* gh-switch */
	struct buf stanzas; /* since the last look */
	unsigned n_stanzas;
	uint64_t envelope_id;
	bool is_done;       /* the last stanza was taken */
	int done_rc;
	/* gh-store */
	struct play_row *rows;
	size_t n_rows, cap_rows;
	bool is_store_silent;
	unsigned n_asks;
};

/* rows: further settings. */
void play_open(struct play *p, const char *rows);
void play_close(struct play *p);
/* gh-xlate dies and a new one starts on what gh-store has; the clock has moved on by ms. */
void play_restart(struct play *p, uint64_t ms);
void play_run(struct play *p);                /* until nothing moves */
void play_wait(struct play *p, uint64_t ms);
void play_store_up(struct play *p);
void play_switch_up(struct play *p);          /* again */

/* A stanza from gh-switch. */
void play_stanza(struct play *p, const char *stanza);
/* Stanzas sent since the last look, one behind the other. */
const char *play_got(struct play *p);

/* A request from the partner's door; head without Content-Length; "\n" ends a line. body may be NULL. */
void play_sip(struct play *p, const char *head, const char *body);
/* Answers the oldest open request: headers are lines with "\n". What follows is moved up. */
void play_respond(struct play *p, unsigned status, const char *headers);
/* The door could not send it. */
void play_fail(struct play *p, unsigned status, int why);
/* Header of the oldest open request, or "". Static until the next call. */
const char *play_header(struct play *p, const char *name);
const char *play_line(struct play *p);        /* its request line */
const char *play_body(struct play *p);

#endif
