#include "timed.h"

#include "base/err.h"
#include "base/log.h"
#include "run/foreign.h"

#include <stdio.h>
#include <stdlib.h>

enum { TICK_MS = 10 * 1000, FIRST_MS = 1000 };

static int prepare(struct proc *proc, void **program)
{
	struct timed *t = calloc(1, sizeof *t);
	char path[4096];
	int rc = t ? foreign_folder(proc, path, sizeof path) : ERR_NOMEM;

	if (!rc)
		rc = keeper_fork(path, &t->fd);
	if (!rc && !(t->zones = zones_load(ZONE_FOLDER)))
		rc = ERR_NOMEM;
	if (rc) {
		free(t);
		return rc;
	}
	t->proc = proc;
	*program = t;
	return 0;
}

static void on_tick(void *arg)
{
	struct timed *t = arg;

	if (t->wanted.n_servers > 0)
		watch_ask(t);
	watch_judge(t);
	(void)loop_timer_set(t->loop, &t->tick, t->is_running ? TICK_MS : TICK_MS / 4); /* it was set before */
}

static void on_again(void *arg)
{
	sources_again(arg);
}

static int init(void *program)
{
	struct timed *t = program;

	t->loop = proc_loop(t->proc);
	t->dns = dns_new(t->loop);
	if (!t->dns)
		return ERR_NOMEM;
	snprintf(t->zone, sizeof t->zone, "UTC");
	loop_timer_init(&t->tick, on_tick, t);
	loop_timer_init(&t->again, on_again, t);
	int rc = loop_timer_set(t->loop, &t->tick, FIRST_MS);
	rc = rc ? rc : loop_timer_set(t->loop, &t->again, FIRST_MS);
	loop_timer_del(t->loop, &t->again); /* its place is there now */
	return rc ? rc : watch_init(t);
}

static int check(void *program, const struct settings *s, const char **path, const char **why)
{
	static struct time_error error;
	static struct time_wanted ignored;
	int rc = wanted_read(s, &ignored, &error);

	(void)program;
	*path = error.path;
	*why = error.why;
	return rc;
}

/* gh-conf knows the same zones; one that is gone after an upgrade is told. */
static void apply_zone(struct timed *t)
{
	struct bytes name = settings_text(t->settings, SET_TIME_ZONE);
	const char *rule = zones_rule(t->zones, name);

	if (!rule)
		log_warn("time.zone.unknown", LOG_BYTES("zone", name));
	snprintf(t->zone, sizeof t->zone, "%.*s", rule ? (int)name.n : 3, rule ? (const char *)name.p : "UTC");
	if (zone_use(rule ? rule : "UTC0"))
		log_warn("time.zone.unknown", LOG_BYTES("zone", name));
}

/* The box has one name: that of the kernel follows it. One that is none, of a configuration of before, is left out. */
static void apply_name(struct timed *t)
{
	struct bytes name = settings_text(t->settings, SET_SYSTEM_NAME);
	struct buf b;

	if (!setting_is_host_name(name)) {
		log_warn("time.hostname", LOG_BYTES("name", name), LOG_STR("why", "not a host name (RFC 1123)"));
		return;
	}
	buf_init(&b, 128);
	wire_put_u8(&b, KEEPER_NAME);
	wire_put_str(&b, name);
	(void)watch_send(t, &b); /* without a keeper there is one line about that already */
	buf_fini(&b);
}

static void apply(void *program, const struct settings *s)
{
	struct timed *t = program;
	struct time_error error;
	bool had_servers = t->wanted.n_servers > 0;
	struct buf before, after;

	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	buf_init(&before, FOREIGN_FRAME_MAX);
	buf_init(&after, FOREIGN_FRAME_MAX);
	t->settings = s;
	wanted_put(&t->wanted, &before);
	if (wanted_read(s, &t->wanted, &error)) /* check has passed */
		log_error("time.refused", LOG_STR("setting", error.path), LOG_STR("why", error.why));
	wanted_put(&t->wanted, &after);
	/* Authorities count for NTS alone; chronyd reads them at its start. */
	bool is_same = bytes_eq(buf_bytes(&before), buf_bytes(&after));
	buf_fini(&before);
	buf_fini(&after);
	t->is_sent = t->is_sent && is_same;
	t->alarm_ms = (uint32_t)settings_int(s, SET_TIME_ALARM) * 1000;
	apply_zone(t);
	apply_name(t);
	if (!had_servers)
		t->good_ms = loop_now(t->loop);
	sources_apply(t);
	watch_judge(t);
}

int main(int argc, char **argv)
{
	const struct proc_def def = {
		.prog = PROG_TIME, .backend = LOOP_LIBEVENT,
		.commands = time_commands, .n_commands = time_n_commands,
		.prepare = prepare, .init = init, .check = check, .apply = apply,
	};
	return proc_main(argc, argv, &def);
}
