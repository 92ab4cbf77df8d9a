/* Commands about operators' accounts: made, changed, deleted. A change is on disk before it is answered, or it did not
 * happen. */
#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "conf.h"
#include "totp.h"

#include <stdio.h>

enum { ONE_TIME_BYTES = 10 }; /* 80 bits */

static void evict_all(struct conf *c, const char *account, const struct oper *but, const char *why)
{
	LIST_EACH(it, &c->opers) {
		struct oper *o = LIST_OWNER(it, struct oper, node);
		if (o != but && strcmp(o->account, account) == 0)
			oper_evict(o, why);
	}
}

/* Saves; what was changed in a goes back to before when that fails. */
static int save_or_restore(struct conf *c, struct account *a, struct account *before)
{
	int rc = accounts_save(&c->accounts);

	if (rc < 0)
		*a = *before;
	secret_wipe(before, sizeof *before);
	return rc;
}

static struct account *find(struct conf *c, struct oper *o, struct bytes name)
{
	struct account *a = accounts_find(&c->accounts, name);

	if (!a)
		oper_done(o, ERR_NOT_FOUND, "no such operator: see show operators");
	return a;
}

/* One that is to be changed: what limits it would be changed with it, unseen. */
static struct account *find_open(struct conf *c, struct oper *o, struct bytes name)
{
	struct account *a = find(c, o, name);

	if (!a || !account_is_shut(a))
		return a;
	oper_done(o, ERR_BAD_STATE, "another version limits this account in a way that this one does not know: delete it, or go to that version");
	return NULL;
}

static void done(struct oper *o, int rc, const char *text)
{
	oper_done(o, rc, rc < 0 ? "the accounts cannot be written: nothing has changed" : text);
}

/* ---- add ---- */

static void on_add_hash(struct oper *o, int rc, const char *why, const struct scrypt *fresh)
{
	struct conf *c = o->conf;
	struct account *a = rc == 0 ? accounts_find(&c->accounts, bytes_of(o->login.name)) : NULL;

	if (rc < 0) {
		oper_done(o, rc, why);
		return;
	}
	if (a || !(a = accounts_add(&c->accounts, bytes_of(o->login.name)))) {
		oper_done(o, a ? ERR_EXISTS : ERR_FULL, a ? "there is such an operator already" : "64 operators are the most");
		return;
	}
	a->role = o->login.role;
	a->created_s = loop_wall_ms(c->loop) / 1000;
	login_set_password(o, a, fresh, a->role != OPER_API); /* G-USR-02; a program cannot choose one */
	rc = accounts_save(&c->accounts);
	if (rc < 0)
		accounts_drop(&c->accounts, a);
	else
		audit_account(o, o->login.name, "account", "", account_role_name(o->login.role));
	done(o, rc, o->login.role == OPER_API ? "" : "the first login asks for a password of its own");
}

COMMAND_FN(cmd_operator_add)
{
	char name[OPER_NAME_MAX + 1];

	(void)cmd;
	if (!account_is_name(args->v[0])) {
		oper_done(o, ERR_SYNTAX, "a name has a lower-case letter, then lower-case letters, digits, - _ . and at most 32 in all; root is the console's");
		return;
	}
	if (accounts_find(&c->accounts, args->v[0])) {
		oper_done(o, ERR_EXISTS, "there is such an operator already");
		return;
	}
	snprintf(name, sizeof name, "%.*s", BYTES_FMT(args->v[0]));
	(void)account_role_of(args->v[1], &o->login.role); /* the place took it */
	login_new_password(o, name, args->v[2], false, on_add_hash);
}

/* ---- delete, role, expiry, unlock ---- */

COMMAND_FN(cmd_operator_delete)
{
	struct account *a = find(c, o, args->v[0]);
	char name[OPER_NAME_MAX + 1];

	(void)cmd;
	if (!a)
		return;
	if (a->role == OPER_ADMIN && accounts_count_admins(&c->accounts, a) == 0) {
		oper_done(o, ERR_DENIED, "the last admin: make another one first (G-USR-04)");
		return;
	}
	struct account before = *a;
	memcpy(name, a->name, sizeof name);
	accounts_drop(&c->accounts, a);
	int rc = accounts_save(&c->accounts);
	if (rc < 0 && (a = accounts_add(&c->accounts, bytes_of(name))))
		*a = before;
	secret_wipe(&before, sizeof before);
	if (rc == 0) {
		audit_account(o, name, "account", account_role_name(before.role), "deleted");
		evict_all(c, name, o, "this account has been deleted");
	}
	done(o, rc, "");
	if (rc == 0 && strcmp(o->account, name) == 0)
		oper_evict(o, "");
}

