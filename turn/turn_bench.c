/* What the engine costs without sockets: time and instructions of one packet, time and memory of one
 * allocation. Times are of the process's CPU; instructions need a counter that the machine may not have. */
#include <linux/perf_event.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "allocation.h"
#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "server.h"

enum { ALLOCATIONS_MAX = 5000, PACKETS = 2000000, PAYLOAD = 160, CHANNEL = 0x4001, REQUEST_MAX = 512 };

static const struct bytes realm = { (const uint8_t *)"bench.example", 13 }, user = { (const uint8_t *)"user", 4 };
static const struct stunaddr peer = { 4, 9000, { 9, 9, 9, 7 } };

struct client {
	struct turn_path path;
	struct turn_relay *relay;
	void *owner;
	uint8_t nonce[NONCE_TEXT_MAX];
	size_t nonce_n, request_n;
	uint8_t request[REQUEST_MAX]; /* the next one, signed before the clock runs */
};

struct bench {
	struct loop *loop;
	struct turn_server *server;
	struct turn_conf conf;
	struct client *now; /* whose request is looked at */
	struct stunmsg answer;
	uint64_t packets_out, bytes_out;
	uint8_t key[STUNMSG_KEY_MAX];
	size_t key_n;
	int counter; /* of instructions; -1: none */
	struct client clients[ALLOCATIONS_MAX];
};

/* ---- the program around the engine ---- */

static void to_client(void *io, const struct turn_path *to, struct bytes data)
{
	struct bench *b = io;

	(void)to;
	b->packets_out++;
	b->bytes_out += data.n;
	if (b->now && stunmsg_parse(data, &b->answer) == 0 && b->answer.has & STUN_HAS_NONCE) {
		memcpy(b->now->nonce, b->answer.nonce.p, b->answer.nonce.n);
		b->now->nonce_n = b->answer.nonce.n;
	}
}

static void to_peer(void *io, struct turn_relay *r, const struct stunaddr *to, struct bytes data, bool dont_fragment)
{
	struct bench *b = io;

	(void)r;
	(void)to;
	(void)dont_fragment;
	b->packets_out++;
	b->bytes_out += data.n;
}

static int relay_open(void *io, uint8_t family, bool is_tcp, enum turn_port_want want, struct turn_relay *r,
                      struct turn_relay *pair, void *owner)
{
	struct client *c = ((struct bench *)io)->now;

	(void)want;
	(void)pair;
	*r = (struct turn_relay){ .fd = 3, .is_tcp = is_tcp, .at = { family, 50000, { 203, 0, 113, 5 } } };
	r->seen = r->at;
	c->relay = r;
	c->owner = owner;
	return 0;
}

static int relay_adopt(void *io, struct turn_relay *r, void *owner)
{
	(void)io;
	(void)r;
	(void)owner;
	return 0;
}

static void relay_close(void *io, struct turn_relay *r)
{
	(void)io;
	r->fd = -1;
}

static void tell_usage(void *io, struct bytes name, uint32_t allocations)
{
	(void)io;
	(void)name;
	(void)allocations;
}

static void refused(void *io, const struct turn_path *from, struct bytes name, const char *what, const char *why)
{
	(void)io;
	(void)from;
	(void)name;
	(void)fprintf(stderr, "refused: %s: %s\n", what, why);
	abort();
}

static const struct turn_io bench_io = {
	.to_client = to_client, .to_peer = to_peer, .relay_open = relay_open, .relay_adopt = relay_adopt,
	.relay_close = relay_close, .relay_release = relay_close, .tell_usage = tell_usage, .refused = refused,
};

/* ---- meters ---- */

static int open_counter(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_HARDWARE, .size = sizeof a, .config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_kernel = 1, .exclude_hv = 1 };

	return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

