#include "store.h"

#include "base/err.h"
#include "base/log.h"
#include "run/proc.h"

#include <stdlib.h>
#include <unistd.h>

static int prepare(struct proc *p, void **program)
{
	struct store *s = calloc(1, sizeof *s);
	int folder = proc_open_folder(p);

	if (!s || folder < 0)
		return folder < 0 ? folder : ERR_NOMEM;
	/* The database is opened behind the fence, by a name that is right in every kind of it. */
	int rc = fchdir(folder) ? ERR_SYS : 0;
	(void)close(folder); /* read only */
	s->loop = proc_loop(p);
	s->bus = proc_bus(p);
	*program = s;
	return rc;
}

static int init(void *program)
{
	const char *why = "";
	int rc = store_open(program, "gatehouse.db", &why);

	if (rc)
		log_error("store.open.failed", LOG_STR("reason", why));
	return rc;
}

static const struct bus_handler handlers[] = {
	{ MSG_STORE_ASK, store_on_ask },
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
	};

	return proc_main(argc, argv, &program);
}
