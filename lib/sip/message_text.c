#include "sip/message_text.h"

#include <ctype.h>

#include "base/err.h"
#include "base/text.h"

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trimmed(struct bytes v)
{
	while (v.n && is_space(v.p[v.n - 1]))
		v.n--;
	while (v.n && is_space(v.p[0]))
		v = bytes_skip(v, 1);
	return v;
}

/* Length of the line at the front with its CRLF; 0: there is no CRLF. A bare LF or CR ends nothing. */
static size_t line_length(struct bytes in)
{
	size_t from = 0;

	while (from < in.n) {
		const uint8_t *lf = memchr(in.p + from, '\n', in.n - from);
		if (!lf)
			return 0;
		from = (size_t)(lf - in.p) + 1;
		if (from >= 2 && lf[-1] == '\r')
			return from;
	}
	return 0;
}

/* The same with the lines that continue it (RFC 3261 7.3.1). */
static size_t field_length(struct bytes in)
{
	size_t n = 0, line;

	do {
		line = line_length(bytes_skip(in, n));
		n += line;
	} while (line && n < in.n && (in.p[n] == ' ' || in.p[n] == '\t'));
	return line ? n : in.n;
}

static bool is_empty_line(struct bytes in)
{
	return in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n';
}

bool message_text_field(struct bytes *rest, struct bytes *name, struct bytes *value, bool *is_bad)
{
	if (!rest->n || is_empty_line(*rest))
		return false;
	struct bytes field = bytes_make(rest->p, field_length(*rest));
	size_t colon = bytes_find(field, ':');
	*name = trimmed(bytes_make(field.p, colon));
	*value = trimmed(bytes_skip(field, colon + 1));
	*is_bad = colon == field.n || !message_text_is_token(*name) || is_space(field.p[0]);
	*rest = bytes_skip(*rest, field.n);
	return true;
}

static bool is_length_name(struct bytes name)
{
	return (name.n == 14 && bytes_eq_nocase(name, BYTES("Content-Length"))) || (name.n == 1 && (*name.p | 0x20) == 'l');
}

enum message_length message_text_length(struct bytes fields, uint32_t *out)
{
	enum message_length found = LENGTH_NONE;
	struct bytes name, value;
	uint64_t n;
	bool is_bad;

	while (message_text_field(&fields, &name, &value, &is_bad)) {
		if (!is_length_name(name))
			continue;
		if (found != LENGTH_NONE || bytes_to_u64(value, UINT32_MAX, &n) < 0)
			return LENGTH_BAD;
		*out = (uint32_t)n;
		found = LENGTH_OK;
	}
	return found;
}

bool message_text_is_token(struct bytes v)
{
	static const bool is_token[256] = {
		['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['-'] = true, ['.'] = true, ['!'] = true,
		['%'] = true, ['*'] = true, ['_'] = true, ['+'] = true, ['`'] = true, ['\''] = true, ['~'] = true,
	};

	for (size_t i = 0; i < v.n; i++)
		if (!is_token[v.p[i]])
			return false;
	return v.n > 0;
}

static const struct sipmsg_fault bad_request_line = { 400, "Bad Request Line" };

/* "SIP/7.0" */
static bool is_version(struct bytes v)
{
	if (v.n < 5 || !bytes_eq_nocase(bytes_make(v.p, 4), BYTES("SIP/")))
		return false;
	for (size_t i = 4; i < v.n; i++)
		if (!isdigit(v.p[i]) && v.p[i] != '.')
			return false;
	return true;
}

static int read_status(struct bytes line, struct message_start *out)
{
	struct bytes rest = bytes_skip(line, sizeof "SIP/2.0" - 1);
	uint64_t status;

	if (!bytes_eq_nocase(bytes_make(line.p, line.n - rest.n), BYTES("SIP/2.0")) || rest.n < 4 || rest.p[0] != ' ')
		return ERR_SYNTAX;
	if (bytes_to_u64(bytes_make(rest.p + 1, 3), 699, &status) < 0 || status < 100)
		return ERR_SYNTAX;
	if (rest.n > 4 && rest.p[4] != ' ') /* RFC 4475 3.1.2.19 */
		return ERR_SYNTAX;
	out->status = (uint16_t)status;
	out->reason = bytes_skip(rest, 5);
	return 0;
}

static struct bytes last_word(struct bytes line)
{
	size_t at = line.n;

	while (at && line.p[at - 1] != ' ')
		at--;
	return bytes_skip(line, at);
}

/* Exactly one space between the parts and none behind (RFC 4475 3.1.2.8 to 3.1.2.10). */
static void judge_request_line(struct bytes line, struct bytes version, struct message_start *out)
{
	bool is_uri_whole = bytes_find(out->uri, ' ') == out->uri.n && bytes_find(out->uri, '\t') == out->uri.n;

	if (!bytes_eq_nocase(version, BYTES("SIP/2.0")) && is_version(version))
		out->fault = (struct sipmsg_fault){ 505, "Version Not Supported" };
	else if (line.p[line.n - 1] == ' ' || !out->uri.n || !is_uri_whole || !message_text_is_token(out->method))
		out->fault = bad_request_line;
}

static int read_request(struct bytes line, struct message_start *out)
{
	struct bytes rest = trimmed(line), version = last_word(rest);

	if (!is_version(version))
		return ERR_SYNTAX;
	out->is_request = true;
	out->method = bytes_make(line.p, bytes_find(line, ' '));
	rest = bytes_make(rest.p, rest.n - version.n);
	if (out->method.n + 2 > rest.n) /* no Request-URI */
		out->fault = bad_request_line;
	else
		out->uri = bytes_make(rest.p + out->method.n + 1, rest.n - out->method.n - 2);
	if (!out->fault.status)
		judge_request_line(line, version, out);
	return 0;
}

int message_text_start(struct bytes line, struct message_start *out)
{
	*out = (struct message_start){ 0 };
	if (!line.n || line.p[0] == ' ' || line.p[0] == '\t')
		return ERR_SYNTAX;
	if (line.n >= 4 && bytes_eq_nocase(bytes_make(line.p, 4), BYTES("SIP/")))
		return read_status(line, out);
	return read_request(line, out);
}

static bool is_ascii(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] >= 0x80)
			return false;
	return true;
}

