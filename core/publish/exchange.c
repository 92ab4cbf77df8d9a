#include "exchange.h"

#include "base/err.h"
#include "net/front_stream.h"

#include <stdlib.h>
#include <unistd.h>

/* One request of the front, of this box or by gh-link of an edge, and the answer of the service (proto/forward.h); then perhaps another
 * of the same client. An edge may be hostile: what it asks for is judged here, each time, as if nobody had judged anything before, and
 * where it leads the settings say. */

enum {
	ASK_MS = 10000,
	IDLE_PAIR_MS = 30000, /* as long as the front keeps its client's connection */
	HEAD_MAX = 48 << 10,
	LINES = 30,
};

static const struct http1_limits ask_limits = { .line_bytes = 8 << 10, .head_bytes = 32 << 10, .fields = HTTP1_FIELDS_MAX, .body_bytes = INT64_MAX };

/* ---- end ---- */

void exchange_leave(struct exchange *x, bool may_keep)
{
	struct outlet *o = x->outlet;

	x->outlet = NULL;
	x->target = NULL;
	if (o)
		outlet_leave(o, may_keep);
}

/* It is under way: one more of this address, and of all. ERR_FULL, ERR_LIMIT, ERR_NOMEM. */
static int enter(struct exchange *x)
{
	struct publish *p = x->publish;
	/* An edge that is taken over can say any address: it gets no more than three quarters of all. */
	uint32_t most = x->is_edge ? EXCHANGES_MAX - EXCHANGES_MAX / 4 : EXCHANGES_MAX;
	int rc = p->n_exchanges >= most ? ERR_FULL : address_enter(&p->addresses, (struct sockaddr *)&x->from, EXCHANGES_ADDRESS_MAX, &x->address);

	if (rc) {
		p->stats[STAT_TOO_MANY] += rc != ERR_NOMEM;
		return rc;
	}
	x->is_counted = true;
	p->n_exchanges++;
	return 0;
}

static void leave(struct exchange *x)
{
	struct publish *p = x->publish;

	if (!x->is_counted)
		return;
	x->is_counted = false;
	p->n_exchanges--;
	address_leave(&p->addresses, x->address);
	x->address = NULL;
}

void exchange_drop(struct exchange *x)
{
	struct publish *p = x->publish;

	if (x->is_gone)
		return;
	x->is_gone = true;
	p->stats[STAT_BROKEN] += x->state == STATE_SENT || x->state == STATE_ANSWER;
	exchange_leave(x, false);
	link_close(&x->pair);
	loop_timer_del(p->loop, &x->timer);
	loop_defer_cancel(&x->pump);
	leave(x);
	p->n_idle -= x->state == STATE_IDLE;
	list_del(&x->node);
	list_add_tail(&p->gone, &x->node);
	loop_defer_call(p->loop, &p->sweep);
}

void exchange_sweep(struct publish *p)
{
	LIST_EACH (it, &p->gone) {
		struct exchange *x = LIST_OWNER(it, struct exchange, node);
		list_del(it);
		http1_reader_fini(&x->ask);
		buf_fini(&x->head);
		free(x);
	}
}

void exchange_drop_all(struct publish *p)
{
	LIST_EACH (it, &p->exchanges)
		exchange_drop(LIST_OWNER(it, struct exchange, node));
	LIST_EACH (it, &p->idle)
		exchange_drop(LIST_OWNER(it, struct exchange, node));
	exchange_sweep(p);
}

void exchange_wait(struct exchange *x, uint64_t ms)
{
	if (loop_timer_set(x->publish->loop, &x->timer, ms))
		exchange_drop(x); /* nothing may wait without an end */
}

/* ---- between two requests ---- */

static void forget_request(struct exchange *x)
{
	http1_reader_fini(&x->ask); /* an idle one holds no bytes */
	http1_reader_init(&x->ask, &ask_limits);
	buf_fini(&x->head);
	buf_init(&x->head, HEAD_MAX);
	x->body_max = x->body = x->still_ms = 0;
	x->sends = x->answers = FORWARD_NONE;
	x->is_of_head = x->has_body = x->has_ended = x->is_interim = x->may_keep = x->may_rest = false;
}

