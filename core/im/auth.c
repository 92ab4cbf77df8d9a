#include "auth.h"

#include "base/err.h"
#include "base/random.h"
#include "proto/scram.h"
#include "proto/xmpp.h"
#include "run/session.h"
#include "ask.h"
#include "domain.h"
#include "session.h"
#include "sm.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

enum { LOGINS_MAX = 100000, FAKE_SALT_BYTES = 16, BINDINGS_MAX = 3, BINDING_MAX_BYTES = 64 };

enum login_state { LOGIN_FIRST, LOGIN_LOOKUP, LOGIN_FINAL, LOGIN_OK, LOGIN_OPENING };

struct binding {
	char type[32];
	uint8_t data[BINDING_MAX_BYTES];
	uint8_t n;
};

struct login {
	struct list node; /* in its user's openers while LOGIN_OPENING */
	uint64_t conn;
	uint8_t door, flags, state; /* enum login_state */
	uint8_t n_bindings;
	bool is_plain, is_unknown;
	char *domain, *jid; /* jid: normalised, once the name is known */
	struct secret password; /* PLAIN, until looked up */
	struct scram_server scram;
	struct scram_verifier verifier;
	char cb_type[32];
	struct binding bindings[BINDINGS_MAX];
	/* SESSION_OPEN */
	char *resource, *tag;
	uint32_t session_flags, sm_max_s;
};

static const struct mechanism {
	const char *name;
	enum scram_hash hash;
	bool is_plus, is_plain;
} mechanisms[] = {
	{ "SCRAM-SHA-256-PLUS", SCRAM_SHA256, true, false },
	{ "SCRAM-SHA-256", SCRAM_SHA256, false, false },
	{ "SCRAM-SHA-1-PLUS", SCRAM_SHA1, true, false },
	{ "SCRAM-SHA-1", SCRAM_SHA1, false, false },
	{ "PLAIN", SCRAM_SHA256, false, true },
};

static struct login *login_of(const struct im *im, uint64_t conn)
{
	return map_get_u64(&im->logins, conn);
}

static void login_free(struct im *im, struct login *l)
{
	map_del_u64(&im->logins, l->conn);
	list_del(&l->node);
	scram_server_fini(&l->scram);
	secret_fini(&l->password);
	secret_wipe(&l->verifier, sizeof l->verifier);
	free(l->domain);
	free(l->jid);
	free(l->resource);
	free(l->tag);
	free(l);
}

struct bytes auth_of(const struct im *im, uint64_t conn)
{
	const struct login *l = login_of(im, conn);

	return l && l->state == LOGIN_OK ? bytes_of(l->jid) : BYTES_NONE;
}

void auth_forget(struct im *im, uint64_t conn)
{
	struct login *l = login_of(im, conn);

	if (l)
		login_free(im, l);
}

static char *dup_text(struct bytes v)
{
	return strndup(v.p ? (const char *)v.p : "", v.n);
}

static struct chan *door(const struct im *im, const struct login *l)
{
	return bus_chan(im->bus, PROG_ACCESS, l->door);
}

static void fail(struct im *im, struct login *l, const char *condition, const char *text)
{
	struct chan *c = door(im, l);
	struct buf *b = chan_begin(c, MSG_AUTH_FAILED, 0);

	im_stats[STAT_AUTH_FAILED]++;
	wire_put_u64(b, l->conn);
	wire_put_str(b, bytes_of(condition));
	wire_put_str(b, bytes_of(text));
	(void)chan_end(c); /* a door that is gone has no stream either */
	login_free(im, l);
}

static void fail_by(struct im *im, struct login *l, int rc)
{
	static const struct {
		int rc;
		const char *condition;
	} rows[] = {
		{ ERR_SYNTAX, "malformed-request" }, { ERR_UNSUPPORTED, "malformed-request" },
		{ ERR_DENIED, "not-authorized" },    { ERR_AUTH, "not-authorized" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].rc == rc) {
			fail(im, l, rows[i].condition, "");
			return;
		}
	}
	fail(im, l, "temporary-auth-failure", "");
}

