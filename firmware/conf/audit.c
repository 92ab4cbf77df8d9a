/* The audit trail: who changed what, and who ran which command that does something. */
#include "base/err.h"
#include "base/log.h"
#include "conf.h"
#include "conf_text.h"
#include "place.h"

enum { SHOWN_BYTES = 200 };

struct audit {
	uint32_t generation;
	const char *by;
};

static void audit_row(void *arg, const struct row_item *old, const struct row_item *new)
{
	const struct audit *a = arg;
	struct buf was, is;

	buf_init(&was, 64 << 10);
	buf_init(&is, 64 << 10);
	conf_text_put_value(old, &was);
	conf_text_put_value(new, &is);
	log_info("audit.setting", LOG_STR("by", a->by), LOG_INT("generation", a->generation),
	         LOG_BYTES("setting", (old ? old : new)->path),
	         LOG_STR("change", !old ? "set" : new ? "change" : "delete"),
	         LOG_BYTES("before", buf_bytes(&was)), LOG_BYTES("after", buf_bytes(&is)));
	buf_fini(&was);
	buf_fini(&is);
}

void audit_commit(const struct rows *old, const struct rows *new, uint32_t generation, const char *by)
{
	struct audit a = { generation, by };

	rows_diff(old, new, audit_row, &a);
}

/* Only the first place, names and addresses, and never a secret. */
static struct bytes what_of(const struct command *cmd, const struct command_args *args)
{
	const char *place = strchr(cmd->words, '<');
	enum place first = place ? place_of(bytes_of(place)) : PLACE_WORD;
	bool is_secret = first == PLACE_SECRET || first == PLACE_OLD_SECRET;
	struct bytes what = args->n > 0 && args->kinds[0] == OPER_WORD_TYPED && !is_secret ? args->v[0] : BYTES_NONE;

	if (what.n > SHOWN_BYTES)
		what.n = SHOWN_BYTES;
	return what;
}

void audit_command(const struct oper *o, const struct command *cmd, const struct command_args *args)
{
	log_info("audit.command", LOG_STR("by", o->by), LOG_STR("source", o->source), LOG_STR("command", cmd->words),
	         LOG_BYTES("what", what_of(cmd, args)));
}

void audit_denied(const struct oper *o, const struct command *cmd, const struct command_args *args)
{
	log_warn("audit.denied", LOG_STR("by", o->by), LOG_STR("source", o->source), LOG_STR("command", cmd->words),
	         LOG_BYTES("what", what_of(cmd, args)));
}

void audit_login(const struct oper *o, const char *name, int rc)
{
	/* somebody types a password where the name belongs, sooner or later: names that are not there stay out of the log */
	bool is_there = accounts_find(&o->conf->accounts, bytes_of(name)) != NULL;

	if (rc == 0)
		log_info("audit.login", LOG_STR("by", name), LOG_STR("source", o->source));
	else
		log_warn("audit.login.refused", LOG_STR("by", is_there ? name : "(no such account)"), LOG_STR("source", o->source),
		         LOG_STR("why", err_name(rc)));
}

void audit_account(const struct oper *o, const char *account, const char *what, const char *before, const char *after)
{
	log_info("audit.account", LOG_STR("by", o->by), LOG_STR("source", o->source), LOG_STR("account", account), LOG_STR("what", what),
	         LOG_STR("before", before), LOG_STR("after", after));
}
