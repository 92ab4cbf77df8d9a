/* Server Dialback (XEP-0220) in its three roles, and without dialback where the certificate already
 * proves the domain (XEP-0344).
 *   originating: stream_put_db_result, act_db_result_answer
 *   receiving:   act_db_result, then the certificate (act_db_proof), then the authoritative server
 *                (ACT_VERIFY to the driver, which uses stream_verify on a stream to it; act_db_verdict)
 *   authoritative: act_db_verify */
#include "stream_impl.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/dialback.h"

enum { DB_KEY_MAX = 256 };

/* ---- originating server ---- */

void stream_put_db_result(struct stream *s, struct bytes local, struct bytes remote, struct stream_out *out)
{
	char key[DIALBACK_KEY_BYTES];

	dialback_key(s->env->dialback_secret, remote, local, bytes_of(s->id), key);
	buf_put_str(out->bytes, "<db:result");
	xml_write_attr(out->bytes, "from", local);
	xml_write_attr(out->bytes, "to", remote);
	buf_putf(out->bytes, ">%s</db:result>", key);
}

/* Condition of <db:result type='error'/> or verify, as text for the reason. */
static struct bytes error_condition(const struct xml_node *n)
{
	const struct xml_node *c = xml_first(xml_child(n, "error", NULL));

	return c && c->name ? bytes_of(c->name) : BYTES_NONE;
}

static int type_rc(const struct xml_node *n)
{
	struct bytes type = xml_attr(n, "type");

	if (bytes_eq(type, BYTES("valid")))
		return 0;
	if (bytes_eq(type, BYTES("invalid")))
		return ERR_AUTH;
	return bytes_eq(error_condition(n), BYTES("item-not-found")) ? ERR_NOT_FOUND : ERR_UNSUPPORTED;
}

static void pair_failed(struct stream *s, struct stream_pair *p, const struct reason *why, struct stream_event *ev)
{
	struct stream_act *a = act_add(ev->out, ACT_PAIR_FAILED);
	struct arena *arena = s->env->arena;

	/* the pair goes, the action still needs its names */
	a->local = arena_dup(arena, bytes_of(p->local));
	a->remote = arena_dup(arena, bytes_of(p->remote));
	a->why = *why;
	stream_pair_del(s, p);
}

int act_db_result_answer(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	const struct xml_node *n = ev->xml->node;
	struct bytes from, to;
	struct stream_pair *p = NULL;
	struct reason why = { 0 };
	int rc = type_rc(n);

	if (stream_read_pair(s, n, &from, &to) == 0)
		p = stream_pair(s, to, from);
	if (!p || p->state != PAIR_ASKED)
		return 0; /* an answer to nothing (XEP-0220 2.1.2: ignored) */
	if (rc == 0 && s->state == SS_OUT_DIALBACK) {
		stream_queue(s, SE_PROVEN);
		return 0;
	}
	if (rc == 0) {
		stream_pair_prove(s, p, s->proof_rc == 0 ? s->proof : "dialback", ev->now_ms, ev->out);
		return 0;
	}
	reason_set_peer(&why, RUNG_DIALBACK, rc, rc == ERR_AUTH ? "peer says invalid" : "peer says error",
	                error_condition(n));
	if (s->state == SS_OUT_DIALBACK) {
		s->why = why;
		return stream_fail(s, -1, RUNG_DIALBACK, rc, NULL);
	}
	pair_failed(s, p, &why, ev);
	return 0;
}

/* ---- receiving server ---- */

static void put_answer(struct stream *s, struct bytes local, struct bytes remote, const char *type,
                       const char *condition, struct stream_out *out)
{
	(void)s;
	buf_put_str(out->bytes, "<db:result");
	xml_write_attr(out->bytes, "from", local);
	xml_write_attr(out->bytes, "to", remote);
	buf_putf(out->bytes, " type='%s'", type);
	if (condition)
		buf_putf(out->bytes, "><error type='cancel'><%s xmlns='" NS_STANZA_ERRORS "'/></error></db:result>",
		         condition);
	else
		buf_put_str(out->bytes, "/>");
}

