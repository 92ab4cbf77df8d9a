#include "session.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "conn.h"
#include "json.h"
#include "proto/hmac.h"

#include <stdio.h>
#include <stdlib.h>

enum { SWEEP_MS = 10000, LOGIN_MS = 20000, CREDENTIAL_BYTES = 1024 };

/* ---- life ---- */

static void free_session(struct session *s)
{
	ask_drop(&s->login);
	operator_close(s->op);
	json_decref(s->about);
	json_decref(s->message);
	list_del(&s->node);
	s->admin->n_sessions--;
	secret_wipe(s, sizeof *s);
	free(s);
}

void session_end(struct session *s, const char *reason)
{
	if (s->is_live)
		log_info("web.logout", LOG_STR("user", s->user), LOG_STR("reason", reason));
	free_session(s);
}

/* gh-conf has ended it: the account is gone or evicted, or gh-conf itself. */
static void on_ended(void *arg)
{
	struct session *s = arg;

	if (s->is_live)
		session_end(s, "ended by gh-conf");
}

static bool is_over(const struct session *s, uint64_t now)
{
	const struct admin_config *g = &s->admin->config;

	if (!s->is_live)
		return now - s->created_ms > LOGIN_MS;
	return now - s->used_ms > g->idle_ms || now - s->created_ms > g->session_ms;
}

static void on_sweep(void *arg)
{
	struct admin *a = arg;
	uint64_t now = loop_now(a->loop);

	LIST_EACH (it, &a->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (!is_over(s, now))
			continue;
		a->stats[STAT_SESSION_EXPIRED]++;
		if (s->conn)
			conn_problem(s->conn, 504, "timeout", "gh-conf did not answer the log-in");
		session_end(s, "timeout");
	}
	(void)loop_timer_set(a->loop, &a->session_timer, SWEEP_MS); /* it had room in the heap */
}

void session_init(struct admin *a)
{
	list_init(&a->sessions);
	loop_timer_init(&a->session_timer, on_sweep, a);
	(void)loop_timer_set(a->loop, &a->session_timer, SWEEP_MS); /* the first timer of the loop */
}

void session_fini(struct admin *a)
{
	LIST_EACH (it, &a->sessions)
		session_end(LIST_OWNER(it, struct session, node), "stopped");
	loop_timer_del(a->loop, &a->session_timer);
}

/* ---- telling ---- */

void session_describe(const struct session *s, struct buf *out)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "user", json_text(bytes_of(s->user))); /* a failure shows when it is written */
	(void)json_object_set_new(o, "role", json_text(bytes_of(s->role)));
	(void)json_object_set_new(o, "csrf", json_text(bytes_of(s->csrf)));
	if (s->about)
		(void)json_object_set(o, "login", s->about); /* as above */
	if (s->message)
		(void)json_object_set(o, "message", s->message); /* as above */
	if (s->kind == SESSION_BEARER)
		(void)json_object_set_new(o, "token", json_text(bytes_of(s->token)));
	(void)json_object_set_new(o, "idle_minutes", json_integer((json_int_t)(s->admin->config.idle_ms / 60000)));
	json_put(out, o);
}

static void tell_login(struct session *s, struct conn *c)
{
	struct conn_fields f = { 0 };
	char cookie[160];
	struct buf out;

	buf_init(&out, 1024);
	session_describe(s, &out);
	snprintf(cookie, sizeof cookie, "__Host-session=%s; Path=/; Secure; HttpOnly; SameSite=Strict", s->token);
	if (s->kind == SESSION_COOKIE)
		conn_field(&f, "Set-Cookie", cookie);
	conn_respond(c, 201, "application/json", buf_bytes(&out), &f);
	secret_wipe(cookie, sizeof cookie);
	secret_wipe(out.p, out.cap);
	buf_fini(&out);
}

/* ---- log-in ---- */

