#include "presence/compose.h"

#include "proto/xmpp.h"

static uint8_t shown_of(struct bytes show)
{
	static const enum shown by_name[] = { SHOWN_CHAT, SHOWN_AWAY, SHOWN_XA, SHOWN_DND };

	for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++)
		if (bytes_eq_str(show, shown_name(by_name[i])))
			return by_name[i];
	return SHOWN_AVAILABLE; /* RFC 6121 4.7.2.1: none, or none that there is */
}

void compose_input(struct im *im, const struct session *s, struct composed_input *out)
{
	struct bytes stanza = bytes_make(s->presence, s->presence_n);
	struct xml_node *n;

	*out = (struct composed_input){ .shown = SHOWN_AVAILABLE, .priority = s->priority, .at_ms = s->presence_ms };
	/* The usual presence has none of these. */
	if (!memmem(stanza.p, stanza.n, "<show", 5) && !memmem(stanza.p, stanza.n, NS_IDLE, sizeof NS_IDLE - 1) &&
	    !memmem(stanza.p, stanza.n, NS_LAST, sizeof NS_LAST - 1))
		return;
	if (xml_pool_parse(im->parsers, stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n))
		return;
	out->shown = shown_of(xml_text(xml_child(n, "show", NS_CLIENT)));
	out->is_idle = xml_child(n, "idle", NS_IDLE) || xml_child(n, "query", NS_LAST); /* XEP-0319, XEP-0256 */
}

struct composed compose_of(struct im *im, const struct user *u, const struct session **out)
{
	struct composed none = composed_of(NULL, 0), c;
	size_t n = 0, max = u ? u->n_sessions : 0;
	struct composed_input *in = arena_alloc(&im->arena, (max + 1) * sizeof *in);
	const struct session **of = arena_alloc(&im->arena, (max + 1) * sizeof(const struct session *));

	*out = NULL;
	if (!u || !in || !of)
		return none;
	LIST_EACH (it, &u->sessions) {
		const struct session *s = LIST_OWNER(it, struct session, node);
		if (!session_is_available(s) || n == max)
			continue;
		compose_input(im, s, &in[n]);
		of[n++] = s;
	}
	c = composed_of(in, n);
	if (c.by != COMPOSED_NOBODY)
		*out = of[c.which];
	return c;
}