/* The pair's domain is proven or refused: the answer, and what follows for the stream. */
static int settle(struct stream *s, struct stream_pair *p, int rc, const char *proof, struct stream_event *ev)
{
	struct bytes local = bytes_of(p->local), remote = bytes_of(p->remote);

	if (rc == 0) {
		put_answer(s, local, remote, "valid", NULL, ev->out);
		stream_pair_prove(s, p, proof, ev->now_ms, ev->out);
		if (s->state != SS_READY)
			stream_queue(s, SE_PROVEN);
		return 0;
	}
	if (s->why.rung == RUNG_NONE)
		reason_set(&s->why, RUNG_DIALBACK, rc, p->remote);
	if (rc == ERR_AUTH)
		put_answer(s, local, remote, "invalid", NULL, ev->out);
	else if (rc == ERR_DENIED)
		put_answer(s, local, remote, "error", "not-authorized", ev->out);
	else
		put_answer(s, local, remote, "error", stanza_error_name(reason_stanza_error(&s->why)), ev->out);
	stream_pair_del(s, p);
	return 0;
}

static int ask_authority(struct stream *s, struct stream_pair *p, struct stream_event *ev)
{
	struct policy_rule rule = stream_rule(s, bytes_of(p->remote));
	struct stream_act *a;

	if (!policy_may_dialback(&rule))
		return settle(s, p, ERR_DENIED, NULL, ev);
	p->state = PAIR_VERIFYING;
	a = act_add(ev->out, ACT_VERIFY);
	a->local = bytes_of(p->local);
	a->remote = bytes_of(p->remote);
	a->id = bytes_of(s->id);
	a->key = bytes_of(p->key);
	return 0;
}

/* Why a key is not even looked at; NULL: it is. */
static const char *refuse_result(struct stream *s, struct bytes local, struct bytes remote)
{
	struct policy_rule rule = stream_rule(s, remote);

	if (!conf_domain(s->env->conf, local))
		return "item-not-found";
	if (!rule.is_allowed || (rule.row->is_tls_required && !s->is_secure))
		return "policy-violation";
	return NULL;
}

int act_db_result(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct bytes local, remote, key = xml_text(ev->xml->node);
	struct stream_pair *p;
	struct policy_rule rule;
	const char *condition;

	if (stream_read_pair(s, ev->xml->node, &remote, &local) < 0)
		return stream_fail(s, STREAM_IMPROPER_ADDRESSING, RUNG_DIALBACK, ERR_SYNTAX, "db:result");
	condition = key.n && key.n <= DB_KEY_MAX ? refuse_result(s, local, remote) : "bad-request";
	if (condition) {
		if (s->why.rung == RUNG_NONE && !stream_rule(s, remote).is_allowed)
			reason_set(&s->why, RUNG_POLICY, ERR_DENIED, stream_rule(s, remote).why);
		put_answer(s, local, remote, "error", condition, ev->out);
		return 0;
	}
	p = stream_pair(s, local, remote);
	if (p && p->state == PAIR_PROVEN) {
		put_answer(s, local, remote, "valid", NULL, ev->out);
		return 0;
	}
	if (p)
		return 0; /* asked twice; the first answer serves */
	p = stream_pair_add(s, local, remote);
	if (!p || !(p->key = strndup((const char *)key.p, key.n))) {
		put_answer(s, local, remote, "error", "resource-constraint", ev->out);
		if (p)
			stream_pair_del(s, p);
		return 0;
	}
	rule = stream_rule(s, remote);
	if (!s->is_secure || !s->has_certificate || !policy_may_certificate(&rule))
		return ask_authority(s, p, ev);
	if (s->remote && bytes_eq_str(remote, s->remote))
		return s->proof_rc == 0 ? settle(s, p, 0, s->proof, ev) : ask_authority(s, p, ev);
	p->state = PAIR_PROVING;
	act_add(ev->out, ACT_PROVE)->remote = bytes_of(p->remote);
	return 0;
}

