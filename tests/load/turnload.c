/* gh-turnload: load on a TURN relay from both of its sides, clients in one network and a peer in another, and
 * what that costs the relay's processes. Prints one line of JSON. Needs root (networks, buffers). */
#include "meter.h"
#include "turn_flow.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOSS_MAX 0.001 /* of what counts as none */
enum {
	CLIENTS_MAX = 20000, RUNS_MAX = 16, SEARCH_STEPS = 6, PATIENCE_S = 20,
	STATIC_CLIENT = 20000, STATIC_RELAY = 40000, /* ports of the first flow of a relay that is set up beforehand */
};

static struct {
	struct turnclients clients;
	struct turnflow flow;
	struct meter meter;
	struct sockaddr_in relay; /* static: its address */
	const char *client_net, *peer_net;
	const char *flows; /* a file to write the flows to, for frames without sockets */
	double hold_s;
	bool is_static;
	double rates[RUNS_MAX], seconds[RUNS_MAX], search_s;
	unsigned n_runs;
} run;

static struct meter_reading read_meter(void)
{
	struct meter_reading r;

	meter_read(&run.meter, &r);
	return r;
}

static void rest(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL); /* shorter does no harm */
}

static int enter(const char *net)
{
	int fd = net ? open(net, O_RDONLY | O_CLOEXEC) : -1;
	int rc = !net || (fd >= 0 && setns(fd, CLONE_NEWNET) == 0) ? 0 : ERR_SYS;

	if (fd >= 0)
		(void)close(fd); /* entered or not */
	return rc;
}

/* ---- clients ---- */

static int open_static(struct turnclients *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct sockaddr_in from = c->from;
		from.sin_port = htons((uint16_t)(STATIC_CLIENT + i));
		c->all[i].relayed = run.relay;
		c->all[i].relayed.sin_port = htons((uint16_t)(STATIC_RELAY + i));
		if (turnwire_open(&c->all[i].wire, TURNWIRE_UDP, NULL, &from, &c->server))
			return ERR_SYS;
	}
	return 0;
}

static int open_turn(struct turnclients *c)
{
	struct meter_reading before, after;
	int rc = turnclients_bring(c, TURNCLIENT_CONNECTED, PATIENCE_S);

	if (rc)
		return rc;
	rest(300); /* the server is done with connections */
	before = read_meter();
	double start = meter_now();
	if ((rc = turnclients_bring(c, TURNCLIENT_ALLOCATED, PATIENCE_S)))
		return rc;
	double seconds = meter_now() - start;
	after = read_meter();
	printf("\"allocations_per_s\":%.0f,\"allocation_cpu_us\":%.1f,", c->n / seconds, (after.run_s - before.run_s) * 1e6 / c->n);
	return turnclients_bring(c, TURNCLIENT_BOUND, PATIENCE_S);
}

static int open_clients(void)
{
	struct turnclients *c = &run.clients;
	struct meter_reading empty = read_meter();

	c->all = calloc(c->n, sizeof *c->all);
	if (!c->all)
		return ERR_NOMEM;
	for (unsigned i = 0; i < c->n; i++)
		c->all[i].wire.fd = -1;
	c->context = turnwire_context(c->kind);
	int rc = run.is_static ? open_static(c) : open_turn(c);
	if (rc)
		return rc;
	rest(300);
	printf("\"bytes_each\":%.0f,\"repeats\":%u", ((double)read_meter().pss_kib - (double)empty.pss_kib) * 1024 / c->n, c->repeats);
	return 0;
}

static void write_place(FILE *f, const struct sockaddr_in *a, const char *end)
{
	char host[INET_ADDRSTRLEN];

	fprintf(f, "%s:%u%s", inet_ntop(AF_INET, &a->sin_addr, host, sizeof host), ntohs(a->sin_port), end);
}