static void succeed(struct im *im, struct login *l, struct bytes additional)
{
	struct chan *c = door(im, l);
	struct buf *b = chan_begin(c, MSG_AUTH_OK, 0);

	im_stats[STAT_AUTH_OK]++;
	l->state = LOGIN_OK;
	wire_put_u64(b, l->conn);
	wire_put_str(b, bytes_of(l->jid));
	wire_put_bytes(b, additional);
	(void)chan_end(c); /* as in fail */
	scram_server_fini(&l->scram);
	secret_wipe(&l->verifier, sizeof l->verifier);
}

/* ---- looking up ---- */

/* For people who do not exist: always the same for the same name, and like a real one. */
static void fake_verifier(struct im *im, const struct login *l, struct scram_verifier *v)
{
	unsigned n = 0;
	uint8_t out[EVP_MAX_MD_SIZE];

	memset(v, 0, sizeof *v);
	v->iterations = im->config.scram_iterations;
	v->salt_n = FAKE_SALT_BYTES;
	if (HMAC(EVP_sha256(), im->secret.p, (int)im->secret.n, (const uint8_t *)l->jid, strlen(l->jid), out, &n))
		memcpy(v->salt, out, FAKE_SALT_BYTES);
	random_bytes(v->stored_key, sizeof v->stored_key);
	random_bytes(v->server_key, sizeof v->server_key);
}

static void on_verifier(struct im *im, struct ask *a, struct wire *w)
{
	struct login *l = login_of(im, a->number);
	uint32_t iterations = wire_u32(w);
	struct bytes salt = wire_bytes(w), stored = wire_bytes(w), server = wire_bytes(w);

	if (!l || wire_failed(w) || salt.n > SCRAM_SALT_MAX || stored.n > SCRAM_DIGEST_MAX || server.n > SCRAM_DIGEST_MAX)
		return;
	l->verifier.iterations = iterations;
	l->verifier.salt_n = (uint8_t)salt.n;
	memcpy(l->verifier.salt, salt.p, salt.n);
	memcpy(l->verifier.stored_key, stored.p, stored.n);
	memcpy(l->verifier.server_key, server.p, server.n);
	l->is_unknown = false;
}

static void challenge(struct im *im, struct login *l)
{
	char nonce[SCRAM_NONCE_BYTES + 1];
	struct buf b;

	buf_init(&b, 4096);
	random_hex(nonce, SCRAM_NONCE_BYTES);
	int rc = scram_server_challenge(&l->scram, &l->verifier, nonce, &b);
	if (rc) {
		fail_by(im, l, rc);
	} else {
		l->state = LOGIN_FINAL;
		struct chan *c = door(im, l);
		struct buf *out = chan_begin(c, MSG_AUTH_CHALLENGE, 0);
		wire_put_u64(out, l->conn);
		wire_put_bytes(out, buf_bytes(&b));
		(void)chan_end(c); /* as in fail */
	}
	buf_fini(&b);
}

static void on_looked_up(struct im *im, struct ask *a, int rc)
{
	struct login *l = login_of(im, a->number);

	if (!l || l->state != LOGIN_LOOKUP)
		return; /* gave up meanwhile */
	if (rc && rc != ERR_NOT_FOUND) {
		fail(im, l, "temporary-auth-failure", "");
		return;
	}
	if (l->is_unknown)
		fake_verifier(im, l, &l->verifier);
	if (!l->is_plain) {
		challenge(im, l);
		return;
	}
	bool fits = scram_check_password(SCRAM_SHA256, &l->verifier, bytes_make(l->password.p, l->password.n));
	secret_fini(&l->password);
	if (fits && !l->is_unknown)
		succeed(im, l, BYTES_NONE);
	else
		fail(im, l, "not-authorized", "");
}

/* The account's address from a SASL user name. An "@" in it belongs to the name (A-14.11) and is
 * escaped (XEP-0106). ERR_SYNTAX. */
static int name_account(struct im *im, struct login *l, struct bytes name)
{
	struct bytes local = name;
	struct jid j;

	if (bytes_find(name, '@') < name.n && jid_escape(name, &im->arena, &local))
		return ERR_SYNTAX;
	if (jid_parse_local(local, &im->arena, &local) ||
	    jid_make(local, bytes_of(l->domain), BYTES_NONE, &im->arena, &j))
		return ERR_SYNTAX;
	l->jid = dup_text(j.full);
	return l->jid ? 0 : ERR_NOMEM;
}

