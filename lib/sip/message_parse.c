#include "sip/message_impl.h"

#include <assert.h>

#include "base/text.h"
#include "sip/message_text.h"
#include "sip/uri.h"

static const char *const method_names[] = {
	"", "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "MESSAGE",
	"SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO", "UPDATE", "PRACK", "REFER",
};
static_assert(sizeof method_names / sizeof method_names[0] == SIPM_COUNT, "a name for each method");

const char *sipmsg_method_name(enum sipmsg_method m)
{
	return method_names[m];
}

enum sipmsg_method method_of(struct bytes name)
{
	for (int i = SIPM_OTHER + 1; i < SIPM_COUNT; i++)
		if (bytes_eq_str(name, method_names[i]))
			return (enum sipmsg_method)i;
	return SIPM_OTHER;
}

char *sipmsg_text(const struct sipmsg *m, struct bytes v)
{
	char *text = su_alloc(msg_home(m->msg), (isize_t)v.n + 1);

	if (!text)
		return NULL;
	if (v.n)
		memcpy(text, v.p, v.n);
	text[v.n] = 0;
	return text;
}

/* ---- the fields, by Sofia-SIP ---- */

enum { PRELOAD_BYTES = 1536, PRELOAD_MAX_BYTES = 8192 };

/* Our own start line goes in front of the fields: Sofia-SIP refuses methods with all the characters that
 * a token may have (RFC 4475 3.1.1.2). */
#define STAND_IN "OPTIONS sip:x SIP/2.0\r\n"

/* One buffer of the right size: body octets never come near Sofia-SIP's buffers, which reuse what was
 * received behind the fields. */
static bool extract(msg_t *msg, struct bytes fields)
{
	msg_iovec_t vec[1];
	size_t n = sizeof STAND_IN - 1 + fields.n;

	if (msg_recv_iovec(msg, vec, 1, n, 1) != 1 || vec[0].mv_len < n)
		return false;
	memcpy(vec[0].mv_base, STAND_IN, sizeof STAND_IN - 1);
	memcpy((char *)vec[0].mv_base + sizeof STAND_IN - 1, fields.p, fields.n);
	msg_recv_commit(msg, n, 1);
	/* Fields that do not parse are in sip_error; judged by us, as the answer needs the others. */
	(void)msg_extract(msg);
	return sip_object(msg)->sip_request != NULL;
}

/* One block for the fields of a usual message, instead of a dozen small ones. */
static void make_room(msg_t *msg, size_t n_fields)
{
	size_t room = PRELOAD_BYTES + 2 * n_fields;

	su_home_preload(msg_home(msg), 1, room < PRELOAD_MAX_BYTES ? room : PRELOAD_MAX_BYTES);
}

struct sipmsg *sipmsg_hold(struct bytes fields)
{
	msg_t *msg = msg_create(sip_default_mclass(), MSG_FLG_EXTRACT_COPY);
	struct sipmsg *m = NULL;

	if (!msg)
		return NULL;
	make_room(msg, fields.n);
	if (extract(msg, fields))
		m = su_zalloc(msg_home(msg), sizeof *m);
	if (!m) {
		msg_destroy(msg);
		return NULL;
	}
	m->msg = msg;
	m->sip = sip_object(msg);
	return m;
}

void sipmsg_free(struct sipmsg *m)
{
	if (m)
		msg_destroy(m->msg);
}

/* ---- what is wrong with it ---- */

static void blame(struct sipmsg *m, uint16_t status, const char *reason)
{
	if (!m->fault.status)
		m->fault = (struct sipmsg_fault){ status, reason };
}

/* Fields that must be right if they are there: routing, dialogs, framing and trust depend on them (Date:
 * RFC 4475 3.1.2.12). Others that do not parse pass untouched (RFC 3261 8.2.2, 16.3). */
