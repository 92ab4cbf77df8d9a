#include "proto/stanza.h"

#include <assert.h>

#include "base/err.h"
#include "base/text.h"

static const char *const kind_names[] = { "message", "presence", "iq" };
static_assert(sizeof kind_names / sizeof kind_names[0] == STANZA_KIND_COUNT, "stanza kinds");

/* Type attribute, and in which kind of stanza it may stand (STANZA_KIND_COUNT: in all). */
static const struct type_row {
	const char *name;
	enum stanza_kind kind;
} types[] = {
	[TYPE_NORMAL] = { "normal", STANZA_MESSAGE },
	[TYPE_CHAT] = { "chat", STANZA_MESSAGE },
	[TYPE_GROUPCHAT] = { "groupchat", STANZA_MESSAGE },
	[TYPE_HEADLINE] = { "headline", STANZA_MESSAGE },
	[TYPE_AVAILABLE] = { "", STANZA_PRESENCE },
	[TYPE_UNAVAILABLE] = { "unavailable", STANZA_PRESENCE },
	[TYPE_SUBSCRIBE] = { "subscribe", STANZA_PRESENCE },
	[TYPE_SUBSCRIBED] = { "subscribed", STANZA_PRESENCE },
	[TYPE_UNSUBSCRIBE] = { "unsubscribe", STANZA_PRESENCE },
	[TYPE_UNSUBSCRIBED] = { "unsubscribed", STANZA_PRESENCE },
	[TYPE_PROBE] = { "probe", STANZA_PRESENCE },
	[TYPE_GET] = { "get", STANZA_IQ },
	[TYPE_SET] = { "set", STANZA_IQ },
	[TYPE_RESULT] = { "result", STANZA_IQ },
	[TYPE_ERROR] = { "error", STANZA_KIND_COUNT },
};
static_assert(sizeof types / sizeof types[0] == STANZA_TYPE_COUNT, "stanza types");

/* A child of a message, by namespace and (NULL: any) name, and what it says. */
static const struct fact_row {
	const char *ns, *name;
	uint32_t facts;
} fact_rows[] = {
	{ NS_CHATSTATES, NULL, FACT_CHAT_STATE },
	{ NS_HINTS, "no-store", FACT_NO_STORE },
	{ NS_HINTS, "no-permanent-store", FACT_NO_STORE },
	{ NS_HINTS, "store", FACT_STORE },
	{ NS_HINTS, "no-copy", FACT_NO_COPY },
	{ NS_HINTS, NULL, 0 },
	{ NS_STANZA_ID, "stanza-id", FACT_STANZA_ID },
	{ NS_STANZA_ID, NULL, 0 },
	{ NS_CARBONS, "private", FACT_NO_COPY },
	{ NS_CARBONS, NULL, FACT_CARBON | FACT_PAYLOAD },
	{ NS_RECEIPTS, NULL, FACT_RECEIPT | FACT_PAYLOAD },
	{ NS_MUC_USER, NULL, FACT_MUC_USER | FACT_PAYLOAD },
	{ NS_DELAY, "delay", FACT_DELAYED | FACT_PAYLOAD },
	{ NS_MARKERS, NULL, FACT_MARKER | FACT_PAYLOAD },
};

const char *stanza_kind_name(enum stanza_kind k)
{
	return k < STANZA_KIND_COUNT ? kind_names[k] : "";
}

const char *stanza_type_name(enum stanza_type t)
{
	return t < STANZA_TYPE_COUNT ? types[t].name : "";
}

