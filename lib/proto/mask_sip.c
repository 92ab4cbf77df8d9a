#include "proto/mask.h"

#include "base/err.h"
#include "proto/mask_impl.h"

/* Headers that route, negotiate or say a state; the compact forms too (RFC 3261 7.3.3). Values of all others go:
 * Subject, Authorization and its kin, Call-Info, what nobody knows. */
static const char *const shown_headers[] = {
	"Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq", "Contact", "m", "Max-Forwards", "Route", "Record-Route", "Path",
	"Service-Route", "Content-Type", "c", "Content-Length", "l", "Content-Encoding", "e", "Content-Disposition", "Event", "o",
	"Subscription-State", "Expires", "Min-Expires", "Allow", "Allow-Events", "u", "Supported", "k", "Require",
	"Proxy-Require", "Unsupported", "Accept", "Accept-Encoding", "Accept-Language", "Reason", "Retry-After", "Date",
	"Session-Expires", "x", "Min-SE", "SIP-ETag", "SIP-If-Match", "MIME-Version", "P-Asserted-Identity", "RSeq", "RAck",
	"User-Agent", "Server", "Warning", "Max-Breadth",
};

static void put_length(struct buf *out, size_t n)
{
	buf_putf(out, "[%zu]", n);
}

static bool is_shown(struct bytes name)
{
	for (size_t i = 0; i < sizeof shown_headers / sizeof shown_headers[0]; i++)
		if (bytes_eq_nocase(name, bytes_of(shown_headers[i])))
			return true;
	return false;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct bytes trim(struct bytes v)
{
	while (v.n > 0 && is_space(v.p[0]))
		v = bytes_skip(v, 1);
	while (v.n > 0 && is_space(v.p[v.n - 1]))
		v.n--;
	return v;
}

/* What does not print is shown as '?': a terminal does not obey it. */
static void put_plain(struct buf *out, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		buf_put_u8(out, v.p[i] < ' ' || v.p[i] > '~' ? '?' : v.p[i]);
}

/* The user part of a URI: without its password, and hashed where wanted. */
static void put_user(const struct mask *m, struct bytes user, struct bytes host, struct buf *out)
{
	struct bytes name = bytes_make(user.p, bytes_find(user, ':'));
	char hashed[MASK_USER_BYTES];

	if (m->jid_key.n == 0) {
		put_plain(out, name);
	} else {
		mask_user(m, name, bytes_make(host.p, bytes_find(host, ':')), hashed);
		buf_put_str(out, hashed);
	}
	if (name.n < user.n) {
		buf_put_u8(out, ':');
		put_length(out, user.n - name.n - 1);
	}
	buf_put_u8(out, '@');
}

/* scheme:user:password@host;params?headers - of anything that is no URI, the part before a '?'. */
static void put_uri(const struct mask *m, struct bytes uri, struct buf *out)
{
	size_t headers = bytes_find(uri, '?');
	struct bytes front = bytes_make(uri.p, headers);
	size_t colon = bytes_find(front, ':'), at = bytes_find(front, '@');

	if (at < front.n && colon < at) {
		struct bytes host = bytes_skip(front, at + 1);
		struct bytes name = bytes_make(host.p, bytes_find(host, ';'));
		put_plain(out, bytes_make(front.p, colon + 1));
		put_user(m, bytes_make(front.p + colon + 1, at - colon - 1), name, out);
		put_plain(out, host);
	} else if (colon < front.n && front.n - colon > 1 && bytes_eq_nocase(bytes_make(front.p, colon), BYTES("data"))) {
		put_length(out, front.n); /* RFC 2397: text in place of an address */
	} else {
		put_plain(out, front);
	}
	if (headers < uri.n) {
		buf_put_u8(out, '?');
		put_length(out, uri.n - headers - 1);
	}
}

static size_t quoted_end(struct bytes v)
{
	size_t i = 1;

	while (i < v.n && v.p[i] != '"')
		i += v.p[i] == '\\' && i + 1 < v.n ? 2 : 1;
	return i < v.n ? i + 1 : v.n;
}

/* One piece up to a quote, a bracket or a comma: plain words in front of '<' are a display name. */
static void put_piece(const struct mask *m, struct bytes piece, bool is_name, struct buf *out)
{
	struct bytes words = trim(piece);

	if (words.n == 0) {
		put_plain(out, piece);
	} else if (is_name) {
		put_length(out, words.n);
		buf_put_u8(out, ' ');
	} else {
		put_uri(m, piece, out);
	}
}

static void put_value(const struct mask *m, struct bytes v, struct buf *out)
{
	while (v.n > 0) {
		size_t n = 0;
		while (n < v.n && v.p[n] != '"' && v.p[n] != '<' && v.p[n] != '(' && v.p[n] != ',')
			n++;
		put_piece(m, bytes_make(v.p, n), n < v.n && v.p[n] == '<', out);
		v = bytes_skip(v, n);
		if (v.n == 0)
			return;
		if (v.p[0] == '"') {
			n = quoted_end(v);
			buf_put_u8(out, '"');
			put_length(out, n > 1 ? n - 2 : 0);
			buf_put_u8(out, '"');
		} else if (v.p[0] == '(') { /* a comment (RFC 3261 25.1): to its last ')' */
			for (n = v.n; n > 1 && v.p[n - 1] != ')'; n--)
				;
			n = n > 1 ? n : v.n;
			buf_put_u8(out, '(');
			put_length(out, n > 1 ? n - 2 : 0);
			buf_put_u8(out, ')');
		} else if (v.p[0] == '<') {
			n = bytes_find(v, '>');
			buf_put_u8(out, '<');
			put_uri(m, bytes_make(v.p + 1, (n < v.n ? n : v.n) - 1), out);
			buf_put_u8(out, '>');
			n += n < v.n;
		} else {
			buf_put_u8(out, v.p[0]);
			n = 1;
		}
		v = bytes_skip(v, n);
	}
}

static void put_header(const struct mask *m, struct bytes line, struct buf *out)
{
	size_t colon = bytes_find(line, ':');
	struct bytes name = trim(bytes_make(line.p, colon)), value = trim(bytes_skip(line, colon + 1));

	
	if (colon == line.n) { /* no header: nobody knows what it says */
		put_length(out, line.n);
		return;
	}
	put_plain(out, name);
	buf_put_str(out, ": ");
	if (!is_shown(name))
		put_length(out, value.n);
	else
		put_value(m, value, out);
}

/* "MESSAGE sip:... SIP/2.0" or "SIP/2.0 200 words". */
static void put_start(const struct mask *m, struct bytes line, struct buf *out)
{
	size_t first = bytes_find(line, ' ');
	struct bytes rest = bytes_skip(line, first + 1);
	size_t second = bytes_find(rest, ' ');

	put_plain(out, bytes_make(line.p, first));
	if (first == line.n)
		return;
	buf_put_u8(out, ' ');
	put_uri(m, bytes_make(rest.p, second), out);
	if (second == rest.n)
		return;
	struct bytes last = bytes_skip(rest, second + 1);
	buf_put_u8(out, ' ');
	if (bytes_starts(last, BYTES("SIP/")) && last.n == 7)
		put_plain(out, last);
	else
		put_length(out, last.n);
}

/* The line in front, without its end; *text goes behind it. */
static struct bytes take_line(struct bytes *text)
{
	size_t n = bytes_find(*text, '\n');
	struct bytes line = bytes_make(text->p, n);

	*text = bytes_skip(*text, n + 1);
	while (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

int mask_sip(const struct mask *m, struct bytes message, struct buf *out)
{
	bool is_first = true;

	while (message.n > 0) {
		struct bytes line = take_line(&message);
		if (line.n == 0 && !is_first)
			break;
		if (line.n == 0)
			continue;
		if (is_first) {
			put_start(m, line, out);
		} else if (is_space(line.p[0])) { /* a folded one: its pieces cannot be told apart */
			buf_put_u8(out, ' ');
			put_length(out, line.n);
		} else {
			put_header(m, line, out);
		}
		buf_put_u8(out, '\n');
		is_first = false;
	}
	if (message.n > 0) {
		buf_put_u8(out, '\n');
		put_length(out, message.n);
		buf_put_u8(out, '\n');
	}
	return buf_failed(out) ? ERR_LIMIT : 0;
}
