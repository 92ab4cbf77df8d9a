/* Writing: all that waits for one socket. */
#include "batch_impl.h"

#include <errno.h>
#include <netinet/udp.h>

enum {
	WRITE_MAX = 64,          /* messages a call */
	PARTS_MAX = 256,
	SEGMENTS_MAX = 64,       /* UDP_MAX_SEGMENTS */
	SEGMENT_BYTES_MAX = 1432, /* a larger one does not fit a usual interface's MTU, and the kernel refuses the whole */
	JOINED_BYTES_MAX = 65000,
};

union control {
	struct cmsghdr align;
	uint8_t room[CMSG_SPACE(sizeof(uint16_t))];
};

struct writing {
	struct mmsghdr msgs[WRITE_MAX];
	struct iovec parts[PARTS_MAX];
	union control beside[WRITE_MAX];
	unsigned n_msgs, n_parts;
};

static socklen_t endpoint_bytes(const union endpoint *e)
{
	return e->any.sa_family == AF_INET ? sizeof e->v4 : sizeof e->v6;
}

static bool is_same_way(const struct queued *a, const struct queued *b)
{
	socklen_t n = endpoint_bytes(&a->to);

	return n == endpoint_bytes(&b->to) && memcmp(&a->to, &b->to, n) == 0;
}

static void say_segments(struct msghdr *h, union control *c, uint16_t size)
{
	h->msg_control = c;
	h->msg_controllen = sizeof *c;
	struct cmsghdr *head = CMSG_FIRSTHDR(h);
	head->cmsg_level = SOL_UDP;
	head->cmsg_type = UDP_SEGMENT;
	head->cmsg_len = CMSG_LEN(sizeof size);
	memcpy(CMSG_DATA(head), &size, sizeof size);
}

/* Takes the datagram at place, and those behind it that may go with it: all of one size, the last may be
 * shorter. Returns the place after them. */
static uint16_t take(struct batch *b, struct writing *w, uint16_t place)
{
	const struct queued *first = &b->queue[place];
	struct msghdr *h = &w->msgs[w->n_msgs].msg_hdr;
	size_t size = first->data.n, sum = 0;
	unsigned n = 0;

	*h = (struct msghdr){ .msg_name = &b->queue[place].to, .msg_namelen = endpoint_bytes(&first->to), .msg_iov = &w->parts[w->n_parts] };
	for (bool is_last = false; place && !is_last; n++) {
		const struct queued *q = &b->queue[place];
		if (n && (size > SEGMENT_BYTES_MAX || q->data.n > size || q->data.n == 0 || n == SEGMENTS_MAX ||
			  sum + q->data.n > JOINED_BYTES_MAX || w->n_parts == PARTS_MAX || !is_same_way(first, q) ||
			  q->dont_fragment != first->dont_fragment))
			break;
		w->parts[w->n_parts++] = (struct iovec){ (void *)(uintptr_t)q->data.p, q->data.n };
		sum += q->data.n;
		is_last = q->data.n < size;
		place = q->next;
	}
	h->msg_iovlen = n;
	if (n > 1) {
		say_segments(h, &w->beside[w->n_msgs], (uint16_t)size);
		b->stats[BATCH_SEGMENTED]++;
	}
	w->n_msgs++;
	return place;
}

/* One message that the kernel refused: its datagrams one by one, so that one cannot spoil the others
 * (an interface with a smaller MTU). An error may also be an earlier datagram's (ICMP): once more then. */
static void send_singly(struct batch *b, int fd, const struct msghdr *h)
{
	for (size_t i = 0; i < h->msg_iovlen; i++) {
		struct msghdr one = { .msg_name = h->msg_name, .msg_namelen = h->msg_namelen, .msg_iov = &h->msg_iov[i], .msg_iovlen = 1 };
		b->stats[BATCH_WRITES]++;
		ssize_t n = sendmsg(fd, &one, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			n = sendmsg(fd, &one, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			b->stats[BATCH_OUT]++;
		else
			b->stats[errno == EAGAIN ? BATCH_BLOCKED : BATCH_FAILED]++;
	}
}

static void send_all(struct batch *b, int fd, struct writing *w)
{
	unsigned done = 0;

	while (done < w->n_msgs) {
		int n = sendmmsg(fd, w->msgs + done, w->n_msgs - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		b->stats[BATCH_WRITES]++;
		for (int i = 0; i < n; i++)
			b->stats[BATCH_OUT] += w->msgs[done + (unsigned)i].msg_hdr.msg_iovlen;
		if (n > 0) {
			done += (unsigned)n;
		} else if (errno == EAGAIN) { /* the kernel's queue is full: datagrams are lost then, as on any way */
			for (; done < w->n_msgs; done++)
				b->stats[BATCH_BLOCKED] += w->msgs[done].msg_hdr.msg_iovlen;
		} else if (errno != EINTR) {
			send_singly(b, fd, &w->msgs[done++].msg_hdr);
		}
	}
	w->n_msgs = w->n_parts = 0;
}

/* DF is the socket's, not the datagram's. */
static void set_dont_fragment(int fd, bool on, bool is_v4)
{
	int v4 = on ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT, v6 = on ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT;

	/* without it the datagram goes with the other bit: RFC 8656 15 lets that be where DF cannot be set */
	(void)(is_v4 ? setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4) : setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6));
}

void batch_write(struct batch *b, const struct group *g)
{
	struct writing w;
	uint16_t place = g->first;
	bool is_whole = false; /* DF is set now */

	w.n_msgs = w.n_parts = 0;
	while (place) {
		const struct queued *q = &b->queue[place];
		bool is_v4 = q->to.any.sa_family == AF_INET;
		if (q->dont_fragment != is_whole) {
			send_all(b, g->fd, &w);
			is_whole = q->dont_fragment;
			set_dont_fragment(g->fd, is_whole, is_v4);
		}
		place = take(b, &w, place);
		if (w.n_msgs == WRITE_MAX || w.n_parts == PARTS_MAX)
			send_all(b, g->fd, &w);
		if (!place && is_whole) {
			send_all(b, g->fd, &w);
			set_dont_fragment(g->fd, false, is_v4);
		}
	}
	send_all(b, g->fd, &w);
}
