/* A flow through the kernel between two other networks: a client and a peer in namespaces of their
 * own, the relay between them without any socket. Needs root: without it, it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "net/fastpath.h"
#include "load.h"

enum { PACKETS = 50, CHANNEL = 0x4001 };
static const char *const setup[] = {
	"ip link set lo up", "ip link set near0 up", "ip link set near1 up", "ip addr add 198.51.100.1/24 dev near0",
	"ip -6 addr add 2001:db8:1::1/64 dev near1 nodad",
	"ip neigh add 198.51.100.10 lladdr 02:00:00:00:00:10 dev near0 nud permanent",
	"ip -6 neigh add 2001:db8:1::20 lladdr 02:00:00:00:00:20 dev near1 nud permanent",
};

static int shell(const char *command)
{
	return system(command);
}

/* The far end of a veth takes redirected frames while it has a program; its sums are computed in software. */
static int far_ready(const char *name)
{
	struct bpf_insn pass[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS }, { .code = BPF_JMP | BPF_EXIT } };
	struct ethtool_value off = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq r = { .ifr_data = (char *)&off };
	int prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass, 2, NULL);
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	(void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	if (prog < 0 || s < 0 || ioctl(s, SIOCETHTOOL, &r))
		return -1;
	return bpf_xdp_attach((int)if_nametoindex(name), prog, XDP_FLAGS_DRV_MODE, NULL);
}

static int udp_at(int family, const void *at, const void *to, socklen_t n)
{
	struct timeval wait = { .tv_sec = 5 };
	int s = socket(family, SOCK_DGRAM, 0);
	if (s < 0 || bind(s, at, n) || connect(s, to, n) || setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait))
		return -1;
	return s;
}

static void say(int fd)
{
	if (write(fd, "r", 1) != 1)
		_exit(2);
}

static void hear(int fd)
{
	char c;
	if (read(fd, &c, 1) != 1)
		_exit(3);
}

static int peer_main(void)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(6000) }, to = at;
	uint8_t b[2048];
	inet_pton(AF_INET6, "2001:db8:1::20", &at.sin6_addr);
	inet_pton(AF_INET6, "2001:db8:1::1", &to.sin6_addr);
	to.sin6_port = htons(50000);
	int s = udp_at(AF_INET6, &at, &to, sizeof at);
	for (int i = 0; i < PACKETS; i++) {
		ssize_t n = recv(s, b, sizeof b, 0);
		if (n != 100 + i || b[0] != i || send(s, b, (size_t)n, 0) != n)
			return 10;
	}
	return 0;
}

static int client_main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(5000) }, to = at;
	uint8_t b[2048] = { CHANNEL >> 8, CHANNEL & 0xff, 0 }, got[2048];
	inet_pton(AF_INET, "198.51.100.10", &at.sin_addr);
	inet_pton(AF_INET, "198.51.100.1", &to.sin_addr);
	to.sin_port = htons(3478);
	int s = udp_at(AF_INET, &at, &to, sizeof at);
	for (int i = 0; i < PACKETS; i++) {
		b[3] = (uint8_t)(100 + i);
		b[4] = (uint8_t)i;
		if (send(s, b, 104 + (size_t)i, 0) != 104 + i || recv(s, got, sizeof got, 0) != 104 + i ||
		    memcmp(b, got, 104 + (size_t)i))
			return 20;
	}
	return 0;
}

struct far {
	pid_t pid;
	int in[2], out[2];
};

static void far_run(const struct far *f, const char *const *commands, const char *name, int (*party)(void))
{
	if (unshare(CLONE_NEWNET))
		_exit(4);
	say(f->out[1]);
	hear(f->in[0]);
	for (; *commands; commands++)
		if (shell(*commands))
			_exit(5);
	if (far_ready(name))
		_exit(6);
	say(f->out[1]);
	hear(f->in[0]);
	_exit(party());
}

static void far_start(struct far *f, const char *const *commands, const char *name, int (*party)(void))
{
	assert_int_equal(pipe(f->in) | pipe(f->out), 0);
	f->pid = fork();
	if (!f->pid)
		far_run(f, commands, name, party);
	hear(f->out[0]);
}

static void add_link(int i, const struct far *f)
{
	char b[128];
	(void)snprintf(b, sizeof b, "ip link add near%d type veth peer name far%d netns %d", i, i, (int)f->pid);
	assert_int_equal(shell(b), 0);
}

static int far_end(const struct far *f)
{
	int status = -1;
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct stunaddr address(uint8_t family, const char *text, uint16_t port)
{
	struct stunaddr a = { .family = family, .port = port };
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, a.ip), 1);
	return a;
}

static struct fastpath *flow_in(const struct xdp_kernel *k, uint32_t *id)
{
	struct fastpath_maps m = { .cpus = (unsigned)libbpf_num_possible_cpus(), .slots = 8 };
	struct fastpath *f = NULL;
	struct fastpath_flow w = { .client = address(4, "198.51.100.10", 5000), .server = address(4, "198.51.100.1", 3478),
		.relay = address(6, "2001:db8:1::1", 50000), .peer = address(6, "2001:db8:1::20", 6000),
		.channel = CHANNEL, .lasts_s = 60 };
	assert_int_equal(xdp_kernel_maps(k, m.fds), 0);
	assert_int_equal(fastpath_open(&m, &f), 0);
	assert_int_equal(fastpath_add(f, &w, id), 0);
	return f;
}

