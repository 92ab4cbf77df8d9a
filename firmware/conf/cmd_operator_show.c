/* Operators as records, and their connections. */
#include "base/err.h"
#include "base/text.h"
#include "conf.h"

#include <stdio.h>

static void put_time(struct oper *o, const char *key, uint64_t seconds)
{
	char at[TEXT_TIME_BYTES] = "";

	if (seconds)
		text_time(seconds * 1000, false, at);
	oper_record_str(o, key, at);
}

static void put_short(struct conf *c, struct oper *o, const struct account *a)
{
	uint64_t now_s = loop_wall_ms(c->loop) / 1000;
	bool is_slowed = throttle_account_wait(&c->throttle, bytes_of(a->name), loop_now(c->loop)) > 0;

	oper_record_begin(o);
	oper_record_str(o, "name", a->name);
	oper_record_str(o, "role", account_role_name(a->role));
	oper_record_str(o, "state", account_is_shut(a) ? "limited by another version" : a->must_change ? "must change password" : login_is_over(o, a, now_s) ? "password expired" :
	                            is_slowed ? "slowed down" : "in force");
	oper_record_str(o, "code", a->totp == TOTP_ON ? "on" : a->totp == TOTP_PENDING ? "unconfirmed" : login_demands_code(o, a) ? "missing" : "off");
	oper_record_int(o, "password_days", login_days_left(o, a, now_s));
	oper_record_int(o, "failures", a->failures);
	put_time(o, "last_login", a->login_s);
	oper_record_str(o, "last_from", a->login_from);
	oper_record_end(o);
}

static void put_long(struct oper *o, const struct account *a)
{
	char key[32];

	oper_record_begin(o);
	put_time(o, "created", a->created_s);
	put_time(o, "password_changed", a->changed_s);
	oper_record_str(o, "password_expiry", a->expiry_days == ACCOUNT_EXPIRY_DEFAULT ? "default" : a->expiry_days == 0 ? "never" : "own");
	oper_record_int(o, "former_passwords", (int64_t)a->n_old);
	for (size_t i = 0; i < a->n_keys && !account_is_shut(a); i++) { /* sshd asks for them here */
		snprintf(key, sizeof key, "key_%zu", i + 1);
		oper_record_str(o, key, a->keys[i]);
	}
	oper_record_end(o);
}

COMMAND_FN(cmd_show_operators)
{
	(void)cmd;
	if (c->accounts.is_damaged)
		oper_note(o, "the file of accounts was damaged and has been put aside: make the accounts anew");
	for (size_t i = 0; i < c->accounts.n; i++) {
		if (args->n > 0 && !bytes_eq_str(args->v[0], c->accounts.v[i].name))
			continue;
		put_short(c, o, &c->accounts.v[i]);
		if (args->n > 0)
			put_long(o, &c->accounts.v[i]);
	}
	bool is_unknown = args->n > 0 && !accounts_find(&c->accounts, args->v[0]);
	oper_done(o, is_unknown ? ERR_NOT_FOUND : 0, is_unknown ? "no such operator: see show operators" : "");
}

COMMAND_FN(cmd_show_operator_sessions)
{
	char since[TEXT_TIME_BYTES];
	uint64_t now_ms = loop_now(c->loop);

	(void)cmd;
	(void)args;
	LIST_EACH(it, &c->opers) {
		const struct oper *s = LIST_OWNER(it, struct oper, node);
		if (s->is_closing)
			continue;
		text_time(s->since_ms, false, since);
		oper_record_begin(o);
		oper_record_int(o, "session", (int64_t)s->id);
		oper_record_str(o, "who", s->is_known ? s->by : "(logging in)");
		oper_record_str(o, "role", s->is_known ? account_role_name(s->role) : "");
		oper_record_str(o, "source", s->source);
		oper_record_str(o, "since", since);
		oper_record_int(o, "idle_s", (int64_t)((now_ms - s->active_ms) / 1000));
		oper_record_str(o, "candidate", s->has_candidate ? "yes" : "no");
		oper_record_str(o, "mine", s == o ? "yes" : "no");
		oper_record_end(o);
	}
	oper_done(o, 0, "");
}

/* By the number of one session, or the name of an account: all of its sessions (G-USR-07). */
COMMAND_FN(cmd_operator_evict)
{
	uint64_t id = 0;
	unsigned n = 0;
	bool is_number = bytes_to_u64(args->v[0], UINT64_MAX / 2, &id) == 0;

	(void)cmd;
	LIST_EACH(it, &c->opers) {
		struct oper *s = LIST_OWNER(it, struct oper, node);
		bool is_meant = is_number ? s->id == id : s->account[0] && bytes_eq_str(args->v[0], s->account);
		if (!is_meant || s == o || s->is_closing)
			continue;
		audit_account(o, s->by, "session", s->source, "evicted");
		oper_evict(s, "an administrator has ended this session");
		n++;
	}
	oper_done(o, n ? 0 : ERR_NOT_FOUND, n ? "" : "no such session of somebody else: see show operator-sessions");
}
