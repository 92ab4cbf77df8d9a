#include "door_dtls.h"

/* Clients over UDP, and on the same port over DTLS (RFC 7983). */

enum { KERNEL_BYTES = 4 << 20, READS_A_TURN = 4 };

static bool on_datagram(void *arg, int fd, const struct stunaddr *from, struct turn_packet *p)
{
	struct door *d = arg;
	const struct turn_path path = { .transport = TURN_UDP, .door = d->number, .from = *from };

	/* port 0 cannot be answered (RFC 768) */
	if (!from->family || !from->port)
		return true;
	if (is_dtls(p->p[0])) /* an empty one has a byte of the room behind it */
		associations_take(d, from, bytes_make(p->p, p->n));
	else
		serve_client(d->worker, &path, p);
	return d->fd == fd;
}

static void readable(struct door *d)
{
	door_read_datagrams(d, on_datagram);
}

static void to_client(struct worker *w, const struct turn_path *to, struct bytes data)
{
	if (to->transport == TURN_DTLS)
		associations_to_client(w, to, data);
	else
		batch_send(w->batch, w->doors[to->door].fd, &to->from, data, false);
}

const struct door_kind door_udp = {
	.listener = "turn-udp", .transport = TURN_UDP, .open = door_open_datagrams, .close = associations_close_door,
	.readable = readable, .to_client = to_client, .client_close = associations_close_client,
};

/* ---- for all doors of datagrams ---- */

void door_read_datagrams(struct door *d, batch_fn fn)
{
	for (int i = 0; i < READS_A_TURN && d->fd >= 0; i++)
		if (batch_receive(d->worker->batch, d->fd, BATCH_READ_MAX, &d->drops, fn, d) < BATCH_READ_MAX)
			break;
}

int door_open_datagrams(struct door *d)
{
	batch_prepare(d->fd, KERNEL_BYTES);
	return 0;
}
