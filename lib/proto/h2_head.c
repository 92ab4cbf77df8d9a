#include "proto/h2_head.h"

#include "base/err.h"
#include "proto/http1_impl.h"

/* Each field is judged as it comes, the head as a whole at its end. */

enum { FIELD_BYTES = 32 /* RFC 9113 6.5.2 */ };
enum pseudo { METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, PSEUDO_COUNT };
static const char *const pseudo_names[] = { ":method", ":scheme", ":authority", ":path", ":protocol" };
_Static_assert((int)PSEUDO_COUNT == (int)H2_PSEUDO_FIELDS, "each has a place");
_Static_assert(sizeof pseudo_names / sizeof *pseudo_names == PSEUDO_COUNT, "a name each");

/* The first fault counts. */
static void refuse(struct h2_head *h, int status, const char *why)
{
	if (h->status)
		return;
	h->status = status;
	h->why = why;
}

void h2_head_init(struct h2_head *h, const struct http1_limits *limits)
{
	*h = (struct h2_head){ .limits = *limits };
	if (h->limits.fields > HTTP1_FIELDS_MAX)
		h->limits.fields = HTTP1_FIELDS_MAX;
	buf_init(&h->text, h->limits.head_bytes);
}

void h2_head_fini(struct h2_head *h)
{
	buf_fini(&h->text);
}

/* ---- one field ---- */

static bool is_lower_token(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] >= 'A' && b.p[i] <= 'Z')
			return false;
	return http1_is_token(b);
}

