#include "capture.h"

#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

enum { EXPIRY_MS = 3600 * 1000, DAY_S = 86400 };

static int prepare(struct proc *p, void **program)
{
	struct captures *a = calloc(1, sizeof *a);
	int folder = proc_open_folder(p);

	if (!a || folder < 0) {
		free(a);
		return folder < 0 ? folder : ERR_NOMEM;
	}
	a->proc = p;
	a->files.dir_fd = folder;
	*program = a;
	return 0;
}

static void on_expiry(void *arg)
{
	struct captures *a = arg;

	if (a->keep_s)
		files_expire(&a->files, loop_wall_ms(a->loop) / 1000, a->keep_s);
	(void)loop_timer_set(a->loop, &a->expiry, EXPIRY_MS); /* it had room before */
}

static int init(void *program)
{
	struct captures *a = program;

	a->loop = proc_loop(a->proc);
	capture_commands_init(a);
	loop_timer_init(&a->expiry, on_expiry, a);
	return loop_timer_set(a->loop, &a->expiry, EXPIRY_MS);
}

static void apply(void *program, const struct settings *s)
{
	struct captures *a = program;

	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	a->disk_bytes = (uint64_t)settings_int(s, SET_CAPTURE_DISK) << 20;
	a->keep_s = (uint64_t)settings_int(s, SET_CAPTURE_KEEP) * DAY_S;
}

/* Files end whole. */
static void stop(void *program, uint32_t grace_ms)
{
	struct captures *a = program;

	(void)grace_ms;
	for (unsigned i = 0; i < CAPTURES_MAX; i++) {
		struct capture *c = &a->v[i];
		if (!c->number)
			continue;
		capture_stop(c, "the box stopped");
		loop_defer_cancel(&c->sweep);
		c->sweep.fn(c);
	}
	proc_exit(a->proc, 0);
}

static const struct bus_handler handlers[] = {
	{ MSG_CAPTURE_SOCKET, capture_on_socket },
};

int main(int argc, char **argv)
{
	const struct proc_def def = {
		.prog = PROG_CAPTURE, .backend = LOOP_POLL,
		.handlers = handlers, .n_handlers = sizeof handlers / sizeof handlers[0],
		.commands = capture_commands, .n_commands = capture_n_commands,
		.prepare = prepare, .init = init, .apply = apply, .stop = stop,
	};
	return proc_main(argc, argv, &def);
}
