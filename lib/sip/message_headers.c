#include "sip/message_impl.h"

#include <assert.h>

#define KNOWN(text, member) { text, sip_##member##_class, offsetof(sip_t, sip_##member) }
#define UNKNOWN(text) { text, NULL, 0 }

static const struct header_row rows[] = {
	[SIPH_VIA] = KNOWN("Via", via),
	[SIPH_ROUTE] = KNOWN("Route", route),
	[SIPH_RECORD_ROUTE] = KNOWN("Record-Route", record_route),
	[SIPH_FROM] = KNOWN("From", from),
	[SIPH_TO] = KNOWN("To", to),
	[SIPH_CALL_ID] = KNOWN("Call-ID", call_id),
	[SIPH_CSEQ] = KNOWN("CSeq", cseq),
	[SIPH_CONTACT] = KNOWN("Contact", contact),
	[SIPH_MAX_FORWARDS] = KNOWN("Max-Forwards", max_forwards),
	[SIPH_EXPIRES] = KNOWN("Expires", expires),
	[SIPH_MIN_EXPIRES] = KNOWN("Min-Expires", min_expires),
	[SIPH_EVENT] = KNOWN("Event", event),
	[SIPH_ALLOW_EVENTS] = KNOWN("Allow-Events", allow_events),
	[SIPH_SUBSCRIPTION_STATE] = KNOWN("Subscription-State", subscription_state),
	[SIPH_ACCEPT] = KNOWN("Accept", accept),
	[SIPH_ALLOW] = KNOWN("Allow", allow),
	[SIPH_SUPPORTED] = KNOWN("Supported", supported),
	[SIPH_REQUIRE] = KNOWN("Require", require),
	[SIPH_PROXY_REQUIRE] = KNOWN("Proxy-Require", proxy_require),
	[SIPH_UNSUPPORTED] = KNOWN("Unsupported", unsupported),
	[SIPH_CONTENT_TYPE] = KNOWN("Content-Type", content_type),
	[SIPH_CONTENT_ENCODING] = KNOWN("Content-Encoding", content_encoding),
	[SIPH_CONTENT_LANGUAGE] = KNOWN("Content-Language", content_language),
	[SIPH_CONTENT_LENGTH] = KNOWN("Content-Length", content_length),
	[SIPH_SUBJECT] = KNOWN("Subject", subject),
	[SIPH_DATE] = KNOWN("Date", date),
	[SIPH_WARNING] = KNOWN("Warning", warning),
	[SIPH_REASON] = KNOWN("Reason", reason),
	[SIPH_RETRY_AFTER] = KNOWN("Retry-After", retry_after),
	[SIPH_SERVER] = KNOWN("Server", server),
	[SIPH_USER_AGENT] = KNOWN("User-Agent", user_agent),
	[SIPH_SIP_ETAG] = KNOWN("SIP-ETag", etag),
	[SIPH_SIP_IF_MATCH] = KNOWN("SIP-If-Match", if_match),
	[SIPH_WWW_AUTHENTICATE] = KNOWN("WWW-Authenticate", www_authenticate),
	[SIPH_AUTHORIZATION] = KNOWN("Authorization", authorization),
	[SIPH_PROXY_AUTHENTICATE] = KNOWN("Proxy-Authenticate", proxy_authenticate),
	[SIPH_PROXY_AUTHORIZATION] = KNOWN("Proxy-Authorization", proxy_authorization),
	[SIPH_PATH] = KNOWN("Path", path),
	[SIPH_SERVICE_ROUTE] = KNOWN("Service-Route", service_route),
	[SIPH_REFER_TO] = KNOWN("Refer-To", refer_to),
	[SIPH_REFERRED_BY] = KNOWN("Referred-By", referred_by),
	[SIPH_MAX_BREADTH] = UNKNOWN("Max-Breadth"),
	[SIPH_ACCEPT_ENCODING] = KNOWN("Accept-Encoding", accept_encoding),
	[SIPH_SESSION_EXPIRES] = KNOWN("Session-Expires", session_expires),
	[SIPH_MIN_SE] = KNOWN("Min-SE", min_se),
	[SIPH_MS_DIAGNOSTICS] = UNKNOWN("ms-diagnostics"),
	[SIPH_MS_TEXT_FORMAT] = UNKNOWN("ms-text-format"),
};
static_assert(sizeof rows / sizeof rows[0] == SIPH_COUNT, "a row for each header");

