/* Is a value right for its row, and what is its canonical text? One function a type. */
#include "run/settings.h"

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>

typedef int (*check_fn)(const struct setting_row *row, struct bytes v, struct buf *out, const char **why);

static int refuse(const char **why, const char *text, int rc)
{
	*why = text;
	return rc;
}

static int check_bool(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	(void)row;
	if (!bytes_eq_str(v, "on") && !bytes_eq_str(v, "off"))
		return refuse(why, "on or off", ERR_SYNTAX);
	buf_put_bytes(out, v);
	return 0;
}

/* "min..max" of the table into two numbers. */
static void int_range(const char *range, uint64_t *min, uint64_t *max)
{
	struct bytes r = bytes_of(range);
	size_t dot = bytes_find(r, '.');

	*min = 0;
	*max = INT64_MAX;
	(void)bytes_to_u64(bytes_make(r.p, dot), INT64_MAX, min); /* our own table; a test reads every row */
	(void)bytes_to_u64(bytes_skip(r, dot + 2), INT64_MAX, max);
}

static int check_int(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	uint64_t min, max, n;

	int_range(row->range, &min, &max);
	if (bytes_to_u64(v, INT64_MAX, &n) == ERR_SYNTAX)
		return refuse(why, row->range, ERR_SYNTAX);
	if (bytes_to_u64(v, max, &n) < 0 || n < min)
		return refuse(why, row->range, ERR_RANGE);
	buf_putf(out, "%llu", (unsigned long long)n);
	return 0;
}

static int check_enum(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	struct bytes rest = bytes_of(row->range);

	while (rest.n > 0) {
		size_t n = bytes_find(rest, '|');
		if (bytes_eq(bytes_make(rest.p, n), v)) {
			buf_put_bytes(out, v);
			return 0;
		}
		rest = bytes_skip(rest, n + 1);
	}
	return refuse(why, row->range, ERR_SYNTAX);
}

static bool has_control(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return true;
	}
	return false;
}

static int check_text(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	uint64_t max = 255;

	(void)bytes_to_u64(bytes_of(row->range), UINT16_MAX, &max); /* our own table */
	if (v.n == 0 || !text_is_utf8(v) || has_control(v))
		return refuse(why, "text without control characters", ERR_SYNTAX);
	if (v.n > max)
		return refuse(why, "a shorter text", ERR_RANGE);
	buf_put_bytes(out, v);
	return 0;
}

/* The shape of a domain only; gh-conf brings names to their one normal form (proto/jid.h) before
 * they get here, and this layer knows nothing of addresses. */
static int check_domain(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	(void)row;
	if (v.n == 0 || v.n > 1023 || !text_is_utf8(v) || has_control(v) || bytes_find(v, ' ') < v.n)
		return refuse(why, "a domain name", ERR_SYNTAX);
	buf_put_bytes(out, v);
	return 0;
}

/* Numeric address in its canonical text; false when it is none. */
static bool put_address(const char *host, struct buf *out)
{
	uint8_t raw[16];
	char text[INET6_ADDRSTRLEN];
	int family = strchr(host, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, host, raw) != 1 || !inet_ntop(family, raw, text, sizeof text))
		return false;
	buf_put_str(out, text);
	return true;
}

static int check_listen(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	static const char wanted[] = "address and port, or off";
	char host[256];
	uint16_t port;

	(void)row;
	int rc = setting_split_host(v, 0, host, &port);
	if (rc == ERR_NOT_FOUND) {
		buf_put_bytes(out, v);
		return 0;
	}
	if (rc < 0 || port == 0 || !put_address(host, out))
		return refuse(why, wanted, ERR_SYNTAX);
	buf_putf(out, " %u", port);
	return 0;
}

static int check_address(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	char host[256];
	uint16_t port;

	(void)row;
	if (setting_split_host(v, 0, host, &port) < 0 || !put_address(host, out))
		return refuse(why, "a numeric address, and a port if it is not the usual one", ERR_SYNTAX);
	if (port)
		buf_putf(out, " %u", port);
	return 0;
}

static bool is_host_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c >= 0x80;
}

/* A host name, in lower case, or an address. */
static bool put_host(char *host, struct buf *out)
{
	size_t n = strlen(host);

	if (put_address(host, out))
		return true;
	if (n > 0 && host[n - 1] == '.')
		n--;
	for (size_t i = 0; i < n; i++) {
		if (host[i] >= 'A' && host[i] <= 'Z')
			host[i] += 'a' - 'A';
		if (!is_host_byte((uint8_t)host[i]) || (i > 0 && host[i] == '.' && host[i - 1] == '.'))
			return false;
	}
	buf_put(out, host, n);
	return n > 0 && n <= 253 && host[0] != '.' && host[n - 1] != '.' && host[0] != '-'; /* RFC 1035 2.3.4 */
}

static int check_host(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	static const char wanted[] = "host and port";
	size_t before = buf_len(out);
	char host[256];
	uint16_t port;

	(void)row;
	if (!text_is_utf8(v) || setting_split_host(v, 0, host, &port) < 0)
		return refuse(why, wanted, ERR_SYNTAX);
	if (!put_host(host, out)) {
		buf_truncate(out, before);
		return refuse(why, wanted, ERR_SYNTAX);
	}
	if (port)
		buf_putf(out, " %u", port);
	return 0;
}

