#include "link.h"

#include "base/err.h"
#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <netinet/in.h>

enum { BATCH_MAX = 16, PACKET_MAX = 1500 };
_Static_assert((int)PACKET_MAX >= (int)DHCP_PACKET_MAX, "room for each");
_Static_assert((int)DHCP6_ASK_MAX <= (int)CLIENT_PACKET_MAX, "room for each");

static uint32_t random_number(void)
{
	uint32_t out = 0;

	while (getrandom(&out, sizeof out, 0) != sizeof out) /* a signal came first */
		;
	return out;
}

/* What the machine is called, if it is one label (RFC 2132 3.14): whoever keeps the server's list sees it. */
static void read_host(char out[static DHCP_HOST_MAX + 1])
{
	struct utsname u;
	size_t n = 0;

	out[0] = 0;
	if (uname(&u))
		return;
	while (isalnum((unsigned char)u.nodename[n]) || u.nodename[n] == '-')
		n++;
	bool is_label = n > 0 && n <= DHCP_HOST_MAX && (u.nodename[n] == 0 || u.nodename[n] == '.');
	if (!is_label || (n == 9 && memcmp(u.nodename, "localhost", n) == 0))
		return;
	memcpy(out, u.nodename, n);
	out[n] = 0;
}

/* ---- to gh-priv ---- */

