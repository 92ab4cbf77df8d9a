#include "speech.h"

#include "base/err.h"

#include <stdio.h>

static void begin(struct speech *s, enum speech_state state)
{
	s->state = state;
	buf_init(&s->in, s->protocol == PROTOCOL_ICAP ? 2 * ICAP_HEAD_MAX : 2 * CLAMD_REPLY_MAX);
}

void speech_fini(struct speech *s)
{
	buf_fini(&s->in);
}

void speech_probe(struct speech *s, struct buf *out)
{
	begin(s, SPEECH_PROBE);
	if (s->protocol == PROTOCOL_CLAMD)
		clamd_put_ping(out);
	else
		icap_put_options(out, &s->service);
}

/* ---- the file ---- */

void speech_scan(struct speech *s, uint64_t size, struct bytes type, struct buf *out)
{
	s->size = size;
	s->sent = 0;
	s->preview = 0;
	begin(s, SPEECH_BODY);
	if (s->protocol == PROTOCOL_CLAMD) {
		clamd_put_stream(out);
	} else {
		icap_put_request(out, &s->service, &s->options, size, type, s->options.preview);
		if (s->options.preview >= 0) {
			s->state = SPEECH_PREVIEW;
			s->preview = (uint64_t)s->options.preview < size ? (uint64_t)s->options.preview : size;
		}
		if (s->state == SPEECH_PREVIEW && s->preview == 0) {
			icap_put_end(out, true, size == 0);
			s->state = size == 0 ? SPEECH_WAIT : SPEECH_ASKED;
		}
	}
	if (s->state == SPEECH_BODY && size == 0) {
		if (s->protocol == PROTOCOL_CLAMD)
			clamd_put_end(out);
		else
			icap_put_end(out, false, true);
		s->state = SPEECH_WAIT;
	}
}

uint64_t speech_wants(const struct speech *s)
{
	return s->state == SPEECH_PREVIEW ? s->preview - s->sent : s->state == SPEECH_BODY ? s->size - s->sent : 0;
}

void speech_put(struct speech *s, struct bytes piece, struct buf *out)
{
	bool is_preview = s->state == SPEECH_PREVIEW;

	s->sent += piece.n;
	if (s->protocol == PROTOCOL_CLAMD)
		clamd_put_chunk(out, piece);
	else
		icap_put_chunk(out, piece);
	if (speech_wants(s))
		return;
	bool is_all = s->sent == s->size;
	if (s->protocol == PROTOCOL_CLAMD)
		clamd_put_end(out);
	else
		icap_put_end(out, is_preview, is_all);
	s->state = is_all ? SPEECH_WAIT : SPEECH_ASKED;
}

/* ---- answers ---- */

static int hear_clamd(struct speech *s, struct speech_answer *out)
{
	struct clamd_reply r;
	int rc = clamd_read(buf_bytes(&s->in), &r);

	if (rc)
		return rc;
	if ((r.kind == CLAMD_PONG) != (s->state == SPEECH_PROBE))
		return ERR_PROTOCOL;
	/* It has seen all of what it finds clean. A virus, or a file that is too large, it may see before. */
	if (r.kind == CLAMD_CLEAN && s->state != SPEECH_WAIT)
		return ERR_PROTOCOL;
	out->verdict = r.kind == CLAMD_FOUND ? SCAN_INFECTED : r.kind == CLAMD_TOO_LARGE ? SCAN_TOO_LARGE : r.kind == CLAMD_ERROR ? SCAN_NONE : SCAN_CLEAN;
	memcpy(out->text, r.text, sizeof out->text);
	return 0;
}

static int judge_probe(const struct icap_answer *a, struct speech_answer *out)
{
	if (a->status != 200) {
		(void)snprintf(out->text, sizeof out->text, "status %u", a->status);
		return ERR_UNSUPPORTED;
	}
	if (!a->options.has_204 || (!a->options.has_respmod && !a->options.has_reqmod)) {
		(void)snprintf(out->text, sizeof out->text, "%s", a->options.has_204 ? "no RESPMOD and no REQMOD" : "no Allow: 204");
		return ERR_UNSUPPORTED;
	}
	out->options = a->options;
	return 0;
}

static int hear_icap(struct speech *s, struct speech_answer *out)
{
	struct icap_answer a;
	size_t used;
	int rc = icap_read(buf_bytes(&s->in), &a, &used);

	if (rc)
		return rc;
	if (s->state == SPEECH_PROBE)
		return judge_probe(&a, out);
	if (a.status == 100) { /* RFC 3507 4.5: on with the rest, once */
		if (s->state != SPEECH_ASKED || used != buf_len(&s->in))
			return ERR_PROTOCOL;
		buf_clear(&s->in);
		s->state = SPEECH_BODY;
		return ERR_AGAIN;
	}
	if (a.status < 200)
		return ERR_PROTOCOL;
	out->verdict = icap_judge(&a);
	/* Clean is what it has seen: all of it, or as much as it wanted to. */
	if (out->verdict == SCAN_CLEAN && s->state != SPEECH_WAIT && s->state != SPEECH_ASKED)
		return ERR_PROTOCOL;
	if (out->verdict == SCAN_INFECTED)
		memcpy(out->text, a.virus, sizeof out->text);
	else if (out->verdict == SCAN_NONE)
		(void)snprintf(out->text, sizeof out->text, "status %u", a.status);
	return 0;
}

int speech_hear(struct speech *s, struct bytes in, struct speech_answer *out)
{
	*out = (struct speech_answer){ .verdict = SCAN_NONE };
	size_t room = s->in.max - buf_len(&s->in);
	buf_put_bytes(&s->in, bytes_make(in.p, in.n < room ? in.n : room)); /* what is behind an answer does not count */
	if (buf_failed(&s->in))
		return ERR_NOMEM;
	return s->protocol == PROTOCOL_CLAMD ? hear_clamd(s, out) : hear_icap(s, out);
}
