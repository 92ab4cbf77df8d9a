#include "super.h"

#include "base/err.h"
#include "base/log.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whole IPv4 packets of UDP to port 68, and nothing else that passes on the device. */
static int take_replies(int fd)
{
	struct sock_filter only[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), /* protocol */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6), /* more fragments, offset */
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* the header's length */
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof only / sizeof only[0], .filter = only };
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ||
	       setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof on) || setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on);
}

/* It sees packets before the packet filter does, so that port 68 needs no hole there. */
static int open_socket(uint32_t device)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)device };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* protocol 0: it hears nothing before bind() */

	if (fd >= 0 && (take_replies(fd) || bind(fd, (struct sockaddr *)&at, sizeof at))) {
		(void)close(fd); /* nothing was done with it */
		return -1;
	}
	return fd;
}

int dhcp_on_open(void *arg, struct chan *from, const struct frame *f)
{
	struct super *s = arg;
	struct wire w = wire_of(f->body);
	struct bytes name = wire_str(&w);
	uint32_t device = wire_u32(&w);
	struct bytes mac = wire_bytes(&w);
	struct chan *to = child_chan(&s->children[PROG_DHCP][0]);

	(void)from;
	if (wire_end(&w) || device == 0 || device > INT32_MAX)
		return ERR_PROTOCOL;
	int fd = to ? open_socket(device) : -1;
	if (fd < 0) { /* a device or a gh-dhcp that has just gone: gh-priv sees that, and asks again */
		log_info("super.dhcp.none", LOG_BYTES("interface", name));
		return 0;
	}
	struct buf *b = chan_begin(to, MSG_DHCP_SOCKET, 0);
	wire_put_str(b, name);
	wire_put_u32(b, device);
	wire_put_bytes(b, mac);
	(void)chan_end_fd(to, fd, true); /* the same */
	return 0;
}
