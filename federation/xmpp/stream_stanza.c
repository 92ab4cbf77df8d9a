/* Stanzas in and out: who says it, to whom, may they. */
#include "stream_impl.h"

#include <string.h>

#include "base/err.h"
#include "proto/jid.h"

/* One stanza: who says it, to whom, may they (RFC 6120 8.1.1.2, 8.1.2.2; lesson 16)? */
static int check_addresses(struct stream *s, const struct xml_node *n, struct stream_act *a)
{
	struct jid from, to;

	if (jid_parse(xml_attr(n, "from"), s->env->arena, &from) < 0 ||
	    jid_parse(xml_attr(n, "to"), s->env->arena, &to) < 0)
		return stream_fail(s, STREAM_IMPROPER_ADDRESSING, RUNG_STREAM, ERR_SYNTAX,
		                   "stanza without a valid from and to");
	if (!stream_is_proven_remote(s, jid_domain(&from)))
		return stream_fail(s, STREAM_INVALID_FROM, RUNG_STREAM, ERR_DENIED,
		                   "stanza from a domain not proven on this stream");
	if (!stream_rule(s, jid_domain(&from)).is_allowed)
		return stream_fail(s, STREAM_POLICY_VIOLATION, RUNG_POLICY, ERR_DENIED,
		                   stream_rule(s, jid_domain(&from)).why);
	if (!conf_domain(s->env->conf, jid_domain(&to)))
		return stream_fail(s, STREAM_HOST_UNKNOWN, RUNG_STREAM, ERR_NOT_FOUND,
		                   "stanza to a domain that does not live here");
	a->from = from.full;
	a->to = to.full;
	a->local = jid_domain(&to);
	a->remote = jid_domain(&from);
	return 0;
}

/* A stanza that stanza_read refuses: what is known of it, so that it can be answered. */
static void read_bad_stanza(const struct xml_node *n, struct stanza *st)
{
	*st = (struct stanza){ .kind = STANZA_MESSAGE, .type = TYPE_NORMAL, .id = xml_attr(n, "id") };
	if (!strcmp(n->name, "iq"))
		*st = (struct stanza){ .kind = STANZA_IQ, .type = TYPE_GET, .id = st->id };
	else if (!strcmp(n->name, "presence"))
		*st = (struct stanza){ .kind = STANZA_PRESENCE, .type = TYPE_PROBE, .id = st->id };
}

int act_stanza(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct stream_act a = { .kind = ACT_DELIVER };
	int rc = stanza_read(ev->xml, NS_SERVER, &a.stanza);
	int checked;

	if (rc == ERR_XML_NAMESPACE)
		return stream_fail(s, STREAM_INVALID_NAMESPACE, RUNG_STREAM, rc, NULL);
	if (rc == ERR_UNKNOWN)
		return stream_fail(s, STREAM_UNSUPPORTED_STANZA_TYPE, RUNG_STREAM, rc, NULL);
	if (rc < 0)
		read_bad_stanza(ev->xml->node, &a.stanza);
	checked = check_addresses(s, ev->xml->node, &a);
	if (checked < 0)
		return checked;
	a.rc = rc;
	a.error = STANZA_BAD_REQUEST;
	s->sm.in++;
	s->n_stanzas_in++;
	s->last_stanza_ms = ev->now_ms;
	if (rc == 0 && stream_read_pong(&a, &a.h64))
		a.kind = ACT_PONG;
	*act_add(ev->out, a.kind) = a;
	return 0;
}

void stream_send_stanza(struct stream *s, struct bytes stanza, uint64_t now_ms, struct stream_out *out)
{
	buf_put_bytes(out->bytes, stanza);
	s->sm.out++;
	s->n_stanzas_out++;
	s->last_stanza_ms = now_ms;
}
