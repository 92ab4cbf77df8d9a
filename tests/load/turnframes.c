/* gh-turnframes: frames through a relay's path in the kernel, without sockets.
 *   OBJECT forward FLOWS SERVER-IF RELAY-IF   the bare forwarder in this network, until it is ended
 *   OBJECT run FLOWS CLIENT-NET CLIENT-IF PEER-NET PEER-IF PAYLOAD RATE SECONDS PIDS   RATE 0: as many as
 *       come back; starts at a line of its input
 * FLOWS is a file, a flow a line: CLIENT SERVER RELAY PEER, each 10.0.0.1:3478. Needs root. */
#include "turnframes.h"

#include "meter.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, TURNS = 200 * BATCH, FRAME_MAX = 1600 };

struct place {
	uint32_t ip;
	uint16_t port;
};
struct flow {
	struct place client, server, relay, peer;
};

static struct bpf_object *object;
static struct flow flows[TURNFRAMES_FLOWS_MAX];
static unsigned n_flows;
static struct meter meter;

static void die_if(int bad, const char *what)
{
	if (bad) {
		perror(what);
		exit(1);
	}
}

static int program(const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(object, name));
}

static int map(const char *name)
{
	return bpf_object__find_map_fd_by_name(object, name);
}

static void load(const char *path)
{
	object = bpf_object__open_file(path, NULL);
	die_if(!object || bpf_object__load(object), path);
}

static void enter(const char *net)
{
	int fd = open(net, O_RDONLY | O_CLOEXEC);

	die_if(fd < 0 || setns(fd, CLONE_NEWNET), net);
	(void)close(fd); /* entered */
}

/* Stays while this process does. */
static void attach(const char *interface, const char *name)
{
	LIBBPF_OPTS(bpf_link_create_opts, o, .flags = XDP_FLAGS_DRV_MODE);

	die_if(bpf_link_create(program(name), (int)if_nametoindex(interface), BPF_XDP, &o) < 0, interface);
}

/* ---- flows ---- */

static struct place place_of(const char *text)
{
	char host[32];
	unsigned port;
	struct in_addr a;

