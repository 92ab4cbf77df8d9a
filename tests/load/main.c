/* gh-load - drives any XMPP server as many clients at once, and reads what that costs the server.
 *
 *   gh-load login --users N --in-flight K --count M     log in and out, M times in all
 *   gh-load idle  --users N --wait S --leave-wait S     log in N, hold, read memory, log out, read again
 *   gh-load pairs --users N --pairs P --window W --seconds S --rounds R
 *                                                       messages between online users
 *         --pause MS                                    each answers after so long: chats of people, not a flood
 *         --peer-server ADDR:PORT --peer-domain D       every second user lives there: pairs federate
 *
 *   gh-load hold  --users N --wait S                    log in N, how quickly and at what cost; one line at once, gone with the input
 *
 * Common: --server ADDR:PORT --domain D --password P --prefix user --tls none|starttls|direct
 *         --alpn NAME --sip USERS (clients of SIP that register, spread over so many users)
 *         --mechanism PLAIN|SCRAM-SHA-1|SCRAM-SHA-256 --pids 1,2 (server processes; children count too)
 * Prints one JSON object. */
#include "client.h"
#include "meter.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LATENCY_BUCKETS = 40000, LATENCY_STEP_US = 50, FIRST_IN_FLIGHT = 50, WARM_UP = 50 };

static struct run {
	struct client_plan plan, peer_plan; /* peer_plan.domain is NULL: all users live in one domain */
	struct meter meter;
	struct client *clients;
	unsigned users, in_flight_max, pairs, window, rounds, wait_s, leave_wait_s, body_bytes, pause_ms;
	unsigned long count;
	double seconds, timeout_s;
	/* counts */
	unsigned started, in_flight, ready;
	unsigned long logins, failures, messages;
	bool is_measuring, is_login_mode, is_over;
	unsigned latency[LATENCY_BUCKETS];
	const char *last_failure, *alpn;
} run;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void send_message(struct client *from, struct client *to)
{
	char text[2048];
	int n = snprintf(text, sizeof text,
			 "<message to='%s@%s/load' type='chat' id='%llx'><body>%.*s</body></message>",
			 to->user, to->plan->domain, (unsigned long long)now_us(), (int)run.body_bytes,
			 "Here is a line of one hundred characters that two people might well say to each other over lunch. "
			 "And one more sentence, so that longer bodies can be had as well; nobody reads them anyway, alas.");

	client_send(from, text, (size_t)n);
}

static void on_message(struct client *c, struct bytes stanza)
{
	if (!run.is_measuring)
		return;
	run.messages++;
	const char *id = memmem(stanza.p, stanza.n, "id='", 4);
	if (!id)
		id = memmem(stanza.p, stanza.n, "id=\"", 4);
	if (id) {
		uint64_t us = now_us() - strtoull(id + 4, NULL, 16);
		uint64_t at = us / LATENCY_STEP_US;
		run.latency[at < LATENCY_BUCKETS ? at : LATENCY_BUCKETS - 1]++;
	}
	if (run.pause_ms)
		c->due_us = now_us() + run.pause_ms * 1000;
	else
		send_message(c, c->partner);
}

static void send_due(void)
{
	uint64_t now = now_us();

	for (unsigned i = 0; i < run.users; i++) {
		struct client *c = &run.clients[i];
		if (!c->due_us || c->due_us > now)
			continue;
		c->due_us = 0;
		send_message(c, c->partner);
		client_flush(c);
	}
}

static void fill(void)
{
	while (run.in_flight < run.in_flight_max && run.started < run.users) {
		struct client *c = &run.clients[run.started++];
		if (client_start(c)) {
			run.failures++;
			run.last_failure = "no socket";
			continue;
		}
		run.in_flight++;
	}
}

static void on_ready(struct client *c)
{
	run.in_flight--;
	run.ready++;
	run.logins++;
	if (run.is_login_mode)
		client_stop(c);
}

static void on_gone(struct client *c, const char *why)
{
	if (strcmp(why, "done") == 0)
		return;
	run.failures++;
	run.last_failure = why;
	if (c->state != CLIENT_READY && run.in_flight)
		run.in_flight--;
}

static void turn(int wait_ms)
{
	struct epoll_event ev[256];
	int n = epoll_wait(run.plan.epoll, ev, 256, run.pause_ms ? 1 : wait_ms);

	for (int i = 0; i < n; i++)
		client_event(ev[i].data.ptr, ev[i].events);
	if (run.pause_ms)
		send_due();
}

