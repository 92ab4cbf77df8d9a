#include "daemon.h"

#include "base/err.h"
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 64 << 10, AGAIN_S = 5, STOP_TRIES = 50, STOP_WAIT_US = 100 * 1000, ASK_MS = 3000, LINES_AT_ONCE = 20 };

static const char user[] = "_chrony", server[] = "/usr/sbin/chronyd", client[] = "/usr/bin/chronyc";

static time_t monotonic_s(void)
{
	struct timespec t;

	return clock_gettime(CLOCK_MONOTONIC, &t) ? 0 : t.tv_sec;
}

/* ---- files ---- */

/* The whole text or the old one; chronyd reads it, nobody else. */
static int replace(const struct daemon *d, const char *name, struct bytes text)
{
	char fresh[64];

	snprintf(fresh, sizeof fresh, ".%s.new", name);
	(void)unlinkat(d->folder_fd, fresh, 0); /* of a start that was cut off */
	int fd = openat(d->folder_fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return ERR_IO;
	bool is_done = fchown(fd, 0, d->gid) == 0 && fchmod(fd, 0640) == 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
	if (close(fd) || !is_done || renameat(d->folder_fd, fresh, d->folder_fd, name))
		return ERR_IO;
	return 0;
}

static int replace_buf(const struct daemon *d, const char *name, struct buf *b, const char **why)
{
	int rc = buf_failed(b) ? ERR_LIMIT : replace(d, name, buf_bytes(b));

	if (rc)
		*why = "chronyd's files cannot be written";
	buf_fini(b);
	return rc;
}

/* In place: it is mounted over the system's. */
int daemon_write_hosts(struct daemon *d, const struct time_hosts *h, const char **why)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	text_hosts(h, &b);
	struct bytes text = buf_bytes(&b);
	bool is_done = !buf_failed(&b) && ftruncate(d->hosts_fd, 0) == 0 && pwrite(d->hosts_fd, text.p, text.n, 0) == (ssize_t)text.n;
	buf_fini(&b);
	if (!is_done)
		*why = "the file of addresses cannot be written";
	return is_done ? 0 : ERR_IO;
}

int daemon_write(struct daemon *d, const struct time_wanted *w, const struct time_hosts *h, struct bytes anchors, bool has_system,
                 const char **why)
{
	const struct time_places places = { .folder = d->folder, .has_anchors = anchors.n > 0, .has_system = has_system };
	struct buf b;

	buf_init(&b, TEXT_MAX);
	text_conf(w, &places, &b);
	int rc = replace_buf(d, "chrony.conf", &b, why);
	buf_init(&b, TEXT_MAX);
	text_keys(w, &b);
	rc = rc ? rc : replace_buf(d, "chrony.keys", &b, why);
	if (rc == 0 && replace(d, "anchors.pem", anchors)) {
		*why = "chronyd's files cannot be written";
		rc = ERR_IO;
	}
	return rc ? rc : daemon_write_hosts(d, h, why);
}

static int make_folders(struct daemon *d, const char *folder)
{
	char path[sizeof d->folder + 8];

	snprintf(d->folder, sizeof d->folder, "%s", folder);
	snprintf(path, sizeof path, "%s/own", folder);
	/* Others may pass through to chronyd's own; they read nothing. */
	if (chown(folder, 0, 0) || chmod(folder, 0711) || (mkdir(path, 0700) < 0 && errno != EEXIST) || chown(path, d->uid, d->gid) || chmod(path, 0700))
		return ERR_SYS;
	d->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->folder_fd < 0)
		return ERR_SYS;
	d->hosts_fd = openat(d->folder_fd, "hosts", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	return d->hosts_fd < 0 || fchmod(d->hosts_fd, 0644) ? ERR_SYS : 0;
}

int daemon_open(struct daemon *d, const char *folder, const char **why)
{
	const struct passwd *pw = getpwnam(user);
	char hosts[sizeof d->folder + 8];

	d->lines = d->folder_fd = d->hosts_fd = -1;
	*why = "chrony is not installed: there is no user _chrony";
	if (!pw || strlen(folder) >= sizeof d->folder)
		return ERR_NOT_FOUND;
	d->uid = pw->pw_uid;
	d->gid = pw->pw_gid;
	*why = "its folder cannot be made";
	if (make_folders(d, folder))
		return ERR_SYS;
	snprintf(hosts, sizeof hosts, "%s/hosts", folder);
	return confine(folder, hosts, &d->may_set, why);
}

/* ---- processes ---- */

static pid_t start(const struct daemon *d, char *const argv[], int out, bool keeps_time)
{
	char *const environment[] = { NULL };
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || confine_become(d->uid, d->gid, keeps_time, parent))
		_exit(126);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	execve(argv[0], argv, environment);
	_exit(127);
}