static size_t count_commas(struct bytes v)
{
	size_t n = 0;

	for (size_t at = bytes_find(v, ','); at < v.n; at = bytes_find(v, ',')) {
		n++;
		v = bytes_skip(v, at + 1);
	}
	return n;
}

/* Elements of one list are parsed by recursion, and found by walking. */
static bool is_within(struct bytes value, size_t *n_elements)
{
	size_t n = count_commas(value) + 1;

	if (n > SIPMSG_HEADERS_MAX || *n_elements + n > SIPMSG_ELEMENTS_MAX)
		return false;
	*n_elements += n;
	return true;
}

/* Folding becomes one space (RFC 3261 7.3.1); NUL and bare CR or LF would end a text behind us. A quoted
 * NUL is right in a quoted string (RFC 4475 3.1.1.2), but shown to nobody. */
static void put_unfolded(struct buf *out, struct bytes v, bool is_foreign, struct message_fields *f)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		if (c == '\r' && i + 2 < v.n && v.p[i + 1] == '\n' && is_space(v.p[i + 2])) {
			while (i + 1 < v.n && is_space(v.p[i + 1]))
				i++;
			c = ' ';
		} else if (c == 0 || c == '\r' || c == '\n') {
			f->is_rough |= c || !i || v.p[i - 1] != '\\';
			c = '?';
		} else if (c >= 0x80 && is_foreign) {
			c = '?';
		}
		buf_put_u8(out, c);
	}
}

static bool is_plain(struct bytes v)
{
	return !memchr(v.p, '\r', v.n) && !memchr(v.p, '\n', v.n) && !memchr(v.p, 0, v.n);
}

static void put_field(struct buf *out, struct bytes name, struct bytes value, struct message_fields *f)
{
	bool is_foreign = !is_ascii(value) && !text_is_utf8(value);

	f->is_foreign |= is_foreign;
	buf_put_bytes(out, name);
	buf_put(out, ": ", 2);
	if (!value.n || (is_plain(value) && !is_foreign))
		buf_put_bytes(out, value);
	else
		put_unfolded(out, value, is_foreign, f);
	buf_put(out, "\r\n", 2);
}

/* What an answer is made from (RFC 3261 8.2.6). */
static bool is_needed(struct bytes name)
{
	static const char *const needed[] = { "Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq" };

	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
		if (bytes_eq_nocase(name, bytes_of(needed[i])))
			return true;
	return false;
}

/* Returns how many fields there were; those with too many elements are not copied. */
static size_t copy_fields(struct bytes *fields, struct buf *out, struct message_fields *f, bool only_needed)
{
	struct bytes name, value;
	size_t n = 0, elements = 0;
	bool is_bad;

	while (message_text_field(fields, &name, &value, &is_bad)) {
		n++;
		f->is_nameless |= is_bad;
		if (is_bad || (only_needed && !is_needed(name)))
			continue;
		if (!is_within(value, &elements)) {
			f->is_flood = true;
			continue;
		}
		put_field(out, name, value, f);
	}
	return n;
}

enum { SPACES_BYTES = 64 }; /* a space behind each colon */

void message_text_copy(struct bytes fields, struct buf *out, struct message_fields *f)
{
	struct bytes rest = fields;
	size_t before = buf_len(out);

	*f = (struct message_fields){ 0 };
	if (before + fields.n + SPACES_BYTES <= out->max)
		(void)buf_reserve(out, fields.n + SPACES_BYTES); /* it grows in steps otherwise */
	f->is_flood |= copy_fields(&rest, out, f, false) > SIPMSG_HEADERS_MAX;
	if (f->is_flood) {
		buf_truncate(out, before);
		rest = fields;
		(void)copy_fields(&rest, out, f, true);
	}
	buf_put(out, "\r\n", 2);
	f->is_ended = is_empty_line(rest);
	f->body = bytes_skip(rest, 2);
}