static bool log_all_in(void)
{
	double end = meter_now() + run.timeout_s;

	run.started = run.ready = run.in_flight = 0;
	while (run.ready + run.failures < run.users && meter_now() < end) {
		fill();
		turn(100);
	}
	return run.ready == run.users;
}

static void spin(double seconds)
{
	for (double end = meter_now() + seconds; meter_now() < end;)
		turn(20);
}

static void stop_all(void)
{
	for (unsigned i = 0; i < run.users; i++)
		client_stop(&run.clients[i]);
	spin(1);
}

static double percentile(double p)
{
	unsigned long seen = 0, all = 0;

	for (int i = 0; i < LATENCY_BUCKETS; i++)
		all += run.latency[i];
	for (int i = 0; i < LATENCY_BUCKETS; i++) {
		seen += run.latency[i];
		if (all && (double)seen >= p * (double)all)
			return (double)(i + 1) * LATENCY_STEP_US / 1000.0;
	}
	return 0;
}

static int finish(bool is_good)
{
	if (run.last_failure)
		fprintf(stderr, "gh-load: %lu failures, last: %s\n", run.failures, run.last_failure);
	return is_good && run.failures == 0 ? 0 : 1;
}

static int run_login(void)
{
	struct meter_reading before, after;
	unsigned long done = 0;
	bool is_good = true;

	run.is_login_mode = true;
	is_good = log_all_in(); /* a first round that is not counted: caches fill on both sides */
	meter_read(&run.meter, &before);
	double start = meter_now();
	while (is_good && done < run.count) {
		run.logins = 0;
		is_good = log_all_in();
		done += run.logins;
	}
	double wall = meter_now() - start;
	spin(0.2);
	meter_read(&run.meter, &after);
	printf("{\"mode\":\"login\",\"logins\":%lu,\"wall_s\":%.3f,\"cpu_s\":%.3f,\"per_s\":%.1f,\"per_cpu_s\":%.1f}\n",
	       done, wall, after.cpu_s - before.cpu_s, (double)done / wall,
	       (double)done / (after.cpu_s - before.cpu_s));
	return finish(is_good);
}

static int run_idle(void)
{
	struct meter_reading empty, full, rested, left;

	/* A few first, so that what any server loads once at its first client is not counted a client. */
	unsigned all = run.users;
	run.users = all < WARM_UP ? all : WARM_UP;
	bool is_good = log_all_in();
	stop_all();
	run.users = all;
	spin(2);
	meter_read(&run.meter, &empty);
	is_good &= log_all_in();
	spin(2);
	meter_read(&run.meter, &full);
	spin(run.wait_s);
	meter_read(&run.meter, &rested);
	stop_all();
	spin(run.leave_wait_s);
	meter_read(&run.meter, &left);
	printf("{\"mode\":\"idle\",\"clients\":%u,\"empty_kib\":%llu,\"full_kib\":%llu,\"rested_kib\":%llu,\"left_kib\":%llu,"
	       "\"kib_per_client\":%.2f,\"kib_per_client_rested\":%.2f,\"login_cpu_s\":%.2f}\n",
	       run.ready, (unsigned long long)empty.pss_kib, (unsigned long long)full.pss_kib,
	       (unsigned long long)rested.pss_kib, (unsigned long long)left.pss_kib,
	       ((double)full.pss_kib - (double)empty.pss_kib) / run.users,
	       ((double)rested.pss_kib - (double)empty.pss_kib) / run.users, full.cpu_s - empty.cpu_s);
	return finish(is_good);
}

/* Logs in, says how that went, and stays until the input ends: what others cost beside those that are silent. */
static int run_hold(void)
{
	struct meter_reading empty, full, rested;

	meter_read(&run.meter, &empty);
	double start = meter_now();
	bool is_good = log_all_in();
	double wall = meter_now() - start;
	meter_read(&run.meter, &full);
	spin(run.wait_s);
	meter_read(&run.meter, &rested);
	printf("{\"mode\":\"hold\",\"clients\":%u,\"per_s\":%.1f,\"per_cpu_s\":%.1f,\"empty_kib\":%llu,\"rested_kib\":%llu,"
	       "\"kib_per_client\":%.2f,\"idle_cpu_share\":%.4f}\n",
	       run.ready, run.ready / wall, run.ready / (full.cpu_s - empty.cpu_s), (unsigned long long)empty.pss_kib,
	       (unsigned long long)rested.pss_kib, ((double)rested.pss_kib - (double)empty.pss_kib) / run.users,
	       run.wait_s ? (rested.cpu_s - full.cpu_s) / run.wait_s : 0);
	fflush(stdout);
	for (struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN }; is_good && run.failures == 0 && poll(&in, 1, 0) == 0;)
		turn(100);
	is_good &= run.failures == 0;
	stop_all();
	return finish(is_good);
}

