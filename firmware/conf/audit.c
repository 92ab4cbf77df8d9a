/* The audit trail: who changed what, and who ran which command that does something. Each event is a line of the log and one of the
 * chain on disk (trail.h). */
#include "audit.h"

#include "audited.h"

#include "base/err.h"
#include "base/log.h"
#include "conf.h"
#include "conf_text.h"
#include "place.h"
#include "run/alarm.h"

#include <assert.h>
#include <stdio.h>

enum { SHOWN_BYTES = 200, REFUSED_A_MINUTE = 6, COMPLETED_BYTES_MAX = 4 << 20 };

/* Both, with the same pairs; the log's line says where the chain is. */
static int put(struct conf *c, enum log_level level, enum trail_when when, const char *event, const struct trail_pair *pairs, size_t n)
{
	struct log_kv kv[TRAIL_PAIRS_MAX + 2];
	size_t n_kv = 0;
	int rc = trail_put(&c->trail, when, event, pairs, n);

	if (rc < 0)
		log_error("conf.audit.unwritten", LOG_STR("event", event), LOG_STR("why", err_text(rc)));
	alarm_set(ALARM_AUDIT_WRITE, "", rc < 0, NULL);
	for (size_t i = 0; i < n && i < TRAIL_PAIRS_MAX; i++)
		kv[n_kv++] = LOG_BYTES(pairs[i].key, pairs[i].value);
	kv[n_kv++] = LOG_INT("n", c->trail.n);
	kv[n_kv++] = LOG_BYTES("chain", bytes_make(c->trail.last, 16));
	if (log_is_on(level))
		log_write(level, event, kv, n_kv);
	return rc;
}
#define PUT(c, level, event, ...) PUT_WHEN(c, level, TRAIL_NOW, event, __VA_ARGS__)
#define PUT_WHEN(c, level, when, event, ...)                                                       \
	do {                                                                                       \
		const struct trail_pair pairs_[] = { __VA_ARGS__ };                                \
		static_assert(sizeof pairs_ / sizeof pairs_[0] <= TRAIL_PAIRS_MAX, "pairs");       \
		(void)put(c, level, when, event, pairs_, sizeof pairs_ / sizeof pairs_[0]); /* it has said so */ \
	} while (0)
#define STR(k, s) { k, bytes_of(s) }

struct change {
	struct conf *conf;
	const char *generation, *by, *source;
	const char *completed; /* NULL: the line is written with the commit; else when the commit was */
	struct bytes written;  /* paths that have their line (audited.h) */
	int rc;                /* of the first line that could not be written */
	size_t n_written;
};

static void audit_row(void *arg, const struct row_item *old, const struct row_item *new)
{
	struct change *a = arg;
	struct bytes path = (old ? old : new)->path;
	struct buf was, is;

	if (audited_has(a->written, path))
		return;
	buf_init(&was, 64 << 10);
	buf_init(&is, 64 << 10);
	conf_text_put_value(old, &was);
	conf_text_put_value(new, &is);
	const struct trail_pair pairs[] = {
		STR("by", a->by), STR("source", a->source), STR("generation", a->generation), { "setting", path },
		STR("change", !old ? "set" : new ? "change" : "delete"), { "before", buf_bytes(&was) }, { "after", buf_bytes(&is) },
		STR("committed", a->completed ? a->completed : ""), STR("completed", "at start"),
	};
	int rc = put(a->conf, LOG_LEVEL_INFO, TRAIL_SOON, "audit.setting", pairs, sizeof pairs / sizeof pairs[0] - (a->completed ? 0 : 2));
	a->rc = a->rc ? a->rc : rc;
	a->n_written++;
	buf_fini(&was);
	buf_fini(&is);
}

static void mark(struct conf *c, uint32_t generation)
{
	if (audited_write(c->store.dir_fd, generation))
		log_error("conf.audit.unwritten", LOG_STR("why", "the file trail-generation cannot be written"));
}

static void on_synced(void *arg)
{
	struct conf *c = arg;

	if (c->audited_next)
		mark(c, c->audited_next);
	c->audited_next = 0;
}

/* All lines of the running generation are written, unless one could not be; the file says so when they are on the disk. */
static void mark_later(struct conf *c, const struct change *a)
{
	if (!a->rc)
		c->audited_next = c->store.generation;
}

void audit_commit(struct conf *c, const struct rows *old, const char *by)
{
	const struct oper *o = oper_of(c, c->commit_oper);
	char generation[16];
	struct change a = { .conf = c, .generation = generation, .by = by, .source = o ? o->source : "" };

	snprintf(generation, sizeof generation, "%u", c->store.generation);
	rows_diff(old, &c->store.running, audit_row, &a);
	mark_later(c, &a);
}

/* The rows of a generation and of the one before it. */
static int load_both(struct conf *c, struct rows *was, struct rows *is)
{
	uint32_t g = c->store.generation;
	int rc = store_load(&c->store, g, is);

	return rc || g == 1 ? rc : store_load(&c->store, g - 1, was);
}

