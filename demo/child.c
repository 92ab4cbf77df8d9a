#include "child.h"

#include "base/err.h"
#include "clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 20 };

/* In the new process: it dies with us, and Ctrl-C at the terminal is for us alone. */
static _Noreturn void become(const char *const *argv, int in, int out)
{
	pid_t parent = getppid();

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* without it only a killed demo leaves something */
	(void)setpgid(0, 0);
	if (getppid() != parent || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		_exit(126);
	signal(SIGPIPE, SIG_DFL);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

int child_start(struct child *c, const char *const *argv, const char *log_path)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	pid_t pid = in >= 0 && out >= 0 ? fork() : -1;

	if (pid == 0)
		become(argv, in, out);
	if (in >= 0)
		(void)close(in); /* the child has its own */
	if (out >= 0)
		(void)close(out); /* likewise */
	if (pid < 0)
		return ERR_SYS;
	c->pid = pid;
	return 0;
}

bool child_is_running(struct child *c)
{
	if (c->pid && waitpid(c->pid, NULL, WNOHANG) != 0)
		c->pid = 0;
	return c->pid != 0;
}

void child_stop(struct child *c, unsigned grace_ms)
{
	uint64_t until = clock_ms() + grace_ms;

	if (!child_is_running(c))
		return;
	(void)kill(c->pid, SIGTERM); /* it is our child and not yet waited for: the number is its own */
	while (child_is_running(c) && clock_ms() < until)
		clock_sleep(LOOK_MS);
	if (!child_is_running(c))
		return;
	(void)kill(c->pid, SIGKILL); /* as above */
	(void)waitpid(c->pid, NULL, 0);
	c->pid = 0;
}

/* The input as a file: then the child can read it at its own pace, and we only read. */
static int input_file(struct bytes input)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	while (fd >= 0 && input.n > 0) {
		ssize_t n = write(fd, input.p, input.n);
		if (n <= 0) {
			(void)close(fd); /* of no use */
			return -1;
		}
		input = bytes_skip(input, (size_t)n);
	}
	if (fd >= 0 && lseek(fd, 0, SEEK_SET) < 0) {
		(void)close(fd); /* of no use */
		return -1;
	}
	return fd;
}

static int read_all(int fd, uint64_t until, struct buf *out)
{
	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		uint64_t now = clock_ms();
		if (now >= until || poll(&p, 1, (int)(until - now)) <= 0)
			return ERR_TIMEOUT;
		uint8_t *room = buf_reserve(out, 8192);
		ssize_t n = room ? read(fd, room, 8192) : -1;
		if (n <= 0)
			return n < 0 ? ERR_IO : 0;
		buf_commit(out, (size_t)n);
	}
}

int child_run(const char *const *argv, struct bytes input, unsigned limit_ms, struct buf *out, int *code)
{
	int fds[2], in = input_file(input), status = 0;
	struct child c = { 0 };

	if (in < 0 || pipe2(fds, O_CLOEXEC) < 0) {
		if (in >= 0)
			(void)close(in); /* nothing was started */
		return ERR_SYS;
	}
	c.pid = fork();
	if (c.pid == 0)
		become(argv, in, fds[1]);
	(void)close(in); /* the child has its own */
	(void)close(fds[1]);
	int rc = c.pid < 0 ? ERR_SYS : read_all(fds[0], clock_ms() + limit_ms, out);
	(void)close(fds[0]);
	if (c.pid < 0)
		return rc;
	if (rc < 0)
		(void)kill(c.pid, SIGKILL); /* not yet waited for: the number is its own */
	(void)waitpid(c.pid, &status, 0);
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	return rc;
}
