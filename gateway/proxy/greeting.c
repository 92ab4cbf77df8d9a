#include "greeting.h"

#include "base/err.h"
#include "base/random.h"
#include "proto/jid.h"

/* A stanza in clear is answered as one that comes too early, not as one that is too large: hence its depth and nodes. */
static const struct xml_limits limits = { .header_bytes = GREETING_HEADER_MAX, .stanza_bytes = 4096, .depth = 8, .attrs = 16, .nodes = 64 };

void greeting_init(struct greeting *s, struct xml_pool *pool, greeting_host_fn is_host, void *arg, bool is_secure)
{
	*s = (struct greeting){ .is_host = is_host, .arg = arg, .is_secure = is_secure, .why = "" };
	xml_stream_init(&s->xml, pool, &limits);
}

void greeting_fini(struct greeting *s)
{
	xml_stream_fini(&s->xml);
}

/* ---- what is answered ---- */

/* from: our domain, empty before there is one. */
static void put_header(struct greeting *s, struct bytes from, struct buf *out)
{
	char id[17];

	random_hex(id, 16);
	buf_put_str(out, "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "' version='1.0' xml:lang='en'");
	xml_write_attr(out, "id", bytes_of(id));
	if (from.n)
		xml_write_attr(out, "from", from);
	buf_put_str(out, ">");
	s->is_greeted = true;
}

static enum greeting_what end(struct greeting *s, struct buf *out)
{
	buf_put_str(out, "</stream:stream>");
	s->is_over = true;
	return GREETING_ENDED;
}

void greeting_fail(struct greeting *s, struct buf *out, enum stream_error error, const char *why)
{
	if (s->is_over)
		return;
	s->error = error;
	s->why = why;
	if (!s->is_greeted)
		put_header(s, bytes_of(s->domain), out); /* RFC 6120 4.9.1.2 */
	stream_error_write(out, error, bytes_of(why));
	(void)end(s, out); /* FAILED is what it is */
}

static enum greeting_what fail(struct greeting *s, struct buf *out, enum stream_error error, const char *why)
{
	greeting_fail(s, out, error, why);
	return GREETING_FAILED;
}

void greeting_proceed(struct greeting *s, struct buf *out)
{
	buf_put_str(out, "<proceed xmlns='" NS_TLS "'/>");
	xml_stream_restart(&s->xml); /* RFC 6120 5.4.3.3 */
	s->is_over = true;
}

void greeting_refuse(struct greeting *s, struct buf *out)
{
	buf_put_str(out, "<failure xmlns='" NS_TLS "'/>");
	(void)end(s, out); /* nothing comes after it */
}

/* ---- what is said ---- */

static bool is_hosted(struct greeting *s, struct bytes to, struct arena *a, struct bytes *domain)
{
	char ascii[GREETING_DOMAIN_BYTES];

	if (to.n == 0 || jid_parse_domain(to, a, domain) || jid_domain_to_ascii(*domain, ascii) || !s->is_host(s->arg, ascii))
		return false;
	memcpy(s->domain, ascii, strlen(ascii) + 1);
	return true;
}

/* RFC 6120 4.7, 5.4.1 */
static enum greeting_what take_header(struct greeting *s, const struct xml_event *ev, struct arena *a, struct buf *out)
{
	struct bytes domain;

	if (!xml_is(ev->node, "stream", NS_STREAM) || strcmp(ev->content_ns, NS_CLIENT) != 0)
		return fail(s, out, STREAM_INVALID_NAMESPACE, "");
	if (!is_hosted(s, xml_attr(ev->node, "to"), a, &domain))
		return fail(s, out, STREAM_HOST_UNKNOWN, "");
	if (!xmpp_is_version_known(xml_attr(ev->node, "version")))
		return fail(s, out, STREAM_UNSUPPORTED_VERSION, "");
	if (s->is_secure)
		return GREETING_STREAM;
	put_header(s, domain, out);
	buf_put_str(out, "<stream:features><starttls xmlns='" NS_TLS "'><required/></starttls></stream:features>");
	return GREETING_MORE;
}

static enum greeting_what take_element(struct greeting *s, const struct xml_node *n, struct buf *out)
{
	if (xml_is(n, "error", NS_STREAM))
		return end(s, out); /* RFC 6120 4.9.1.1: nothing is answered but the end */
	if (!xml_is(n, "starttls", NS_TLS))
		return fail(s, out, STREAM_NOT_AUTHORIZED, "TLS comes first"); /* RFC 6120 4.9.3.12 */
	/* Whoever sits between could add to what the client says now, and it would seem to have come by TLS (CVE-2011-0411). */
	if (xml_stream_has_rest(&s->xml))
		return fail(s, out, STREAM_POLICY_VIOLATION, "bytes behind starttls, before TLS");
	return GREETING_TLS;
}

/* One thing that was said. *is_any: was there one? */
static enum greeting_what take_next(struct greeting *s, struct arena *a, struct buf *out, bool *is_any)
{
	struct xml_event ev;

	arena_reset(a);
	int rc = xml_stream_next(&s->xml, a, &ev);
	*is_any = ev.kind != XML_EVENT_NONE;
	if (rc)
		return fail(s, out, rc == ERR_NOMEM ? STREAM_RESOURCE_CONSTRAINT : stream_error_for(rc), "");
	switch (ev.kind) {
	case XML_EVENT_OPEN:
		return take_header(s, &ev, a, out);
	case XML_EVENT_STANZA:
		return take_element(s, ev.node, out);
	case XML_EVENT_CLOSE: /* RFC 6120 4.4 */
		return end(s, out);
	default:
		return GREETING_MORE;
	}
}

enum greeting_what greeting_feed(struct greeting *s, struct bytes in, struct arena *a, struct buf *out)
{
	enum greeting_what what = GREETING_MORE;
	bool is_any = true;

	if (s->is_secure && in.n > GREETING_HEADER_MAX)
		in.n = GREETING_HEADER_MAX + 1; /* more is not the header's */
	if (!s->is_secure && in.n > GREETING_BYTES_MAX - s->bytes)
		return fail(s, out, STREAM_POLICY_VIOLATION, "too much before TLS");
	s->bytes += s->is_secure ? 0 : (uint32_t)in.n;
	int rc = xml_stream_feed(&s->xml, in);
	if (rc)
		return fail(s, out, stream_error_for(rc), "");
	while (what == GREETING_MORE && is_any)
		what = take_next(s, a, out, &is_any);
	return what;
}
