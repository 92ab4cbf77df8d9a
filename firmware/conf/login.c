#include "login.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "conf.h"
#include "quality.h"
#include "run/clock.h"
#include "run/oper_user.h"
#include "totp.h"

#include <stdio.h>

enum { DAY_S = 86400 };

static const char wrong[] = "wrong name, password or code";

static uint64_t wall_s(const struct oper *o)
{
	return loop_wall_ms(o->conf->loop) / 1000;
}

static int64_t number(const struct oper *o, enum setting id)
{
	return rows_number(&o->conf->store.running, id);
}

static struct oper *owner(struct hash_job *job)
{
	return LIST_OWNER(job, struct oper, login.job);
}

static void wipe(struct login *l)
{
	secret_wipe(l->fresh, sizeof l->fresh);
	secret_wipe(l->code, sizeof l->code);
	secret_wipe(&l->job.scrypt, sizeof l->job.scrypt);
	l->fresh_n = 0;
}

static struct account *find(const struct oper *o, const char *name)
{
	struct account *a = accounts_find(&o->conf->accounts, bytes_of(name));

	return a && account_is_shut(a) ? NULL : a; /* to the outside as if it were not there */
}

/* ---- what the settings say about an account ---- */

int64_t login_days_left(const struct oper *o, const struct account *a, uint64_t now_s)
{
	int64_t days = a->expiry_days == ACCOUNT_EXPIRY_DEFAULT ? number(o, SET_OPERATORS_EXPIRY) : a->expiry_days;
	/* a clock that was set back makes no password older than it is */
	uint64_t age_s = now_s > a->changed_s ? now_s - a->changed_s : 0;

	if (days == 0)
		return -1;
	return (int64_t)(age_s / DAY_S) >= days ? 0 : days - (int64_t)(age_s / DAY_S);
}

bool login_is_over(const struct oper *o, const struct account *a, uint64_t now_s)
{
	return a->must_change || login_days_left(o, a, now_s) == 0;
}

bool login_demands_code(const struct oper *o, const struct account *a)
{
	return bytes_eq_str(rows_value(&o->conf->store.running, SET_OPERATORS_CODE, bytes_of(account_role_name(a->role))), "on");
}

/* Codes hang on the clock (RFC 6238). While it cannot be right nobody's is, and whoever stands before the box is let in without one, to
 * set it; over the network never: there a wrong time may be somebody's doing. */
static bool is_code_waived(const struct oper *o)
{
	return o->way == OPER_WAY_CONSOLE && clock_trouble(wall_s(o));
}

/* ---- starting and ending an attempt ---- */

static int begin_try(struct oper *o, const struct account *a)
{
	char text[64];

	o->login.try = (struct throttle_try){
		.name = bytes_of(o->login.name), .source = o->source, .is_console = o->way == OPER_WAY_CONSOLE,
		.is_usual = a && strcmp(a->login_from, o->source) == 0, .tries = (uint32_t)number(o, SET_OPERATORS_TRIES),
		.longest_ms = (uint64_t)number(o, SET_OPERATORS_LOCKOUT) * 1000,
	};
	uint64_t wait_ms = throttle_begin(&o->conf->throttle, &o->login.try, loop_now(o->conf->loop));
	if (wait_ms == 0) {
		lockout_changed(o->conf);
		return 0;
	}
	snprintf(text, sizeof text, "too many attempts: wait %llu s", (unsigned long long)((wait_ms + 999) / 1000));
	wipe(&o->login);
	oper_done(o, ERR_AGAIN, text);
	return ERR_AGAIN;
}

static int start_hash(struct oper *o, struct bytes password, hash_fn fn)
{
	snprintf(o->login.job.source, sizeof o->login.job.source, "%s", o->source);
	o->login.job.is_trusted = o->is_known || o->way == OPER_WAY_CONSOLE || o->login.try.is_usual;
	return hasher_start(&o->conf->hasher, &o->login.job, password, fn);
}

static void refuse(struct oper *o)
{
	struct account *a = find(o, o->login.name);

	if (a && a->failures < UINT32_MAX) {
		a->failures++;
		lockout_failed(o->conf);
	}
	audit_login(o, o->login.name, ERR_AUTH);
	wipe(&o->login);
	oper_done(o, ERR_AUTH, wrong);
	if (++o->login.tries >= OPER_TRIES && !o->is_known)
		oper_evict(o, "");
}

static void busy(struct oper *o)
{
	throttle_undo(&o->conf->throttle, &o->login.try);
	lockout_changed(o->conf);
	wipe(&o->login);
	oper_done(o, ERR_AGAIN, "too many people log in just now: try again");
}

