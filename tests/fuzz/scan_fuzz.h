/* scan_fuzz.h - what clamd_fuzz and icap_fuzz share: a file of two pieces to a scanner that says `in`, whose first byte chooses what it has
 * had when it says so, and where its words are cut in two. Whatever comes out is text that can be shown; a file is clean only when its
 * scanner has had all of it, or said in the preview that it wants no more. */
#ifndef SCAN_FUZZ_H
#define SCAN_FUZZ_H

#include <stdlib.h>

#include "base/err.h"
#include "speech.h"

static inline void scan_fuzz_check(const struct speech *s, const struct speech_answer *a)
{
	for (const char *p = a->text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	if (a->verdict >= SCAN_VERDICT_COUNT)
		abort();
	if (s->state == SPEECH_PROBE)
		return;
	if (a->verdict == SCAN_CLEAN && s->state != SPEECH_WAIT && !(s->protocol == PROTOCOL_ICAP && s->state == SPEECH_ASKED))
		abort();
	if (a->verdict == SCAN_INFECTED && !a->text[0])
		abort();
}

static inline void scan_fuzz_send(struct speech *s, unsigned pieces, struct buf *out)
{
	static const uint8_t file[64];

	for (; pieces && speech_wants(s); pieces--)
		speech_put(s, bytes_make(file, speech_wants(s) < 40 ? (size_t)speech_wants(s) : 40), out);
}

static inline void scan_fuzz(enum scan_protocol protocol, struct bytes in)
{
	struct speech s = { .protocol = protocol, .service = { "scanner.example", 1344, "avscan" },
			    .options = { .has_respmod = in.p[0] & 1, .has_reqmod = true, .has_204 = true, .preview = in.p[0] & 2 ? 50 : -1 } };
	struct speech_answer a;
	struct buf out;
	size_t cut = (size_t)in.p[0] * (in.n - 1) / 255;

	buf_init(&out, 1 << 16);
	if (in.p[0] & 4)
		speech_probe(&s, &out);
	else
		speech_scan(&s, 64, BYTES("text/plain"), &out);
	scan_fuzz_send(&s, in.p[0] >> 3 & 3, &out);
	int rc = speech_hear(&s, bytes_make(in.p + 1, cut), &a);
	if (rc == ERR_AGAIN) {
		scan_fuzz_send(&s, 9, &out);
		rc = speech_hear(&s, bytes_skip(in, 1 + cut), &a);
	}
	if (!rc)
		scan_fuzz_check(&s, &a);
	if (buf_failed(&out))
		abort();
	buf_fini(&out);
	speech_fini(&s);
}

#endif
