#include "framing.h"

#include "base/err.h"

static const struct xml_limits open_limits = { .header_bytes = 4096, .stanza_bytes = 4096, .depth = 1, .attrs = 16, .nodes = 1 };

void framing_init(struct framing *f, struct xml_pool *pool, const struct xml_limits *limits)
{
	*f = (struct framing){ 0 };
	xml_stream_init(&f->xml, pool, limits);
}

void framing_fini(struct framing *f)
{
	xml_stream_fini(&f->xml);
}

/* ---- from the client ---- */

/* Local name of the element that a message begins with; empty when it begins with none. */
static struct bytes root_name(struct bytes message)
{
	size_t n = 1;

	if (message.n < 2 || message.p[0] != '<')
		return BYTES_NONE;
	while (n < message.n && !strchr(" \t\r\n/>", message.p[n]))
		n++;
	struct bytes name = bytes_make(message.p + 1, n - 1);
	size_t colon = bytes_find(name, ':');
	return colon < name.n ? bytes_skip(name, colon + 1) : name;
}

static void put_attr(struct buf *out, const char *name, struct bytes value)
{
	if (value.p)
		xml_write_attr(out, name, value);
}

/* <open/> is the stream's header (3.4). */
static int put_header(const struct xml_node *open, struct buf *out)
{
	buf_put_str(out, "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'");
	put_attr(out, "to", xml_attr(open, "to"));
	put_attr(out, "from", xml_attr(open, "from"));
	put_attr(out, "version", xml_attr(open, "version"));
	put_attr(out, "xml:lang", xml_attr_ns(open, "lang", XML_NS_XML));
	buf_put_str(out, ">");
	return buf_failed(out) ? ERR_NOMEM : 0;
}

static int take_framing(struct framing *f, struct bytes message, struct arena *a, struct buf *out, const char **why)
{
	struct xml_node *n;

	*why = "a frame that is malformed";
	if (xml_pool_parse(f->xml.pool, message, "", &open_limits, a, &n))
		return ERR_SYNTAX;
	*why = "a frame that is not of RFC 7395";
	if (xml_is(n, "open", NS_FRAMING)) {
		f->is_open = true;
		return put_header(n, out);
	}
	if (!xml_is(n, "close", NS_FRAMING))
		return ERR_SYNTAX;
	*why = "closed before it was opened";
	if (!f->is_open)
		return ERR_SYNTAX;
	buf_put_str(out, "</stream:stream>");
	return buf_failed(out) ? ERR_NOMEM : 0;
}

int framing_from_client(struct framing *f, struct bytes message, struct arena *a, struct buf *out, const char **why)
{
	struct bytes name = root_name(message);

	if (bytes_eq_str(name, "open") || bytes_eq_str(name, "close"))
		return take_framing(f, message, a, out, why);
	*why = "a message that does not begin with an element";
	if (name.n == 0 || name.p[0] == '!' || name.p[0] == '?')
		return ERR_SYNTAX;
	*why = "a stream's header, as over TCP";
	if (bytes_eq_str(name, "stream"))
		return ERR_SYNTAX;
	*why = "a stanza before <open/>";
	if (!f->is_open)
		return ERR_SYNTAX;
	/* A part of an element would be completed by another message, and two elements be two stanzas (3.3.3). */
	struct xml_node *n;
	*why = "a message that is not one whole element";
	int rc = xml_pool_parse(f->xml.pool, message, NS_CLIENT, f->xml.limits, a, &n);
	if (rc)
		return rc;
	buf_put_bytes(out, message);
	return buf_failed(out) ? ERR_NOMEM : 0;
}

/* ---- to the client ---- */

bool framing_put_error(const struct framing *f, unsigned at, enum stream_error error, struct buf *message)
{
	buf_clear(message);
	if (!f->is_open || at > 1)
		return false;
	if (at == 0)
		buf_putf(message, "<stream:error xmlns:stream='" NS_STREAM "'><%s xmlns='" NS_STREAM_ERRORS "'/></stream:error>", stream_error_name(error));
	else
		buf_put_str(message, "<close xmlns='" NS_FRAMING "'/>");
	return !buf_failed(message);
}

int framing_feed(struct framing *f, struct bytes in)
{
	return f->is_over ? 0 : xml_stream_feed(&f->xml, in);
}

static void put_open(const struct xml_node *header, struct buf *out)
{
	buf_put_str(out, "<open xmlns='" NS_FRAMING "'");
	put_attr(out, "from", xml_attr(header, "from"));
	put_attr(out, "to", xml_attr(header, "to"));
	put_attr(out, "id", xml_attr(header, "id"));
	put_attr(out, "version", xml_attr(header, "version"));
	put_attr(out, "xml:lang", xml_attr_ns(header, "lang", XML_NS_XML));
	buf_put_str(out, "/>");
}

/* Elements of the stream's own namespace keep the prefix by which browsers' libraries look for them (3.3.3). */
void framing_put_element(const struct xml_node *n, struct buf *out)
{
	if (strcmp(n->ns, NS_STREAM) != 0) {
		xml_write(out, n, "");
		return;
	}
	buf_putf(out, "<stream:%s xmlns:stream='" NS_STREAM "'>", n->name);
	xml_write_inner(out, n, "");
	buf_putf(out, "</stream:%s>", n->name);
}

bool framing_to_client(struct framing *f, struct arena *a, struct buf *message, int *rc)
{
	struct xml_event ev;

	*rc = 0;
	buf_clear(message);
	if (f->is_over)
		return false;
	*rc = xml_stream_next(&f->xml, a, &ev);
	if (*rc || ev.kind == XML_EVENT_NONE)
		return false;
	if (ev.kind == XML_EVENT_OPEN) {
		put_open(ev.node, message);
	} else if (ev.kind == XML_EVENT_CLOSE) {
		buf_put_str(message, "<close xmlns='" NS_FRAMING "'/>");
		f->is_over = true;
	} else {
		framing_put_element(ev.node, message);
		if (xml_is(ev.node, "success", NS_SASL))
			xml_stream_restart(&f->xml); /* a header comes next (RFC 6120 6.4.6) */
	}
	*rc = buf_failed(message) ? ERR_NOMEM : 0;
	return *rc == 0;
}
