/* gh-dhcp: asks for the addresses of interfaces that get theirs by DHCP. It has packet sockets that gh-super opened, each on
 * one device with a filter that it cannot change, and no capability. What it learns goes to gh-priv, which judges it. */
#include "client.h"

#include "base/err.h"
#include "base/log.h"
#include "run/proc.h"

#include <ctype.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
	LINKS_MAX = 4,
	BATCH_MAX = 16,
	STOP_MS = 300, /* as long as gh-priv takes to hear of the same commit */
};

struct dhcp;
struct link {
	struct dhcp *dhcp;
	char name[2]; /* interface a to d; "": free place */
	uint32_t device;
	struct loop_watch socket;
	struct loop_timer timer;
	struct client client;
	char why[80]; /* why there is no lease */
};

struct dhcp {
	struct proc *proc;
	struct loop *loop;
	struct link links[LINKS_MAX];
	struct loop_timer stop;
	bool is_stopping;
};

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

static void put_list(struct buf *b, const uint32_t v[static DHCP_SERVERS_MAX])
{
	uint8_t n = 0;

	while (n < DHCP_SERVERS_MAX && v[n])
		n++;
	wire_put_u8(b, n);
	for (unsigned i = 0; i < n; i++)
		wire_put_u32(b, v[i]);
}

static void tell(struct link *l)
{
	const struct dhcp_reply *r = &l->client.lease;
	struct chan *to = bus_chan(proc_bus(l->dhcp->proc), PROG_PRIV, 0);
	uint64_t now = loop_now(l->dhcp->loop), end = l->client.end_ms;

	struct buf *b = chan_begin(to, MSG_DHCP_LEASE, 0);
	wire_put_str(b, bytes_of(l->name));
	wire_put_u32(b, r->address);
	wire_put_u8(b, r->prefix);
	wire_put_u32(b, r->router);
	wire_put_u32(b, r->server);
	wire_put_u32(b, end > now ? (uint32_t)((end - now) / 1000) : 0);
	put_list(b, r->dns);
	put_list(b, r->ntp);
	wire_put_str(b, bytes_of(l->why));
	(void)chan_end(to); /* a gh-priv that is not there asks when it comes */
}

static void do_out(struct link *l, const struct client_out *out)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)l->device, .sll_halen = 6 };
	uint64_t now = loop_now(l->dhcp->loop), next = client_next_ms(&l->client);

	if (out->is_broadcast)
		memset(to.sll_addr, 0xff, 6);
	else
		memcpy(to.sll_addr, l->client.next_hop, 6);
	/* A device that is down: it is sent again. */
	if (out->n)
		(void)sendto(l->socket.fd, out->packet, out->n, 0, (struct sockaddr *)&to, sizeof to);
	if (out->is_news) {
		(void)snprintf(l->why, sizeof l->why, "%s", l->client.lease.address ? "" : out->why);
		log_info(l->client.lease.address ? "dhcp.lease" : "dhcp.none", LOG_STR("interface", l->name), LOG_STR("why", l->why));
		tell(l);
	}
	if (!next)
		loop_timer_del(l->dhcp->loop, &l->timer);
	else
		(void)loop_timer_set(l->dhcp->loop, &l->timer, next > now ? next - now : 0); /* a place of its own since it was opened */
}

/* ---- from the network ---- */

static bool read_one(struct link *l)
{
	uint8_t packet[DHCP_PACKET_MAX + 1], control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from = { 0 };
	struct iovec iov = { packet, sizeof packet };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(l->socket.fd, &m, MSG_DONTWAIT);
	struct bytes message;
	struct dhcp_reply reply;
	struct client_out out;
	bool is_summed = true;

	if (n < 0)
		return errno == EINTR;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct tpacket_auxdata aux;
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof aux);
		is_summed = !(aux.tp_status & TP_STATUS_CSUMNOTREADY);
	}
	if (from.sll_pkttype == PACKET_OUTGOING || from.sll_halen != 6 || n > DHCP_PACKET_MAX ||
	    dhcp_unwrap(bytes_make(packet, (size_t)n), is_summed, &message) || dhcp_decode(message, &reply)) {
		log_debug("dhcp.skipped", LOG_STR("interface", l->name), LOG_INT("bytes", n));
		return true;
	}
	client_input(&l->client, &reply, from.sll_addr, loop_now(l->dhcp->loop), &out);
	do_out(l, &out);
	return true;
}

static void on_packets(void *arg, unsigned events)
{
	struct link *l = arg;

	(void)events;
	for (unsigned i = 0; i < BATCH_MAX && read_one(l); i++)
		;
}

static void on_timer(void *arg)
{
	struct link *l = arg;
	struct client_out out;

	read_host(l->client.host); /* it may have a new name */
	client_timer(&l->client, loop_now(l->dhcp->loop), &out);
	do_out(l, &out);
}

/* ---- from gh-super and gh-priv ---- */

