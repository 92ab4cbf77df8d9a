/* Commands about the box, and those that only shape a question to another program. */
#include "base/err.h"
#include "classic.h"
#include "conf.h"
#include "firewall.h"
#include "listeners.h"
#include "run/service.h"
#include "run/stats.h"
#include "run/version.h"

#include <stdio.h>

COMMAND_FN(cmd_show_processes)
{
	(void)cmd;
	(void)args;
	for (size_t i = 0; i < c->n_processes; i++) {
		const struct conf_process *p = &c->processes[i];
		oper_record_begin(o);
		oper_record_str(o, "program", prog_name(p->prog));
		oper_record_int(o, "instance", p->instance);
		oper_record_str(o, "state", p->state);
		oper_record_int(o, "pid", p->pid);
		oper_record_int(o, "restarts", p->restarts);
		if (p->prog < PROG_COUNT && p->instance < TXN_INSTANCES_MAX)
			oper_record_int(o, "generation", c->txn.slots[p->prog][p->instance].has);
		oper_record_end(o);
	}
	oper_done(o, 0, "");
}

static void put_own_counters(struct oper *o)
{
	const char *name;
	uint64_t value;

	for (size_t at = 0; stats_next(&at, &name, &value);) {
		oper_record_begin(o);
		oper_record_str(o, "program", prog_name(PROG_CONF));
		oper_record_int(o, "instance", 0);
		oper_record_str(o, "counter", name);
		oper_record_int(o, "value", (int64_t)value);
		oper_record_end(o);
	}
}

COMMAND_FN(cmd_show_counters)
{
	enum prog p = PROG_CONF;
	struct relay_ask ask = { .targets = P_WORK, .verb = "show counters" };

	(void)cmd;
	if (args->n > 0 && prog_of(args->v[0], &p) == 0)
		ask.targets = P(p) & P_WORK;
	if (p == PROG_CONF)
		put_own_counters(o);
	if (ask.targets)
		relay_start(c, o, &ask);
	else
		oper_done(o, 0, "");
}

static void put_listener(struct oper *o, const char *name, const char *program, const struct row_item *item)
{
	const struct service_listener *l = service_listener(bytes_of(name));
	char host[256];
	uint16_t port;

	if (setting_split_host(item->value, 0, host, &port) < 0)
		return; /* off */
	oper_record_begin(o);
	oper_record_str(o, "listener", name);
	oper_record_str(o, "program", program);
	oper_record_str(o, "transport", l && l->is_datagram ? "udp" : "tcp");
	oper_record_str(o, "address", host);
	oper_record_int(o, "port", port);
	oper_record_bytes(o, "setting", item->path);
	oper_record_end(o);
}

/* All ports that the running settings open. sshd opens its own. */
COMMAND_FN(cmd_show_listeners)
{
	const struct rows *r = &c->store.running;
	struct listener l;

	(void)cmd;
	(void)args;
	for (size_t at = 0; listeners_next(r, &at, &l);)
		put_listener(o, l.name, prog_name(l.prog), l.item);
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].row->id == SET_SSH_LISTEN)
			put_listener(o, "ssh", "sshd", &r->v[i]);
	oper_done(o, 0, "");
}

COMMAND_FN(cmd_show_version)
{
	(void)cmd;
	(void)args;
	oper_record_begin(o);
	oper_record_str(o, "version", GATEHOUSE_VERSION);
	oper_record_bytes(o, "name", rows_value(&c->store.running, SET_SYSTEM_NAME, BYTES_NONE));
	oper_record_bytes(o, "role", rows_value(&c->store.running, SET_SYSTEM_ROLE, BYTES_NONE));
	oper_record_int(o, "generation", c->store.generation);
	oper_record_int(o, "uptime_s", (int64_t)((loop_now(c->loop) - c->started_ms) / 1000));
	oper_record_int(o, "confirm_left_s", (int64_t)(txn_confirm_left_ms(&c->txn) / 1000));
	oper_record_end(o);
	oper_done(o, 0, "");
}

COMMAND_FN(cmd_show_firewall)
{
	struct buf b;

	(void)cmd;
	(void)args;
	buf_init(&b, OPER_FRAME_MAX - 4096); /* the frame's own words need room, too */
	int rc = firewall_put(&c->store.running, &b);
	if (rc == 0)
		oper_text(o, buf_bytes(&b));
	oper_done(o, rc, "");
	buf_fini(&b);
}

COMMAND_FN(cmd_help)
{
	(void)c;
	(void)cmd;
	(void)args;
	for (size_t i = 0; i < command_count; i++) {
		if (!rights_may(o->role, command_table[i].role) || classic_is_refused(&command_table[i]))
			continue;
		oper_record_begin(o);
		oper_record_str(o, "command", command_table[i].words);
		oper_record_str(o, "help", command_table[i].help);
		oper_record_str(o, "classic", classic_native(&command_table[i]) ? "yes" : "");
		oper_record_end(o);
	}
	oper_done(o, 0, "");
}

/* Each program that resolves has a resolver, and a cache, of its own. */
COMMAND_FN(cmd_dns_flush)
{
	const struct relay_ask ask = { .targets = P_RESOLVES, .verb = "dns flush", .args = args->v, .n_args = args->n };

	(void)cmd;
	relay_start(c, o, &ask);
}

/* Who follows a quiet log hears nothing for as long as he follows. */
COMMAND_FN(cmd_show_log)
{
	struct relay_ask ask = { .targets = P(PROG_LOG), .verb = "show log", .args = args->v, .n_args = args->n };
	uint64_t seconds = 0;

	(void)cmd;
	for (size_t i = 0; i < args->n; i++)
		if (bytes_starts(args->v[i], BYTES("follow=")))
			(void)bytes_to_u64(bytes_skip(args->v[i], 7), 3600, &seconds); /* gh-log says what is wrong with it */
	ask.silence_ms = seconds ? (uint32_t)seconds * 1000 + 5000 : 0;
	relay_start(c, o, &ask);
}

/* A trace is silent while nothing passes: its silence is as long as the trace. */
COMMAND_FN(cmd_trace)
{
	uint64_t seconds = 60;
	char text[24];

	(void)cmd;
	if (args->n > 1 && (bytes_to_u64(args->v[1], 3600, &seconds) < 0 || seconds == 0)) {
		oper_done(o, ERR_RANGE, "1 to 3600 seconds");
		return;
	}
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)seconds);
	struct bytes passed[] = { args->v[0], bytes_make(text, (size_t)n) };
	struct relay_ask ask = { .targets = P(PROG_SWITCH), .verb = "trace domain", .args = passed, .n_args = 2,
				 .silence_ms = (uint32_t)seconds * 1000 + 5000 };
	relay_start(c, o, &ask);
}
