#include "stream_int.h"

#include <stdlib.h>

#include "base/text.h"

/* Actions of the machine from a known client to its session: bind (RFC 6120 7), resume (XEP-0198
 * 5), and both inside SASL2. */

/* From the session on nothing of the login is needed any more. */
static void ready(struct stream *s, struct stream_out *out, bool is_resumed)
{
	stream_login_free(s->login);
	s->login = NULL;
	struct stream_action *a = stream_act(out, ACT_SESSION_READY);
	a->text = bytes_make(s->jid, s->jid_n);
	a->flags = is_resumed;
}

static void refuse_iq(struct stream_out *out, struct bytes id, enum stanza_error e, const char *text)
{
	const struct stanza_refusal why = { .error = e, .text = text };

	stanza_write_error(out->send, STANZA_IQ, TYPE_SET, id, BYTES_NONE, BYTES_NONE, &why);
}

int act_bind(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	const struct xml_node *bind = xml_child(st->stanza->node, "bind", NS_BIND);
	struct bytes wanted = xml_text(xml_child(bind, "resource", NS_BIND)), resource = BYTES_NONE;

	if (wanted.n && jid_parse_resource(wanted, st->out->arena, &resource)) {
		refuse_iq(st->out, st->stanza->id, STANZA_BAD_REQUEST, ""); /* RFC 6120 7.7.2.1 */
		return ERR_SYNTAX;
	}
	free(s->login->iq_id);
	s->login->iq_id = strndup((const char *)st->stanza->id.p, st->stanza->id.n);
	if (!s->login->iq_id)
		return ERR_NOMEM;
	struct stream_action *a = stream_act(st->out, ACT_SESSION_OPEN);
	a->text = resource;
	a->flags = s->is_tls ? SESSION_TLS : 0;
	return 0;
}

int act_opened(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	struct buf *b = st->out->send;
	int rc = stream_set_jid(s, st->in->text);

	if (rc)
		return rc;
	buf_put_str(b, "<iq type='result'");
	xml_write_attr(b, "id", bytes_of(s->login->iq_id));
	buf_put_str(b, "><bind xmlns='" NS_BIND "'><jid>");
	text_xml_escape(bytes_make(s->jid, s->jid_n), b);
	buf_put_str(b, "</jid></bind></iq>");
	ready(s, st->out, false);
	return 0;
}

int act_refused(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	enum stanza_error e = STANZA_INTERNAL_SERVER_ERROR;

	(void)stanza_error_of(st->in->condition, &e); /* unknown: the core's slip, not the client's */
	refuse_iq(st->out, bytes_of(s->login->iq_id), e, "");
	return 0;
}

int act_resume(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;

	if (stream_take_resume(s->login, st->xml->node)) {
		sm_write_failed(st->out->send, false, 0, "bad-request");
		return ERR_SYNTAX;
	}
	struct stream_action *a = stream_act(st->out, ACT_SESSION_RESUME);
	a->text = bytes_of(s->login->previd);
	a->number = s->login->resume_h;
	return 0;
}

/* sm_id of the session is what the client gave; `previd` in the answer must be the same. */
static void write_resumed(struct buf *b, uint32_t h, struct bytes previd)
{
	buf_putf(b, "<resumed xmlns='" NS_SM "' h='%u'", h);
	xml_write_attr(b, "previd", previd);
	buf_put_str(b, "/>");
}

static int take_resumed(struct stream *s, struct step *st)
{
	int rc = stream_set_jid(s, st->in->text);

	s->is_sm = rc == 0;
	return rc;
}

int act_resumed(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	int rc = take_resumed(s, st);

	if (rc)
		return rc;
	write_resumed(st->out->send, st->in->number, bytes_of(s->login->previd));
	ready(s, st->out, true);
	return 0;
}

static const char *failed_condition(const struct stream_input *in, char name[static LOGIN_CONDITION_MAX])
{
	return stream_condition(in->condition, "item-not-found", name);
}

int act_resume_failed(void *stream, void *arg)
{
	const struct stream_input *in = ((struct step *)arg)->in;
	char name[LOGIN_CONDITION_MAX];

	(void)stream;
	sm_write_failed(((struct step *)arg)->out->send, in->has_number, in->number, failed_condition(in, name));
	return 0;
}

/* ---- inside SASL2 ---- */

void sasl2_success(struct stream *s, struct stream_out *out, struct bytes inside)
{
	struct buf *b = out->send;

	buf_put_str(b, "<success xmlns='" NS_SASL2 "'>");
	if (buf_len(&s->login->extra)) {
		buf_put_str(b, "<additional-data>");
		text_base64(buf_bytes(&s->login->extra), b);
		buf_put_str(b, "</additional-data>");
	}
	buf_put_str(b, "<authorization-identifier>");
	text_xml_escape(bytes_make(s->jid, s->jid_n), b);
	buf_put_str(b, "</authorization-identifier>");
	fast_write_token(&s->login->fast, b);
	buf_put_bytes(b, inside);
	buf_put_str(b, "</success>");
}

static void put_failed(const struct stream_login *l, struct buf *b)
{
	if (l->failed[0])
		sm_write_failed(b, l->has_failed_h, l->failed_h, l->failed);
}

int act_opened2(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	struct buf *inside = st->out->scratch;
	int rc = stream_set_jid(s, st->in->text);

	if (rc)
		return rc;
	put_failed(s->login, inside);
	buf_put_str(inside, "<bound xmlns='" NS_BIND2 "'>");
	if (s->login->session_flags & SESSION_SM) {
		s->is_sm = true;
		sm_write_enabled(inside, st->in->data, st->in->number);
	}
	buf_put_str(inside, "</bound>");
	s->is_inactive = s->login->session_flags & SESSION_CSI_INACTIVE;
	sasl2_success(s, st->out, buf_bytes(inside));
	features_write(s, st->out->send);
	ready(s, st->out, false);
	return 0;
}

/* The login stands, but there is no session: the client may bind in the old way. */
int act_refused2(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;

	put_failed(s->login, st->out->scratch);
	sasl2_success(s, st->out, buf_bytes(st->out->scratch));
	features_write(s, st->out->send);
	return 0;
}

int act_resumed2(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	int rc = take_resumed(s, st);

	if (rc)
		return rc;
	write_resumed(st->out->scratch, st->in->number, bytes_of(s->login->previd));
	sasl2_success(s, st->out, buf_bytes(st->out->scratch));
	ready(s, st->out, true);
	return 0;
}

int act_resume2_failed(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	const struct stream_input *in = st->in;
	char name[LOGIN_CONDITION_MAX];

	sm_write_failed(st->out->scratch, in->has_number, in->number, failed_condition(in, name));
	sasl2_success(s, st->out, buf_bytes(st->out->scratch));
	features_write(s, st->out->send);
	return 0;
}
