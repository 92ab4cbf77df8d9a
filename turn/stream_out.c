#include "stream_impl.h"

/* To clients. Answers wait their turn; datagrams of peers are dropped, as on any way, when those before them have
 * waited too long or too much waits: by time first, so that a picture in many datagrams passes and a connection that
 * is too slow for its call stays current. */

static bool is_datagram(struct bytes d)
{
	return d.n > 1 && ((d.p[0] & 0xc0) == 0x40 || (d.p[0] == 0 && d.p[1] == (STUN_DATA | 0x10)));
}

/* How old is what waits? One byte of the queue is followed until the kernel has it, then the newest. */
static bool is_late(struct stream_client *c, size_t n)
{
	uint64_t now = loop_now(c->of->worker->loop);

	if (c->link.bytes_out < c->mark)
		return now - c->mark_ms > STREAM_QUEUE_MS;
	c->mark = c->link.bytes_out + link_queued(&c->link) + n;
	c->mark_ms = now;
	return false;
}

void stream_uncount(struct stream_client *c)
{
	c->of->stuck_bytes -= c->stuck_bytes;
	c->stuck_bytes = 0;
}

/* What the kernel has not taken at the end of a turn counts for all. */
static bool has_room(struct stream_client *c, size_t n)
{
	struct streams *s = c->of;
	size_t waits = link_queued(&c->link) + n;

	stream_uncount(c);
	if (c->link.is_blocked) {
		c->stuck_bytes = (uint32_t)waits;
		s->stuck_bytes += waits;
		if (s->stuck_bytes > STREAM_QUEUE_ALL_BYTES)
			return false;
	}
	return waits <= STREAM_QUEUE_BYTES && !is_late(c, n);
}

static bool may_answer(struct stream_client *c)
{
	const struct turn_path path = stream_path(c);

	if (link_queued(&c->link) <= STREAM_ANSWERS_BYTES || turn_server_has(c->of->worker->server, &path))
		return true;
	stream_refuse(c, "connection", "does not read its answers");
	return false;
}

void stream_to_client(struct worker *w, const struct turn_path *to, struct bytes data)
{
	static const uint8_t zeros[3];
	struct stream_client *c = stream_find(w->streams, to);
	size_t padding = -data.n & 3; /* RFC 8656 12.5 */

	if (!c || (c->state != STREAM_NEW && c->state != STREAM_OPEN))
		return;
	if (is_datagram(data) && !has_room(c, data.n + padding)) {
		w->streams->counts[STREAM_STAT_DROPPED]++;
		return;
	}
	if (!is_datagram(data) && !may_answer(c))
		return;
	struct buf *out = link_out(&c->link);
	buf_put_bytes(out, data);
	buf_put(out, zeros, padding);
	link_kick(&c->link);
}
