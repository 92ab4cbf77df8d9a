#include "run/bus_chan.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKET_BUFFER_BYTES = 1 << 20, READS_PER_TURN = 4 };

static void on_ready(void *arg, unsigned events);
static void on_flush(void *arg);

int chan_new(struct bus *b, enum prog peer, unsigned instance, int fd, struct chan **out)
{
	int size = SOCKET_BUFFER_BYTES;
	struct chan *c = calloc(1, sizeof *c);

	if (!b->scratch)
		b->scratch = malloc(CHAN_READ_BYTES);
	if (!c || !b->scratch) {
		free(c);
		return ERR_NOMEM;
	}
	c->bus = b;
	c->peer = peer;
	c->instance = instance;
	c->fd = fd;
	list_init(&c->node);
	loop_defer_init(&c->flush, on_flush, c);
	buf_init(&c->out, BUS_QUEUE_MAX);
	buf_init(&c->in, BUS_FRAME_MAX + CHAN_READ_BYTES);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size); /* a smaller one only costs calls */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || loop_watch_add(b->loop, &c->watch, fd, LOOP_READ, on_ready, c)) {
		buf_fini(&c->out);
		free(c);
		return ERR_SYS;
	}
	*out = c;
	return 0;
}

void chan_close(struct chan *c)
{
	loop_watch_del(&c->watch);
	loop_defer_cancel(&c->flush);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	for (unsigned i = 0; i < c->n_fds_out; i++)
		if (c->fds_out[i].is_ours)
			close(c->fds_out[i].fd);
	for (unsigned i = 0; i < c->n_fds_in; i++)
		close(c->fds_in[i]);
	c->n_fds_out = c->n_fds_in = 0;
}

void chan_free(struct chan *c)
{
	chan_close(c);
	buf_fini(&c->out);
	buf_fini(&c->in);
	free(c);
}

enum prog chan_prog(const struct chan *c)
{
	return c->peer;
}

unsigned chan_instance(const struct chan *c)
{
	return c->instance;
}

void chan_set_user(struct chan *c, void *user)
{
	c->user = user;
}

void *chan_user(const struct chan *c)
{
	return c->user;
}

size_t chan_pending(const struct chan *c)
{
	return buf_len(&c->out);
}

/* ---- sending ---- */

static void want(struct chan *c)
{
	unsigned events = (c->is_paused ? 0 : LOOP_READ) | (buf_len(&c->out) ? LOOP_WRITE : 0);

	(void)loop_watch_set(&c->watch, events); /* the set cannot grow here, so it cannot fail */
}

void chan_pause(struct chan *c, bool is_paused)
{
	if (c->is_dead || c->is_paused == is_paused)
		return;
	c->is_paused = is_paused;
	unsigned events = (is_paused ? 0 : LOOP_READ) | (c->watch.events & LOOP_WRITE);
	(void)loop_watch_set(&c->watch, events);
}

static void tell_pressure(struct chan *c, bool is_full)
{
	if (c->is_pressed == is_full)
		return;
	c->is_pressed = is_full;
	if (c->bus->hooks.pressure)
		c->bus->hooks.pressure(c->bus->hooks.program, c, is_full);
}

/* How many bytes may go in one call: up to the next frame that has a descriptor of its own. */
static size_t chunk(const struct chan *c, int *fd)
{
	size_t n = buf_len(&c->out);

	*fd = -1;
	if (c->n_fds_out == 0)
		return n;
	size_t ahead = (size_t)(c->fds_out[0].at - c->sent);
	if (ahead > 0)
		return ahead < n ? ahead : n;
	*fd = c->fds_out[0].fd;
	if (c->n_fds_out == 1)
		return n;
	size_t next = (size_t)(c->fds_out[1].at - c->sent);
	return next < n ? next : n;
}

static ssize_t send_chunk(struct chan *c, size_t n, int fd)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf_bytes(&c->out).p, .iov_len = n };
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd < 0)
		return send(c->fd, iov.iov_base, n, MSG_NOSIGNAL);
	m.msg_control = control.space;
	m.msg_controllen = sizeof control.space;
	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	return sendmsg(c->fd, &m, MSG_NOSIGNAL);
}

static void fd_has_left(struct chan *c)
{
	if (c->fds_out[0].is_ours)
		close(c->fds_out[0].fd);
	c->n_fds_out--;
	memmove(c->fds_out, c->fds_out + 1, c->n_fds_out * sizeof c->fds_out[0]);
}

void chan_flush(struct chan *c)
{
	while (!c->is_dead && buf_len(&c->out) > 0) {
		int fd;
		size_t n = chunk(c, &fd);
		ssize_t done = send_chunk(c, n, fd);
		if (done < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN && errno != ENOBUFS)
				bus_drop(c, false);
			break;
		}
		if (fd >= 0)
			fd_has_left(c);
		c->sent += (uint64_t)done;
		buf_consume(&c->out, (size_t)done);
	}
	if (c->is_dead)
		return;
	buf_release_if_empty(&c->out);
	want(c);
	if (c->is_pressed && buf_len(&c->out) < BUS_HIGH_WATER / 2)
		tell_pressure(c, false);
}

static void on_flush(void *arg)
{
	chan_flush(arg);
}

struct buf *chan_begin(struct chan *c, enum msg type, uint32_t id)
{
	static struct buf nobody = { .max = BUS_FRAME_MAX };
	struct buf *b = c && !c->is_dead ? &c->out : &nobody;

	if (b == &nobody) {
		buf_clear(b);
	} else {
		c->open_at = buf_len(b);
		c->is_open = true;
	}
	wire_put_u32(b, 0);
	wire_put_u16(b, (uint16_t)type);
	wire_put_u32(b, id);
	return b;
}