static const struct {
	enum siphdr header;
	const char *reason;
	bool of_response; /* a response is dropped for it: nothing else is worth a time-out */
} strict[] = {
	{ SIPH_VIA, "Bad Via", true },
	{ SIPH_FROM, "Bad From", true },
	{ SIPH_TO, "Bad To", true },
	{ SIPH_CALL_ID, "Bad Call-ID", true },
	{ SIPH_CSEQ, "Bad CSeq", true },
	{ SIPH_MAX_FORWARDS, "Bad Max-Forwards", false },
	{ SIPH_CONTENT_LENGTH, "Bad Content-Length", true },
	{ SIPH_CONTENT_TYPE, "Bad Content-Type", false },
	{ SIPH_CONTACT, "Bad Contact", false },
	{ SIPH_ROUTE, "Bad Route", false },
	{ SIPH_RECORD_ROUTE, "Bad Record-Route", false },
	{ SIPH_PATH, "Bad Path", false },
	{ SIPH_SERVICE_ROUTE, "Bad Service-Route", false },
	{ SIPH_EXPIRES, "Bad Expires", false },
	{ SIPH_MIN_EXPIRES, "Bad Min-Expires", false },
	{ SIPH_EVENT, "Bad Event", false },
	{ SIPH_SUBSCRIPTION_STATE, "Bad Subscription-State", false },
	{ SIPH_REQUIRE, "Bad Require", false },
	{ SIPH_PROXY_REQUIRE, "Bad Proxy-Require", false },
	{ SIPH_REFER_TO, "Bad Refer-To", false },
	{ SIPH_SIP_IF_MATCH, "Bad SIP-If-Match", false },
	{ SIPH_AUTHORIZATION, "Bad Authorization", false },
	{ SIPH_PROXY_AUTHORIZATION, "Bad Proxy-Authorization", false },
	{ SIPH_DATE, "Bad Date", false },
};

static bool is_error_of(const sip_error_t *e, enum siphdr h)
{
	const msg_hclass_t *c = ((const sip_header_t *)e)->sh_class;

	if (c != sip_error_class) /* the second of a header that may be there once (RFC 4475 3.3.8, 3.3.9) */
		return c == header_row(h)->hclass;
	return e->er_name && header_row(h)->hclass && !strcmp(e->er_name, header_row(h)->hclass->hc_name);
}

static void judge_errors(struct sipmsg *m)
{
	struct bytes method;
	uint32_t number;

	for (const sip_error_t *e = m->sip->sip_error; e; e = e->er_next)
		for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++) {
			if (!is_error_of(e, strict[i].header) || (!m->is_request && !strict[i].of_response))
				continue;
			if (strict[i].header == SIPH_CSEQ && !m->sip->sip_cseq && sipmsg_cseq(m, &number, &method))
				continue; /* a method that only Sofia-SIP dislikes */
			blame(m, 400, strict[i].reason);
		}
}

static void judge_needed(struct sipmsg *m)
{
	struct bytes method;
	uint32_t number;

	if (!m->sip->sip_via && !m->is_inside)
		blame(m, 400, "Missing Via");
	if (!m->sip->sip_from)
		blame(m, 400, "Missing From");
	if (!m->sip->sip_to)
		blame(m, 400, "Missing To");
	if (!m->sip->sip_call_id)
		blame(m, 400, "Missing Call-ID");
	if (!sipmsg_cseq(m, &number, &method))
		blame(m, 400, "Missing CSeq");
	else if (m->is_request && !bytes_eq(method, m->method_text))
		blame(m, 400, "CSeq Does Not Match Method"); /* RFC 4475 3.1.2.17, 3.1.2.18 */
}

static void judge_uri(struct sipmsg *m)
{
	struct sipuri u;

	if (sipuri_parse(m->uri, &u) < 0)
		blame(m, 400, "Bad Request-URI");
	else if (u.scheme == SIPURI_OTHER || u.scheme == SIPURI_MSRP || u.scheme == SIPURI_MSRPS)
		blame(m, 416, "Unsupported URI Scheme"); /* RFC 3261 8.2.2.1 */
	else if (u.headers.n)
		blame(m, 400, "Headers In Request-URI"); /* RFC 4475 3.1.2.11 */
}

/* In a bare URI '?' is not allowed (RFC 3261 20, RFC 4475 3.1.2.13). */
static bool is_bare_with_headers(const struct sipmsg *m, enum siphdr h, size_t i, const url_t *url)
{
	struct bytes v = url->url_headers ? sipmsg_value(m, h, i) : BYTES_NONE;

	return v.n && bytes_find(v, '<') == v.n;
}