static const char *const client_setup[] = { "ip link set far0 address 02:00:00:00:00:10 up",
	"ip addr add 198.51.100.10/24 dev far0", NULL };
static const char *const peer_setup[] = { "ip link set far1 address 02:00:00:00:00:20 up",
	"ip -6 addr add 2001:db8:1::20/64 dev far1 nodad", NULL };

static void a_flow_stays_in_the_kernel(void **state)
{
	(void)state;
	struct far client, peer;
	struct xdp_kernel *k = NULL;
	struct fastpath_counts c;
	const char *why = "";
	uint32_t id;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	far_start(&client, client_setup, "far0", client_main);
	far_start(&peer, peer_setup, "far1", peer_main);
	add_link(0, &client);
	add_link(1, &peer);
	for (size_t i = 0; i < sizeof setup / sizeof *setup; i++)
		assert_int_equal(shell(setup[i]), 0);
	assert_int_equal(xdp_kernel_open("build/bpf/forward.bpf.o", &k, &why), 0);
	assert_int_equal(xdp_kernel_attach(k, if_nametoindex("near0"), XDP_PORT_EXIT, &why), 0);
	assert_int_equal(xdp_kernel_attach(k, if_nametoindex("near1"), XDP_PORT_EXIT, &why), 0);
	assert_int_equal(xdp_kernel_routes(), 0);
	struct fastpath *f = flow_in(k, &id);
	say(client.in[1]);
	say(peer.in[1]);
	hear(client.out[0]);
	hear(peer.out[0]);
	say(peer.in[1]);
	(void)usleep(300000); /* the peer binds */
	say(client.in[1]);
	assert_int_equal(far_end(&client), 0);
	assert_int_equal(far_end(&peer), 0);
	fastpath_del(f, id, &c);
	assert_int_equal(c.to_peer, PACKETS);
	assert_int_equal(c.to_client, PACKETS);
	assert_int_equal(c.to_peer_bytes, PACKETS * 100 + PACKETS * (PACKETS - 1) / 2);
	assert_int_equal(c.dropped, 0);
	fastpath_close(f);
	xdp_kernel_close(k);
}

static struct xdp_kernel *opened(void)
{
	struct xdp_kernel *k = NULL;
	const char *why = "";
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(xdp_kernel_open("build/bpf/forward.bpf.o", &k, &why), 0);
	return k;
}

/* The program itself finds no route here, so that nothing comes out as the self-test wants it. */
static void the_self_test_can_fail(void **state)
{
	struct fastpath_maps m = { .cpus = xdp_kernel_cpus(), .first_slot = FLOWMAP_FLOWS_MAX - 1, .slots = 1 };
	struct xdp_kernel *k = opened();
	(void)state;
	assert_int_equal(xdp_kernel_maps(k, m.fds), 0);
	assert_false(xdp_probe(xdp_kernel_prog(k), &m));
	xdp_kernel_close(k);
}

static void no_object_says_so(void **state)
{
	struct xdp_kernel *k = NULL;
	const char *why = "";
	(void)state;
	assert_int_equal(xdp_kernel_open("build/bpf/none.o", &k, &why), ERR_SYS);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(why, "the object cannot be read");
	assert_null(k);
}

static void links_come_and_go(void **state)
{
	struct xdp_kernel *k = opened();
	const char *why = NULL;
	(void)state;
	assert_int_equal(shell("ip link add near0 type veth peer name far0 && ip link set lo up"), 0);
	unsigned near = if_nametoindex("near0"), lo = if_nametoindex("lo");
	assert_int_equal(xdp_kernel_attach(k, near, XDP_PORT_EXIT, &why), 0);
	assert_int_equal(xdp_kernel_attach(k, near, 0, &why), ERR_EXISTS);
	/* loopback has no driver, and another program is in the way */
	assert_int_equal(xdp_kernel_attach(k, lo, 0, &why), ERR_SYS);
	assert_string_equal(why, "the driver does not take XDP programs in this mode");
	assert_int_equal(xdp_kernel_attach(k, 9999, 0, &why), ERR_SYS);
	assert_int_equal(far_ready("far0"), 0);
	assert_int_equal(xdp_kernel_attach(k, if_nametoindex("far0"), 0, &why), ERR_SYS);
	assert_string_equal(why, "another XDP program is attached");
	xdp_kernel_detach(k, near);
	xdp_kernel_detach(k, near);
	assert_int_equal(xdp_kernel_attach(k, near, XDP_PORT_GENERIC, &why), 0);
	xdp_kernel_close(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_self_test_can_fail), cmocka_unit_test(no_object_says_so), cmocka_unit_test(links_come_and_go),
		cmocka_unit_test(a_flow_stays_in_the_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
