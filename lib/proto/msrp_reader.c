#include "proto/msrp_impl.h"

enum { RANGE_MAX = 1 << 30 };

void msrp_reader_init(struct msrp_reader *r, size_t body_max)
{
	*r = (struct msrp_reader){ .body_max = body_max };
	buf_init(&r->in, MSRP_HEAD_MAX_BYTES + body_max + 2 * MSRP_FEED_MAX_BYTES);
}

void msrp_reader_fini(struct msrp_reader *r)
{
	buf_fini(&r->in);
}

static void drop_given(struct msrp_reader *r)
{
	if (!r->given)
		return;
	buf_consume(&r->in, r->given);
	r->given = r->head_n = r->scanned = r->skipped = 0;
	buf_release_if_empty(&r->in);
}

int msrp_reader_feed(struct msrp_reader *r, struct bytes in)
{
	drop_given(r);
	if (in.n > MSRP_FEED_MAX_BYTES)
		return ERR_LIMIT;
	buf_put_bytes(&r->in, in);
	return buf_failed(&r->in) ? ERR_LIMIT : 0;
}

struct bytes msrp_reader_raw(const struct msrp_reader *r)
{
	return bytes_make(buf_bytes(&r->in).p, r->given);
}

bool msrp_reader_is_inside(const struct msrp_reader *r)
{
	return buf_len(&r->in) > r->given;
}

/* Offset of the next CRLF at or after `at`, or in.n. */
static size_t line_end(struct bytes in, size_t at)
{
	while (at + 1 < in.n) {
		at += bytes_find(bytes_skip(in, at), '\r');
		if (at + 1 < in.n && in.p[at + 1] == '\n')
			return at;
		at++;
	}
	return in.n;
}

/* Takes the word in front of a space; the rest stays. */
static struct bytes take_word(struct bytes *in)
{
	size_t n = bytes_find(*in, ' ');
	struct bytes word = bytes_make(in->p, n);

	*in = bytes_skip(*in, n + 1);
	return word;
}

static enum msrp_method method_of(struct bytes name)
{
	for (int m = MSRP_SEND; m < MSRP_METHOD_COUNT; m++)
		if (bytes_eq_str(name, msrp_method_name(m)))
			return m;
	return MSRP_OTHER;
}

static bool is_method(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] < 'A' || name.p[i] > 'Z')
			return false;
	return name.n != 0;
}

static int read_start(struct bytes line, struct msrp_frame *f)
{
	uint64_t status;
	struct bytes word = take_word(&line);

	if (!bytes_eq_str(word, "MSRP"))
		return ERR_SYNTAX;
	f->id = take_word(&line);
	if (!msrp_is_id(f->id))
		return ERR_SYNTAX;
	word = take_word(&line);
	if (word.n == 3 && bytes_to_u64(word, 999, &status) == 0) {
		f->status = (uint16_t)status;
		f->comment = line;
		return status < 100 ? ERR_SYNTAX : 0;
	}
	f->method = method_of(word);
	f->method_text = word;
	return is_method(word) && line.n == 0 ? 0 : ERR_SYNTAX;
}

static bool read_star(struct bytes in, uint64_t *out)
{
	if (bytes_eq_str(in, "*")) {
		*out = MSRP_UNKNOWN;
		return true;
	}
	return bytes_to_u64(in, RANGE_MAX, out) == 0;
}

/* Byte-Range: 1-16/16, either end and the total may be "*". */
static bool read_range(struct bytes v, struct msrp_frame *f)
{
	size_t dash = bytes_find(v, '-'), slash = bytes_find(v, '/');

	if (slash == v.n || dash >= slash)
		return false;
	f->has_range = true;
	return bytes_to_u64(msrp_part(v, 0, dash), RANGE_MAX, &f->from) == 0 && f->from >= 1 &&
	       read_star(msrp_part(v, dash + 1, slash), &f->to) && read_star(bytes_skip(v, slash + 1), &f->total);
}

/* Status: 000 200 OK */
static bool read_report_status(struct bytes v, struct msrp_frame *f)
{
	uint64_t code;
	struct bytes space = take_word(&v), number = take_word(&v);

	if (!bytes_eq_str(space, "000") || number.n != 3 || bytes_to_u64(number, 999, &code) != 0)
		return false;
	f->report_status = (uint16_t)code;
	return true;
}

/* False: the request is to be refused with 400. Unknown fields are let be (RFC 4975 7.1). */
static bool read_header(struct bytes line, struct msrp_frame *f)
{
	size_t colon = bytes_find(line, ':');

	if (colon == 0 || colon == line.n)
		return false;
	struct bytes name = msrp_part(line, 0, colon), v = bytes_skip(line, colon + 1);
	while (v.n && v.p[0] == ' ')
		v = bytes_skip(v, 1);
	for (size_t i = 0; i < MSRP_HEADER_COUNT; i++) {
		if (!bytes_eq_nocase(name, bytes_of(msrp_headers[i].name)))
			continue;
		if (msrp_headers[i].form != MSRP_TEXT)
			return msrp_headers[i].form == MSRP_RANGE ? read_range(v, f) : read_report_status(v, f);
		struct bytes *field = (struct bytes *)(void *)((char *)f + msrp_headers[i].field);
		bool is_second = field->n != 0;
		*field = v;
		return !is_second && v.n != 0;
	}
	return true;
}

