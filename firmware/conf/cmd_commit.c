/* Commands about transactions: check, commit, confirm, revert, rollback, history. */
#include "base/err.h"
#include "base/log.h"
#include "check.h"
#include "conf.h"

#include <stdio.h>
#include <stdlib.h>

/* A commit does not wait long for a gh-keys that hangs: it goes on with a warning. */
enum { KEYS_SILENCE_MS = 3000 };

/* Findings as notes; false when there is an error among them. *first: text of the first error. */
static bool report(struct oper *o, const struct rows *r, char first[static 512])
{
	struct check *found = malloc(sizeof *found);

	if (!found) {
		snprintf(first, 512, "%s", err_text(ERR_NOMEM));
		return false;
	}
	struct check_against against = { .is_appliance = conf_is_appliance(o->conf), .zones = o->conf->zones,
		                         .running = &o->conf->store.running, .keys = &o->keys,
		                         .wall_s = (int64_t)(loop_wall_ms(o->conf->loop) / 1000) };
	check_rows(r, &against, found);
	first[0] = 0;
	for (size_t i = 0; i < found->n; i++) {
		char text[600];
		const struct check_finding *f = &found->v[i];
		snprintf(text, sizeof text, "%s%s%s", f->path, f->path[0] ? ": " : "", f->text);
		if (f->is_error && !first[0])
			snprintf(first, 512, "%.511s", text);
		else
			oper_note(o, text);
	}
	bool is_sound = found->n_errors == 0;
	free(found);
	return is_sound;
}

/* ---- the keys first: gh-keys alone knows them ---- */

static bool take_key(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned n = wire_u16(&w);
	struct bytes key = BYTES_NONE, public = BYTES_NONE;

	(void)c;
	(void)name;
	for (unsigned i = 0; i < n; i++) {
		struct bytes field = wire_str(&w), value = wire_bytes(&w);
		if (bytes_eq_str(field, "key"))
			key = value;
		else if (bytes_eq_str(field, "public"))
			public = value;
	}
	if (wire_failed(&w) || keyring_add(&o->keys, key, public) < 0)
		log_warn("conf.key.unreadable", LOG_BYTES("key", key));
	return true;
}

void commit_ask_keys(struct conf *c, struct oper *o,
                     void (*then)(struct conf *c, struct oper *o, const char *name, int rc, const char *text))
{
	struct relay_ask ask = { .targets = P(PROG_KEYS), .verb = "key public", .silence_ms = KEYS_SILENCE_MS,
				 .record = take_key, .done = then };

	keyring_fini(&o->keys);
	relay_start(c, o, &ask);
}

static void check_with_keys(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	char first[512];

	(void)c;
	(void)name;
	o->keys.is_known = rc == 0;
	if (rc == ERR_BAD_STATE)
		oper_done(o, rc, text);
	else if ((rc = oper_rebase(o, first)) < 0)
		oper_done(o, rc, first);
	else if (report(o, oper_rows(o), first))
		oper_done(o, 0, "the candidate is sound");
	else
		oper_done(o, ERR_DENIED, first);
	keyring_fini(&o->keys);
}

COMMAND_FN(cmd_check)
{
	(void)cmd;
	(void)args;
	commit_ask_keys(c, o, check_with_keys);
}

struct judged {
	const struct oper *oper;
	char *first;
};

static void judge(void *arg, const struct row_item *old, const struct row_item *new)
{
	struct judged *j = arg;
	struct bytes path = (old ? old : new)->path;
	bool is_rule = (old ? old : new)->row->id == SET_OPERATORS_TWO_PERSON && old;

	/* one person alone cannot take the rule away; root can, whose box it is */
	if (!j->first[0] && is_rule && j->oper->account[0])
		snprintf(j->first, 512, "operators two-person: only root's console may change it");
	if (!j->first[0] && !rights_may(j->oper->role, rights_setting(path)))
		snprintf(j->first, 512, "%.*s: your role may not change this setting", (int)(path.n > 400 ? 400 : path.n), (const char *)path.p);
}

/* However it came into the candidate. */
static bool may_change(const struct oper *o, char first[static 512])
{
	struct judged j = { o, first };

	first[0] = 0;
	rows_diff(&o->base, &o->candidate, judge, &j);
	return !first[0];
}

static void commit(struct conf *c, struct oper *o, unsigned minutes)
{
	char text[512];
	struct rows next = { 0 };

	if (!o->has_candidate || rows_diff(&o->base, &o->candidate, NULL, NULL) == 0) {
		oper_done(o, 0, "nothing to commit");
		return;
	}
	int rc = oper_rebase(o, text);
	if (rc < 0) {
		oper_done(o, rc, text);
		return;
	}
	if (!may_change(o, text)) {
		oper_done(o, ERR_DENIED, text);
		return;
	}
	if (!report(o, &o->candidate, text)) {
		oper_done(o, ERR_DENIED, text);
		return;
	}
	rc = rows_copy(&next, &o->candidate);
	if (rc < 0) {
		oper_done(o, rc, "");
		return;
	}
	struct txn_start start = { .rows = &next, .by = o->by, .note = "", .confirm_minutes = minutes };
	c->commit_oper = o->id;
	c->is_revert = false;
	rc = txn_start(&c->txn, &start);
	if (rc == 0)
		return;
	rows_fini(&next);
	c->commit_oper = rc == ERR_AGAIN ? c->commit_oper : 0;
	oper_done(o, rc, rc == ERR_AGAIN ? "another commit is under way" :
	                 "a commit waits for its confirmation: confirm or revert first");
}

