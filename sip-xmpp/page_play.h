/* page_play.h - for tests: the real gh-xlate on a virtual clock, between gh-sip, gh-line and gh-switch that are played
 * here. juliet@example.com lives here, romeo@example.net is on SIP. What is not said in a play is answered as
 * healthy peers would: 200 by SIP users, ROUTE_DONE by gh-switch. */
#ifndef XLATE_PAGE_PLAY_H
#define XLATE_PAGE_PLAY_H

#include "xlate.h"

enum { PLAY_ANSWERS_MAX = 64, PLAY_UNITS_MAX = 256, PLAY_DONES_MAX = 512 };

/* What gh-xlate answered to a request of ours. */
struct play_answer {
	uint64_t id;
	unsigned status;
	char reason[256], to_tag[128], headers[4096], body[8192];
};
/* A request that gh-xlate sent. */
struct play_unit {
	uint64_t id, flow;
	uint8_t flags;
	enum prog door;
	bool is_answered;
	unsigned status; /* that it was answered with */
	uint64_t at_ms;
	struct sipmsg *m;
	char peer[256];
};

struct play {
	struct loop *loop;
	struct xlate x;
	struct bus *bus, *sip, *line, *hub;
	struct settings *settings;
	/* the SIP doors */
	struct buf sip_sent; /* requests since the last look, as text */
	struct play_unit units[PLAY_UNITS_MAX]; /* a ring */
	unsigned n_units;
	bool is_sip_silent;  /* requests stay unanswered until sip_answer */
	unsigned sip_status; /* of the answers given by themselves; 0: 200 */
	const char *sip_headers; /* of those; may be NULL */
	struct play_answer answers[PLAY_ANSWERS_MAX]; /* a ring */
	unsigned n_answers;
	uint64_t cancelled;  /* id of the last SIP_CANCEL */
	uint64_t next_unit;
	enum prog from_door; /* whose requests sip_send makes: PROG_SIP, or PROG_LINE */
	uint64_t from_flow;
	uint8_t from_flags;
	/* gh-switch */
	struct buf sent;     /* stanzas since the last look, one behind the other */
	uint64_t sent_id;    /* of the last; 0: nobody waits for it */
	unsigned n_sent;
	bool is_hub_silent;  /* no ROUTE_DONE */
	struct play_done {
		uint64_t id;
		int rc;
	} dones[PLAY_DONES_MAX]; /* a ring */
	unsigned n_dones;
	struct xml_pool *parsers;
	struct arena arena;
	unsigned n_made;     /* requests made by sip_message, for Call-IDs */
};

/* rows: further settings, over "domain example.com" and "sip peer example.net". */
void play_open(struct play *p, const char *rows);
void play_close(struct play *p);
void play_set(struct play *p, const char *rows); /* the settings change */
/* Until nothing moves; and ms later. */
void play_run(struct play *p);
void play_wait(struct play *p, uint64_t ms);
/* Wall clock now, as XEP-0082 writes it; and so many seconds ago as Date does. */
const char *play_stamp(struct play *p, int64_t ago_s);
const char *play_date(struct play *p, int64_t ago_s);

/* ---- the SIP side ---- */
/* A request as a door hands it on: start line and headers in lines that end in "\n", an empty line, body. Via,
 * Max-Forwards and Content-Length are put in where they are missing. Its unit's id; 0 for ACK. */
uint64_t sip_send(struct play *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A MESSAGE from romeo to juliet. headers: further lines, may be "". */
uint64_t sip_message(struct play *p, const char *headers, const char *type, const char *body);
/* What gh-xlate answered to it so far; status 0: nothing. */
const struct play_answer *sip_answered(struct play *p, uint64_t id);
/* Requests of gh-xlate since the last look. */
const char *sip_got(struct play *p);
/* The last one, or the i-th before it. */
const struct play_unit *sip_last(struct play *p, unsigned i);
/* Answers one of them with a response of the far side (body may be NULL), or with a failure that the door made up. */
void sip_answer(struct play *p, uint64_t id, unsigned status, const char *headers, const char *body);
void sip_fail(struct play *p, uint64_t id, unsigned status, int why);
void sip_cancel(struct play *p, uint64_t id);
void sip_leave(struct play *p);
void sip_join(struct play *p);

/* ---- gh-switch ---- */
/* A stanza for SIP; id 0: nobody waits. */
void hub_send(struct play *p, uint64_t id, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
const char *hub_got(struct play *p);
void hub_done(struct play *p, uint64_t id, int rc);
/* What gh-xlate said of an envelope of ours; 1: nothing yet. */
int hub_told(struct play *p, uint64_t id);
/* The id attribute of the last stanza in this text; "" when it has none. */
const char *hub_sid(const char *stanzas);
void hub_leave(struct play *p);
void hub_join(struct play *p);

/* In tests: what must, and must not, stand in a text. */
#define assert_has(text, part) play_assert(text, part, true, __FILE__, __LINE__)
#define assert_lacks(text, part) play_assert(text, part, false, __FILE__, __LINE__)
void play_assert(const char *text, const char *part, bool is_wanted, const char *file, int line);

#endif
