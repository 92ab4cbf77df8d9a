/* One-time codes (RFC 6238) of an account: set up by its person, in force after the first right code, taken away by an admin when the
 * telephone is lost. */
#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "conf.h"
#include "totp.h"

static struct account *own(struct conf *c, struct oper *o)
{
	struct account *a = accounts_find(&c->accounts, bytes_of(o->account));

	if (!a)
		oper_done(o, ERR_DENIED, "the console has no account: log in (ghsh --user NAME)");
	return a;
}

static int save(struct conf *c, struct account *a, struct account *before)
{
	int rc = accounts_save(&c->accounts);

	if (rc < 0)
		*a = *before;
	secret_wipe(before, sizeof *before);
	return rc;
}

static void put_secret(struct conf *c, struct oper *o, const struct account *a)
{
	struct buf secret, uri;

	buf_init(&secret, 64);
	buf_init(&uri, 1024);
	totp_put_base32(bytes_make(a->totp_secret, sizeof a->totp_secret), &secret);
	totp_put_uri(a, rows_value(&c->store.running, SET_SYSTEM_NAME, BYTES_NONE), &uri);
	oper_record_begin(o);
	oper_record_bytes(o, "secret", buf_bytes(&secret));
	oper_record_bytes(o, "uri", buf_bytes(&uri));
	oper_record_end(o);
	secret_wipe(secret.p, secret.cap);
	secret_wipe(uri.p, uri.cap);
	buf_fini(&secret);
	buf_fini(&uri);
}

COMMAND_FN(cmd_totp_enable)
{
	struct account *a = own(c, o);

	(void)cmd;
	(void)args;
	if (!a)
		return;
	if (a->totp == TOTP_ON) {
		oper_done(o, ERR_EXISTS, "it is on: operator totp disable first");
		return;
	}
	struct account before = *a;
	random_bytes(a->totp_secret, sizeof a->totp_secret);
	a->totp = TOTP_PENDING;
	a->totp_step = 0;
	int rc = save(c, a, &before);
	if (rc == 0)
		put_secret(c, o, a);
	oper_done(o, rc, rc < 0 ? "" : "put the secret into your authenticator, then: operator totp confirm CODE");
}

COMMAND_FN(cmd_totp_confirm)
{
	struct account *a = own(c, o);

	(void)cmd;
	if (!a)
		return;
	struct account before = *a;
	if (a->totp != TOTP_PENDING) {
		oper_done(o, ERR_BAD_STATE, "nothing to confirm: operator totp enable first");
		return;
	}
	if (totp_check(a->totp_secret, args->v[0], loop_wall_ms(c->loop) / 1000, &a->totp_step) < 0) {
		oper_done(o, ERR_AUTH, "wrong code: is the clock of this box and of your authenticator right?");
		return;
	}
	a->totp = TOTP_ON;
	int rc = save(c, a, &before);
	if (rc == 0) {
		o->is_limited = false;
		audit_account(o, a->name, "code", "off", "on");
	}
	oper_done(o, rc, "");
}

/* Anybody for himself, an admin for everybody. */
COMMAND_FN(cmd_totp_disable)
{
	struct account *a = args->n > 0 ? accounts_find(&c->accounts, args->v[0]) : own(c, o);

	(void)cmd;
	if (!a) {
		if (args->n > 0)
			oper_done(o, ERR_NOT_FOUND, "no such operator: see show operators");
		return;
	}
	bool is_own = strcmp(a->name, o->account) == 0;
	if (!is_own && o->role != OPER_ADMIN) {
		oper_done(o, ERR_DENIED, "an admin may do that for others");
		return;
	}
	if (is_own && login_demands_code(o, a)) {
		oper_done(o, ERR_DENIED, "your role demands a code; an admin may take it away when your telephone is lost");
		return;
	}
	struct account before = *a;
	const char *was = a->totp == TOTP_ON ? "on" : "off";
	a->totp = TOTP_OFF;
	secret_wipe(a->totp_secret, sizeof a->totp_secret);
	int rc = save(c, a, &before);
	if (rc == 0)
		audit_account(o, a->name, "code", was, "off");
	oper_done(o, rc, "");
}
