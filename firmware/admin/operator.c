#include "operator.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "run/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, FRAME_IN_MAX = 40 << 20, OUT_MAX = 2 * OPER_FRAME_MAX };

struct operator {
	struct list node; /* of the admin's operators, or of those that are gone */
	struct admin *admin;
	uint64_t number, like; /* like: number of the one that this is a further connection of; 0: none */
	uint64_t want_offset;
	uint32_t want_n; /* most bytes of the piece that is wanted; 0: none is */
	struct loop_watch watch;
	struct buf in, out;
	struct list asks; /* the first is under way, if is_asking */
	size_t n_asks;
	bool is_asking;
	bool is_discarding; /* the one under way was dropped: its answer is read and forgotten */
	bool is_paused, is_gone;
	void (*ended)(void *arg);
	void *arg;
};

static void update(struct operator *op)
{
	unsigned events = (op->is_paused ? 0 : LOOP_READ) | (buf_len(&op->out) ? LOOP_WRITE : 0);

	if (!op->is_gone)
		(void)loop_watch_set(&op->watch, events); /* a watch that is there takes any events */
}

static void begin_frame(struct buf *b, enum oper_frame type)
{
	wire_put_u32(b, 0);
	wire_put_u8(b, (uint8_t)type);
}

static void end_frame(struct buf *b)
{
	uint32_t n = (uint32_t)buf_len(b) - 4;
	uint8_t raw[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };

	if (!buf_failed(b))
		memcpy(b->p + b->off, raw, sizeof raw);
}

/* ---- life ---- */

static void forget_ask(struct ask *q)
{
	list_del(&q->node);
	secret_wipe(q->frame.p, q->frame.cap); /* passwords pass here */
	buf_fini(&q->frame);
	if (q->op)
		q->op->n_asks--;
	q->op = NULL;
}

static void close_pair(struct operator *op)
{
	if (op->is_gone)
		return;
	op->is_gone = true;
	loop_watch_del(&op->watch);
	(void)close(op->watch.fd); /* nothing more is expected of it */
	secret_wipe(op->out.p, op->out.cap);
	buf_fini(&op->out);
	list_del(&op->node);
	list_add_tail(&op->admin->operators_gone, &op->node);
	loop_defer_call(op->admin->loop, &op->admin->sweep);
	while (!list_is_empty(&op->asks)) {
		struct ask *q = LIST_OWNER(op->asks.next, struct ask, node);
		forget_ask(q);
		q->ops->gone(q);
	}
}

void operator_close(struct operator *op)
{
	if (!op)
		return;
	op->ended = NULL; /* its owner knows, and may be gone already when its asks hear of it */
	close_pair(op);
}

void operator_sweep(struct admin *a)
{
	LIST_EACH (it, &a->operators_gone) {
		struct operator *op = LIST_OWNER(it, struct operator, node);
		list_del(it);
		buf_fini(&op->in);
		free(op);
	}
}

static void end(struct operator *op)
{
	if (op->is_gone)
		return;
	close_pair(op);
	if (op->ended)
		op->ended(op->arg);
}

/* ---- asking ---- */

void ask_begin(struct ask *q, enum oper_frame type, const struct ask_ops *ops)
{
	*q = (struct ask){ .ops = ops };
	buf_init(&q->frame, OPER_FRAME_MAX);
	begin_frame(&q->frame, type);
}

void ask_words(struct ask *q, enum oper_frame type, const struct ask_ops *ops)
{
	ask_begin(q, type, ops);
	q->count_at = buf_len(&q->frame);
	wire_put_u16(&q->frame, 0);
}

void ask_word(struct ask *q, enum oper_word kind, struct bytes word)
{
	bool has_kind = q->frame.p[q->frame.off + 4] == OPER_ASK;

	if (has_kind)
		wire_put_u8(&q->frame, (uint8_t)kind);
	wire_put_bytes(&q->frame, word);
	q->n_words++;
}

