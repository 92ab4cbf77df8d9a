#include "turn_flow.h"

#include "base/err.h"
#include "proto/stunmsg.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define QUIET_NS 100000000   /* nothing more is on its way */
#define PATIENCE_NS 5000000000 /* for what streams hold */
enum { BATCH = TURNWIRE_BATCH, READS = 4, EVENTS = 64 };

struct half { /* one direction */
	uint8_t (*messages)[TURNWIRE_MESSAGE_MAX];
	size_t bytes, stamp_at;
	uint64_t sent;
	unsigned next; /* client */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- messages ---- */

static size_t write_send(const struct turnflow *f, uint8_t *to)
{
	static const uint8_t id[16] = { 0x21, 0x12, 0xA4, 0x42 }, filler[TURNWIRE_MESSAGE_MAX];
	struct stunaddr peer = { .family = 4, .port = ntohs(f->clients->peer.sin_port) };
	struct stunmsg_writer w;

	memcpy(peer.ip, &f->clients->peer.sin_addr, 4);
	stunmsg_begin(&w, to, TURNWIRE_MESSAGE_MAX, STUN_INDICATION, STUN_SEND, id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, bytes_make(filler, f->payload));
	return stunmsg_end(&w).n;
}

static size_t write_channel(const struct turnflow *f, uint8_t *to)
{
	channeldata_header(to, TURNCLIENT_CHANNEL, f->payload);
	return CHANNELDATA_HEADER + f->payload; /* the payload is a multiple of 4 (RFC 8656 12.5) */
}

static void half_init(struct turnflow *f, struct half *h, bool is_client, uint8_t (*room)[TURNWIRE_MESSAGE_MAX])
{
	*h = (struct half){ .messages = room, .bytes = f->payload };
	for (unsigned i = 0; is_client && i < BATCH; i++)
		h->bytes = f->clients->use_send ? write_send(f, room[i]) : write_channel(f, room[i]);
	h->stamp_at = h->bytes - f->payload;
}

static void stamp(struct half *h, unsigned n, uint64_t now)
{
	for (unsigned i = 0; i < n; i++)
		memcpy(h->messages[i] + h->stamp_at, &now, sizeof now);
}

/* ---- sending ---- */

/* One message a client in turn; of a single client many at once. */
static void send_to_peer(struct turnflow *f, struct half *h, unsigned n)
{
	stamp(h, n, now_ns());
	if (f->clients->n == 1) {
		h->sent += turnwire_send(&f->clients->all[0].wire, h->messages, h->bytes, n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		h->sent += turnwire_send(&f->clients->all[h->next].wire, h->messages + i, h->bytes, 1);
		h->next = (h->next + 1) % f->clients->n;
	}
}

static void send_to_client(struct turnflow *f, struct half *h, unsigned n)
{
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];

	stamp(h, n, now_ns());
	for (unsigned i = 0; i < n; i++) {
		v[i] = (struct iovec){ h->messages[i], h->bytes };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &f->clients->all[h->next].relayed, .msg_namelen = sizeof(struct sockaddr_in),
						.msg_iov = &v[i], .msg_iovlen = 1 };
		h->next = (h->next + 1) % f->clients->n;
	}
	int sent = sendmmsg(f->peer_fd, m, n, 0);
	h->sent += sent > 0 ? (unsigned)sent : 0;
}

/* ---- receiving ---- */

static void count(struct turnflow *f, const uint8_t *stamp_at, uint64_t now)
{
	uint64_t sent;

	memcpy(&sent, stamp_at, sizeof sent);
	uint64_t us = now > sent ? (now - sent) / 1000 : 0;
	f->latency[us < TURNFLOW_LATENCY_US ? us : TURNFLOW_LATENCY_US - 1]++;
	f->received++;
}

static bool read_peer(struct turnflow *f)
{
	static uint8_t room[BATCH][TURNWIRE_MESSAGE_MAX];
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		v[i] = (struct iovec){ room[i], TURNWIRE_MESSAGE_MAX };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i], .msg_iovlen = 1 };
	}
	int n = recvmmsg(f->peer_fd, m, BATCH, MSG_DONTWAIT, NULL);
	uint64_t now = now_ns();
	for (int i = 0; i < n; i++)
		if (m[i].msg_len == f->payload)
			count(f, room[i], now);
	return n == BATCH;
}