static int launch(struct daemon *d)
{
	char conf[sizeof d->folder + 16];
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return ERR_SYS;
	snprintf(conf, sizeof conf, "%s/chrony.conf", d->folder);
	/* -d: in the foreground, lines to standard error; -U: it is not root; -x: it may not set the clock and only watches */
	char *const with[] = { (char *)(uintptr_t)server, (char *)"-d", (char *)"-U", (char *)"-F", (char *)"1", (char *)"-f", conf,
		               d->may_set ? NULL : (char *)"-x", NULL };
	d->pid = start(d, with, pipes[1], true);
	(void)close(pipes[1]); /* chronyd's */
	if (d->pid < 0) {
		d->pid = 0;
		(void)close(pipes[0]); /* nothing comes */
		return ERR_SYS;
	}
	(void)fcntl(pipes[0], F_SETFL, O_NONBLOCK); /* a pipe's flag */
	d->lines = pipes[0];
	d->line_n = 0;
	return 0;
}

static void forget(struct daemon *d)
{
	d->pid = 0;
	if (d->lines >= 0)
		(void)close(d->lines); /* read only */
	d->lines = -1;
}

static void end(struct daemon *d)
{
	if (!d->pid)
		return;
	(void)kill(d->pid, SIGTERM); /* ours until it is waited for */
	for (int i = 0; i < STOP_TRIES; i++) {
		if (waitpid(d->pid, NULL, WNOHANG) == d->pid) {
			forget(d);
			return;
		}
		(void)usleep(STOP_WAIT_US); /* a signal ends it early */
	}
	(void)kill(d->pid, SIGKILL);
	(void)waitpid(d->pid, NULL, 0); /* it cannot refuse */
	forget(d);
}

int daemon_restart(struct daemon *d, const char **why)
{
	end(d);
	d->is_wanted = true;
	int rc = launch(d);
	if (rc) {
		*why = "chronyd cannot be started";
		d->again_s = monotonic_s() + AGAIN_S;
	}
	return rc;
}

void daemon_stop(struct daemon *d)
{
	d->is_wanted = false;
	end(d);
}

bool daemon_look(struct daemon *d, int *status)
{
	if (d->pid && waitpid(d->pid, status, WNOHANG) == d->pid) {
		forget(d);
		d->again_s = monotonic_s() + AGAIN_S;
		return true;
	}
	if (d->is_wanted && !d->pid && monotonic_s() >= d->again_s && launch(d))
		d->again_s = monotonic_s() + AGAIN_S;
	return false;
}

/* At most so many: chronyd that floods finds its pipe full and waits. */
void daemon_read_lines(struct daemon *d, void (*fn)(void *arg, struct bytes line), void *arg)
{
	char c;

	for (unsigned n = 0; n < LINES_AT_ONCE;) {
		ssize_t got = read(d->lines, &c, 1);
		if (got <= 0) {
			if (got == 0 || errno != EAGAIN) { /* it ends: daemon_look sees that */
				(void)close(d->lines); /* read only */
				d->lines = -1;
			}
			return;
		}
		if (c != '\n' && d->line_n < sizeof d->line)
			d->line[d->line_n++] = c;
		if (c != '\n')
			continue;
		if (d->line_n > 0)
			fn(arg, bytes_make(d->line, d->line_n));
		d->line_n = 0;
		n++;
	}
}

/* ---- chronyc ---- */

static int read_answer(int fd, char *out, size_t *n)
{
	time_t until = monotonic_s() + ASK_MS / 1000 + 1;

	*n = 0;
	while (monotonic_s() <= until) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (poll(&p, 1, ASK_MS) <= 0)
			return ERR_TIMEOUT;
		ssize_t got = read(fd, out + *n, KEEPER_ANSWER_MAX - *n);
		if (got <= 0)
			return got == 0 ? 0 : ERR_SYS;
		*n += (size_t)got;
		if (*n == KEEPER_ANSWER_MAX)
			return ERR_LIMIT;
	}
	return ERR_TIMEOUT;
}

int daemon_ask(struct daemon *d, const char *const words[2], char *out, size_t *n)
{
	char socket_path[sizeof d->folder + 24];
	int pipes[2], status = 0;

	if (!d->pid || pipe2(pipes, O_CLOEXEC) < 0)
		return ERR_SYS;
	snprintf(socket_path, sizeof socket_path, "%s/own/chronyd.sock", d->folder);
	char *const with[] = { (char *)(uintptr_t)client, (char *)"-h", socket_path, (char *)"-c", (char *)(uintptr_t)words[0],
		               (char *)(uintptr_t)words[1], NULL };
	pid_t pid = start(d, with, pipes[1], false);
	(void)close(pipes[1]); /* chronyc's */
	int rc = pid < 0 ? ERR_SYS : read_answer(pipes[0], out, n);
	(void)close(pipes[0]); /* read only */
	if (rc && pid > 0)
		(void)kill(pid, SIGKILL); /* not waited for yet */
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
		rc = rc ? rc : ERR_SYS;
	return rc;
}