/* head: the start line and the header fields, each with its CRLF. ERR_SYNTAX: not to be answered. */
static int read_head(struct bytes head, struct msrp_frame *f)
{
	bool is_good = true;
	size_t end = line_end(head, 0);
	int rc = read_start(msrp_part(head, 0, end), f);

	for (size_t at = end + 2; rc == 0 && at < head.n; at = end + 2) {
		end = line_end(head, at);
		is_good = read_header(msrp_part(head, at, end), f) && is_good;
	}
	if (rc != 0 || !msrp_is_path(f->to_path) || !msrp_is_path(f->from_path))
		return ERR_SYNTAX;
	if (f->method == MSRP_SEND && f->message_id.n == 0)
		is_good = false;
	if (f->message_id.n && !msrp_is_id(f->message_id))
		is_good = false;
	f->fault = is_good ? 0 : 400;
	return 0;
}

/* Looks whether an end-line of this id stands at `at`: its length with CRLF; 0: no; -1: not whole yet. */
static int end_line_at(struct bytes in, size_t at, struct bytes id)
{
	struct bytes rest = bytes_skip(in, at);
	size_t want = END_LINE_BYTES + id.n + 3, have = rest.n < want ? rest.n : want;
	size_t dashes = have < END_LINE_BYTES ? have : END_LINE_BYTES;

	if (memcmp(rest.n ? rest.p : (const uint8_t *)"", END_LINE, dashes) != 0)
		return 0;
	if (have > END_LINE_BYTES) {
		size_t n = have - END_LINE_BYTES < id.n ? have - END_LINE_BYTES : id.n;
		if (memcmp(rest.p + END_LINE_BYTES, id.p, n) != 0)
			return 0;
	}
	if (have < want)
		return -1;
	const uint8_t *tail = rest.p + END_LINE_BYTES + id.n;
	return strchr("$+#", tail[0]) && tail[0] && tail[1] == '\r' && tail[2] == '\n' ? (int)want : 0;
}

struct end {
	size_t at, n; /* of the end-line */
};

/* The end-line in or after the head: header lines are gone through one by one. */
static int find_head_end(struct msrp_reader *r, struct bytes in, struct bytes id, struct end *e)
{
	while (r->head_n == 0) {
		int n = end_line_at(in, r->scanned, id);
		if (n > 0) {
			*e = (struct end){ r->scanned, (size_t)n };
			return 0;
		}
		size_t end = line_end(in, r->scanned);
		if (end == in.n)
			return in.n > MSRP_HEAD_MAX_BYTES ? ERR_LIMIT : ERR_AGAIN;
		if (end == r->scanned)
			r->head_n = end + 2;
		else if (end > MSRP_HEAD_MAX_BYTES)
			return ERR_LIMIT;
		r->scanned = r->head_n ? end : end + 2;
	}
	return ERR_AGAIN;
}

/* A body that is too large is dropped while it comes; the CRLF in front of it stays so that the end-line
 * is found the same way. */
static int skip_body(struct msrp_reader *r, size_t until)
{
	struct bytes in = buf_bytes(&r->in);
	size_t over = until - r->head_n;

	if (over <= r->body_max && r->skipped == 0)
		return ERR_AGAIN;
	r->skipped += over;
	uint8_t *at = r->in.p + r->in.off + r->head_n;
	memmove(at, at + over, in.n - until);
	buf_truncate(&r->in, in.n - over);
	r->scanned = r->head_n;
	return r->skipped > MSRP_SKIP_MAX_BYTES ? ERR_LIMIT : ERR_AGAIN;
}

/* Behind a body: CRLF, end-line. scanned is where a CRLF is looked for. */
static int find_body_end(struct msrp_reader *r, struct bytes in, struct bytes id, struct end *e)
{
	for (;;) {
		size_t cr = line_end(in, r->scanned);
		if (cr == in.n)
			break;
		int n = end_line_at(in, cr + 2, id);
		r->scanned = cr;
		if (n > 0) {
			*e = (struct end){ cr + 2, (size_t)n };
			return 0;
		}
		if (n < 0)
			return skip_body(r, cr < r->head_n ? r->head_n : cr);
		r->scanned = cr + 2;
	}
	r->scanned = in.n && in.p[in.n - 1] == '\r' ? in.n - 1 : in.n;
	return skip_body(r, r->scanned < r->head_n ? r->head_n : r->scanned);
}

static void give(struct msrp_reader *r, struct bytes in, struct end e, struct msrp_frame *f)
{
	f->flag = in.p[e.at + e.n - 3];
	r->given = e.at + e.n;
	if (r->head_n == 0)
		return;
	f->has_body = true;
	if (e.at >= r->head_n + 2)
		f->body = msrp_part(in, r->head_n, e.at - 2);
	if (r->skipped || f->body.n > r->body_max) {
		f->body = BYTES_NONE;
		f->fault = f->fault ? f->fault : 413;
	}
}

int msrp_reader_next(struct msrp_reader *r, struct msrp_frame *out)
{
	struct msrp_frame f = { 0 };
	struct end e = { 0, 0 };

	drop_given(r);
	struct bytes in = buf_bytes(&r->in);
	size_t first = line_end(in, 0);
	if (first == in.n)
		return in.n > MSRP_HEAD_MAX_BYTES || (in.n >= 5 && !bytes_starts(in, BYTES("MSRP "))) ? ERR_SYNTAX : ERR_AGAIN;
	int rc = read_start(msrp_part(in, 0, first), &f);
	if (rc != 0)
		return rc;
	if (r->scanned == 0)
		r->scanned = first + 2;
	rc = find_head_end(r, in, f.id, &e);
	if (rc == ERR_AGAIN && r->head_n)
		rc = find_body_end(r, in, f.id, &e);
	if (rc != 0)
		return rc;
	size_t head_end = r->head_n ? r->head_n - 2 : e.at;
	rc = read_head(msrp_part(in, 0, head_end), &f);
	if (rc != 0)
		return rc;
	give(r, in, e, &f);
	*out = f;
	return 0;
}