/* ChannelData, or a Data indication, whose last attribute is what was sent. */
static void on_client_message(void *arg, struct bytes in)
{
	struct turnflow *f = arg;
	struct stunmsg m;
	struct bytes data;
	uint16_t channel;

	if (channeldata_parse(in, &channel, &data) != 0) {
		if (!stunmsg_is(in) || stunmsg_parse(in, &m) || m.method != STUN_DATA)
			return;
		data = m.data;
	}
	if (data.n == f->payload)
		count(f, data.p, now_ns());
}

static void read_clients(struct turnflow *f)
{
	struct epoll_event ready[EVENTS];
	int n = epoll_wait(f->epoll_fd, ready, EVENTS, 0);

	for (int i = 0; i < n; i++)
		(void)turnwire_receive(&f->clients->all[ready[i].data.u32].wire, on_client_message, f); /* a closed one receives no more */
}

static void receive(struct turnflow *f)
{
	for (int i = 0; i < READS && read_peer(f); i++)
		;
	if (f->to_client || f->clients->kind != TURNWIRE_UDP)
		read_clients(f);
}

/* ---- a run ---- */

static unsigned due(const struct half *h, double rate, uint64_t since_ns)
{
	if (rate <= 0)
		return BATCH;
	double n = rate * (double)since_ns / 1e9 - (double)h->sent;
	return n < 1 ? 0 : n < BATCH ? (unsigned)n : BATCH;
}

static void drain(struct turnflow *f)
{
	uint64_t start = now_ns(), last = start, seen = f->received;

	for (uint64_t now = start; now - last < QUIET_NS && now - start < PATIENCE_NS; now = now_ns()) {
		receive(f);
		if (f->received != seen)
			last = now;
		seen = f->received;
		for (unsigned i = 0; f->clients->kind != TURNWIRE_UDP && i < f->clients->n; i++)
			(void)turnwire_send(&f->clients->all[i].wire, NULL, 0, 0); /* nothing to add */
	}
}

void turnflow_run(struct turnflow *f, double rate, double seconds)
{
	static uint8_t up_room[BATCH][TURNWIRE_MESSAGE_MAX], down_room[BATCH][TURNWIRE_MESSAGE_MAX];
	struct half up, down;
	uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), now;

	half_init(f, &up, true, up_room);
	half_init(f, &down, false, down_room);
	memset(f->latency, 0, TURNFLOW_LATENCY_US * sizeof *f->latency);
	f->received = 0;
	while ((now = now_ns()) < end) {
		unsigned n = f->to_peer ? due(&up, rate, now - start) : 0;
		if (n)
			send_to_peer(f, &up, n);
		n = f->to_client ? due(&down, rate, now - start) : 0;
		if (n)
			send_to_client(f, &down, n);
		receive(f);
	}
	f->seconds = (double)(now - start) / 1e9;
	f->in_time = f->received;
	drain(f);
	f->sent = up.sent + down.sent;
}

double turnflow_latency(const struct turnflow *f, double part)
{
	uint64_t want = (uint64_t)(part * (double)f->received), n = 0;

	for (unsigned us = 0; f->received && us < TURNFLOW_LATENCY_US; us++)
		if ((n += f->latency[us]) > want)
			return us;
	return f->received ? TURNFLOW_LATENCY_US : -1;
}

int turnflow_open(struct turnflow *f)
{
	f->latency = calloc(TURNFLOW_LATENCY_US, sizeof *f->latency);
	f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!f->latency)
		return ERR_NOMEM;
	for (unsigned i = 0; f->epoll_fd >= 0 && i < f->clients->n; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = i };
		if (epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, f->clients->all[i].wire.fd, &e))
			return ERR_SYS;
	}
	return f->epoll_fd >= 0 ? 0 : ERR_SYS;
}

void turnflow_close(struct turnflow *f)
{
	free(f->latency);
	if (f->epoll_fd >= 0)
		(void)close(f->epoll_fd); /* reading only */
}
