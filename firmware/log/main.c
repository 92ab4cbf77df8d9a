#include "logd.h"

#include "base/err.h"
#include "base/log.h"
#include "net/dns_command.h"

#include <stdlib.h>

enum { TICK_MS = 1000 };

struct book_time logd_time(const struct logd *l)
{
	return (struct book_time){ loop_now(l->loop), loop_wall_ms(l->loop) };
}

/* ---- alarms ---- */

static int on_alarm(void *program, struct chan *from, const struct frame *f)
{
	struct logd *l = program;
	struct alarm_news n;
	int rc = alarm_decode(f->body, &n);

	if (!rc)
		book_news(&l->book, chan_prog(from), chan_instance(from), &n, logd_time(l));
	return rc;
}

static void own_alarm(void *arg, const struct alarm_news *n)
{
	struct logd *l = arg;

	book_news(&l->book, PROG_LOG, 0, n, logd_time(l));
}

/* To gh-snmp, if it runs. */
static void tell_snmp(struct logd *l, enum alarm_event event, const struct book_alarm *a)
{
	struct chan *to = bus_chan(proc_bus(l->proc), PROG_SNMP, 0);
	struct buf *b = chan_begin(to, MSG_ALARM_STANDS, 0);

	wire_put_u8(b, (uint8_t)event);
	wire_put_u32(b, a->number);
	wire_put_u64(b, a->since_ms);
	wire_put_u8(b, (uint8_t)a->severity);
	wire_put_str(b, bytes_of(alarm_row(a->alarm)->name));
	wire_put_str(b, bytes_of(a->key));
	wire_put_str(b, bytes_of(prog_name(a->prog)));
	wire_put_u8(b, (uint8_t)a->instance);
	wire_put_str(b, bytes_of(a->text));
	(void)chan_end(to); /* one that has gone hears what stands when it is back */
}

static void on_news(void *arg, const struct book_past *p, const struct book_alarm *a)
{
	static const enum alarm_event events[] = { [BOOK_RAISED] = ALARM_RAISED, [BOOK_CHANGED] = ALARM_CHANGED, [BOOK_CLEARED] = ALARM_CLEARED };

	if (a)
		tell_snmp(arg, events[p->event], a);
	enum log_level level = p->event == BOOK_CLEARED ? LOG_LEVEL_INFO :
			       p->severity <= ALARM_MAJOR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;
	const struct log_kv kv[] = { LOG_STR("alarm", alarm_row(p->alarm)->name), LOG_STR("key", p->key),
				     LOG_STR("severity", alarm_severity_name(p->severity)),
				     LOG_STR("program", prog_name(p->prog)), LOG_INT("instance", p->instance),
				     LOG_STR("text", p->text) };

	if (log_is_on(level))
		log_write(level, p->event == BOOK_CLEARED ? "log.alarm.cleared" : "log.alarm.raised", kv, sizeof kv / sizeof kv[0]);
}

/* ---- lines ---- */

void logd_line(struct logd *l, const struct line *line)
{
	files_put(&l->files, line->whole);
	loop_defer_last(l->loop, &l->flush);
	conditions_line(l, line);
	readers_line(l, line);
	remotes_line(&l->remotes, line);
}

static void flush(void *arg)
{
	struct logd *l = arg;

	files_flush(&l->files);
}

static void on_tick(void *arg)
{
	struct logd *l = arg;

	restarts_tick(l);
	conditions_tick(l);
	files_tick(&l->files);
	remotes_tick(&l->remotes);
	book_tick(&l->book, logd_time(l));
	(void)loop_timer_set(l->loop, &l->tick, TICK_MS); /* it was set before, so it has room */
}

/* ---- life ---- */

static int prepare(struct proc *p, void **program)
{
	struct logd *l = calloc(1, sizeof *l);

	if (!l)
		return ERR_NOMEM;
	l->proc = p;
	l->dir_fd = proc_open_folder(p);
	if (l->dir_fd < 0) {
		free(l);
		return ERR_NOT_FOUND;
	}
	if (tls_prepare() < 0)
		log_warn("log.certificate", LOG_STR("what", "trust"), LOG_STR("name", "system"), LOG_STR("reason", "not-found"));
	l->keys = keyproxy_new(proc_loop(p), proc_bus(p));
	if (!l->keys) {
		free(l);
		return ERR_NOMEM;
	}
	*program = l;
	return 0;
}

static const char *const stat_names[] = { "log.lines", "log.lines.lost", "log.files.removed" };
_Static_assert(sizeof stat_names / sizeof stat_names[0] == FILES_COUNTS, "one name a count");