static void next_ask(struct operator *op)
{
	if (op->is_gone || op->is_asking || op->is_discarding || list_is_empty(&op->asks))
		return;
	struct ask *q = LIST_OWNER(op->asks.next, struct ask, node);
	op->is_asking = true;
	buf_put_bytes(&op->out, buf_bytes(&q->frame));
	secret_wipe(q->frame.p, q->frame.cap);
	buf_fini(&q->frame);
	update(op);
}

int ask_send(struct ask *q, struct operator *op)
{
	if (q->count_at && !buf_failed(&q->frame)) {
		q->frame.p[q->frame.off + q->count_at] = (uint8_t)(q->n_words >> 8);
		q->frame.p[q->frame.off + q->count_at + 1] = (uint8_t)q->n_words;
	}
	end_frame(&q->frame);
	if (buf_failed(&q->frame) || op->is_gone || op->n_asks >= OPERATOR_ASKS_MAX) {
		int rc = op->is_gone ? ERR_CLOSED : ERR_LIMIT;
		forget_ask(q);
		return rc;
	}
	q->op = op;
	list_add_tail(&op->asks, &q->node);
	op->n_asks++;
	next_ask(op);
	return 0;
}

void ask_drop(struct ask *q)
{
	struct operator *op = q->op;

	if (!op)
		return;
	bool is_under_way = op->is_asking && op->asks.next == &q->node;
	forget_ask(q);
	if (is_under_way) {
		op->is_asking = false;
		op->is_discarding = true;
		op->want_n = 0;
		operator_pause(op, false);
		operator_stop(op);
	}
}

/* ---- answers ---- */

void operator_stop(struct operator *op)
{
	wire_put_u32(&op->out, 1);
	wire_put_u8(&op->out, OPER_ABORT);
	update(op);
}

/* w: a copy, the ask reads it too. */
static void note_want(struct operator *op, struct wire w)
{
	(void)wire_u16(&w);
	op->want_offset = wire_u64(&w);
	op->want_n = wire_u32(&w);
	if (wire_end(&w) < 0)
		op->want_n = 0;
}

int operator_piece(const struct operator *like, uint64_t offset, struct bytes content)
{
	LIST_EACH (it, &like->admin->operators) {
		struct operator *op = LIST_OWNER(it, struct operator, node);
		if (op->like != like->number || op->want_n == 0 || op->want_offset != offset)
			continue;
		if (content.n > op->want_n || content.n > OPER_PIECE_MAX)
			return ERR_LIMIT;
		op->want_n = 0;
		wire_put_u32(&op->out, (uint32_t)(1 + 4 + 8 + 4 + content.n));
		wire_put_u8(&op->out, OPER_PIECE);
		wire_put_u32(&op->out, 0);
		wire_put_u64(&op->out, offset);
		wire_put_bytes(&op->out, content);
		update(op);
		return buf_failed(&op->out) ? ERR_LIMIT : 0;
	}
	return ERR_NOT_FOUND;
}

static void on_answer(struct operator *op, enum oper_frame type, struct wire *w)
{
	bool is_last = type == OPER_DONE || type == OPER_NEED;

	op->want_n = 0;
	if (op->is_discarding) {
		op->is_discarding = !is_last;
		next_ask(op);
		return;
	}
	if (!op->is_asking && type == OPER_NOTE)
		return; /* why gh-conf is about to end it (run/oper.h); who comes next is told to log in */
	if (!op->is_asking) {
		log_warn("web.operator.unasked", LOG_INT("type", type));
		end(op);
		return;
	}
	struct ask *q = LIST_OWNER(op->asks.next, struct ask, node);
	if (is_last) {
		op->is_asking = false;
		forget_ask(q);
	}
	if (type == OPER_WANT)
		note_want(op, *w);
	q->ops->frame(q, type, w);
	if (is_last)
		next_ask(op);
}