/* ---- in ---- */

static unsigned count_sessions(const struct oper *o, const char *name)
{
	unsigned n = 0;

	LIST_EACH(it, &o->conf->opers) {
		const struct oper *other = LIST_OWNER(it, struct oper, node);
		n += other != o && !other->is_closing && !other->like && other->account[0] && (!name || strcmp(other->account, name) == 0);
	}
	return n;
}

bool login_has_place(const struct oper *o, const char *account)
{
	return count_sessions(o, account) < (unsigned)number(o, SET_OPERATORS_SESSIONS_ACCOUNT) &&
	       count_sessions(o, NULL) < (unsigned)number(o, SET_OPERATORS_SESSIONS);
}

static void tell(struct oper *o, const struct account *a, uint32_t failures, uint64_t last_s, const char *last_from)
{
	char at[TEXT_TIME_BYTES] = "";

	if (last_s)
		text_time(last_s * 1000, false, at);
	oper_record_begin(o);
	oper_record_str(o, "name", a->name);
	oper_record_str(o, "role", account_role_name(o->role));
	oper_record_str(o, "last_login", at);
	oper_record_str(o, "last_from", last_from);
	oper_record_int(o, "failures", failures);
	oper_record_int(o, "password_days", login_days_left(o, a, wall_s(o)));
	oper_record_end(o);
}

static void enter(struct oper *o, struct account *a)
{
	uint32_t failures = a->failures;
	uint64_t last_s = a->login_s;
	char last_from[ACCOUNT_FROM_BYTES];

	throttle_passed(&o->conf->throttle, &o->login.try);
	lockout_changed(o->conf);
	if (!login_has_place(o, a->name)) {
		audit_login(o, a->name, ERR_FULL);
		wipe(&o->login);
		oper_done(o, ERR_FULL, "too many sessions: end one of them, or let an administrator do it (operator evict)");
		return;
	}
	memcpy(last_from, a->login_from, sizeof last_from);
	a->failures = 0;
	a->totp_step = o->login.totp_step;
	a->login_s = wall_s(o);
	snprintf(a->login_from, sizeof a->login_from, "%s", o->source);
	(void)accounts_save(&o->conf->accounts); /* said in the log; a full disk keeps nobody out */
	oper_become(o, a);
	audit_login(o, a->name, 0);
	wipe(&o->login);
	oper_banner(o, OPER_BANNER_AFTER);
	tell(o, a, failures, last_s, last_from);
	if (o->is_limited)
		oper_note(o, "your role demands a one-time code: set it up with operator totp enable");
	oper_done(o, 0, "");
}

static void on_new_password(struct oper *o, int rc, const char *why, const struct scrypt *fresh)
{
	struct account *a = find(o, o->login.name);

	/* somebody else with the same password or code may have been faster */
	bool is_stale = !a || memcmp(a->password.salt, o->login.salt, sizeof a->password.salt) != 0 ||
	                (a->totp == TOTP_ON && !is_code_waived(o) && o->login.totp_step <= a->totp_step);

	if (rc == 0 && is_stale) {
		refuse(o);
		return;
	}
	if (rc < 0) {
		throttle_undo(&o->conf->throttle, &o->login.try);
		lockout_changed(o->conf);
		wipe(&o->login);
		oper_done(o, rc, why);
		return;
	}
	login_set_password(o, a, fresh, false);
	audit_account(o, a->name, "password", "", "changed");
	enter(o, a);
}

/* The password is right. A code is used up only by a login, not by the question for a new password. */
static void go_on(struct oper *o, struct account *a)
{
	uint64_t step = a->totp_step;
	bool is_over = login_is_over(o, a, wall_s(o));

	bool has_code = a->totp == TOTP_ON && !is_code_waived(o);
	if (a->totp == TOTP_ON && !has_code)
		audit_account(o, a->name, "code", "", "not asked for at the console: the clock is wrong");
	if (has_code && !o->login.code[0]) {
		throttle_undo(&o->conf->throttle, &o->login.try);
		lockout_changed(o->conf);
		wipe(&o->login);
		oper_need(o, OPER_NEED_CODE, 0, "Code: ");
		return;
	}
	if (has_code && totp_check(a->totp_secret, bytes_of(o->login.code), wall_s(o), &step) < 0) {
		refuse(o);
		return;
	}
	o->login.totp_step = step;
	memcpy(o->login.salt, a->password.salt, sizeof o->login.salt);
	if (is_over && !o->login.is_new) {
		throttle_undo(&o->conf->throttle, &o->login.try);
		lockout_changed(o->conf);
		wipe(&o->login);
		oper_need(o, OPER_NEED_PASSWORD_NEW, 0, a->must_change ? "This password is for one login: choose your own" :
		                                                         "Your password has expired: choose another");
		return;
	}
	if (o->login.is_new) {
		struct bytes fresh = bytes_make(o->login.fresh, o->login.fresh_n);
		login_new_password(o, a->name, fresh, true, on_new_password);
		return;
	}
	enter(o, a);
}