static void conn_gone(void *work)
{
	((struct session *)work)->conn = NULL; /* it may still be of use: not to be ended here */
	session_end(work, "client gone");
}

static const struct conn_work login_work = { .gone = conn_gone };

static void login_refuse(struct session *s, int status, const char *code, struct bytes why)
{
	struct conn *c = s->conn;
	char text[256];

	snprintf(text, sizeof text, "%.*s", BYTES_FMT(why));
	s->conn = NULL;
	free_session(s);
	if (c)
		conn_problem(c, status, code, text);
}

static void login_failed(struct session *s, int rc, struct bytes why)
{
	char peer[PEER_TEXT_BYTES];

	peer_address_text(&s->peer, peer);
	s->admin->stats[STAT_LOGIN_FAILED]++;
	log_warn("web.login.failed", LOG_STR("address", peer), LOG_STR("reason", err_name(rc)));
	login_refuse(s, rc == ERR_CLOSED ? 503 : rc == ERR_AGAIN ? 429 : rc == ERR_RANGE ? 422 : 401, rc == ERR_AUTH ? "login-failed" : err_name(rc), why);
}

/* Not a mistake: the person's next step. Each step is a log-in of its own. */
static void login_need(struct session *s, unsigned what, struct bytes text)
{
	if (what == OPER_NEED_CODE)
		login_refuse(s, 401, "need-code", text);
	else if (what == OPER_NEED_PASSWORD_NEW)
		login_refuse(s, 401, "need-password", text);
	else
		login_failed(s, ERR_UNSUPPORTED, text);
}

static void login_done(struct session *s)
{
	struct conn *c = s->conn;
	char peer[PEER_TEXT_BYTES];

	peer_address_text(&s->peer, peer);
	s->is_live = true;
	s->conn = NULL;
	s->used_ms = s->created_ms = loop_now(s->admin->loop);
	s->admin->stats[STAT_LOGIN]++;
	log_info("web.login", LOG_STR("user", s->user), LOG_STR("address", peer));
	if (!c)
		return;
	c->work = NULL;
	if (s->must_route)
		route_request(c);
	else
		tell_login(s, c);
}

static struct session *of_login(struct ask *q)
{
	return LIST_OWNER(q, struct session, login);
}

static void copy_field(char *to, size_t room, struct bytes v)
{
	snprintf(to, room, "%.*s", BYTES_FMT(v));
}

static void login_record(struct session *s, struct wire *w)
{
	json_decref(s->about);
	s->about = json_record(w);
	copy_field(s->role, sizeof s->role, json_member(s->about, "role"));
	copy_field(s->user, sizeof s->user, json_member(s->about, "name"));
}

static void login_frame(struct ask *q, enum oper_frame type, struct wire *w)
{
	struct session *s = of_login(q);

	if (type == OPER_BANNER && wire_u8(w) == OPER_BANNER_AFTER) {
		json_decref(s->message);
		s->message = json_text(wire_str(w));
	} else if (type == OPER_RECORD) {
		login_record(s, w);
	} else if (type == OPER_DONE) {
		int rc = (int)wire_u32(w);
		struct bytes text = wire_str(w);
		if (rc < 0)
			login_failed(s, rc, text);
		else
			login_done(s);
	} else if (type == OPER_NEED) {
		unsigned what = wire_u8(w);
		(void)wire_u16(w); /* a log-in has no words */
		login_need(s, what, wire_str(w));
	}
}

static void login_gone(struct ask *q)
{
	login_failed(of_login(q), ERR_CLOSED, BYTES("gh-conf cannot take a further operator now"));
}

static const struct ask_ops login_ops = { login_frame, login_gone };

static struct session *open_session(struct conn *c, enum session_kind kind)
{
	struct admin *a = c->admin;
	struct session *s = a->n_sessions < a->config.sessions_max ? calloc(1, sizeof *s) : NULL;
	char peer[PEER_TEXT_BYTES];