/* White space inside the brackets of "<sip:a@b>" (RFC 4475 3.1.2.14). */
static bool is_spaced(struct bytes v)
{
	bool is_quoted = false;

	for (size_t i = 0; i + 1 < v.n; i++) {
		if (is_quoted && v.p[i] == '\\')
			i++;
		else if (v.p[i] == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && ((v.p[i] == '<' && v.p[i + 1] == ' ') || (v.p[i] == ' ' && v.p[i + 1] == '>')))
			return true;
	}
	return false;
}

static void judge_party(struct sipmsg *m, enum siphdr h, const sip_addr_t *a, const char *reason)
{
	if (a && (is_bare_with_headers(m, h, 0, a->a_url) || is_spaced(header_raw(m, h))))
		blame(m, 400, reason);
}

static void judge_addresses(struct sipmsg *m)
{
	size_t i = 0;

	judge_party(m, SIPH_FROM, m->sip->sip_from, "Bad From");
	judge_party(m, SIPH_TO, m->sip->sip_to, "Bad To");
	for (sip_contact_t *c = m->sip->sip_contact; c; c = c->m_next)
		if (is_bare_with_headers(m, SIPH_CONTACT, i++, c->m_url))
			blame(m, 400, "Bad Contact");
}

enum { MAX_FORWARDS_MOST = 255 }; /* RFC 3261 20.22 */

static void judge_request(struct sipmsg *m)
{
	uint32_t n;

	judge_addresses(m);
	if (sipmsg_number(m, SIPH_MAX_FORWARDS, &n) && n > MAX_FORWARDS_MOST)
		blame(m, 400, "Bad Max-Forwards");
	judge_uri(m);
}

static void judge_text(struct sipmsg *m, const struct message_fields *f)
{
	if (f->is_flood)
		blame(m, 513, "Too Many Headers");
	if (!f->is_ended)
		blame(m, 400, "No End Of Headers");
	if (f->is_rough)
		blame(m, 400, "Bad Octets In Headers");
	if (f->is_foreign && m->is_request)
		blame(m, 400, "Headers Not In UTF-8");
	if (f->is_nameless && m->is_request)
		blame(m, 400, "Header Without Name");
}

/* ---- whole messages ---- */

/* Of a Via whose parameters do not parse, protocol and host may: enough to send a 400 to (RFC 4475 3.1.2.1). The
 * answer repeats its text. */
static void rescue_via(struct sipmsg *m)
{
	struct bytes text = header_raw(m, SIPH_VIA);
	size_t n = bytes_find(text, ';');
	struct bytes front = bytes_make(text.p, bytes_find(bytes_make(text.p, n), ','));
	const char *copy = front.n ? sipmsg_text(m, front) : NULL;
	sip_via_t *via = copy ? sip_via_make(msg_home(m->msg), copy) : NULL;

	if (!via)
		return;
	for (const sip_error_t *e = m->sip->sip_error; e; e = e->er_next)
		if (field_is_named((const sip_header_t *)e, BYTES("Via")) && !via->v_common->h_data) {
			via->v_common->h_data = e->er_common->h_data;
			via->v_common->h_len = e->er_common->h_len;
		}
	m->sip->sip_via = via;
}

/* The body is as long as Content-Length says; without one, what is there (RFC 3261 18.3). */
static void take_body(struct sipmsg *m, struct bytes fields, struct bytes rest)
{
	uint32_t n = 0;

	switch (message_text_length(fields, &n)) {
	case LENGTH_BAD:
		blame(m, 400, "Bad Content-Length");
		break;
	case LENGTH_OK:
		if (n > rest.n)
			blame(m, 400, "Body Shorter Than Content-Length");
		else
			rest.n = n;
		break;
	case LENGTH_NONE:
		break;
	}
	m->body = rest;
}

/* What is shown to people and put into other protocols. */
static bool is_clean_text(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] == 0x7f)
			return false;
	return text_is_utf8(v);
}

static void take_start(struct sipmsg *m, const struct message_start *s)
{
	m->is_request = s->is_request;
	m->method_text = s->method;
	m->method = method_of(s->method);
	m->uri = s->uri;
	m->status = s->status;
	m->reason = is_clean_text(s->reason) ? s->reason : BYTES_NONE;
	m->fault = s->fault;
}

