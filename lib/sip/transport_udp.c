/* Datagrams, in batches: one system call reads many, and what a turn sends leaves together. */
#include "sip/transport_impl.h"

#include <errno.h>

#include "base/err.h"
#include "sip/transport_stun.h"

enum {
	BATCH = 32,
	BATCHES_A_TURN = 4,
	BLANK_MAX = 4,             /* of line ends or zeros that are a keep-alive */
	DATAGRAM_MAX = 65507,      /* RFC 768 in RFC 791 */
	QUEUE_BYTES = 4 << 20,     /* that the kernel did not take */
	QUEUE_KEPT_BYTES = 256 << 10, /* not given back between turns: sockets are few */
	KERNEL_BYTES = 4 << 20,    /* asked of it for what has come; it gives what its administrator allows */
};

/* One for the process; the kernel touches as much of it as has come. Nothing in it outlives a call. */
static uint8_t room[BATCH][DATAGRAM_MAX + 1];

struct waiting { /* in front of each datagram in the queue */
	union sip_sockaddr to;
	uint64_t token;
	size_t n;
};

/* ---- reading ---- */

/* Only what begins like a text is SIP: a STUN packet begins with a byte below 4 (RFC 7983), and no parser of SIP
 * ever meets one (trap 12). */
static bool is_worth_reading(struct bytes in)
{
	return in.n && in.p[0] > ' ' && in.p[0] < 0x7f;
}

static bool is_stun(struct bytes in)
{
	return in.n && in.p[0] < 4;
}

/* RFC 5626 4.4.2. The owner says who gets an answer; it is lost when the queue is full. */
static void read_stun(struct sipsocket *s, struct bytes in, const struct sip_source *source)
{
	uint8_t out[SIPSTUN_OUT_MAX];
	struct bytes answer = s->t->owner->keepalive ? sipstun_answer(in, &source->addr, out) : BYTES_NONE;

	if (answer.n && s->t->owner->keepalive(s->t->arg, source, true))
		(void)sipudp_send(s, &source->addr, 0, answer);
	else
		s->t->counts.refused++;
}

static bool is_blank(struct bytes in)
{
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] != '\r' && in.p[i] != '\n' && in.p[i] != '\0')
			return false;
	return in.n <= BLANK_MAX;
}

static void read_one(struct sipsocket *s, struct bytes in, const union sip_sockaddr *from)
{
	struct sip_source source = { .transport = SIPT_UDP, .listener = siplisten_id(s), .addr = *from };
	struct sipmsg *m = NULL;

	s->t->counts.udp_in++;
	if (s->t->owner->welcome && !s->t->owner->welcome(s->t->arg, from)) {
		s->t->counts.refused++;
		return;
	}
	if (is_blank(in) && s->t->owner->keepalive) {
		(void)s->t->owner->keepalive(s->t->arg, &source, false); /* it has no answer */
		return;
	}
	if (is_stun(in) && sip_sockaddr_port(from)) {
		read_stun(s, in, &source);
		return;
	}
	while (in.n && (in.p[0] == '\r' || in.p[0] == '\n')) /* RFC 3261 7.5 */
		in = bytes_skip(in, 1);
	if (!is_worth_reading(in) || !sip_sockaddr_port(from) || sipmsg_parse(in, &m)) {
		s->t->counts.refused++;
		return;
	}
	siptransports_deliver(s->t, m, &source);
}

