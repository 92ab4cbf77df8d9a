#include "files.h"

#include "base/err.h"
#include "run/stats.h"

#include <stdlib.h>
#include <unistd.h>

/* gh-files: the files that people send each other by HTTP (XEP-0363). */

enum { MINUTE_MS = 60000, DAY_S = 86400 };

#define STAT_NAME(id, name) name,
static const char *const stat_names[FILES_STAT_COUNT] = { FILES_STATS(STAT_NAME) };
#undef STAT_NAME

struct program {
	struct files files; /* first: handlers and hooks get it */
	struct stats stats;
	int folder;
};

static void on_minute(void *arg)
{
	struct files *f = arg;

	quota_look(f);
	job_expire(f);
	(void)loop_timer_set(f->loop, &f->minute, MINUTE_MS); /* it had room before */
}

static int prepare(struct proc *p, void **program)
{
	struct program *g = calloc(1, sizeof *g);
	int folder = proc_open_folder(p);

	if (!g || folder < 0) {
		free(g);
		return folder < 0 ? folder : ERR_NOMEM;
	}
	struct files *f = &g->files;
	g->folder = folder;
	f->loop = proc_loop(p);
	f->bus = proc_bus(p);
	f->proc = p;
	list_init(&f->transfers);
	list_init(&f->gone);
	address_table_init(&f->addresses);
	loop_defer_init(&f->sweep, transfer_sweep, f);
	loop_timer_init(&f->minute, on_minute, f);
	jobs_init(f);
	*program = f;
	return 0;
}

static int init(void *program)
{
	struct program *g = program;
	struct files *f = &g->files;
	int rc = shelf_open(&f->shelf, g->folder);
	if (!rc)
		rc = shelf_open_quarantine(&f->shelf, &f->quarantine);

	stats_register(&g->stats, stat_names, f->stats, FILES_STAT_COUNT);
	if (rc)
		log_error("files.open.failed", LOG_STR("reason", err_name(rc)));
	return rc;
}

static void apply(void *program, const struct settings *s)
{
	struct files *f = program;

	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	f->config = (struct files_config){
		.file_max = (uint64_t)settings_int(s, SET_UPLOAD_FILE_MAX) << 20,
		.user_quota = (uint64_t)settings_int(s, SET_UPLOAD_USER_QUOTA) << 20,
		.total = (uint64_t)settings_int(s, SET_UPLOAD_TOTAL) << 20,
		.keep_s = (uint64_t)settings_int(s, SET_UPLOAD_KEEP) * DAY_S,
		.slots_minute = (uint32_t)settings_int(s, SET_UPLOAD_SLOTS),
		.free_percent = (unsigned)settings_int(s, SET_UPLOAD_FREE),
		.is_on = settings_bool(s, SET_UPLOAD_ENABLED),
		.is_scanned = settings_enum(s, SET_UPLOAD_SCAN) != 0,
		.may_unscanned = settings_enum(s, SET_UPLOAD_SCAN_FAILURE) != 0,
		.has_quarantine = settings_enum(s, SET_UPLOAD_SCAN_INFECTED) != 0,
		.scan_ms = (uint32_t)settings_int(s, SET_UPLOAD_SCAN_TIMEOUT) * 1000,
	};
	transfer_scan_apply(f);
	transfer_set_rate(f, (uint32_t)settings_int(s, SET_UPLOAD_RATE) << 20);
	if (!loop_timer_is_set(&f->minute)) {
		if (job_count(f) || loop_timer_set(f->loop, &f->minute, MINUTE_MS))
			die("files.begin", "no memory");
	} else {
		quota_look(f);
		job_expire(f);
	}
}

static void up(void *program, struct chan *c)
{
	struct files *f = program;

	if (chan_prog(c) == PROG_SCAN)
		transfer_scanner_up(f);
	if (chan_prog(c) != PROG_KEYS)
		return;
	wire_put_str(chan_begin(c, MSG_KEY_DERIVE, bus_next_id(f->bus)), BYTES("slots"));
	(void)chan_end(c); /* it has gone again: next time */
}

static void down(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_SCAN)
		transfer_scanner_down(program);
}

static int on_key_derived(void *program, struct chan *from, const struct frame *frame)
{
	struct wire w = wire_of(frame->body);
	struct bytes key = wire_bytes(&w);

	(void)from;
	if (wire_end(&w) || key.n != FILES_KEY_BYTES)
		return ERR_PROTOCOL;
	if (secret_set(&((struct files *)program)->key, key))
		die("files.key", "no memory");
	return 0;
}

/* What is coming is dropped: its client sees that it did not arrive. */
static void stop(void *program, uint32_t grace_ms)
{
	struct files *f = program;

	(void)grace_ms;
	transfer_drop_all(f);
	jobs_fini(f);
	quota_fini(f);
	secret_fini(&f->key);
	proc_exit(f->proc, 0);
}

int main(int argc, char **argv)
{
	static const struct bus_handler handlers[] = {
		{ MSG_FILE_STREAM, transfer_on_stream },
		{ MSG_UPLOAD_SLOT, slots_on_ask },
		{ MSG_UPLOAD_FORGET, slots_on_forget },
		{ MSG_SCANNED, transfer_on_scanned },
		{ MSG_KEY_DERIVED, on_key_derived },
	};
	const struct proc_def def = {
		.prog = PROG_FILES,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = files_commands,
		.n_commands = files_n_commands,
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.up = up,
		.down = down,
		.stop = stop,
	};
	return proc_main(argc, argv, &def);
}
