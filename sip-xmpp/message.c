#include "message.h"

#include "composing.h"
#include "message_build.h"
#include "message_out.h"
#include "proto/xmpp.h"
#include "receipt.h"
#include "typing.h"

enum { SHOWN_MAX = 100 };

/* MSG-X12: copies of what was said elsewhere. */
static bool is_copy(const struct xml_node *tree)
{
	for (const struct xml_node *n = xml_first(tree); n; n = xml_next(n))
		if (strcmp(n->ns, NS_CARBONS) == 0 ? strcmp(n->name, "private") != 0
						   : strcmp(n->name, "result") == 0 && strncmp(n->ns, "urn:xmpp:mam:", 13) == 0)
			return true;
	return false;
}

/* Without text only these mean something to the SIP side (MSG-X11); it is none of their concern who hears them. */
static bool is_sign(const struct xml_node *n)
{
	static const char *const spaces[] = { NS_CHATSTATES, NS_RECEIPTS, NS_MARKERS, NS_HINTS, NS_STANZA_ID, NS_CARBONS };

	for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
		if (strcmp(n->ns, spaces[i]) == 0)
			return true;
	return strcmp(n->ns, NS_CLIENT) == 0;
}

static bool has_other_payload(const struct xml_node *tree)
{
	for (const struct xml_node *n = xml_first(tree); n; n = xml_next(n))
		if (!is_sign(n))
			return true;
	return false;
}

static void take_signs(struct xlate *x, const struct stanza_in *s)
{
	struct conversation *c = conversation_find(x, jid_bare(&s->from), jid_bare(&s->to));
	struct bytes received = xml_attr(xml_child(s->node, "received", NS_RECEIPTS), "id");
	struct bytes displayed = xml_attr(xml_child(s->node, "displayed", NS_MARKERS), "id");

	if (!c)
		return; /* the SIP user has asked for nothing (CMP-09, RCP-10) */
	if (received.n)
		receipt_from_xmpp(c, received, false);
	if (displayed.n)
		receipt_from_xmpp(c, displayed, true);
	typing_to_sip(c, chat_state_of(s->node));
}

bool message_on_stanza(struct xlate *x, struct stanza_in *s)
{
	if (!settings_bool(x->settings, SET_GATEWAY_IM))
		return false;
	if (is_copy(s->node)) {
		stanza_in_done(s);
	} else if (message_has_text(s)) {
		message_out_send(x, s);
	} else if (has_other_payload(s->node)) {
		stanza_in_refuse_with(s, STANZA_FEATURE_NOT_IMPLEMENTED, "This cannot be said in SIP");
	} else {
		take_signs(x, s);
		stanza_in_done(s);
	}
	return true;
}

/* ERR-13: never answered. */
bool message_on_error(struct xlate *x, struct stanza_in *s)
{
	struct conversation *c = conversation_find(x, jid_bare(&s->from), jid_bare(&s->to));

	if (c)
		receipt_undelivered(c, s);
	stanza_in_done(s);
	return true;
}

void message_show(struct xlate *x, struct proc_ask *ask)
{
	unsigned n = 0;

	proc_record_begin(ask);
	proc_record_str(ask, "part", "conversations");
	proc_record_int(ask, "count", (int64_t)x->message->conversations.count);
	proc_record_end(ask);
	for (struct list *it = x->message->lru.prev; it != &x->message->lru && n < SHOWN_MAX; it = it->prev, n++) {
		const struct conversation *c = LIST_OWNER(it, struct conversation, node_lru);
		proc_record_begin(ask);
		proc_record_str(ask, "part", "conversation");
		proc_record_text(ask, "xmpp", c->xmpp);
		proc_record_text(ask, "sip", c->sip);
		proc_record_int(ask, "waiting", c->n_queue);
		proc_record_int(ask, "idle_s", (int64_t)((loop_now(x->loop) - c->used_ms) / 1000));
		proc_record_end(ask);
	}
}
