#include "stream_int.h"

#include <assert.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/text.h"

const struct xml_limits stream_limits_unauthed = {
	.header_bytes = 4096,
	.stanza_bytes = 10000,
	.depth = 8,
	.attrs = 16,
	.nodes = 64,
};

static const char *const state_names[] = {
	"header", "features-clear", "tls", "header-tls", "auth", "auth-asked", "auth-client",
	"header-authed", "bind", "bind-asked", "resume-asked", "bind2-asked", "resume2-asked",
	"session", "closed",
};
static_assert(sizeof state_names / sizeof state_names[0] == STREAM_STATE_COUNT, "a name for each state");

static const char *const event_names[] = {
	"stanza", "sm-r", "sm-a", "active", "inactive", "header", "end", "starttls", "auth",
	"response", "abort", "auth2", "response2", "abort2", "bind", "sm-enable", "sm-resume",
	"other", "secured", "challenge", "auth-ok", "auth2-ok", "auth2-ok-bind", "auth2-ok-resume",
	"auth-failed", "opened", "refused", "resumed", "resume-failed", "resume-failed-bind",
	"sm-enabled", "sm-answer", "core-gone", "silent", "timeout", "kill",
};
static_assert(sizeof event_names / sizeof event_names[0] == STREAM_EVENT_COUNT, "a name for each event");

static int act_reset(void *stream, void *arg)
{
	const struct step *st = arg;
	return stream_fail(stream, st->out, STREAM_RESET, "the server behind this door has restarted");
}

/* Not here: E_END, E_TIMEOUT and E_KILL, which mean the same in every state (stream_event). The
 * session's rows come first: they are the ones that work all day. */
static const struct fsm_row rows[] = {
	/* state            event                 action              next            */
	{ S_SESSION,        E_STANZA,             act_stanza,         S_SESSION },
	{ S_SESSION,        E_SM_A,               act_sm_ack,         S_SESSION },       /* XEP-0198 4 */
	{ S_SESSION,        E_SM_R,               act_sm_request,     S_SESSION },
	{ S_SESSION,        E_SM_ANSWER,          act_sm_answer,      S_SESSION },
	{ S_SESSION,        E_SILENT,             act_silent,         S_SESSION },
	{ S_SESSION,        E_ACTIVE,             act_csi,            S_SESSION },       /* XEP-0352 */
	{ S_SESSION,        E_INACTIVE,           act_csi,            S_SESSION },
	{ S_SESSION,        E_SM_ENABLE,          act_sm_enable,      S_SESSION },       /* XEP-0198 3 */
	{ S_SESSION,        E_SM_ENABLED,         act_sm_enabled,     S_SESSION },
	{ S_SESSION,        E_SM_RESUME,          act_sm_unexpected,  S_SESSION },
	{ S_SESSION,        E_CORE_GONE,          act_reset,          S_CLOSED },

	{ S_HEADER,         E_HEADER,             act_header,         S_FEATURES_CLEAR }, /* RFC 6120 4.2 */
	{ S_FEATURES_CLEAR, E_STARTTLS,           act_starttls,       S_TLS },            /* RFC 6120 5.4 */
	{ S_FEATURES_CLEAR, E_AUTH,               act_auth,           S_AUTH_ASKED },
	{ S_TLS,            E_SECURED,            act_secured,        S_HEADER_TLS },
	{ S_HEADER_TLS,     E_HEADER,             act_header,         S_AUTH },

	{ S_AUTH,           E_AUTH,               act_auth,           S_AUTH_ASKED },     /* RFC 6120 6.4 */
	{ S_AUTH,           E_AUTH2,              act_auth2,          S_AUTH_ASKED },     /* XEP-0388 2 */
	{ S_AUTH_ASKED,     E_CHALLENGE,          act_challenge,      S_AUTH_CLIENT },
	{ S_AUTH_ASKED,     E_AUTH_OK,            act_auth_ok,        S_HEADER_AUTHED },
	{ S_AUTH_ASKED,     E_AUTH2_OK,           act_auth2_ok,       S_BIND },
	{ S_AUTH_ASKED,     E_AUTH2_OK_BIND,      act_auth2_bind,     S_BIND2_ASKED },    /* XEP-0386 */
	{ S_AUTH_ASKED,     E_AUTH2_OK_RESUME,    act_auth2_resume,   S_RESUME2_ASKED },
	{ S_AUTH_ASKED,     E_AUTH_FAILED,        act_auth_failed,    S_AUTH },
	{ S_AUTH_ASKED,     E_CORE_GONE,          act_auth_gone,      S_AUTH },
	{ S_AUTH_CLIENT,    E_RESPONSE,           act_response,       S_AUTH_ASKED },
	{ S_AUTH_CLIENT,    E_RESPONSE2,          act_response,       S_AUTH_ASKED },
	{ S_AUTH_CLIENT,    E_ABORT,              act_abort,          S_AUTH },
	{ S_AUTH_CLIENT,    E_ABORT2,             act_abort,          S_AUTH },
	{ S_AUTH_CLIENT,    E_CORE_GONE,          act_auth_gone,      S_AUTH },

	{ S_HEADER_AUTHED,  E_HEADER,             act_header,         S_BIND },
	{ S_HEADER_AUTHED,  E_CORE_GONE,          act_reset,          S_CLOSED },
	{ S_BIND,           E_BIND,               act_bind,           S_BIND_ASKED },     /* RFC 6120 7 */
	{ S_BIND,           E_SM_RESUME,          act_resume,         S_RESUME_ASKED },   /* XEP-0198 5 */
	{ S_BIND,           E_SM_ENABLE,          act_sm_unexpected,  S_BIND },
	{ S_BIND,           E_CORE_GONE,          act_reset,          S_CLOSED },
	{ S_BIND_ASKED,     E_OPENED,             act_opened,         S_SESSION },
	{ S_BIND_ASKED,     E_REFUSED,            act_refused,        S_BIND },
	{ S_BIND_ASKED,     E_CORE_GONE,          act_reset,          S_CLOSED },
	{ S_RESUME_ASKED,   E_RESUMED,            act_resumed,        S_SESSION },
	{ S_RESUME_ASKED,   E_RESUME_FAILED,      act_resume_failed,  S_BIND },
	{ S_RESUME_ASKED,   E_CORE_GONE,          act_reset,          S_CLOSED },
	{ S_BIND2_ASKED,    E_OPENED,             act_opened2,        S_SESSION },
	{ S_BIND2_ASKED,    E_REFUSED,            act_refused2,       S_BIND },
	{ S_BIND2_ASKED,    E_CORE_GONE,          act_reset,          S_CLOSED },
	{ S_RESUME2_ASKED,  E_RESUMED,            act_resumed2,       S_SESSION },
	{ S_RESUME2_ASKED,  E_RESUME_FAILED,      act_resume2_failed, S_BIND },
	{ S_RESUME2_ASKED,  E_RESUME_FAILED_BIND, act_resume2_bind,   S_BIND2_ASKED },
	{ S_RESUME2_ASKED,  E_CORE_GONE,          act_reset,          S_CLOSED },
};