/* Pairs are spread over all users, so that with more users than pairs the active ones are not
 * neighbours in any table. */
static void start_pairs(void)
{
	unsigned stride = run.users / run.pairs;

	for (unsigned i = 0; i < run.pairs; i++) {
		unsigned even = i * stride & ~1u; /* even and odd: the two domains, when there are two */
		struct client *a = &run.clients[even], *b = &run.clients[even + 1];
		a->partner = b;
		b->partner = a;
		for (unsigned w = 0; w < run.window; w++)
			send_message(a, b);
		client_flush(a);
	}
}

static unsigned long measure_round(unsigned number)
{
	struct meter_reading before, after;

	memset(run.latency, 0, sizeof run.latency);
	run.messages = 0;
	meter_read(&run.meter, &before);
	double start = meter_now();
	while (meter_now() - start < run.seconds)
		turn(20);
	double wall = meter_now() - start;
	meter_read(&run.meter, &after);
	unsigned long n = run.messages;
	double cpu = after.cpu_s - before.cpu_s;
	printf("%s{\"messages\":%lu,\"wall_s\":%.3f,\"cpu_s\":%.3f,\"per_s\":%.0f,\"per_cpu_s\":%.0f,"
	       "\"cpu_s_per_million\":%.2f,\"p50_ms\":%.2f,\"p99_ms\":%.2f}",
	       number ? "," : "", n, wall, cpu, (double)n / wall, cpu > 0 ? (double)n / cpu : 0,
	       n ? cpu / (double)n * 1e6 : 0, percentile(0.5), percentile(0.99));
	return n;
}

static int run_pairs(void)
{
	if (run.pairs == 0 || 2 * run.pairs > run.users) {
		fprintf(stderr, "gh-load: --pairs wants 1 to half of --users\n");
		return 2;
	}
	bool is_good = log_all_in();
	spin(1);
	run.is_measuring = true;
	start_pairs();
	spin(1); /* warm up */
	printf("{\"mode\":\"pairs\",\"clients\":%u,\"pairs\":%u,\"window\":%u,\"rounds\":[", run.users, run.pairs,
	       run.window);
	for (unsigned i = 0; i < run.rounds; i++)
		is_good &= measure_round(i) > 0;
	printf("]}\n");
	run.is_measuring = false;
	stop_all();
	return finish(is_good);
}

static int parse_server(const char *text, struct sockaddr_in *out)
{
	char host[64];
	unsigned port;

	if (sscanf(text, "%63[^:]:%u", host, &port) != 2 || port > 65535)
		return ERR_SYNTAX;
	*out = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	return inet_pton(AF_INET, host, &out->sin_addr) == 1 ? 0 : ERR_SYNTAX;
}