static bool keep(const struct sipmsg *m, struct bytes *v)
{
	const char *text = v->n ? sipmsg_text(m, *v) : "";

	v->p = (const uint8_t *)text;
	return text != NULL;
}

/* From views of what came in to texts of the message's own. */
static bool keep_texts(struct sipmsg *m)
{
	return keep(m, &m->method_text) && keep(m, &m->uri) && keep(m, &m->reason) && keep(m, &m->body);
}

static void judge(struct sipmsg *m, const struct message_fields *f)
{
	struct bytes method;
	uint32_t number;

	judge_text(m, f);
	judge_errors(m);
	judge_needed(m);
	if (sipmsg_count(m, SIPH_VIA) > SIPMSG_VIAS_MAX)
		blame(m, 400, "Too Many Via");
	if (m->is_request)
		judge_request(m);
	else if (sipmsg_cseq(m, &number, &method))
		m->method = method_of(method);
}

static struct bytes without_empty_lines(struct bytes in)
{
	while (in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n')
		in = bytes_skip(in, 2);
	return in;
}

static const uint8_t *line_end(struct bytes in)
{
	return in.n ? memmem(in.p, in.n, "\r\n", 2) : NULL;
}

static int build(struct bytes fields, const struct message_start *s, bool is_inside, struct buf *copy, struct sipmsg **out)
{
	struct message_fields f;
	struct sipmsg *m;

	message_text_copy(fields, copy, &f);
	m = buf_failed(copy) ? NULL : sipmsg_hold(buf_bytes(copy));
	if (!m)
		return ERR_NOMEM;
	take_start(m, s);
	m->is_inside = is_inside && m->is_request;
	take_body(m, fields, f.body);
	if (!keep_texts(m)) {
		sipmsg_free(m);
		return ERR_NOMEM;
	}
	judge(m, &f);
	if (!m->sip->sip_via && m->is_request && !m->is_inside)
		rescue_via(m);
	if (!m->sip->sip_via && !m->is_inside) { /* nobody to answer to */
		sipmsg_free(m);
		return ERR_SYNTAX;
	}
	*out = m;
	return 0;
}

static int parse(struct bytes in, bool is_inside, struct sipmsg **out)
{
	struct message_start s;
	struct buf copy;
	const uint8_t *end;

	if (in.n > SIPMSG_MAX_BYTES)
		return ERR_LIMIT;
	in = without_empty_lines(in);
	end = line_end(in);
	if (!end)
		return ERR_SYNTAX;
	size_t n = (size_t)(end - in.p);
	int rc = message_text_start(bytes_make(in.p, n), &s);
	if (rc < 0)
		return rc;
	buf_init(&copy, 2 * SIPMSG_MAX_BYTES);
	rc = build(bytes_skip(in, n + 2), &s, is_inside, &copy, out);
	buf_fini(&copy);
	return rc;
}

int sipmsg_parse(struct bytes in, struct sipmsg **out)
{
	return parse(in, false, out);
}

int sipmsg_parse_inside(struct bytes in, struct sipmsg **out)
{
	return parse(in, true, out);
}

void message_lost_framing(struct sipmsg *m, int rc)
{
	if (rc == ERR_LIMIT)
		m->fault = (struct sipmsg_fault){ 513, "Message Too Large" };
	blame(m, 400, "Missing Content-Length");
}

struct sipmsg_fault sipmsg_fault(const struct sipmsg *m)
{
	return m->fault;
}

bool sipmsg_is_request(const struct sipmsg *m)
{
	return m->is_request;
}

enum sipmsg_method sipmsg_method(const struct sipmsg *m)
{
	return m->method;
}

struct bytes sipmsg_method_text(const struct sipmsg *m)
{
	struct bytes method = BYTES_NONE;
	uint32_t number;

	if (m->is_request)
		return m->method_text;
	(void)sipmsg_cseq(m, &number, &method); /* absent: empty */
	return method;
}

struct bytes sipmsg_uri(const struct sipmsg *m)
{
	return m->uri;
}

unsigned sipmsg_status(const struct sipmsg *m)
{
	return m->status;
}

struct bytes sipmsg_reason(const struct sipmsg *m)
{
	return m->reason;
}

struct bytes sipmsg_body(const struct sipmsg *m)
{
	return m->body;
}
