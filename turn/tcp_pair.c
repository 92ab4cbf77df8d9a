#include "base/err.h"
#include "tcp_relay_impl.h"

/* A peer's connection and a client's as one. The peer's is a link of ours, the client's is tapped (door_stream.h). */

enum { PEER_QUEUE_MAX = 1 << 20 }; /* never filled: TCP_QUEUE_MAX and what one turn reads */

static struct worker *worker_of(const struct tcp_peer *p)
{
	return p->of->worker;
}

/* ---- end ---- */

static void forget(struct tcp_peer *p)
{
	loop_timer_del(worker_of(p)->loop, &p->timer);
	loop_timer_del(worker_of(p)->loop, &p->last);
	loop_defer_cancel(&p->end_of_turn);
	tcp_peer_forget(p);
}

void tcp_pair_end(struct tcp_peer *p)
{
	stream_end(worker_of(p), &p->client);
	link_close(&p->link);
	forget(p);
}

void tcp_pair_finish(struct tcp_peer *p)
{
	stream_end(worker_of(p), &p->client);
	loop_timer_del(worker_of(p)->loop, &p->timer);
	loop_timer_del(worker_of(p)->loop, &p->last);
	if (p->link.state == LINK_CLOSED) {
		forget(p);
		return;
	}
	p->state = TCP_PEER_LAST;
	link_shutdown(&p->link); /* closed() follows */
}

/* The same, and the engine does not know. */
static void lose(struct tcp_peer *p)
{
	uint32_t id = p->id;
	struct worker *w = worker_of(p);

	tcp_pair_end(p);
	turn_server_peer_gone(w->server, id);
}

/* ---- who is read ---- */

static void read_who_may(struct tcp_peer *p)
{
	stream_pause(worker_of(p), &p->client, p->is_slow || p->peer_is_full);
	link_pause(&p->link, p->is_slow || p->client_is_full);
}

static void count(struct tcp_peer *p, bool is_to_peer, size_t n)
{
	struct worker *w = worker_of(p);

	p->passed += n;
	if (turn_server_tcp_bytes(w->server, p->id, is_to_peer, (uint32_t)n) || p->is_slow)
		return;
	p->of->counts[TCP_STAT_SLOWED]++;
	p->is_slow = true;
	if (loop_timer_set(w->loop, &p->timer, TCP_SLOW_MS))
		p->is_slow = false; /* without memory: what comes is counted all the same */
}

static uint64_t through(const struct tcp_peer *p)
{
	return p->passed - link_queued(&p->link) - stream_queued(worker_of(p), &p->client);
}

/* Who ends may have gone altogether (RFC 6062 5.5), which nothing tells: what follows has a time limit, as long as
 * nothing gets through. */
static void wait_for_the_last(struct tcp_peer *p)
{
	p->through = through(p);
	if (loop_timer_set(worker_of(p)->loop, &p->last, TCP_DRAIN_MS))
		lose(p); /* it might stay for ever */
}

static void on_last(void *arg)
{
	struct tcp_peer *p = arg;

	if (through(p) == p->through && !p->is_slow) /* that is our doing */
		lose(p);
	else
		wait_for_the_last(p);
}

static void on_rested(void *arg)
{
	struct tcp_peer *p = arg;
	struct worker *w = worker_of(p);

	p->is_slow = !turn_server_tcp_bytes(w->server, p->id, true, 0);
	if (p->is_slow && loop_timer_set(w->loop, &p->timer, TCP_SLOW_MS))
		p->is_slow = false; /* as in count */
	if (p->state == TCP_JOINED)
		read_who_may(p);
}

/* Both have ended, and have heard all. */
static bool is_over(const struct tcp_peer *p)
{
	return p->client_has_ended && p->peer_has_ended && !link_queued(&p->link) && !stream_queued(worker_of(p), &p->client);
}

/* ---- the peer ---- */

static void on_peer_data(void *arg, struct bytes in)
{
	struct tcp_peer *p = arg;
	struct worker *w = worker_of(p);

	if (p->state != TCP_JOINED)
		return; /* there is nobody to have it */
	if (stream_put(w, &p->client, in) < 0) {
		lose(p);
		return;
	}
	count(p, false, in.n);
	p->client_is_full = stream_queued(w, &p->client) > TCP_QUEUE_MAX;
	read_who_may(p);
}

