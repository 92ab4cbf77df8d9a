#include "base/err.h"
#include "base/text.h"
#include "conf.h"

#include <stdio.h>

static void forget(struct conf *c)
{
	struct transfer *t = &c->transfer;

	loop_timer_del(c->loop, &t->silence);
	t->oper_id = 0;
	t->needs = 0;
	t->ask_id = 0;
	t->answered = NULL;
	t->came = NULL;
	t->drained = NULL;
	t->undo = NULL;
}

void transfer_give_all(struct oper *o, const char *name, struct buf *part)
{
	for (struct bytes left = buf_bytes(part); left.n > 0;) {
		struct bytes piece = bytes_make(left.p, left.n < OPER_PIECE_MAX ? left.n : OPER_PIECE_MAX);
		oper_file(o, name, piece);
		left = bytes_skip(left, piece.n);
	}
	buf_clear(part);
}

void transfer_end(struct conf *c, struct oper *o, int rc, const char *text)
{
	void (*undo)(struct conf *) = c->transfer.undo;

	forget(c);
	if (rc < 0 && undo)
		undo(c);
	oper_done(o, rc, text);
}

static void fail(struct conf *c, int rc, const char *who, const char *why)
{
	struct oper *o = oper_of(c, c->transfer.oper_id);
	char text[300];

	snprintf(text, sizeof text, "%s%s", who, why);
	if (o)
		transfer_end(c, o, rc, text);
}

static void on_silence(void *arg)
{
	struct conf *c = arg;

	fail(c, ERR_TIMEOUT, prog_name(c->transfer.ask_to), " does not answer");
}

static void on_piece(struct conf *c, struct oper *o, int rc, uint64_t offset, struct bytes content)
{
	struct transfer *t = &c->transfer;
	transfer_piece_fn came = t->came;

	t->came = NULL;
	if (rc < 0)
		transfer_end(c, o, rc, "the file cannot be read");
	else if (offset != t->offset || !came)
		transfer_end(c, o, ERR_PROTOCOL, "a piece of the file from another place");
	else
		came(c, o, content);
}

static void on_drained(struct conf *c, struct oper *o)
{
	transfer_fn then = c->transfer.drained;

	c->transfer.drained = NULL;
	if (then)
		then(c, o);
}

static void on_stop(struct conf *c, struct oper *o)
{
	void (*undo)(struct conf *) = c->transfer.undo;

	(void)o;
	forget(c);
	if (undo)
		undo(c);
}

static const struct oper_work work = { on_piece, on_drained, on_stop };

void transfer_init(struct conf *c)
{
	c->transfer = (struct transfer){ 0 };
	loop_timer_init(&c->transfer.silence, on_silence, c);
}

bool transfer_begin(struct conf *c, struct oper *o, uint32_t needs, void (*undo)(struct conf *c))
{
	if (c->transfer.oper_id) {
		oper_done(o, ERR_AGAIN, "another backup, restore, upgrade or list of contacts is under way");
		return false;
	}
	c->transfer.oper_id = o->id;
	c->transfer.needs = needs;
	c->transfer.undo = undo;
	o->work = &work;
	return true;
}

struct buf *transfer_ask(struct conf *c, enum msg m, enum prog to, unsigned op, transfer_answer_fn then)
{
	struct transfer *t = &c->transfer;

	t->ask_id = bus_next_id(c->bus);
	t->ask_msg = m;
	t->ask_to = to;
	t->answered = then;
	struct buf *b = chan_begin(bus_chan(c->bus, to, 0), m, t->ask_id);
	wire_put_u8(b, (uint8_t)op);
	return b;
}

void transfer_sent(struct conf *c)
{
	struct transfer *t = &c->transfer;
	int rc = chan_end(bus_chan(c->bus, t->ask_to, 0));

	if (rc == 0)
		rc = loop_timer_set(c->loop, &t->silence, TRANSFER_SILENCE_MS);
	if (rc < 0)
		fail(c, rc, prog_name(t->ask_to), rc == ERR_CLOSED ? " is not running" : " is overloaded");
}