/* A flow a line: client, server, relayed address, peer. */
static int write_flows(const struct turnclients *c)
{
	FILE *f = fopen(run.flows, "w");

	if (!f)
		return ERR_SYS;
	for (unsigned i = 0; i < c->n; i++) {
		struct sockaddr_in own = { 0 };
		socklen_t n = sizeof own;
		(void)getsockname(c->all[i].wire.fd, (struct sockaddr *)&own, &n); /* it is bound */
		write_place(f, &own, " ");
		write_place(f, &c->server, " ");
		write_place(f, &c->all[i].relayed, " ");
		write_place(f, &c->peer, "\n");
	}
	return fclose(f) ? ERR_SYS : 0;
}

/* ---- traffic ---- */

static double loss_of(const struct turnflow *f)
{
	return f->sent > f->received ? 1 - (double)f->received / (double)f->sent : 0;
}

static double measure(double rate, double seconds)
{
	struct turnflow *f = &run.flow;
	struct meter_reading before = read_meter();
	turnflow_run(f, rate, seconds);
	struct meter_reading after = read_meter();

	printf("{\"rate\":%.0f,\"sent\":%llu,\"relayed\":%llu,\"per_s\":%.0f,\"loss\":%.5f,\"cpu_s_per_million\":%.3f,"
	       "\"p50_us\":%.0f,\"p99_us\":%.0f,\"server_busy\":%.3f}",
	       rate, (unsigned long long)f->sent, (unsigned long long)f->received, (double)f->in_time / f->seconds, loss_of(f),
	       f->received ? (after.run_s - before.run_s) * 1e6 / (double)f->received : -1, turnflow_latency(f, 0.5),
	       turnflow_latency(f, 0.99), (after.run_s - before.run_s) / f->seconds);
	return (double)f->in_time / f->seconds;
}

/* The highest rate (both directions together) that loses nothing, between a third of a flood's and all of it. */
static double search(double flood)
{
	double low = 0, high = flood, rate = flood * 0.6;
	unsigned ways = run.flow.to_peer && run.flow.to_client ? 2 : 1;

	for (int i = 0; i < SEARCH_STEPS; i++) {
		turnflow_run(&run.flow, rate / ways, run.search_s);
		bool is_kept = loss_of(&run.flow) <= LOSS_MAX && (double)run.flow.sent >= 0.95 * rate * run.search_s;
		*(is_kept ? &low : &high) = rate;
		rate = (low + high) / 2;
	}
	return low;
}

static int traffic(void)
{
	struct turnflow *f = &run.flow;
	double flood = 0;

	f->clients = &run.clients;
	int rc = turnflow_open(f);
	printf(",\"runs\":[");
	for (unsigned i = 0; !rc && i < run.n_runs; i++) {
		printf(i ? "," : "");
		flood = fmax(flood, measure(run.rates[i], run.seconds[i]));
	}
	printf("]");
	if (!rc && run.search_s > 0)
		printf(",\"loss_free_per_s\":%.0f", search(flood));
	return rc;
}

static int work(void)
{
	int rc;

	if ((rc = enter(run.peer_net)) || (run.flow.peer_fd = rc = turnwire_udp(&run.clients.peer)) < 0 || (rc = enter(run.client_net)))
		return rc;
	printf("{\"allocations\":%u,", run.clients.n);
	if ((rc = open_clients()) || (run.flows && (rc = write_flows(&run.clients))) || (run.n_runs && (rc = traffic())))
		return rc;
	printf("}\n");
	(void)fflush(stdout); /* whoever reads waits for it */
	rest((long)(run.hold_s * 1000));
	return run.is_static ? 0 : turnclients_bring(&run.clients, TURNCLIENT_FREED, PATIENCE_S);
}

/* ---- options ---- */

static const struct option options[] = {
	{ "server", required_argument, NULL, 's' }, { "client", required_argument, NULL, 'c' },
	{ "peer", required_argument, NULL, 'p' }, { "relay", required_argument, NULL, 'r' },
	{ "client-net", required_argument, NULL, 'C' }, { "peer-net", required_argument, NULL, 'P' },
	{ "via", required_argument, NULL, 'v' }, { "allocations", required_argument, NULL, 'n' },
	{ "window", required_argument, NULL, 'w' }, { "payload", required_argument, NULL, 'b' },
	{ "to", required_argument, NULL, 't' }, { "run", required_argument, NULL, 'R' },
	{ "search", required_argument, NULL, 'S' }, { "pids", required_argument, NULL, 'i' },
	{ "user", required_argument, NULL, 'u' }, { "password", required_argument, NULL, 'k' },
	{ "flows", required_argument, NULL, 'f' }, { "hold", required_argument, NULL, 'H' }, { 0 }
};

