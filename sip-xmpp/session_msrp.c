#include "session_msrp.h"

#include "base/err.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

enum { MSRP_PORT = 2855, SESSION_ID_DIGITS = 32, PATH_BYTES_MAX = 2048 };

/* ---- what may be ---- */

static bool has_listener(const struct xlate *x, bool is_tls, uint16_t *port)
{
	enum setting id = is_tls ? SET_SIP_LISTEN_MSRP_TLS : SET_SIP_LISTEN_MSRP;
	struct bytes key;
	char host[256];
	size_t at = 0;

	return settings_next_key(x->settings, id, &at, &key) &&
	       setting_split_host(settings_text_at(x->settings, id, key), MSRP_PORT, host, port) == 0;
}

bool msrp_may_offer(const struct xlate *x)
{
	uint16_t port;

	return settings_bool(x->settings, SET_GATEWAY_MSRP) && (has_listener(x, true, &port) || has_listener(x, false, &port));
}

static bool takes(const char *types, const char *type)
{
	return !types || imsdp_accepts(types, bytes_of(type)); /* without a list nothing is refused */
}

static bool takes_text(const char *accept, const char *wrapped)
{
	return takes(accept, "text/plain") || (takes(accept, "message/cpim") && takes(wrapped, "text/plain"));
}

static bool is_usable(const struct imsdp *theirs)
{
	struct msrp_uri u;

	return theirs->path && strlen(theirs->path) < PATH_BYTES_MAX && takes_text(theirs->accept, theirs->wrapped) &&
	       msrp_uri_parse(msrp_path_last(bytes_of(theirs->path)), &u) == 0 && u.is_tls == (theirs->kind == IMSDP_MSRPS);
}

bool msrp_may_answer(const struct xlate *x, const struct imsdp *offer)
{
	enum imsdp_setup role = imsdp_answer_setup(offer->setup);
	uint16_t port;

	if (!settings_bool(x->settings, SET_GATEWAY_MSRP) || !is_usable(offer) || role == IMSDP_HOLDCONN)
		return false;
	return role == IMSDP_ACTIVE || has_listener(x, offer->kind == IMSDP_MSRPS, &port);
}

bool msrp_takes(const struct session_msrp *m, const char *type)
{
	return takes(m->accept, type);
}

/* ---- how it comes up ---- */

/* sip msrp-host; else the name of sip host, else our domain, and the listener's port. */
static void find_place(const struct session *s, struct session_msrp *m, uint16_t *port)
{
	const struct settings *set = s->x->settings;
	struct jid user = jid_of_normal(bytes_of(s->user));
	uint16_t ignored;

	*port = MSRP_PORT;
	(void)has_listener(s->x, m->is_tls, port); /* who connects needs none */
	if (settings_is_set(set, SET_SIP_MSRP_HOST, BYTES_NONE) &&
	    setting_split_host(settings_text(set, SET_SIP_MSRP_HOST), *port, m->host, port) == 0)
		return;
	if (settings_is_set(set, SET_SIP_HOST, BYTES_NONE) &&
	    setting_split_host(settings_text(set, SET_SIP_HOST), 0, m->host, &ignored) == 0)
		return;
	if (jid_domain_to_ascii(jid_domain(&user), m->host) != 0)
		snprintf(m->host, sizeof m->host, "invalid");
}

static int make_uri(struct session_msrp *m, uint16_t port)
{
	char id[SESSION_ID_DIGITS + 1];
	struct buf b;
	bool is_six = strchr(m->host, ':') != NULL;

	random_hex(id, SESSION_ID_DIGITS); /* RFC 4975 14.1: it cannot be guessed */
	buf_init(&b, PATH_BYTES_MAX);
	buf_putf(&b, "%s://%s%s%s:%u/%s;tcp", m->is_tls ? "msrps" : "msrp", is_six ? "[" : "", m->host, is_six ? "]" : "", port, id);
	int rc = !buf_failed(&b) && session_set(&m->ours, buf_bytes(&b)) ? 0 : ERR_NOMEM;
	buf_fini(&b);
	return rc;
}

static int announce(struct session *s)
{
	struct session_msrp *m = s->msrp;
	struct chan *c = bus_chan(s->x->bus, PROG_SIP, 0);
	struct buf *b = chan_begin(c, MSG_MSRP_OPEN, 0);

	wire_put_u64(b, s->key);
	wire_put_u8(b, (uint8_t)((m->is_tls ? MSRP_OPEN_TLS : 0) | (m->is_active ? MSRP_OPEN_CONNECT : 0)));
	wire_put_str(b, bytes_of(m->ours));
	wire_put_str(b, bytes_of(m->path));
	m->is_announced = chan_end(c) == 0;
	return m->is_announced ? 0 : ERR_AGAIN;
}

static bool note_theirs(struct session_msrp *m, const struct imsdp *theirs)
{
	m->their_max = theirs->max_size;
	m->is_chatroom = theirs->is_chatroom;
	m->has_nickname = theirs->has_nickname;
	m->has_private = theirs->has_private;
	return session_set(&m->path, bytes_of(theirs->path)) && (!theirs->accept || session_set(&m->accept, bytes_of(theirs->accept))) &&
	       (!theirs->wrapped || session_set(&m->wrapped, bytes_of(theirs->wrapped)));
}