	if (!s)
		return NULL;
	peer_address_text(&c->peer, peer);
	s->admin = a;
	s->kind = kind;
	s->peer = c->peer;
	s->created_ms = loop_now(a->loop);
	random_hex(s->token, SESSION_TOKEN_HEX);
	random_hex(s->csrf, SESSION_CSRF_HEX);
	s->op = operator_open(a, peer, NULL, on_ended, s);
	if (!s->op) {
		free(s);
		return NULL;
	}
	list_add_tail(&a->sessions, &s->node);
	a->n_sessions++;
	return s;
}

static struct session *begin_login(struct conn *c, const struct session_login *login)
{
	struct session *s = open_session(c, login->kind);

	if (!s) {
		conn_problem(c, 503, "full", "no place for a further session: web sessions-max");
		return NULL;
	}
	copy_field(s->user, sizeof s->user, login->user);
	login_put(&s->login, &login_ops, login);
	s->conn = c;
	conn_set_work(c, &login_work, s);
	if (ask_send(&s->login, s->op) < 0) {
		login_failed(s, ERR_LIMIT, BYTES("name or password is too long"));
		return NULL;
	}
	return s;
}

void session_login(struct conn *c, const struct session_login *login)
{
	(void)begin_login(c, login); /* it has answered, or will */
}

/* ---- whose request ---- */

