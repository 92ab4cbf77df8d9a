/* session_play.h - for tests: the real gh-xlate on a virtual clock, between a SIP door and gh-switch that are
 * played here. juliet@example.com lives here; example.net speaks SIP, lync.example is of type lync. */
#ifndef XLATE_SESSION_PLAY_H
#define XLATE_SESSION_PLAY_H

#include "service_features.h"
#include "request_out.h"
#include "stanza_out.h"
#include "xlate.h"

/* For those who include cmocka. */
#define assert_has(text, what)                                                                     \
	do {                                                                                       \
		const char *text_ = (text);                                                        \
		if (!strstr(text_, what))                                                          \
			fail_msg("no \"%s\" in: %s", what, text_);                                 \
	} while (0)
#define assert_not(text, what)                                                                     \
	do {                                                                                       \
		const char *text_ = (text);                                                        \
		if (strstr(text_, what))                                                           \
			fail_msg("\"%s\" in: %s", what, text_);                                    \
	} while (0)

struct play {
	struct loop *loop;
	struct xlate x;
	struct bus *bus, *door, *hub;
	struct settings *settings;
	/* The SIP door: requests of gh-xlate since the last look, oldest first. */
	struct buf requests;    /* one behind the other, a NUL after each */
	uint64_t request_id;    /* of the last; 0: ACK */
	char request[8192];     /* the last */
	unsigned n_requests;
	/* Its last answer. */
	unsigned status, n_answers;
	char to_tag[64], headers[2048], body[4096];
	uint64_t next_id;
	unsigned n_cancels;
	uint64_t cancelled_id;
	/* MSRP as gh-sip is told of it. */
	uint64_t media;         /* the last session */
	unsigned n_media_opens, n_media_closes, n_frames;
	uint8_t media_flags;
	char media_ours[512], media_theirs[512];
	char frame[16384], frame_before[16384]; /* the last two */
	/* gh-switch: stanzas since the last look. */
	struct buf stanzas;
	unsigned n_stanzas, n_done;
	char sid[128];          /* of the last */
	int32_t done_rc;
	bool is_hub_silent;     /* no ROUTE_DONE */
};

void play_open(struct play *p, const char *more_settings);
void play_close(struct play *p);
void play_run(struct play *p);
void play_wait(struct play *p, uint64_t ms);

/* ---- SIP ---- */
/* The door has a request; "%s" is nothing special. Lines are separated by LF, the body follows an empty line;
 * Content-Length is put. */
void play_request(struct play *p, const char *text);
/* Answers the last request of gh-xlate that wants an answer: more are header lines ("Contact: <..>\n"), the body
 * follows an empty line. */
void play_answer(struct play *p, unsigned status, const char *more);
/* The door had no answer (ERR-11). */
void play_fail(struct play *p, unsigned status, int why);
/* Value of a header field in the last request; static storage. */
const char *play_header(struct play *p, const char *name);
const char *play_body(struct play *p);

/* The media of the last session is there; has gone. */
void play_media_opened(struct play *p);
void play_media_closed(struct play *p, int why);
/* A frame of the other side: lines separated by LF, To-Path and From-Path are put behind the first one. */
void play_frame(struct play *p, const char *text);

/* ---- XMPP ---- */
void play_stanza(struct play *p, enum stanza_kind kind, enum stanza_type type, const char *from, const char *to, const char *sid,
                 const char *inner);
/* All stanzas since the last look; valid until the next event. */
const char *play_stanzas(struct play *p);

#endif
