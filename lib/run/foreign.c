#include "run/foreign.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AGAIN_S = 5, STOP_TRIES = 50, STOP_WAIT_US = 100 * 1000, ASK_MS = 3000, LINES_AT_ONCE = 20, TURN_MS = 1000 };

static time_t monotonic_s(void)
{
	struct timespec t;

	return clock_gettime(CLOCK_MONOTONIC, &t) ? 0 : t.tv_sec;
}

int foreign_init(struct foreign *f, const char *user)
{
	const struct passwd *pw = getpwnam(user);

	*f = (struct foreign){ .cap = -1, .lines = -1 };
	if (!pw)
		return ERR_NOT_FOUND;
	f->uid = pw->pw_uid;
	f->gid = pw->pw_gid;
	return 0;
}

/* ---- files ---- */

int foreign_make_folder(const struct foreign *f, const char *folder, int *fd)
{
	char path[512];

	if ((size_t)snprintf(path, sizeof path, "%s/own", folder) >= sizeof path)
		return ERR_LIMIT;
	/* Others may pass through to the daemon's own; they read nothing. */
	if (chown(folder, 0, 0) || chmod(folder, 0711) || (mkdir(path, 0700) < 0 && errno != EEXIST) || chown(path, f->uid, f->gid) || chmod(path, 0700))
		return ERR_SYS;
	*fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? ERR_SYS : 0;
}

int foreign_replace(const struct foreign *f, int folder_fd, const char *name, struct bytes text)
{
	char fresh[64];

	snprintf(fresh, sizeof fresh, ".%s.new", name);
	(void)unlinkat(folder_fd, fresh, 0); /* of a start that was cut off */
	int fd = openat(folder_fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return ERR_IO;
	bool is_done = fchown(fd, 0, f->gid) == 0 && fchmod(fd, 0640) == 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
	if (close(fd) || !is_done || renameat(folder_fd, fresh, folder_fd, name))
		return ERR_IO;
	return 0;
}

/* ---- the daemon ---- */

static pid_t start(const struct foreign *f, char *const argv[], int out, int cap)
{
	char *const environment[] = { NULL };
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || foreign_become(f, cap, parent))
		_exit(126);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	execve(argv[0], argv, environment);
	_exit(127);
}

static int launch(struct foreign *f)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return ERR_SYS;
	f->pid = start(f, f->args, pipes[1], f->cap);
	(void)close(pipes[1]); /* the daemon's */
	if (f->pid < 0) {
		f->pid = 0;
		(void)close(pipes[0]); /* nothing comes */
		return ERR_SYS;
	}
	(void)fcntl(pipes[0], F_SETFL, O_NONBLOCK); /* a pipe's flag */
	f->lines = pipes[0];
	f->line_n = 0;
	return 0;
}

static void forget(struct foreign *f)
{
	f->pid = 0;
	if (f->lines >= 0)
		(void)close(f->lines); /* read only */
	f->lines = -1;
}

static void end(struct foreign *f)
{
	if (!f->pid)
		return;
	(void)kill(f->pid, SIGTERM); /* ours until it is waited for */
	for (int i = 0; i < STOP_TRIES; i++) {
		if (waitpid(f->pid, NULL, WNOHANG) == f->pid) {
			forget(f);
			return;
		}
		(void)usleep(STOP_WAIT_US); /* a signal ends it early */
	}
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0); /* it cannot refuse */
	forget(f);
}

int foreign_restart(struct foreign *f)
{
	end(f);
	f->is_wanted = true;
	int rc = launch(f);
	if (rc)
		f->again_s = monotonic_s() + AGAIN_S;
	return rc;
}

void foreign_reload(const struct foreign *f)
{
	if (f->pid)
		(void)kill(f->pid, SIGHUP); /* ours until it is waited for */
}

void foreign_stop(struct foreign *f)
{
	f->is_wanted = false;
	end(f);
}

