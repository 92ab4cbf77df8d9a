#include "stream_int.h"

/* Actions of the machine in a session: stanzas, acknowledgements (XEP-0198), CSI (XEP-0352). */

/* ---- stanzas ---- */

static void answered_here(struct stream *s, struct stream_out *out)
{
	s->stanzas_in++;
	stream_act(out, ACT_COUNTED);
}

static struct bytes own_domain(const struct stream *s)
{
	struct jid j = jid_of_normal(bytes_make(s->jid, s->jid_n));
	return jid_domain(&j);
}

/* RFC 6120 8.1.2.1: absent, or the own full or bare JID; anything else ends the stream. */
static bool is_from_own(const struct stream *s, struct bytes from, struct arena *a)
{
	struct bytes full = bytes_make(s->jid, s->jid_n), bare = bytes_make(s->jid, s->jid_bare_n);
	struct jid j;

	if (from.n == 0 || bytes_eq(from, full) || bytes_eq(from, bare))
		return true;
	return jid_parse(from, a, &j) == 0 && (bytes_eq(j.full, full) || bytes_eq(j.full, bare));
}

/* The answer to a stanza that does not leave this door. */
static void refuse(struct stream *s, struct step *st, enum stanza_error error)
{
	const struct stanza *z = st->stanza;
	const struct stanza_refusal why = { .error = error, .by = own_domain(s) };

	stanza_write_error(st->out->send, z->kind, z->type, z->id, own_domain(s), bytes_make(s->jid, s->jid_n),
			   &why);
	answered_here(s, st->out);
}

/* RFC 3921 3, made a no-op by RFC 6121 1.4: some clients still ask. */
static bool is_session_request(const struct stanza *z)
{
	return z->kind == STANZA_IQ && z->type == TYPE_SET && z->to.n == 0 &&
	       xml_child(z->node, "session", NS_SESSION);
}

static void answer_session_request(struct stream *s, struct step *st)
{
	buf_put_str(st->out->send, "<iq type='result'");
	xml_write_attr(st->out->send, "id", st->stanza->id);
	buf_put_str(st->out->send, "/>");
	answered_here(s, st->out);
}

int act_stanza(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	const struct stanza *z = st->stanza;
	struct stream_out *out = st->out;
	struct jid to = { .full = BYTES_NONE };

	if (!is_from_own(s, z->from, out->arena))
		return stream_fail(s, out, STREAM_INVALID_FROM, "");
	if (st->is_malformed) { /* RFC 6120 8.2.3 */
		refuse(s, st, STANZA_BAD_REQUEST);
		return 0;
	}
	if (z->to.n && jid_parse(z->to, out->arena, &to)) {
		refuse(s, st, STANZA_JID_MALFORMED);
		return 0;
	}
	if (z->kind == STANZA_IQ && is_session_request(z)) {
		answer_session_request(s, st);
		return 0;
	}
	struct bytes from = bytes_make(s->jid, s->jid_n);
	stanza_write(out->scratch, z, from, to.full);
	if (buf_failed(out->scratch))
		return ERR_LIMIT;
	out->envelope = (struct envelope){
		.door = DOOR_ACCESS,
		.kind = (uint8_t)z->kind,
		.type = (uint8_t)z->type,
		.facts = z->facts,
		.from = from,
		.to = to.full,
		.sid = z->id,
		.stanza = buf_bytes(out->scratch),
	};
	s->stanzas_in++;
	stream_act(out, ACT_STANZA);
	return 0;
}

/* ---- XEP-0198 ---- */

void sm_write_enabled(struct buf *b, struct bytes id, uint32_t max_s)
{
	buf_put_str(b, "<enabled xmlns='" NS_SM "'");
	if (id.n) {
		xml_write_attr(b, "id", id);
		buf_putf(b, " resume='true' max='%u'", max_s);
	}
	buf_put_str(b, "/>");
}

void sm_write_failed(struct buf *b, bool has_h, uint32_t h, const char *condition)
{
	buf_put_str(b, "<failed xmlns='" NS_SM "'");
	if (has_h)
		buf_putf(b, " h='%u'", h);
	buf_putf(b, "><%s xmlns='" NS_STANZA_ERRORS "'/></failed>", condition);
}

int act_sm_unexpected(void *stream, void *arg)
{
	(void)stream;
	sm_write_failed(((struct step *)arg)->out->send, false, 0, "unexpected-request");
	return 0;
}

int act_sm_enable(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	const struct xml_node *n = st->xml->node;
	struct bytes resume = xml_attr(n, "resume");
	uint64_t max_s = 0;

	if (s->is_sm || s->is_sm_asked)
		return act_sm_unexpected(stream, arg);
	s->is_sm_asked = true;
	struct stream_action *a = stream_act(st->out, ACT_SM_ENABLE);
	a->flags = bytes_eq(resume, BYTES("true")) || bytes_eq(resume, BYTES("1"));
	if (bytes_to_u64(xml_attr(n, "max"), UINT32_MAX, &max_s) == 0)
		a->number = (uint32_t)max_s;
	return 0;
}

int act_sm_enabled(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;

	s->is_sm = true;
	s->is_sm_asked = false;
	sm_write_enabled(st->out->send, st->in->data, st->in->number);
	return 0;
}

int act_sm_request(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;

	if (!s->is_sm && !s->is_sm_asked)
		return act_sm_unexpected(stream, arg);
	stream_act(st->out, ACT_SM_REQUEST);
	return 0;
}

int act_sm_answer(void *stream, void *arg)
{
	struct step *st = arg;

	(void)stream;
	buf_putf(st->out->send, "<a xmlns='" NS_SM "' h='%u'/>", st->in->number);
	return 0;
}

int act_sm_ack(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	uint64_t h;

	if (!s->is_sm && !s->is_sm_asked)
		return act_sm_unexpected(stream, arg);
	if (bytes_to_u64(xml_attr(st->xml->node, "h"), UINT32_MAX, &h))
		return stream_fail(s, st->out, STREAM_BAD_FORMAT, "no number in h");
	stream_act(st->out, ACT_SM_ACK)->number = (uint32_t)h;
	return 0;
}

/* ---- XEP-0352 ---- */

int act_csi(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	bool is_active = xml_is(st->xml->node, "active", NS_CSI);

	s->is_inactive = !is_active;
	stream_act(st->out, ACT_CSI)->flags = is_active;
	return 0;
}

/* ---- a sign of life (RFC 6120 4.6.1): an acknowledgement where the client can, else a space ---- */

int act_silent(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;

	if (s->is_pinged)
		return stream_fail(s, st->out, STREAM_CONNECTION_TIMEOUT, "");
	s->is_pinged = s->is_sm;
	buf_put_str(st->out->send, s->is_sm ? "<r xmlns='" NS_SM "'/>" : " ");
	return 0;
}
