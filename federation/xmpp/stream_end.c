/* How a stream begins on the wire and how it ends: header, end tag, stream errors (RFC 6120 4.2, 4.4,
 * 4.9), the peer's and ours. */
#include "stream_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"

void stream_put_header(struct stream *s, struct stream_out *out)
{
	struct buf *b = out->bytes;

	buf_put_str(b, "<?xml version='1.0'?><stream:stream xmlns='" NS_SERVER "' xmlns:db='" NS_DIALBACK
	               "' xmlns:stream='" NS_STREAM "'");
	if (s->role == STREAM_IN)
		xml_write_attr(b, "id", bytes_of(s->id));
	if (s->local)
		xml_write_attr(b, "from", bytes_of(s->local));
	if (s->remote)
		xml_write_attr(b, "to", bytes_of(s->remote));
	buf_put_str(b, " version='1.0' xml:lang='en'>");
	s->is_header_sent = true;
	s->is_end_sent = false;
}

void stream_put_end(struct stream *s, struct stream_out *out)
{
	if (!s->is_header_sent || s->is_end_sent)
		return;
	/* the last word on what we took, so that the peer resends nothing of it */
	if (s->sm.is_on && s->sm.in_done != s->sm.in_told)
		stream_put_ack(s, out);
	buf_put_str(out->bytes, "</stream:stream>");
	s->is_end_sent = true;
}

int act_end(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	if (s->state != SS_READY && s->why.rung == RUNG_NONE)
		reason_set(&s->why, RUNG_STREAM, ERR_CLOSED, "the peer ended the stream during set-up");
	stream_put_end(s, ev->out);
	(void)act_add(ev->out, ACT_SHUTDOWN);
	return 0;
}

int act_ended(void *machine, void *event)
{
	struct stream_event *ev = event;

	(void)machine;
	(void)act_add(ev->out, ACT_SHUTDOWN);
	return 0;
}

/* What a peer's stream error means for further attempts: some say that they are pointless. */
static int peer_error_rc(enum stream_error error)
{
	switch (error) {
	case STREAM_HOST_UNKNOWN:
	case STREAM_HOST_GONE:
		return ERR_NOT_FOUND;
	case STREAM_NOT_AUTHORIZED:
		return ERR_AUTH;
	case STREAM_POLICY_VIOLATION:
	case STREAM_INVALID_FROM:
		return ERR_DENIED;
	default:
		return ERR_PROTOCOL;
	}
}

/* The peer's stream error: remembered with its name; the peer closes, so do we (RFC 6120 4.9.1.1). */
int act_peer_error(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	const struct xml_node *e = xml_first(ev->xml->node);
	struct bytes text = xml_text(xml_child(ev->xml->node, "text", NS_STREAM_ERRORS));
	enum stream_error error = STREAM_UNDEFINED_CONDITION;
	char what[64];

	if (e && e->name)
		(void)stream_error_of(bytes_of(e->name), &error);
	(void)snprintf(what, sizeof what, "peer says %s", stream_error_name(error));
	if (s->why.rung == RUNG_NONE)
		reason_set_peer(&s->why, error == STREAM_NOT_AUTHORIZED ? RUNG_AUTH : RUNG_STREAM,
		                peer_error_rc(error), what, text);
	stream_put_end(s, ev->out);
	(void)act_add(ev->out, ACT_SHUTDOWN);
	return 0;
}

int act_bad(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	int rc = stream_fail(s, stream_error_for(ev->rc), RUNG_STREAM, ev->rc, NULL);

	s->close_text = err_text(ev->rc); /* to the peer; our own log has it by the code */
	return rc;
}

/* A header inside the stream is bad-format; everything else that is no stanza and none of our
 * elements is unsupported-stanza-type (RFC 6120 4.9.3.24). */
int act_unknown(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	if (xml_is(ev->xml->node, "stream", NS_STREAM))
		return stream_fail(s, STREAM_BAD_FORMAT, RUNG_STREAM, ERR_PROTOCOL, "a stream inside a stream");
	return stream_fail(s, STREAM_UNSUPPORTED_STANZA_TYPE, RUNG_STREAM, ERR_UNKNOWN, NULL);
}

int act_timeout(void *machine, void *event)
{
	struct stream *s = machine;

	(void)event;
	return stream_fail(s, STREAM_CONNECTION_TIMEOUT, RUNG_STREAM, ERR_TIMEOUT,
	                   s->state == SS_READY ? "no sign of life" : stream_state_name(s->state));
}

int act_close(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	stream_put_end(s, ev->out);
	s->close_ms = ev->now_ms;
	return 0;
}

int act_fail(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	bool is_handshake = s->state == SS_IN_HANDSHAKE || s->state == SS_OUT_HANDSHAKE;

	/* RFC 6120 4.9.1.1: an error before our header comes after a header all the same. */
	if (s->role == STREAM_IN && !s->is_header_sent && !is_handshake) {
		if (!s->id && (s->id = malloc(33)))
			random_hex(s->id, 32);
		if (s->id)
			stream_put_header(s, ev->out);
	}
	if (s->is_header_sent && !s->is_end_sent && !is_handshake) {
		if (s->close_error >= 0)
			stream_error_write(ev->out->bytes, (enum stream_error)s->close_error,
			                   bytes_of(s->close_text));
		stream_put_end(s, ev->out);
	}
	(void)act_add(ev->out, ACT_SHUTDOWN);
	return 0;
}