static struct link *link_of(struct dhcp *d, struct bytes name)
{
	for (unsigned i = 0; i < LINKS_MAX; i++)
		if (d->links[i].name[0] && bytes_eq_str(name, d->links[i].name))
			return &d->links[i];
	return NULL;
}

static void close_socket(struct link *l)
{
	int fd = l->socket.fd;

	if (!l->socket.loop)
		return;
	loop_watch_del(&l->socket);
	(void)close(fd); /* nothing is lost */
}

static void close_link(struct link *l)
{
	close_socket(l);
	loop_timer_del(l->dhcp->loop, &l->timer);
	memset(l, 0, sizeof *l);
}

static struct link *open_link(struct dhcp *d, struct bytes name, uint32_t device, const uint8_t mac[static 6])
{
	for (unsigned i = 0; i < LINKS_MAX; i++) {
		struct link *l = &d->links[i];
		if (l->name[0])
			continue;
		*l = (struct link){ .dhcp = d, .name = { (char)name.p[0] }, .device = device };
		client_init(&l->client, mac, random_number);
		loop_timer_init(&l->timer, on_timer, l);
		return l;
	}
	return NULL;
}

/* gh-priv has come back, or the device is another. With the same device the lease stays. */
static int on_socket(void *program, struct chan *from, const struct frame *f)
{
	struct dhcp *d = program;
	struct wire w = wire_of(f->body);
	struct bytes name = wire_str(&w);
	uint32_t device = wire_u32(&w);
	struct bytes mac = wire_bytes(&w);
	struct client_out out = { 0 };

	(void)from;
	if (wire_end(&w) || name.n != 1 || mac.n != 6) {
		(void)close(f->fd); /* nothing is done with it */
		return ERR_PROTOCOL;
	}
	struct link *l = link_of(d, name);
	if (l && (l->device != device || memcmp(l->client.mac, mac.p, 6) != 0)) {
		close_link(l);
		l = NULL;
	}
	bool is_new = !l;
	if (is_new)
		l = open_link(d, name, device, mac.p);
	else
		close_socket(l);
	if (!l || loop_watch_add(d->loop, &l->socket, f->fd, LOOP_READ, on_packets, l)) {
		log_error("dhcp.socket", LOG_STR("why", "a packet socket cannot be watched"));
		(void)close(f->fd); /* gh-priv asks again when the device changes */
		if (l)
			close_link(l);
		return 0;
	}
	if (is_new) {
		read_host(l->client.host);
		client_start(&l->client, loop_now(d->loop), &out);
		do_out(l, &out);
	} else if (l->client.lease.address || l->why[0]) {
		tell(l);
	}
	return 0;
}

static void exit_if_idle(struct dhcp *d)
{
	for (unsigned i = 0; i < LINKS_MAX; i++)
		if (d->links[i].name[0])
			return;
	proc_exit(d->proc, 0);
}

static int on_link(void *program, struct chan *from, const struct frame *f)
{
	struct dhcp *d = program;
	struct wire w = wire_of(f->body);
	struct link *l = link_of(d, wire_str(&w));
	uint8_t what = wire_u8(&w);
	struct client_out out;

	(void)from;
	if (wire_end(&w) || what > 1)
		return ERR_PROTOCOL;
	if (!l)
		return 0;
	if (what == 1) {
		client_link_up(&l->client, loop_now(d->loop), &out);
		do_out(l, &out);
		return 0;
	}
	client_release(&l->client, &out);
	do_out(l, &out);
	close_link(l);
	if (d->is_stopping)
		exit_if_idle(d);
	return 0;
}

/* ---- the program ---- */

static void on_stop_timer(void *arg)
{
	struct dhcp *d = arg;

	proc_exit(d->proc, 0);
}

/* Where the last interface does without DHCP from now on, gh-priv is about to say so: the address is given back. When the
 * box stops it says nothing, and the address stays ours. */
static void stop(void *program, uint32_t grace_ms)
{
	struct dhcp *d = program;

	d->is_stopping = true;
	exit_if_idle(d);
	(void)loop_timer_set(d->loop, &d->stop, grace_ms < STOP_MS ? grace_ms : STOP_MS); /* gh-super would end it */
}

static int prepare(struct proc *proc, void **program)
{
	struct dhcp *d = calloc(1, sizeof *d);

	if (!d)
		return ERR_NOMEM;
	d->proc = proc;
	*program = d;
	return 0;
}

static int init(void *program)
{
	struct dhcp *d = program;

	d->loop = proc_loop(d->proc);
	loop_timer_init(&d->stop, on_stop_timer, d);
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	(void)program;
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
}

static const struct bus_handler handlers[] = {
	{ MSG_DHCP_SOCKET, on_socket },
	{ MSG_DHCP_LINK, on_link },
};

int main(int argc, char **argv)
{
	const struct proc_def def = {
		.prog = PROG_DHCP, .backend = LOOP_POLL,
		.handlers = handlers, .n_handlers = sizeof handlers / sizeof handlers[0],
		.prepare = prepare, .init = init, .apply = apply, .stop = stop,
	};
	return proc_main(argc, argv, &def);
}
