#include "program.h"

#include "base/err.h"
#include "base/log.h"
#include "run/fence.h"

#include <stdlib.h>
#include <unistd.h>

enum { END_MS = 100 };

static void begin_anew(void *arg)
{
	proc_exit(((struct program *)arg)->proc, 0);
}

static int prepare(struct proc *p, void **program)
{
	struct program *s = calloc(1, sizeof *s);
	int folder = proc_open_folder(p);

	if (!s || folder < 0)
		return folder < 0 ? folder : ERR_NOMEM;
	/* The database is opened behind the fence, by a name that is right in every kind of it. */
	int rc = fchdir(folder) ? ERR_SYS : 0;
	(void)close(folder); /* read only */
	s->proc = p;
	s->store.loop = proc_loop(p);
	s->store.bus = proc_bus(p);
	s->server.system_anchors = server_open_system_anchors();
	hold_init(&s->hold);
	loop_timer_init(&s->end, begin_anew, s);
	*program = s;
	return rc;
}

/* Without the network from here on, and for good. */
static void serve(struct program *s)
{
	if (fence_give_up_network() < 0)
		die("store.fence", "the fence cannot be narrowed");
	server_fini(&s->server);
	if (s->server.system_anchors >= 0)
		(void)close(s->server.system_anchors); /* read only */
	s->server.system_anchors = -1;
	s->is_ready = true;
	hold_play(&s->hold, &s->store);
}

static void on_server(void *arg, struct db *d)
{
	struct program *s = arg;
	const char *why = "";

	if (store_take(&s->store, d, &why))
		die("store.statements", db_is_lost(d) ? db_error(d) : why);
	serve(s);
}

/* The file is opened whatever the engine: a restore that was decided on waits for it (backup.h). */
static int init(void *program)
{
	struct program *s = program;
	const char *why = "";
	int rc = store_open(&s->store, STORE_DB_FILE, &why);

	if (rc)
		log_error("store.open.failed", LOG_STR("reason", why));
	store_backup_init(&s->backup, &s->store);
	return rc ? rc : server_init(&s->server, s->store.loop, on_server, s);
}

/* The first ones choose the engine, others end the program: it never has the way to two. */
static void apply(void *program, const struct settings *settings)
{
	struct program *s = program;
	bool is_first = !s->settings;

	log_set_level((enum log_level)settings_enum(settings, SET_LOG_LEVEL));
	s->backup.is_serving = true;
	if (!is_first && server_settings_differ(s->settings, settings)) {
		if (s->is_ready)
			store_commit(&s->store);
		s->is_ready = false;
		log_info("store.restarts", LOG_STR("why", "its settings have changed"));
		if (loop_timer_set(s->store.loop, &s->end, END_MS))
			proc_exit(s->proc, 0);
	}
	s->settings = settings;
	if (settings_enum(settings, SET_STORE_ENGINE) != STORE_SQLITE && !s->is_ready && !loop_timer_is_set(&s->end)) {
		if (is_first)
			store_close(&s->store);
		server_use(&s->server, settings);
	} else if (is_first) {
		serve(s);
	} else if (s->server.settings) {
		s->server.settings = settings; /* the old ones go */
	}
}

static int on_ask(void *program, struct chan *from, const struct frame *f)
{
	struct program *s = program;

	if (s->is_ready)
		return store_on_ask(&s->store, from, f);
	if (hold_put(&s->hold, from, f))
		die("store.held", "too many asks wait for the database"); /* they are asked again */
	return 0;
}

static void down(void *program, struct chan *c)
{
	hold_drop(&((struct program *)program)->hold, chan_prog(c));
}

static int on_backup_ask(void *program, struct chan *from, const struct frame *f)
{
	return store_backup_on_ask(&((struct program *)program)->backup, from, f);
}

static const struct bus_handler handlers[] = {
	{ MSG_STORE_ASK, on_ask },
	{ MSG_BACKUP_ASK, on_backup_ask },
};

int main(int argc, char **argv)
{
	const struct proc_def program = {
		.prog = PROG_STORE,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = store_commands,
		.n_commands = store_n_commands,
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.down = down,
	};

	return proc_main(argc, argv, &program);
}