const struct fsm stream_fsm = {
	.name = "c2s",
	.rows = rows,
	.n_rows = sizeof rows / sizeof rows[0],
	.state_names = state_names,
	.event_names = event_names,
};

/* Elements that are no stanzas, by name. */
static const struct element {
	const char *name, *ns;
	enum stream_event event;
} elements[] = {
	{ "r", NS_SM, E_SM_R },
	{ "a", NS_SM, E_SM_A },
	{ "active", NS_CSI, E_ACTIVE },
	{ "inactive", NS_CSI, E_INACTIVE },
	{ "starttls", NS_TLS, E_STARTTLS },
	{ "auth", NS_SASL, E_AUTH },
	{ "response", NS_SASL, E_RESPONSE },
	{ "abort", NS_SASL, E_ABORT },
	{ "authenticate", NS_SASL2, E_AUTH2 },
	{ "response", NS_SASL2, E_RESPONSE2 },
	{ "abort", NS_SASL2, E_ABORT2 },
	{ "enable", NS_SM, E_SM_ENABLE },
	{ "resume", NS_SM, E_SM_RESUME },
	{ "error", NS_STREAM, E_END }, /* RFC 6120 4.9.1.1: nothing is answered but the end */
};

int stream_init(struct stream *s, const struct stream_rules *rules, struct xml_pool *pool, bool is_tls)
{
	*s = (struct stream){ .rules = rules, .state = is_tls ? S_TLS : S_HEADER };
	s->login = calloc(1, sizeof *s->login);
	if (!s->login)
		return ERR_NOMEM;
	buf_init(&s->login->extra, 4096);
	xml_stream_init(&s->xml, pool, &stream_limits_unauthed);
	return 0;
}

void stream_login_free(struct stream_login *l)
{
	if (!l)
		return;
	free(l->domain);
	free(l->iq_id);
	buf_fini(&l->extra);
	secret_wipe(&l->fast, sizeof l->fast);
	free(l);
}

