/* letter.h - what a SIP message says, out of its body: text, HTML, CPIM, a typing notice, a disposition
 * notification, or several of them (MSG-S01, S09 to S14). Pure. */
#ifndef XLATE_LETTER_H
#define XLATE_LETTER_H

#include "base/arena.h"
#include "base/buf.h"
#include "imdn.h"
#include "sip/message.h"

enum { LETTER_DEPTH_MAX = 3 };

struct letter {
	bool has_text;             /* body is there, if only empty */
	struct bytes body;         /* UTF-8 */
	struct bytes xhtml;        /* inside of <body xmlns='http://www.w3.org/1999/xhtml'>; empty: none */
	struct bytes subject, subject_lang, lang;
	bool is_state, is_active;  /* RFC 3994 */
	uint32_t refresh_s;
	bool is_notice;            /* RFC 5438 */
	struct imdn notice;
	bool is_cpim;
	struct bytes cpim_from, cpim_to; /* URIs */
	struct bytes message_id, date;   /* imdn.Message-ID, DateTime */
	unsigned disposition;      /* enum cpim_disposition */
	uint64_t at_ms;            /* when it was written, since 1970; 0: not said */
};

/* 0, or the status to refuse it with; *why: a word. Views into m and the arena. */
unsigned letter_read(const struct sipmsg *m, struct arena *a, struct letter *out, const char **why);

#endif
