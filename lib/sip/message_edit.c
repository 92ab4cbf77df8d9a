#include "sip/message_impl.h"

#include "sip/message_text.h"
#include "sip/uri.h"

static void fail(struct sipmsg *m, int rc)
{
	if (!m->edit_rc)
		m->edit_rc = rc;
}

/* A text that could end a field would be a field of somebody else's choice. */
static bool is_one_line(struct bytes v)
{
	return !v.n || (!memchr(v.p, '\r', v.n) && !memchr(v.p, '\n', v.n) && !memchr(v.p, 0, v.n));
}

static struct bytes kept(struct sipmsg *m, struct bytes v)
{
	const char *text = is_one_line(v) ? sipmsg_text(m, v) : NULL;

	if (!text)
		fail(m, is_one_line(v) ? ERR_NOMEM : ERR_SYNTAX);
	return bytes_make(text, text ? v.n : 0);
}

/* ---- new messages ---- */

static struct sipmsg *hold_or_free(struct buf *fields)
{
	struct sipmsg *m;

	buf_put(fields, "\r\n", 2);
	m = buf_failed(fields) ? NULL : sipmsg_hold(buf_bytes(fields));
	buf_fini(fields);
	return m;
}

struct sipmsg *sipmsg_request_new(const char *method, struct bytes uri)
{
	struct sipmsg *m;
	struct buf none;

	buf_init(&none, SIPMSG_MAX_BYTES);
	m = hold_or_free(&none);
	if (!m)
		return NULL;
	m->is_request = true;
	m->method = method_of(bytes_of(method));
	m->method_text = kept(m, bytes_of(method));
	if (!message_text_is_token(bytes_of(method)))
		fail(m, ERR_SYNTAX);
	sipmsg_set_uri(m, uri);
	return m;
}

