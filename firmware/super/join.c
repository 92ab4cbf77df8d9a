#include "super.h"

#include "base/log.h"

#include <sys/socket.h>
#include <unistd.h>

static void send_end(struct child *to, const struct child *peer, int fd)
{
	struct chan *c = child_chan(to);
	struct buf *b = chan_begin(c, MSG_CHANNEL, 0);

	wire_put_u8(b, (uint8_t)peer->prog);
	wire_put_u8(b, (uint8_t)peer->instance);
	(void)chan_end_fd(c, fd, true); /* it is dying: its next start gets a fresh channel */
}

static void join(struct child *a, struct child *b)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		log_error("super.join.failed", LOG_STR("a", prog_name(a->prog)), LOG_STR("b", prog_name(b->prog)));
		return;
	}
	send_end(a, b, fds[0]);
	send_end(b, a, fds[1]);
}

void join_all(struct child *c)
{
	struct super *s = c->super;

	for (unsigned p = 0; p < PROG_COUNT; p++) {
		if (!msg_are_peers(c->prog, (enum prog)p))
			continue;
		for (unsigned i = 0; i < INSTANCES_MAX; i++)
			if (s->children[p][i].pid && &s->children[p][i] != c)
				join(c, &s->children[p][i]);
	}
}