static void on_peer_drained(void *arg)
{
	struct tcp_peer *p = arg;

	if (p->state == TCP_PEER_LAST) {
		link_shutdown(&p->link); /* closed() follows */
	} else if (is_over(p)) {
		lose(p);
	} else if (p->state == TCP_JOINED) {
		p->peer_is_full = false;
		read_who_may(p);
	}
}

static void on_peer_ended(void *arg)
{
	struct tcp_peer *p = arg;

	if (p->state != TCP_JOINED)
		return; /* the client has gone; what waits for the peer goes out still */
	p->peer_has_ended = true;
	stream_end_output(worker_of(p), &p->client);
	loop_defer_last(worker_of(p)->loop, &p->end_of_turn);
	wait_for_the_last(p);
}

static void on_peer_closed(void *arg, int why)
{
	struct tcp_peer *p = arg;
	struct worker *w = worker_of(p);

	(void)why; /* the client's side knows one end only */
	if (p->state == TCP_JOINED && stream_queued(w, &p->client)) {
		stream_pause(w, &p->client, false); /* its end is to be seen */
		p->state = TCP_CLIENT_LAST;
		wait_for_the_last(p);
		return;
	}
	lose(p);
}

static const struct link_owner peer_owner = {
	.data = on_peer_data, .drained = on_peer_drained, .ended = on_peer_ended, .closed = on_peer_closed,
};

/* ---- the client ---- */

static void on_client_data(void *arg, struct bytes in)
{
	struct tcp_peer *p = arg;

	if (p->state != TCP_JOINED)
		return;
	if (link_send(&p->link, in) < 0) {
		lose(p);
		return;
	}
	count(p, true, in.n);
	loop_defer_last(worker_of(p)->loop, &p->end_of_turn);
	read_who_may(p);
}

static void on_client_drained(void *arg)
{
	struct tcp_peer *p = arg;

	if (p->state == TCP_CLIENT_LAST || is_over(p)) {
		lose(p);
	} else if (p->state == TCP_JOINED) {
		p->client_is_full = false;
		read_who_may(p);
	}
}

static void on_client_ended(void *arg)
{
	struct tcp_peer *p = arg;

	if (p->state != TCP_JOINED)
		return; /* the peer has gone; what waits for the client goes out still */
	p->client_has_ended = true;
	link_end(&p->link);
	loop_defer_last(worker_of(p)->loop, &p->end_of_turn);
	wait_for_the_last(p);
}

static void on_client_closed(void *arg)
{
	struct tcp_peer *p = arg;

	if (p->state != TCP_JOINED) {
		lose(p);
		return;
	}
	link_pause(&p->link, false);
	loop_defer_last(worker_of(p)->loop, &p->end_of_turn);
	p->state = TCP_PEER_LAST;
	wait_for_the_last(p);
}

static const struct stream_tap client_tap = {
	.data = on_client_data, .drained = on_client_drained, .ended = on_client_ended, .closed = on_client_closed,
};

/* What was put in this turn has been tried: what is left is blocked, and drained() follows. */
static void on_end_of_turn(void *arg)
{
	struct tcp_peer *p = arg;
	size_t queued = link_queued(&p->link);

	if (p->state == TCP_PEER_LAST && !queued) {
		link_shutdown(&p->link);
	} else if (is_over(p)) {
		lose(p);
	} else if (p->state == TCP_JOINED && p->link.is_blocked && queued > TCP_QUEUE_MAX) {
		p->peer_is_full = true;
		read_who_may(p);
	}
}

/* ---- begin ---- */

int tcp_pair_begin(struct tcp_peer *p, const struct turn_path *client)
{
	struct worker *w = worker_of(p);
	int fd = p->fd;
	int rc = stream_tap(w, client, &client_tap, p);

	if (rc)
		return rc;
	p->client = *client;
	stream_keep_alive(fd);
	loop_timer_init(&p->timer, on_rested, p);
	loop_timer_init(&p->last, on_last, p);
	loop_defer_init(&p->end_of_turn, on_end_of_turn, p);
	p->state = TCP_JOINED;
	rc = link_accept(&p->link, w->loop, fd, &peer_owner, p, PEER_QUEUE_MAX);
	if (rc)
		tcp_pair_end(p);
	return rc;
}