	die_if(sscanf(text, "%31[^:]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &a) != 1, text);
	return (struct place){ a.s_addr, htons((uint16_t)port) };
}

static void read_flows(const char *path)
{
	char a[4][40];
	FILE *f = fopen(path, "r");

	die_if(!f, path);
	while (n_flows < TURNFRAMES_FLOWS_MAX && fscanf(f, "%39s %39s %39s %39s", a[0], a[1], a[2], a[3]) == 4)
		flows[n_flows++] = (struct flow){ place_of(a[0]), place_of(a[1]), place_of(a[2]), place_of(a[3]) };
	(void)fclose(f); /* read */
	die_if(!n_flows, path);
}

static struct turnframes_key key_of(const struct place *from, const struct place *to)
{
	return (struct turnframes_key){ from->ip, to->ip, from->port, to->port };
}

/* Addresses of the bench's interfaces: of a side's near end ...01, of its far end ...02. */
static void set_eth(uint8_t eth[12], unsigned side)
{
	memcpy(eth, (uint8_t[]){ 2, 0, 0, 0, (uint8_t)side, 2, 2, 0, 0, 0, (uint8_t)side, 1 }, 12);
}

static void add_flows(unsigned server_if, unsigned relay_if)
{
	for (unsigned i = 0; i < n_flows; i++) {
		const struct flow *w = &flows[i];
		struct turnframes_key up = key_of(&w->client, &w->server), down = key_of(&w->peer, &w->relay);
		struct turnframes_flow to_peer = { .as = key_of(&w->relay, &w->peer), .ifindex = relay_if, .is_to_peer = 1 };
		struct turnframes_flow to_client = { .as = key_of(&w->server, &w->client), .ifindex = server_if };
		set_eth(to_peer.eth, 2);
		set_eth(to_client.eth, 1);
		die_if(bpf_map_update_elem(map("flows"), &up, &to_peer, BPF_ANY) || bpf_map_update_elem(map("flows"), &down, &to_client, BPF_ANY), "flow");
	}
}

/* ---- making frames ---- */

static uint32_t add_words(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

/* The payload is zeros: it adds nothing to the checksum (RFC 768). */
static void write_head(const struct flow *w, size_t payload, struct turnframes_head *h)
{
	size_t udp = 8 + 4 + payload, ip = 20 + udp;
	uint8_t *b = h->bytes;

	*h = (struct turnframes_head){ .bytes = { 2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 2, 8, 0, 0x45, 0, (uint8_t)(ip >> 8), (uint8_t)ip,
		0, 0, 0x40, 0, 64, 17 } };
	memcpy(b + 26, &w->client.ip, 4);
	memcpy(b + 30, &w->server.ip, 4);
	put_sum(b + 24, add_words(b + 14, 20));
	memcpy(b + 34, &w->client.port, 2);
	memcpy(b + 36, &w->server.port, 2);
	memcpy(b + 38, (uint8_t[]){ (uint8_t)(udp >> 8), (uint8_t)udp, 0, 0, TURNFRAMES_CHANNEL >> 8, TURNFRAMES_CHANNEL & 255,
		(uint8_t)(payload >> 8), (uint8_t)payload }, 8);
	put_sum(b + 40, add_words(b + 26, 20) + 17 + (uint32_t)udp);
}

static volatile struct turnframes_shared *share(unsigned out_ifindex, size_t payload)
{
	volatile struct turnframes_shared *s = mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, map(".bss"), 0);
	struct turnframes_head h;

	die_if(s == MAP_FAILED, ".bss");
	for (uint32_t i = 0; i < n_flows; i++) {
		write_head(&flows[i], payload, &h);
		die_if(bpf_map_update_elem(map("heads"), &i, &h, BPF_ANY), "head");
	}
	s->n_heads = n_flows;
	s->out_ifindex = out_ifindex;
	return s;
}

/* A call lasts some milliseconds: what it sets up would cost more than the frames. */
static void make(size_t payload)
{
	static uint8_t frame[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = (uint32_t)(TURNFRAMES_HEAD + payload), .repeat = TURNS,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

	die_if(bpf_prog_test_run_opts(program("make_frame"), &o), "BPF_PROG_RUN");
}

static void run(volatile struct turnframes_shared *s, size_t payload, double rate, double seconds)
{
	struct meter_reading before, after;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	s->start_ns = s->moved_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	s->ns_each = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
	meter_read(&meter, &before);
	double start = meter_now(), now;
	while ((now = meter_now()) - start < seconds)
		make(payload);
	(void)usleep(20000); /* the last ones arrive */
	meter_read(&meter, &after);
	printf("{\"allocations\":%u,\"runs\":[{\"rate\":%.0f,\"sent\":%llu,\"relayed\":%llu,\"per_s\":%.0f,\"loss\":%.5f,\"cpu_s_per_million\":%.4f,"
	       "\"server_busy\":%.3f}]}\n", n_flows, rate, (unsigned long long)s->made, (unsigned long long)s->ended, (double)s->ended / (now - start),
	       s->made ? (double)s->lost / (double)s->made : 1, s->ended ? (after.run_s - before.run_s) * 1e6 / (double)s->ended : -1,
	       (after.run_s - before.run_s) / (now - start));
}

/* ---- what is wanted ---- */

static void say_ready(void)
{
	puts("ready");
	(void)fflush(stdout); /* the bench waits for it, and says so if it does not come */
}

static void wait_for_end(void)
{
	say_ready();
	for (;;)
		(void)pause(); /* until a signal ends it */
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "";

	if (strcmp(mode, "forward") == 0 && argc == 6) {
		load(argv[1]);
		read_flows(argv[3]);
		add_flows(if_nametoindex(argv[4]), if_nametoindex(argv[5]));
		attach(argv[4], "bare_forward");
		attach(argv[5], "bare_forward");
		wait_for_end();
	} else if (strcmp(mode, "run") == 0 && argc == 12) {
		size_t payload = (size_t)atoi(argv[8]);
		load(argv[1]);
		read_flows(argv[3]);
		die_if(payload > FRAME_MAX - TURNFRAMES_HEAD, "payload");
		die_if(meter_init(&meter, argv[11]), "pids");
		enter(argv[6]);
		attach(argv[7], "end_frame");
		enter(argv[4]);
		say_ready();
		(void)getchar(); /* the interfaces' threads are set now */
		run(share(if_nametoindex(argv[5]), payload), payload, atof(argv[9]), atof(argv[10]));
		return 0;
	}
	fprintf(stderr, "gh-turnframes: wants OBJECT and forward or run with their words\n");
	return 2;
}