static uint64_t instructions(const struct bench *b)
{
	uint64_t n = 0;

	return b->counter >= 0 && read(b->counter, &n, sizeof n) == (ssize_t)sizeof n ? n : 0;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct meter {
	uint64_t ns, instructions;
};

static struct meter meter_start(const struct bench *b)
{
	return (struct meter){ now_ns(), instructions(b) };
}

static void meter_say(const struct bench *b, struct meter m, const char *what, unsigned allocations, double n)
{
	uint64_t ns = now_ns() - m.ns, all = instructions(b) - m.instructions;

	(void)printf("%-22s %5u allocations  %8.1f ns", what, allocations, (double)ns / n);
	if (b->counter >= 0)
		(void)printf("  %8.1f instructions", (double)all / n);
	(void)printf("\n");
}

/* ---- allocations ---- */

static void put_request(struct bench *b, struct client *c, uint16_t method)
{
	static const uint8_t cookie[4] = { 0x21, 0x12, 0xa4, 0x42 };
	struct stunmsg_writer w;
	uint8_t id[16];

	memcpy(id, cookie, 4);
	random_bytes(id + 4, 12);
	stunmsg_begin(&w, c->request, sizeof c->request, STUN_REQUEST, method, id);
	if (method == STUN_ALLOCATE)
		stunmsg_put_u32(&w, STUN_REQUESTED_TRANSPORT, 17u << 24);
	else if (method == STUN_REFRESH)
		stunmsg_put_u32(&w, STUN_LIFETIME, 0);
	else {
		stunmsg_put_u32(&w, STUN_CHANNEL_NUMBER, (uint32_t)CHANNEL << 16);
		stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	}
	if (c->nonce_n) {
		stunmsg_put(&w, STUN_USERNAME, user);
		stunmsg_put(&w, STUN_REALM, realm);
		stunmsg_put(&w, STUN_NONCE, bytes_make(c->nonce, c->nonce_n));
		stunmsg_put_integrity(&w, bytes_make(b->key, b->key_n), false);
	}
	c->request_n = stunmsg_end(&w).n;
}

/* One request of each client. The requests are made before the clock runs. */
static void round_of(struct bench *b, unsigned n, uint16_t method, const char *what, enum stunmsg_class want)
{
	static uint8_t room[TURN_HEADROOM + REQUEST_MAX + TURN_TAILROOM];

	for (unsigned i = 0; i < n; i++)
		put_request(b, &b->clients[i], method);
	struct meter m = meter_start(b);
	for (unsigned i = 0; i < n; i++) {
		struct client *c = b->now = &b->clients[i];
		struct turn_packet p = { room + TURN_HEADROOM, c->request_n };
		memcpy(p.p, c->request, c->request_n);
		turn_server_client(b->server, &c->path, &p);
		if (b->answer.class != want)
			abort();
	}
	meter_say(b, m, what, n, n);
	b->now = NULL;
}

static size_t bytes_in_use(void)
{
	return mallinfo2().uordblks;
}

static void allocate(struct bench *b, unsigned n)
{
	round_of(b, n, STUN_ALLOCATE, "challenge", STUN_ERROR);
	size_t before = bytes_in_use();
	round_of(b, n, STUN_ALLOCATE, "Allocate", STUN_SUCCESS);
	round_of(b, n, STUN_CHANNEL_BIND, "ChannelBind", STUN_SUCCESS);
	(void)printf("%-22s %5u allocations  %8.1f bytes each (struct: %zu)\n", "memory", n,
	             (double)(bytes_in_use() - before) / n, sizeof(struct allocation));
}

/* ---- packets ---- */

static size_t put_send(uint8_t *p)
{
	static const uint8_t id[16] = { 0x21, 0x12, 0xa4, 0x42 }, payload[PAYLOAD];
	struct stunmsg_writer w;

	stunmsg_begin(&w, p, REQUEST_MAX, STUN_INDICATION, STUN_SEND, id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, bytes_make(payload, sizeof payload));
	return stunmsg_end(&w).n;
}

static void from_clients(struct bench *b, unsigned n, bool is_send)
{
	static uint8_t room[TURN_HEADROOM + REQUEST_MAX + TURN_TAILROOM];
	struct turn_packet p = { room + TURN_HEADROOM, CHANNELDATA_HEADER + PAYLOAD };

	if (is_send)
		p.n = put_send(p.p);
	else
		channeldata_header(p.p, CHANNEL, PAYLOAD);
	b->packets_out = 0;
	struct meter m = meter_start(b);
	for (unsigned i = 0; i < PACKETS; i++)
		turn_server_client(b->server, &b->clients[i % n].path, &p);
	meter_say(b, m, is_send ? "Send" : "ChannelData in", n, PACKETS);
	if (b->packets_out != PACKETS)
		abort();
}

/* From the channel's peer, or from another port of its: that is a Data indication. */
static void from_peers(struct bench *b, unsigned n, bool is_data)
{
	static uint8_t room[TURN_HEADROOM + PAYLOAD + TURN_TAILROOM];
	struct stunaddr from = peer;

	from.port = (uint16_t)(from.port + is_data);
	b->packets_out = 0;
	struct meter m = meter_start(b);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct turn_packet p = { room + TURN_HEADROOM, PAYLOAD };
		struct client *c = &b->clients[i % n];
		turn_server_peer(b->server, c->owner, c->relay, &from, &p);
	}
	meter_say(b, m, is_data ? "Data" : "ChannelData out", n, PACKETS);
	if (b->packets_out != PACKETS)
		abort();
}

/* ---- all of it ---- */

static struct credentials *accounts(struct bench *b)
{
	struct credentials *c = credentials_new(realm);
	char line[64] = "md5=";

	if (!c || stunmsg_long_term_key(STUN_ALGORITHM_MD5, user, realm, BYTES("password"), b->key, &b->key_n) < 0)
		abort();
	text_hex(bytes_make(b->key, b->key_n), line + 4);
	if (credentials_add_user(c, user, bytes_of(line)) < 0)
		abort();
	return c;
}

static void set_up(struct bench *b, const struct credentials *c)
{
	static const struct nonce_key key = { { { 1 }, { 2 } } };

	b->loop = loop_new(LOOP_FAKE);
	if (b->loop)
		b->server = turn_server_new(b->loop, 0, &key, &bench_io, b);
	if (!b->server)
		abort();
	b->conf = (struct turn_conf){
		.realm = realm, .algorithms = 1 << STUN_ALGORITHM_MD5, .lifetime_s = 600, .lifetime_max_s = 3600,
		.permissions_max = 64, .channels_max = 64, .new_peers_per_s = 20, .credentials = c, .limits = { .workers = 1 },
		.discovery = { { 0xff, 0xff }, { 0xff, 0xff } },
	};
	turn_server_set(b->server, &b->conf);
}

static void run(struct bench *b, unsigned n)
{
	struct credentials *c = accounts(b);

	set_up(b, c);
	for (unsigned i = 0; i < n; i++)
		b->clients[i] = (struct client){ .path = { .from = { 4, (uint16_t)(1024 + i), { 192, 0, 2, 1 } } } };
	allocate(b, n);
	from_clients(b, n, false);
	from_peers(b, n, false);
	from_clients(b, n, true);
	from_peers(b, n, true);
	round_of(b, n, STUN_REFRESH, "Refresh 0", STUN_SUCCESS);
	turn_server_free(b->server);
	loop_free(b->loop);
	credentials_free(c);
}

int main(void)
{
	static struct bench b;
	static const unsigned counts[] = { 1, 100, ALLOCATIONS_MAX };

	b.counter = open_counter();
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		run(&b, counts[i]);
	return 0;
}
