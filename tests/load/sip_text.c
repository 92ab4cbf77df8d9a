#include "sip_text.h"

#include <stdlib.h>
#include <strings.h>

static struct bytes next_line(struct bytes *rest)
{
	const uint8_t *end = rest->n ? memmem(rest->p, rest->n, "\r\n", 2) : NULL;
	struct bytes line = bytes_make(rest->p, end ? (size_t)(end - rest->p) : rest->n);

	*rest = end ? bytes_make(end + 2, rest->n - line.n - 2) : BYTES_NONE;
	return line;
}

static bool is_named(struct bytes line, const char *name, char compact, size_t *value_at)
{
	size_t n = strlen(name);

	if (line.n > n && line.p[n] == ':' && strncasecmp((const char *)line.p, name, n) == 0) {
		*value_at = n + 1;
		return true;
	}
	*value_at = 2;
	return compact && line.n > 2 && (line.p[0] | 0x20) == (uint8_t)compact && line.p[1] == ':';
}

struct bytes siptext_header(struct bytes message, const char *name, char compact, unsigned i)
{
	struct bytes line = next_line(&message);
	size_t at;

	while ((line = next_line(&message)).n > 0) {
		if (!is_named(line, name, compact, &at) || i-- > 0)
			continue;
		while (at < line.n && line.p[at] == ' ')
			at++;
		return bytes_make(line.p + at, line.n - at);
	}
	return BYTES_NONE;
}

unsigned siptext_status(struct bytes message)
{
	if (message.n < 12 || memcmp(message.p, "SIP/2.0 ", 8) != 0)
		return 0;
	return (unsigned)strtoul((const char *)message.p + 8, NULL, 10);
}

bool siptext_is_method(struct bytes message, const char *method)
{
	size_t n = strlen(method);

	return message.n > n && memcmp(message.p, method, n) == 0 && message.p[n] == ' ';
}

static void copy(struct buf *out, struct bytes request, const char *name, char compact)
{
	struct bytes v = siptext_header(request, name, compact, 0);

	buf_putf(out, "%s: %.*s\r\n", name, (int)v.n, (const char *)v.p);
}

void siptext_answer(struct bytes request, const char *status, const char *tag, const char *more, struct buf *out)
{
	struct bytes v;

	buf_putf(out, "SIP/2.0 %s\r\n", status);
	for (unsigned i = 0; (v = siptext_header(request, "Via", 'v', i)).n > 0; i++)
		buf_putf(out, "Via: %.*s\r\n", (int)v.n, (const char *)v.p);
	copy(out, request, "From", 'f');
	v = siptext_header(request, "To", 't', 0);
	buf_putf(out, "To: %.*s", (int)v.n, (const char *)v.p);
	if (!memmem(v.p, v.n, ";tag=", 5))
		buf_putf(out, ";tag=%s", tag);
	buf_put_str(out, "\r\n");
	copy(out, request, "Call-ID", 'i');
	copy(out, request, "CSeq", 0);
	buf_putf(out, "%sContent-Length: 0\r\n\r\n", more);
}

struct bytes siptext_uri(struct bytes value)
{
	const uint8_t *from = memchr(value.p, '<', value.n), *end;

	if (from) {
		from++;
		end = memchr(from, '>', value.n - (size_t)(from - value.p));
		return end ? bytes_make(from, (size_t)(end - from)) : BYTES_NONE;
	}
	end = memchr(value.p, ';', value.n);
	return bytes_make(value.p, end ? (size_t)(end - value.p) : value.n);
}

struct siptext_start siptext_start(struct bytes value)
{
	struct siptext_start s;
	size_t n = value.n < sizeof s.text ? value.n : sizeof s.text - 1;

	if (n)
		memcpy(s.text, value.p, n);
	s.text[n] = '\0';
	return s;
}