static int finish(struct chan *c)
{
	size_t n = buf_len(&c->out) - c->open_at;

	c->is_open = false;
	if (buf_failed(&c->out) || n > BUS_FRAME_MAX) {
		buf_truncate(&c->out, c->open_at);
		return ERR_LIMIT;
	}
	uint32_t length = (uint32_t)(n - 4);
	uint8_t *head = c->out.p + c->out.off + c->open_at;
	for (int i = 0; i < 4; i++)
		head[i] = (uint8_t)(length >> (24 - 8 * i));
	loop_defer_call(c->bus->loop, &c->flush);
	if (buf_len(&c->out) > BUS_HIGH_WATER)
		tell_pressure(c, true);
	return 0;
}

int chan_end(struct chan *c)
{
	return c && !c->is_dead && c->is_open ? finish(c) : ERR_CLOSED;
}

int chan_end_fd(struct chan *c, int fd, bool close_after)
{
	int rc = c && !c->is_dead && c->is_open ? 0 : ERR_CLOSED;

	if (!rc && c->n_fds_out == CHAN_FDS_MAX) {
		buf_truncate(&c->out, c->open_at);
		rc = ERR_FULL;
	}
	if (!rc) {
		struct chan_fd item = { c->sent + c->open_at, fd, close_after };
		rc = finish(c);
		if (!rc)
			c->fds_out[c->n_fds_out++] = item;
	}
	if (rc && close_after)
		close(fd);
	return rc;
}

/* ---- receiving ---- */

static int claim_fd(struct chan *c)
{
	int fd;

	if (c->n_fds_in == 0)
		return -1;
	fd = c->fds_in[0];
	memmove(c->fds_in, c->fds_in + 1, --c->n_fds_in * sizeof c->fds_in[0]);
	return fd;
}

static int deliver(struct chan *c, struct bytes raw)
{
	struct bus *b = c->bus;
	struct wire w = wire_of(raw);
	struct frame f = { .fd = -1 };

	(void)wire_u32(&w);
	f.type = (enum msg)wire_u16(&w);
	f.id = wire_u32(&w);
	f.body = bytes_skip(raw, FRAME_HEAD_BYTES);
	if (!msg_may(f.type, c->peer, b->self) || !b->fns[f.type])
		return ERR_DENIED;
	if (msg_has_fd(f.type) && (f.fd = claim_fd(c)) < 0)
		return ERR_PROTOCOL;
	return b->fns[f.type](b->hooks.program, c, &f);
}

static void refuse(struct chan *c, struct bytes raw, int rc)
{
	struct wire w = wire_of(bytes_skip(raw, 4));

	log_error("bus.bad_frame", LOG_STR("from", prog_name(c->peer)), LOG_INT("instance", c->instance),
		  LOG_STR("message", msg_name((enum msg)wire_u16(&w))), LOG_STR("reason", err_name(rc)));
	bus_drop(c, true);
}

/* Handles the whole frames in the bytes; gives how many bytes they were. */
static size_t take_frames(struct chan *c, struct bytes in)
{
	size_t at = 0;

	while (!c->is_dead && in.n - at >= FRAME_HEAD_BYTES) {
		struct wire w = wire_of(bytes_skip(in, at));
		size_t n = (size_t)wire_u32(&w) + 4;
		if (n < FRAME_HEAD_BYTES || n > BUS_FRAME_MAX) {
			refuse(c, bytes_skip(in, at), ERR_LIMIT);
			break;
		}
		if (in.n - at < n)
			break;
		struct bytes raw = { in.p + at, n };
		int rc = deliver(c, raw);
		if (rc && !c->is_dead)
			refuse(c, raw, rc);
		at += n;
	}
	return at;
}

/* Whole frames are handled where they were read; only a beginning of one is kept. */
static void received(struct chan *c, struct bytes in)
{
	if (buf_len(&c->in) == 0) {
		size_t used = take_frames(c, in);
		if (!c->is_dead)
			buf_put_bytes(&c->in, bytes_skip(in, used));
		return;
	}
	buf_put_bytes(&c->in, in);
	if (buf_failed(&c->in)) {
		bus_drop(c, true);
		return;
	}
	size_t used = take_frames(c, buf_bytes(&c->in));
	buf_consume(&c->in, used);
	if (!c->is_dead)
		buf_release_if_empty(&c->in);
}

static void keep_fds(struct chan *c, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (c->n_fds_in < CHAN_FDS_MAX)
				c->fds_in[c->n_fds_in++] = fd;
			else
				close(fd);
		}
	}
}

static ssize_t read_some(struct chan *c)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * CHAN_FDS_MAX)];
	} control;
	/* The frame that a descriptor came with is never larger than the room for what follows it:
	 * the kernel ends a read at the boundary of what carried descriptors. */
	struct iovec iov = { .iov_base = c->bus->scratch, .iov_len = CHAN_READ_BYTES };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			    .msg_controllen = sizeof control.space };
	ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);

	if (n > 0 && m.msg_controllen)
		keep_fds(c, &m);
	return n;
}

static void on_ready(void *arg, unsigned events)
{
	struct chan *c = arg;

	if (events & LOOP_WRITE)
		chan_flush(c);
	if (!(events & LOOP_READ))
		return;
	for (int i = 0; i < READS_PER_TURN && !c->is_dead && !c->is_paused; i++) {
		ssize_t n = read_some(c);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			bus_drop(c, false);
			return;
		}
		if (n < 0)
			return;
		received(c, bytes_make(c->bus->scratch, (size_t)n));
		if (n < CHAN_READ_BYTES / 2)
			return;
	}
}
