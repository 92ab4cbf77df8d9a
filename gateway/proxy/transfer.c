#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "proto/upload.h"

#include <stdlib.h>

/* A file on its way between a client and gh-files (XEP-0363), which is here or, by gh-link, on a core: the head of the request
 * goes as proto/upload.h has it, and bytes go through as fast as both sides take them. Nothing is kept and nothing is known of
 * slots here: gh-files says whether they are genuine. */

enum {
	QUEUE_MAX = 1 << 20,
	HIGH_WATER = 64 << 10, /* small, so that bytes go out evenly: a slow client is told from one that has stopped */
	ANSWER_MS = 60000, /* for gh-files to answer: it has a disk to wait for */
	KEPT_MS = 330000,  /* of a whole file: it may have a virus scanner to wait for, upload scan-timeout at most */
};

enum state {
	STATE_ASKED, /* gh-files has the head; the client is not read from */
	STATE_IN,    /* the client's bytes go to gh-files */
	STATE_KEPT,  /* all have gone; the last answer is to come */
	STATE_OUT,   /* the answer has begun: what gh-files says goes to the client */
	STATE_DONE,  /* all of it has come */
};

struct transfer {
	struct link pair;
	struct buf head; /* of an answer, as far as it has come */
	uint64_t left;   /* bytes of the answer that still come */
	uint64_t moved;  /* bytes at the last look */
	enum upload_op op;
	uint8_t state; /* enum state */
	bool wants_continue; /* RFC 9110 10.1.1 */
	bool has_pair;
	bool has_ended; /* the request is read whole */
	bool may_keep;  /* the connection may go on afterwards */
};

static uint64_t moved(const struct exchange *x)
{
	return x->way->moved(x) + x->transfer->pair.bytes_in + x->transfer->pair.bytes_out;
}

/* ---- end ---- */

void transfer_close(struct transfer *t)
{
	if (t && t->has_pair) {
		link_close(&t->pair);
		t->has_pair = false;
	}
}

void transfer_free(struct transfer *t)
{
	if (!t)
		return;
	transfer_close(t);
	buf_fini(&t->head);
	free(t);
}

/* The answer is whole and has left: on with the connection, or its end. */
static void finish(struct exchange *x)
{
	struct transfer *t = x->transfer;
	bool goes_on = t->may_keep && t->has_ended;

	x->transfer = NULL;
	transfer_free(t);
	x->way->done(x, goes_on);
}

static void finish_when_sent(struct exchange *x)
{
	if (x->transfer->state == STATE_DONE && x->way->queued(x) == 0)
		finish(x);
}

/* Behind the client's own kick: when something is queued then, the kernel does not take it, and drained() comes. */
static void look_behind(struct exchange *x)
{
	loop_defer_call(x->proxy->loop, &x->drained);
}

static void done(struct exchange *x)
{
	x->transfer->state = STATE_DONE;
	transfer_close(x->transfer);
	x->way->kick(x);
	look_behind(x);
}

/* It ends before its answer has begun. */
static void fail(struct exchange *x, int status, const char *why)
{
	x->proxy->stats[STAT_TRANSFERS_FAILED]++;
	x->transfer->may_keep = x->is_kept = false;
	x->way->pause(x, true);
	exchange_refuse(x, status, why);
	if (x->is_gone)
		return;
	done(x);
	exchange_wait(x, UPLOAD_PACE_MS);
}

/* ---- the answer ---- */

static void put_answer(struct exchange *x, const struct upload_answer *from)
{
	struct answer a;

	answer_init(&a, x, from->status, NULL);
	answer_cors(&a, x);
	for (size_t i = 0; i < from->n && a.n < ANSWER_FIELDS_MAX; i++)
		a.fields[a.n++] = (struct http1_field){ from->fields[i].name, from->fields[i].value };
	a.body = from->status == 304 ? ANSWER_NONE : ANSWER_SIZED;
	a.length = from->size;
	x->is_kept = x->transfer->may_keep;
	x->way->answer(x, &a);
}

/* gh-files takes it: the client may send. */
static void go_on(struct exchange *x)
{
	struct transfer *t = x->transfer;

	t->state = STATE_IN;
	if (t->wants_continue)
		x->way->go_on(x);
	t->moved = moved(x);
	exchange_wait(x, UPLOAD_PACE_MS);
	if (x->is_gone)
		return;
	x->way->pause(x, false);
}

/* Bytes of the answer's body. */
static void pass_on(struct exchange *x, struct bytes in)
{
	struct transfer *t = x->transfer;

	if (in.n > t->left) { /* never of a gh-files of ours */
		x->way->drop(x, "files-protocol");
		return;
	}
	t->left -= in.n;
	buf_put_bytes(x->way->out(x), in);
	x->way->kick(x);
	if (t->left == 0)
		done(x);
	else if (x->way->queued(x) > HIGH_WATER) {
		link_pause(&t->pair, true);
		look_behind(x);
	}
}

static void begin_answer(struct exchange *x, const struct upload_answer *a, struct bytes rest)
{
	struct transfer *t = x->transfer;

	/* What the client still sends of a body that nobody wants would stand before its next request. */
	t->may_keep = t->may_keep && t->has_ended && x->is_kept;
	x->way->pause(x, true);
	put_answer(x, a);
	t->left = t->op == UPLOAD_HEAD || a->status == 304 ? 0 : a->size;
	t->state = STATE_OUT;
	t->moved = moved(x);
	exchange_wait(x, UPLOAD_PACE_MS);
	if (!x->is_gone)
		pass_on(x, rest);
}

