#include "error.h"

#include <stdio.h>

#include "address.h"
#include "base/err.h"
#include "base/text.h"
#include "charset.h"

/* ---- SIP to XMPP: RFC 7247 table 3 ---- */

static const struct {
	uint16_t status;
	enum stanza_error error;
} by_status[] = {
	{ 300, STANZA_REDIRECT },
	{ 301, STANZA_GONE },
	{ 302, STANZA_REDIRECT },
	{ 305, STANZA_REDIRECT },
	{ 380, STANZA_NOT_ACCEPTABLE },
	{ 400, STANZA_BAD_REQUEST },
	{ 401, STANZA_NOT_AUTHORIZED },
	{ 402, STANZA_BAD_REQUEST },
	{ 403, STANZA_FORBIDDEN },
	{ 404, STANZA_ITEM_NOT_FOUND },
	{ 405, STANZA_FEATURE_NOT_IMPLEMENTED },
	{ 406, STANZA_NOT_ACCEPTABLE },
	{ 407, STANZA_REGISTRATION_REQUIRED },
	{ 408, STANZA_REMOTE_SERVER_TIMEOUT },
	{ 410, STANZA_GONE },
	{ 413, STANZA_POLICY_VIOLATION },
	{ 414, STANZA_POLICY_VIOLATION },
	{ 415, STANZA_NOT_ACCEPTABLE },
	{ 416, STANZA_NOT_ACCEPTABLE },
	{ 420, STANZA_FEATURE_NOT_IMPLEMENTED },
	{ 421, STANZA_NOT_ACCEPTABLE },
	{ 423, STANZA_RESOURCE_CONSTRAINT },
	{ 430, STANZA_RECIPIENT_UNAVAILABLE },
	{ 439, STANZA_FEATURE_NOT_IMPLEMENTED },
	{ 440, STANZA_POLICY_VIOLATION },
	{ 480, STANZA_RECIPIENT_UNAVAILABLE },
	{ 481, STANZA_ITEM_NOT_FOUND },
	{ 482, STANZA_NOT_ACCEPTABLE },
	{ 483, STANZA_NOT_ACCEPTABLE },
	{ 484, STANZA_ITEM_NOT_FOUND },
	{ 485, STANZA_ITEM_NOT_FOUND },
	{ 486, STANZA_RECIPIENT_UNAVAILABLE },
	{ 487, STANZA_RECIPIENT_UNAVAILABLE },
	{ 488, STANZA_NOT_ACCEPTABLE },
	{ 489, STANZA_POLICY_VIOLATION },
	{ 491, STANZA_UNEXPECTED_REQUEST },
	{ 493, STANZA_BAD_REQUEST },
	{ 500, STANZA_INTERNAL_SERVER_ERROR },
	{ 501, STANZA_FEATURE_NOT_IMPLEMENTED },
	{ 502, STANZA_REMOTE_SERVER_NOT_FOUND },
	{ 503, STANZA_INTERNAL_SERVER_ERROR },
	{ 504, STANZA_REMOTE_SERVER_TIMEOUT },
	{ 505, STANZA_NOT_ACCEPTABLE },
	{ 513, STANZA_POLICY_VIOLATION },
	{ 600, STANZA_RECIPIENT_UNAVAILABLE },
	{ 603, STANZA_RECIPIENT_UNAVAILABLE },
	{ 604, STANZA_ITEM_NOT_FOUND },
	{ 606, STANZA_NOT_ACCEPTABLE },
};

/* RFC 3261 8.1.3.2: a code that is not known is as the x00 of its class (ERR-08). */
static enum stanza_error error_of_class(unsigned status)
{
	switch (status / 100) {
	case 3:
		return STANZA_REDIRECT;
	case 4:
		return STANZA_BAD_REQUEST;
	case 5:
		return STANZA_INTERNAL_SERVER_ERROR;
	default:
		return STANZA_RECIPIENT_UNAVAILABLE;
	}
}

static enum stanza_error condition_of(unsigned status)
{
	for (size_t i = 0; i < sizeof by_status / sizeof by_status[0]; i++)
		if (by_status[i].status == status)
			return by_status[i].error;
	return error_of_class(status);
}

/* An xmpp: URI (RFC 5122) of the JID that a SIP URI stands for. */
static struct bytes xmpp_of_sip(struct bytes uri, struct arena *a)
{
	struct jid j;
	struct buf b;

