/* speech.h - one connection to a scanner, whichever protocol it speaks (clamd.h, icap.h): a question how it is, or one file. Bytes go in
 * and come out; who owns the socket and the file does the rest. Pure. */
#ifndef SCAN_SPEECH_H
#define SCAN_SPEECH_H

#include "clamd.h"
#include "icap.h"

enum scan_protocol { PROTOCOL_CLAMD, PROTOCOL_ICAP };

enum speech_state {
	SPEECH_PROBE,   /* it was asked how it is */
	SPEECH_PREVIEW, /* the front of the file goes */
	SPEECH_ASKED,   /* all of the preview has gone: it says whether it wants the rest */
	SPEECH_BODY,    /* the file goes */
	SPEECH_WAIT,    /* all has gone */
};

struct speech {
	enum scan_protocol protocol;
	enum speech_state state;
	struct icap_service service; /* ICAP: the caller's strings, as long as this lives */
	struct icap_options options; /* ICAP: of a probe before */
	uint64_t size, sent;         /* of the file */
	uint64_t preview;            /* bytes of it */
	struct buf in;               /* of an answer, as far as it has come */
};

struct speech_answer {
	enum scan_verdict verdict;    /* of a file */
	char text[SCAN_NAME_MAX + 1]; /* INFECTED: the name; NONE: what the scanner said, in short; printable ASCII */
	struct icap_options options;  /* ICAP: of a probe */
};

/* Begin; the first bytes are put. After a probe of ICAP: options can be used when speech_probe's answer was 0. */
void speech_probe(struct speech *s, struct buf *out);
void speech_scan(struct speech *s, uint64_t size, struct bytes type, struct buf *out);
/* How many bytes of the file may go now: those from s->sent on; 0: none. */
uint64_t speech_wants(const struct speech *s);
/* Puts them: at most as many as are wanted, and not none. */
void speech_put(struct speech *s, struct bytes piece, struct buf *out);
/* Bytes of the scanner. 0: that was the answer, nothing more is wanted of this connection. ERR_AGAIN: it goes on. ERR_UNSUPPORTED: the
 * service cannot do what is needed. ERR_LIMIT, ERR_SYNTAX, ERR_PROTOCOL: no answer that there is. */
int speech_hear(struct speech *s, struct bytes in, struct speech_answer *out);
void speech_fini(struct speech *s);

#endif