/* Nobody acts for somebody else. */
static bool is_self(struct im *im, const struct login *l, struct bytes authzid)
{
	struct jid j;

	return !authzid.n || (jid_parse(authzid, &im->arena, &j) == 0 && bytes_eq_str(jid_bare(&j), l->jid));
}

static void look_up(struct im *im, struct login *l, enum scram_hash hash)
{
	l->state = LOGIN_LOOKUP;
	l->is_unknown = true;
	struct buf *b = ask_begin(im, STORE_AUTH_GET);
	wire_put_str(b, bytes_of(l->jid));
	wire_put_u8(b, (uint8_t)hash);
	ask_send_free(im, on_verifier, on_looked_up, NULL, l->conn);
}

/* ---- the steps ---- */

static void copy_text(char *out, size_t room, struct bytes v)
{
	size_t n = v.n < room - 1 ? v.n : room - 1;

	memcpy(out, v.p ? (const void *)v.p : "", n);
	out[n] = '\0';
}

static void scram_first(struct im *im, struct login *l, struct bytes in)
{
	struct bytes authzid, cb_type;
	int rc = scram_server_first(&l->scram, in, &authzid, &cb_type);

	if (!rc)
		copy_text(l->cb_type, sizeof l->cb_type, cb_type);
	/* A name that nobody can have is just another unknown one; but it has no address to ask for. */
	if (!rc && name_account(im, l, l->scram.username))
		rc = ERR_AUTH;
	if (rc)
		fail_by(im, l, rc);
	else if (!is_self(im, l, authzid))
		fail(im, l, "invalid-authzid", "");
	else
		look_up(im, l, l->scram.hash);
}

static struct bytes binding_of(const struct login *l)
{
	for (unsigned i = 0; i < l->n_bindings; i++)
		if (strcmp(l->bindings[i].type, l->cb_type) == 0)
			return bytes_make(l->bindings[i].data, l->bindings[i].n);
	return BYTES_NONE;
}

static void scram_final(struct im *im, struct login *l, struct bytes in)
{
	struct bytes cb = l->scram.is_plus ? binding_of(l) : BYTES_NONE;
	struct buf b;

	buf_init(&b, 4096);
	int rc = l->scram.is_plus && !cb.n ? ERR_AUTH : scram_server_final(&l->scram, &l->verifier, in, cb, &b);
	if (!rc && l->is_unknown)
		rc = ERR_AUTH;
	if (rc)
		fail_by(im, l, rc);
	else
		succeed(im, l, buf_bytes(&b));
	buf_fini(&b);
}

/* RFC 4616: authzid NUL authcid NUL passwd */
static void plain_first(struct im *im, struct login *l, struct bytes in)
{
	size_t a = bytes_find(in, 0);
	struct bytes rest = bytes_skip(in, a + 1);
	size_t b = bytes_find(rest, 0);
	struct bytes password = bytes_skip(rest, b + 1);

	if (a >= in.n || b >= rest.n || !b || !password.n || bytes_find(password, 0) < password.n) {
		fail(im, l, "malformed-request", "");
	} else if (name_account(im, l, bytes_make(rest.p, b)) || scram_saslprep(password, &im->arena, &password) ||
		   secret_set(&l->password, password)) {
		fail(im, l, "not-authorized", "");
	} else if (!is_self(im, l, bytes_make(in.p, a))) {
		fail(im, l, "invalid-authzid", "");
	} else {
		look_up(im, l, SCRAM_SHA256);
	}
}

static void first(struct im *im, struct login *l, struct bytes in)
{
	if (l->is_plain)
		plain_first(im, l, in);
	else
		scram_first(im, l, in);
}

static const struct mechanism *mechanism_of(struct bytes name)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
		if (bytes_eq_str(name, mechanisms[i].name))
			return &mechanisms[i];
	return NULL;
}

static struct login *add(struct im *im, uint64_t conn, uint8_t door_instance)
{
	struct login *l = im->logins.count < LOGINS_MAX ? calloc(1, sizeof *l) : NULL;