COMMAND_FN(cmd_operator_role)
{
	struct account *a = find_open(c, o, args->v[0]);
	enum oper_role role = OPER_AUDITOR;

	(void)cmd;
	if (!a)
		return;
	(void)account_role_of(args->v[1], &role); /* the place took it */
	if (a->role == OPER_ADMIN && role != OPER_ADMIN && accounts_count_admins(&c->accounts, a) == 0) {
		oper_done(o, ERR_DENIED, "the last admin: make another one first (G-USR-04)");
		return;
	}
	struct account before = *a;
	enum oper_role was = a->role;
	a->role = role;
	int rc = save_or_restore(c, a, &before);
	if (rc == 0 && was != role) {
		audit_account(o, a->name, "role", account_role_name(was), account_role_name(role));
		evict_all(c, a->name, o, "the role of this account has changed: log in again");
	}
	done(o, rc, "");
	if (rc == 0 && was != role && strcmp(o->account, a->name) == 0)
		oper_evict(o, "");
}

static void put_days(int32_t days, char out[static 24])
{
	snprintf(out, 24, days == ACCOUNT_EXPIRY_DEFAULT ? "default" : days == 0 ? "never" : "%d days", days);
}

COMMAND_FN(cmd_operator_expiry)
{
	struct account *a = find_open(c, o, args->v[0]);
	char was[24], is[24];
	uint64_t days = 0;
	bool is_default = bytes_eq_str(args->v[1], "default"), is_never = bytes_eq_str(args->v[1], "never");

	(void)cmd;
	if (!a)
		return;
	if (!is_default && !is_never && (bytes_to_u64(args->v[1], 3650, &days) < 0 || days == 0)) {
		oper_done(o, ERR_RANGE, "1 to 3650 days, never, or default (as operators password-expiry says)");
		return;
	}
	struct account before = *a;
	put_days(a->expiry_days, was);
	a->expiry_days = is_default ? ACCOUNT_EXPIRY_DEFAULT : (int32_t)days;
	put_days(a->expiry_days, is);
	int rc = save_or_restore(c, a, &before);
	if (rc == 0)
		audit_account(o, a->name, "password-expiry", was, is);
	done(o, rc, "");
}

/* The password still opens a session; in it another one has to be chosen first. */
COMMAND_FN(cmd_operator_expire)
{
	struct account *a = find_open(c, o, args->v[0]);

	(void)cmd;
	if (!a)
		return;
	if (a->role == OPER_API) {
		oper_done(o, ERR_UNSUPPORTED, "a program cannot choose a password: delete the account and make it anew");
		return;
	}
	struct account before = *a;
	a->must_change = true;
	int rc = save_or_restore(c, a, &before);
	if (rc == 0)
		audit_account(o, a->name, "password", "", "expired");
	done(o, rc, "the next login asks for a password of its own");
}

COMMAND_FN(cmd_operator_unlock)
{
	struct account *a = find_open(c, o, args->v[0]);
	char was[24];

	(void)cmd;
	if (!a)
		return;
	struct account before = *a;
	snprintf(was, sizeof was, "%u", a->failures);
	a->failures = 0;
	throttle_forgive(&c->throttle, bytes_of(a->name));
	lockout_forgiven(c);
	int rc = save_or_restore(c, a, &before);
	if (rc == 0)
		audit_account(o, a->name, "failures", was, "0");
	done(o, rc, "");
}

/* ---- passwords ---- */

static void on_reset_hash(struct oper *o, int rc, const char *why, const struct scrypt *fresh)
{
	struct conf *c = o->conf;
	struct account *a = accounts_find(&c->accounts, bytes_of(o->login.name));
	struct bytes password = bytes_make(o->login.fresh, o->login.fresh_n);

	if (rc < 0 || !a) {
		oper_done(o, rc < 0 ? rc : ERR_NOT_FOUND, rc < 0 ? why : "");
		return;
	}
	struct account before = *a;
	login_set_password(o, a, fresh, true);
	a->failures = 0;
	rc = save_or_restore(c, a, &before);
	if (rc == 0) {
		throttle_forgive(&c->throttle, bytes_of(a->name));
		lockout_forgiven(c);
		audit_account(o, a->name, "password", "", "reset");
		evict_all(c, a->name, o, "the password of this account has been reset");
		oper_record_begin(o);
		oper_record_str(o, "name", a->name);
		oper_record_bytes(o, "one_time_password", password);
		oper_record_end(o);
	}
	done(o, rc, "it is good for one login, which asks for another");
}

/* Made by the box: nobody has to think of one, and it is a good one. */
static void make_one_time(struct buf *out)
{
	uint8_t raw[ONE_TIME_BYTES];
	struct buf text;

	buf_init(&text, 64);
	random_bytes(raw, sizeof raw);
	totp_put_base32(bytes_make(raw, sizeof raw), &text);
	for (size_t i = 0; i < buf_len(&text); i++) {
		if (i > 0 && i % 4 == 0)
			buf_put_u8(out, '-');
		buf_put_u8(out, (uint8_t)(buf_bytes(&text).p[i] | (buf_bytes(&text).p[i] >= 'A' ? 0x20 : 0)));
	}
	secret_wipe(raw, sizeof raw);
	secret_wipe(text.p, text.cap);
	buf_fini(&text);
}