static void put_number(struct buf *b, uint32_t v)
{
	const uint8_t bytes[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	wire_put_bytes(b, bytes_make(bytes, v ? sizeof bytes : 0));
}

static void put_list4(struct buf *b, const uint32_t v[static DHCP_SERVERS_MAX])
{
	uint8_t n = 0;

	while (n < DHCP_SERVERS_MAX && v[n])
		n++;
	wire_put_u8(b, n);
	for (unsigned i = 0; i < n; i++)
		put_number(b, v[i]);
}

static void put_list6(struct buf *b, const uint8_t v[static DHCP6_SERVERS_MAX][DHCP6_ADDRESS_BYTES], unsigned n)
{
	wire_put_u8(b, (uint8_t)n);
	for (unsigned i = 0; i < n; i++)
		wire_put_bytes(b, bytes_make(v[i], DHCP6_ADDRESS_BYTES));
}

static void put_lease4(struct buf *b, const struct dhcp_reply *r, uint32_t left_s)
{
	put_number(b, r->address);
	wire_put_u8(b, r->prefix);
	put_number(b, r->router);
	put_number(b, r->server);
	wire_put_u32(b, left_s);
	put_list4(b, r->dns);
	put_list4(b, r->ntp);
}

/* RFC 8415 21.6 gives an address and no prefix: what is on the link, and where the rest goes, routers tell (RFC 5942 4). */
static void put_lease6(struct buf *b, const struct client6_lease *l, uint32_t left_s)
{
	size_t n = l->is_there ? DHCP6_ADDRESS_BYTES : 0;

	wire_put_bytes(b, bytes_make(l->address, n));
	wire_put_u8(b, l->is_there ? 128 : 0);
	wire_put_bytes(b, BYTES_NONE);
	wire_put_bytes(b, bytes_make(l->from, n));
	wire_put_u32(b, left_s);
	put_list6(b, l->dns, l->n_dns);
	put_list6(b, l->ntp, l->n_ntp);
}

static bool has_lease(const struct link *l)
{
	return l->family == 4 ? l->v4.lease.address != 0 : l->v6.lease.is_there;
}

static void tell(struct link *l)
{
	struct chan *to = bus_chan(l->bus, PROG_PRIV, 0);
	uint64_t now = loop_now(l->loop), end = l->family == 4 ? l->v4.end_ms : l->v6.end_ms;
	uint32_t left_s = end > now ? (uint32_t)((end - now) / 1000) : 0;

	struct buf *b = chan_begin(to, MSG_DHCP_LEASE, 0);
	wire_put_str(b, bytes_of(l->name));
	wire_put_u8(b, l->family);
	if (l->family == 4)
		put_lease4(b, &l->v4.lease, left_s);
	else
		put_lease6(b, &l->v6.lease, left_s);
	wire_put_str(b, bytes_of(l->why));
	(void)chan_end(to); /* a gh-priv that is not there asks when it comes */
}

/* ---- to the network ---- */

static void send_packet(struct link *l, const struct client_out *out)
{
	static const uint8_t all4[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, all6[6] = { 0x33, 0x33, 0, 1, 0, 2 }; /* RFC 2464 7 */
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(l->family == 4 ? ETH_P_IP : ETH_P_IPV6),
				  .sll_ifindex = (int)l->device, .sll_halen = 6 };

	if (l->family == 6)
		memcpy(to.sll_addr, all6, sizeof all6);
	else
		memcpy(to.sll_addr, out->is_broadcast ? all4 : l->v4.next_hop, sizeof all4);
	/* A device that is down: it is sent again. */
	(void)sendto(l->socket.fd, out->packet, out->n, 0, (struct sockaddr *)&to, sizeof to);
}

static void do_out(struct link *l, const struct client_out *out)
{
	uint64_t now = loop_now(l->loop), next = l->family == 4 ? client_next_ms(&l->v4) : client6_next_ms(&l->v6);

	if (out->n)
		send_packet(l, out);
	if (out->is_news) {
		(void)snprintf(l->why, sizeof l->why, "%s", has_lease(l) ? "" : out->why);
		log_info(has_lease(l) ? "dhcp.lease" : "dhcp.none", LOG_STR("interface", l->name), LOG_INT("family", l->family), LOG_STR("why", l->why));
		tell(l);
	}
	if (!next)
		loop_timer_del(l->loop, &l->timer);
	else
		(void)loop_timer_set(l->loop, &l->timer, next > now ? next - now : 0); /* a place of its own since it was opened */
}

static void end_if_released(struct link *l)
{
	void (*over)(void *) = l->over;
	void *arg = l->arg;

	if (l->family == 4 ? l->v4.state != CLIENT_OFF : l->v6.state != CLIENT6_OFF)
		return;
	link_close(l);
	over(arg);
}

/* ---- from the network ---- */

static int take4(struct link *l, struct bytes packet, bool is_summed, const uint8_t from[static 6], struct client_out *out)
{
	struct dhcp_reply reply;
	struct bytes message;
	int rc = dhcp_unwrap(packet, is_summed, &message);

	if (!rc)
		rc = dhcp_decode(message, &reply);
	if (!rc)
		client_input(&l->v4, &reply, from, loop_now(l->loop), out);
	return rc;
}

static int take6(struct link *l, struct bytes packet, bool is_summed, struct client_out *out)
{
	struct dhcp6_reply reply;
	struct bytes message;
	const uint8_t *from;
	int rc = dhcp6_unwrap(packet, is_summed, l->v6.local, &message, &from);

	if (!rc)
		rc = dhcp6_decode(message, l->v6.iaid, &reply);
	if (!rc)
		client6_input(&l->v6, &reply, from, loop_now(l->loop), out);
	return rc;
}

/* A sum that the sender's card would have made is not there on packets that never left this machine. */
static bool has_sum(struct msghdr *m)
{
	bool is_summed = true;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct tpacket_auxdata aux;
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof aux);
		is_summed = !(aux.tp_status & TP_STATUS_CSUMNOTREADY);
	}
	return is_summed;
}

static bool read_one(struct link *l)
{
	uint8_t packet[PACKET_MAX + 1], control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from = { 0 };
	struct iovec iov = { packet, sizeof packet };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(l->socket.fd, &m, MSG_DONTWAIT);
	struct client_out out = { 0 };

	if (n < 0)
		return errno == EINTR;
	struct bytes in = bytes_make(packet, (size_t)n);
	bool is_reply = from.sll_pkttype != PACKET_OUTGOING && from.sll_halen == 6 && n <= PACKET_MAX;
	if (!is_reply || (l->family == 4 ? take4(l, in, has_sum(&m), from.sll_addr, &out) : take6(l, in, has_sum(&m), &out))) {
		log_debug("dhcp.skipped", LOG_STR("interface", l->name), LOG_INT("family", l->family), LOG_INT("bytes", n));
		return true;
	}
	do_out(l, &out);
	return true;
}

