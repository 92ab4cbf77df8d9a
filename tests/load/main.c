/* gh-load - drives any XMPP server as many clients at once, and reads what that costs the server.
 *
 *   gh-load login --users N --in-flight K --count M     log in and out, M times in all
 *   gh-load idle  --users N --wait S --leave-wait S     log in N, hold, read memory, log out, read again
 *   gh-load pairs --users N --pairs P --window W --seconds S --rounds R
 *                                                       messages between online users
 *         --pause MS                                    each answers after so long: chats of people, not a flood
 *         --peer-server ADDR:PORT --peer-domain D       every second user lives there: pairs federate
 *
 *   gh-load room  --users N --room NAME@SERVICE --pairs S --window W --seconds S --rounds R
 *                                                       all enter a room, S of them speak
 *
 *   gh-load storm --users N --contacts C               all log in; how soon each has the presence of its C contacts (which must be there)
 *
 *   gh-load mam   --users N --pairs K --seconds S --rounds R [--from T --to T | --words W]
 *                                                       pages of archives, K questions in flight: the newest, from a time between, or with one of "word0" and following
 *
 *   gh-load hold  --users N --wait S                    log in N, how quickly and at what cost; one line at once, gone with the input
 *
 * Common: --server ADDR:PORT --domain D --password P --prefix user --tls none|starttls|direct
 *         --alpn NAME --sip USERS (clients of SIP that register, spread over so many users)
 *         --first N (users PREFIXN and following)
 *         --mechanism PLAIN|SCRAM-SHA-1|SCRAM-SHA-256 --pids 1,2 (server processes; children count too)
 * Prints one JSON object. */
#include "run.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum { FIRST_IN_FLIGHT = 50 };

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
	{ "from", required_argument, NULL, 'B' },     { "to", required_argument, NULL, 'Z' },
	{ "words", required_argument, NULL, 'O' },    { "first", required_argument, NULL, 'F' },    { "rounds", required_argument, NULL, 'R' },   { "peer-server", required_argument, NULL, 'P' },
	{ "peer-domain", required_argument, NULL, 'D' },
	{ "room", required_argument, NULL, 'r' }, { "contacts", required_argument, NULL, 'C' },
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
	case 'B': run.from_s = atoll(v); return 0;
	case 'Z': run.to_s = atoll(v); return 0;
	case 'O': run.words = (unsigned)atoi(v); return 0;
	case 'F': run.first = (unsigned)atoi(v); return 0;
	case 'r': run.room = v; return 0;
	case 'C': run.contacts = (unsigned)atoi(v); return 0;
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
	run.plan.on = (struct client_hooks){ .ready = run_on_ready, .message = run_pairs_message, .gone = run_on_gone };
	struct client_plan peer = run.plan;
	peer.domain = run.peer_plan.domain;
	peer.server = run.peer_plan.server;
	run.peer_plan = peer;
	for (unsigned i = 0; i < run.users; i++)
		client_init(&run.clients[i], peer.domain && i % 2 ? &run.peer_plan : &run.plan, run.first + i);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} modes[] = { { "login", run_login }, { "idle", run_idle }, { "pairs", run_pairs }, { "hold", run_hold }, { "room", run_room }, { "storm", run_storm }, { "mam", run_mam } };

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
	fprintf(stderr, "gh-load: wants login, idle, pairs, room, storm, mam or hold\n");
	return 2;
}