const struct header_row *header_row(enum siphdr h)
{
	return &rows[h];
}

const char *siphdr_name(enum siphdr h)
{
	return rows[h].name;
}

bool header_is_words(enum siphdr h)
{
	return rows[h].hclass && rows[h].hclass->hc_kind == msg_kind_list;
}

/* The next unknown field of this name, f included. */
static sip_header_t *unknown_from(sip_header_t *f, const char *name)
{
	while (f && !bytes_eq_nocase(bytes_of(f->sh_unknown->un_name), bytes_of(name)))
		f = f->sh_next;
	return f;
}

sip_header_t *header_first(const struct sipmsg *m, enum siphdr h)
{
	if (!rows[h].hclass)
		return unknown_from((sip_header_t *)m->sip->sip_unknown, rows[h].name);
	return *(sip_header_t **)(void *)((char *)m->sip + rows[h].offset);
}

sip_header_t *header_at(const struct sipmsg *m, enum siphdr h, size_t i)
{
	sip_header_t *f = header_first(m, h);

	while (f && i--) {
		f = f->sh_next;
		if (!rows[h].hclass)
			f = unknown_from(f, rows[h].name);
	}
	return f;
}

static const char *const *words_of(const struct sipmsg *m, enum siphdr h)
{
	sip_header_t *f = header_first(m, h);

	return f ? (const char *const *)f->sh_allow->k_items : NULL;
}

