#include "super.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for bursts while gh-capture writes. */
enum { PACKETS_BYTES = 8 << 20 };

/* Takes nothing: what came before the operator's filter is there is not seen by anybody. */
static int take_nothing(int fd)
{
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &refuse };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int open_socket(unsigned index)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)index };
	int on = 1, room = PACKETS_BYTES;
	/* Protocol 0: it hears nothing before bind(). */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (take_nothing(fd) || setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) || bind(fd, (struct sockaddr *)&at, sizeof at)) {
		int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	/* More than a user may have; with less, fast traffic shows gaps, which are counted. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	return fd;
}

static int hand_over(struct super *s, uint32_t id, struct bytes name)
{
	struct chan *to = child_chan(&s->children[PROG_CAPTURE][0]);
	char text[IF_NAMESIZE];

	if (!to)
		return ERR_CLOSED;
	if (name.n == 0 || name.n >= sizeof text || memchr(name.p, 0, name.n))
		return ERR_NOT_FOUND;
	memcpy(text, name.p, name.n);
	text[name.n] = 0;
	unsigned index = if_nametoindex(text);
	if (!index)
		return ERR_NOT_FOUND;
	int fd = open_socket(index);
	if (fd < 0)
		return errno == EPERM || errno == EACCES ? ERR_DENIED : ERR_SYS;
	wire_put_str(chan_begin(to, MSG_CAPTURE_SOCKET, id), name);
	int rc = chan_end_fd(to, fd, true);
	log_info("super.capture", LOG_BYTES("interface", name), LOG_INT("rc", rc));
	return rc;
}

int capture_on_open(void *arg, struct chan *from, const struct frame *f)
{
	struct super *s = arg;
	struct wire w = wire_of(f->body);
	struct bytes name = wire_str(&w);

	if (wire_end(&w))
		return ERR_PROTOCOL;
	int rc = hand_over(s, f->id, name);
	wire_put_u32(chan_begin(from, MSG_CAPTURE_OPENED, f->id), (uint32_t)rc);
	(void)chan_end(from); /* a gh-conf that has gone has no operators */
	return 0;
}
