#include "composing.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "xmldoc.h"

#define NS_COMPOSING "urn:ietf:params:xml:ns:im-iscomposing"

static const char *const names[] = { "", "active", "composing", "paused", "inactive", "gone" };
_Static_assert(sizeof names / sizeof names[0] == CHAT_STATE_COUNT, "a name for each");

const char *chat_state_name(enum chat_state s)
{
	return names[s];
}

enum chat_state chat_state_of(const struct xml_node *message)
{
	const struct xml_node *n = xml_child(message, NULL, NS_CHATSTATES);

	for (unsigned i = CHAT_ACTIVE; n && i < CHAT_STATE_COUNT; i++)
		if (strcmp(n->name, names[i]) == 0)
			return i;
	return CHAT_NO_STATE;
}

static struct bytes trim(struct bytes v)
{
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\n' || v.p[0] == '\r' || v.p[0] == '\t'))
		v = bytes_skip(v, 1);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\n' || v.p[v.n - 1] == '\r' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

int composing_read(struct bytes in, struct arena *a, bool *is_active, uint32_t *refresh_s)
{
	struct xml_node *root;
	uint64_t refresh;
	int rc = xmldoc_parse(in, &xmldoc_small, a, &root);

	if (rc)
		return rc;
	if (!xml_is(root, "isComposing", NS_COMPOSING) || !xml_child(root, "state", NS_COMPOSING))
		return ERR_SYNTAX;
	/* RFC 3994 3.2: a state that is not known counts as idle. */
	*is_active = bytes_eq_str(trim(xml_text(xml_child(root, "state", NS_COMPOSING))), "active");
	*refresh_s = COMPOSING_REFRESH_S;
	if (bytes_to_u64(trim(xml_text(xml_child(root, "refresh", NS_COMPOSING))), COMPOSING_REFRESH_MAX_S, &refresh) == 0 && refresh)
		*refresh_s = (uint32_t)refresh;
	return 0;
}

void composing_write(struct buf *out, bool is_active, uint32_t refresh_s)
{
	buf_putf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<isComposing xmlns=\"" NS_COMPOSING "\"><state>%s</state>"
		 "<contenttype>text/plain</contenttype>", is_active ? "active" : "idle");
	if (refresh_s)
		buf_putf(out, "<refresh>%u</refresh>", refresh_s);
	buf_put_str(out, "</isComposing>\r\n");
}

bool composing_of_state(enum chat_state s, bool *is_active)
{
	*is_active = s == CHAT_COMPOSING;
	return s != CHAT_NO_STATE && s != CHAT_GONE;
}