/* "10.0.0.1:3478", or without a port. */
static int parse_address(const char *text, struct sockaddr_in *out)
{
	char host[32];
	unsigned port = 0;

	if (sscanf(text, "%31[^:]:%u", host, &port) < 1 || port > 65535)
		return ERR_SYNTAX;
	*out = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	return inet_pton(AF_INET, host, &out->sin_addr) == 1 ? 0 : ERR_SYNTAX;
}

static int parse_via(const char *v)
{
	static const char *const names[] = { "udp", "tcp", "tls", "dtls" };

	run.is_static = strcmp(v, "static") == 0;
	run.clients.use_send = strcmp(v, "send") == 0;
	if (run.is_static || run.clients.use_send)
		return 0;
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		run.clients.kind = (enum turnwire_kind)i;
		if (strcmp(v, names[i]) == 0)
			return 0;
	}
	return ERR_UNKNOWN;
}

static int parse_to(const char *v)
{
	run.flow.to_peer = strcmp(v, "client") != 0;
	run.flow.to_client = strcmp(v, "peer") != 0;
	return strcmp(v, "client") == 0 || strcmp(v, "peer") == 0 || strcmp(v, "both") == 0 ? 0 : ERR_UNKNOWN;
}

/* "RATE:SECONDS". */
static int parse_run(const char *v)
{
	if (run.n_runs == RUNS_MAX || sscanf(v, "%lf:%lf", &run.rates[run.n_runs], &run.seconds[run.n_runs]) != 2)
		return ERR_SYNTAX;
	run.n_runs++;
	return 0;
}

static int parse_number(const char *v, unsigned low, unsigned high, unsigned *out)
{
	long n = atol(v);

	*out = (unsigned)n;
	return n >= (long)low && n <= (long)high ? 0 : ERR_RANGE;
}

static int apply_option(int o, const char *v)
{
	unsigned n = 0;
	int rc;

	switch (o) {
	case 's': return parse_address(v, &run.clients.server);
	case 'c': return parse_address(v, &run.clients.from);
	case 'p': return parse_address(v, &run.clients.peer);
	case 'r': return parse_address(v, &run.relay);
	case 'C': run.client_net = v; return 0;
	case 'P': run.peer_net = v; return 0;
	case 'v': return parse_via(v);
	case 'n': return parse_number(v, 1, CLIENTS_MAX, &run.clients.n);
	case 'w': return parse_number(v, 1, 1000, &run.clients.window);
	case 'b': rc = parse_number(v, 8, 1400, &n); run.flow.payload = n; return n % 4 ? ERR_RANGE : rc;
	case 't': return parse_to(v);
	case 'R': return parse_run(v);
	case 'S': run.search_s = atof(v); return 0;
	case 'i': return meter_init(&run.meter, v);
	case 'u': run.clients.user = v; return 0;
	case 'f': run.flows = v; return 0;
	case 'H': run.hold_s = atof(v); return 0;
	case 'k': run.clients.password = v; return 0;
	}
	return ERR_UNKNOWN;
}

int main(int argc, char **argv)
{
	run.clients.n = 1;
	run.clients.window = 64;
	run.flow = (struct turnflow){ .payload = 160, .to_peer = true, .epoll_fd = -1 };
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (apply_option(o, optarg)) {
			fprintf(stderr, "gh-turnload: bad option or value: %s\n", optarg ? optarg : "");
			return 2;
		}
	}
	int rc = work();
	if (rc)
		fprintf(stderr, "gh-turnload: %s: %s\n", err_text(rc), run.clients.why ? run.clients.why : "-");
	turnflow_close(&run.flow);
	turnclients_close(&run.clients);
	return rc ? 1 : 0;
}
