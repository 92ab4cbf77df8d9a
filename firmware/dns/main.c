/* gh-dns: the box's own validating resolver, by way of unbound. Settings to its keeper, unbound's word to operators and alarms. */
#include "base/err.h"
#include "base/log.h"
#include "base/rate.h"
#include "keeper.h"
#include "report.h"
#include "run/alarm.h"
#include "run/foreign.h"
#include "run/resolver.h"
#include "wanted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { TICK_MS = 10 * 1000, SOON_MS = 2000, LINES_PER_S = 1, LINES_BURST = 20, ASKS_MAX = 8, WAITS_MS = 10 * 1000 };

struct resolver {
	struct proc *proc;
	struct loop *loop;
	int fd; /* to the keeper; -1: it cannot run, why says so */
	struct loop_watch watch;
	struct loop_timer tick;
	struct wanted wanted;
	bool is_running, has_report, has_ask;
	struct report report, judged;
	enum report_verdict verdict; /* the last that said anything */
	uint64_t waits_ms;           /* since when nothing that was asked is answered */
	char why[160];               /* what hinders unbound; "" nothing */
	struct rate lines;
	struct proc_ask *asks[ASKS_MAX]; /* wait for a REPORT */
	size_t n_asks;
	struct proc_ask *flusher; /* waits for a FLUSH */
};

static bool tell(struct resolver *r, struct buf *frame)
{
	struct bytes v = buf_bytes(frame);
	bool is_sent = r->fd >= 0 && !buf_failed(frame) && send(r->fd, v.p, v.n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)v.n;

	buf_fini(frame);
	return is_sent;
}

static void ask_report(struct resolver *r)
{
	struct buf b;

	if (r->has_ask)
		return;
	buf_init(&b, 8);
	wire_put_u8(&b, KEEPER_ASK);
	r->has_ask = tell(r, &b);
}

/* ---- operators ---- */

static const char *mode_text(const struct wanted *w)
{
	if (wanted_forwards(w))
		return w->n_servers ? "forwards" : w->n_zones ? "forward zones only: no name server is set" : "answers nothing: no name server is set";
	return "recurses";
}

static void put_servers(const struct wanted *w, struct proc_ask *ask)
{
	char text[WANTED_SERVERS_MAX * 56] = "";
	size_t n = 0;

	for (size_t i = 0; wanted_forwards(w) && i < w->n_servers; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, strchr(w->servers[i].address, ':') ? "%s[%s]:%u" : "%s%s:%u", n ? " " : "",
		                      w->servers[i].address, w->servers[i].port);
	proc_record_str(ask, "servers", text);
}

