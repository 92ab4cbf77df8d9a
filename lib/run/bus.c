#include "run/bus.h"

#include "run/bus_impl.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- spare buffers: an idle channel has none, a busy one does not ask malloc each turn ---- */

void bus_spare_take(struct bus *b, struct buf *to)
{
	if (to->p || !b->n_spare)
		return;
	uint32_t max = to->max;
	bool is_failed = to->is_failed;
	*to = b->spare[--b->n_spare];
	to->max = max;
	to->is_failed = is_failed;
}

void bus_spare_give(struct bus *b, struct buf *from)
{
	if (!from->p || buf_len(from) || from->is_failed)
		return;
	if (b->n_spare == BUS_SPARES || from->cap > BUS_SPARE_BYTES) {
		buf_release_if_empty(from);
		return;
	}
	b->spare[b->n_spare] = *from;
	buf_clear(&b->spare[b->n_spare++]);
	*from = (struct buf){ .max = from->max };
	if (!loop_timer_is_set(&b->spare_timer))
		(void)loop_timer_set(b->loop, &b->spare_timer, BUS_SPARE_MS); /* else they stay: few */
}

static void on_spare_timer(void *arg)
{
	struct bus *b = arg;

	while (b->n_spare)
		buf_fini(&b->spare[--b->n_spare]);
}

/* ---- the end of a channel ---- */

static void chan_free(struct chan *c)
{
	list_del(&c->dead);
	loop_defer_cancel(&c->resume);
	for (unsigned i = 0; i < c->n_in_fds; i++)
		close(c->in_fds[i]);
	chan_send_fini(c);
	buf_fini(&c->in);
	free(c);
}

void chan_drop(struct chan *c)
{
	struct bus *b = c->bus;

	if (c->is_dead)
		return;
	c->is_dead = true;
	int fd = c->watch.fd;
	loop_watch_del(&c->watch);
	close(fd);
	if (b->chans[c->peer][c->instance] == c)
		b->chans[c->peer][c->instance] = NULL;
	list_add_tail(&b->dead, &c->dead);
	loop_defer_call(b->loop, &b->sweep);
}

/* The program hears of it before anything else about this peer. */
static void bury(struct chan *c)
{
	struct bus *b = c->bus;

	list_del(&c->dead);
	if (b->hooks.down)
		b->hooks.down(b->hooks.program, c);
	chan_free(c);
}

static void on_sweep(void *arg)
{
	struct bus *b = arg;

	while (!list_is_empty(&b->dead))
		bury(LIST_OWNER(b->dead.next, struct chan, dead));
}

static void drop_bad(struct chan *c, const char *why, unsigned type)
{
	struct bus *b = c->bus;

	log_warn("bus.bad-peer", LOG_STR("peer", prog_name(c->peer)), LOG_INT("instance", c->instance),
		 LOG_STR("why", why), LOG_STR("message", msg_name((enum msg)type)));
	chan_drop(c);
	if (b->hooks.bad_peer)
		b->hooks.bad_peer(b->hooks.program, c->peer, c->instance);
}

/* ---- receiving ---- */

static bool has_cause(const struct chan *c, const struct frame *f, const char **why)
{
	if (!msg_may(f->type, c->peer, c->bus->self))
		*why = "not its message";
	else if (msg_has_fd(f->type) && !c->n_in_fds)
		*why = "descriptor is missing";
	else
		return false;
	return true;
}

static void take_fd(struct chan *c, struct frame *f)
{
	f->fd = c->in_fds[0];
	memmove(c->in_fds, c->in_fds + 1, --c->n_in_fds * sizeof *c->in_fds);
}

