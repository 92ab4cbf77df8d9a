/* A second process of a program, for work that takes long. */
#include "base/err.h"
#include "base/log.h"
#include "run/proc_impl.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HELPER_FD = 3 };

/* Nothing of the parent's but standard descriptors and the pair: its control channel above all. */
static void keep_only(int fd)
{
	if (fd != HELPER_FD && dup2(fd, HELPER_FD) < 0)
		die("proc.helper", "descriptors");
	if (close_range(HELPER_FD + 1, ~0U, 0) < 0)
		die("proc.helper", "descriptors");
}

static _Noreturn void run_helper(const struct proc *p, int fd, pid_t parent, void (*work)(int fd))
{
	const char *step = "";

	signal(SIGTERM, SIG_IGN); /* it ends with its parent, not before */
	signal(SIGINT, SIG_IGN);
	keep_only(fd);
	if (fence_apply(service_of(PROG_SWITCH), &p->place, &step) < 0) /* a row without rights and files */
		die("proc.helper.fence", step);
	if (getppid() != parent)
		_exit(0); /* it went before it could take us along */
	work(HELPER_FD);
	_exit(0);
}

int proc_fork_helper(const struct proc *p, void (*work)(int fd), int *fd)
{
	int pair[2];
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return ERR_SYS;
	pid_t pid = fork();
	if (pid == 0)
		run_helper(p, pair[1], parent, work);
	(void)close(pair[1]); /* the helper's */
	if (pid < 0) {
		(void)close(pair[0]); /* nothing was said */
		return ERR_SYS;
	}
	*fd = pair[0];
	return 0;
}
