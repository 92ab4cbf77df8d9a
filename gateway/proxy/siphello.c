#include "siphello.h"

#include <ctype.h>
#include <string.h>

enum { METHOD_MAX = 32, HOST_BYTES = 256 };

static struct bytes without_empty_lines(struct bytes in)
{
	while (in.n && (in.p[0] == '\r' || in.p[0] == '\n'))
		in = bytes_skip(in, 1);
	return in;
}

/* Length of the method at the front; 0: there is none. */
static size_t method_length(struct bytes in)
{
	size_t n = 0;

	while (n < in.n && n <= METHOD_MAX && in.p[n] >= 'A' && in.p[n] <= 'Z')
		n++;
	return n <= METHOD_MAX ? n : 0;
}

/* Does `in` begin with the word, as far as it goes? */
static bool may_be(struct bytes in, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < n && i < in.n; i++)
		if (tolower(in.p[i]) != word[i])
			return false;
	return true;
}

enum siphello_what siphello_kind(struct bytes said)
{
	struct bytes in = without_empty_lines(said);
	size_t n = method_length(in);

	if (n == in.n)
		return said.n > SIPHELLO_MAX ? SIPHELLO_NO : SIPHELLO_MORE;
	if (n == 0 || in.p[n] != ' ')
		return SIPHELLO_NO;
	struct bytes uri = bytes_skip(in, n + 1);
	bool is_sip = may_be(uri, "sip:"), is_sips = may_be(uri, "sips:");
	if ((is_sip && uri.n >= 4) || (is_sips && uri.n >= 5))
		return SIPHELLO_OURS;
	return is_sip || is_sips ? SIPHELLO_MORE : SIPHELLO_NO;
}

/* ---- the head ---- */

/* Up to the empty line, with it; n 0: it is not there yet. */
static struct bytes head_of(struct bytes in)
{
	const uint8_t *end = in.n ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;

	return end ? bytes_make(in.p, (size_t)(end - in.p) + 4) : BYTES_NONE;
}

/* The next line without its end; *rest goes on behind it. */
static struct bytes line_of(struct bytes *rest)
{
	const uint8_t *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	struct bytes line = bytes_make(rest->p, n && rest->p[n - 1] == '\r' ? n - 1 : n);

	*rest = bytes_skip(*rest, end ? n + 1 : n);
	return line;
}

/* "METHOD sip:user@host:port;parameters SIP/2.0": the host, in lower case. False: it is not that. */
static bool host_of(struct bytes line, char out[static HOST_BYTES])
{
	size_t method = method_length(line);
	struct bytes uri = bytes_skip(line, method + 1);
	size_t n = bytes_find(uri, ' ');

	if (!method || n == uri.n || !bytes_eq_str(bytes_skip(uri, n + 1), "SIP/2.0"))
		return false;
	uri = bytes_make(uri.p, n);
	uri = bytes_skip(uri, bytes_find(uri, ':') + 1);
	size_t at = bytes_find(uri, '@');
	struct bytes host = at < uri.n ? bytes_skip(uri, at + 1) : uri;
	size_t len = host.n && host.p[0] == '[' ? bytes_find(host, ']') : 0;
	while (len < host.n && !strchr(":;?", host.p[len]))
		len++;
	if (len == 0 || len >= HOST_BYTES || (host.p[0] == '[') != (host.p[len - 1] == ']'))
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower(host.p[i]);
	out[len] = '\0';
	return strlen(out) == len;
}

enum siphello_what siphello_read(struct bytes said, siphello_host_fn is_host, void *arg)
{
	enum siphello_what kind = siphello_kind(said);
	char host[HOST_BYTES];

	if (kind != SIPHELLO_OURS)
		return kind;
	struct bytes head = head_of(without_empty_lines(said));
	if (head.n == 0)
		return said.n >= SIPHELLO_MAX ? SIPHELLO_NO : SIPHELLO_MORE;
	if (head.n > SIPHELLO_MAX || !host_of(line_of(&head), host))
		return SIPHELLO_NO;
	return is_host(arg, host) ? SIPHELLO_OURS : SIPHELLO_FOREIGN;
}

/* ---- an answer ---- */

static bool is_field(struct bytes line, const char *name, char compact)
{
	size_t colon = bytes_find(line, ':'), n = colon;

	if (colon == line.n)
		return false;
	while (n && (line.p[n - 1] == ' ' || line.p[n - 1] == '\t'))
		n--;
	struct bytes field = bytes_make(line.p, n);
	return bytes_eq_nocase(field, bytes_of(name)) || (n == 1 && compact && tolower(field.p[0]) == compact);
}


void siphello_answer(struct bytes said, unsigned status, const char *reason, const char *tag, unsigned retry_s, struct buf *out)
{
	struct bytes rest = head_of(without_empty_lines(said));
	bool is_kept = false;

	buf_putf(out, "SIP/2.0 %u %s\r\n", status, reason);
	for ((void)line_of(&rest); rest.n;) {
		struct bytes line = line_of(&rest);
		bool is_folded = line.n && (line.p[0] == ' ' || line.p[0] == '\t');
		bool is_to = is_field(line, "To", 't');
		is_kept = is_folded ? is_kept : is_to || is_field(line, "Via", 'v') || is_field(line, "From", 'f') ||
		                                is_field(line, "Call-ID", 'i') || is_field(line, "CSeq", 0);
		if (!is_kept)
			continue;
		buf_put_bytes(out, line);
		if (is_to && !is_folded && !memmem(line.p, line.n, ";tag=", 5))
			buf_putf(out, ";tag=%s", tag);
		buf_put_str(out, "\r\n");
	}
	if (retry_s)
		buf_putf(out, "Retry-After: %u\r\n", retry_s);
	buf_put_str(out, "Content-Length: 0\r\n\r\n");
}