static void commit_with_keys(struct conf *c, struct oper *o, const char *name, int rc, const char *text)
{
	(void)name;
	o->keys.is_known = rc == 0;
	if (rc == ERR_BAD_STATE)
		oper_done(o, rc, text);
	else if (c->txn.state != TXN_IDLE)
		oper_done(o, ERR_AGAIN, "another commit is under way");
	else
		commit(c, o, o->commit_minutes);
	keyring_fini(&o->keys);
}

static void start_commit(struct conf *c, struct oper *o, unsigned minutes)
{
	o->commit_minutes = minutes;
	if (c->txn.state != TXN_IDLE)
		oper_done(o, ERR_AGAIN, "another commit is under way");
	else
		commit_ask_keys(c, o, commit_with_keys);
}

void commit_run(struct conf *c, struct oper *o)
{
	start_commit(c, o, 0);
}

COMMAND_FN(cmd_commit)
{
	(void)cmd;
	(void)args;
	start_commit(c, o, 0);
}

COMMAND_FN(cmd_commit_confirm)
{
	uint64_t minutes = 0;

	(void)cmd;
	if (bytes_to_u64(args->v[0], TXN_CONFIRM_MAX_MINUTES, &minutes) < 0 || minutes == 0)
		oper_done(o, ERR_RANGE, "1 to 1440 minutes");
	else
		start_commit(c, o, (unsigned)minutes);
}

void commit_answer(struct conf *c, const struct txn_result *r)
{
	struct oper *o = oper_of(c, c->commit_oper);
	char text[600];

	c->commit_oper = 0;
	if (!o)
		return;
	if (r->rc < 0) {
		snprintf(text, sizeof text, "%s%s%s", r->path, r->path[0] ? ": " : "", r->why);
		oper_done(o, r->rc, text);
		return;
	}
	if (!c->is_revert)
		oper_discard(o);
	uint64_t left_ms = txn_confirm_left_ms(&c->txn);
	if (left_ms > 0)
		snprintf(text, sizeof text, "generation %u runs; goes back in %llu s unless you confirm",
		         r->generation, (unsigned long long)(left_ms / 1000));
	else
		snprintf(text, sizeof text, "generation %u runs", r->generation);
	oper_done(o, 0, text);
}

/* What somebody else committed is an admin's to keep or to take back. */
static bool is_of_another(const struct conf *c, struct oper *o)
{
	bool is_so = txn_confirm_left_ms(&c->txn) > 0 && strcmp(c->txn.by, o->by) != 0 && !rights_may(o->role, OPER_ADMIN);

	if (is_so)
		oper_done(o, ERR_DENIED, "somebody else committed it: an admin may decide");
	return is_so;
}

COMMAND_FN(cmd_confirm)
{
	(void)cmd;
	(void)args;
	if (is_of_another(c, o))
		return;
	int rc = txn_confirm(&c->txn);
	oper_done(o, rc, rc == ERR_BAD_STATE ? "nothing waits for a confirmation" : rc < 0 ? "" : "kept");
}

COMMAND_FN(cmd_revert)
{
	(void)cmd;
	(void)args;
	if (is_of_another(c, o))
		return;
	if (c->txn.state != TXN_IDLE) {
		oper_done(o, ERR_AGAIN, "another commit is under way");
		return;
	}
	c->commit_oper = o->id;
	c->is_revert = true;
	int rc = txn_revert(&c->txn);
	if (rc < 0) {
		c->commit_oper = 0;
		oper_done(o, rc, rc == ERR_BAD_STATE ? "nothing waits for a confirmation" : "");
	}
}

COMMAND_FN(cmd_rollback)
{
	uint64_t generation = 0;
	struct rows r = { 0 };

	(void)cmd;
	int rc = bytes_to_u64(args->v[0], UINT32_MAX, &generation);
	if (rc == 0)
		rc = store_load(&c->store, (uint32_t)generation, &r);
	if (rc == 0)
		rc = oper_begin(o);
	if (rc == 0)
		rc = oper_decide(o, BYTES_NONE);
	if (rc == 0) {
		rows_fini(&o->candidate);
		o->candidate = r;
		oper_done(o, 0, "in your candidate; see diff, then commit");
		return;
	}
	rows_fini(&r);
	oper_done(o, rc, rc == ERR_NOT_FOUND ? "no such generation; see history" : "");
}

COMMAND_FN(cmd_history)
{
	struct store_about about;
	uint32_t at = 0;

	(void)cmd;
	(void)args;
	while (store_history(&c->store, &at, &about)) {
		oper_record_begin(o);
		oper_record_int(o, "generation", about.generation);
		oper_record_str(o, "at", about.at);
		oper_record_str(o, "by", about.by);
		oper_record_str(o, "note", about.note);
		oper_record_end(o);
	}
	oper_done(o, 0, "");
}
