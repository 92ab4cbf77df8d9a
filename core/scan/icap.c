#include "icap.h"
#include "name.h"

#include "base/err.h"

#include <stdio.h>

/* ---- requests ---- */

bool icap_is_service(struct bytes path)
{
	for (size_t i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];
		bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!is_word && !(c && strchr("-._~/?=&+:,;@%", c)))
			return false;
	}
	return path.n > 0 && path.n <= ICAP_SERVICE_MAX && path.p[0] != '/';
}

static void put_authority(struct buf *out, const struct icap_service *s)
{
	bool is_v6 = strchr(s->host, ':') != NULL;

	buf_putf(out, "%s%s%s:%u", is_v6 ? "[" : "", s->host, is_v6 ? "]" : "", s->port);
}

/* RFC 3507 4.3.2; Host there. */
static void put_head(struct buf *out, const char *method, const struct icap_service *s)
{
	buf_putf(out, "%s icap://", method);
	put_authority(out, s);
	buf_putf(out, "/%s ICAP/1.0\r\nHost: ", s->path);
	put_authority(out, s);
	buf_put_str(out, "\r\n");
}

void icap_put_options(struct buf *out, const struct icap_service *s)
{
	put_head(out, "OPTIONS", s);
	buf_put_str(out, "Encapsulated: null-body=0\r\n\r\n");
}

static bool is_field_text(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] > 0x7e)
			return false;
	return v.n > 0;
}

/* The HTTP message has no names of ours: the service is to judge bytes, not people. */
void icap_put_request(struct buf *out, const struct icap_service *s, const struct icap_options *o, uint64_t size, struct bytes type, int32_t preview)
{
	static const char get[] = "GET /upload HTTP/1.1\r\nHost: upload.invalid\r\n\r\n", put[] = "PUT /upload HTTP/1.1\r\nHost: upload.invalid\r\n";
	static const char ok[] = "HTTP/1.1 200 OK\r\n";
	char fields[64];
	bool is_response = o->has_respmod;
	size_t fields_n = (size_t)snprintf(fields, sizeof fields, "Content-Length: %llu\r\n\r\n", (unsigned long long)size);
	size_t type_n = is_field_text(type) ? sizeof "Content-Type: \r\n" - 1 + type.n : 0;
	size_t http_n = (is_response ? sizeof ok : sizeof put) - 1 + type_n + fields_n;

	put_head(out, is_response ? "RESPMOD" : "REQMOD", s);
	buf_put_str(out, "Allow: 204\r\nConnection: close\r\n");
	if (preview >= 0)
		buf_putf(out, "Preview: %d\r\n", preview);
	if (is_response)
		buf_putf(out, "Encapsulated: req-hdr=0, res-hdr=%zu, res-body=%zu\r\n\r\n%s%s", sizeof get - 1, sizeof get - 1 + http_n, get, ok);
	else
		buf_putf(out, "Encapsulated: req-hdr=0, req-body=%zu\r\n\r\n%s", http_n, put);
	if (type_n)
		buf_putf(out, "Content-Type: %.*s\r\n", BYTES_FMT(type));
	buf_put_str(out, fields);
}

void icap_put_chunk(struct buf *out, struct bytes piece)
{
	buf_putf(out, "%zx\r\n", piece.n);
	buf_put_bytes(out, piece);
	buf_put_str(out, "\r\n");
}

void icap_put_end(struct buf *out, bool is_preview, bool is_all)
{
	buf_put_str(out, is_preview && is_all ? "0; ieof\r\n\r\n" : "0\r\n\r\n");
}

/* ---- answers ---- */

