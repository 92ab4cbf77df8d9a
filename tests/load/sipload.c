/* gh-sipload - drives a SIP server from both sides and reads what that costs the server.
 *
 *   gh-sipload relay      MESSAGEs from us through the server to us; the answers come back
 *   gh-sipload uac        MESSAGEs from us to whoever takes them there
 *   gh-sipload echo       as uac, but a message is over when one has come back from its addressee too
 *   gh-sipload held       as relay, but we take each and never answer: what the memory of one is that waits
 *   gh-sipload subscribe  --count N --users U   N watchers' subscriptions to U users: made, held, refreshed
 *
 * Common: --server HOW:ADDR:PORT (HOW: udp, tcp, tls) --uas HOW:ADDR:PORT (where the server finds us)
 *         --local ADDR --from DOMAIN --to DOMAIN --window W --seconds S --rounds R --pids 1,2 --hold S
 *         --contact HOST:PORT (subscribe: as --uas, with a name of the certificate)
 *         --certificate FILE (PEM with key, shown on both sides) --server-name NAME
 * Prints one JSON object. Figures are those of the processes in --pids and their children. */
#include "meter.h"
#include "sip_subscribe.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW_MAX = 20000, LOST_US = 32000000, TICK_MS = 50, FIRST_WAIT_S = 10, HELD_A_TICK = 250 };
enum mode { MODE_RELAY, MODE_UAC, MODE_ECHO, MODE_HELD, MODE_SUBSCRIBE };

struct slot { /* one message in flight */
	uint64_t sent_us, due_us;
	uint32_t number, tries;
	bool is_answered, is_back, is_refused;
};

static struct run {
	struct sipside side;
	struct sipwire_plan uas_plan;
	struct sipwire uas;
	enum sipwire_kind uas_kind;
	struct sockaddr_in uas_at;
	struct meter meter;
	struct loop_timer tick, phase;
	struct slot *slots;
	struct subscriptions subs;
	const char *certificate;
	enum mode mode;
	unsigned window, rounds, round, hold_s;
	double seconds, began;
	struct meter_reading before;
	unsigned long answered, failed, resent, taken;
	unsigned last_failure;
	bool is_measuring, is_over, is_bad;
} run;

/* ---- requests ---- */
static void send_message(struct slot *s)
{
	unsigned i = (unsigned)(s - run.slots);
	const struct sipside *d = &run.side;
	static struct buf out;

	buf_init(&out, 8192);
	buf_putf(&out, "MESSAGE sip:user%u@%s SIP/2.0\r\n"
		 "Via: SIP/2.0/%s %s:%u;branch=z9hG4bK%u.%u;rport\r\nMax-Forwards: 70\r\n"
		 "From: <sip:u%u@%s>;tag=f%u\r\nTo: <sip:user%u@%s>\r\nCall-ID: c%u.%u@load\r\n"
		 "CSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
		 d->users ? i % d->users : i, d->to, sipwire_name(d->kind), d->host, d->port, i, s->number, i, d->from, i,
		 d->users ? i % d->users : i, d->to, i, s->number, strlen(sipside_text), sipside_text);
	sipside_send(&run.side, buf_bytes(&out));
	buf_fini(&out);
}

static void start(struct slot *s)
{
	uint64_t now = sipside_now_us();

	*s = (struct slot){ .number = s->number + 1, .sent_us = now, .due_us = now + 500000 };
	send_message(s);
}

static void step(struct slot *s)
{
	if (!s->is_answered || (run.mode == MODE_ECHO && !s->is_back))
		return;
	run.answered += !s->is_refused;
	start(s);
}

static void on_answer(struct bytes in, unsigned status)
{
	struct bytes via = siptext_header(in, "Via", 'v', 0);
	const uint8_t *at = memmem(via.p, via.n, "z9hG4bK", 7);
	unsigned i, number;

	if (status < 200 || !at ||
	    sscanf(siptext_start(bytes_make(at + 7, via.n - 7 - (size_t)(at - via.p))).text, "%u.%u", &i, &number) != 2 || i >= run.window ||
	    run.slots[i].number != number || run.slots[i].is_answered)
		return;
	if (status >= 300) {
		run.failed++;
		run.last_failure = status;
		run.slots[i].is_refused = run.slots[i].is_back = true; /* nothing will come */
	}
	run.slots[i].is_answered = true;
	step(&run.slots[i]);
}

/* The message that came back to sip:uN@.. ends that slot's round. */
static void on_back(struct bytes in)
{
	unsigned i;

	if (run.mode != MODE_ECHO || sscanf(siptext_start(in).text, "MESSAGE sip:u%u@", &i) != 1 || i >= run.window)
		return;
	run.slots[i].is_back = true;
	step(&run.slots[i]);
}

/* Came to us; each counts once. */
static void on_held(struct bytes in)
{
	struct bytes call = siptext_header(in, "Call-ID", 'i', 0);
	unsigned i, number;

	if (sscanf(siptext_start(call).text, "c%u.%u@", &i, &number) == 2 && i < run.window && !run.slots[i].is_back) {
		run.slots[i].is_back = true;
		run.taken++;
	}
}

