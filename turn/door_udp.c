#include "worker.h"

/* Clients over UDP. */

enum { KERNEL_BYTES = 4 << 20, READS_A_TURN = 4 };

static bool on_datagram(void *arg, int fd, const struct stunaddr *from, struct turn_packet *p)
{
	struct door *d = arg;
	const struct turn_path path = { .transport = TURN_UDP, .door = d->number, .from = *from };

	/* port 0 cannot be answered (RFC 768) */
	if (from->family && from->port)
		turn_server_client(d->worker->server, &path, p);
	return d->fd == fd;
}

static void readable(struct door *d)
{
	for (int i = 0; i < READS_A_TURN && d->fd >= 0; i++)
		if (batch_receive(d->worker->batch, d->fd, BATCH_READ_MAX, &d->drops, on_datagram, d) < BATCH_READ_MAX)
			break;
}

static int open_door(struct door *d)
{
	batch_prepare(d->fd, KERNEL_BYTES);
	return 0;
}

static void to_client(struct worker *w, const struct turn_path *to, struct bytes data)
{
	batch_send(w->batch, w->doors[to->door].fd, &to->from, data, false);
}

const struct door_kind door_udp = {
	.listener = "turn-udp", .transport = TURN_UDP, .open = open_door, .readable = readable, .to_client = to_client,
};
