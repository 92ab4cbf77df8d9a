/* The sending half of a channel: frames gather in one buffer and leave with one system call at the
 * end of the turn; descriptors ride on the send that carries their frame's first byte. */
#include "run/bus_impl.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where the fields of a frame for a channel that is not there go: a buffer that is full from birth
 * and so never changes. */
static struct buf *nowhere(void)
{
	static struct buf none;

	none = (struct buf){ .max = 1, .is_failed = true };
	return &none;
}

struct buf *chan_begin(struct chan *c, enum msg type, uint32_t id)
{
	if (!c || c->is_dead)
		return nowhere();
	if (c->is_open) /* an unfinished frame is given up: it must not run into this one */
		buf_truncate(&c->out, c->open_at);
	bus_spare_take(c->bus, &c->out);
	c->open_at = buf_len(&c->out);
	c->open_type = type;
	c->is_open = true;
	bus_frame_begin(&c->out, type, id);
	return &c->out;
}

int chan_end(struct chan *c)
{
	return chan_end_fd(c, -1, false);
}

static int queue_fd(struct chan *c, int fd, bool close_after)
{
	if (c->n_fds >= BUS_FD_QUEUE_MAX)
		return ERR_LIMIT;
	if (c->n_fds == c->cap_fds) {
		size_t cap = c->cap_fds ? c->cap_fds * 2 : 8;
		struct chan_fd *fds = realloc(c->fds, cap * sizeof *fds);
		if (!fds)
			return ERR_NOMEM;
		c->fds = fds;
		c->cap_fds = cap;
	}
	c->fds[c->n_fds++] = (struct chan_fd){ .at = c->sent + c->open_at, .fd = fd, .close_after = close_after };
	return 0;
}

static int end_frame(struct chan *c, int fd, bool close_after)
{
	if (!c || c->is_dead)
		return ERR_CLOSED;
	if (!c->is_open)
		return ERR_BAD_STATE;
	c->is_open = false;
	int rc = 0;
	if (buf_failed(&c->out) || buf_len(&c->out) - c->open_at - 4 > BUS_FRAME_MAX)
		rc = ERR_LIMIT;
	else if (msg_has_fd(c->open_type) != (fd >= 0)) /* a dup that failed must not end us as a bad peer */
		rc = ERR_BAD_STATE;
	if (!rc && fd >= 0)
		rc = queue_fd(c, fd, close_after);
	if (rc) {
		buf_truncate(&c->out, c->open_at);
		return rc;
	}
	bus_frame_end(&c->out, c->open_at);
	return 0;
}

int chan_end_fd(struct chan *c, int fd, bool close_after)
{
	int rc = end_frame(c, fd, close_after);

	if (rc) {
		if (fd >= 0 && close_after)
			close(fd);
		return rc;
	}
	loop_defer_last(c->bus->loop, &c->flush);
	if (buf_len(&c->out) >= BUS_FLUSH_BYTES && !(c->watch.events & LOOP_WRITE))
		chan_flush(c);
	return 0;
}

size_t chan_pending(const struct chan *c)
{
	return c ? buf_len(&c->out) : 0;
}

/* ---- sending ---- */

/* Frames that have left completely enough (their first byte is out) need their entry no more. */
static void forget_sent_fds(struct chan *c)
{
	size_t n = 0;

	while (n < c->n_fds && c->fds[n].is_sent && c->fds[n].at < c->sent)
		n++;
	if (!n)
		return;
	c->n_fds -= n;
	memmove(c->fds, c->fds + n, c->n_fds * sizeof *c->fds);
	if (!c->n_fds) {
		free(c->fds);
		c->fds = NULL;
		c->cap_fds = 0;
	}
}

/* Descriptors for the next send, and how many bytes may go with them: not a byte of a frame whose
 * descriptor has to wait. The receiver never holds more than BUS_FDS_MAX for frames to come. */
static unsigned pick_fds(struct chan *c, int out[static BUS_FDS_MAX], size_t *bytes)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->n_fds; i++) {
		size_t start = (size_t)(c->fds[i].at - c->sent);
		if (c->fds[i].is_sent)
			continue;
		if (i >= BUS_FDS_MAX) {
			*bytes = start;
			break;
		}
		out[n++] = c->fds[i].fd;
	}
	return n;
}

static void mark_fds(struct chan *c, unsigned n)
{
	for (size_t i = 0; i < c->n_fds && n; i++) {
		struct chan_fd *q = &c->fds[i];
		if (q->is_sent)
			continue;
		q->is_sent = true;
		n--;
		if (q->close_after)
			close(q->fd);
		q->fd = -1;
	}
}

static ssize_t send_some(struct chan *c, struct bytes data, const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(BUS_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { (void *)data.p, data.n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		memset(&control, 0, sizeof control);
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(h), fds, n_fds * sizeof(int));
	}
	return sendmsg(c->watch.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* 1: there is more to send at once; 0: all is sent, or the kernel is full; negative: the peer is gone. */
static int flush_step(struct chan *c)
{
	int fds[BUS_FDS_MAX];
	struct bytes data = buf_bytes(&c->out);

	if (c->is_open)
		data.n = c->open_at;
	if (!data.n)
		return 0;
	unsigned n_fds = pick_fds(c, fds, &data.n);
	size_t wanted = data.n;
	ssize_t n = send_some(c, data, fds, n_fds);
	if (n < 0 && errno == EINTR)
		return 1;
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : ERR_CLOSED;
	mark_fds(c, n_fds);
	c->sent += (size_t)n;
	if (c->is_open)
		c->open_at -= (size_t)n;
	buf_consume(&c->out, (size_t)n);
	forget_sent_fds(c);
	return (size_t)n == wanted;
}

static void want_write(struct chan *c)
{
	bool is_wanted = c->is_open ? c->open_at > 0 : buf_len(&c->out) > 0;
	unsigned events = (c->is_paused ? 0 : LOOP_READ) | (is_wanted ? LOOP_WRITE : 0);

	if (loop_watch_set(&c->watch, events))
		chan_drop(c);
}

void chan_flush(struct chan *c)
{
	int rc = 1;

	if (!c || c->is_dead)
		return;
	while (rc > 0)
		rc = flush_step(c);
	if (rc) {
		chan_drop(c);
		return;
	}
	want_write(c);
	bus_spare_give(c->bus, &c->out);
}

static void report_pressure(struct chan *c)
{
	size_t pending = buf_len(&c->out);
	bool is_full = c->is_full ? pending > BUS_LOW_WATER : pending > BUS_HIGH_WATER;

	if (is_full == c->is_full)
		return;
	c->is_full = is_full;
	if (c->bus->hooks.pressure)
		c->bus->hooks.pressure(c->bus->hooks.program, c, is_full);
}

/* The end of a turn in which frames were put, or the kernel has room again. */
static void on_flush(void *arg)
{
	struct chan *c = arg;

	chan_flush(c);
	if (!c->is_dead)
		report_pressure(c);
}

void chan_send_init(struct chan *c)
{
	buf_init(&c->out, BUS_QUEUE_MAX);
	loop_defer_init(&c->flush, on_flush, c);
}

void chan_send_fini(struct chan *c)
{
	loop_defer_cancel(&c->flush);
	for (size_t i = 0; i < c->n_fds; i++)
		if (c->fds[i].close_after && c->fds[i].fd >= 0)
			close(c->fds[i].fd);
	free(c->fds);
	c->fds = NULL;
	c->n_fds = c->cap_fds = 0;
	buf_fini(&c->out);
}