void stream_fini(struct stream *s)
{
	if (!s->rules)
		return;
	xml_stream_fini(&s->xml);
	stream_login_free(s->login);
	free(s->jid);
	*s = (struct stream){ .state = S_CLOSED };
}

struct stream_action *stream_act(struct stream_out *out, enum stream_act act)
{
	struct stream_action *a = &out->actions[out->n_actions++];

	*a = (struct stream_action){ .act = act };
	return a;
}

int stream_close(struct stream *s, struct stream_out *out, const char *reason, uint32_t flags)
{
	if (s->state == S_CLOSED)
		return ERR_CLOSED;
	if (s->is_header_sent)
		buf_put_str(out->send, "</stream:stream>");
	s->state = S_CLOSED;
	struct stream_action *a = stream_act(out, ACT_CLOSE);
	a->text = bytes_of(reason);
	a->flags = flags;
	return ERR_CLOSED;
}

static int fail(struct stream *s, struct stream_out *out, enum stream_error e, struct bytes text, struct bytes detail)
{
	/* While the handshake runs there is no stream to say it on. */
	if (s->state != S_TLS && s->state != S_CLOSED) {
		if (!s->is_header_sent)
			stream_send_header(s, out, BYTES_NONE); /* RFC 6120 4.9.1.2 */
		stream_error_write_detail(out->send, e, text, detail);
	}
	return stream_close(s, out, stream_error_name(e), 0);
}

int stream_fail(struct stream *s, struct stream_out *out, enum stream_error e, const char *text)
{
	return fail(s, out, e, bytes_of(text), BYTES_NONE);
}

void stream_send_header(struct stream *s, struct stream_out *out, struct bytes to)
{
	struct buf *b = out->send;
	char id[17];

	random_hex(id, 16);
	buf_put_str(b, "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM
		       "' version='1.0' xml:lang='en'");
	xml_write_attr(b, "id", bytes_of(id));
	if (s->login && s->login->domain)
		xml_write_attr(b, "from", bytes_of(s->login->domain));
	if (to.n)
		xml_write_attr(b, "to", to);
	buf_put_str(b, ">");
	s->is_header_sent = true;
}

int stream_set_jid(struct stream *s, struct bytes jid)
{
	char *copy = malloc(jid.n + 1);

	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, jid.p, jid.n);
	copy[jid.n] = '\0';
	free(s->jid);
	s->jid = copy;
	s->jid_n = (uint16_t)jid.n;
	s->jid_bare_n = (uint16_t)bytes_find(jid, '/');
	return 0;
}

const char *stream_condition(struct bytes name, const char *otherwise, char out[static LOGIN_CONDITION_MAX])
{
	if (name.n == 0 || name.n >= LOGIN_CONDITION_MAX)
		return otherwise;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '-' && (name.p[i] < 'a' || name.p[i] > 'z'))
			return otherwise;
	memcpy(out, name.p, name.n);
	out[name.n] = '\0';
	return out;
}

bool stream_is_waiting(const struct stream *s)
{
	switch ((enum stream_state)s->state) {
	case S_TLS:
	case S_AUTH_ASKED:
	case S_BIND_ASKED:
	case S_RESUME_ASKED:
	case S_BIND2_ASKED:
	case S_RESUME2_ASKED:
		return true;
	default:
		return false;
	}
}

bool stream_is_unauthed(const struct stream *s)
{
	return !s->jid;
}

struct bytes stream_domain(const struct stream *s)
{
	return bytes_of(s->login && s->login->domain ? s->login->domain : "");
}

struct stream_agent stream_agent(const struct stream *s)
{
	const struct stream_fast *f = &s->login->fast;

	return (struct stream_agent){ bytes_of(f->client), bytes_of(f->name), bytes_of(f->wanted), f->count };
}

struct bytes stream_mechanism(const struct stream *s)
{
	return bytes_of(s->login ? s->login->mechanism : "");
}

/* ---- reading ---- */

static void begin(struct stream_out *out)
{
	out->n_actions = 0;
	buf_clear(out->scratch);
	arena_reset(out->arena);
}

void stream_feed(struct stream *s, struct bytes in, struct stream_out *out)
{
	out->n_actions = 0;
	/* While the handshake runs nothing that comes in clear may be kept (RFC 6120 5.4.3.3). */
	if (s->state == S_CLOSED || s->state == S_TLS)
		return;
	s->is_pinged = false;
	if (!s->jid) {
		s->login->bytes += (uint32_t)in.n;
		if (s->login->bytes > STREAM_UNAUTHED_BYTES_MAX) {
			stream_fail(s, out, STREAM_POLICY_VIOLATION, "too much before authentication");
			return;
		}
	}
	int rc = xml_stream_feed(&s->xml, in);
	if (rc)
		stream_fail(s, out, stream_error_for(rc), "");
}