void transfer_want(struct conf *c, struct oper *o, size_t word, uint64_t offset, transfer_piece_fn then)
{
	c->transfer.offset = offset;
	c->transfer.came = then;
	oper_want(o, word, offset);
}

void transfer_give(struct conf *c, struct oper *o, const char *name, struct bytes piece, transfer_fn then)
{
	oper_file(o, name, piece);
	if (o->is_closing)
		return; /* its end stops the transfer */
	if (oper_pending(o) > TRANSFER_QUEUE_BYTES)
		c->transfer.drained = then;
	else
		then(c, o);
}

int transfer_on_answer(struct conf *c, struct chan *from, const struct frame *f)
{
	struct transfer *t = &c->transfer;
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);
	struct bytes why = wire_str(&w);
	struct oper *o = oper_of(c, t->oper_id);
	transfer_answer_fn then = t->answered;
	char text[300];

	if (wire_failed(&w))
		return ERR_PROTOCOL;
	if (!o || !t->ask_id || f->id != t->ask_id || chan_prog(from) != t->ask_to)
		return 0; /* of a transfer that has ended */
	t->ask_id = 0;
	loop_timer_del(c->loop, &t->silence);
	snprintf(text, sizeof text, "%.*s", BYTES_FMT(why));
	if (rc < 0)
		transfer_end(c, o, rc, text);
	else
		then(c, o, &w);
	return 0;
}

void transfer_down(struct conf *c, enum prog p)
{
	if (c->transfer.oper_id && (c->transfer.needs & P(p)))
		fail(c, ERR_CLOSED, prog_name(p), " ended before all was done");
}

void transfer_file_name(const struct conf *c, const char *suffix, char out[static TRANSFER_NAME_BYTES])
{
	struct bytes name = rows_value(&c->store.running, SET_SYSTEM_NAME, BYTES_NONE);
	char stamp[TEXT_TIME_BYTES], day[16] = "", safe[64];
	size_t n = 0, d = 0;

	for (size_t i = 0; i < name.n && n + 1 < sizeof safe; i++) {
		uint8_t x = name.p[i];
		bool is_good = (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') || x == '-';
		safe[n++] = is_good ? (char)x : '-';
	}
	safe[n] = 0;
	text_time(loop_wall_ms(c->loop), false, stamp);
	for (const char *s = stamp; *s && d + 1 < sizeof day; s++)
		if ((*s >= '0' && *s <= '9') || *s == 'T')
			day[d++] = *s == 'T' ? '-' : *s;
	snprintf(out, TRANSFER_NAME_BYTES, "gatehouse-%s-%s%s", safe, day, suffix);
}

enum { NAME_MAX_BYTES = 64 };

/* D-BAT-05: the time goes into the name, before the suffix. */
bool transfer_name(const struct conf *c, struct bytes name, const char *suffix, char out[static TRANSFER_NAME_BYTES])
{
	struct bytes end = bytes_of(suffix);
	char stamp[TEXT_TIME_BYTES], digits[TEXT_TIME_BYTES];
	size_t n = 0;

	if (name.n > end.n && bytes_eq(bytes_skip(name, name.n - end.n), end))
		name.n -= end.n;
	if (name.n == 0 || name.n > NAME_MAX_BYTES || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t x = name.p[i];
		bool is_good = (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') || x == '-' || x == '_' || x == '.';
		if (!is_good)
			return false;
	}
	text_time(loop_wall_ms(c->loop), false, stamp);
	for (const char *s = stamp; *s; s++)
		if ((*s >= '0' && *s <= '9') || *s == 'T')
			digits[n++] = *s == 'T' ? '-' : *s;
	digits[n] = 0;
	snprintf(out, TRANSFER_NAME_BYTES, "%.*s-%s%s", BYTES_FMT(name), digits, suffix);
	return true;
}
