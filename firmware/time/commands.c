/* What operators ask, by way of gh-conf. */
#include "timed.h"

#include "base/err.h"
#include "base/text.h"
#include "net/dns_command.h"
#include "run/clock.h"

#include <stdio.h>

enum { FRESH_MS = 1000 };

/* "+0.000012 s" */
static void put_offset(struct proc_ask *ask, const char *key, int64_t ns)
{
	uint64_t us = (uint64_t)(ns < 0 ? -ns : ns) / 1000;
	char text[48];

	snprintf(text, sizeof text, "%c%llu.%06llu s", ns < 0 ? '-' : '+', (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
	proc_record_str(ask, key, text);
}

static const char *state_of(const struct timed *t)
{
	if (t->wanted.n_servers == 0)
		return "no time server set";
	if (t->is_running && report_is_synchronised(&t->report))
		return "synchronised";
	return "not synchronised";
}

static void answer_time(struct timed *t, struct proc_ask *ask)
{
	char utc[TEXT_TIME_BYTES], local[ZONE_TEXT_BYTES], said[200] = "";
	const struct report_tracking *k = &t->report.tracking;
	bool has_source = t->wanted.n_servers > 0 && t->is_running && k->leap != LEAP_NONE;

	text_time(loop_wall_ms(t->loop), true, utc);
	zone_text(loop_wall_ms(t->loop), local);
	proc_record_begin(ask);
	proc_record_str(ask, "utc", utc);
	proc_record_str(ask, "local", local);
	proc_record_str(ask, "zone", t->zone);
	proc_record_str(ask, "state", state_of(t));
	if (t->wanted.n_servers > 0 && !(t->is_running && report_is_synchronised(&t->report)))
		snprintf(said, sizeof said, "%s", t->why[0] ? t->why : t->is_running ? report_trouble(&t->report) : "chronyd does not answer");
	if (clock_trouble(loop_wall_ms(t->loop) / 1000)) /* before all else: it explains the rest */
		snprintf(said, sizeof said, "the clock is wrong: it says a time %s", clock_trouble(loop_wall_ms(t->loop) / 1000));
	proc_record_str(ask, "trouble", said);
	proc_record_str(ask, "source", has_source ? k->reference : "");
	proc_record_int(ask, "stratum", has_source ? k->stratum : 0);
	if (has_source)
		put_offset(ask, "offset", k->offset_ns);
	else
		proc_record_str(ask, "offset", "");
	proc_record_str(ask, "leap_second", !has_source ? "" : k->leap == LEAP_INSERT ? "inserted today" : k->leap == LEAP_DELETE ? "left out today" : "");
	proc_record_str(ask, "last_step", t->stepped);
	proc_record_str(ask, "sets_clock", t->may_set ? "yes" : "no");
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

static const struct time_server *server_of(const struct timed *t, const char *host)
{
	for (size_t i = 0; i < t->wanted.n_servers; i++)
		if (strcasecmp(t->wanted.servers[i].host, host) == 0)
			return &t->wanted.servers[i];
	return NULL;
}

static const char *source_state(char c)
{
	switch (c) {
	case '*':
		return "followed";
	case '+':
		return "combined";
	case '-':
		return "spare";
	case 'x':
		return "false";
	case '~':
		return "unsteady";
	}
	return "no answer";
}

static void answer_sources(struct timed *t, struct proc_ask *ask)
{
	for (size_t i = 0; t->is_running && i < t->report.n_sources; i++) {
		const struct report_source *s = &t->report.sources[i];
		const struct time_server *of = server_of(t, s->name);
		char proof[24] = "none";
		if (of && of->has_nts)
			snprintf(proof, sizeof proof, "nts");
		else if (of && of->key)
			snprintf(proof, sizeof proof, "key %u", of->key);
		proc_record_begin(ask);
		proc_record_str(ask, "server", of ? of->name : "");
		proc_record_str(ask, "host", s->name);
		proc_record_str(ask, "state", source_state(s->state));
		proc_record_str(ask, "proof", proof);
		proc_record_int(ask, "stratum", s->stratum);
		proc_record_int(ask, "poll_s", (int64_t)1 << s->poll);
		proc_record_int(ask, "heard_of_8", __builtin_popcount(s->reach));
		proc_record_int(ask, "heard_s_ago", s->heard_s == UINT32_MAX ? -1 : (int64_t)s->heard_s);
		put_offset(ask, "offset", s->offset_ns);
		proc_record_end(ask);
	}
	proc_done(ask, 0, t->wanted.n_servers == 0 ? "no time server is set" : t->is_running ? "" : "chronyd does not answer");
}

/* With news of chronyd that are not older than a second, where it runs. */
static void answer_fresh(struct timed *t, struct proc_ask *ask, void (*answer)(struct timed *t, struct proc_ask *ask))
{
	bool is_fresh = t->report_ms && loop_now(t->loop) - t->report_ms < FRESH_MS;

	if (t->wanted.n_servers > 0 && !is_fresh && t->n_asks < TIME_ASKS_MAX)
		watch_ask(t);
	if (!t->has_ask || is_fresh || t->n_asks == TIME_ASKS_MAX) {
		answer(t, ask);
		return;
	}
	t->answers[t->n_asks] = answer;
	t->asks[t->n_asks++] = ask;
}

static void on_show(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	(void)args, (void)n;
	answer_fresh(arg, ask, answer_time);
}

static void on_show_sources(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	(void)args, (void)n;
	answer_fresh(arg, ask, answer_sources);
}

static void on_set(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct timed *t = arg;
	uint64_t ms = 0;
	struct buf b;

	int rc = n == 1 ? when_read(args[0], &ms) : ERR_SYNTAX;
	if (rc) {
		proc_done(ask, rc, "a time like 2026-11-26T17:00:00Z, or without the Z in the zone of this box");
		return;
	}
	if (t->wanted.n_servers > 0 || !t->may_set || t->setter) {
		proc_done(ask, ERR_BAD_STATE, t->wanted.n_servers > 0 ? "time servers are set: the clock follows them (show time)" :
		          t->setter ? "somebody sets it now" : "this box may not set the clock: it is the host's");
		return;
	}
	buf_init(&b, 16);
	wire_put_u8(&b, KEEPER_SET);
	wire_put_u64(&b, ms);
	if (watch_send(t, &b))
		t->setter = ask;
	else
		proc_done(ask, ERR_AGAIN, "the clock's keeper takes nothing now");
	buf_fini(&b);
}

static void on_flush(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	dns_flush_command(((struct timed *)arg)->dns, ask, args, n);
}

const struct proc_command time_commands[] = {
	{ "show time", on_show },
	{ "show time sources", on_show_sources },
	{ "time set", on_set },
	{ "dns flush", on_flush },
};
const size_t time_n_commands = sizeof time_commands / sizeof time_commands[0];