/* What the machine does not know in this state. */
static void unexpected(struct stream *s, uint8_t event, struct stream_out *out)
{
	if (event >= E_SECURED) /* an answer that came too late */
		return;
	if (!stream_has_session(s)) /* RFC 6120 4.9.3.12, 7.1 */
		stream_fail(s, out, STREAM_NOT_AUTHORIZED, "");
	else
		stream_fail(s, out, STREAM_UNSUPPORTED_STANZA_TYPE, "");
}

static void run(struct stream *s, uint8_t event, struct step *st)
{
	int rc = fsm_step(&stream_fsm, &s->state, event, s, st);

	if (rc == ERR_BAD_STATE)
		unexpected(s, event, st->out);
	else if (rc == ERR_NOMEM || rc == ERR_LIMIT)
		stream_fail(s, st->out, STREAM_RESOURCE_CONSTRAINT, "");
}

static uint8_t nonza_event(const struct xml_node *n)
{
	for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
		if (xml_is(n, elements[i].name, elements[i].ns))
			return elements[i].event;
	return E_OTHER;
}

static bool is_bind(const struct stanza *z)
{
	return z->kind == STANZA_IQ && z->type == TYPE_SET && xml_child(z->node, "bind", NS_BIND);
}

static void read_element(struct stream *s, const struct xml_event *ev, struct stream_out *out)
{
	struct stanza z;
	struct step st = { .xml = ev, .stanza = &z, .out = out };
	int rc = stanza_read(ev, NS_CLIENT, &z);

	switch (rc) {
	case 0:
		run(s, !stream_has_session(s) && is_bind(&z) ? E_BIND : E_STANZA, &st);
		break;
	case ERR_SYNTAX:
		st.is_malformed = true;
		run(s, E_STANZA, &st);
		break;
	case ERR_XML_NAMESPACE:
		stream_fail(s, out, STREAM_INVALID_NAMESPACE, "");
		break;
	default: {
		uint8_t event = nonza_event(ev->node);
		if (event == E_END)
			stream_close(s, out, "closed-by-client", STREAM_CLOSE_OVER);
		else
			run(s, event, &st);
	}
	}
}

bool stream_next(struct stream *s, struct stream_out *out)
{
	struct xml_event ev;

	begin(out);
	if (s->state == S_CLOSED || stream_is_waiting(s))
		return false;
	int rc = xml_stream_next(&s->xml, out->arena, &ev);
	if (rc) {
		stream_fail(s, out, rc == ERR_NOMEM ? STREAM_RESOURCE_CONSTRAINT : stream_error_for(rc), "");
		return true;
	}
	struct step st = { .xml = &ev, .out = out };
	switch (ev.kind) {
	case XML_EVENT_OPEN:
		run(s, E_HEADER, &st);
		return true;
	case XML_EVENT_STANZA:
		read_element(s, &ev, out);
		return true;
	case XML_EVENT_CLOSE: /* RFC 6120 4.4 */
		stream_close(s, out, "closed-by-client", STREAM_CLOSE_OVER);
		return true;
	default:
		return false;
	}
}

/* ---- events of the driver ---- */

/* What the core says of a login or a resumption depends on what was asked beside it. */
static uint8_t refine(const struct stream *s, const struct stream_input *in)
{
	const struct stream_login *l = s->login;

	if (!l || !l->is_sasl2)
		return in->event;
	if (in->event == E_AUTH_OK)
		return l->has_resume ? E_AUTH2_OK_RESUME : l->has_bind ? E_AUTH2_OK_BIND : E_AUTH2_OK;
	if (in->event == E_RESUME_FAILED && s->state == S_RESUME2_ASKED && l->has_bind)
		return E_RESUME_FAILED_BIND;
	return in->event;
}

void stream_event(struct stream *s, const struct stream_input *in, struct stream_out *out)
{
	struct step st = { .in = in, .out = out };

	begin(out);
	if (s->state == S_CLOSED)
		return;
	switch (in->event) {
	case E_TIMEOUT:
		stream_fail(s, out, STREAM_CONNECTION_TIMEOUT, "");
		break;
	case E_KILL:
		fail(s, out, in->error, in->text, in->data);
		break;
	default:
		run(s, refine(s, in), &st);
	}
}
