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
static const struct sock_filter replies4[] = {
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

/* The same of IPv6, port 546; a packet with extension headers, fragments too, is none. */
static const struct sock_filter replies6[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6), /* next header */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 42),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 546, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static const struct family {
	uint8_t number;
	uint16_t protocol, n;
	const struct sock_filter *filter;
} families[] = {
	{ 4, ETH_P_IP, sizeof replies4 / sizeof replies4[0], replies4 },
	{ 6, ETH_P_IPV6, sizeof replies6 / sizeof replies6[0], replies6 },
};

static const struct family *family_of(uint8_t number)
{
	for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
		if (families[i].number == number)
			return &families[i];
	return NULL;
}

static int take_replies(int fd, const struct family *family)
{
	/* The kernel reads the filter; its type only lacks the word. */
	struct sock_fprog program = { .len = family->n, .filter = (struct sock_filter *)(uintptr_t)family->filter };
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ||
	       setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof on) || setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on);
}

/* It sees packets before the packet filter does, so that ports 68 and 546 need no hole there. */
static int open_socket(uint32_t device, const struct family *family)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(family->protocol), .sll_ifindex = (int)device };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* protocol 0: it hears nothing before bind() */

	if (fd >= 0 && (take_replies(fd, family) || bind(fd, (struct sockaddr *)&at, sizeof at))) {
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
	const struct family *family = family_of(wire_u8(&w));
	struct bytes local = wire_bytes(&w), duid = wire_bytes(&w);
	struct chan *to = child_chan(&s->children[PROG_DHCP][0]);

	(void)from;
	if (wire_end(&w) || device == 0 || device > INT32_MAX || !family)
		return ERR_PROTOCOL;
	int fd = to ? open_socket(device, family) : -1;
	if (fd < 0) { /* a device or a gh-dhcp that has just gone: gh-priv sees that, and asks again */
		log_info("super.dhcp.none", LOG_BYTES("interface", name));
		return 0;
	}
	struct buf *b = chan_begin(to, MSG_DHCP_SOCKET, 0);
	wire_put_str(b, name);
	wire_put_u32(b, device);
	wire_put_bytes(b, mac);
	wire_put_u8(b, family->number);
	wire_put_bytes(b, local);
	wire_put_bytes(b, duid);
	(void)chan_end_fd(to, fd, true); /* the same */
	return 0;
}
