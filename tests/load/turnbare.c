/* gh-turnbare: a forwarder that does a relay's work on datagrams and nothing else: no state to keep, nobody to
 * authenticate. epoll, recvmmsg and sendmmsg. Flows are laid down beforehand: client port 20000 + i is relayed
 * at port 40000 + i, as ChannelData of channel 0x4000 on the clients' side, to one peer. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	BATCH = 64, ROOM = 2048, HEADER = 4, EVENTS = 256, SOCKET_BYTES = 4 << 20, FLOWS_MAX = 20000,
	CLIENT_PORT = 20000, RELAY_PORT = 40000, SERVER_PORT = 3478, READS = 4,
};

struct forwarder {
	struct sockaddr_in server, relay, client, peer;
	unsigned flows;
	int epoll, fd, relays[FLOWS_MAX];
	uint8_t room[BATCH][HEADER + ROOM];
	struct sockaddr_in from[BATCH];
	struct mmsghdr in[BATCH];
	struct iovec parts[BATCH];
};

static void die_if(int bad, const char *what)
{
	if (bad) {
		perror(what);
		exit(1);
	}
}

/* Behind room for a header. */
static int receive(struct forwarder *f, int fd)
{
	for (unsigned i = 0; i < BATCH; i++) {
		f->parts[i] = (struct iovec){ f->room[i] + HEADER, ROOM };
		f->in[i].msg_hdr = (struct msghdr){ .msg_name = &f->from[i], .msg_namelen = sizeof f->from[i], .msg_iov = &f->parts[i], .msg_iovlen = 1 };
	}
	return recvmmsg(fd, f->in, BATCH, MSG_DONTWAIT, NULL);
}

static void send_all(int fd, struct mmsghdr *m, unsigned n)
{
	if (n)
		(void)sendmmsg(fd, m, n, MSG_DONTWAIT); /* what does not go is lost, as datagrams are */
}

/* Neighbours for one relay socket go in one call. */
static bool from_clients(struct forwarder *f)
{
	int n = receive(f, f->fd), first = 0, fd = -1;

	for (int i = 0; i < n; i++) {
		unsigned flow = (unsigned)ntohs(f->from[i].sin_port) - CLIENT_PORT;
		size_t bytes = f->in[i].msg_len;
		int to = flow < f->flows && bytes >= HEADER ? f->relays[flow] : -1;
		if (to != fd) {
			if (fd >= 0)
				send_all(fd, f->in + first, (unsigned)(i - first));
			fd = to;
			first = i;
		}
		f->parts[i] = (struct iovec){ f->room[i] + 2 * HEADER, bytes >= HEADER ? bytes - HEADER : 0 };
		f->in[i].msg_hdr = (struct msghdr){ .msg_name = &f->peer, .msg_namelen = sizeof f->peer, .msg_iov = &f->parts[i], .msg_iovlen = 1 };
	}
	if (n > 0 && fd >= 0)
		send_all(fd, f->in + first, (unsigned)(n - first));
	return n == BATCH;
}

static void from_peer(struct forwarder *f, unsigned flow)
{
	int n = receive(f, f->relays[flow]);
	struct sockaddr_in to = f->client;

	to.sin_port = htons((uint16_t)(CLIENT_PORT + flow));
	for (int i = 0; i < n; i++) {
		size_t bytes = f->in[i].msg_len;
		memcpy(f->room[i], (uint8_t[]){ 0x40, 0, (uint8_t)(bytes >> 8), (uint8_t)bytes }, HEADER);
		f->parts[i] = (struct iovec){ f->room[i], HEADER + bytes };
		f->in[i].msg_hdr = (struct msghdr){ .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &f->parts[i], .msg_iovlen = 1 };
	}
	send_all(f->fd, f->in, n > 0 ? (unsigned)n : 0);
}

static int open_at(struct forwarder *f, struct sockaddr_in at, uint16_t port, uint32_t number)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = number };
	const int bytes = SOCKET_BYTES;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	at.sin_port = htons(port);
	die_if(fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at), "socket");
	die_if(number == FLOWS_MAX && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes), "buffer");
	die_if(epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e), "epoll");
	return fd;
}

static void forward(struct forwarder *f)
{
	struct epoll_event ready[EVENTS];

	for (;;) {
		int n = epoll_wait(f->epoll, ready, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.u32 < FLOWS_MAX)
				from_peer(f, ready[i].data.u32);
			else
				for (int k = 0; k < READS && from_clients(f); k++)
					;
		}
	}
}

static struct sockaddr_in address(const char *text, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	die_if(inet_pton(AF_INET, text, &a.sin_addr) != 1, text);
	return a;
}

int main(int argc, char **argv)
{
	static struct forwarder f;

	if (argc != 7) {
		fprintf(stderr, "gh-turnbare: wants SERVER RELAY CLIENT PEER PEER-PORT FLOWS\n");
		return 2;
	}
	f.server = address(argv[1], SERVER_PORT);
	f.relay = address(argv[2], 0);
	f.client = address(argv[3], 0);
	f.peer = address(argv[4], (uint16_t)atoi(argv[5]));
	f.flows = (unsigned)atoi(argv[6]);
	die_if(f.flows > FLOWS_MAX, "flows");
	f.epoll = epoll_create1(EPOLL_CLOEXEC);
	f.fd = open_at(&f, f.server, SERVER_PORT, FLOWS_MAX);
	for (unsigned i = 0; i < f.flows; i++)
		f.relays[i] = open_at(&f, f.relay, (uint16_t)(RELAY_PORT + i), i);
	puts("ready");
	(void)fflush(stdout); /* the bench waits for it, and says so if it does not come */
	forward(&f);
}
