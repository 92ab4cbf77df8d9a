#include "auth/login.h"

#include "base/err.h"
#include "base/log.h"
#include "run/session.h"
#include "auth/app_password.h"
#include "auth/policy.h"

#include <stdlib.h>

enum { LOGINS_MAX = 100000, FAILED_LINES = 60 /* a minute */ };

/* ---- the table ---- */

struct login *login_of(const struct im *im, uint64_t conn)
{
	return map_get_u64(&im->logins, conn);
}

struct login *login_new(struct im *im, uint64_t conn, const struct chan *door)
{
	struct login *l = im->logins.count < LOGINS_MAX ? calloc(1, sizeof *l) : NULL;

	if (!l)
		return NULL;
	l->conn = conn;
	l->door_prog = (uint8_t)chan_prog(door);
	l->door = (uint8_t)chan_instance(door);
	if (map_add_u64(&im->logins, conn, l)) {
		free(l);
		return NULL;
	}
	return l;
}

void login_free(struct im *im, struct login *l)
{
	map_del_u64(&im->logins, l->conn);
	list_del(&l->node);
	scram_server_fini(&l->scram);
	secret_fini(&l->password);
	login_forget_verifiers(l);
	free(l->domain);
	free(l->jid);
	free(l->address);
	fast_free(l);
	free(l->app);
	free(l->client);
	free(l->device);
	free(l->resource);
	free(l->tag);
	free(l);
}

void login_free_all(struct im *im, const struct chan *door)
{
	struct login **all = malloc((im->logins.count + 1) * sizeof(struct login *));
	size_t n = 0, at = 0;

	if (!all)
		die("im.logins.free", "no memory");
	for (struct login *l; (l = map_next(&im->logins, &at));)
		if (!door || (l->door_prog == chan_prog(door) && l->door == chan_instance(door)))
			all[n++] = l;
	while (n)
		login_free(im, all[--n]);
	free(all);
}

/* ---- answers ---- */

struct chan *login_chan(const struct im *im, const struct login *l)
{
	return bus_chan(im->bus, (enum prog)l->door_prog, l->door);
}

/* The door knows the address of who tries, this program whom they try to be: the id joins the two. */
static void log_failed(struct im *im, const struct login *l, const char *reason)
{
	uint32_t held = 0;

	if (l->jid && log_limit_pass(&im->login_log, FAILED_LINES, loop_now(im->loop), &held))
		log_info("im.login.failed", LOG_STR("user", l->jid), LOG_ID("id", l->conn), LOG_STR("reason", reason),
			 LOG_STR("account", l->is_unknown ? "unknown" : "known"), LOG_INT("suppressed", held));
}

void login_refuse(struct im *im, struct login *l, const char *condition, const char *reason)
{
	struct chan *c = login_chan(im, l);
	struct buf *b = chan_begin(c, MSG_AUTH_FAILED, 0);

	im_stats[STAT_AUTH_FAILED]++;
	log_failed(im, l, reason);
	wire_put_u64(b, l->conn);
	wire_put_str(b, bytes_of(condition));
	wire_put_str(b, BYTES_NONE);
	(void)chan_end(c); /* a door that is gone has no stream either */
	login_free(im, l);
}

void login_fail(struct im *im, struct login *l, const char *condition)
{
	login_refuse(im, l, condition, condition);
}

void login_fail_by(struct im *im, struct login *l, int rc)
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
			login_fail(im, l, rows[i].condition);
			return;
		}
	}
	login_fail(im, l, "temporary-auth-failure");
}

void login_challenge(struct im *im, struct login *l, struct bytes data)
{
	struct chan *c = login_chan(im, l);
	struct buf *b = chan_begin(c, MSG_AUTH_CHALLENGE, 0);

	wire_put_u64(b, l->conn);
	wire_put_bytes(b, data);
	(void)chan_end(c); /* as in login_fail */
}

bool login_counts(const struct im *im, const struct login *l, enum credential by)
{
	return !(l->flags & AUTH_OUTSIDE) || policy_takes(im, bytes_of(l->domain), by);
}

bool login_may(struct im *im, struct login *l, enum credential by)
{
	if (login_counts(im, l, by))
		return true;
	/* As if it were wrong: nobody outside learns that it is right. */
	login_refuse(im, l, "not-authorized", "outside");
	return false;
}

void login_tell_ok(struct im *im, struct login *l, struct bytes additional, const char *token, uint64_t expires_ms)
{
	struct chan *c = login_chan(im, l);
	struct buf *b = chan_begin(c, MSG_AUTH_OK, 0);

	im_stats[STAT_AUTH_OK]++;
	l->state = LOGIN_OK;
	wire_put_u64(b, l->conn);
	wire_put_str(b, bytes_of(l->jid));
	wire_put_bytes(b, additional);
	wire_put_str(b, bytes_of(token));
	wire_put_u64(b, expires_ms);
	(void)chan_end(c); /* as in login_fail */
}

static void succeed(struct im *im, struct login *l, enum credential by, const char *label, struct bytes additional)
{
	if (!login_may(im, l, by))
		return;
	if (l->is_disabled) {
		login_fail(im, l, "account-disabled"); /* RFC 6120 6.5.1 */
		return;
	}
	if (label[0] && !(l->app = login_dup(bytes_of(label)))) {
		login_fail_by(im, l, ERR_NOMEM);
		return;
	}
	if (!fast_renew(im, l, additional))
		login_tell_ok(im, l, additional, "", 0);
	scram_server_fini(&l->scram);
	login_forget_verifiers(l);
	if (l->app)
		app_password_used(im, bytes_of(l->jid), bytes_of(l->app), bytes_of(l->address ? l->address : ""));
}

void login_succeed(struct im *im, struct login *l, const char *label, struct bytes additional)
{
	succeed(im, l, policy_password(label), label, additional);
}

void login_succeed_oauth(struct im *im, struct login *l)
{
	succeed(im, l, CREDENTIAL_OAUTH, "", BYTES_NONE);
}

struct bytes login_binding(const struct login *l, const char *type)
{
	for (unsigned i = 0; i < l->n_bindings; i++)
		if (strcmp(l->bindings[i].type, type) == 0)
			return bytes_make(l->bindings[i].data, l->bindings[i].n);
	return BYTES_NONE;
}

/* ---- names ---- */

char *login_dup(struct bytes v)
{
	return strndup(v.p ? (const char *)v.p : "", v.n);
}

void login_copy(char *out, size_t room, struct bytes v)
{
	size_t n = v.n < room - 1 ? v.n : room - 1;

	memcpy(out, v.p ? (const void *)v.p : "", n);
	out[n] = '\0';
}

/* An "@" in it belongs to the name (A-14.11) and is escaped (XEP-0106). */
int login_name(struct im *im, struct login *l, struct bytes name)
{
	struct bytes local = name;
	struct jid j;

	if (bytes_find(name, '@') < name.n && jid_escape(name, &im->arena, &local))
		return ERR_SYNTAX;
	if (jid_parse_local(local, &im->arena, &local) ||
	    jid_make(local, bytes_of(l->domain), BYTES_NONE, &im->arena, &j))
		return ERR_SYNTAX;
	l->jid = login_dup(j.full);
	return l->jid ? 0 : ERR_NOMEM;
}

bool login_is_self(struct im *im, const struct login *l, struct bytes authzid)
{
	struct jid j;

	return !authzid.n || (jid_parse(authzid, &im->arena, &j) == 0 && bytes_eq_str(jid_bare(&j), l->jid));
}
