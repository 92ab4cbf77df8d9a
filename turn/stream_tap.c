#include <netinet/tcp.h>

#include "base/err.h"
#include "stream_impl.h"

/* A client's connection that is RFC 6062's now. */

enum { KEEP_IDLE_S = 60, KEEP_INTERVAL_S = 20, KEEP_TRIES = 3 };

static struct stream_client *tapped(struct worker *w, const struct turn_path *client)
{
	struct stream_client *c = stream_find(w->streams, client);

	return c && c->state == STREAM_TAPPED ? c : NULL;
}

/* Who has nothing to say may be silent for long, and who does not read may mean it: only who is away is found out.
 * Wishes: without them the connection lives until the other end closes. */
void stream_keep_alive(int fd)
{
	static const int on = 1, idle_s = KEEP_IDLE_S, interval_s = KEEP_INTERVAL_S, tries = KEEP_TRIES, never = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &never, sizeof never);
}

static void hand_on(struct stream_client *c)
{
	struct buf held = c->in;

	if (c->link.is_paused || !buf_len(&held))
		return;
	buf_init(&c->in, held.max);
	c->tap->data(c->tap_arg, buf_bytes(&held));
	buf_fini(&held);
}

/* link.h tells when a queue that could not be sent has been; what could be sent at once is seen here. */
void stream_tap_drained(struct stream_client *c)
{
	if (!c->owes_drained || link_queued(&c->link))
		return;
	c->owes_drained = false;
	c->tap->drained(c->tap_arg);
}

void stream_tap_ended(struct stream_client *c)
{
	c->owes_ended = true;
	loop_defer_last(c->of->worker->loop, &c->end_of_turn);
}

static void pass_end(struct stream_client *c)
{
	if (!c->owes_ended || buf_len(&c->in))
		return;
	c->owes_ended = false;
	c->tap->ended(c->tap_arg);
}

/* After the links' own: they have sent what they could. */
static void on_end_of_turn(void *arg)
{
	struct stream_client *c = arg;

	hand_on(c);
	if (c->state == STREAM_TAPPED)
		pass_end(c);
	if (c->state == STREAM_TAPPED)
		stream_tap_drained(c);
}

int stream_tap(struct worker *w, const struct turn_path *client, const struct stream_tap *t, void *arg)
{
	struct stream_client *c = stream_find(w->streams, client);

	if (!c || c->state != STREAM_OPEN)
		return ERR_NOT_FOUND;
	stream_uncount(c);
	loop_timer_del(w->loop, &c->timer);
	stream_keep_alive(c->link.watch.fd);
	c->tap = t;
	c->tap_arg = arg;
	c->state = STREAM_TAPPED;
	loop_defer_init(&c->end_of_turn, on_end_of_turn, c);
	if (buf_len(&c->in))
		loop_defer_last(w->loop, &c->end_of_turn);
	return 0;
}

void stream_tap_hold(struct stream_client *c, struct bytes in)
{
	buf_put_bytes(&c->in, in);
	if (buf_failed(&c->in))
		stream_lose(c); /* bytes of a stream cannot be left out */
	else if (in.n)
		loop_defer_last(c->of->worker->loop, &c->end_of_turn);
}

void stream_tap_take(struct stream_client *c, struct bytes in)
{
	hand_on(c);
	if (c->state != STREAM_TAPPED)
		return;
	if (c->link.is_paused)
		stream_tap_hold(c, in);
	else
		c->tap->data(c->tap_arg, in);
}

int stream_put(struct worker *w, const struct turn_path *client, struct bytes b)
{
	struct stream_client *c = tapped(w, client);

	if (!c)
		return ERR_NOT_FOUND;
	if (link_queued(&c->link) + b.n > STREAM_QUEUE_BYTES)
		return ERR_FULL;
	c->owes_drained = true;
	loop_defer_last(w->loop, &c->end_of_turn);
	return link_send(&c->link, b);
}

size_t stream_queued(struct worker *w, const struct turn_path *client)
{
	struct stream_client *c = tapped(w, client);

	return c ? link_queued(&c->link) : 0;
}

void stream_pause(struct worker *w, const struct turn_path *client, bool is_paused)
{
	struct stream_client *c = tapped(w, client);

	if (!c)
		return;
	link_pause(&c->link, is_paused);
	if (!is_paused && buf_len(&c->in))
		loop_defer_last(w->loop, &c->end_of_turn);
}

void stream_end_output(struct worker *w, const struct turn_path *client)
{
	struct stream_client *c = tapped(w, client);

	if (c)
		link_end(&c->link);
}

void stream_end(struct worker *w, const struct turn_path *client)
{
	struct stream_client *c = tapped(w, client);

	if (c)
		stream_finish(c);
}
