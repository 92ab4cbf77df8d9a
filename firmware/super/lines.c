#include "super.h"

#include <fcntl.h>
#include <unistd.h>

enum { PIPE_BYTES = 256 << 10 }; /* about a thousand lines */

void lines_open(int pipe[2])
{
	if (pipe[0] >= 0)
		return;
	if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		pipe[0] = pipe[1] = -1;
	else
		(void)fcntl(pipe[1], F_SETPIPE_SZ, PIPE_BYTES); /* else it has the kernel's usual size */
}

void lines_close(int pipe[2])
{
	for (int i = 0; i < 2; i++) {
		if (pipe[i] >= 0)
			close(pipe[i]);
		pipe[i] = -1;
	}
}

void lines_hand_over(struct super *s, enum prog prog, unsigned instance, const int pipe[2])
{
	struct child *l = &s->children[PROG_LOG][0];
	struct chan *to = l->state == CHILD_RUNNING ? child_chan(l) : NULL;

	if (!to || pipe[0] < 0)
		return;
	struct buf *b = chan_begin(to, MSG_LOG_SOURCE, 0);
	wire_put_u8(b, (uint8_t)prog);
	wire_put_u8(b, (uint8_t)instance);
	(void)chan_end_fd(to, fcntl(pipe[0], F_DUPFD_CLOEXEC, 0), true); /* a gh-log that is dying: its successor gets it */
}

void lines_hand_over_all(struct super *s)
{
	lines_hand_over(s, PROG_SUPER, 0, s->log);
	for (unsigned p = 0; p < PROG_COUNT; p++)
		for (unsigned i = 0; i < INSTANCES_MAX; i++)
			lines_hand_over(s, (enum prog)p, i, s->children[p][i].log);
}
