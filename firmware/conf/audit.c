/* The audit trail: who changed what, and who ran which command that does something. */
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
	bool is_secret = place && place_of(bytes_of(place)) == PLACE_SECRET;
	struct bytes what = args->n > 0 && args->kinds[0] == OPER_WORD_TYPED && !is_secret ? args->v[0] : BYTES_NONE;

	if (what.n > SHOWN_BYTES)
		what.n = SHOWN_BYTES;
	return what;
}

void audit_command(const char *by, const struct command *cmd, const struct command_args *args)
{
	log_info("audit.command", LOG_STR("by", by), LOG_STR("command", cmd->words), LOG_BYTES("what", what_of(cmd, args)));
}

void audit_denied(const char *by, const struct command *cmd, const struct command_args *args)
{
	log_warn("audit.denied", LOG_STR("by", by), LOG_STR("command", cmd->words), LOG_BYTES("what", what_of(cmd, args)));
}