static void on_wire(void *arg, struct sipwire *w, struct bytes in, const struct sockaddr_in *from)
{
	unsigned status = siptext_status(in);
	struct buf out;

	(void)arg; /* one run a process */
	if (status) {
		if (run.mode == MODE_SUBSCRIBE)
			subscriptions_answer(&run.subs, in, status);
		else
			on_answer(in, status);
		return;
	}
	if (siptext_is_method(in, "ACK"))
		return;
	if (run.mode == MODE_HELD) {
		on_held(in);
		return;
	}
	run.taken++;
	buf_init(&out, 16384);
	siptext_answer(in, "200 OK", "uas", "", &out);
	sipwire_send(w, from, buf_bytes(&out));
	buf_fini(&out);
	if (siptext_is_method(in, "MESSAGE"))
		on_back(in);
	else if (siptext_is_method(in, "NOTIFY"))
		subscriptions_notify(&run.subs, in);
}

/* ---- time ---- */
static void resend(void)
{
	uint64_t now = sipside_now_us();

	for (unsigned i = 0; i < run.window; i++) {
		struct slot *s = &run.slots[i];
		if (now < s->due_us || s->sent_us == 0)
			continue;
		if (now - s->sent_us > LOST_US) {
			run.failed++;
			start(s);
		} else if (run.side.kind == SIPWIRE_UDP && !s->is_answered) {
			uint64_t wait = 500000ull << (s->tries < 3 ? ++s->tries : 3);
			s->due_us = now + wait;
			run.resent++;
			send_message(s);
		}
	}
}

static void end(bool is_bad)
{
	run.is_bad |= is_bad;
	loop_stop(run.side.loop);
}

static void print_round(void)
{
	struct meter_reading after;
	double wall = meter_now() - run.began;

	meter_read(&run.meter, &after);
	double cpu = after.cpu_s - run.before.cpu_s;
	printf("%s{\"messages\":%lu,\"failed\":%lu,\"resent\":%lu,\"last_failure\":%u,\"wall_s\":%.3f,\"cpu_s\":%.3f,"
	       "\"per_s\":%.0f,\"per_cpu_s\":%.0f,\"pss_kib\":%llu}",
	       run.round > 1 ? "," : "", run.answered, run.failed, run.resent, run.last_failure, wall, cpu,
	       (double)run.answered / wall, cpu > 0 ? (double)run.answered / cpu : 0, (unsigned long long)after.pss_kib);
	run.is_bad |= run.answered == 0;
}

static void next_round(void *arg)
{
	(void)arg;
	if (run.round > 0)
		print_round();
	if (run.round++ >= run.rounds) {
		end(false);
		return;
	}
	run.answered = run.failed = run.resent = 0;
	meter_read(&run.meter, &run.before);
	run.began = meter_now();
	loop_timer_set(run.side.loop, &run.phase, (uint64_t)(run.seconds * 1000));
}

static void print_held(void *arg)
{
	struct meter_reading after;

	(void)arg; /* one run a process */
	meter_read(&run.meter, &after);
	printf("{\"held\":%lu,\"failed\":%lu,\"bytes_each\":%.0f}", run.taken, run.failed,
	       run.taken ? ((double)after.pss_kib - (double)run.before.pss_kib) * 1024 / (double)run.taken : 0);
	end(run.taken < run.window || run.failed > 0);
}

/* All at once would be lost in the sockets. */
static void start_held(void)
{
	for (unsigned n = 0; n < HELD_A_TICK && run.round < run.window; n++)
		start(&run.slots[run.round++]);
}

static void on_tick(void *arg)
{
	(void)arg;
	if (run.mode == MODE_HELD)
		start_held();
	if (run.mode == MODE_SUBSCRIBE) {
		if (subscriptions_tick(&run.subs))
			end(run.subs.failed > 0);
	} else {
		resend();
	}
	loop_timer_set(run.side.loop, &run.tick, TICK_MS);
}

static void on_ready(void *arg, struct sipwire *w)
{
	(void)arg;
	if (w != &run.side.wire)
		return;
	loop_timer_set(run.side.loop, &run.tick, TICK_MS);
	if (run.mode == MODE_SUBSCRIBE) {
		subscriptions_start(&run.subs, &run.side, &run.meter);
		return;
	}
	if (run.mode == MODE_HELD) {
		meter_read(&run.meter, &run.before);
		loop_timer_init(&run.phase, print_held, NULL);
		loop_timer_set(run.side.loop, &run.phase, (uint64_t)(run.seconds * 1000));
		return;
	}
	for (unsigned i = 0; i < run.window; i++)
		start(&run.slots[i]);
	loop_timer_set(run.side.loop, &run.phase, 1000); /* warm up */
}

static void on_gone(void *arg, struct sipwire *w, int why)
{
	(void)arg;
	if (w != &run.side.wire)
		return;
	fprintf(stderr, "gh-sipload: the connection to the server ended: %s\n", err_text(why));
	end(true);
}