bool h2_is_of_connection(struct bytes name)
{
	static const char *const names[] = { "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (bytes_eq_str(name, names[i]))
			return true;
	return false;
}

static void judge_pseudo(struct h2_head *h, struct bytes name, struct bytes value)
{
	for (unsigned i = 0; i < PSEUDO_COUNT; i++) {
		if (!bytes_eq_str(name, pseudo_names[i]))
			continue;
		if (h->seen & 1U << i || h->n_spots > h->n_pseudo)
			refuse(h, 400, "a pseudo field is twice, or behind others");
		if (value.n == 0)
			refuse(h, 400, "a pseudo field is empty");
		h->seen |= 1U << i;
		h->n_pseudo++;
		return;
	}
	refuse(h, 400, "a pseudo field that is none");
}

void h2_head_field(struct h2_head *h, struct bytes name, struct bytes value)
{
	size_t at = buf_len(&h->text);

	bool is_pseudo = name.n && name.p[0] == ':';
	bool is_room = h->n_spots < h->limits.fields + PSEUDO_COUNT && (is_pseudo || h->n_spots - h->n_pseudo < h->limits.fields);

	if (!is_room || at + name.n + value.n + h->n_spots * FIELD_BYTES > h->limits.head_bytes) {
		refuse(h, 431, "the fields are too many, or too long");
		return;
	}
	if (name.n + value.n > h->limits.line_bytes)
		refuse(h, bytes_eq_str(name, ":path") ? 414 : 431, "a field is too long");
	if (is_pseudo)
		judge_pseudo(h, name, value);
	else if (!is_lower_token(name))
		refuse(h, 400, "the name of a field is malformed");
	else if (h2_is_of_connection(name) || (bytes_eq_str(name, "te") && !bytes_eq_str(value, "trailers")))
		refuse(h, 400, "a field of a connection of HTTP/1.1");
	if (!http1_is_text(value) || http1_trim(value).n != value.n)
		refuse(h, 400, "the value of a field is malformed");
	buf_put_bytes(&h->text, name);
	buf_put_bytes(&h->text, value);
	if (buf_failed(&h->text)) {
		refuse(h, 503, "no memory");
		return;
	}
	h->spots[h->n_spots].name = (uint32_t)at;
	h->spots[h->n_spots].name_n = (uint32_t)name.n;
	h->spots[h->n_spots].value = (uint32_t)(at + name.n);
	h->spots[h->n_spots++].value_n = (uint32_t)value.n;
}

/* ---- the whole ---- */

/* Splits what came into the pseudo fields' values and the request's fields. */
static void fill(const struct h2_head *h, struct bytes pseudo[static PSEUDO_COUNT], struct http1_request *q)
{
	const uint8_t *base = buf_len(&h->text) ? buf_bytes(&h->text).p : (const uint8_t *)""; /* all of them are empty */

	for (size_t i = 0; i < h->n_spots; i++) {
		struct http1_field f = { bytes_make(base + h->spots[i].name, h->spots[i].name_n),
		                         bytes_make(base + h->spots[i].value, h->spots[i].value_n) };
		if (f.name.n && f.name.p[0] != ':') {
			if (q->n_fields < HTTP1_FIELDS_MAX)
				q->fields[q->n_fields++] = f;
			continue;
		}
		for (unsigned k = 0; k < PSEUDO_COUNT; k++)
			if (bytes_eq_str(f.name, pseudo_names[k]))
				pseudo[k] = f.value;
	}
}

/* 8.3.1, 8.5; RFC 8441 4: an extended CONNECT has all of them. */
static void read_pseudo(struct h2_head *h, const struct bytes pseudo[static PSEUDO_COUNT], struct http1_request *q)
{
	bool is_connect = bytes_eq_str(q->method_text, "CONNECT");

	if (!http1_is_token(q->method_text) || q->method_text.n > HTTP1_METHOD_MAX)
		refuse(h, 400, "no method, or none that is known");
	else if (is_connect && q->protocol.n == 0)
		refuse(h, 501, "nothing is connected to from here");
	else if (q->protocol.n && !is_connect)
		refuse(h, 400, "only CONNECT has a protocol");
	else if (!bytes_eq_str(pseudo[SCHEME], "https"))
		refuse(h, 400, "the scheme is https");
}

static void read_path(struct h2_head *h, struct http1_request *q)
{
	struct bytes t = q->target;
	bool is_star = bytes_eq_str(t, "*") && q->method == HTTP1_OPTIONS;

	if (!is_star && (t.n == 0 || t.p[0] != '/' || !http1_is_target(t)))
		refuse(h, 400, "the path is malformed");
	size_t n = bytes_find(t, '?');
	q->path = bytes_make(t.p, n);
	q->query = bytes_skip(t, n + 1);
}

static void read_authority(struct h2_head *h, struct bytes authority, struct http1_request *q)
{
	size_t n = http1_count(q, "host");
	struct bytes host = http1_value(q, "host");

	q->host = authority.n ? authority : host;
	if (n > 1 || (n && !bytes_eq_nocase(host, q->host)))
		refuse(h, 400, "Host is not the authority");
	else if (!http1_is_host(q->host))
		refuse(h, 400, "the authority is malformed");
}

/* As RFC 9112 6 is read, but that the end of the stream tells what a length does not (8.1.1). */
static void read_length(struct h2_head *h, bool is_whole, struct http1_request *q)
{
	size_t n = http1_count(q, "content-length");
	struct bytes length = http1_value(q, "content-length");

	if (n > 1)
		refuse(h, 400, "more than one field tells the length");
	else if (n && (length.n == 0 || length.n > 19 || bytes_to_u64(length, INT64_MAX, &q->length) < 0))
		refuse(h, 400, "Content-Length is no number");
	else if (is_whole && q->length > 0)
		refuse(h, 400, "Content-Length, and no body");
	else if (q->length > h->limits.body_bytes)
		refuse(h, 413, "the body is too long");
	q->has_body = !is_whole && !q->protocol.n && (n == 0 || q->length > 0);
	q->is_chunked = q->has_body && n == 0;
}

static void read_expect(struct h2_head *h, struct http1_request *q)
{
	size_t n = http1_count(q, "expect");

	if (n && (n > 1 || !bytes_eq_nocase(http1_value(q, "expect"), BYTES("100-continue"))))
		refuse(h, 417, "an unknown expectation");
	q->expects_continue = n && q->has_body;
}

int h2_head_end(struct h2_head *h, bool is_whole, struct http1_request *q)
{
	struct bytes pseudo[PSEUDO_COUNT] = { BYTES_NONE };

	*q = (struct http1_request){ .minor = 1, .is_kept = true };
	fill(h, pseudo, q);
	q->method_text = pseudo[METHOD];
	q->method = http1_method_of(q->method_text);
	q->target = pseudo[PATH];
	q->protocol = pseudo[PROTOCOL];
	read_pseudo(h, pseudo, q);
	read_path(h, q);
	read_authority(h, pseudo[AUTHORITY], q);
	read_length(h, is_whole, q);
	read_expect(h, q);
	if (buf_failed(&h->text))
		return ERR_NOMEM;
	return h->status ? ERR_SYNTAX : 0;
}