/* False: the channel is dead. */
static bool handle(struct chan *c, struct frame *f)
{
	struct bus *b = c->bus;
	const char *why = "";

	if (has_cause(c, f, &why)) {
		drop_bad(c, why, f->type);
		return false;
	}
	if (msg_has_fd(f->type))
		take_fd(c, f);
	bus_fn fn = b->fns[f->type];
	if (!fn) { /* ours to answer for: the sender was within its rights */
		log_debug("bus.unhandled", LOG_STR("message", msg_name(f->type)));
		if (f->fd >= 0)
			close(f->fd);
		return true;
	}
	int rc = fn(b->hooks.program, c, f);
	if (rc && !c->is_dead)
		drop_bad(c, err_name(rc), f->type);
	return !c->is_dead;
}

/* Frames are handled where they lie in the buffer. */
static void parse(struct chan *c)
{
	struct frame f;
	size_t used, at = 0;
	int rc = 0;

	c->is_parsing = true;
	while (!c->is_paused) {
		rc = bus_frame_read(bytes_skip(buf_bytes(&c->in), at), &f, &used);
		if (rc)
			break;
		at += used;
		if (!handle(c, &f))
			return; /* buried at the end of the turn; is_parsing keeps it from being read */
	}
	c->is_parsing = false;
	buf_consume(&c->in, at);
	if (rc && rc != ERR_AGAIN)
		drop_bad(c, err_name(rc), MSG_COUNT);
	else
		bus_spare_give(c->bus, &c->in);
}

/* How much to ask for: the rest of a large frame at once, else what one read may bring. */
static size_t read_room(const struct chan *c)
{
	struct frame f;
	size_t used = 0, have = buf_len(&c->in);

	(void)bus_frame_read(buf_bytes(&c->in), &f, &used); /* only for its length: parse has seen it */
	return used > have && used - have > BUS_READ_BYTES ? used - have : BUS_READ_BYTES;
}

/* Descriptors of one receive; false: more than may wait, or cut off. */
static bool keep_fds(struct chan *c, struct msghdr *m)
{
	bool is_good = !(m->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (c->n_in_fds < BUS_FDS_MAX) {
				c->in_fds[c->n_in_fds++] = fd;
			} else {
				close(fd);
				is_good = false;
			}
		}
	}
	return is_good;
}

/* gh-super hands out descriptors, and the relay's workers to each other. From others no room is given for one, so the kernel drops
 * it and says MSG_CTRUNC. */
static ssize_t receive(struct chan *c, uint8_t *to, size_t room, bool *is_good)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(BUS_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { to, room };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (c->brings_fds) {
		m.msg_control = &control;
		m.msg_controllen = sizeof control;
	}
	ssize_t n = recvmsg(c->watch.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	*is_good = n < 0 || keep_fds(c, &m);
	return n;
}

static void on_readable(struct chan *c)
{
	size_t room = read_room(c);
	bool is_good;

	bus_spare_take(c->bus, &c->in);
	uint8_t *to = buf_reserve(&c->in, room);
	if (!to) { /* without memory this channel is lost, the process goes on */
		chan_drop(c);
		return;
	}
	ssize_t n = receive(c, to, room, &is_good);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
		bus_spare_give(c->bus, &c->in);
		return;
	}
	if (n <= 0) {
		chan_drop(c);
		return;
	}
	buf_commit(&c->in, (size_t)n);
	if (!is_good)
		drop_bad(c, "descriptors", MSG_COUNT);
	else
		parse(c);
}

static void on_watch(void *arg, unsigned events)
{
	struct chan *c = arg;

	if (events & LOOP_WRITE)
		loop_defer_last(c->bus->loop, &c->flush);
	if (events & LOOP_READ)
		on_readable(c);
}

static void on_resume(void *arg)
{
	struct chan *c = arg;

	if (!c->is_dead && !c->is_paused && !c->is_parsing)
		parse(c);
}

void chan_pause(struct chan *c, bool is_paused)
{
	if (!c || c->is_dead || c->is_paused == is_paused)
		return;
	c->is_paused = is_paused;
	if (loop_watch_set(&c->watch, (is_paused ? 0 : LOOP_READ) | (c->watch.events & LOOP_WRITE)))
		chan_drop(c);
	else if (!is_paused)
		loop_defer_call(c->bus->loop, &c->resume);
}

/* ---- the bus ---- */