static const struct {
	uint16_t status;
	const char *reason;
} reasons[] = { /* RFC 3261 21 and the registry */
	{ 100, "Trying" }, { 180, "Ringing" }, { 183, "Session Progress" }, { 200, "OK" }, { 202, "Accepted" },
	{ 204, "No Notification" }, { 300, "Multiple Choices" }, { 301, "Moved Permanently" },
	{ 302, "Moved Temporarily" }, { 305, "Use Proxy" }, { 380, "Alternative Service" }, { 400, "Bad Request" },
	{ 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" }, { 407, "Proxy Authentication Required" }, { 408, "Request Timeout" },
	{ 410, "Gone" }, { 412, "Conditional Request Failed" }, { 413, "Request Entity Too Large" },
	{ 414, "Request-URI Too Long" }, { 415, "Unsupported Media Type" }, { 416, "Unsupported URI Scheme" },
	{ 420, "Bad Extension" }, { 421, "Extension Required" }, { 422, "Session Interval Too Small" },
	{ 423, "Interval Too Brief" }, { 430, "Flow Failed" }, { 439, "First Hop Lacks Outbound Support" },
	{ 440, "Max-Breadth Exceeded" }, { 480, "Temporarily Unavailable" },
	{ 481, "Call/Transaction Does Not Exist" }, { 482, "Loop Detected" }, { 483, "Too Many Hops" },
	{ 484, "Address Incomplete" }, { 485, "Ambiguous" }, { 486, "Busy Here" }, { 487, "Request Terminated" },
	{ 488, "Not Acceptable Here" }, { 489, "Bad Event" }, { 491, "Request Pending" }, { 493, "Undecipherable" },
	{ 500, "Server Internal Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
	{ 503, "Service Unavailable" }, { 504, "Server Time-out" }, { 505, "Version Not Supported" },
	{ 513, "Message Too Large" }, { 600, "Busy Everywhere" }, { 603, "Decline" },
	{ 604, "Does Not Exist Anywhere" }, { 606, "Not Acceptable" },
};

static const char *reason_of(unsigned status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static void put_field(struct buf *out, enum siphdr h, struct bytes value)
{
	if (!value.n)
		return; /* absent from a request that is refused for it (RFC 4475 3.3.1) */
	buf_put_str(out, siphdr_name(h));
	buf_put(out, ": ", 2);
	buf_put_bytes(out, value);
	buf_put(out, "\r\n", 2);
}

static void put_to(const struct sipmsg *request, unsigned status, const char *to_tag, struct buf *out)
{
	const sip_to_t *to = request->sip->sip_to;
	struct bytes value = header_raw(request, SIPH_TO);

	if (!to || to->a_tag || !to_tag || status == 100) {
		put_field(out, SIPH_TO, value);
		return;
	}
	buf_put_str(out, "To: ");
	buf_put_bytes(out, value);
	buf_putf(out, ";tag=%s\r\n", to_tag);
}

static void put_response_fields(const struct sipmsg *request, unsigned status, const char *to_tag, struct buf *out)
{
	for (sip_header_t *via = (sip_header_t *)request->sip->sip_via; via; via = via->sh_next)
		field_print(via, out);
	put_field(out, SIPH_FROM, header_raw(request, SIPH_FROM));
	put_to(request, status, to_tag, out);
	put_field(out, SIPH_CALL_ID, header_raw(request, SIPH_CALL_ID));
	put_field(out, SIPH_CSEQ, header_raw(request, SIPH_CSEQ));
}

int sipmsg_print_trying(const struct sipmsg *request, struct buf *out)
{
	size_t before = buf_len(out);

	buf_put_str(out, "SIP/2.0 100 Trying\r\n");
	put_response_fields(request, 100, NULL, out);
	buf_put_str(out, "Content-Length: 0\r\n\r\n");
	if (!buf_failed(out))
		return 0;
	buf_truncate(out, before);
	return ERR_NOMEM;
}

/* Behind the text as it came. */
static void add_to_tag(struct sipmsg *m, const char *to_tag)
{
	sip_to_t *to = m->sip->sip_to;
	struct buf line, param;

	if (!to || to->a_tag || !to_tag || m->status == 100)
		return;
	buf_init(&line, SIPMSG_MAX_BYTES);
	buf_init(&param, SIPMSG_MAX_BYTES);
	put_to(m, m->status, to_tag, &line);
	buf_putf(&param, "tag=%s", to_tag);
	char *text = buf_failed(&line) ? NULL : sipmsg_text(m, buf_bytes(&line));
	char *tag = buf_failed(&param) ? NULL : sipmsg_text(m, buf_bytes(&param));
	if (!text || !tag || msg_header_replace_param(msg_home(m->msg), to->a_common, tag) < 0) {
		fail(m, ERR_NOMEM);
	} else {
		to->a_common->h_data = text;
		to->a_common->h_len = (unsigned)buf_len(&line);
	}
	buf_fini(&line);
	buf_fini(&param);
}

static void remove_others(struct sipmsg *m)
{
	static const enum siphdr needed[] = { SIPH_VIA, SIPH_FROM, SIPH_TO, SIPH_CALL_ID, SIPH_CSEQ };
	msg_header_t *next;

	for (msg_header_t *f = *msg_chain_head(m->msg); f; f = next) {
		bool is_needed = f->sh_class == sip_request_class;
		next = f->sh_succ;
		for (size_t i = 0; !is_needed && i < sizeof needed / sizeof needed[0]; i++)
			is_needed = field_is_named((sip_header_t *)f, bytes_of(siphdr_name(needed[i])));
		if (!is_needed)
			(void)msg_header_remove(m->msg, (msg_pub_t *)m->sip, f); /* it is a field */
	}
	m->body = BYTES_NONE;
}

struct sipmsg *sipmsg_response_after(struct bytes before, unsigned status, const char *reason, const char *to_tag)
{
	struct sipmsg *m;

	if (sipmsg_parse(before, &m) < 0)
		return NULL;
	remove_others(m);
	m->status = (uint16_t)status;
	m->reason = kept(m, bytes_of(reason ? reason : reason_of(status)));
	m->fault = (struct sipmsg_fault){ 0, NULL };
	add_to_tag(m, to_tag);
	return m;
}

struct sipmsg *sipmsg_response_new(const struct sipmsg *request, unsigned status, const char *reason, const char *to_tag)
{
	struct sipmsg *m;
	struct buf fields;

	buf_init(&fields, 2 * SIPMSG_MAX_BYTES);
	put_response_fields(request, status, to_tag, &fields);
	m = hold_or_free(&fields);
	if (!m)
		return NULL;
	m->status = (uint16_t)status;
	m->method = request->method;
	m->reason = kept(m, bytes_of(reason ? reason : reason_of(status)));
	return m;
}

void sipmsg_set_uri(struct sipmsg *m, struct bytes uri)
{
	struct sipuri u;

	if (sipuri_parse(uri, &u) < 0)
		fail(m, ERR_SYNTAX);
	else
		m->uri = kept(m, uri);
}

/* ---- fields ---- */

/* A field of Sofia-SIP's from text; NULL and the failure remembered. Elements after commas hang behind it. */
static msg_header_t *make(struct sipmsg *m, msg_hclass_t *hclass, struct bytes value)
{
	const char *text = (const char *)kept(m, value).p;
	msg_header_t *f = NULL;

	if (text)
		f = msg_header_make(msg_home(m->msg), hclass, text);
	if (!f)
		fail(m, ERR_SYNTAX);
	return f;
}

static void insert(struct sipmsg *m, msg_header_t *f, bool in_front)
{
	msg_pub_t *pub = (msg_pub_t *)m->sip;
	int rc;

	if (!f)
		return;
	if (in_front)
		rc = msg_header_prepend(m->msg, pub, msg_hclass_offset(msg_mclass(m->msg), pub, f->sh_class), f);
	else
		rc = msg_header_insert(m->msg, pub, f);
	if (rc < 0)
		fail(m, ERR_NOMEM);
}

static void remove_field(struct sipmsg *m, msg_header_t *f)
{
	(void)msg_header_remove(m->msg, (msg_pub_t *)m->sip, f); /* fails only for what is not a field */
}

static void join(const struct sipmsg *m, enum siphdr h, struct buf *out)
{
	for (size_t i = 0, n = sipmsg_count(m, h); i < n; i++) {
		if (buf_len(out))
			buf_put(out, ", ", 2);
		buf_put_bytes(out, sipmsg_value(m, h, i));
	}
}

static void insert_text(struct sipmsg *m, enum siphdr h, struct buf *text)
{
	if (buf_failed(text))
		fail(m, ERR_NOMEM);
	else if (buf_len(text))
		insert(m, make(m, header_row(h)->hclass, buf_bytes(text)), false);
}

/* All elements anew in one field: for lists of words, and for an end that Sofia-SIP does not add to. */
static void rebuild(struct sipmsg *m, enum siphdr h, struct bytes before, struct bytes after)
{
	struct buf text;

	buf_init(&text, SIPMSG_MAX_BYTES);
	buf_put_bytes(&text, before);
	join(m, h, &text);
	if (after.n && buf_len(&text))
		buf_put(&text, ", ", 2);
	buf_put_bytes(&text, after);
	sipmsg_remove_all(m, h);
	insert_text(m, h, &text);
	buf_fini(&text);
}

void sipmsg_append_named(struct sipmsg *m, const char *name, struct bytes value)
{
	struct buf text;

	if (!message_text_is_token(bytes_of(name)) || !is_one_line(value)) {
		fail(m, ERR_SYNTAX);
		return;
	}
	for (size_t h = 0; h < SIPH_COUNT; h++)
		if (header_row((enum siphdr)h)->hclass && bytes_eq_nocase(bytes_of(name), bytes_of(siphdr_name((enum siphdr)h)))) {
			sipmsg_append(m, (enum siphdr)h, value);
			return;
		}
	buf_init(&text, SIPMSG_MAX_BYTES);
	buf_put_str(&text, name);
	buf_put(&text, ": ", 2);
	buf_put_bytes(&text, value);
	if (buf_failed(&text))
		fail(m, ERR_NOMEM);
	else
		insert(m, make(m, sip_unknown_class, buf_bytes(&text)), false);
	buf_fini(&text);
}

static bool is_kept_in_front(enum siphdr h)
{
	return header_row(h)->hclass->hc_kind == msg_kind_prepend;
}

void sipmsg_prepend(struct sipmsg *m, enum siphdr h, struct bytes value)
{
	msg_hclass_t *hclass = header_row(h)->hclass;

	if (!hclass)
		sipmsg_append_named(m, siphdr_name(h), value);
	else if (header_is_words(h))
		rebuild(m, h, value, BYTES_NONE);
	else
		insert(m, make(m, hclass, value), true);
}

void sipmsg_append(struct sipmsg *m, enum siphdr h, struct bytes value)
{
	msg_hclass_t *hclass = header_row(h)->hclass;

	if (!hclass)
		sipmsg_append_named(m, siphdr_name(h), value);
	else if ((header_is_words(h) || is_kept_in_front(h)) && header_first(m, h))
		rebuild(m, h, BYTES_NONE, value);
	else
		insert(m, make(m, hclass, value), false);
}

void sipmsg_replace(struct sipmsg *m, enum siphdr h, struct bytes value)
{
	sipmsg_remove_all(m, h);
	sipmsg_append(m, h, value);
}

void sipmsg_remove_all(struct sipmsg *m, enum siphdr h)
{
	msg_header_t *next;

	for (msg_header_t *f = *msg_chain_head(m->msg); f; f = next) {
		next = f->sh_succ;
		if (field_is_named((sip_header_t *)f, bytes_of(siphdr_name(h))))
			remove_field(m, f);
	}
}

static void remove_word(struct sipmsg *m, enum siphdr h, size_t i)
{
	struct buf text;

	buf_init(&text, SIPMSG_MAX_BYTES);
	for (size_t k = 0, n = sipmsg_count(m, h); k < n; k++) {
		if (k == i)
			continue;
		if (buf_len(&text))
			buf_put(&text, ", ", 2);
		buf_put_bytes(&text, sipmsg_value(m, h, k));
	}
	sipmsg_remove_all(m, h);
	insert_text(m, h, &text);
	buf_fini(&text);
}

void sipmsg_remove(struct sipmsg *m, enum siphdr h, size_t i)
{
	if (i >= sipmsg_count(m, h))
		return;
	if (header_is_words(h))
		remove_word(m, h, i);
	else
		remove_field(m, (msg_header_t *)header_at(m, h, i));
}

/* The text of a changed element goes, and with it that of those in the same line. */
static void forget_text(struct sipmsg *m, enum siphdr h, msg_header_t *changed)
{
	const char *end = (const char *)changed->sh_data + changed->sh_len;

	if (!changed->sh_data)
		return;
	for (msg_header_t *f = (msg_header_t *)header_first(m, h); f; f = f->sh_next)
		if (f->sh_data && (const char *)f->sh_data + f->sh_len == end)
			msg_fragment_clear(f->sh_common);
}

static void set_param(struct sipmsg *m, sip_via_t *via, const char *name, struct bytes value)
{
	struct buf text;
	char *param;

	buf_init(&text, 256);
	buf_putf(&text, "%s=", name);
	buf_put_bytes(&text, value);
	param = buf_failed(&text) ? NULL : sipmsg_text(m, buf_bytes(&text));
	buf_fini(&text);
	if (!param || msg_header_replace_param(msg_home(m->msg), via->v_common, param) < 0)
		fail(m, ERR_NOMEM);
}

void sipmsg_set_received(struct sipmsg *m, const char *address, uint16_t port)
{
	sip_via_t *via = m->sip->sip_via;
	char text[8];

	if (!via)
		return;
	forget_text(m, SIPH_VIA, (msg_header_t *)via);
	set_param(m, via, "received", bytes_of(address));
	if (!via->v_rport)
		return;
	snprintf(text, sizeof text, "%u", (unsigned)port);
	set_param(m, via, "rport", bytes_of(text));
}

void sipmsg_set_body(struct sipmsg *m, const char *content_type, struct bytes body)
{
	char *copy = sipmsg_text(m, body);

	sipmsg_remove_all(m, SIPH_CONTENT_TYPE);
	m->body = bytes_make(copy, copy ? body.n : 0);
	if (!copy)
		fail(m, ERR_NOMEM);
	if (content_type)
		sipmsg_append(m, SIPH_CONTENT_TYPE, bytes_of(content_type));
}