/* ---- start ---- */
static int read_certificate(struct tls_store *store)
{
	static char pem[65536];
	FILE *f = fopen(run.certificate, "r");
	size_t n = f ? fread(pem, 1, sizeof pem, f) : 0;
	int rc;

	if (f)
		fclose(f);
	if ((rc = tls_store_add_certificate(store, bytes_of("own"), bytes_make(pem, n))))
		return rc;
	run.side.plan.domain = run.uas_plan.domain = run.side.from;
	rc = tls_store_add_domain(store, run.side.from, bytes_of("own"));
	return rc == ERR_CERT_NAME ? 0 : rc;
}

static int prepare(void)
{
	struct loop *l = run.side.loop = loop_new(LOOP_LIBEVENT);
	struct tls_store *store = tls_store_new(NULL);
	int rc;

	if (!l || !store)
		return ERR_NOMEM;
	loop_timer_init(&run.tick, on_tick, NULL);
	loop_timer_init(&run.phase, next_round, NULL);
	run.slots = calloc(run.window, sizeof *run.slots);
	run.side.plan = (struct sipwire_plan){ .loop = l, .tls = store, .message = on_wire, .ready = on_ready,
					       .gone = on_gone, .server_name = run.side.plan.server_name };
	run.uas_plan = run.side.plan;
	if (run.certificate && (rc = read_certificate(store)))
		return rc;
	if (run.uas_at.sin_port && (rc = sipwire_listen(&run.uas, &run.uas_plan, run.uas_kind, &run.uas_at)))
		return rc;
	if ((rc = sipside_open(&run.side)))
		return rc;
	if (run.side.kind == SIPWIRE_UDP)
		on_ready(NULL, &run.side.wire);
	return 0;
}

static const struct option options[] = {
	{ "server", required_argument, NULL, 's' },  { "uas", required_argument, NULL, 'u' },
	{ "local", required_argument, NULL, 'l' },   { "from", required_argument, NULL, 'f' },
	{ "to", required_argument, NULL, 't' },      { "window", required_argument, NULL, 'w' },
	{ "seconds", required_argument, NULL, 'S' }, { "rounds", required_argument, NULL, 'R' },
	{ "pids", required_argument, NULL, 'i' },    { "certificate", required_argument, NULL, 'c' },
	{ "server-name", required_argument, NULL, 'n' }, { "count", required_argument, NULL, 'N' },
	{ "users", required_argument, NULL, 'U' },   { "hold", required_argument, NULL, 'H' },
	{ "expires", required_argument, NULL, 'E' },  { "contact", required_argument, NULL, 'C' },
	{ 0 }
};

static int apply_option(int o, const char *v)
{
	switch (o) {
	case 's': return sipwire_parse(v, &run.side.kind, &run.side.server);
	case 'u': return sipwire_parse(v, &run.uas_kind, &run.uas_at);
	case 'l': return inet_pton(AF_INET, v, &run.side.local.sin_addr) == 1 ? 0 : ERR_SYNTAX;
	case 'f': run.side.from = v; return 0;
	case 'C': run.side.contact = v; return 0;
	case 't': run.side.to = v; return 0;
	case 'w': run.window = (unsigned)atoi(v); return run.window && run.window <= WINDOW_MAX ? 0 : ERR_RANGE;
	case 'S': run.seconds = atof(v); return 0;
	case 'R': run.rounds = (unsigned)atoi(v); return 0;
	case 'i': return meter_init(&run.meter, v);
	case 'c': run.certificate = v; return 0;
	case 'n': run.side.plan.server_name = v; return 0;
	case 'N': run.subs.count = (unsigned)atoi(v); return 0;
	case 'U': run.side.users = run.subs.users = (unsigned)atoi(v); return 0;
	case 'H': run.subs.hold_s = (unsigned)atoi(v); return 0;
	case 'E': run.subs.expires_s = (unsigned)atoi(v); return 0;
	}
	return ERR_UNKNOWN;
}

static int work(enum mode mode, const char *name)
{
	int rc;

	run.mode = mode;
	run.subs.window = run.window;
	if ((rc = prepare())) {
		fprintf(stderr, "gh-sipload: cannot start: %s\n", err_text(rc));
		return 1;
	}
	printf("{\"mode\":\"%s\",\"window\":%u,\"rounds\":[", name, run.window);
	loop_run(run.side.loop);
	printf("]}\n");
	return run.is_bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "relay", "uac", "echo", "held", "subscribe" };

	run.side.local = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	run.side.from = "a.example";
	run.side.to = "b.example";
	run.side.contact = "127.0.0.1";
	run.window = 100;
	run.rounds = 1;
	run.seconds = 5;
	run.subs = (struct subscriptions){ .count = 1000, .users = 1, .hold_s = 5, .expires_s = 3600 };
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (apply_option(o, optarg)) {
			fprintf(stderr, "gh-sipload: bad option or value: %s\n", optarg ? optarg : "");
			return 2;
		}
	}
	for (unsigned i = 0; optind < argc && i < sizeof modes / sizeof modes[0]; i++)
		if (strcmp(argv[optind], modes[i]) == 0)
			return work((enum mode)i, modes[i]);
	fprintf(stderr, "gh-sipload: wants relay, uac, echo, held or subscribe\n");
	return 2;
}