static void on_login_hash(struct hash_job *job, int rc, const uint8_t hash[static SCRYPT_HASH_BYTES])
{
	struct oper *o = owner(job);
	struct account *a = find(o, o->login.name);
	bool is_right = rc == 0 && a && secret_eq(bytes_make(hash, SCRYPT_HASH_BYTES), bytes_make(a->password.hash, SCRYPT_HASH_BYTES));

	if (!is_right || (a->role == OPER_API && o->way != OPER_WAY_HANDED))
		refuse(o);
	else
		go_on(o, a);
}

static int copy(struct bytes from, char *to, size_t n)
{
	if (from.n >= n || bytes_find(from, 0) < from.n)
		return ERR_LIMIT;
	snprintf(to, n, "%.*s", BYTES_FMT(from));
	return 0;
}

int login_on_frame(struct oper *o, bool is_new, struct wire *w)
{
	struct bytes name = wire_str(w), password = wire_bytes(w), fresh = is_new ? wire_bytes(w) : BYTES_NONE, code = wire_str(w);
	struct login *l = &o->login;

	if (wire_end(w) < 0)
		return ERR_PROTOCOL;
	if (name.n == 0 && !is_new && token_is_text(password)) {
		token_login(o, password);
		return 0;
	}
	o->is_busy = true;
	o->had_secret = true;
	l->is_new = is_new;
	l->name[0] = 0;
	if (copy(name, l->name, sizeof l->name) < 0 || copy(code, l->code, sizeof l->code) < 0 || password.n > OPER_PASSWORD_MAX ||
	    fresh.n > OPER_PASSWORD_MAX || (password.n == 0 && o->way != OPER_WAY_CONSOLE)) { /* the factory's: factory.h */
		refuse(o);
		return 0;
	}
	const struct account *a = find(o, l->name);
	if (begin_try(o, a) < 0)
		return 0;
	if (fresh.n > 0)
		memcpy(l->fresh, fresh.p, fresh.n);
	l->fresh_n = fresh.n;
	l->job.scrypt = a ? a->password : o->conf->nobody; /* a name that is not there takes as long */
	if (start_hash(o, password, on_login_hash) < 0)
		busy(o);
	return 0;
}

/* ---- new passwords ---- */

static void end_new(struct oper *o, int rc, const char *why)
{
	struct scrypt fresh = o->login.job.scrypt;

	o->login.then(o, rc, why, &fresh);
	secret_wipe(&fresh, sizeof fresh);
	wipe(&o->login);
}

static void on_fresh_hash(struct hash_job *job, int rc, const uint8_t hash[static SCRYPT_HASH_BYTES])
{
	memcpy(job->scrypt.hash, hash, sizeof job->scrypt.hash);
	end_new(owner(job), rc, rc < 0 ? err_text(rc) : "");
}

/* Former passwords that count: the one that is in force, then as many as the setting says. */
static size_t count_former(const struct oper *o, const struct account *a)
{
	size_t most = (size_t)number(o, SET_OPERATORS_HISTORY);

	if (!a)
		return 0;
	return 1 + (a->n_old < most ? a->n_old : most);
}

static void next_former(struct oper *o);

static void on_former_hash(struct hash_job *job, int rc, const uint8_t hash[static SCRYPT_HASH_BYTES])
{
	struct oper *o = owner(job);

	if (rc < 0)
		end_new(o, rc, err_text(rc));
	else if (secret_eq(bytes_make(hash, SCRYPT_HASH_BYTES), bytes_make(job->scrypt.hash, SCRYPT_HASH_BYTES)))
		end_new(o, ERR_RANGE, "this account had that password already: choose another");
	else
		next_former(o);
}

static void next_former(struct oper *o)
{
	struct login *l = &o->login;
	const struct account *a = find(o, l->name);
	bool is_last = l->compared >= count_former(o, a);

	if (is_last)
		scrypt_fresh(&l->job.scrypt);
	else
		l->job.scrypt = l->compared == 0 ? a->password : a->old[l->compared - 1];
	l->compared++;
	if (start_hash(o, bytes_make(l->fresh, l->fresh_n), is_last ? on_fresh_hash : on_former_hash) < 0)
		end_new(o, ERR_AGAIN, "too many people log in just now: try again");
}