static void complete(struct conf *c)
{
	struct store_about about = { 0 };
	struct rows was = { 0 }, is = { 0 };
	struct buf paths;
	uint32_t at = 0;
	char generation[16];

	snprintf(generation, sizeof generation, "%u", c->store.generation);
	buf_init(&paths, COMPLETED_BYTES_MAX);
	int rc = store_history(&c->store, &at, &about) && about.generation == c->store.generation ? load_both(c, &was, &is) : ERR_NOT_FOUND;
	if (!rc)
		rc = audited_paths(&c->trail, about.generation, bytes_of(about.at), &paths);
	if (!rc) {
		struct change a = { .conf = c, .generation = generation, .by = about.by, .source = "", .completed = about.at, .written = buf_bytes(&paths) };
		rows_diff(&was, &is, audit_row, &a);
		if (a.n_written)
			mark_later(c, &a);
		else
			mark(c, about.generation); /* none was missing */
	} else {
		log_error("conf.audit.incomplete", LOG_STR("generation", generation), LOG_STR("by", about.by), LOG_STR("why", err_text(rc)));
	}
	buf_fini(&paths);
	rows_fini(&was);
	rows_fini(&is);
}

void audit_complete(struct conf *c)
{
	uint32_t done;

	c->trail.synced = on_synced;
	c->trail.arg = c;
	/* Nothing is committed; a fresh box, or a version before this one wrote the last lines. */
	if (c->store.generation == 0 || !audited_read(c->store.dir_fd, &done))
		mark(c, c->store.generation);
	else if (done != c->store.generation)
		complete(c);
}

/* Only the first place, names and addresses, and never a secret. */
static struct bytes what_of(const struct command_args *args)
{
	struct bytes what = args->n > 0 && args->kinds[0] == OPER_WORD_TYPED && !args->has_secret_first ? args->v[0] : BYTES_NONE;

	if (what.n > SHOWN_BYTES)
		what.n = SHOWN_BYTES;
	return what;
}

/* What a candidate has become is in force nowhere, and the lines of a commit are made up for at the start (audit_complete): nobody waits
 * for the disk there. */
void audit_command(const struct oper *o, const struct command *cmd, const struct command_args *args)
{
	enum trail_when when = cmd->role == OPER_CHANGER ? TRAIL_SOON : TRAIL_NOW;

	PUT_WHEN(o->conf, LOG_LEVEL_INFO, when, "audit.command", STR("by", o->by), STR("source", o->source), STR("command", cmd->words),
	    { "what", what_of(args) });
}

int audit_on_person(void *conf, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct bytes by = wire_str(&w), command = wire_str(&w), what = wire_str(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	what.n = what.n < SHOWN_BYTES ? what.n : SHOWN_BYTES;
	PUT((struct conf *)conf, LOG_LEVEL_INFO, "audit.command", { "by", by }, STR("source", "xmpp"), { "command", command }, { "what", what });
	return 0;
}

void audit_denied(const struct oper *o, const struct command *cmd, const struct command_args *args)
{
	PUT(o->conf, LOG_LEVEL_WARN, "audit.denied", STR("by", o->by), STR("source", o->source), STR("command", cmd->words),
	    { "what", what_of(args) });
}

/* Strangers must not push out of the trail what others did: of refused logins a few lines a minute, and how many there were more. */
static void audit_refused(const struct oper *o, const char *name, int rc)
{
	/* somebody types a password where the name belongs, sooner or later: names that are not there stay out */
	bool is_there = accounts_find(&o->conf->accounts, bytes_of(name)) != NULL;
	uint32_t held = 0;
	char more[16];

	if (!log_limit_pass(&o->conf->refused, REFUSED_A_MINUTE, loop_now(o->conf->loop), &held))
		return;
	snprintf(more, sizeof more, "%u", held);
	PUT(o->conf, LOG_LEVEL_WARN, "audit.login.refused", STR("by", is_there ? name : "(no such account)"), STR("source", o->source),
	    STR("why", err_name(rc)), STR("not_shown_before", more));
}

void audit_token_refused(const struct oper *o, const char *token, const char *why)
{
	uint32_t held = 0;
	char more[16];

	if (!log_limit_pass(&o->conf->refused, REFUSED_A_MINUTE, loop_now(o->conf->loop), &held))
		return;
	snprintf(more, sizeof more, "%u", held);
	PUT(o->conf, LOG_LEVEL_WARN, "audit.token.refused", STR("token", token), STR("source", o->source), STR("why", why),
	    STR("not_shown_before", more));
}

void audit_login(const struct oper *o, const char *name, int rc)
{
	if (rc == 0)
		PUT(o->conf, LOG_LEVEL_INFO, "audit.login", STR("by", name), STR("source", o->source));
	else
		audit_refused(o, name, rc);
}

void audit_account(const struct oper *o, const char *account, const char *what, const char *before, const char *after)
{
	PUT(o->conf, LOG_LEVEL_INFO, "audit.account", STR("by", o->by), STR("source", o->source), STR("account", account), STR("what", what),
	    STR("before", before), STR("after", after));
}

void audit_approval(const struct oper *o, const char *what, const char *id, const char *command)
{
	PUT(o->conf, LOG_LEVEL_INFO, "audit.approval", STR("by", o->by), STR("source", o->source), STR("what", what), STR("request", id),
	    STR("command", command));
}

void audit_recovery(struct conf *c, const char *what)
{
	PUT(c, LOG_LEVEL_WARN, "audit.recovery", STR("by", "console"), STR("source", "boot menu"), STR("account", "admin"), STR("what", what));
}