static void rest(struct exchange *x)
{
	struct publish *p = x->publish;

	forget_request(x);
	leave(x);
	x->state = STATE_IDLE;
	list_del(&x->node);
	list_add_tail(&p->idle, &x->node);
	p->n_idle++;
	link_pause(&x->pair, false);
	exchange_wait(x, IDLE_PAIR_MS);
	if (p->n_idle > PAIRS_IDLE_MAX)
		exchange_drop(LIST_OWNER(p->idle.next, struct exchange, node));
}

/* The first bytes of the next request. False: there is no room for it; the front sees the end, and asks again by another pair. */
static bool wake(struct exchange *x)
{
	struct publish *p = x->publish;

	if (enter(x)) {
		exchange_drop(x);
		return false;
	}
	p->n_idle--;
	list_del(&x->node);
	list_add_tail(&p->exchanges, &x->node);
	x->state = STATE_ASK;
	x->began_ms = loop_now(p->loop);
	x->timeout_ms = ASK_MS;
	exchange_wait(x, ASK_MS);
	return !x->is_gone;
}

/* ---- flow ---- */

uint64_t exchange_moved(const struct exchange *x)
{
	return x->pair.bytes_in + x->pair.bytes_out + (x->outlet ? x->outlet->link.bytes_in + x->outlet->link.bytes_out : 0);
}

/* Runs behind the kicks of the turn: what the kernel does not take then comes back by drained(). */
static void pump(void *arg)
{
	struct exchange *x = arg;

	if (x->is_gone)
		return;
	if (x->state == STATE_ENDING) {
		if (link_queued(&x->pair) > 0)
			return;
		if (x->may_rest)
			rest(x);
		else
			link_shutdown(&x->pair);
		return;
	}
	if (!x->outlet || x->state < STATE_SENT)
		return;
	if (link_queued(&x->outlet->link) == 0)
		link_pause(&x->pair, false);
	if (link_queued(&x->pair) == 0)
		link_pause(&x->outlet->link, false);
}

void exchange_flow(struct exchange *x)
{
	link_kick(&x->pair);
	if (x->outlet && x->state >= STATE_SENT) {
		link_kick(&x->outlet->link);
		if (link_queued(&x->outlet->link) > BODY_QUEUE_HIGH)
			link_pause(&x->pair, true);
		if (link_queued(&x->pair) > BODY_QUEUE_HIGH)
			link_pause(&x->outlet->link, true);
	}
	loop_defer_call(x->publish->loop, &x->pump);
}

void exchange_end(struct exchange *x, bool may_rest)
{
	x->state = STATE_ENDING;
	x->may_rest = may_rest;
	exchange_flow(x);
	exchange_wait(x, GUST_MS);
}

void exchange_refuse(struct exchange *x, int status, const char *why)
{
	struct buf *out = link_out(&x->pair);
	struct publish *p = x->publish;
	uint32_t held;

	if (log_limit_pass(&p->log, LINES, loop_now(p->loop), &held))
		log_info("publish.refused", LOG_INT("status", status), LOG_STR("why", why), LOG_INT("suppressed", held));
	http1_put_status(out, status);
	buf_put_str(out, "Content-Type: text/plain; charset=utf-8\r\n");
	if (status == 503)
		buf_put_str(out, "Retry-After: 30\r\n");
	buf_put_str(out, "Connection: close\r\n"); /* nobody reads the rest of the request */
	http1_end_head_length(out, strlen(why) + 1);
	if (!x->is_of_head)
		buf_putf(out, "%s\n", why);
	exchange_end(x, false);
}