static void take_answer(struct exchange *x, struct bytes in)
{
	struct transfer *t = x->transfer;
	struct upload_answer a;
	size_t used;

	buf_put_bytes(&t->head, in);
	int rc = buf_failed(&t->head) ? ERR_LIMIT : upload_take_answer(buf_bytes(&t->head), &a, &used);
	if (rc == ERR_AGAIN)
		return;
	if (!rc && a.status == 100 && t->state == STATE_ASKED && t->op == UPLOAD_PUT && used == buf_len(&t->head)) {
		buf_clear(&t->head);
		go_on(x);
		return;
	}
	if (rc || a.status < 200) {
		fail(x, 502, "the store of files is out of order");
		return;
	}
	begin_answer(x, &a, bytes_skip(buf_bytes(&t->head), used));
}

static void on_data(void *arg, struct bytes in)
{
	struct exchange *x = arg;

	if (x->is_gone || !x->transfer)
		return;
	if (x->transfer->state == STATE_OUT)
		pass_on(x, in);
	else if (x->transfer->state != STATE_DONE)
		take_answer(x, in);
}

static void on_drained(void *arg)
{
	struct exchange *x = arg;

	if (!x->is_gone && x->transfer && x->transfer->state == STATE_IN)
		x->way->pause(x, false);
}

static void on_closed(void *arg, int why)
{
	struct exchange *x = arg;
	struct transfer *t = x->transfer;

	(void)why;
	if (x->is_gone || !t)
		return;
	t->has_pair = false;
	if (t->state == STATE_OUT)
		x->way->drop(x, "files-broken"); /* the client sees that its file is not whole */
	else if (t->state != STATE_DONE)
		fail(x, 503, "the store of files is away or busy");
}

static const struct link_owner owner = { .data = on_data, .drained = on_drained, .closed = on_closed };

/* ---- the request ---- */

static struct upload_ask ask_of(const struct http1_request *q, enum upload_op op)
{
	return (struct upload_ask){
		.op = op,
		.path = q->path,
		.type = http1_value(q, "content-type"),
		.range = http1_value(q, "range"),
		.if_range = http1_value(q, "if-range"),
		.if_none_match = http1_value(q, "if-none-match"),
		.size = q->length,
	};
}

int transfer_begin(struct exchange *x, const struct http1_request *q)
{
	enum upload_op op = q->method == HTTP1_PUT ? UPLOAD_PUT : q->method == HTTP1_HEAD ? UPLOAD_HEAD : UPLOAD_GET;
	struct upload_ask ask = ask_of(q, op);
	struct transfer *t = calloc(1, sizeof *t);
	int rc = t ? join_files(x, &t->pair, &owner, QUEUE_MAX) : ERR_NOMEM;

	if (rc) {
		free(t);
		return rc;
	}
	buf_init(&t->head, UPLOAD_HEAD_MAX + 64 + (64 << 10)); /* and what came behind it in one read */
	t->has_pair = t->may_keep = true;
	t->op = op;
	t->state = STATE_ASKED;
	t->wants_continue = q->expects_continue;
	x->transfer = t;
	x->proxy->stats[op == UPLOAD_PUT ? STAT_UPLOADS : STAT_DOWNLOADS]++;
	upload_put_ask(link_out(&t->pair), &ask);
	link_kick(&t->pair);
	x->way->pause(x, true);
	exchange_wait(x, ANSWER_MS);
	return 0;
}

bool transfer_takes_body(const struct exchange *x)
{
	return x->transfer->state == STATE_IN;
}

void transfer_body(struct exchange *x, struct bytes piece)
{
	struct transfer *t = x->transfer;

	if (link_send(&t->pair, piece)) {
		x->way->drop(x, "files-queue"); /* no memory, or it is closing */
		return;
	}
	if (link_queued(&t->pair) > CONN_HIGH_WATER) {
		x->way->pause(x, true);
		look_behind(x); /* it may all go at once: then the pair is not drained later */
	}
}

void transfer_ended(struct exchange *x)
{
	struct transfer *t = x->transfer;

	t->has_ended = true;
	if (t->state != STATE_IN)
		return;
	t->state = STATE_KEPT;
	x->way->pause(x, true);
	exchange_wait(x, KEPT_MS);
}

void transfer_client_drained(struct exchange *x)
{
	struct transfer *t = x->transfer;

	if (t->state == STATE_OUT)
		link_pause(&t->pair, false);
	else if (t->state == STATE_IN && link_queued(&t->pair) == 0)
		x->way->pause(x, false);
	else
		finish_when_sent(x);
}

/* Who is slow goes, whichever side it is. */
void transfer_timeout(struct exchange *x)
{
	struct transfer *t = x->transfer;

	if (t->state == STATE_ASKED || t->state == STATE_KEPT) {
		fail(x, 504, "the store of files does not answer");
		return;
	}
	if (moved(x) - t->moved < UPLOAD_PACE_BYTES) {
		x->proxy->stats[STAT_TIMEOUT]++;
		if (t->state == STATE_IN)
			fail(x, 408, "the file comes too slowly");
		else
			x->way->drop(x, "slow");
		return;
	}
	t->moved = moved(x);
	exchange_wait(x, UPLOAD_PACE_MS);
}
