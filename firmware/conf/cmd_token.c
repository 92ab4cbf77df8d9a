/* Commands about API tokens. A change is on disk before it is answered, or it did not happen. */
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "conf.h"

#include <stdio.h>

enum { DAY_S = 86400, DAYS_MAX = 3650 };

static const char unwritten[] = "the tokens cannot be written: nothing has changed";

static void put_time(struct oper *o, const char *key, uint64_t seconds, const char *none)
{
	char at[TEXT_TIME_BYTES] = "";

	if (seconds)
		text_time(seconds * 1000, false, at);
	oper_record_str(o, key, seconds ? at : none);
}

static void put_ranges(struct oper *o, const struct token *t)
{
	struct buf b;

	buf_init(&b, TOKEN_FROM_MAX * TOKEN_FROM_BYTES);
	for (size_t i = 0; i < t->n_from; i++)
		buf_putf(&b, "%s%s", i ? " " : "", t->from[i]);
	oper_record_bytes(o, "addresses", t->n_from ? buf_bytes(&b) : BYTES("any"));
	buf_fini(&b);
}

static int64_t count_sessions(const struct conf *c, const struct token *t)
{
	char account[OPER_NAME_MAX + 1];
	int64_t n = 0;

	snprintf(account, sizeof account, TOKEN_BY "%s", t->name);
	LIST_EACH(it, &c->opers) {
		const struct oper *o = LIST_OWNER(it, struct oper, node);
		n += !o->is_closing && !o->like && strcmp(o->account, account) == 0;
	}
	return n;
}

COMMAND_FN(cmd_show_tokens)
{
	(void)cmd;
	(void)args;
	if (c->tokens.is_damaged)
		oper_note(o, "the file of tokens was damaged and has been put aside: make the tokens anew");
	for (size_t i = 0; i < c->tokens.n; i++) {
		const struct token *t = &c->tokens.v[i];
		oper_record_begin(o);
		oper_record_str(o, "name", t->name);
		oper_record_str(o, "role", account_role_name(t->role));
		oper_record_str(o, "state", t->kept.is_shut ? "limited by another version" : token_is_over(t, loop_wall_ms(c->loop) / 1000) ? "expired" : "in force");
		put_time(o, "until", t->until_s, "never ends");
		put_ranges(o, t);
		put_time(o, "last_used", t->used_s, "never");
		oper_record_str(o, "last_from", t->used_from);
		oper_record_int(o, "sessions", count_sessions(c, t));
		put_time(o, "made", t->created_s, "");
		oper_record_str(o, "made_by", t->by);
		oper_record_end(o);
	}
	oper_done(o, 0, "");
}

/* What is wrong with what was asked for; NULL: nothing. Fills t. */
static const char *fill(struct token *t, const struct oper *o, const struct command_args *args)
{
	uint64_t days = 0, now_s = loop_wall_ms(o->conf->loop) / 1000;
	bool is_for_good = bytes_eq_str(args->v[2], "never");

	(void)account_role_of(args->v[1], &t->role); /* the place took it */
	if (t->role == OPER_ADMIN)
		return "a token is never an admin: what only an admin may do is for persons. Take api, operator, auditor or crypto";
	if (!is_for_good && (bytes_to_u64(args->v[2], DAYS_MAX, &days) < 0 || days == 0))
		return "days: 1 to 3650, or never";
	for (size_t i = 3; i < args->n; i++) {
		if (token_add_from(t, args->v[i]) < 0)
			return "a place is an address or a range like 192.0.2.0/24, and eight are the most";
	}
	t->created_s = now_s;
	t->until_s = is_for_good ? 0 : now_s + days * DAY_S;
	snprintf(t->by, sizeof t->by, "%s", o->by);
	return NULL;
}

static void show_once(struct oper *o, const struct token *t, const char *text)
{
	oper_record_begin(o);
	oper_record_str(o, "name", t->name);
	oper_record_str(o, "role", account_role_name(t->role));
	put_time(o, "until", t->until_s, "never ends");
	put_ranges(o, t);
	oper_record_str(o, "token", text);
	oper_record_end(o);
	oper_note(o, "this is the only time that the token is shown: the box keeps no more than a hash of it");
}

COMMAND_FN(cmd_token_add)
{
	char text[TOKEN_TEXT_BYTES], after[96];

	(void)cmd;
	if (!token_is_name(args->v[0])) {
		oper_done(o, ERR_SYNTAX, "a name has a lower-case letter, then lower-case letters, digits, - _ . and at most 26 in all");
		return;
	}
	if (tokens_find(&c->tokens, args->v[0])) {
		oper_done(o, ERR_EXISTS, "there is such a token already: revoke it first");
		return;
	}
	struct token *t = tokens_add(&c->tokens, args->v[0]);
	const char *why = t ? fill(t, o, args) : "64 tokens are the most";
	if (why) {
		if (t)
			tokens_drop(&c->tokens, t);
		oper_done(o, t ? ERR_RANGE : ERR_FULL, why);
		return;
	}
	token_make(t, text);
	int rc = tokens_save(&c->tokens);
	if (rc == 0) {
		snprintf(after, sizeof after, "%s, %zu address ranges, until %llu", account_role_name(t->role), t->n_from, (unsigned long long)t->until_s);
		audit_account(o, t->name, "token", "", after);
		o->had_secret = true;
		show_once(o, t, text);
	} else {
		tokens_drop(&c->tokens, t);
	}
	secret_wipe(text, sizeof text);
	oper_done(o, rc, rc < 0 ? unwritten : "");
}

static void evict_all(struct conf *c, const char *name)
{
	char account[OPER_NAME_MAX + 1];

	snprintf(account, sizeof account, TOKEN_BY "%s", name);
	LIST_EACH(it, &c->opers) {
		struct oper *o = LIST_OWNER(it, struct oper, node);
		if (strcmp(o->account, account) == 0)
			oper_evict(o, "this token has been revoked");
	}
}

COMMAND_FN(cmd_token_revoke)
{
	struct token *t = tokens_find(&c->tokens, args->v[0]);

	(void)cmd;
	if (!t) {
		oper_done(o, ERR_NOT_FOUND, "no such token: see show tokens");
		return;
	}
	struct token before = *t;
	tokens_drop(&c->tokens, t);
	int rc = tokens_save(&c->tokens);
	if (rc < 0 && (t = tokens_add(&c->tokens, bytes_of(before.name)))) {
		*t = before;
	} else if (rc == 0) {
		audit_account(o, before.name, "token", account_role_name(before.role), "revoked");
		evict_all(c, before.name);
	}
	oper_done(o, rc, rc < 0 ? unwritten : "");
}
