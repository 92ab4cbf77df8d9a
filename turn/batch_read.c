/* Reading: many messages a call, and of a joined message each datagram in a room of its own. */
#include "batch_impl.h"

#include <netinet/udp.h>

static void set_back(struct batch *b, uint32_t i)
{
	struct msghdr *h = &b->messages[i].msg_hdr;

	h->msg_namelen = sizeof b->from[i];
	h->msg_controllen = sizeof b->beside[i];
}

void batch_read_init(struct batch *b)
{
	for (uint32_t i = 0; i < ROOMS; i++) {
		b->parts[i] = (struct iovec){ b->rooms[i] + TURN_HEADROOM, TURN_PACKET_MAX };
		b->messages[i].msg_hdr = (struct msghdr){ .msg_name = &b->from[i], .msg_iov = &b->parts[i], .msg_iovlen = 1,
			.msg_control = &b->beside[i] };
		set_back(b, i);
	}
}

/* What the kernel says beside a message: size of the joined datagrams (0: one), drops up to now. */
static int segment_size(struct msghdr *m, uint32_t *drops)
{
	int size = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
			memcpy(&size, CMSG_DATA(c), sizeof size);
		else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL && drops)
			memcpy(drops, CMSG_DATA(c), sizeof *drops);
	}
	return size;
}

/* The engine writes before and behind a packet, where its neighbours lie. */
struct turn_packet batch_place(struct batch *b, struct bytes data)
{
	size_t whole = (TURN_HEADROOM + data.n + TURN_TAILROOM + 15) & ~(size_t)15;

	if (whole > PIECES_BYTES - b->pieces_used) {
		batch_flush(b);
		b->pieces_used = 0;
	}
	uint8_t *at = b->pieces + b->pieces_used + TURN_HEADROOM;
	memcpy(at, data.p, data.n);
	b->pieces_used += (uint32_t)whole;
	return (struct turn_packet){ at, data.n };
}

struct reader {
	batch_fn fn;
	void *arg;
	int fd;
};

static bool deliver(struct batch *b, const struct reader *r, struct mmsghdr *m, const struct stunaddr *from, uint32_t *drops)
{
	int size = segment_size(&m->msg_hdr, drops);
	uint8_t *p = m->msg_hdr.msg_iov->iov_base;
	size_t n = m->msg_len;

	if (size <= 0 || (size_t)size >= n) {
		struct turn_packet whole = { p, n };
		b->stats[BATCH_IN]++;
		return r->fn(r->arg, r->fd, from, &whole);
	}
	while (n) {
		struct turn_packet piece = batch_place(b, bytes_make(p, n < (size_t)size ? n : (size_t)size));
		size_t used = piece.n;
		b->stats[BATCH_IN]++;
		if (!r->fn(r->arg, r->fd, from, &piece))
			return false;
		p += used;
		n -= used;
	}
	return true;
}

static uint32_t rooms_for(struct batch *b, unsigned most)
{
	if (b->rooms_used + most > ROOMS) {
		batch_flush(b);
		b->rooms_used = 0;
	}
	return b->rooms_used;
}

unsigned batch_receive(struct batch *b, int fd, unsigned most, uint32_t *drops, batch_fn fn, void *arg)
{
	const struct reader r = { fn, arg, fd };
	uint32_t first = rooms_for(b, most), were = drops ? *drops : 0;
	int n = recvmmsg(fd, b->messages + first, most, MSG_DONTWAIT, NULL);

	b->stats[BATCH_READS]++;
	if (n <= 0)
		return 0; /* nothing, or the error of an earlier datagram: it is read from its own queue */
	b->rooms_used += (uint32_t)n;
	bool goes_on = true;
	for (uint32_t i = first; i < first + (uint32_t)n; i++) {
		struct stunaddr who;
		endpoint_addr(&b->from[i], &who);
		if (goes_on && b->messages[i].msg_hdr.msg_flags & MSG_TRUNC)
			b->stats[BATCH_CUT]++;
		else if (goes_on)
			goes_on = deliver(b, &r, &b->messages[i], &who, drops);
		set_back(b, i);
	}
	if (drops)
		b->stats[BATCH_KERNEL_DROPS] += *drops - were; /* the kernel counts in 32 bits, around */
	return (unsigned)n;
}