static int parse_tls(const char *text)
{
	static const char *const names[] = { "none", "starttls", "direct" };

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			run.plan.tls = (enum client_tls)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

static const struct option options[] = {
	{ "server", required_argument, NULL, 's' },   { "domain", required_argument, NULL, 'd' },
	{ "password", required_argument, NULL, 'p' }, { "prefix", required_argument, NULL, 'x' },
	{ "tls", required_argument, NULL, 't' },      { "mechanism", required_argument, NULL, 'm' },
	{ "pids", required_argument, NULL, 'i' },     { "users", required_argument, NULL, 'u' },
	{ "in-flight", required_argument, NULL, 'f' }, { "count", required_argument, NULL, 'c' },
	{ "wait", required_argument, NULL, 'w' },     { "pairs", required_argument, NULL, 'a' },
	{ "window", required_argument, NULL, 'W' },   { "seconds", required_argument, NULL, 'S' },
	{ "timeout", required_argument, NULL, 'T' },  { "body", required_argument, NULL, 'b' },
	{ "leave-wait", required_argument, NULL, 'L' }, { "alpn", required_argument, NULL, 'A' },
	{ "sip", required_argument, NULL, 'I' }, { "pause", required_argument, NULL, 'E' },
	{ "rounds", required_argument, NULL, 'R' },   { "peer-server", required_argument, NULL, 'P' },
	{ "peer-domain", required_argument, NULL, 'D' },
	{ 0 }
};

static int apply_option(int o, const char *v)
{
	switch (o) {
	case 's': return parse_server(v, &run.plan.server);
	case 'P': return parse_server(v, &run.peer_plan.server);
	case 'D': run.peer_plan.domain = v; return 0;
	case 'R': run.rounds = (unsigned)atoi(v); return run.rounds ? 0 : ERR_RANGE;
	case 'd': run.plan.domain = v; return 0;
	case 'p': run.plan.password = v; return 0;
	case 'x': run.plan.prefix = v; return 0;
	case 't': return parse_tls(v);
	case 'm': return auth_of(v, &run.plan.mechanism);
	case 'i': return meter_init(&run.meter, v);
	case 'u': run.users = (unsigned)atoi(v); return run.users ? 0 : ERR_RANGE;
	case 'f': run.in_flight_max = (unsigned)atoi(v); return run.in_flight_max ? 0 : ERR_RANGE;
	case 'c': run.count = strtoul(v, NULL, 10); return 0;
	case 'w': run.wait_s = (unsigned)atoi(v); return 0;
	case 'L': run.leave_wait_s = (unsigned)atoi(v); return 0;
	case 'a': run.pairs = (unsigned)atoi(v); return 0;
	case 'W': run.window = (unsigned)atoi(v); return 0;
	case 'S': run.seconds = atof(v); return 0;
	case 'T': run.timeout_s = atof(v); return 0;
	case 'E': run.pause_ms = (unsigned)atoi(v); return 0;
	case 'A': run.alpn = v; return 0;
	case 'I': run.plan.sip_users = (unsigned)atoi(v); return run.plan.sip_users ? 0 : ERR_RANGE;
	case 'b': run.body_bytes = (unsigned)atoi(v); return run.body_bytes <= 190 ? 0 : ERR_RANGE;
	}
	return ERR_UNKNOWN;
}

static int prepare(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	run.plan.ctx = SSL_CTX_new(TLS_client_method());
	run.plan.epoll = epoll_create1(EPOLL_CLOEXEC);
	run.clients = calloc(run.users, sizeof *run.clients);
	if (!run.plan.ctx || run.plan.epoll < 0 || !run.clients)
		return ERR_NOMEM;
	/* The generator is not what is measured: no verification, no resumption, small buffers. */
	if (run.alpn) {
		uint8_t list[256] = { (uint8_t)strlen(run.alpn) };
		memcpy(list + 1, run.alpn, list[0]);
		SSL_CTX_set_alpn_protos(run.plan.ctx, list, list[0] + 1u);
	}
	SSL_CTX_set_session_cache_mode(run.plan.ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(run.plan.ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	run.plan.on = (struct client_hooks){ on_ready, on_message, on_gone };
	struct client_plan peer = run.plan;
	peer.domain = run.peer_plan.domain;
	peer.server = run.peer_plan.server;
	run.peer_plan = peer;
	for (unsigned i = 0; i < run.users; i++)
		client_init(&run.clients[i], peer.domain && i % 2 ? &run.peer_plan : &run.plan, i);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} modes[] = { { "login", run_login }, { "idle", run_idle }, { "pairs", run_pairs }, { "hold", run_hold } };

	run.plan.prefix = "user";
	run.plan.password = "secret";
	run.plan.domain = "localhost";
	run.plan.sources = 16;
	run.users = 100;
	run.in_flight_max = FIRST_IN_FLIGHT;
	run.pairs = 1;
	run.window = 1;
	run.rounds = 1;
	run.leave_wait_s = 15;
	run.count = 1000;
	run.seconds = 10;
	run.timeout_s = 300;
	run.body_bytes = 100;
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (apply_option(o, optarg)) {
			fprintf(stderr, "gh-load: bad option or value: %s\n", optarg ? optarg : "");
			return 2;
		}
	}
	for (size_t i = 0; optind < argc && i < sizeof modes / sizeof modes[0]; i++) {
		if (strcmp(argv[optind], modes[i].name) == 0)
			return prepare() ? 1 : modes[i].fn();
	}
	fprintf(stderr, "gh-load: wants login, idle, pairs or hold\n");
	return 2;
}