	if (!l)
		return NULL;
	l->conn = conn;
	l->door = door_instance;
	if (map_add_u64(&im->logins, conn, l)) {
		free(l);
		return NULL;
	}
	return l;
}

static void read_bindings(struct login *l, struct wire *w)
{
	for (uint8_t n = wire_u8(w); n && !wire_failed(w); n--) {
		struct bytes type = wire_str(w), data = wire_bytes(w);
		if (l->n_bindings == BINDINGS_MAX || data.n > BINDING_MAX_BYTES || wire_failed(w))
			continue;
		struct binding *b = &l->bindings[l->n_bindings++];
		copy_text(b->type, sizeof b->type, type);
		memcpy(b->data, data.p, data.n);
		b->n = (uint8_t)data.n;
	}
}

static void refuse_start(struct chan *c, uint64_t conn)
{
	struct buf *b = chan_begin(c, MSG_AUTH_FAILED, 0);

	wire_put_u64(b, conn);
	wire_put_str(b, BYTES("temporary-auth-failure"));
	wire_put_str(b, BYTES_NONE);
	(void)chan_end(c); /* as in fail */
}

static void begin(struct im *im, struct login *l, const struct mechanism *m, struct bytes initial)
{
	if (!l->domain || !domain_of(im, bytes_of(l->domain))) {
		fail(im, l, "not-authorized", "");
	} else if (!m || (m->is_plain && !im->config.has_plain)) {
		fail(im, l, "invalid-mechanism", "");
	} else if (m->is_plain && !(l->flags & AUTH_TLS)) {
		fail(im, l, "encryption-required", "");
	} else {
		l->is_plain = m->is_plain;
		scram_server_init(&l->scram, m->hash, m->is_plus, l->n_bindings > 0);
		if (l->flags & AUTH_HAS_INITIAL) {
			first(im, l, initial);
			return;
		}
		struct chan *c = door(im, l); /* an empty challenge asks for it */
		struct buf *b = chan_begin(c, MSG_AUTH_CHALLENGE, 0);
		wire_put_u64(b, l->conn);
		wire_put_bytes(b, BYTES_NONE);
		(void)chan_end(c); /* as in fail */
	}
}

int auth_on_start(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);
	struct bytes mechanism = wire_str(&w);
	uint8_t flags = wire_u8(&w);
	struct bytes initial = wire_bytes(&w);

	auth_forget(im, conn); /* another try */
	struct login *l = add(im, conn, (uint8_t)chan_instance(from));
	if (!l) {
		im_stats[STAT_NO_MEMORY]++;
		refuse_start(from, conn);
		return 0;
	}
	l->flags = flags;
	read_bindings(l, &w);
	l->domain = dup_text(wire_str(&w));
	(void)wire_str(&w); /* the peer's address: gh-access logs it */
	if (wire_end(&w)) {
		login_free(im, l);
		return ERR_SYNTAX;
	}
	begin(im, l, mechanism_of(mechanism), initial);
	arena_reset(&im->arena);
	return 0;
}