	if (!uri.n || address_to_jid(uri, false, a, &j))
		return BYTES_NONE;
	buf_init(&b, 8192);
	buf_put_str(&b, "xmpp:");
	for (size_t i = 0; i < j.full.n; i++) {
		uint8_t c = j.full.p[i];
		if (c > 0x20 && c < 0x7f && !strchr("\"#%<>?[\\]^`{|}", c))
			buf_put_u8(&b, c);
		else
			buf_putf(&b, "%%%02X", c);
	}
	struct bytes out = buf_failed(&b) ? BYTES_NONE : arena_dup(a, buf_bytes(&b));
	buf_fini(&b);
	return out;
}

struct stanza_fault error_of_status(unsigned status, struct bytes reason, struct bytes contact, struct arena *a)
{
	struct stanza_fault f = { .error = condition_of(status), .uri = BYTES_NONE };

	f.text = text_is_utf8(reason) ? reason : BYTES_NONE;
	if (f.error == STANZA_REDIRECT || status == 301)
		f.uri = xmpp_of_sip(contact, a);
	return f;
}

/* The text names the check that failed, for the sender to tell his administrator (ERR-11). */
struct stanza_fault error_of_failure(int why)
{
	switch (why) {
	case ERR_NOT_FOUND:
	case ERR_DNS_NXDOMAIN:
	case ERR_DNS_NODATA:
	case ERR_TLS:
	case ERR_CERT_EXPIRED:
	case ERR_CERT_NOT_YET:
	case ERR_CERT_SELF_SIGNED:
	case ERR_CERT_UNKNOWN_CA:
	case ERR_CERT_NAME:
	case ERR_CERT_REVOKED:
	case ERR_CERT_CRL:
	case ERR_CERT_PIN:
	case ERR_CERT_NONE:
	case ERR_CERT_OTHER:
		return (struct stanza_fault){ .error = STANZA_REMOTE_SERVER_NOT_FOUND, .text = bytes_of(err_text(why)) };
	case ERR_DENIED:
		return (struct stanza_fault){ .error = STANZA_NOT_ALLOWED, .text = BYTES("Federation with this domain is not allowed") };
	case ERR_AUTH:
		return (struct stanza_fault){ .error = STANZA_NOT_AUTHORIZED }; /* ERR-12 */
	case ERR_FULL:
	case ERR_NOMEM:
		return (struct stanza_fault){ .error = STANZA_RESOURCE_CONSTRAINT };
	case ERR_LIMIT:
		return (struct stanza_fault){ .error = STANZA_POLICY_VIOLATION, .text = BYTES("Too large for SIP") };
	case ERR_PROTOCOL:
		return (struct stanza_fault){ .error = STANZA_INTERNAL_SERVER_ERROR };
	default:
		return (struct stanza_fault){ .error = STANZA_REMOTE_SERVER_TIMEOUT, .text = bytes_of(err_text(why)) };
	}
}

/* ---- XMPP to SIP: RFC 7247 table 2 ---- */

static const struct {
	uint16_t full, bare;
} by_error[STANZA_ERROR_COUNT] = {
	[STANZA_BAD_REQUEST] = { 400, 400 },
	[STANZA_CONFLICT] = { 400, 400 },
	[STANZA_FEATURE_NOT_IMPLEMENTED] = { 405, 501 },
	[STANZA_FORBIDDEN] = { 403, 603 },
	[STANZA_GONE] = { 410, 410 }, /* with an address: 301 */
	[STANZA_INTERNAL_SERVER_ERROR] = { 500, 500 },
	[STANZA_ITEM_NOT_FOUND] = { 404, 604 },
	[STANZA_JID_MALFORMED] = { 400, 400 },
	[STANZA_NOT_ACCEPTABLE] = { 406, 606 },
	[STANZA_NOT_ALLOWED] = { 403, 403 },
	[STANZA_NOT_AUTHORIZED] = { 401, 401 },
	[STANZA_POLICY_VIOLATION] = { 403, 403 },
	[STANZA_RECIPIENT_UNAVAILABLE] = { 480, 600 },
	[STANZA_REDIRECT] = { 302, 302 },
	[STANZA_REGISTRATION_REQUIRED] = { 407, 407 },
	[STANZA_REMOTE_SERVER_NOT_FOUND] = { 404, 404 },
	[STANZA_REMOTE_SERVER_TIMEOUT] = { 408, 408 },
	[STANZA_RESOURCE_CONSTRAINT] = { 500, 500 },
	[STANZA_SERVICE_UNAVAILABLE] = { 403, 403 }, /* never 503, which marks us as down (ERR-04) */
	[STANZA_SUBSCRIPTION_REQUIRED] = { 400, 400 },
	[STANZA_UNDEFINED_CONDITION] = { 400, 400 },
	[STANZA_UNEXPECTED_REQUEST] = { 400, 400 },
};