int act_db_proof(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	LIST_EACH(it, &s->pairs) {
		struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		if (p->state != PAIR_PROVING || !bytes_eq_str(ev->remote, p->remote))
			continue;
		if (ev->rc == 0)
			(void)settle(s, p, 0, ev->proof, ev);
		else
			(void)ask_authority(s, p, ev);
	}
	return 0;
}

int act_db_verdict(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct stream_pair *p = stream_pair(s, ev->local, ev->remote);

	if (!p || p->state != PAIR_VERIFYING)
		return 0;
	return settle(s, p, ev->rc, "dialback", ev);
}

/* On a stream that we opened the peer may not ask for further pairs of its own. */
int act_db_result_refuse(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct bytes local, remote;

	if (stream_read_pair(s, ev->xml->node, &remote, &local) < 0)
		return stream_fail(s, STREAM_IMPROPER_ADDRESSING, RUNG_DIALBACK, ERR_SYNTAX, "db:result");
	put_answer(s, local, remote, "error", "feature-not-implemented", ev->out);
	return 0;
}

/* ---- authoritative server ---- */

int act_db_verify(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	const struct xml_node *n = ev->xml->node;
	struct bytes receiving, originating, id = xml_attr(n, "id");
	struct buf *b = ev->out->bytes;
	struct policy_rule rule;
	bool is_valid;

	if (stream_read_pair(s, n, &receiving, &originating) < 0 || !id.n || id.n > STREAM_ID_MAX)
		return stream_fail(s, STREAM_IMPROPER_ADDRESSING, RUNG_DIALBACK, ERR_SYNTAX, "db:verify");
	buf_put_str(b, "<db:verify");
	xml_write_attr(b, "from", originating);
	xml_write_attr(b, "to", receiving);
	xml_write_attr(b, "id", id);
	rule = stream_rule(s, receiving);
	if (!conf_domain(s->env->conf, originating) || !rule.is_allowed) {
		buf_putf(b, " type='error'><error type='cancel'><%s xmlns='" NS_STANZA_ERRORS "'/></error></db:verify>",
		         rule.is_allowed ? "item-not-found" : "policy-violation");
		return 0;
	}
	is_valid = dialback_check(s->env->dialback_secret, receiving, originating, id, xml_text(n));
	buf_putf(b, " type='%s'/>", is_valid ? "valid" : "invalid");
	return 0;
}

/* ---- the receiving server's question on its stream to the authoritative one ---- */

bool stream_may_verify(const struct stream *s)
{
	return s->role == STREAM_OUT && (s->state == SS_OUT_OPEN || s->state == SS_READY ||
	                                 s->state == SS_OUT_DIALBACK);
}

int stream_verify(struct stream *s, struct bytes local, struct bytes remote, struct bytes id,
                  struct bytes key, struct stream_out *out)
{
	if (!stream_may_verify(s))
		return ERR_BAD_STATE;
	buf_put_str(out->bytes, "<db:verify");
	xml_write_attr(out->bytes, "from", local);
	xml_write_attr(out->bytes, "to", remote);
	xml_write_attr(out->bytes, "id", id);
	buf_put_str(out->bytes, ">");
	text_xml_escape(key, out->bytes);
	buf_put_str(out->bytes, "</db:verify>");
	return 0;
}

int act_db_verify_answer(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct bytes from, to;
	struct stream_act *a;

	if (stream_read_pair(s, ev->xml->node, &from, &to) < 0)
		return stream_fail(s, STREAM_IMPROPER_ADDRESSING, RUNG_DIALBACK, ERR_SYNTAX, "db:verify");
	a = act_add(ev->out, ACT_VERIFIED);
	a->local = to;
	a->remote = from;
	a->id = xml_attr(ev->xml->node, "id");
	a->rc = type_rc(ev->xml->node);
	return 0;
}
