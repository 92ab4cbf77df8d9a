/* log debug: asks every program to write debug lines about one name for a while. Nothing of it is a setting: it is over when
 * its time is, or its program ends. */
#include "base/arena.h"
#include "base/err.h"
#include "conf.h"
#include "proto/jid.h"
#include "run/log_watch.h"

#include <stdio.h>

enum { SECONDS_USUAL = 300 };

/* name: in normal form, in the arena. */
static int read_name(struct bytes typed, bool is_user, struct arena *a, struct bytes *name)
{
	struct jid j;

	if (!is_user)
		return jid_parse_domain(typed, a, name);
	int rc = jid_parse(typed, a, &j);
	if (rc < 0 || jid_local(&j).n == 0)
		return rc < 0 ? rc : ERR_SYNTAX;
	*name = jid_bare(&j);
	return 0;
}

static void begin(struct conf *c, struct oper *o, const struct command_args *args, bool is_user)
{
	uint64_t seconds = SECONDS_USUAL;
	struct bytes name = BYTES_NONE;
	struct arena a;
	char text[24];

	if (args->n > 1 && (bytes_to_u64(args->v[1], LOG_WATCH_SECONDS_MAX, &seconds) < 0 || seconds == 0)) {
		oper_done(o, ERR_RANGE, "1 to 3600 seconds");
		return;
	}
	arena_init(&a, 16384);
	if (read_name(args->v[0], is_user, &a, &name) < 0) {
		arena_fini(&a);
		oper_done(o, ERR_SYNTAX, is_user ? "an address like anna@example.com" : "a domain");
		return;
	}
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)seconds);
	const struct bytes passed[] = { bytes_of(log_watch_kind_name(is_user ? LOG_WATCH_USER : LOG_WATCH_DOMAIN)), name,
					bytes_make(text, (size_t)n) };
	const struct relay_ask ask = { .targets = P_WORK, .verb = "log debug", .args = passed, .n_args = 3 };
	relay_start(c, o, &ask);
	arena_fini(&a);
}

COMMAND_FN(cmd_log_debug_domain)
{
	(void)cmd;
	begin(c, o, args, false);
}

COMMAND_FN(cmd_log_debug_user)
{
	(void)cmd;
	begin(c, o, args, true);
}

/* Those whose words are all literal: every program is asked. */
COMMAND_FN(cmd_log_debug_all)
{
	const struct relay_ask ask = { .targets = P_WORK, .verb = cmd->words };

	(void)args;
	relay_start(c, o, &ask);
}