static int kind_of(const char *name, enum stanza_kind *out)
{
	for (int i = 0; i < STANZA_KIND_COUNT; i++) {
		if (strcmp(name, kind_names[i]) == 0) {
			*out = (enum stanza_kind)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

static int type_of(enum stanza_kind kind, struct bytes name, enum stanza_type *out)
{
	if (!name.p && kind != STANZA_IQ) {
		*out = kind == STANZA_MESSAGE ? TYPE_NORMAL : TYPE_AVAILABLE;
		return 0;
	}
	for (int i = 0; name.n && i < STANZA_TYPE_COUNT; i++) {
		bool fits = types[i].kind == kind || types[i].kind == STANZA_KIND_COUNT;
		if (fits && bytes_eq_str(name, types[i].name)) {
			*out = (enum stanza_type)i;
			return 0;
		}
	}
	if (kind != STANZA_MESSAGE)
		return ERR_SYNTAX;
	*out = TYPE_NORMAL; /* RFC 6121 5.2.2 */
	return 0;
}

/* Both content namespaces count: what says xmlns='jabber:server' on a client's stream is content as
 * soon as the bytes travel on, and the facts must say so from the start. */
static bool is_content_ns(const char *ns)
{
	return strcmp(ns, NS_CLIENT) == 0 || strcmp(ns, NS_SERVER) == 0;
}

static uint32_t facts_of_child(const struct xml_node *c)
{
	if (is_content_ns(c->ns)) {
		if (strcmp(c->name, "body") == 0)
			return FACT_BODY | FACT_PAYLOAD;
		if (strcmp(c->name, "subject") == 0)
			return FACT_SUBJECT | FACT_PAYLOAD;
		return strcmp(c->name, "thread") == 0 ? 0 : FACT_PAYLOAD;
	}
	for (size_t i = 0; i < sizeof fact_rows / sizeof fact_rows[0]; i++)
		if (xml_is(c, fact_rows[i].name, fact_rows[i].ns))
			return fact_rows[i].facts;
	return FACT_PAYLOAD;
}

/* RFC 6120 8.2.3: get and set have exactly one child, result at most one. */
static bool is_iq_sound(const struct xml_node *n, enum stanza_type type)
{
	const struct xml_node *first = xml_first(n);

	if (type == TYPE_ERROR)
		return true;
	return xml_next(first) == NULL && (type == TYPE_RESULT || first);
}

int stanza_of_node(struct xml_node *n, const char *content_ns, struct stanza *out)
{
	struct stanza s = { .node = n, .content_ns = content_ns };

	int rc = kind_of(n->name, &s.kind);
	if (rc)
		return rc;
	if (strcmp(n->ns, content_ns) != 0)
		return ERR_XML_NAMESPACE;
	struct bytes type = BYTES_NONE;
	for (const struct xml_attr *a = n->attrs; a; a = a->next) {
		if (strcmp(a->ns, XML_NS_XML) == 0 && strcmp(a->name, "lang") == 0)
			s.lang = a->value;
		if (*a->ns)
			continue;
		if (strcmp(a->name, "to") == 0)
			s.to = a->value;
		else if (strcmp(a->name, "from") == 0)
			s.from = a->value;
		else if (strcmp(a->name, "id") == 0)
			s.id = a->value;
		else if (strcmp(a->name, "type") == 0)
			type = a->value;
	}
	rc = type_of(s.kind, type, &s.type);
	if (s.kind == STANZA_IQ && (!s.id.n || (rc == 0 && !is_iq_sound(n, s.type))))
		rc = ERR_SYNTAX;
	for (const struct xml_node *c = xml_first(n); c && s.kind == STANZA_MESSAGE; c = xml_next(c))
		s.facts |= facts_of_child(c);
	/* Who must answer a malformed stanza needs to know what it was. */
	if (rc == 0 || rc == ERR_SYNTAX)
		*out = s;
	return rc;
}

int stanza_read(const struct xml_event *ev, const char *content_ns, struct stanza *out)
{
	int rc = stanza_of_node(ev->node, content_ns, out);

	if (rc == 0 || rc == ERR_SYNTAX) {
		out->inner = ev->inner;
		out->is_inner_portable = ev->is_inner_portable;
	}
	return rc;
}

/* ---- writing ---- */

static bool is_own_attr(const struct xml_attr *a)
{
	return !*a->ns && (strcmp(a->name, "from") == 0 || strcmp(a->name, "to") == 0);
}

/* Start tag without its end: addresses as given, the other attributes as they came. */
static void put_start(struct buf *b, const struct stanza *s, struct bytes from, struct bytes to)
{
	unsigned number = 0;

	buf_put_u8(b, '<');
	buf_put_str(b, kind_names[s->kind]);
	if (from.n)
		xml_write_attr(b, "from", from);
	if (to.n)
		xml_write_attr(b, "to", to);
	for (const struct xml_attr *a = s->node->attrs; a; a = a->next)
		if (!is_own_attr(a))
			xml_write_node_attr(b, a, number++);
}

void stanza_write(struct buf *b, const struct stanza *s, struct bytes from, struct bytes to)
{
	put_start(b, s, from, to);
	if (!s->node->child) {
		buf_put(b, "/>", 2);
		return;
	}
	buf_put_u8(b, '>');
	if (s->is_inner_portable)
		buf_put_bytes(b, s->inner);
	else
		xml_write_inner(b, s->node, s->content_ns);
	buf_put(b, "</", 2);
	buf_put_str(b, kind_names[s->kind]);
	buf_put_u8(b, '>');
}

static void put_refusal(struct buf *b, const struct stanza_refusal *why)
{
	buf_put_str(b, "<error type='");
	buf_put_str(b, stanza_error_type(why->error));
	buf_put_u8(b, '\'');
	if (why->by.n)
		xml_write_attr(b, "by", why->by);
	buf_put_str(b, "><");
	buf_put_str(b, stanza_error_name(why->error));
	buf_put_str(b, " xmlns='" NS_STANZA_ERRORS "'/>");
	if (why->text && *why->text) {
		buf_put_str(b, "<text xmlns='" NS_STANZA_ERRORS "' xml:lang='en'>");
		text_xml_escape(bytes_of(why->text), b);
		buf_put_str(b, "</text>");
	}
	buf_put_bytes(b, why->detail);
	buf_put_str(b, "</error>");
}

bool stanza_write_error(struct buf *b, enum stanza_kind kind, enum stanza_type type, struct bytes id,
                        struct bytes from, struct bytes to, const struct stanza_refusal *why)
{
	if (type == TYPE_ERROR || type == TYPE_RESULT)
		return false;
	buf_put_u8(b, '<');
	buf_put_str(b, stanza_kind_name(kind));
	buf_put_str(b, " type='error'");
	if (id.n)
		xml_write_attr(b, "id", id);
	if (from.n)
		xml_write_attr(b, "from", from);
	if (to.n)
		xml_write_attr(b, "to", to);
	buf_put_u8(b, '>');
	put_refusal(b, why);
	buf_put(b, "</", 2);
	buf_put_str(b, stanza_kind_name(kind));
	buf_put_u8(b, '>');
	return true;
}