COMMAND_FN(cmd_operator_reset)
{
	struct account *a = find_open(c, o, args->v[0]);
	struct buf password;

	(void)cmd;
	if (!a)
		return;
	buf_init(&password, 64);
	make_one_time(&password);
	login_hash_password(o, a->name, buf_bytes(&password), on_reset_hash);
	secret_wipe(password.p, password.cap);
	buf_fini(&password);
}

static void on_own_hash(struct oper *o, int rc, const char *why, const struct scrypt *fresh)
{
	struct conf *c = o->conf;
	struct account *a = accounts_find(&c->accounts, bytes_of(o->account));

	if (rc < 0 || !a) {
		oper_done(o, rc < 0 ? rc : ERR_NOT_FOUND, rc < 0 ? why : "");
		return;
	}
	struct account before = *a;
	login_set_password(o, a, fresh, false);
	rc = save_or_restore(c, a, &before);
	if (rc == 0) {
		audit_account(o, a->name, "password", "", "changed");
		evict_all(c, a->name, o, "the password of this account has changed");
	}
	done(o, rc, "");
}

static void on_old_compared(struct oper *o, int rc)
{
	struct bytes fresh = bytes_make(o->login.fresh, o->login.fresh_n);

	if (rc < 0)
		oper_done(o, rc, "the old password is wrong");
	else
		login_new_password(o, o->login.name, fresh, true, on_own_hash);
}

COMMAND_FN(cmd_passwd)
{
	struct account *a = accounts_find(&c->accounts, bytes_of(o->account));

	(void)cmd;
	if (!a) {
		oper_done(o, ERR_DENIED, "the console has no password: see operator reset");
		return;
	}
	if (args->v[1].n > OPER_PASSWORD_MAX) {
		oper_done(o, ERR_RANGE, "a password is text without control characters, at most 256 bytes");
		return;
	}
	memcpy(o->login.fresh, args->v[1].p, args->v[1].n);
	o->login.fresh_n = args->v[1].n;
	login_compare(o, a, args->v[0], on_old_compared);
}

/* ---- SSH public keys ---- */

/* "ssh-ed25519 AAAA... comment": what may stand in authorized_keys, without options in front. */
static bool is_key(struct bytes line)
{
	static const char *const kinds[] = { "ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-nistp256 ", "ecdsa-sha2-nistp384 ", "ecdsa-sha2-nistp521 ",
		                             "sk-ssh-ed25519@openssh.com ", "sk-ecdsa-sha2-nistp256@openssh.com " };
	bool is_kind = false;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		is_kind |= bytes_starts(line, bytes_of(kinds[i]));
	for (size_t i = 0; i < line.n; i++)
		is_kind &= line.p[i] >= 0x20 && line.p[i] < 0x7f;
	return is_kind && line.n < ACCOUNT_KEY_BYTES;
}

/* The file's only line. */
static struct bytes one_line(struct bytes text)
{
	while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r' || text.p[text.n - 1] == ' '))
		text.n--;
	return text;
}

COMMAND_FN(cmd_operator_key_add)
{
	struct account *a = find_open(c, o, args->v[0]);
	struct bytes line = one_line(args->v[1]);

	(void)cmd;
	if (!a)
		return;
	if (!is_key(line) || a->n_keys == ACCOUNT_KEYS_MAX) {
		oper_done(o, is_key(line) ? ERR_FULL : ERR_SYNTAX, is_key(line) ? "8 keys are the most of an account" :
		          "not a file with one OpenSSH public key (like id_ed25519.pub)");
		return;
	}
	struct account before = *a;
	char *key = a->keys[a->n_keys++];
	snprintf(key, ACCOUNT_KEY_BYTES, "%.*s", BYTES_FMT(line));
	char shown[128];
	snprintf(shown, sizeof shown, "%.127s", key);
	int rc = save_or_restore(c, a, &before);
	if (rc == 0)
		audit_account(o, a->name, "key", "", shown);
	done(o, rc, "");
}

COMMAND_FN(cmd_operator_key_delete)
{
	struct account *a = find_open(c, o, args->v[0]);
	uint64_t at = 0;

	(void)cmd;
	if (!a)
		return;
	if (bytes_to_u64(args->v[1], ACCOUNT_KEYS_MAX, &at) < 0 || at == 0 || at > a->n_keys) {
		oper_done(o, ERR_NOT_FOUND, "no key of that number: see show operator");
		return;
	}
	struct account before = *a;
	char shown[128];
	snprintf(shown, sizeof shown, "%.127s", a->keys[at - 1]);
	memmove(a->keys[at - 1], a->keys[at], (a->n_keys - at) * sizeof a->keys[0]);
	a->n_keys--;
	int rc = save_or_restore(c, a, &before);
	if (rc == 0)
		audit_account(o, a->name, "key", shown, "");
	done(o, rc, "");
}
