#include "proto/mask.h"

#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/hmac.h"
#include "proto/jid.h"
#include "proto/mask_impl.h"

/* Values that route or say a state, whatever element has them. `name` is a person's word for a contact, `password`
 * speaks for itself: what is not here is masked. */
static const char *const shown_attributes[] = {
	"id", "type", "lang", "stamp", "ver", "hash", "node", "affiliation", "role", "code", "subscription", "ask", "h", "max",
	"resume", "previd", "var", "category", "algo", "xmlns", "seconds",
};
static const char *const address_attributes[] = { "from", "to", "jid", "by", "initiator", "responder" };

/* Elements whose text says a state. */
static const struct {
	const char *name, *ns;
} shown_texts[] = {
	{ "show", NULL }, { "priority", NULL }, { "thread", NULL }, { "utc", "urn:xmpp:time" }, { "tzo", "urn:xmpp:time" },
};

static bool is_among(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}
#define IS_AMONG(name, list) is_among(name, list, sizeof list / sizeof list[0])

/* A stanza's own child of the content namespace, or an element of a namespace that defines it. */
static bool has_shown_text(const struct xml_node *n, const struct xml_node *root)
{
	for (size_t i = 0; i < sizeof shown_texts / sizeof shown_texts[0]; i++) {
		const char *ns = shown_texts[i].ns ? shown_texts[i].ns : root->ns;
		if (xml_is(n, shown_texts[i].name, ns) && (shown_texts[i].ns || n->parent == root))
			return true;
	}
	return false;
}

struct bytes mask_length(struct bytes v, struct arena *a)
{
	char text[24];
	int n = snprintf(text, sizeof text, "[%zu]", v.n);

	return arena_dup(a, bytes_make(text, (size_t)n));
}

void mask_user(const struct mask *m, struct bytes user, struct bytes domain, char out[static MASK_USER_BYTES])
{
	const struct bytes parts[] = { user, BYTES("@"), domain };
	uint8_t mac[HMAC_BYTES_MAX];

	if (!hmac_make(HMAC_SHA256, m->jid_key, parts, 3, mac))
		memset(mac, 0, sizeof mac); /* without it nobody is told from anybody */
	text_hex(bytes_make(mac, (MASK_USER_BYTES - 1) / 2), out);
}

static struct bytes mask_address(const struct mask *m, struct bytes v, struct arena *a)
{
	struct jid j;
	char user[MASK_USER_BYTES], text[sizeof user + 256];

	if (jid_parse(v, a, &j))
		return mask_length(v, a); /* no address: who knows what it says */
	if (m->jid_key.n == 0)
		return v;
	if (j.local_n == 0)
		return arena_dup(a, jid_domain(&j));
	mask_user(m, jid_local(&j), jid_domain(&j), user);
	int n = snprintf(text, sizeof text, "%s@%.*s", user, BYTES_FMT(jid_domain(&j)));
	return (size_t)n < sizeof text ? arena_dup(a, bytes_make(text, (size_t)n)) : mask_length(v, a);
}

/* Technical values are short words of signs that need no spaces: a sentence is none. */
static bool is_token(struct bytes v)
{
	if (v.n > 128)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] > '~')
			return false;
	return true;
}

static void mask_attributes(const struct mask *m, struct xml_node *n, struct arena *a)
{
	for (struct xml_attr *at = n->attrs; at; at = at->next) {
		if (IS_AMONG(at->name, address_attributes))
			at->value = mask_address(m, at->value, a);
		else if (!IS_AMONG(at->name, shown_attributes) || !is_token(at->value))
			at->value = mask_length(at->value, a);
	}
}

static bool is_space(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] != ' ' && v.p[i] != '\t' && v.p[i] != '\r' && v.p[i] != '\n')
			return false;
	return true;
}

static void mask_node(const struct mask *m, struct xml_node *n, const struct xml_node *root, struct arena *a)
{
	if (n->name)
		mask_attributes(m, n, a);
	else if (!is_space(n->text) && !(n->parent && has_shown_text(n->parent, root) && is_token(n->text)))
		n->text = mask_length(n->text, a);
}

int mask_xml(const struct mask *m, const struct xml_node *n, const char *context_ns, struct arena *a, struct buf *out)
{
	struct xml_node *root = xml_clone(a, n), *at = root;

	if (!root)
		return ERR_NOMEM;
	root->next = NULL;
	root->parent = NULL;
	while (at) {
		mask_node(m, at, root, a);
		if (at->child) {
			at = at->child;
			continue;
		}
		while (at && !at->next)
			at = at == root ? NULL : at->parent;
		if (at)
			at = at->next;
	}
	xml_write(out, root, context_ns);
	return buf_failed(out) ? ERR_LIMIT : 0;
}
