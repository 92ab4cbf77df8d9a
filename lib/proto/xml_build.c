/* Expat's events become a tree in the caller's arena, within the limits. */
#include "proto/xml_parser.h"

void xml_build_fail(struct xml_parser *p, int err)
{
	if (p->err)
		return;
	p->err = err;
	(void)XML_StopParser(p->expat, XML_FALSE); /* fails only when it has stopped already */
}

/* ---- tree ---- */

/* "xmlns" or "xmlns:..." */
static bool is_declaration(const char *name)
{
	return name[0] == 'x' && strncmp(name, "xmlns", 5) == 0 && (name[5] == ':' || name[5] == 0);
}

static struct xml_attr *attr_new(struct xml_parser *p, const char *qname, const char *value)
{
	struct xml_name nm;

	if (!xml_name_split(qname, &nm)) {
		xml_build_fail(p, ERR_XML_SYNTAX);
		return NULL;
	}
	const char *ns = nm.prefix_n ? xml_ns_resolve(p, qname, nm.prefix_n) : "";
	if (!ns) {
		xml_build_fail(p, ERR_XML_SYNTAX);
		return NULL;
	}
	size_t value_n = strlen(value);
	struct xml_attr *at = arena_alloc(p->arena, sizeof *at + nm.local_n + value_n + 2);
	if (!at) {
		xml_build_fail(p, ERR_NOMEM);
		return NULL;
	}
	char *text = (char *)(at + 1);
	memcpy(text, nm.local, nm.local_n + 1);
	memcpy(text + nm.local_n + 1, value, value_n + 1);
	at->name = text;
	at->ns = ns;
	at->value = bytes_make(text + nm.local_n + 1, value_n);
	at->next = NULL;
	return at;
}

/* Expat sees equal names, but not two prefixes of one namespace (Namespaces in XML 6.3). */
static bool is_twice(const struct xml_attr *first, const struct xml_attr *a)
{
	for (; *a->ns && first; first = first->next)
		if (strcmp(first->name, a->name) == 0 && strcmp(first->ns, a->ns) == 0)
			return true;
	return false;
}

static void add_attrs(struct xml_parser *p, struct xml_node *n, const XML_Char **atts)
{
	struct xml_attr **tail = &n->attrs;

	for (; *atts && !p->err; atts += 2) {
		if (is_declaration(atts[0]))
			continue;
		struct xml_attr *a = attr_new(p, atts[0], atts[1]);
		if (!a)
			return;
		if (is_twice(n->attrs, a))
			xml_build_fail(p, ERR_XML_SYNTAX);
		*tail = a;
		tail = &a->next;
	}
}

static void declare_all(struct xml_parser *p, const XML_Char **atts)
{
	for (; *atts && !p->err; atts += 2) {
		if (!is_declaration(atts[0]))
			continue;
		if (strcmp(atts[0], "xmlns:") == 0)
			xml_build_fail(p, ERR_XML_SYNTAX);
		else
			xml_ns_declare(p, atts[0][5] ? atts[0] + 6 : "", atts[1]);
	}
}

static struct xml_node *node_new(struct xml_parser *p, const char *qname)
{
	struct xml_name nm;

	if (!xml_name_split(qname, &nm)) {
		xml_build_fail(p, ERR_XML_SYNTAX);
		return NULL;
	}
	const char *ns = xml_ns_resolve(p, qname, nm.prefix_n);
	/* No standard has elements in these two, and they cannot be written without their prefixes. */
	if (!ns || strcmp(ns, XML_NS_XML) == 0 || (nm.prefix_n == 5 && memcmp(qname, "xmlns", 5) == 0)) {
		xml_build_fail(p, ERR_XML_SYNTAX);
		return NULL;
	}
	struct xml_node *n = arena_alloc(p->arena, sizeof *n + nm.local_n + 1);
	if (!n) {
		xml_build_fail(p, ERR_NOMEM);
		return NULL;
	}
	memset(n, 0, sizeof *n);
	memcpy(n + 1, nm.local, nm.local_n + 1);
	n->name = (const char *)(n + 1);
	n->ns = ns;
	return n;
}