static const char *const alarm_stat_names[] = { "alarms.critical", "alarms.major", "alarms.minor", "alarms.warning" };
_Static_assert(sizeof alarm_stat_names / sizeof alarm_stat_names[0] == ALARM_SEVERITY_COUNT, "one name a severity");

static int init(void *program)
{
	struct logd *l = program;

	l->loop = proc_loop(l->proc);
	loop_timer_init(&l->tick, on_tick, l);
	loop_defer_init(&l->flush, flush, l);
	list_init(&l->sources);
	list_init(&l->readers);
	buf_init(&l->taken, 2 * LINE_TEXT_MAX);
	files_open(&l->files, l->dir_fd, l->file_counts);
	stats_register(&l->alarm_stats, alarm_stat_names, l->book.n_of, ALARM_SEVERITY_COUNT);
	stats_register(&l->stats, stat_names, l->file_counts, FILES_COUNTS);
	int rc = book_open(&l->book, l->dir_fd, loop_now(l->loop));
	if (!rc)
		rc = restarts_open(l);
	if (!rc)
		rc = remotes_open(&l->remotes, l->loop, l->dir_fd, l->keys);
	if (rc)
		return rc;
	l->book.news = on_news;
	l->book.arg = l;
	alarm_set_sink(own_alarm, l);
	book_up(&l->book, PROG_LOG, 0, loop_now(l->loop));
	return loop_timer_set(l->loop, &l->tick, TICK_MS);
}

static void on_up(void *program, struct chan *c)
{
	struct logd *l = program;

	book_up(&l->book, chan_prog(c), chan_instance(c), loop_now(l->loop));
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_up(l->keys);
	if (chan_prog(c) != PROG_SNMP)
		return;
	LIST_EACH(node, &l->book.standing)
		tell_snmp(l, ALARM_STANDS, LIST_OWNER(node, struct book_alarm, node));
}

static void on_down(void *program, struct chan *c)
{
	struct logd *l = program;

	book_down(&l->book, chan_prog(c), chan_instance(c), loop_now(l->loop));
	if (chan_prog(c) == PROG_CONF)
		readers_down(l);
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_down(l->keys);
}

static int on_key_signed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct logd *)program)->keys, f);
}

static int on_key_failed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct logd *)program)->keys, f);
}

static int on_revoked(void *program, struct chan *from, const struct frame *f)
{
	struct logd *l = program;
	bool is_new;
	int rc = tls_news_on_revoked(&l->remotes.news, f, &is_new);

	(void)from;
	if (!rc && is_new)
		remotes_revoked(&l->remotes);
	return rc;
}

static void apply(void *program, const struct settings *s)
{
	struct logd *l = program;
	const struct files_conf conf = { (uint64_t)settings_int(s, SET_LOG_FILE_SIZE) << 10, (uint32_t)settings_int(s, SET_LOG_FILES),
					 (unsigned)settings_int(s, SET_LOG_FREE) };

	files_set(&l->files, &conf);
	l->disk_free = (unsigned)settings_int(s, SET_SYSTEM_DISK_FREE);
	conditions_disk(l);
	remotes_apply(&l->remotes, s);
}

static void stop(void *program, uint32_t grace_ms)
{
	struct logd *l = program;

	(void)grace_ms;
	alarm_set_sink(NULL, NULL);
	loop_timer_del(l->loop, &l->tick);
	readers_down(l);
	sources_close(l);
	loop_defer_cancel(&l->flush);
	files_close(&l->files);
	remotes_close(&l->remotes);
	tls_forget();
	keyproxy_free(l->keys);
	buf_fini(&l->taken);
	restarts_close(l);
	book_close(&l->book);
	proc_exit(l->proc, 0);
}

static const struct bus_handler handlers[] = {
	{ MSG_ALARM, on_alarm },
	{ MSG_PROCESS, restarts_on_process },
	{ MSG_KEY_SIGNED, on_key_signed },
	{ MSG_KEY_FAILED, on_key_failed },
	{ MSG_REVOKED, on_revoked },
	{ MSG_LOG_SOURCE, sources_on_source },
};

static void flush_dns(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_flush_command(((struct logd *)program)->remotes.world.dns, ask, args, n);
}

static const struct proc_command commands[] = {
	{ "show alarms", cmd_show_alarms },
	{ "show alarms history", cmd_show_history },
	{ "show log", cmd_show_log },
	{ "show syslog", cmd_show_syslog },
	{ "dns flush", flush_dns },
};

int main(int argc, char **argv)
{
	static const struct proc_def program = {
		.prog = PROG_LOG,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = commands,
		.n_commands = sizeof commands / sizeof commands[0],
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.up = on_up,
		.down = on_down,
		.stop = stop,
	};

	return proc_main(argc, argv, &program);
}
