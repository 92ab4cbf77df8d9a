#include "comply.h"

#include "base/err.h"
#include "run/stats.h"

#include <stdlib.h>

/* gh-comply: the compliance archive, for who has to prove what was said. */

enum { MINUTE_MS = 60000, HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, PARSERS_MAX = 2 };

#define STAT_NAME(id, name) name,
static const char *const stat_names[COMPLY_STAT_COUNT] = { COMPLY_STATS(STAT_NAME) };
#undef STAT_NAME

struct program {
	struct comply comply; /* first: handlers and hooks get it */
	struct stats stats;
	int folder;
};

static void on_minute(void *arg)
{
	struct comply *c = arg;

	watch_disk(c);
	if (!buf_len(&c->ledger.batch))
		intake_roll(c);
	if (loop_now(c->loop) - c->sealed_at_ms >= c->config.seal_ms)
		notary_wish(c);
	notary_ask(c);
	expire_begin(c);
	(void)loop_timer_set(c->loop, &c->minute, MINUTE_MS); /* it had room before */
}

static int prepare(struct proc *p, void **program)
{
	struct program *g = calloc(1, sizeof *g);
	int folder = proc_open_folder(p);

	if (!g || folder < 0) {
		free(g);
		return folder < 0 ? folder : ERR_NOMEM;
	}
	struct comply *c = &g->comply;
	g->folder = folder;
	c->loop = proc_loop(p);
	c->bus = proc_bus(p);
	c->proc = p;
	list_init(&c->exports);
	intake_init(c);
	loop_timer_init(&c->minute, on_minute, c);
	c->parsers = xml_pool_new(PARSERS_MAX);
	*program = c;
	return c->parsers ? 0 : ERR_NOMEM;
}

static int init(void *program)
{
	struct program *g = program;
	struct comply *c = &g->comply;
	const struct ledger *l = &c->ledger;

	stats_register(&g->stats, stat_names, c->stats, COMPLY_STAT_COUNT);
	int rc = ledger_open(&c->ledger, g->folder, &c->found);
	for (size_t i = l->n_segments > 2 ? l->n_segments - 2 : 0; !rc && i < l->n_segments; i++)
		rc = seal_repair(g->folder, l->segments[i].first);
	if (rc)
		log_error("comply.open.failed", LOG_STR("reason", err_name(rc)));
	else
		log_info("comply.opened", LOG_INT("records", l->next - 1), LOG_INT("segments", l->n_segments), LOG_INT("torn", c->found.torn));
	if (!rc && c->found.is_damaged)
		log_error("comply.damaged", LOG_INT("segment", l->segments[l->n_segments - 1].first), LOG_INT("number", l->next));
	return rc;
}

/* The first records of this life. */
static void begin(struct comply *c)
{
	intake_event(c, "start", "last=%llu torn=%llu%s", (unsigned long long)(c->ledger.next - 1), (unsigned long long)c->found.torn,
	             c->found.is_damaged ? " the newest segment is damaged and was left as it is" : "");
	if (loop_timer_set(c->loop, &c->minute, MINUTE_MS))
		die("comply.begin", "no memory");
}

static void apply(void *program, const struct settings *s)
{
	struct comply *c = program;

	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	c->settings = s;
	c->config = (struct comply_config){
		.mode = (uint8_t)settings_enum(s, SET_COMPLY_MODE),
		.keep_ms = (uint64_t)settings_int(s, SET_COMPLY_RETENTION) * DAY_MS,
		.segment_bytes = (uint64_t)settings_int(s, SET_COMPLY_SEGMENT_SIZE) << 20,
		.segment_ms = (uint64_t)settings_int(s, SET_COMPLY_SEGMENT_AGE) * HOUR_MS,
		.seal_ms = (uint64_t)settings_int(s, SET_COMPLY_SEAL) * MINUTE_MS,
		.free_percent = (unsigned)settings_int(s, SET_COMPLY_FREE),
	};
	if (!loop_timer_is_set(&c->minute))
		begin(c);
	hold_tell(c);
	watch_disk(c);
	expire_again(c);
}

static void up(void *program, struct chan *from)
{
	struct comply *c = program;

	if (chan_prog(from) != PROG_KEYS)
		return;
	notary_wish(c);
	notary_ask(c);
}

static void stop(void *program, uint32_t grace_ms)
{
	struct comply *c = program;

	(void)grace_ms;
	verify_fini(c);
	export_fini(c);
	expire_fini(c);
	intake_fini(c);
	loop_timer_del(c->loop, &c->minute);
	ledger_close(&c->ledger);
	xml_pool_free(c->parsers);
	proc_exit(c->proc, 0);
}

int main(int argc, char **argv)
{
	static const struct bus_handler handlers[] = {
		{ MSG_COMPLY_WRITE, intake_on_write },
		{ MSG_COMPLY_SIGNED, notary_on_signed },
	};
	const struct proc_def def = {
		.prog = PROG_COMPLY,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = comply_commands,
		.n_commands = comply_n_commands,
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.up = up,
		.stop = stop,
	};
	return proc_main(argc, argv, &def);
}
