#include "run/foreign.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIR_BYTES = 1 << 20 };

int foreign_folder(const struct proc *p, char *out, size_t room)
{
	char link[32];
	int fd = proc_open_folder(p);

	if (fd < 0)
		return ERR_NOT_FOUND;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, out, room - 1);
	(void)close(fd); /* read only */
	if (n <= 0 || (size_t)n >= room - 1)
		return ERR_SYS;
	out[n] = 0;
	return 0;
}

void foreign_send(struct buf *b)
{
	struct bytes v = buf_bytes(b);

	if (buf_failed(b) || send(FOREIGN_PAIR_FD, v.p, v.n, MSG_NOSIGNAL) != (ssize_t)v.n)
		_exit(1);
	buf_fini(b);
}

void foreign_begin(struct buf *b, uint8_t kind)
{
	buf_init(b, FOREIGN_FRAME_MAX);
	wire_put_u8(b, kind);
}

void foreign_tell_done(uint8_t op, int rc, const char *why)
{
	struct buf b;

	foreign_begin(&b, FOREIGN_DONE);
	wire_put_u8(&b, op);
	wire_put_u32(&b, (uint32_t)rc);
	wire_put_str(&b, bytes_of(why));
	foreign_send(&b);
}

/* Nothing of the program's but standard descriptors and the pair: its control channel above all. */
static void keep_only(int fd)
{
	if (fd != FOREIGN_PAIR_FD && dup2(fd, FOREIGN_PAIR_FD) < 0)
		_exit(1);
	(void)fcntl(FOREIGN_PAIR_FD, F_SETFD, FD_CLOEXEC); /* it is open */
	if (close_range(FOREIGN_PAIR_FD + 1, ~0U, 0) < 0)
		_exit(1);
}

int foreign_fork(void (*work)(const char *folder), const char *folder, int *fd)
{
	int pair[2], room = PAIR_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return ERR_SYS;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room); /* as far as it may */
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGTERM, SIG_IGN); /* it ends with the program: at the end of the pair */
		signal(SIGINT, SIG_IGN);
		keep_only(pair[1]);
		work(folder);
		_exit(0);
	}
	(void)close(pair[1]); /* the keeper's */
	if (pid < 0) {
		(void)close(pair[0]); /* nothing was said */
		return ERR_SYS;
	}
	*fd = pair[0];
	return fcntl(*fd, F_SETFL, O_NONBLOCK) < 0 ? ERR_SYS : 0;
}