static void on_packets(void *arg, unsigned events)
{
	struct link *l = arg;

	(void)events;
	for (unsigned i = 0; i < BATCH_MAX && read_one(l); i++)
		;
	end_if_released(l);
}

static void on_timer(void *arg)
{
	struct link *l = arg;
	struct client_out out;

	if (l->family == 4) {
		read_host(l->v4.host); /* it may have a new name */
		client_timer(&l->v4, loop_now(l->loop), &out);
	} else {
		client6_timer(&l->v6, loop_now(l->loop), &out);
	}
	do_out(l, &out);
	end_if_released(l);
}

/* ---- its life ---- */

static int watch(struct link *l, int fd)
{
	return loop_watch_add(l->loop, &l->socket, fd, LOOP_READ, on_packets, l);
}

static void close_socket(struct link *l)
{
	int fd = l->socket.fd;

	if (!l->socket.loop)
		return;
	loop_watch_del(&l->socket);
	(void)close(fd); /* nothing is lost */
}

static void begin4(struct link *l, struct client_out *out)
{
	client_init(&l->v4, l->mac, random_number);
	read_host(l->v4.host);
	client_start(&l->v4, loop_now(l->loop), out);
}

/* The interface's letter stands for its IA: it is the same at each start. */
static void begin6(struct link *l, const struct link_about *about, struct client_out *out)
{
	struct dhcp6_duid duid = { .n = (uint8_t)about->duid.n };

	memcpy(duid.bytes, about->duid.p, about->duid.n);
	client6_init(&l->v6, about->local.p, &duid, (uint32_t)(unsigned char)l->name[0], random_number);
	client6_start(&l->v6, loop_now(l->loop), out);
}

int link_open(struct link *l, const struct link_about *about, int fd)
{
	struct client_out out = { 0 };

	l->name[0] = (char)about->name.p[0];
	l->family = about->family;
	l->device = about->device;
	memcpy(l->mac, about->mac.p, sizeof l->mac);
	loop_timer_init(&l->timer, on_timer, l);
	int rc = watch(l, fd);
	if (rc)
		return rc;
	if (l->family == 4)
		begin4(l, &out);
	else
		begin6(l, about, &out);
	do_out(l, &out);
	return 0;
}

bool link_is_other(const struct link *l, const struct link_about *about)
{
	if (l->device != about->device || memcmp(l->mac, about->mac.p, sizeof l->mac) != 0)
		return true;
	return l->family == 6 && (l->v6.state == CLIENT6_RELEASING || memcmp(l->v6.local, about->local.p, sizeof l->v6.local) != 0);
}

int link_renew_socket(struct link *l, int fd)
{
	close_socket(l);
	int rc = watch(l, fd);
	if (!rc && (has_lease(l) || l->why[0]))
		tell(l);
	return rc;
}

void link_close(struct link *l)
{
	close_socket(l);
	loop_timer_del(l->loop, &l->timer);
	memset(l, 0, sizeof *l);
}

void link_up(struct link *l)
{
	struct client_out out;

	if (l->family == 4)
		client_link_up(&l->v4, loop_now(l->loop), &out);
	else
		client6_link_up(&l->v6, loop_now(l->loop), &out);
	do_out(l, &out);
}

void link_in_use(struct link *l)
{
	struct client_out out = { 0 };

	if (l->family == 6) /* IPv4 has no such word of the kernel */
		client6_in_use(&l->v6, loop_now(l->loop), &out);
	do_out(l, &out);
}

void link_release(struct link *l)
{
	struct client_out out;

	if (l->family == 4)
		client_release(&l->v4, &out);
	else
		client6_release(&l->v6, loop_now(l->loop), &out);
	do_out(l, &out);
	end_if_released(l);
}