/* Takes one line without its end. */
static struct bytes next_line(struct bytes *rest)
{
	size_t n = bytes_find(*rest, '\n');
	struct bytes line = bytes_make(rest->p, n);

	*rest = bytes_skip(*rest, n + 1);
	while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
		line.n--;
	return line;
}

static bool is_base64_line(struct bytes line)
{
	for (size_t i = 0; i < line.n; i++) {
		uint8_t c = line.p[i];
		bool is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
				c == '+' || c == '/' || c == '=';
		if (!is_digit)
			return false;
	}
	return line.n > 0;
}

enum pem_line { PEM_NOTE, PEM_BEGIN, PEM_DATA, PEM_END, PEM_BAD };

/* "-----BEGIN LABEL-----" (RFC 7468 2) */
static bool is_mark(struct bytes line, const char *which, const char *label)
{
	char mark[64];

	(void)snprintf(mark, sizeof mark, "-----%s %s-----", which, label); /* labels are of our own table */
	return bytes_eq_str(line, mark);
}

static enum pem_line pem_line_of(struct bytes line, const char *label, bool is_inside)
{
	if (is_inside && is_mark(line, "END", label))
		return PEM_END;
	if (is_inside)
		return is_base64_line(line) ? PEM_DATA : PEM_BAD;
	if (is_mark(line, "BEGIN", label))
		return PEM_BEGIN;
	return bytes_starts(line, BYTES("-----")) ? PEM_BAD : PEM_NOTE;
}

static const char *wanted_pem(const struct setting_row *row)
{
	if (strcmp(row->range, "CERTIFICATE") == 0)
		return "certificates in PEM";
	return strcmp(row->range, "PUBLIC KEY") == 0 ? "public keys in PEM" : "revocation lists in PEM";
}

/* Keeps the blocks of the row's label (RFC 7468) and drops the notes between them. A private key here
 * would be shown to everybody who may read settings, so that is refused. */
static int check_pem(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	struct bytes rest = v;
	bool is_inside = false;
	size_t n_blocks = 0, before = buf_len(out);

	while (rest.n > 0) {
		struct bytes line = next_line(&rest);
		enum pem_line kind = pem_line_of(line, row->range, is_inside);
		if (kind == PEM_BAD)
			goto bad;
		if (kind == PEM_NOTE)
			continue;
		buf_put_bytes(out, line);
		buf_put_u8(out, '\n');
		is_inside = kind != PEM_END;
		n_blocks += kind == PEM_END;
	}
	if (!is_inside && n_blocks > 0)
		return 0;
bad:
	buf_truncate(out, before);
	return refuse(why, wanted_pem(row), ERR_SYNTAX);
}

static int check_hex(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	uint64_t n_bytes = 0;
	uint8_t digits[2 * 64], raw[64];
	char text[2 * 64 + 1];
	size_t n = 0;

	(void)bytes_to_u64(bytes_of(row->range), sizeof raw, &n_bytes); /* our own table */
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == ':') /* as OpenSSL prints fingerprints */
			continue;
		if (n == 2 * n_bytes)
			return refuse(why, "64 hex digits", ERR_SYNTAX);
		digits[n++] = v.p[i];
	}
	if (n != 2 * n_bytes || text_unhex(bytes_make(digits, n), raw, n_bytes) < 0)
		return refuse(why, "64 hex digits", ERR_SYNTAX);
	text_hex(bytes_make(raw, n_bytes), text);
	buf_put_str(out, text);
	return 0;
}

static int check_secret(const struct setting_row *row, struct bytes v, struct buf *out, const char **why)
{
	(void)row;
	if (v.n == 0 || v.n > SECRET_MAX_BYTES)
		return refuse(why, "1 to 1024 bytes", ERR_RANGE);
	buf_put_bytes(out, v);
	return 0;
}

static const check_fn checks[] = {
	[SETTING_BOOL] = check_bool,       [SETTING_INT] = check_int,   [SETTING_ENUM] = check_enum,
	[SETTING_TEXT] = check_text,       [SETTING_DOMAIN] = check_domain,
	[SETTING_LISTEN] = check_listen,   [SETTING_HOST] = check_host,
	[SETTING_ADDRESS] = check_address, [SETTING_PEM] = check_pem,   [SETTING_HEX] = check_hex,
	[SETTING_SECRET] = check_secret,
};

int setting_check(const struct setting_row *row, struct bytes value, struct buf *out, const char **why)
{
	*why = "";
	int rc = checks[row->type](row, value, out, why);

	if (rc < 0)
		return rc;
	return buf_failed(out) ? ERR_LIMIT : 0;
}

int setting_nearest(const struct setting_row *row, struct bytes value, struct buf *out)
{
	uint64_t min, max, n = INT64_MAX;

	if (row->type != SETTING_INT || bytes_to_u64(value, INT64_MAX, &n) == ERR_SYNTAX)
		return ERR_SYNTAX;
	int_range(row->range, &min, &max);
	buf_putf(out, "%llu", (unsigned long long)(n < min ? min : n > max ? max : n));
	return buf_failed(out) ? ERR_LIMIT : 0;
}