static bool is_same_address(const struct peer_address *a, const struct peer_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static struct session *by_token(struct admin *a, struct bytes token, enum session_kind kind)
{
	struct session *found = NULL;

	LIST_EACH (it, &a->sessions) { /* all of them: time tells nothing */
		struct session *s = LIST_OWNER(it, struct session, node);
		if (s->is_live && s->kind == kind && secret_eq(token, bytes_make(s->token, SESSION_TOKEN_HEX)))
			found = s;
	}
	return found;
}

/* An API token may be good from some addresses alone, which gh-conf looks at when it logs in: each address has a session of its own. */
static struct session *by_credential(const struct conn *c, enum session_kind kind, const uint8_t credential[static 32])
{
	LIST_EACH (it, &c->admin->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (s->is_live && s->kind == kind && (kind != SESSION_TOKEN || is_same_address(&s->peer, &c->peer)) && secret_eq(bytes_make(s->credential, 32), bytes_make(credential, 32)))
			return s;
	}
	return NULL;
}

/* Is it good for this connection, now? */
static bool is_good(struct session *s, const struct conn *c)
{
	if (is_over(s, loop_now(s->admin->loop)))
		return false;
	if (s->admin->config.is_bound && !is_same_address(&s->peer, &c->peer)) {
		s->admin->stats[STAT_SESSION_ADDRESS]++;
		return false;
	}
	return true;
}

static bool takes_scheme(struct bytes *value, const char *scheme)
{
	size_t n = strlen(scheme);

	if (value->n <= n || value->p[n] != ' ' || !bytes_eq_nocase(bytes_make(value->p, n), bytes_of(scheme)))
		return false;
	*value = bytes_skip(*value, n + 1);
	return true;
}

static int keyed_hash(struct bytes text, uint8_t out[static 32])
{
	static uint8_t key[32];
	static bool has_key;

	if (!has_key) {
		random_bytes(key, sizeof key);
		has_key = true;
	}
	return hmac_make(HMAC_SHA256, bytes_make(key, sizeof key), &text, 1, out) ? 0 : ERR_NOMEM;
}

/* Name and password out of Basic (RFC 7617), in text; a keyed hash of both. */
static int read_basic(struct bytes value, struct buf *text, struct bytes *user, struct bytes *password,
                      uint8_t credential[static 32])
{
	if (text_unbase64(value, text) < 0)
		return ERR_SYNTAX;
	size_t n = bytes_find(buf_bytes(text), ':');
	if (n == buf_len(text))
		return ERR_SYNTAX;
	*user = bytes_make(buf_bytes(text).p, n);
	*password = bytes_skip(buf_bytes(text), n + 1);
	return keyed_hash(buf_bytes(text), credential);
}

/* The session of this credential, or a new one on its way: then the request is routed again. */
static struct session *of_credential(struct conn *c, const struct session_login *login, const uint8_t credential[static 32], bool may_log_in)
{
	struct session *s = by_credential(c, login->kind, credential);

	if (s && !is_good(s, c)) {
		session_end(s, "timeout");
		s = NULL;
	}
	if (s || !may_log_in)
		return s;
	struct session *fresh = begin_login(c, login);
	if (fresh) {
		memcpy(fresh->credential, credential, sizeof fresh->credential);
		fresh->must_route = true;
	}
	return NULL;
}

/* An API token (gh-conf's: `token add`), which is no name and no password. */
static struct session *of_token(struct conn *c, struct bytes token, bool may_log_in)
{
	const struct session_login login = { .kind = SESSION_TOKEN, .password = token };
	uint8_t credential[32];

	if (token.n <= OPER_PASSWORD_MAX && keyed_hash(token, credential) == 0)
		return of_credential(c, &login, credential, may_log_in);
	if (may_log_in)
		conn_problem(c, 401, "auth", "the Authorization field is malformed");
	return NULL;
}

static struct session *of_basic(struct conn *c, struct bytes value, bool may_log_in)
{
	struct session_login login = { .kind = SESSION_BASIC };
	uint8_t credential[32];
	struct session *s = NULL;
	struct buf text;

	buf_init(&text, CREDENTIAL_BYTES);
	int rc = read_basic(value, &text, &login.user, &login.password, credential);
	if (rc == 0)
		s = of_credential(c, &login, credential, may_log_in);
	else if (may_log_in)
		conn_problem(c, 401, "auth", "the Authorization field is malformed");
	secret_wipe(text.p, text.cap);
	buf_fini(&text);
	return s;
}

static struct session *find(struct conn *c, bool may_log_in)
{
	struct bytes value = c->request.authorization;
	struct session *s = NULL;

	if (takes_scheme(&value, "Basic"))
		return of_basic(c, value, may_log_in);
	if (takes_scheme(&value, "Bearer") && bytes_starts(value, BYTES("ght_")))
		return of_token(c, value, may_log_in);
	if (value.p != c->request.authorization.p)
		s = by_token(c->admin, value, SESSION_BEARER);
	else if (c->request.cookie.n)
		s = by_token(c->admin, c->request.cookie, SESSION_COOKIE);
	if (s && !is_good(s, c))
		s = NULL;
	if (!s && may_log_in) {
		c->admin->stats[STAT_UNAUTHORIZED]++;
		conn_problem(c, 401, "auth", "log in first: POST /api/v1/session");
	}
	return s;
}

bool session_is_known(struct conn *c)
{
	return find(c, false) != NULL;
}

/* A browser sends the cookie whoever made it do so: what changes something needs a token that only our page knows. */
static bool is_forged(const struct conn *c, const struct session *s)
{
	const struct request *q = &c->request;
	char own[300];

	if (s->kind != SESSION_COOKIE || q->method == HTTP1_GET || q->method == HTTP1_HEAD)
		return false;
	snprintf(own, sizeof own, "https://%.*s", BYTES_FMT(q->host));
	if (q->origin.n && !bytes_eq_nocase(q->origin, bytes_of(own)))
		return true;
	return !secret_eq(q->csrf, bytes_make(s->csrf, SESSION_CSRF_HEX));
}

struct session *session_of(struct conn *c)
{
	struct session *s = find(c, true);

	if (s && is_forged(c, s)) {
		c->admin->stats[STAT_FORGED]++;
		conn_problem(c, 403, "csrf", "the X-CSRF-Token field is missing or wrong");
		return NULL;
	}
	if (s && !c->request.is_background)
		s->used_ms = loop_now(s->admin->loop);
	return s;
}