static void read_frames(struct operator *op)
{
	while (!op->is_gone && !op->is_paused) {
		struct wire head = wire_of(buf_bytes(&op->in));
		uint32_t n = wire_u32(&head);
		if (wire_failed(&head) || wire_left(&head) < n)
			return;
		struct wire w = wire_of(bytes_make(buf_bytes(&op->in).p + 4, n));
		enum oper_frame type = (enum oper_frame)wire_u8(&w);
		on_answer(op, type, &w);
		buf_consume(&op->in, 4 + (size_t)n);
	}
}

static void fill(struct operator *op)
{
	uint8_t *to = buf_reserve(&op->in, READ_BYTES);
	ssize_t n = to ? recv(op->watch.fd, to, READ_BYTES, MSG_DONTWAIT) : -1;

	if (!to || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		end(op);
		return;
	}
	if (n > 0)
		buf_commit(&op->in, (size_t)n);
	read_frames(op);
}

static void flush(struct operator *op)
{
	struct bytes b = buf_bytes(&op->out);
	ssize_t n = b.n ? send(op->watch.fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		end(op);
		return;
	}
	if (n > 0) {
		secret_wipe(op->out.p + op->out.off, (size_t)n);
		buf_consume(&op->out, (size_t)n);
	}
	buf_release_if_empty(&op->out);
	update(op);
}

static void on_ready(void *arg, unsigned events)
{
	struct operator *op = arg;

	if (events & LOOP_WRITE)
		flush(op);
	if ((events & LOOP_READ) && !op->is_gone)
		fill(op);
}

void operator_pause(struct operator *op, bool is_paused)
{
	if (op->is_gone || op->is_paused == is_paused)
		return;
	op->is_paused = is_paused;
	update(op);
	if (!is_paused)
		read_frames(op);
}

/* ---- opening ---- */

static int announce(struct operator *op, const char *peer, uint64_t like, int fd)
{
	struct chan *to = bus_chan(op->admin->bus, PROG_CONF, 0);
	struct buf *b = chan_begin(to, MSG_OPERATOR, 0);

	wire_put_u64(b, op->number);
	wire_put_str(b, bytes_of(peer));
	wire_put_u64(b, like);
	return chan_end_fd(to, fd, true);
}

static struct operator *open_like(struct admin *a, const char *peer, uint64_t like, void (*ended)(void *arg), void *arg)
{
	struct operator *op = calloc(1, sizeof *op);
	int fds[2] = { -1, -1 };

	if (!op || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		free(op);
		return NULL;
	}
	*op = (struct operator){ .admin = a, .number = ++a->next_operator, .like = like };
	list_init(&op->asks);
	buf_init(&op->in, FRAME_IN_MAX);
	buf_init(&op->out, OUT_MAX);
	if (announce(op, peer, like, fds[1]) < 0 ||
	    loop_watch_add(a->loop, &op->watch, fds[0], LOOP_READ, on_ready, op) < 0) {
		(void)close(fds[0]); /* gh-conf sees its end */
		free(op);
		return NULL;
	}
	/* Its DONE is nobody's answer. */
	begin_frame(&op->out, OPER_HELLO);
	wire_put_u16(&op->out, OPER_VERSION);
	wire_put_u8(&op->out, OPER_ADMIN);
	end_frame(&op->out);
	op->is_discarding = true;
	update(op);
	op->ended = ended;
	op->arg = arg;
	list_add_tail(&a->operators, &op->node);
	return op;
}

struct operator *operator_open(struct admin *a, const char *peer, const struct operator *like,
                               void (*ended)(void *arg), void *arg)
{
	return open_like(a, peer, like ? like->number : 0, ended, arg);
}

struct operator *operator_open_collector(struct admin *a, void (*ended)(void *arg), void *arg)
{
	return open_like(a, "collector", OPER_LIKE_COLLECTOR, ended, arg);
}
