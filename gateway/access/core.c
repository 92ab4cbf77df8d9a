#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "run/session.h"

/* What gh-im says, and all that this door hears. A stream that is gone is a normal case: the answer crossed its end. */

static int tell(struct door *d, uint64_t id, const struct wire *w, const struct stream_input *in)
{
	struct conn *c = conn_of(d, id);

	if (wire_end(w))
		return ERR_SYNTAX;
	if (c)
		conn_event(c, in);
	return 0;
}

static int on_challenge(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	const struct stream_input in = { .event = E_CHALLENGE, .data = wire_bytes(&w) };

	(void)from;
	return tell(door, id, &w, &in);
}

static int on_auth_ok(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	struct stream_input in = { .event = E_AUTH_OK };

	(void)from;
	in.text = wire_str(&w);
	in.data = wire_bytes(&w);
	in.token = wire_str(&w);
	in.expires_ms = wire_u64(&w);
	return tell(door, id, &w, &in);
}

static void log_auth_failed(struct door *d, const struct conn *c, struct bytes condition)
{
	char peer[PEER_TEXT_BYTES];
	uint32_t held = 0;

	d->stats[STAT_AUTH_FAILED]++;
	if (!log_limit_pass(&d->auth_log, 60, loop_now(d->loop), &held))
		return;
	peer_address_text(&c->peer, peer);
	log_info("c2s.auth.failed", LOG_ID("id", c->id), LOG_BYTES("domain", stream_domain(&c->stream)),
		 LOG_BYTES("mechanism", stream_mechanism(&c->stream)), LOG_BYTES("reason", condition),
		 LOG_STR("address", peer), LOG_INT("suppressed", held));
}

static int on_auth_failed(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	struct stream_input in = { .event = E_AUTH_FAILED };

	(void)from;
	in.condition = wire_str(&w);
	in.text = wire_str(&w);
	struct conn *c = conn_of(door, id);
	if (c && !wire_end(&w)) {
		c->core = CORE_NOTHING;
		log_auth_failed(door, c, in.condition);
		door_guessed(door, &c->peer, in.condition);
	}
	return tell(door, id, &w, &in);
}

static int on_opened(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	struct stream_input in = { .event = E_OPENED };

	(void)from;
	in.text = wire_str(&w);
	in.data = wire_str(&w);
	in.number = wire_u32(&w);
	return tell(door, id, &w, &in);
}

static int on_refused(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	struct stream_input in = { .event = E_REFUSED };

	(void)from;
	in.condition = wire_str(&w);
	in.text = wire_str(&w);
	return tell(door, id, &w, &in);
}

static int on_resumed(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	struct stream_input in = { .event = E_RESUMED };

	(void)from;
	in.text = wire_str(&w);
	in.number = wire_u32(&w);
	return tell(door, id, &w, &in);
}

static int on_resume_failed(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	struct stream_input in = { .event = E_RESUME_FAILED };

	(void)from;
	in.has_number = wire_u8(&w) != 0;
	in.number = wire_u32(&w);
	in.condition = wire_str(&w);
	return tell(door, id, &w, &in);
}

static int on_sm_enabled(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	struct stream_input in = { .event = E_SM_ENABLED };

	(void)from;
	in.data = wire_str(&w);
	in.number = wire_u32(&w);
	return tell(door, id, &w, &in);
}

static int on_sm_answer(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	const struct stream_input in = { .event = E_SM_ANSWER, .number = wire_u32(&w) };

	(void)from;
	return tell(door, id, &w, &in);
}

static int on_deliver(void *door, struct chan *from, const struct frame *f)
{
	struct door *d = door;
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	uint8_t flags = wire_u8(&w);
	struct bytes stanza = wire_bytes(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	struct conn *c = conn_of(d, id);
	if (!c || c->is_shut || !stream_has_session(&c->stream)) {
		d->stats[STAT_STANZAS_LATE]++;
		return 0;
	}
	conn_deliver(c, flags, stanza);
	return 0;
}

static int on_session_close(void *door, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	struct stream_input in = { .event = E_KILL, .error = STREAM_UNDEFINED_CONDITION };
	struct bytes condition = wire_str(&w);

	(void)from;
	in.text = wire_str(&w);
	in.data = wire_bytes(&w);
	(void)stream_error_of(condition, &in.error); /* a name nobody knows stays undefined-condition */
	struct conn *c = conn_of(door, id);
	if (c && !wire_end(&w))
		c->core = CORE_NOTHING; /* who closes it has forgotten it: no word of it goes back */
	return tell(door, id, &w, &in);
}

const struct bus_handler door_handlers[] = {
	{ MSG_AUTH_CHALLENGE, on_challenge },
	{ MSG_AUTH_OK, on_auth_ok },
	{ MSG_AUTH_FAILED, on_auth_failed },
	{ MSG_SESSION_OPENED, on_opened },
	{ MSG_SESSION_REFUSED, on_refused },
	{ MSG_SESSION_RESUMED, on_resumed },
	{ MSG_SESSION_RESUME_FAILED, on_resume_failed },
	{ MSG_SM_ENABLED, on_sm_enabled },
	{ MSG_SM_ANSWER, on_sm_answer },
	{ MSG_DELIVER, on_deliver },
	{ MSG_SESSION_CLOSE, on_session_close },
	{ MSG_CLIENT_STREAM, door_client_stream },
};
const size_t n_door_handlers = sizeof door_handlers / sizeof door_handlers[0];