static struct bytes trim(struct bytes v)
{
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = bytes_skip(v, 1);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

/* A line without its CR LF. ERR_AGAIN: it is not whole. Any other control character than a tab: ERR_SYNTAX. */
static int take_line(struct bytes *in, struct bytes *line)
{
	for (size_t i = 0; i < in->n; i++) {
		if (in->p[i] == '\r') {
			if (i + 1 == in->n)
				return ERR_AGAIN;
			if (in->p[i + 1] != '\n')
				return ERR_SYNTAX;
			*line = bytes_make(in->p, i);
			*in = bytes_skip(*in, i + 2);
			return 0;
		}
		if ((in->p[i] < 0x20 && in->p[i] != '\t') || in->p[i] == 0x7f)
			return ERR_SYNTAX;
	}
	return ERR_AGAIN;
}

/* "ICAP/1.0 204 No modifications" */
static int read_status(struct bytes line, unsigned *status)
{
	uint64_t n;

	if (!bytes_starts(line, BYTES("ICAP/1.0 ")) || line.n < 12 || (line.n > 12 && line.p[12] != ' '))
		return ERR_SYNTAX;
	if (bytes_to_u64(bytes_make(line.p + 9, 3), 599, &n) || n < 100)
		return ERR_SYNTAX;
	*status = (unsigned)n;
	return 0;
}

/* Is the word one of a list with commas? */
static bool has_word(struct bytes list, const char *word)
{
	while (list.n) {
		size_t n = bytes_find(list, ',');
		if (bytes_eq_nocase(trim(bytes_make(list.p, n)), bytes_of(word)))
			return true;
		list = bytes_skip(list, n + 1);
	}
	return false;
}

/* "Type=0; Resolution=2; Threat=NAME;" (draft-stecher-icap-subid 3.5) */
static struct bytes threat_of(struct bytes value)
{
	while (value.n) {
		size_t n = bytes_find(value, ';');
		struct bytes word = trim(bytes_make(value.p, n));
		if (word.n > 7 && bytes_eq_nocase(bytes_make(word.p, 7), BYTES("Threat=")))
			return trim(bytes_skip(word, 7));
		value = bytes_skip(value, n + 1);
	}
	return BYTES_NONE;
}

enum { NAME_NONE = 1, NAME_ID, NAME_THREAT };

/* rank: of several fields the best name counts. */
static void found(struct icap_answer *a, struct bytes name, uint8_t rank)
{
	if (rank <= a->has_virus)
		return;
	scan_name(name, a->virus);
	a->has_virus = rank;
}

static int read_number(struct bytes value, uint64_t most, uint64_t *n)
{
	int rc = bytes_to_u64(value, UINT64_MAX, n);

	if (!rc && *n > most)
		*n = most;
	return rc;
}

static int read_field(struct bytes name, struct bytes value, struct icap_answer *a)
{
	uint64_t n;

	if (bytes_eq_nocase(name, BYTES("Methods"))) {
		a->options.has_respmod |= has_word(value, "RESPMOD");
		a->options.has_reqmod |= has_word(value, "REQMOD");
	} else if (bytes_eq_nocase(name, BYTES("Allow"))) {
		a->options.has_204 |= has_word(value, "204");
	} else if (bytes_eq_nocase(name, BYTES("Preview"))) {
		if (read_number(value, ICAP_PREVIEW_MAX, &n))
			return ERR_SYNTAX;
		a->options.preview = (int32_t)n;
	} else if (bytes_eq_nocase(name, BYTES("Options-TTL"))) {
		if (read_number(value, ICAP_TTL_MAX_S, &n))
			return ERR_SYNTAX;
		a->options.ttl_s = (uint32_t)n;
	} else if (bytes_eq_nocase(name, BYTES("X-Infection-Found"))) {
		struct bytes threat = threat_of(value);
		found(a, threat.n ? threat : value, threat.n ? NAME_THREAT : NAME_NONE);
	} else if (bytes_eq_nocase(name, BYTES("X-Virus-ID"))) {
		/* COMPAT: some services say it of every answer, with "no" or "none" in it. */
		if (!bytes_eq_nocase(value, BYTES("no")) && !bytes_eq_nocase(value, BYTES("none")) && value.n)
			found(a, value, NAME_ID);
	} else if (bytes_eq_nocase(name, BYTES("X-Violations-Found"))) {
		if (!bytes_eq_str(value, "0"))
			found(a, BYTES("unnamed"), NAME_NONE);
	}
	return 0;
}

static bool is_token(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= 0x20 || v.p[i] >= 0x7f)
			return false;
	return v.n > 0;
}

static int read_head(struct bytes *in, struct icap_answer *a)
{
	struct bytes line;
	int rc = take_line(in, &line);

	if (!rc)
		rc = read_status(line, &a->status);
	for (size_t n = 0; !rc; n++) {
		rc = take_line(in, &line);
		if (rc || !line.n)
			return rc;
		if (n == ICAP_FIELDS_MAX)
			return ERR_LIMIT;
		if (line.p[0] == ' ' || line.p[0] == '\t') {
			/* The rest of a field (RFC 9112 5.2), as X-Violations-Found has it: nothing of it is wanted here. */
			rc = n ? 0 : ERR_SYNTAX;
			continue;
		}
		size_t colon = bytes_find(line, ':');
		struct bytes name = bytes_make(line.p, colon);
		rc = colon < line.n && is_token(name) ? read_field(name, trim(bytes_skip(line, colon + 1)), a) : ERR_SYNTAX;
	}
	return rc;
}

int icap_read(struct bytes in, struct icap_answer *out, size_t *used)
{
	struct bytes rest = bytes_make(in.p, in.n < ICAP_HEAD_MAX ? in.n : ICAP_HEAD_MAX);
	struct icap_answer a = { .options = { .preview = -1, .ttl_s = ICAP_TTL_MAX_S } };
	size_t n = rest.n;
	int rc = read_head(&rest, &a);

	if (rc == ERR_AGAIN && in.n >= ICAP_HEAD_MAX)
		return ERR_LIMIT;
	if (rc)
		return rc;
	*out = a;
	*used = n - rest.n;
	return 0;
}

enum scan_verdict icap_judge(struct icap_answer *a)
{
	if (a->has_virus)
		return SCAN_INFECTED;
	if (a->status == 204)
		return SCAN_CLEAN;
	if (a->status != 200)
		return SCAN_NONE;
	/* It changed what it might have left alone: blocked by a rule, or cleaned. */
	scan_name(BYTES("changed by the scanner"), a->virus);
	a->has_virus = NAME_NONE;
	return SCAN_INFECTED;
}
