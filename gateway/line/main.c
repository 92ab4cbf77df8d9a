#include "run/proc.h"

static int prepare(struct proc *p, void **program)
{
	*program = p;
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	(void)program;
	(void)s;
}

int main(int argc, char **argv)
{
	static const struct proc_def program = {
		.prog = PROG_LINE,
		.backend = LOOP_LIBEVENT,
		.prepare = prepare,
		.apply = apply,
	};

	return proc_main(argc, argv, &program);
}
