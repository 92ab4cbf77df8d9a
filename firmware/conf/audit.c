/* The audit trail: who changed what, and who ran which command that does something. Each event is a line of the log and one of the
 * chain on disk (trail.h). */
#include "audit.h"

#include "base/err.h"
#include "base/log.h"
#include "conf.h"
#include "conf_text.h"

#include <assert.h>
#include <stdio.h>

enum { SHOWN_BYTES = 200 };

/* Both, with the same pairs; the log's line says where the chain is. */
static void put(struct conf *c, enum log_level level, const char *event, const struct trail_pair *pairs, size_t n)
{
	struct log_kv kv[TRAIL_PAIRS_MAX + 2];
	size_t n_kv = 0;
	int rc = trail_put(&c->trail, event, pairs, n);

	if (rc < 0)
		log_error("conf.audit.unwritten", LOG_STR("event", event), LOG_STR("why", err_text(rc)));
	for (size_t i = 0; i < n && i < TRAIL_PAIRS_MAX; i++)
		kv[n_kv++] = LOG_BYTES(pairs[i].key, pairs[i].value);
	kv[n_kv++] = LOG_INT("n", c->trail.n);
	kv[n_kv++] = LOG_BYTES("chain", bytes_make(c->trail.last, 16));
	if (log_is_on(level))
		log_write(level, event, kv, n_kv);
}
#define PUT(c, level, event, ...)                                                                  \
	do {                                                                                       \
		const struct trail_pair pairs_[] = { __VA_ARGS__ };                                \
		static_assert(sizeof pairs_ / sizeof pairs_[0] <= TRAIL_PAIRS_MAX, "pairs");       \
		put(c, level, event, pairs_, sizeof pairs_ / sizeof pairs_[0]);                    \
	} while (0)
#define STR(k, s) { k, bytes_of(s) }

struct change {
	struct conf *conf;
	const char *generation, *by, *source;
};

static void audit_row(void *arg, const struct row_item *old, const struct row_item *new)
{
	const struct change *a = arg;
	struct buf was, is;

	buf_init(&was, 64 << 10);
	buf_init(&is, 64 << 10);
	conf_text_put_value(old, &was);
	conf_text_put_value(new, &is);
	PUT(a->conf, LOG_LEVEL_INFO, "audit.setting", STR("by", a->by), STR("source", a->source), STR("generation", a->generation),
	    { "setting", (old ? old : new)->path }, STR("change", !old ? "set" : new ? "change" : "delete"),
	    { "before", buf_bytes(&was) }, { "after", buf_bytes(&is) });
	buf_fini(&was);
	buf_fini(&is);
}

void audit_commit(struct conf *c, const struct rows *old, const char *by)
{
	const struct oper *o = oper_of(c, c->commit_oper);
	char generation[16];
	struct change a = { c, generation, by, o ? o->source : "" };

	snprintf(generation, sizeof generation, "%u", c->store.generation);
	rows_diff(old, &c->store.running, audit_row, &a);
}

/* Only the first place: names and addresses. Passwords and files stand behind it. */
static struct bytes what_of(const struct command_args *args)
{
	struct bytes what = args->n > 0 && args->kinds[0] == OPER_WORD_TYPED && !args->has_secret_first ? args->v[0] : BYTES_NONE;

	if (what.n > SHOWN_BYTES)
		what.n = SHOWN_BYTES;
	return what;
}

void audit_command(const struct oper *o, const struct command *cmd, const struct command_args *args)
{
	PUT(o->conf, LOG_LEVEL_INFO, "audit.command", STR("by", o->by), STR("source", o->source), STR("command", cmd->words),
	    { "what", what_of(args) });
}

void audit_denied(const struct oper *o, const struct command *cmd, const struct command_args *args)
{
	PUT(o->conf, LOG_LEVEL_WARN, "audit.denied", STR("by", o->by), STR("source", o->source), STR("command", cmd->words),
	    { "what", what_of(args) });
}

void audit_login(const struct oper *o, const char *name, int rc)
{
	/* somebody types a password where the name belongs, sooner or later: names that are not there stay out */
	bool is_there = accounts_find(&o->conf->accounts, bytes_of(name)) != NULL;

	if (rc == 0)
		PUT(o->conf, LOG_LEVEL_INFO, "audit.login", STR("by", name), STR("source", o->source));
	else
		PUT(o->conf, LOG_LEVEL_WARN, "audit.login.refused", STR("by", is_there ? name : "(no such account)"),
		    STR("source", o->source), STR("why", err_name(rc)));
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