/* The text since the last tag becomes one node. */
static void flush_text(struct xml_parser *p)
{
	size_t n = buf_len(&p->text);

	if (!n)
		return;
	struct xml_node *t = arena_alloc(p->arena, sizeof *t + n + 1);
	if (!t) {
		xml_build_fail(p, ERR_NOMEM);
		return;
	}
	memset(t, 0, sizeof *t);
	char *copy = (char *)(t + 1);
	memcpy(copy, buf_bytes(&p->text).p, n);
	copy[n] = 0;
	t->text = bytes_make(copy, n);
	buf_clear(&p->text);
	xml_add_node(p->at, t);
}

/* ---- Expat's handlers ---- */

static uint64_t here(const struct xml_parser *p)
{
	return (uint64_t)XML_GetCurrentByteIndex(p->expat);
}

static uint64_t token_end(const struct xml_parser *p)
{
	return here(p) + (uint64_t)XML_GetCurrentByteCount(p->expat);
}

/* Stops behind this token unless nothing follows it anyway. */
static void stop_here(struct xml_parser *p)
{
	p->end = token_end(p);
	if (p->end < p->fed)
		(void)XML_StopParser(p->expat, XML_TRUE); /* a stop before it stays as it is */
}

static void raise(struct xml_parser *p, enum xml_event_kind kind)
{
	p->event = kind;
	stop_here(p);
}

static void on_header(struct xml_parser *p, const char *qname, const XML_Char **atts)
{
	if (token_end(p) > p->stream->limits->header_bytes) {
		xml_build_fail(p, ERR_XML_SIZE);
		return;
	}
	declare_all(p, atts);
	struct xml_node *n = p->err ? NULL : node_new(p, qname);
	if (!n)
		return;
	add_attrs(p, n, atts);
	if (!p->err)
		xml_header_open(p, qname);
	p->root = n;
	p->open = 1;
	if (!p->err)
		raise(p, XML_EVENT_OPEN);
}

static void begin_stanza(struct xml_parser *p)
{
	const char *ns = p->stream->content_ns;

	p->start = here(p);
	p->inner_start = token_end(p);
	p->nodes = 0;
	p->n_bindings = p->n_header_bindings;
	p->at = p->root = NULL;
	buf_clear(&p->text); /* of a first pass over this stanza */
	p->is_portable = strcmp(ns, NS_CLIENT) == 0 || strcmp(ns, NS_SERVER) == 0;
}

static int over_limit(struct xml_parser *p)
{
	const struct xml_limits *l = p->stream->limits;

	if (XML_GetSpecifiedAttributeCount(p->expat) > 2 * l->attrs)
		return ERR_XML_ATTRS;
	if (p->open > l->depth)
		return ERR_XML_DEPTH;
	if (p->open > 0 && ++p->nodes > l->nodes)
		return ERR_XML_NODES;
	if (p->open > 0 && p->fed - p->start > l->stanza_bytes && here(p) - p->start > l->stanza_bytes)
		return ERR_XML_SIZE;
	return 0;
}

void xml_build_element(struct xml_parser *p, const char *qname, const XML_Char **atts)
{
	if (p->at)
		flush_text(p);
	declare_all(p, atts);
	struct xml_node *n = p->err ? NULL : node_new(p, qname);
	if (!n)
		return;
	add_attrs(p, n, atts);
	if (p->at)
		xml_add_node(p->at, n);
	else
		p->root = n;
	p->at = n;
}

void xml_build_end(struct xml_parser *p)
{
	flush_text(p);
	xml_ns_pop(p);
	p->at = p->at->parent;
}

void xml_build_text(struct xml_parser *p, const char *s, int n)
{
	buf_put(&p->text, s, (size_t)n);
	if (buf_failed(&p->text))
		xml_build_fail(p, (size_t)n + buf_len(&p->text) > p->text.max ? ERR_XML_SIZE : ERR_NOMEM);
}

