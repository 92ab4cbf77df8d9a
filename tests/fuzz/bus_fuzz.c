/* A channel whose other end is a broken-into process: it may send any bytes, in any pieces. The
 * input's first byte chooses who it is and who listens, the second how the bytes are cut. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "run/bus_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct listener {
	enum prog self, peer;
	struct loop *loop;
	struct bus *bus;
	unsigned n_down;
};

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

/* Whatever is let in is within its row of run/msg.def, and came without a descriptor. */
static int take(void *program, struct chan *from, const struct frame *f)
{
	const struct listener *l = program;

	must(chan_prog(from) == l->peer && chan_instance(from) == 0);
	must(msg_may(f->type, l->peer, l->self) && !msg_has_fd(f->type) && f->fd < 0);
	return f->body.n && f->body.p[0] == 0xff ? ERR_SYNTAX : 0;
}

static void down(void *program, struct chan *c)
{
	struct listener *l = program;

	(void)c;
	l->n_down++;
}

static void listener_open(struct listener *l, int fd)
{
	struct bus_handler handlers[MSG_COUNT];
	const struct bus_hooks hooks = { .program = l, .handlers = handlers, .n_handlers = MSG_COUNT, .down = down };

	for (int m = 0; m < MSG_COUNT; m++)
		handlers[m] = (struct bus_handler){ (enum msg)m, take };
	l->loop = loop_new(LOOP_FAKE);
	l->bus = bus_new(l->loop, l->self, 0, &hooks);
	must(bus_attach(l->bus, l->peer, 0, fd) == 0);
}

/* A frame that reads well is the frame that our own writer makes of its parts. */
static void check_frames(struct bytes in)
{
	struct frame f;
	size_t used;

	while (bus_frame_read(in, &f, &used) == 0) {
		struct buf b;
		must(used >= BUS_HEAD_BYTES && used <= in.n && f.body.n == used - BUS_HEAD_BYTES && f.fd == -1);
		buf_init(&b, BUS_FRAME_MAX + BUS_HEAD_BYTES);
		bus_frame_begin(&b, f.type, f.id);
		buf_put_bytes(&b, f.body);
		bus_frame_end(&b, 0);
		must(bytes_eq(buf_bytes(&b), bytes_make(in.p, used)));
		buf_fini(&b);
		in = bytes_skip(in, used);
	}
}

enum { PIECES_MAX = 32 };

static void say(struct listener *l, int fd, struct bytes in, size_t piece)
{
	if (piece < in.n / PIECES_MAX)
		piece = in.n / PIECES_MAX;
	while (in.n && !l->n_down) {
		ssize_t n = send(fd, in.p, in.n < piece ? in.n : piece, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0)
			break;
		in = bytes_skip(in, (size_t)n);
		loop_turn(l->loop, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct listener l = { .self = PROG_SWITCH };
	int fds[2];

	if (size < 2)
		return 0;
	log_set_level(LOG_LEVEL_ERROR);
	l.peer = (enum prog)(data[0] % PROG_COUNT);
	l.self = (enum prog)(data[0] / PROG_COUNT % PROG_COUNT);
	struct bytes in = bytes_make(data + 2, size - 2);
	check_frames(in);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	listener_open(&l, fds[0]);
	say(&l, fds[1], in, data[1] + 1u);
	(void)close(fds[1]); /* it dies: the channel must notice */
	for (int i = 0; i < 4 && !l.n_down; i++)
		loop_turn(l.loop, 0);
	must(l.n_down == 1 && !bus_chan(l.bus, l.peer, 0));
	bus_free(l.bus);
	loop_free(l.loop);
	return 0;
}
