#include "comply.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>

/* What operators ask. */

static void show_compliance(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	static const char *const modes[] = { "off", "fast", "blocking" };
	struct comply *c = program;
	const struct ledger *l = &c->ledger;
	char oldest[TEXT_TIME_BYTES] = "", hash[2 * RECORD_HASH_BYTES + 1];

	(void)args, (void)n;
	if (l->n_segments && l->segments[0].begun_ms)
		text_time(l->segments[0].begun_ms, false, oldest);
	text_hex(bytes_make(l->hash, sizeof l->hash), hash);
	proc_record_begin(ask);
	proc_record_str(ask, "mode", modes[c->config.mode]);
	proc_record_str(ask, "state", c->is_failing ? "failing" : "ready");
	proc_record_int(ask, "first", (int64_t)(l->n_segments ? l->segments[0].first : 0));
	proc_record_int(ask, "last", (int64_t)(l->next - 1));
	proc_record_int(ask, "signed-to", (int64_t)c->sealed);
	proc_record_str(ask, "oldest", oldest);
	proc_record_int(ask, "segments", (int64_t)l->n_segments);
	proc_record_int(ask, "disk-free-percent", ledger_free(l));
	proc_record_int(ask, "stanzas", (int64_t)c->stats[STAT_STANZAS]);
	proc_record_int(ask, "exports", c->n_exports);
	proc_record_str(ask, "key", c->pin);
	proc_record_str(ask, "hash", hash);
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

struct asked {
	struct comply *comply;
	struct proc_ask *ask;
};

static void put_verdict(struct proc_ask *a, const struct verdict *v, const char *pin)
{
	char hash[2 * RECORD_HASH_BYTES + 1];

	text_hex(bytes_make(v->hash, sizeof v->hash), hash);
	proc_record_begin(a);
	proc_record_str(a, "state", v->why ? "broken" : "whole");
	proc_record_int(a, "first", (int64_t)v->first);
	proc_record_int(a, "last", (int64_t)v->last);
	proc_record_int(a, "records", (int64_t)v->records);
	proc_record_int(a, "pruned", (int64_t)v->pruned);
	proc_record_int(a, "segments", (int64_t)v->segments);
	proc_record_int(a, "signatures", (int64_t)v->signatures);
	proc_record_int(a, "signed-to", (int64_t)v->signed_to);
	proc_record_int(a, "other-key", (int64_t)v->other_key);
	proc_record_str(a, "key", pin);
	proc_record_str(a, "hash", hash);
	proc_record_int(a, "bad-record", v->why ? (int64_t)v->number : 0);
	proc_record_int(a, "bad-segment", v->why ? (int64_t)v->segment : 0);
	proc_record_int(a, "bad-offset", v->why ? (int64_t)v->offset : 0);
	proc_record_str(a, "reason", v->why ? v->why : "");
	proc_record_end(a);
}

static void verified(void *arg, const struct verdict *v)
{
	struct asked *x = arg;

	put_verdict(x->ask, v, x->comply->pin);
	proc_done(x->ask, v->why ? ERR_CHECKSUM : 0, v->why ? "the archive is not as it was written: see the record above" : "");
	free(x);
}

/* by: who asks. */
static void verify_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct asked *x = malloc(sizeof *x);

	if (x)
		*x = (struct asked){ program, ask };
	int rc = !x ? ERR_NOMEM : n == 1 ? verify_begin(program, args[0], verified, x) : ERR_SYNTAX;
	if (rc)
		free(x);

	if (rc)
		proc_done(ask, rc, rc == ERR_BAD_STATE ? "it is being verified already" : err_text(rc));
}

const struct proc_command comply_commands[] = {
	{ "show compliance", show_compliance },
	{ "compliance verify", verify_command },
	{ "compliance export", export_command },
	{ "compliance read", export_read_command },
};
const size_t comply_n_commands = sizeof comply_commands / sizeof comply_commands[0];
