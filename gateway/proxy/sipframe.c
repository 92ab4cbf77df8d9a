#include "sipframe.h"

#include "base/err.h"

#include <string.h>

enum { READ_SLACK = 128 << 10 }; /* what one read of the link gives, behind a message that is not whole */

/* ---- a head ---- */

static bool is_keepalive(struct bytes in)
{
	return bytes_eq(in, BYTES("\r\n")) || bytes_eq(in, BYTES("\r\n\r\n"));
}

/* Bytes up to the empty line, with it; 0: it is not there. */
static size_t head_length(struct bytes in, size_t from)
{
	const uint8_t *end = in.n > from ? memmem(in.p + from, in.n - from, "\r\n\r\n", 4) : NULL;

	return end ? (size_t)(end - in.p) + 4 : 0;
}

/* A line end of another kind would be one to some readers and none to others: each of them would see other fields. */
static bool has_plain_lines(struct bytes head)
{
	for (size_t i = 0; i < head.n; i++) {
		bool is_end = head.p[i] == '\r' && i + 1 < head.n && head.p[i + 1] == '\n';
		if (!head.p[i] || (head.p[i] == '\n') || (head.p[i] == '\r' && !is_end))
			return false;
		i += is_end;
	}
	return true;
}

static struct bytes trimmed(struct bytes v)
{
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = bytes_skip(v, 1);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

static bool is_length(struct bytes name)
{
	return bytes_eq_nocase(name, BYTES("Content-Length")) || bytes_eq_nocase(name, BYTES("l"));
}

/* Content-Length of a head. ERR_NOT_FOUND: there is none; ERR_SYNTAX: none that is right, several, or one that is folded. */
static int length_of(struct bytes head, uint64_t *out)
{
	int rc = ERR_NOT_FOUND;

	for (size_t n; (n = bytes_find(head, '\r')) < head.n; head = bytes_skip(head, n + 2)) {
		struct bytes line = bytes_make(head.p, n);
		size_t colon = bytes_find(line, ':');
		if (colon == line.n || !is_length(trimmed(bytes_make(line.p, colon))))
			continue;
		bool is_folded = n + 2 < head.n && (head.p[n + 2] == ' ' || head.p[n + 2] == '\t');
		if (rc == 0 || is_folded || bytes_to_u64(trimmed(bytes_skip(line, colon + 1)), SIPFRAME_MAX, out))
			return ERR_SYNTAX;
		rc = 0;
	}
	return rc;
}

/* ---- from the client ---- */

int sipframe_from_client(struct bytes message, struct buf *out, const char **why)
{
	uint64_t length;

	*why = "a message that is too long";
	if (message.n > SIPFRAME_MAX)
		return ERR_LIMIT;
	*why = "an empty message";
	if (message.n == 0)
		return ERR_SYNTAX;
	if (is_keepalive(message)) {
		buf_put_bytes(out, message);
		return buf_failed(out) ? ERR_NOMEM : 0;
	}
	*why = "a message that begins with an empty line";
	if (message.p[0] == '\r' || message.p[0] == '\n')
		return ERR_SYNTAX;
	size_t head = head_length(message, 0);
	*why = "a message without the end of its head";
	if (head == 0)
		return ERR_SYNTAX;
	*why = "a head with other line ends";
	if (!has_plain_lines(bytes_make(message.p, head)))
		return ERR_SYNTAX;
	*why = "a Content-Length that is not the length of the body";
	int rc = length_of(bytes_make(message.p, head), &length);
	if (rc == ERR_SYNTAX || (rc == 0 && length != message.n - head))
		return ERR_SYNTAX;
	buf_put(out, message.p, head - 2);
	if (rc)
		buf_putf(out, "Content-Length: %zu\r\n", message.n - head);
	buf_put_bytes(out, bytes_skip(message, head - 2));
	return buf_failed(out) ? ERR_NOMEM : 0;
}

/* ---- to the client ---- */

void sipframes_init(struct sipframes *s)
{
	*s = (struct sipframes){ .scanned = 0 };
	buf_init(&s->in, SIPFRAME_MAX + READ_SLACK);
}

void sipframes_fini(struct sipframes *s)
{
	buf_fini(&s->in);
}

int sipframes_feed(struct sipframes *s, struct bytes in)
{
	if (buf_len(&s->in) + in.n > SIPFRAME_MAX + READ_SLACK)
		return ERR_LIMIT;
	buf_put_bytes(&s->in, in);
	return buf_failed(&s->in) ? ERR_NOMEM : 0;
}

static bool take(struct sipframes *s, size_t n, struct bytes *message)
{
	*message = bytes_make(buf_bytes(&s->in).p, n);
	buf_consume(&s->in, n);
	s->scanned = 0;
	return true;
}

/* Bytes of the line ends between messages: those that are there, as one keep-alive's answer. */
static size_t line_ends(struct bytes in)
{
	size_t n = 0;

	while (in.n - n >= 2 && in.p[n] == '\r' && in.p[n + 1] == '\n')
		n += 2;
	return n;
}

bool sipframes_next(struct sipframes *s, struct bytes *message, int *rc)
{
	struct bytes in = buf_bytes(&s->in);
	size_t ends = line_ends(in);
	uint64_t length;

	*rc = 0;
	if (ends)
		return take(s, ends, message);
	if (in.n > 1 && (in.p[0] == '\r' || in.p[0] == '\n')) {
		*rc = ERR_SYNTAX;
		return false;
	}
	size_t head = head_length(in, s->scanned);
	if (head == 0) {
		s->scanned = in.n > 3 ? in.n - 3 : 0;
		*rc = in.n > SIPFRAME_MAX ? ERR_LIMIT : 0;
		return false;
	}
	s->scanned = head - 4; /* it is found again at once */
	if (length_of(bytes_make(in.p, head), &length)) {
		*rc = ERR_SYNTAX; /* RFC 3261 18.3: in a stream each has one */
		return false;
	}
	if (head + length > SIPFRAME_MAX) {
		*rc = ERR_LIMIT;
		return false;
	}
	return in.n < head + length ? false : take(s, head + (size_t)length, message);
}