int msrp_describe(struct session *s, const struct imsdp *offer, struct imsdp *ours)
{
	struct session_msrp *m = calloc(1, sizeof *m);
	uint16_t port;

	if (!m)
		return ERR_NOMEM;
	s->msrp = m;
	msrp_join_init(&m->join, SESSION_SIZE_MAX);
	m->is_tls = offer ? offer->kind == IMSDP_MSRPS : has_listener(s->x, true, &port);
	m->is_active = offer && imsdp_answer_setup(offer->setup) == IMSDP_ACTIVE;
	find_place(s, m, &port);
	int rc = offer && !note_theirs(m, offer) ? ERR_NOMEM : make_uri(m, port);
	if (!rc)
		rc = announce(s); /* they may connect as soon as they have our description */
	*ours = (struct imsdp){ .kind = m->is_tls ? IMSDP_MSRPS : IMSDP_MSRP, .port = port, .host = m->host, .path = m->ours,
				.accept = MSRP_ACCEPT, .wrapped = MSRP_WRAPPED, .max_size = SESSION_SIZE_MAX };
	if (s->owner) { /* MUC-X01 */
		ours->accept = MSRP_ACCEPT_ROOM;
		ours->is_chatroom = ours->has_nickname = ours->has_private = true;
	}
	/* SES-13: who does not speak of setup is not spoken to of it. */
	ours->setup = !offer ? IMSDP_ACTPASS : offer->setup ? imsdp_answer_setup(offer->setup) : IMSDP_SETUP_NONE;
	return rc;
}

int msrp_answered(struct session *s, const struct imsdp *answer)
{
	struct session_msrp *m = s->msrp;

	if (answer->kind != (m->is_tls ? IMSDP_MSRPS : IMSDP_MSRP) || !is_usable(answer) || answer->setup == IMSDP_HOLDCONN)
		return ERR_UNSUPPORTED;
	if (!note_theirs(m, answer))
		return ERR_NOMEM;
	m->is_active = answer->setup != IMSDP_ACTIVE; /* RFC 6135 4.2: the offerer is, unless they say so */
	return announce(s);
}

bool msrp_is_joined(const struct session *s)
{
	return s->msrp && s->msrp->is_joined;
}

/* RFC 4975 5.4: the one who connected speaks first, so that the other knows who it is. */
void msrp_joined(struct session *s)
{
	if ((s->msrp->is_active && list_is_empty(&s->queue)) || s->owner) /* MUC-X02 */
		msrp_send_empty(s);
}

void msrp_close(struct session *s)
{
	struct session_msrp *m = s->msrp;

	if (!m)
		return;
	if (m->is_announced) {
		struct chan *c = bus_chan(s->x->bus, PROG_SIP, 0);
		struct buf *b = chan_begin(c, MSG_MSRP_CLOSE, 0);
		wire_put_u64(b, s->key);
		wire_put_u32(b, 0);
		(void)chan_end(c); /* a gh-sip that is gone has closed it */
	}
	msrp_join_fini(&m->join);
	free(m->ours);
	free(m->path);
	free(m->accept);
	free(m->wrapped);
	free(m);
	s->msrp = NULL;
}

/* ---- gh-sip ---- */

int msrp_put_frame(struct session *s, struct bytes frame)
{
	struct chan *c = bus_chan(s->x->bus, PROG_SIP, 0);
	struct buf *b = chan_begin(c, MSG_MSRP_FRAME, 0);

	wire_put_u64(b, s->key);
	wire_put_bytes(b, frame);
	return chan_end(c) ? ERR_AGAIN : 0;
}

static struct session *session_of_key(struct xlate *x, uint64_t key)
{
	struct session *s = map_get_u64(&x->sessions->by_key, key);

	return s && s->msrp ? s : NULL;
}

int session_on_msrp_opened(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct session *s = session_of_key(x, wire_u64(&w));

	(void)from;
	xlate_begin(x);
	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (s) {
		s->msrp->is_joined = true;
		session_step(s, SESSION_JOINED, NULL);
	}
	return 0;
}

int session_on_msrp_close(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct session *s = session_of_key(x, wire_u64(&w));
	int why = (int32_t)wire_u32(&w);

	(void)from;
	xlate_begin(x);
	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (s) {
		log_info("session.media.closed", LOG_ID("session", s->key), LOG_STR("reason", err_name(why)));
		s->msrp->is_announced = false;
		session_step(s, SESSION_LOST, NULL);
	}
	return 0;
}

int session_on_msrp_frame(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct session *s = session_of_key(x, wire_u64(&w));
	struct bytes bytes = wire_bytes(&w);
	struct msrp_reader r;
	struct msrp_frame frame;

	(void)from;
	xlate_begin(x);
	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (!s)
		return 0; /* it ended while this was under way */
	msrp_reader_init(&r, MSRP_FEED_MAX_BYTES);
	int rc = msrp_reader_feed(&r, bytes);
	if (!rc)
		rc = msrp_reader_next(&r, &frame);
	if (!rc)
		msrp_take_frame(s, &frame);
	msrp_reader_fini(&r);
	return rc ? ERR_PROTOCOL : 0; /* gh-sip passes whole frames only */
}

void session_down(struct xlate *x, enum prog p)
{
	LIST_EACH (it, &x->sessions->all) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (p != PROG_SIP || !s->msrp)
			continue;
		s->msrp->is_announced = false;
		session_step(s, SESSION_LOST, NULL);
	}
}