/* Has it ended by itself since? Starts it again in time. */
static bool look(struct foreign *f, int *status)
{
	if (f->pid && waitpid(f->pid, status, WNOHANG) == f->pid) {
		forget(f);
		f->again_s = monotonic_s() + AGAIN_S;
		return true;
	}
	if (f->is_wanted && !f->pid && monotonic_s() >= f->again_s && launch(f))
		f->again_s = monotonic_s() + AGAIN_S;
	return false;
}

static void tell_line(struct bytes line)
{
	struct buf b;

	foreign_begin(&b, FOREIGN_LINE);
	wire_put_bytes(&b, line);
	foreign_send(&b);
}

/* At most so many: a daemon that floods finds its pipe full and waits. */
static void tell_lines(struct foreign *f)
{
	char c;

	for (unsigned n = 0; n < LINES_AT_ONCE;) {
		ssize_t got = read(f->lines, &c, 1);
		if (got <= 0) {
			if (got == 0 || errno != EAGAIN) { /* it ends: look sees that */
				(void)close(f->lines); /* read only */
				f->lines = -1;
			}
			return;
		}
		if (c != '\n' && f->line_n < sizeof f->line)
			f->line[f->line_n++] = c;
		if (c != '\n')
			continue;
		if (f->line_n > 0)
			tell_line(bytes_make(f->line, f->line_n));
		f->line_n = 0;
		n++;
	}
}

/* ---- the keeper's turn ---- */

/* False: the program has gone or breaks the rules. */
static bool wait_turn(int lines, uint8_t *in, size_t *n)
{
	struct pollfd p[2] = { { .fd = FOREIGN_PAIR_FD, .events = POLLIN }, { .fd = lines, .events = POLLIN } };

	*n = 0;
	(void)poll(p, 2, TURN_MS); /* interrupted: the next turn */
	if (!p[0].revents)
		return true;
	ssize_t got = recv(FOREIGN_PAIR_FD, in, FOREIGN_FRAME_MAX, MSG_DONTWAIT | MSG_TRUNC);
	if (got == 0 || got > FOREIGN_FRAME_MAX || (got < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	*n = got > 0 ? (size_t)got : 0;
	return true;
}

size_t foreign_turn(struct foreign *f, uint8_t in[static FOREIGN_FRAME_MAX])
{
	struct buf b;
	size_t n;
	int status;

	if (!wait_turn(f->lines, in, &n)) {
		foreign_stop(f);
		_exit(0);
	}
	if (f->lines >= 0)
		tell_lines(f);
	if (look(f, &status)) {
		foreign_begin(&b, FOREIGN_ENDED);
		wire_put_u32(&b, (uint32_t)status);
		foreign_send(&b);
	}
	return n;
}

/* ---- its tool ---- */

static int read_answer(int fd, char *out, size_t room, size_t *n)
{
	time_t until = monotonic_s() + ASK_MS / 1000 + 1;

	*n = 0;
	while (monotonic_s() <= until) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (poll(&p, 1, ASK_MS) <= 0)
			return ERR_TIMEOUT;
		ssize_t got = read(fd, out + *n, room - *n);
		if (got <= 0)
			return got == 0 ? 0 : ERR_SYS;
		*n += (size_t)got;
		if (*n == room)
			return ERR_LIMIT;
	}
	return ERR_TIMEOUT;
}

int foreign_run(const struct foreign *f, char *const argv[], char *out, size_t room, size_t *n)
{
	int pipes[2], status = 0;

	if (!f->pid || pipe2(pipes, O_CLOEXEC) < 0)
		return ERR_SYS;
	pid_t pid = start(f, argv, pipes[1], -1);
	(void)close(pipes[1]); /* the tool's */
	int rc = pid < 0 ? ERR_SYS : read_answer(pipes[0], out, room, n);
	(void)close(pipes[0]); /* read only */
	if (rc && pid > 0)
		(void)kill(pid, SIGKILL); /* not waited for yet */
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
		rc = rc ? rc : ERR_SYS;
	return rc;
}
