/* Reading: many messages a call, and of a joined message each datagram in a room of its own. */
#include "batch_impl.h"

#include <netinet/udp.h>

union control {
	struct cmsghdr align;
	uint8_t room[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t))];
};

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
static struct turn_packet piece_of(struct batch *b, const uint8_t *p, size_t n)
{
	size_t whole = (TURN_HEADROOM + n + TURN_TAILROOM + 15) & ~(size_t)15;

	if (whole > PIECES_BYTES - b->pieces_used) {
		batch_flush(b);
		b->pieces_used = 0;
	}
	uint8_t *at = b->pieces + b->pieces_used + TURN_HEADROOM;
	memcpy(at, p, n);
	b->pieces_used += (uint32_t)whole;
	return (struct turn_packet){ at, n };
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
		struct turn_packet piece = piece_of(b, p, n < (size_t)size ? n : (size_t)size);
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
	struct mmsghdr msgs[BATCH_READ_MAX];
	struct iovec parts[BATCH_READ_MAX];
	union endpoint from[BATCH_READ_MAX];
	union control beside[BATCH_READ_MAX];
	const struct reader r = { fn, arg, fd };
	uint32_t first = rooms_for(b, most);

	for (unsigned i = 0; i < most; i++) {
		parts[i] = (struct iovec){ b->rooms[first + i] + TURN_HEADROOM, TURN_PACKET_MAX };
		msgs[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i],
			.msg_iovlen = 1, .msg_control = &beside[i], .msg_controllen = sizeof beside[i] };
	}
	int n = recvmmsg(fd, msgs, most, MSG_DONTWAIT, NULL);
	b->stats[BATCH_READS]++;
	if (n <= 0)
		return 0; /* nothing, or the error of an earlier datagram: it is read from its own queue */
	b->rooms_used += (uint32_t)n;
	for (int i = 0; i < n; i++) {
		struct stunaddr who;
		endpoint_addr(&from[i], &who);
		if (msgs[i].msg_hdr.msg_flags & MSG_TRUNC) {
			b->stats[BATCH_CUT]++;
			continue;
		}
		if (!deliver(b, &r, &msgs[i], &who, drops))
			break;
	}
	return (unsigned)n;
}