static void XMLCALL on_start(void *user, const XML_Char *qname, const XML_Char **atts)
{
	struct xml_parser *p = user;

	if (p->err || p->stream->phase == XML_PHASE_CLOSED)
		return;
	if (p->open == 0 && p->stream->phase == XML_PHASE_INSIDE)
		return; /* the root that primes a parser */
	if (p->open == 1)
		begin_stanza(p);
	int rc = over_limit(p);
	if (rc) {
		xml_build_fail(p, rc);
		return;
	}
	if (p->open == 0) {
		on_header(p, qname, atts);
		return;
	}
	if (p->is_building)
		xml_build_element(p, qname, atts);
	p->open++;
}

static void end_stanza(struct xml_parser *p)
{
	raise(p, XML_EVENT_STANZA);
	/* Of an empty element tag Expat reports the end with no bytes of its own. */
	p->inner_end = here(p) == p->end ? p->inner_start : here(p);
	if (p->end - p->start > p->stream->limits->stanza_bytes)
		xml_build_fail(p, ERR_XML_SIZE);
}

static void XMLCALL on_end(void *user, const XML_Char *qname)
{
	struct xml_parser *p = user;

	(void)qname; /* Expat has matched it with the start tag */
	if (p->err)
		return;
	p->open--;
	if (p->open == 0) {
		p->has_close = true;
		if (p->event == XML_EVENT_NONE)
			stop_here(p); /* what follows is not ours to judge */
		return;
	}
	if (p->is_building)
		xml_build_end(p);
	if (p->open == 1 && !p->err)
		end_stanza(p);
}

bool xml_is_space(const char *s, int n)
{
	for (int i = 0; i < n; i++)
		if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r' && s[i] != '\n')
			return false;
	return true;
}

/* The text at hand is written as a reference (&#32;), which is no white space between stanzas
 * (XML 1.0 production 3): it would be refused when a chunk began with it. */
static bool is_reference(const struct xml_parser *p)
{
	XML_Index at = XML_GetCurrentByteIndex(p->expat);

	return at >= 0 && (uint64_t)at >= p->base && (uint64_t)at < p->fed &&
	       buf_bytes(&p->in).p[(uint64_t)at - p->base] == '&';
}

static void XMLCALL on_text(void *user, const XML_Char *s, int n)
{
	struct xml_parser *p = user;

	if (p->err)
		return;
	if (p->open <= 1) {
		if (!xml_is_space(s, n) || is_reference(p))
			xml_build_fail(p, ERR_XML_TEXT);
		return;
	}
	if (p->is_building)
		xml_build_text(p, s, n);
}

static void XMLCALL on_comment(void *user, const XML_Char *text)
{
	struct xml_parser *p = user;

	(void)text;
	if (!p->stream->limits->has_comments)
		xml_build_fail(p, ERR_XML_RESTRICTED);
}

static void XMLCALL on_instruction(void *user, const XML_Char *target, const XML_Char *data)
{
	(void)target;
	(void)data;
	xml_build_fail(user, ERR_XML_RESTRICTED);
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *sysid,
                               const XML_Char *pubid, int has_internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_internal;
	xml_build_fail(user, ERR_XML_RESTRICTED);
}

/* Expat was told that all is UTF-8 and ignores the declaration; RFC 6120 11.6 does not. */
static void XMLCALL on_declaration(void *user, const XML_Char *version, const XML_Char *encoding,
                                   int standalone)
{
	(void)version;
	(void)standalone;
	if (encoding && !bytes_eq_nocase(bytes_of(encoding), BYTES("UTF-8")))
		xml_build_fail(user, ERR_XML_ENCODING);
}

void xml_build_restrict(struct xml_parser *p)
{
	XML_SetUserData(p->expat, p);
	XML_SetCommentHandler(p->expat, on_comment);
	XML_SetProcessingInstructionHandler(p->expat, on_instruction);
	XML_SetStartDoctypeDeclHandler(p->expat, on_doctype);
	XML_SetXmlDeclHandler(p->expat, on_declaration);
}

void xml_build_attach(struct xml_parser *p)
{
	xml_build_restrict(p);
	XML_SetElementHandler(p->expat, on_start, on_end);
	XML_SetCharacterDataHandler(p->expat, on_text);
}