struct bus *bus_new(struct loop *l, enum prog self, unsigned self_instance, const struct bus_hooks *hooks)
{
	struct bus *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->loop = l;
	b->self = self;
	b->self_instance = self_instance;
	b->hooks = *hooks;
	for (size_t i = 0; i < hooks->n_handlers; i++)
		b->fns[hooks->handlers[i].type] = hooks->handlers[i].fn;
	list_init(&b->dead);
	loop_defer_init(&b->sweep, on_sweep, b);
	loop_timer_init(&b->spare_timer, on_spare_timer, b);
	return b;
}

/* Nobody is told: the program is ending. */
void bus_free(struct bus *b)
{
	if (!b)
		return;
	for (unsigned p = 0; p < PROG_COUNT; p++)
		for (unsigned i = 0; i < BUS_INSTANCES_MAX; i++)
			if (b->chans[p][i])
				chan_drop(b->chans[p][i]);
	LIST_EACH(node, &b->dead)
		chan_free(LIST_OWNER(node, struct chan, dead));
	loop_defer_cancel(&b->sweep);
	loop_timer_del(b->loop, &b->spare_timer);
	on_spare_timer(b);
	free(b);
}

static bool brings_fds(enum prog peer, enum prog self)
{
	for (unsigned m = 0; m < MSG_COUNT; m++)
		if (msg_has_fd((enum msg)m) && msg_may((enum msg)m, peer, self))
			return true;
	return false;
}

static struct chan *chan_new(struct bus *b, enum prog peer, unsigned instance)
{
	struct chan *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->bus = b;
	c->peer = peer;
	c->instance = instance;
	c->brings_fds = brings_fds(peer, b->self);
	list_init(&c->dead);
	buf_init(&c->in, BUS_FRAME_MAX + 4 + BUS_READ_BYTES);
	chan_send_init(c);
	loop_defer_init(&c->resume, on_resume, c);
	return c;
}

/* Nothing of an older channel to the same peer may come after its successor. */
static void bury_older(struct bus *b, enum prog peer, unsigned instance)
{
	if (b->chans[peer][instance])
		chan_drop(b->chans[peer][instance]);
	LIST_EACH(node, &b->dead) {
		struct chan *c = LIST_OWNER(node, struct chan, dead);
		if (c->peer == peer && c->instance == instance)
			bury(c);
	}
}

int bus_attach(struct bus *b, enum prog peer, unsigned instance, int fd)
{
	int rc = ERR_RANGE;
	struct chan *c = NULL;

	if ((unsigned)peer >= PROG_COUNT || instance >= BUS_INSTANCES_MAX)
		goto fail;
	bury_older(b, peer, instance);
	rc = ERR_NOMEM;
	c = chan_new(b, peer, instance);
	if (!c)
		goto fail;
	rc = ERR_SYS;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		goto fail;
	/* The kernel may give less: then a full turn only takes more calls. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ BUS_SOCKET_BYTES }, sizeof(int));
	rc = loop_watch_add(b->loop, &c->watch, fd, LOOP_READ, on_watch, c);
	if (rc)
		goto fail;
	b->chans[peer][instance] = c;
	if (b->hooks.up)
		b->hooks.up(b->hooks.program, c);
	return 0;
fail:
	close(fd);
	if (c)
		chan_free(c);
	return rc;
}

struct chan *bus_chan(struct bus *b, enum prog peer, unsigned instance)
{
	if ((unsigned)peer >= PROG_COUNT || instance >= BUS_INSTANCES_MAX)
		return NULL;
	return b->chans[peer][instance];
}

struct chan *bus_next(struct bus *b, enum prog peer, struct chan *after)
{
	for (unsigned i = after ? after->instance + 1 : 0; i < BUS_INSTANCES_MAX; i++)
		if (b->chans[peer][i])
			return b->chans[peer][i];
	return NULL;
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

uint32_t bus_next_id(struct bus *b)
{
	if (++b->next_id == 0)
		b->next_id = 1;
	return b->next_id;
}