/* False: there is no more for now. */
static bool read_batch(struct sipsocket *s)
{
	struct mmsghdr msgs[BATCH] = { 0 };
	struct iovec parts[BATCH];
	union sip_sockaddr from[BATCH];

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ room[i], sizeof room[i] };
		msgs[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	int n = recvmmsg(s->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
	s->t->counts.udp_reads++;
	/* An error is of an earlier datagram of ours (ICMP): it is gone with being read. */
	for (int i = 0; i < n && s->fd >= 0; i++)
		read_one(s, bytes_make(room[i], msgs[i].msg_len), &from[i]);
	return n == BATCH;
}

/* ---- writing ---- */

static struct waiting head_at(const uint8_t *p)
{
	struct waiting w;

	memcpy(&w, p, sizeof w);
	return w;
}

static unsigned gather(struct bytes queue, struct waiting *heads, struct iovec *parts, struct mmsghdr *msgs)
{
	unsigned n = 0;

	for (; n < BATCH && queue.n; n++) {
		heads[n] = head_at(queue.p);
		parts[n] = (struct iovec){ (void *)(uintptr_t)(queue.p + sizeof heads[n]), heads[n].n };
		msgs[n].msg_hdr = (struct msghdr){ .msg_name = &heads[n].to, .msg_namelen = sip_sockaddr_len(&heads[n].to), .msg_iov = &parts[n], .msg_iovlen = 1 };
		queue = bytes_skip(queue, sizeof heads[n] + heads[n].n);
	}
	return n;
}

static void drop_first(struct sipsocket *s, unsigned n)
{
	while (n--)
		buf_consume(&s->out, sizeof(struct waiting) + head_at(buf_bytes(&s->out).p).n);
}

static int err_of_errno(int e)
{
	switch (e) {
	case EMSGSIZE:
		return ERR_LIMIT;
	case ECONNREFUSED:
		return ERR_CONN_REFUSED;
	case ENOBUFS:
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_CONN_UNREACHABLE;
	}
}

/* False: the kernel takes no more for now, or nothing is left. */
static bool write_batch(struct sipsocket *s)
{
	struct mmsghdr msgs[BATCH] = { 0 };
	struct iovec parts[BATCH];
	struct waiting heads[BATCH];
	unsigned n = gather(buf_bytes(&s->out), heads, parts, msgs);

	if (n == 0)
		return false;
	int sent = sendmmsg(s->fd, msgs, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	s->t->counts.udp_writes++;
	if (sent > 0) {
		s->t->counts.udp_out += (unsigned)sent;
		drop_first(s, (unsigned)sent);
		return true;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		s->is_blocked = true;
		return false;
	}
	if (errno == EINTR)
		return true;
	int rc = err_of_errno(errno);
	drop_first(s, 1);
	siptransports_fail(s->t, heads[0].token, rc, "");
	return s->fd >= 0;
}

static void flush(void *arg)
{
	struct sipsocket *s = arg;

	s->is_blocked = false;
	while (write_batch(s))
		;
	if (s->out.cap > QUEUE_KEPT_BYTES)
		buf_release_if_empty(&s->out);
	if (s->fd >= 0 && loop_watch_set(&s->watch, sipudp_events(s)))
		s->is_blocked = false; /* without memory: with the next datagram */
}

/* ---- for the rest ---- */

void sipudp_init(struct sipsocket *s)
{
	int bytes = KERNEL_BYTES;

	if (s->how == SIPT_UDP)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); /* less does, with more lost */
	buf_init(&s->out, QUEUE_BYTES);
	loop_defer_init(&s->flush, flush, s);
	s->is_blocked = false;
}

void sipudp_fini(struct sipsocket *s)
{
	loop_defer_cancel(&s->flush);
	buf_fini(&s->out);
}

unsigned sipudp_events(const struct sipsocket *s)
{
	return (s->t->is_paused ? 0u : LOOP_READ) | (s->is_blocked ? LOOP_WRITE : 0u);
}

void sipudp_event(struct sipsocket *s, unsigned events)
{
	if (events & LOOP_WRITE)
		flush(s);
	for (int i = 0; i < BATCHES_A_TURN && (events & LOOP_READ) && s->fd >= 0 && !s->t->is_paused; i++)
		if (!read_batch(s))
			return;
}

int sipudp_send(struct sipsocket *s, const union sip_sockaddr *to, uint64_t token, struct bytes message)
{
	struct waiting head = { .to = *to, .token = token, .n = message.n };
	size_t before = buf_len(&s->out);

	if (message.n > DATAGRAM_MAX)
		return ERR_LIMIT;
	if (before + sizeof head + message.n > QUEUE_BYTES)
		return ERR_FULL;
	buf_put(&s->out, &head, sizeof head);
	buf_put_bytes(&s->out, message);
	if (buf_failed(&s->out)) {
		buf_truncate(&s->out, before);
		return ERR_NOMEM;
	}
	if (!s->is_blocked)
		loop_defer_last(s->t->loop, &s->flush);
	return 0;
}