static void answer_show(struct resolver *r, struct proc_ask *ask)
{
	static const char *const verdicts[] = { "nothing was asked yet", "", "answers", "the name servers do not answer", "validation fails for all" };

	proc_record_begin(ask);
	proc_record_str(ask, "resolver", r->is_running ? mode_text(&r->wanted) : "does not run");
	proc_record_str(ask, "trouble", r->why);
	proc_record_str(ask, "state", verdicts[r->verdict]);
	proc_record_str(ask, "address", RESOLVER_PLACE);
	put_servers(&r->wanted, ask);
	proc_record_int(ask, "forward_zones", (int64_t)r->wanted.n_zones);
	proc_record_int(ask, "trust_anchors", (int64_t)r->wanted.n_anchors);
	proc_record_int(ask, "queries", (int64_t)r->report.queries);
	proc_record_int(ask, "from_cache", (int64_t)r->report.hits);
	proc_record_int(ask, "validated", (int64_t)r->report.secure);
	proc_record_int(ask, "bogus", (int64_t)r->report.bogus);
	proc_record_int(ask, "failed", (int64_t)r->report.failed);
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

static void answer_asks(struct resolver *r)
{
	for (size_t i = 0; i < r->n_asks; i++)
		answer_show(r, r->asks[i]);
	r->n_asks = 0;
}

static void on_show(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct resolver *r = arg;

	(void)args, (void)n;
	ask_report(r);
	if (r->has_ask && r->n_asks < ASKS_MAX)
		r->asks[r->n_asks++] = ask;
	else
		answer_show(r, ask);
}

static void on_flush(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct resolver *r = arg;
	char domain[WANTED_NAME_BYTES] = ".";
	struct buf b;

	if (n > 0 && args[0].n > 0)
		snprintf(domain, sizeof domain, "%.*s", args[0].n < sizeof domain ? (int)args[0].n : 0, (const char *)args[0].p);
	if (!wanted_is_domain(domain) || !r->is_running || r->flusher) {
		proc_done(ask, r->is_running && !r->flusher ? ERR_SYNTAX : ERR_AGAIN, r->is_running ? "a domain in A-labels" : "unbound does not run");
		return;
	}
	buf_init(&b, 300);
	wire_put_u8(&b, KEEPER_FLUSH);
	wire_put_str(&b, bytes_of(domain));
	if (tell(r, &b))
		r->flusher = ask;
	else
		proc_done(ask, ERR_AGAIN, "unbound's keeper takes nothing now");
}

static const struct proc_command commands[] = {
	{ "show dns", on_show },
	{ "dns flush", on_flush },
};

/* ---- alarms ---- */

/* Whatever it is asked, it refuses: servers that DHCP told are gone. */
static bool has_nobody(const struct wanted *w)
{
	return w->mode == MODE_FORWARD && w->n_servers == 0 && w->n_zones == 0;
}

static void judge(struct resolver *r)
{
	enum report_verdict v = r->has_report ? report_judge(&r->judged, &r->report) : VERDICT_NONE;
	uint64_t now = loop_now(r->loop);

	/* unbound tries servers that are silent for longer than anybody waits: that is a failure before it says so */
	if (v != VERDICT_WAITS)
		r->waits_ms = now;
	else if (now - r->waits_ms < WAITS_MS)
		v = VERDICT_NONE;
	else
		v = VERDICT_SILENT;
	if (v != VERDICT_NONE) {
		r->judged = r->report;
		r->verdict = v;
	}
	if (r->why[0])
		alarm_raise(ALARM_DNS_UNREACHABLE, "", ALARM_USUAL, r->why);
	else if (has_nobody(&r->wanted))
		alarm_raise(ALARM_DNS_UNREACHABLE, "", ALARM_USUAL, "dns resolver forward, and no name server is set or told by DHCP: no name resolves");
	else if (r->verdict == VERDICT_SILENT)
		alarm_raise(ALARM_DNS_UNREACHABLE, "", ALARM_USUAL, "nothing that was asked was answered");
	else
		alarm_clear(ALARM_DNS_UNREACHABLE, "");
	if (r->verdict == VERDICT_BOGUS)
		alarm_raise(ALARM_DNS_VALIDATION, "", ALARM_USUAL, "every answer failed, and proofs were wrong");
	else
		alarm_clear(ALARM_DNS_VALIDATION, "");
}

/* ---- frames of the keeper ---- */

static int on_report(struct resolver *r, struct wire *w)
{
	unsigned is_running = wire_u8(w);
	struct bytes text = wire_bytes(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	r->has_ask = false;
	r->is_running = is_running && report_read(text, &r->report) == 0;
	r->has_report = r->is_running;
	if (is_running && !r->is_running)
		log_error("dns.report", LOG_STR("why", "unbound-control wrote what it never writes"));
	if (r->is_running)
		r->why[0] = 0;
	judge(r);
	answer_asks(r);
	return 0;
}

static int on_done(struct resolver *r, struct wire *w)
{
	unsigned op = wire_u8(w);
	int rc = (int32_t)wire_u32(w);
	struct bytes why = wire_str(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (op == KEEPER_FLUSH && r->flusher) {
		proc_done(r->flusher, rc, rc ? "unbound does not answer" : "");
		r->flusher = NULL;
		return 0;
	}
	snprintf(r->why, sizeof r->why, "%.*s", (int)(rc == 0 ? 0 : why.n > 150 ? 150 : why.n), (const char *)why.p);
	if (rc)
		log_error("dns.unbound", LOG_STR("why", r->why));
	judge(r);
	return 0;
}

static int on_ended(struct resolver *r, struct wire *w)
{
	int status = (int)wire_u32(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	r->is_running = r->has_report = false;
	snprintf(r->why, sizeof r->why, "unbound ended and is started again");
	log_error("dns.unbound.ended", LOG_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
	          LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
	judge(r);
	return 0;
}

static int on_line(struct resolver *r, struct wire *w)
{
	struct bytes line = wire_bytes(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (rate_take(&r->lines, 1, loop_now(r->loop)))
		log_info("dns.unbound.says", LOG_BYTES("line", line));
	return 0;
}

static int on_frame(struct resolver *r, struct bytes frame)
{
	struct wire w = wire_of(frame);

	switch (wire_u8(&w)) {
	case KEEPER_REPORT:
		return on_report(r, &w);
	case FOREIGN_LINE:
		return on_line(r, &w);
	case FOREIGN_ENDED:
		return on_ended(r, &w);
	case FOREIGN_DONE:
		return on_done(r, &w);
	}
	return ERR_PROTOCOL;
}

/* What it said last is why: then the box goes on without. Otherwise we are started again, with a fresh one. */
static void keeper_gone(struct resolver *r)
{
	loop_watch_del(&r->watch);
	if (!r->why[0])
		die("dns.keeper", "it ended");
	r->fd = -1; /* the descriptor stays open: nobody is at its end */
	r->is_running = r->has_ask = false;
	answer_asks(r);
}

static void on_readable(void *arg, unsigned events)
{
	static uint8_t in[FOREIGN_FRAME_MAX];
	struct resolver *r = arg;
	ssize_t n = recv(r->fd, in, sizeof in, MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		keeper_gone(r);
		return;
	}
	if ((size_t)n > sizeof in || on_frame(r, bytes_make(in, (size_t)n)))
		die("dns.keeper", "it broke the rules of the pair");
}

/* ---- life ---- */

static void on_tick(void *arg)
{
	struct resolver *r = arg;

	ask_report(r);
	(void)loop_timer_set(r->loop, &r->tick, r->is_running ? TICK_MS : SOON_MS); /* it was set before */
}

static int prepare(struct proc *proc, void **program)
{
	struct resolver *r = calloc(1, sizeof *r);
	char path[4096];
	int rc = r ? foreign_folder(proc, path, sizeof path) : ERR_NOMEM;

	rc = rc ? rc : keeper_fork(path, &r->fd);
	if (rc) {
		free(r);
		return rc;
	}
	r->proc = proc;
	*program = r;
	return 0;
}

static int init(void *program)
{
	struct resolver *r = program;

	r->loop = proc_loop(r->proc);
	rate_init(&r->lines, LINES_PER_S, LINES_BURST, loop_now(r->loop));
	loop_timer_init(&r->tick, on_tick, r);
	int rc = loop_timer_set(r->loop, &r->tick, SOON_MS);
	return rc ? rc : loop_watch_add(r->loop, &r->watch, r->fd, LOOP_READ, on_readable, r);
}

static int check(void *program, const struct settings *s, const char **path, const char **why)
{
	static struct wanted ignored;
	static struct wanted_error error;
	int rc = wanted_read(s, &ignored, &error);

	(void)program;
	*path = error.path;
	*why = error.why;
	return rc;
}

static void apply(void *program, const struct settings *s)
{
	static struct wanted fresh;
	struct resolver *r = program;
	struct wanted_error error;
	struct buf b;

	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	if (wanted_read(s, &fresh, &error)) /* check has passed */
		log_error("dns.refused", LOG_STR("setting", error.path), LOG_STR("why", error.why));
	if (r->wanted.mode != MODE_OFF && memcmp(&fresh, &r->wanted, sizeof fresh) == 0)
		return; /* both begin as zeros: unbound keeps what it knows */
	r->wanted = fresh;
	r->verdict = VERDICT_NONE;
	buf_init(&b, FOREIGN_FRAME_MAX);
	wire_put_u8(&b, KEEPER_RUN);
	wanted_put(&r->wanted, &b);
	(void)tell(r, &b); /* without a keeper there is one line about that already */
	judge(r);
}

int main(int argc, char **argv)
{
	const struct proc_def def = {
		.prog = PROG_DNS, .backend = LOOP_LIBEVENT,
		.commands = commands, .n_commands = sizeof commands / sizeof commands[0],
		.prepare = prepare, .init = init, .check = check, .apply = apply,
	};
	return proc_main(argc, argv, &def);
}