static void hash_new(struct oper *o, struct bytes password, bool is_own)
{
	struct login *l = &o->login;

	if (password.p != l->fresh)
		memcpy(l->fresh, password.p, password.n);
	l->fresh_n = password.n;
	l->compared = is_own ? 0 : SIZE_MAX;
	next_former(o);
}

void login_new_password(struct oper *o, const char *name, struct bytes password, bool is_own, login_password_fn then)
{
	struct login *l = &o->login;
	char room[96];
	const char *why;

	l->then = then;
	if (name != l->name)
		snprintf(l->name, sizeof l->name, "%s", name);
	int rc = quality_check(password, l->name, (size_t)number(o, SET_OPERATORS_LENGTH), room, &why);
	if (rc < 0) {
		then(o, rc, why, NULL);
		return;
	}
	hash_new(o, password, is_own);
}

void login_hash_password(struct oper *o, const char *name, struct bytes password, login_password_fn then)
{
	o->login.then = then;
	snprintf(o->login.name, sizeof o->login.name, "%s", name);
	hash_new(o, password, false);
}

void login_set_password(struct oper *o, struct account *a, const struct scrypt *fresh, bool must_change)
{
	if (a->password.log2_n) {
		memmove(&a->old[1], &a->old[0], (ACCOUNT_OLD_MAX - 1) * sizeof a->old[0]);
		a->old[0] = a->password;
		a->n_old += a->n_old < ACCOUNT_OLD_MAX;
	}
	a->password = *fresh;
	a->changed_s = wall_s(o);
	a->must_change = must_change;
}

/* ---- one's own old password ---- */

static void on_compare_hash(struct hash_job *job, int rc, const uint8_t hash[static SCRYPT_HASH_BYTES])
{
	struct oper *o = owner(job);
	struct account *a = find(o, o->login.name);

	if (rc == 0 && (!a || !secret_eq(bytes_make(hash, SCRYPT_HASH_BYTES), bytes_make(a->password.hash, SCRYPT_HASH_BYTES))))
		rc = ERR_AUTH;
	if (rc == 0) {
		throttle_passed(&o->conf->throttle, &o->login.try);
		lockout_changed(o->conf);
	}
	o->login.compare(o, rc);
}

void login_compare(struct oper *o, const struct account *a, struct bytes password, login_compare_fn then)
{
	snprintf(o->login.name, sizeof o->login.name, "%s", a->name);
	if (begin_try(o, a) < 0)
		return;
	o->login.compare = then;
	o->login.job.scrypt = a->password;
	if (password.n > OPER_PASSWORD_MAX)
		then(o, ERR_AUTH);
	else if (start_hash(o, password, on_compare_hash) < 0)
		busy(o);
}

void login_cancel(struct oper *o)
{
	hasher_cancel(&o->conf->hasher, &o->login.job);
	wipe(&o->login);
}

/* ---- who is known by the kernel's word ---- */

/* The only account of that number; NULL. */
static struct account *account_of_user(const struct accounts *all, unsigned uid)
{
	struct account *found = NULL;

	for (size_t i = 0; i < all->n; i++) {
		if (oper_user_id(bytes_of(all->v[i].name)) != uid)
			continue;
		if (found)
			return NULL;
		found = &all->v[i];
	}
	return found;
}

void login_by_user(struct oper *o, unsigned uid)
{
	struct account *a = account_of_user(&o->conf->accounts, uid);

	if (!a)
		return;
	snprintf(o->source, sizeof o->source, "ssh");
	if (a->role == OPER_API || a->must_change || login_is_over(o, a, wall_s(o)) ||
	    !login_has_place(o, a->name)) {
		audit_login(o, a->name, ERR_DENIED);
		return;
	}
	a->failures = 0;
	bool is_same_login = a->login_s && wall_s(o) - a->login_s < LOGIN_WAIT_MS / 1000 && strcmp(a->login_from, "ssh") != 0;
	a->login_s = wall_s(o);
	if (!is_same_login) /* a password over SSH said from where, just before (OPER_FROM) */
		snprintf(a->login_from, sizeof a->login_from, "%s", o->source);
	(void)accounts_save(&o->conf->accounts); /* as in enter */
	oper_become(o, a);
	audit_login(o, a->name, 0);
}
