#include "backup.h"

#include "base/err.h"
#include "base/log.h"
#include "run/proc.h"

#include <stdlib.h>
#include <unistd.h>

struct program {
	struct store store;
	struct store_backup backup;
};

static int prepare(struct proc *p, void **program)
{
	struct program *s = calloc(1, sizeof *s);
	int folder = proc_open_folder(p);

	if (!s || folder < 0)
		return folder < 0 ? folder : ERR_NOMEM;
	/* The database is opened behind the fence, by a name that is right in every kind of it. */
	int rc = fchdir(folder) ? ERR_SYS : 0;
	(void)close(folder); /* read only */
	s->store.loop = proc_loop(p);
	s->store.bus = proc_bus(p);
	*program = s;
	return rc;
}

static int init(void *program)
{
	struct program *s = program;
	const char *why = "";
	int rc = store_open(&s->store, STORE_DB_FILE, &why);

	if (rc)
		log_error("store.open.failed", LOG_STR("reason", why));
	store_backup_init(&s->backup, &s->store);
	return rc;
}

/* No settings of ours, but the word that others are served from now on. */
static void apply(void *program, const struct settings *settings)
{
	struct program *s = program;

	(void)settings;
	s->backup.is_serving = true;
}

static int on_ask(void *program, struct chan *from, const struct frame *f)
{
	return store_on_ask(&((struct program *)program)->store, from, f);
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
	static const struct proc_def program = {
		.prog = PROG_STORE,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.prepare = prepare,
		.init = init,
		.apply = apply,
	};

	return proc_main(argc, argv, &program);
}
