#include "approval.h"

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "conf.h"

#include <inttypes.h>
#include <stdio.h>

static void drop(struct approval *a)
{
	secret_wipe(a->text.p, a->text.cap);
	buf_fini(&a->text);
	*a = (struct approval){ 0 };
}

static void drop_old(struct conf *c)
{
	for (size_t i = 0; i < APPROVALS_MAX; i++) {
		if (c->approvals.v[i].id && c->approvals.v[i].until_ms <= loop_now(c->loop))
			drop(&c->approvals.v[i]);
	}
}

void approvals_fini(struct approvals *a)
{
	for (size_t i = 0; i < APPROVALS_MAX; i++)
		drop(&a->v[i]);
}

/* The setting's values are steps: each has the commands of those before it. */
static unsigned step(const struct conf *c)
{
	struct bytes v = rows_value(&c->store.running, SET_OPERATORS_TWO_PERSON, BYTES_NONE);

	return bytes_eq_str(v, "accounts") ? 2 : bytes_eq_str(v, "factory-reset") ? 1 : 0;
}

bool approval_is_needed(const struct conf *c, const struct command *cmd)
{
	unsigned now = step(c);

	for (size_t i = 0; i < command_two_person_count; i++) {
		const struct command_two_person *row = &command_two_person_table[i];
		if (strncmp(cmd->words, row->words, strlen(row->words)) == 0)
			return now >= row->step;
	}
	return false;
}

/* The words outlive the frame they came in. */
static int keep_args(struct approval *a, const struct command_args *args)
{
	size_t at = 0;

	buf_init(&a->text, APPROVAL_BYTES_MAX);
	for (size_t i = 0; i < args->n; i++)
		buf_put_bytes(&a->text, args->v[i]);
	if (buf_failed(&a->text))
		return ERR_LIMIT;
	a->args = *args;
	for (size_t i = 0; i < args->n; i++) {
		a->args.v[i] = bytes_make(buf_bytes(&a->text).p + at, args->v[i].n);
		at += args->v[i].n;
	}
	return 0;
}

static struct approval *free_place(struct conf *c)
{
	drop_old(c);
	for (size_t i = 0; i < APPROVALS_MAX; i++) {
		if (!c->approvals.v[i].id)
			return &c->approvals.v[i];
	}
	return NULL;
}

void approval_ask(struct oper *o, const struct command *cmd, const struct command_args *args)
{
	struct conf *c = o->conf;
	struct approval *a = free_place(c);
	int64_t wait_s = rows_number(&c->store.running, SET_OPERATORS_APPROVAL);
	char text[160], id[24];

	if (!a || keep_args(a, args) < 0) {
		if (a)
			drop(a);
		oper_done(o, ERR_FULL, "too many requests wait for approval, or this one is too large");
		return;
	}
	a->id = ++c->approvals.next_id;
	snprintf(a->by, sizeof a->by, "%s", o->by);
	snprintf(a->account, sizeof a->account, "%s", o->account);
	a->command = cmd;
	a->until_ms = loop_now(c->loop) + (uint64_t)wait_s * 1000;
	snprintf(id, sizeof id, "%" PRIu64, a->id);
	audit_approval(o, "asked", id, cmd->words);
	snprintf(text, sizeof text, "not yet: another admin has to say approve %s within %lld s", id, (long long)wait_s);
	oper_done(o, ERR_AGAIN, text);
}

/* ---- the second person ---- */

static struct approval *find(struct conf *c, struct oper *o, struct bytes word)
{
	uint64_t id = 0;

	drop_old(c);
	(void)bytes_to_u64(word, UINT64_MAX / 2, &id); /* 0 is nobody's */
	for (size_t i = 0; i < APPROVALS_MAX; i++) {
		if (id && c->approvals.v[i].id == id)
			return &c->approvals.v[i];
	}
	oper_done(o, ERR_NOT_FOUND, "no such request waits: see show approvals");
	return NULL;
}

/* Who asked must still be allowed to. */
static bool may_still(const struct conf *c, const struct approval *a)
{
	const struct account *account = accounts_find(&c->accounts, bytes_of(a->account));

	return !a->account[0] || (account && rights_may(account->role, a->command->role));
}

COMMAND_FN(cmd_approve)
{
	struct approval *a = find(c, o, args->v[0]);
	char id[24];

	(void)cmd;
	if (!a)
		return;
	if (strcmp(a->account, o->account) == 0) {
		oper_done(o, ERR_DENIED, "you asked for it yourself: somebody else has to approve");
		return;
	}
	if (!may_still(c, a)) {
		drop(a);
		oper_done(o, ERR_DENIED, "who asked for it may not do it any more");
		return;
	}
	struct approval taken = *a;
	*a = (struct approval){ 0 };
	snprintf(id, sizeof id, "%" PRIu64, taken.id);
	audit_approval(o, "approved", id, taken.command->words);
	o->had_secret = taken.args.has_secret;
	command_run(o, taken.command, &taken.args);
	drop(&taken);
}

COMMAND_FN(cmd_disapprove)
{
	struct approval *a = find(c, o, args->v[0]);
	char id[24];

	(void)cmd;
	if (!a)
		return;
	snprintf(id, sizeof id, "%" PRIu64, a->id);
	audit_approval(o, "refused", id, a->command->words);
	drop(a);
	oper_done(o, 0, "");
}

COMMAND_FN(cmd_show_approvals)
{
	(void)cmd;
	(void)args;
	drop_old(c);
	for (size_t i = 0; i < APPROVALS_MAX; i++) {
		const struct approval *a = &c->approvals.v[i];
		if (!a->id)
			continue;
		oper_record_begin(o);
		oper_record_int(o, "request", (int64_t)a->id);
		oper_record_str(o, "by", a->by);
		oper_record_str(o, "command", a->command->words);
		oper_record_bytes(o, "what", a->args.n > 0 && !a->args.has_secret_first && a->args.kinds[0] == OPER_WORD_TYPED ? a->args.v[0] : BYTES_NONE);
		oper_record_int(o, "left_s", (int64_t)((a->until_ms - loop_now(c->loop)) / 1000));
		oper_record_end(o);
	}
	oper_done(o, 0, "");
}