static size_t count_words(const struct sipmsg *m, enum siphdr h)
{
	const char *const *words = words_of(m, h);
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

size_t sipmsg_count(const struct sipmsg *m, enum siphdr h)
{
	size_t n = 0;

	if (header_is_words(h))
		return count_words(m, h);
	while (header_at(m, h, n))
		n++;
	return n;
}

struct bytes field_raw_name(const sip_header_t *f)
{
	struct bytes v = bytes_make(f->sh_data, f->sh_len);

	v.n = bytes_find(v, ':');
	return v;
}

struct bytes field_raw_value(const sip_header_t *f)
{
	struct bytes v = bytes_make(f->sh_data, f->sh_len);

	v = bytes_skip(v, bytes_find(v, ':') + 1);
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = bytes_skip(v, 1);
	while (v.n && strchr(" \t\r\n", v.p[v.n - 1]))
		v.n--;
	return v;
}

/* The text of several elements in one line belongs to the first; the others point at its end. */
bool field_is_whole(const sip_header_t *f)
{
	const sip_header_t *next = f->sh_next;

	if (!f->sh_data || !f->sh_len)
		return false;
	return !next || next->sh_len || next->sh_data != (const char *)f->sh_data + f->sh_len;
}

struct bytes field_print_value(const struct sipmsg *m, const sip_header_t *f)
{
	char small[512], *big;
	const msg_header_t *h = (const msg_header_t *)f;
	issize_t n = h->sh_class->hc_print(small, sizeof small, h, 0);

	if (n >= 0 && (size_t)n + FIELD_END_SLACK <= sizeof small) {
		char *text = sipmsg_text(m, bytes_make(small, (size_t)n));
		return bytes_make(text, text ? (size_t)n : 0);
	}
	big = su_alloc(msg_home(m->msg), SIPMSG_MAX_BYTES + 1);
	if (!big)
		return BYTES_NONE;
	n = h->sh_class->hc_print(big, SIPMSG_MAX_BYTES, h, 0);
	struct bytes v = n > 0 && n + FIELD_END_SLACK <= SIPMSG_MAX_BYTES ? bytes_make(big, (size_t)n) : BYTES_NONE;
	char *text = sipmsg_text(m, v);
	su_free(msg_home(m->msg), big);
	return bytes_make(text, text ? v.n : 0);
}

static struct bytes field_value(const struct sipmsg *m, const sip_header_t *f)
{
	if (field_is_whole(f))
		return field_raw_value(f);
	if (((const msg_header_t *)f)->sh_class == sip_unknown_class)
		return bytes_of(f->sh_unknown->un_value);
	return field_print_value(m, f);
}

struct bytes sipmsg_value(const struct sipmsg *m, enum siphdr h, size_t i)
{
	if (header_is_words(h))
		return i < count_words(m, h) ? bytes_of(words_of(m, h)[i]) : BYTES_NONE;
	sip_header_t *f = header_at(m, h, i);
	return f ? field_value(m, f) : BYTES_NONE;
}

static bool is_of_class(const msg_hclass_t *c, struct bytes name)
{
	return c->hc_name && c->hc_name[0] &&
	       (bytes_eq_nocase(bytes_of(c->hc_name), name) ||
		(c->hc_short[0] && bytes_eq_nocase(bytes_make(c->hc_short, 1), name)));
}

bool field_is_named(const sip_header_t *f, struct bytes name)
{
	const msg_hclass_t *c = ((const msg_header_t *)f)->sh_class;

	if (c == sip_unknown_class)
		return bytes_eq_nocase(bytes_of(f->sh_unknown->un_name), name);
	if (c == sip_error_class)
		return bytes_eq_nocase(field_raw_name(f), name) ||
		       bytes_eq_nocase(bytes_of(f->sh_error->er_name), name);
	return is_of_class(c, name);
}

static enum siphdr known(struct bytes name)
{
	for (size_t h = 0; h < SIPH_COUNT; h++)
		if (rows[h].hclass && is_of_class(rows[h].hclass, name))
			return (enum siphdr)h;
	return SIPH_COUNT;
}

struct bytes sipmsg_named(const struct sipmsg *m, const char *name, size_t i)
{
	enum siphdr h = known(bytes_of(name));

	if (h != SIPH_COUNT && header_first(m, h))
		return sipmsg_value(m, h, i);
	for (msg_header_t *f = *msg_chain_head(m->msg); f; f = f->sh_succ)
		if (field_is_named((sip_header_t *)f, bytes_of(name)) && i-- == 0)
			return f->sh_class == sip_error_class ? field_raw_value((sip_header_t *)f) : field_value(m, (sip_header_t *)f);
	return BYTES_NONE;
}

struct bytes header_raw(const struct sipmsg *m, enum siphdr h)
{
	sip_header_t *f = header_first(m, h);

	if (f)
		return field_value(m, f);
	for (sip_error_t *e = m->sip->sip_error; e; e = e->er_next)
		if (field_is_named((sip_header_t *)e, bytes_of(rows[h].name)))
			return field_raw_value((sip_header_t *)e);
	return BYTES_NONE;
}

bool sipmsg_number(const struct sipmsg *m, enum siphdr h, uint32_t *out)
{
	struct bytes v = h == SIPH_CONTENT_LENGTH ? BYTES_NONE : sipmsg_value(m, h, 0);
	size_t digits = 0;
	uint64_t n;

	if (h == SIPH_CONTENT_LENGTH) {
		*out = (uint32_t)m->body.n;
		return true;
	}
	while (digits < v.n && v.p[digits] >= '0' && v.p[digits] <= '9')
		digits++;
	if (!digits || (digits < v.n && !strchr(" \t;(", v.p[digits])))
		return false;
	if (bytes_to_u64(bytes_make(v.p, digits), UINT32_MAX, &n) < 0)
		n = UINT32_MAX;
	*out = (uint32_t)n;
	return true;
}