void exchange_fail(struct exchange *x, int status, const char *why)
{
	struct publish *p = x->publish;

	if (x->target)
		x->target->errors++;
	p->stats[status == 504 ? STAT_TIMEOUT : STAT_FAILED]++;
	exchange_leave(x, false);
	if (x->state < STATE_ANSWER)
		exchange_refuse(x, status, why);
	else
		exchange_drop(x); /* the client sees that its answer is not whole */
}

void exchange_failed(struct exchange *x, int status, const char *why)
{
	x->outlet = NULL; /* it has ended itself */
	if (!x->is_gone && x->state != STATE_ENDING)
		exchange_fail(x, status, why);
}

/* ---- time ---- */

static void on_timer(void *arg)
{
	struct exchange *x = arg;
	uint64_t now_moved = exchange_moved(x);
	bool is_still = now_moved == x->moved, is_held_up = link_queued(&x->pair) > 0;
	bool may_go_on = x->state == STATE_SENT || x->state == STATE_ANSWER;

	if (x->state == STATE_IDLE) {
		exchange_drop(x);
		return;
	}
	x->moved = now_moved;
	x->still_ms = is_still ? x->still_ms + x->timeout_ms : 0;
	if (x->state == STATE_SENT && is_still) {
		exchange_fail(x, 504, "the service does not answer");
		return;
	}
	if (!may_go_on || loop_now(x->publish->loop) - x->began_ms > LONGEST_MS || (is_still && (!is_held_up || x->still_ms >= GUST_MS))) {
		x->publish->stats[STAT_TIMEOUT]++;
		exchange_drop(x);
		return;
	}
	exchange_wait(x, x->timeout_ms);
}

/* ---- the pair ---- */

static void on_data(void *arg, struct bytes in)
{
	struct exchange *x = arg;

	if (x->is_gone || x->state == STATE_ENDING || (x->state == STATE_IDLE && !wake(x)))
		return;
	pacer_count(&x->publish->pacer);
	if (x->has_ended || http1_feed(&x->ask, in)) {
		exchange_drop(x); /* it has nothing more to say */
		return;
	}
	exchange_read(x);
}

void exchange_drained(struct exchange *x)
{
	pump(x);
}

static void on_drained(void *arg)
{
	pump(arg);
}

static void on_closed(void *arg, int why)
{
	struct exchange *x = arg;

	(void)why;
	exchange_drop(x);
}

static const struct link_owner owner = { .data = on_data, .drained = on_drained, .closed = on_closed };

/* ---- begin ---- */

/* Takes over fd. */
static void open_exchange(struct publish *p, int fd, const struct sockaddr_storage *from, bool is_edge)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (x)
		*x = (struct exchange){ .publish = p, .from = *from, .is_edge = is_edge, .began_ms = loop_now(p->loop), .timeout_ms = ASK_MS };
	if (!x || enter(x)) {
		free(x);
		(void)close(fd); /* the front says that we are busy */
		return;
	}
	if (link_accept(&x->pair, p->loop, fd, &owner, x, BODY_QUEUE_MAX)) {
		leave(x);
		free(x);
		return;
	}
	peer_address_of((const struct sockaddr *)from, &x->peer);
	buf_init(&x->head, HEAD_MAX);
	http1_reader_init(&x->ask, &ask_limits);
	loop_timer_init(&x->timer, on_timer, x);
	loop_defer_init(&x->pump, pump, x);
	list_add_tail(&p->exchanges, &x->node);
	p->stats[STAT_PAIRS]++;
	exchange_wait(x, ASK_MS);
}

int exchange_on_stream(void *program, struct chan *from, const struct frame *frame)
{
	struct sockaddr_storage address;
	struct publish *p = program;
	bool is_edge = false;
	int rc = front_stream_decode(frame->body, &address, &is_edge);

	(void)from;
	if (rc || frame->fd < 0) {
		if (frame->fd >= 0)
			(void)close(frame->fd); /* the front sees that */
		return ERR_SYNTAX;
	}
	open_exchange(p, frame->fd, &address, is_edge);
	return 0;
}
