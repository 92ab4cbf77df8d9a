#include "sip/stream.h"

#include "base/err.h"
#include "sip/message_text.h"

enum { READ_AHEAD = 65536 }; /* of what follows the message at hand */

void sipstream_init(struct sipstream *s)
{
	*s = (struct sipstream){ 0 };
	buf_init(&s->in, SIPMSG_MAX_BYTES + READ_AHEAD);
}

void sipstream_fini(struct sipstream *s)
{
	buf_fini(&s->in);
}

int sipstream_feed(struct sipstream *s, struct bytes in)
{
	buf_put_bytes(&s->in, in);
	return buf_failed(&s->in) ? ERR_LIMIT : 0;
}

static void drop(struct sipstream *s, size_t n)
{
	buf_consume(&s->in, n);
	s->scanned = s->want = 0;
	buf_release_if_empty(&s->in);
}

/* Empty lines in front of a message (RFC 3261 7.5). True: two came, a ping. */
static bool take_empty_lines(struct sipstream *s)
{
	while (!s->want && buf_len(&s->in) >= 2 && memcmp(buf_bytes(&s->in).p, "\r\n", 2) == 0) {
		bool is_ping = s->is_after_crlf;
		drop(s, 2);
		s->is_after_crlf = !is_ping;
		if (is_ping)
			return true;
	}
	return false;
}

/* Length of start line and fields with the empty line; 0: not complete. */
static size_t header_length(struct sipstream *s, struct bytes in)
{
	size_t from = s->scanned > 3 ? s->scanned - 3 : 0;
	const uint8_t *end = in.n > from ? memmem(in.p + from, in.n - from, "\r\n\r\n", 4) : NULL;

	s->scanned = in.n;
	return end ? (size_t)(end - in.p) + 4 : 0;
}

/* 0: s->want is known, or more bytes are needed. */
static int find_length(struct sipstream *s)
{
	struct bytes in = buf_bytes(&s->in);
	size_t header = header_length(s, in);
	uint32_t body = 0;

	if (!header)
		return in.n > SIPMSG_MAX_BYTES ? ERR_LIMIT : 0;
	struct bytes head = bytes_make(in.p, header);
	const uint8_t *line = memmem(head.p, head.n, "\r\n", 2);
	struct bytes fields = bytes_skip(head, (size_t)(line - head.p) + 2);
	s->want = header;
	if (message_text_length(fields, &body) != LENGTH_OK) /* RFC 3261 18.3: needed on a stream */
		return ERR_SYNTAX;
	if (header > SIPMSG_MAX_BYTES || body > SIPMSG_MAX_BYTES - header)
		return ERR_LIMIT;
	s->want = header + body;
	return 0;
}

/* The framing is lost: what there is of the message is for an answer. */
static int lose(struct sipstream *s, int rc, struct sipmsg **out)
{
	struct sipmsg *m = NULL;

	if (s->want && sipmsg_parse(bytes_make(buf_bytes(&s->in).p, s->want), &m) == 0)
		message_lost_framing(m, rc);
	if (m && !sipmsg_is_request(m)) {
		sipmsg_free(m);
		m = NULL;
	}
	*out = m;
	drop(s, buf_len(&s->in));
	return rc;
}

/* Is it SIP, so that its length can be believed, though nothing can be done with it? */
static bool can_be_skipped(struct bytes in)
{
	struct message_start start;
	struct bytes line = bytes_make(in.p, bytes_find(in, '\r'));

	return message_text_start(line, &start) == 0 || bytes_eq_nocase(bytes_make(in.p, 8), BYTES("SIP/2.0 "));
}

/* The message at hand is whole. */
static int take(struct sipstream *s, struct sipmsg **out)
{
	struct bytes in = bytes_make(buf_bytes(&s->in).p, s->want);
	int rc = sipmsg_parse(in, out);

	if (rc < 0 && rc != ERR_NOMEM && !can_be_skipped(in))
		return lose(s, rc, out);
	drop(s, s->want);
	return rc == ERR_NOMEM ? rc : 0;
}

int sipstream_next(struct sipstream *s, struct sipmsg **out, bool *is_ping)
{
	*out = NULL;
	for (;;) {
		*is_ping = take_empty_lines(s);
		if (*is_ping || !buf_len(&s->in))
			return 0;
		int rc = s->want ? 0 : find_length(s);
		if (rc < 0)
			return lose(s, rc, out);
		if (!s->want || buf_len(&s->in) < s->want)
			return 0;
		s->is_after_crlf = false;
		rc = take(s, out);
		if (rc < 0 || *out)
			return rc;
	}
}

bool sipstream_is_inside(const struct sipstream *s)
{
	return buf_len(&s->in) > 0;
}