unsigned error_status(enum stanza_error e, bool is_full)
{
	return is_full ? by_error[e].full : by_error[e].bare;
}

/* One line, cut between characters (ERR-06). */
static void copy_reason(struct bytes text, char out[static ERROR_REASON_MAX_BYTES + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < text.n && n < ERROR_REASON_MAX_BYTES; i++) {
		uint8_t c = text.p[i];
		if (c >= 0x20 && c != 0x7f)
			out[n++] = (char)c;
		else if (n && out[n - 1] != ' ')
			out[n++] = ' ';
	}
	while (n && !text_is_utf8(bytes_make(out, n)))
		n--;
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = 0;
}

/* "xmpp:new@host?x#y" or a SIP URI to a SIP URI (ERR-02, ERR-03). */
static struct bytes sip_of_uri(struct bytes uri, struct arena *a)
{
	struct sipuri u;
	struct buf b;
	struct jid j;

	if (sipuri_parse(uri, &u) == 0 && (u.scheme == SIPURI_SIP || u.scheme == SIPURI_SIPS))
		return uri.n <= ADDRESS_URI_MAX_BYTES ? uri : BYTES_NONE;
	if (!bytes_starts(uri, BYTES("xmpp:")))
		return BYTES_NONE;
	struct bytes jid = bytes_skip(uri, 5);
	jid.n = bytes_find(jid, '?');
	jid.n = bytes_find(jid, '#');
	buf_init(&b, 8192);
	struct bytes out = BYTES_NONE, text = BYTES_NONE;
	if (sipuri_decode(jid, &b) == 0 && !buf_failed(&b))
		text = arena_dup(a, buf_bytes(&b));
	buf_clear(&b);
	if (text.n && jid_parse(text, a, &j) == 0 && address_of_jid(&j, SIPURI_SIP, &b) == 0)
		out = arena_dup(a, buf_bytes(&b));
	buf_fini(&b);
	return out;
}

void error_of_stanza(const struct xml_node *error, bool is_full, struct arena *a, struct status_fault *out)
{
	enum stanza_error e = STANZA_UNDEFINED_CONDITION;
	struct bytes content = BYTES_NONE;

	*out = (struct status_fault){ 0 };
	for (const struct xml_node *c = xml_first(error); c; c = xml_next(c)) {
		if (strcmp(c->ns, NS_STANZA_ERRORS) != 0)
			continue;
		if (strcmp(c->name, "text") == 0) {
			copy_reason(xml_text(c), out->reason);
		} else if (stanza_error_of(bytes_of(c->name), &e) == 0) {
			content = xml_text(c);
		}
	}
	out->status = error_status(e, is_full);
	if (e != STANZA_GONE && e != STANZA_REDIRECT)
		return;
	out->contact = content.n ? sip_of_uri(content, a) : BYTES_NONE;
	if (e == STANZA_GONE && out->contact.n)
		out->status = 301;
}

/* ---- an error stanza ---- */

static void put_error(struct buf *b, const struct stanza_fault *f)
{
	const char *name = stanza_error_name(f->error);

	buf_putf(b, "<error type='%s'><%s xmlns='%s'", stanza_error_type(f->error), name, NS_STANZA_ERRORS);
	if (f->uri.n) {
		buf_put_u8(b, '>');
		text_xml_escape(f->uri, b);
		buf_putf(b, "</%s>", name);
	} else {
		buf_put_str(b, "/>");
	}
	if (f->text.n) {
		buf_putf(b, "<text xmlns='%s'>", NS_STANZA_ERRORS);
		charset_put_xml(b, f->text);
		buf_put_str(b, "</text>");
	}
	buf_put_str(b, "</error>");
}

bool error_write(struct buf *b, enum stanza_kind kind, enum stanza_type type, struct bytes sid, struct bytes from,
		 struct bytes to, const struct stanza_fault *f)
{
	if (type == TYPE_ERROR || type == TYPE_RESULT)
		return false;
	buf_putf(b, "<%s type='error'", stanza_kind_name(kind));
	if (sid.n)
		xml_write_attr(b, "id", sid);
	xml_write_attr(b, "from", from);
	xml_write_attr(b, "to", to);
	buf_put_u8(b, '>');
	put_error(b, f);
	buf_putf(b, "</%s>", stanza_kind_name(kind));
	return true;
}
