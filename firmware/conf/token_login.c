#include "token_login.h"

#include "base/err.h"
#include "base/text.h"
#include "conf.h"

#include <stdio.h>

enum { DAY_S = 86400, USE_SAVED_S = 600 };

static uint64_t wall_s(const struct oper *o)
{
	return loop_wall_ms(o->conf->loop) / 1000;
}

/* Wrong, or not here, or not any more: who asks hears one text. */
static void refuse(struct oper *o, const char *name, const char *why)
{
	struct conf *c = o->conf;
	struct throttle_try try = { .name = BYTES("token"), .source = o->source,
		                    .tries = (uint32_t)rows_number(&c->store.running, SET_OPERATORS_TRIES),
		                    .longest_ms = (uint64_t)rows_number(&c->store.running, SET_OPERATORS_LOCKOUT) * 1000 };
	uint64_t wait_ms = throttle_begin(&c->token_throttle, &try, loop_now(c->loop));
	char text[64];

	if (wait_ms) {
		snprintf(text, sizeof text, "too many attempts: wait %llu s", (unsigned long long)((wait_ms + 999) / 1000));
		oper_done(o, ERR_AGAIN, text);
	} else {
		audit_token_refused(o, name, why);
		oper_done(o, ERR_AUTH, "this token is not good here");
	}
	oper_evict(o, "");
}

/* The last use is on the disk within ten minutes: not each request is worth a write. */
static void note_use(struct oper *o, struct token *t)
{
	struct tokens *all = &o->conf->tokens;
	uint64_t now_s = wall_s(o);
	bool is_news = strcmp(t->used_from, o->source) != 0 || now_s < all->saved_s || now_s - all->saved_s >= USE_SAVED_S;

	t->used_s = now_s;
	snprintf(t->used_from, sizeof t->used_from, "%s", o->source);
	if (!is_news)
		return;
	all->saved_s = now_s;
	(void)tokens_save(all); /* said in the log; a full disk keeps nobody out */
}

static void tell(struct oper *o, const struct token *t, uint64_t last_s, const char *last_from)
{
	char at[TEXT_TIME_BYTES] = "";

	if (last_s)
		text_time(last_s * 1000, false, at);
	oper_record_begin(o);
	oper_record_str(o, "name", o->account);
	oper_record_str(o, "role", account_role_name(o->role));
	oper_record_str(o, "last_login", at);
	oper_record_str(o, "last_from", last_from);
	oper_record_int(o, "failures", 0);
	oper_record_int(o, "password_days", t->until_s ? (int64_t)((t->until_s - wall_s(o)) / DAY_S) : -1);
	oper_record_end(o);
}

static void enter(struct oper *o, struct token *t)
{
	struct account as = { .role = t->role, .totp = TOTP_ON }; /* a program has no codes: the token is what it has */
	uint64_t last_s = t->used_s;
	char last_from[ACCOUNT_FROM_BYTES];

	snprintf(as.name, sizeof as.name, TOKEN_BY "%s", t->name);
	if (!login_has_place(o, as.name)) {
		audit_login(o, as.name, ERR_FULL);
		oper_done(o, ERR_FULL, "too many sessions: end one of them, or let an administrator do it (operator evict)");
		return;
	}
	memcpy(last_from, t->used_from, sizeof last_from);
	note_use(o, t);
	oper_become(o, &as);
	audit_login(o, as.name, 0);
	tell(o, t, last_s, last_from);
	oper_done(o, 0, "");
}

void token_login(struct oper *o, struct bytes text)
{
	struct token *t = tokens_of_text(&o->conf->tokens, text);

	o->is_busy = true;
	o->had_secret = true;
	if (!t || o->way != OPER_WAY_HANDED)
		refuse(o, t ? t->name : "(unknown)", t ? "not over the web" : "no such token");
	else if (t->kept.is_shut)
		refuse(o, t->name, "another version limits it");
	else if (token_is_over(t, wall_s(o)))
		refuse(o, t->name, "it has expired");
	else if (!token_may_come_from(t, o->source))
		refuse(o, t->name, "not from this address");
	else
		enter(o, t);
}

bool token_has_ended(const struct oper *o)
{
	struct bytes account = bytes_of(o->account);

	if (!bytes_starts(account, BYTES(TOKEN_BY)))
		return false;
	const struct token *t = tokens_find(&o->conf->tokens, bytes_skip(account, sizeof TOKEN_BY - 1));
	return !t || token_is_over(t, wall_s(o));
}