int auth_on_response(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct login *l = login_of(im, wire_u64(&w));
	struct bytes data = wire_bytes(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (!l)
		return 0;
	if (l->state == LOGIN_FIRST)
		first(im, l, data);
	else if (l->state == LOGIN_FINAL)
		scram_final(im, l, data);
	else
		fail(im, l, "malformed-request", "");
	arena_reset(&im->arena);
	return 0;
}

int auth_on_abort(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	auth_forget(program, conn);
	return 0;
}

/* ---- from login to session ---- */

static void refuse_session(struct im *im, struct login *l, enum stanza_error why, const char *text)
{
	struct chan *c = door(im, l);
	struct buf *b = chan_begin(c, MSG_SESSION_REFUSED, 0);

	l->state = LOGIN_OK; /* it may ask again */
	wire_put_u64(b, l->conn);
	wire_put_str(b, bytes_of(stanza_error_name(why)));
	wire_put_str(b, bytes_of(text));
	(void)chan_end(c); /* as in fail */
}

static void opened(struct im *im, struct login *l, struct session *s)
{
	struct chan *c = door(im, l);

	if (l->session_flags & SESSION_CARBONS)
		s->bits |= SESSION_HAS_CARBONS;
	if (l->session_flags & SESSION_CSI_INACTIVE)
		s->bits |= SESSION_IS_INACTIVE;
	if (l->session_flags & SESSION_SM)
		(void)sm_enable(im, s, l->session_flags & SESSION_SM_RESUME, l->sm_max_s); /* then it is off */
	struct buf *b = chan_begin(c, MSG_SESSION_OPENED, 0);
	wire_put_u64(b, l->conn);
	wire_put_str(b, session_full(s));
	wire_put_str(b, bytes_of(s->sm && s->sm->is_resumable ? s->sm->id : ""));
	wire_put_u32(b, s->sm && s->sm->is_resumable ? s->sm->max_s : 0);
	(void)chan_end(c); /* as in fail */
	login_free(im, l);
}

static void open_now(struct im *im, struct login *l, struct user *u)
{
	const struct session_wish w = { l->conn, l->door, bytes_of(l->resource), bytes_of(l->tag) };
	struct session *s;

	if (u->state != USER_READY) {
		refuse_session(im, l, u->state == USER_NONE ? STANZA_NOT_AUTHORIZED : STANZA_INTERNAL_SERVER_ERROR, "");
		return;
	}
	int rc = session_open(im, u, &w, &s);
	arena_reset(&im->arena);
	if (rc == ERR_SYNTAX)
		refuse_session(im, l, STANZA_BAD_REQUEST, "");
	else if (rc)
		refuse_session(im, l, STANZA_RESOURCE_CONSTRAINT, "Too many sessions");
	else
		opened(im, l, s);
}

void auth_open_waiting(struct im *im, struct list *node, struct user *u)
{
	open_now(im, LIST_OWNER(node, struct login, node), u);
}

static int read_open(struct login *l, struct wire *w)
{
	free(l->resource);
	free(l->tag);
	l->resource = dup_text(wire_str(w));
	l->session_flags = wire_u32(w);
	l->tag = dup_text(wire_str(w));
	l->sm_max_s = wire_u32(w);
	if (wire_end(w))
		return ERR_SYNTAX;
	return l->resource && l->tag ? 0 : ERR_NOMEM;
}

int auth_on_open(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct login *l = login_of(im, wire_u64(&w));

	(void)from;
	if (!l || l->state != LOGIN_OK)
		return 0; /* it has gone, or asks twice */
	int rc = read_open(l, &w);
	if (rc == ERR_SYNTAX)
		return rc;
	struct user *u = rc ? NULL : user_get(im, bytes_of(l->jid));
	if (!u) {
		refuse_session(im, l, STANZA_RESOURCE_CONSTRAINT, "");
	} else if (u->state == USER_LOADING) {
		l->state = LOGIN_OPENING;
		list_add_tail(&u->openers, &l->node);
	} else {
		l->state = LOGIN_OPENING;
		open_now(im, l, u);
	}
	return 0;
}

/* ---- life ---- */

static void on_secret(struct im *im, struct ask *a, struct wire *w)
{
	struct bytes v = wire_bytes(w);

	(void)a;
	if (!wire_failed(w))
		(void)secret_set(&im->secret, v); /* without memory the one of this life stays */
}

void auth_ask_secret(struct im *im)
{
	ask_begin(im, STORE_SECRET);
	ask_send_free(im, on_secret, NULL, NULL, 0);
}

int auth_init(struct im *im)
{
	uint8_t random[32];

	random_bytes(random, sizeof random);
	return secret_set(&im->secret, bytes_make(random, sizeof random));
}

void auth_door_down(struct im *im, uint8_t door_instance)
{
	for (bool again = true; again;) {
		size_t at = 0;
		again = false;
		for (struct login *l; !again && (l = map_next(&im->logins, &at));) {
			if (l->door == door_instance) {
				login_free(im, l);
				again = true;
			}
		}
	}
}

void auth_fini(struct im *im)
{
	size_t at = 0;

	for (struct login *l; (l = map_next(&im->logins, &at)); at = 0)
		login_free(im, l);
	map_fini(&im->logins);
	secret_fini(&im->secret);
}
