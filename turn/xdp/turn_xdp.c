/* turn_xdp: CPU-seconds for a million packets of the kernel program alone, by BPF_PROG_RUN in a network
 * of its own. The flow's two ends are one address, so that each run's packet is the next run's input:
 * header added, header taken away, until the TTL is used up. Needs root. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/fastpath.h"
#include "load.h"

enum { ETH = 14, IP4 = 20, UDP = 8, HEAD = ETH + IP4 + UDP, TURNS = 250, CALLS = 2000, CHANNEL = 0x4001 };

static const char *const setup[] = {
	"ip link set lo up", "ip link add out0 type veth peer name far0", "ip link set far0 up",
	"ip link set out0 up", "ip addr add 192.0.2.1/24 dev out0",
	"ip neigh add 192.0.2.10 lladdr 02:00:00:00:00:10 dev out0", "ip neigh add 192.0.2.20 lladdr 02:00:00:00:00:20 dev out0",
};

static void die_if(int bad, const char *what)
{
	if (bad) {
		(void)fprintf(stderr, "turn_xdp: %s failed\n", what);
		exit(1);
	}
}

static struct stunaddr address(unsigned host, uint16_t port)
{
	return (struct stunaddr){ .family = 4, .port = port, .ip = { 192, 0, 2, (uint8_t)host } };
}

static void add_flow(const struct xdp_kernel *k, struct fastpath **f, uint32_t *id)
{
	struct fastpath_maps m = { .cpus = (unsigned)libbpf_num_possible_cpus(), .slots = 1 };
	struct fastpath_flow w = { .client = address(10, 5000), .server = address(10, 5000), .relay = address(20, 6000),
		.peer = address(20, 6000), .channel = CHANNEL, .lasts_s = 600 };
	die_if(xdp_kernel_maps(k, m.fds), "maps");
	die_if(fastpath_open(&m, f), "open");
	die_if(fastpath_add(*f, &w, id), "flow");
}

static size_t frame_make(uint8_t *b, size_t payload)
{
	size_t udp = UDP + 4 + payload, total = IP4 + udp;
	memcpy(b + 12, (uint8_t[]){ 8, 0, 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 0, 0, 0, 255, 17, 0, 0,
		192, 0, 2, 10, 192, 0, 2, 10, 5000 >> 8, 5000 & 255, 5000 >> 8, 5000 & 255, (uint8_t)(udp >> 8), (uint8_t)udp,
		1, 1, CHANNEL >> 8, CHANNEL & 255, (uint8_t)(payload >> 8), (uint8_t)payload }, HEAD + 4 - 12);
	return ETH + total;
}

static void measure(const struct xdp_kernel *k, size_t payload)
{
	uint8_t in[2048] = { 0 }, out[2048];
	uint64_t ns = 0;
	for (int i = 0; i < CALLS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in, .data_size_in = (uint32_t)frame_make(in, payload),
			    .data_out = out, .data_size_out = sizeof out, .repeat = TURNS);
		die_if(bpf_prog_test_run_opts(xdp_kernel_prog(k), &o) || o.retval != XDP_REDIRECT, "run");
		ns += o.duration;
	}
	printf("xdp program, %zu bytes: %.1f ns, %.3f CPU-s/Mpkt\n", payload, (double)ns / CALLS, (double)ns / CALLS / 1000);
}

int main(void)
{
	struct xdp_kernel *k = NULL;
	struct fastpath *f = NULL;
	struct fastpath_counts c;
	const char *why = "";
	uint32_t id = 0;
	die_if(unshare(CLONE_NEWNET), "unshare");
	for (size_t i = 0; i < sizeof setup / sizeof *setup; i++)
		die_if(system(setup[i]), setup[i]);
	die_if(xdp_kernel_routes(), "routes");
	die_if(xdp_kernel_open("build/bpf/forward.bpf.o", &k, &why), why);
	die_if(xdp_kernel_attach(k, if_nametoindex("out0"), XDP_PORT_EXIT, &why), why);
	add_flow(k, &f, &id);
	measure(k, 160);
	measure(k, 1200);
	fastpath_del(f, id, &c);
	die_if(c.to_peer + c.to_client != 2ull * TURNS * CALLS, "count: packets were handed up");
	fastpath_close(f);
	xdp_kernel_close(k);
	return 0;
}
