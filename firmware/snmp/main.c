#include "box.h"
#include "door.h"
#include "engine.h"
#include "gather.h"
#include "notify.h"

#include "base/err.h"
#include "base/log.h"
#include "run/proc.h"
#include "run/stats.h"

#include <stdio.h>
#include <stdlib.h>

/* gh-snmp: answers managers (SNMPv3; v1 and v2c when a community is set), and tells them of alarms. */

enum {
	FRESH_MS = 5000,   /* what was gathered is answered for so long */
	SAMPLE_MS = 15000, /* of the processors */
	MANY = 500,        /* streams and queues: with more, partners are asked for less often */
	MANY_MS = 60000,
};

struct snmp {
	struct proc *proc;
	struct loop *loop;
	int dir_fd;
	uint64_t started_ms;
	struct box *box;
	struct gather *gather;
	struct door *door;
	struct notify *notify;
	const struct settings *settings;
	struct mib_alarm *alarms; /* that stand */
	size_t n_alarms;
	struct view views[2]; /* one is answered from while the other is filled */
	struct view *now;     /* NULL: nothing yet */
	struct mib mib;
	uint64_t gathered_ms, partners_ms; /* when all, and when partners were asked for */
	bool is_stale; /* something has changed since */
	struct loop_timer sample;
	struct stats door_stats, notify_stats;
};

/* ---- what is answered ---- */

static struct view *spare(struct snmp *s)
{
	return s->now == &s->views[0] ? &s->views[1] : &s->views[0];
}

static void take_record(void *arg, enum mib_source from, const struct mib_pair *pairs, size_t n)
{
	mib_record(&((struct snmp *)arg)->mib, from, pairs, n);
}

static void complete(struct snmp *s)
{
	const struct mib_system system = { settings_text(s->settings, SET_SYSTEM_NAME), settings_text(s->settings, SET_SNMP_CONTACT),
		                           settings_text(s->settings, SET_SNMP_LOCATION), s->started_ms };

	mib_system(&s->mib, &system);
	for (size_t i = 0; i < s->n_alarms; i++)
		mib_alarm(&s->mib, &s->alarms[i]);
	box_put(s->box, &s->mib, loop_wall_ms(s->loop));
	mib_end(&s->mib);
	view_seal(s->mib.view);
	if (s->mib.view->is_over)
		log_warn("snmp.view.full", LOG_INT("objects", s->mib.view->n));
	s->now = s->mib.view;
}

/* When not all answered, the older whole picture is better than a new one in part. */
static void gathered(void *arg, bool is_whole)
{
	struct snmp *s = arg;

	if (is_whole || !s->now)
		complete(s);
	s->gathered_ms = loop_now(s->loop);
	s->is_stale = false;
	door_release(s->door, s->now);
}

/* A box with thousands of streams does not name them all every few seconds. */
static void begin(struct snmp *s)
{
	uint64_t now_ms = loop_now(s->loop);
	bool keeps = s->mib.n_federation > MANY && now_ms - s->partners_ms < MANY_MS;
	struct view *v = spare(s);

	view_clear(v);
	mib_begin(&s->mib, v, keeps);
	if (!keeps)
		s->partners_ms = now_ms;
	gather_start(s->gather, keeps ? 1u << MIB_FEDERATION : 0);
}

static const struct view *view_now(void *arg)
{
	struct snmp *s = arg;

	if (s->now && !s->is_stale && loop_now(s->loop) - s->gathered_ms < FRESH_MS)
		return s->now;
	if (!gather_is_under_way(s->gather)) {
		begin(s);
	}
	/* It may have failed at once. */
	return gather_is_under_way(s->gather) ? NULL : s->now;
}

/* ---- alarms ---- */

static struct mib_alarm *alarm_find(struct snmp *s, uint32_t number)
{
	for (size_t i = 0; i < s->n_alarms; i++)
		if (s->alarms[i].number == number)
			return &s->alarms[i];
	return NULL;
}

static void keep(char *to, size_t room, struct bytes v)
{
	snprintf(to, room, "%.*s", BYTES_FMT(v));
}

static void alarm_stands(struct snmp *s, const struct mib_alarm *a)
{
	struct mib_alarm *old = alarm_find(s, a->number);

	if (!old && s->n_alarms < MIB_ALARMS_MAX)
		old = &s->alarms[s->n_alarms++];
	if (old)
		*old = *a;
}

static void alarm_is_over(struct snmp *s, uint32_t number)
{
	struct mib_alarm *a = alarm_find(s, number);

	if (a)
		*a = s->alarms[--s->n_alarms];
}

static int on_alarm(void *program, struct chan *from, const struct frame *f)
{
	struct snmp *s = program;
	struct wire w = wire_of(f->body);
	unsigned event = wire_u8(&w);
	struct notice n = { .alarm = { .number = wire_u32(&w) } };

	(void)from;
	n.alarm.since_ms = wire_u64(&w);
	n.alarm.severity = wire_u8(&w);
	keep(n.alarm.name, sizeof n.alarm.name, wire_str(&w));
	keep(n.alarm.key, sizeof n.alarm.key, wire_str(&w));
	keep(n.alarm.program, sizeof n.alarm.program, wire_str(&w));
	n.alarm.instance = wire_u8(&w);
	keep(n.alarm.text, sizeof n.alarm.text, wire_str(&w));
	if (wire_end(&w) < 0 || event >= ALARM_EVENT_COUNT || n.alarm.severity >= ALARM_SEVERITY_COUNT)
		return ERR_PROTOCOL;
	if (event == ALARM_CLEARED)
		alarm_is_over(s, n.alarm.number);
	else
		alarm_stands(s, &n.alarm);
	s->is_stale = true; /* the next manager who asks sees it */
	n.kind = event == ALARM_CLEARED ? NOTICE_CLEARED : NOTICE_RAISED;
	if (event != ALARM_STANDS)
		notify_send(s->notify, &n);
	return 0;
}

/* ---- life ---- */

static int prepare(struct proc *p, void **program)
{
	struct snmp *s = calloc(1, sizeof *s);

	if (!s)
		return ERR_NOMEM;
	s->proc = p;
	s->dir_fd = proc_open_folder(p);
	s->box = s->dir_fd >= 0 ? box_open(s->dir_fd) : NULL;
	s->alarms = calloc(MIB_ALARMS_MAX, sizeof *s->alarms);
	*program = s;
	return s->dir_fd < 0 ? ERR_NOT_FOUND : s->box && s->alarms ? 0 : ERR_NOMEM;
}

static void on_sample(void *arg)
{
	struct snmp *s = arg;

	box_sample(s->box);
	(void)loop_timer_set(s->loop, &s->sample, SAMPLE_MS); /* it was set before, so it has room */
}

static int init(void *program)
{
	static const struct gather_hooks gather_hooks = { .record = take_record, .done = gathered };
	static const struct door_hooks door_hooks = { .view = view_now };
	struct snmp *s = program;

	s->loop = proc_loop(s->proc);
	s->started_ms = loop_now(s->loop);
	for (size_t i = 0; i < 2; i++)
		view_init(&s->views[i]);
	int rc = engine_start(s->dir_fd);
	if (rc)
		return rc;
	s->gather = gather_new(s->loop, proc_bus(s->proc), &gather_hooks, s);
	s->door = door_new(s->loop, &door_hooks, s);
	s->notify = notify_new(s->loop, s->started_ms);
	if (!s->gather || !s->door || !s->notify)
		return ERR_NOMEM;
	stats_register(&s->door_stats, door_stat_names, door_stats, DOOR_STAT_COUNT);
	stats_register(&s->notify_stats, notify_stat_names, notify_stats, NOTIFY_STAT_COUNT);
	loop_timer_init(&s->sample, on_sample, s);
	return loop_timer_set(s->loop, &s->sample, SAMPLE_MS);
}

static void apply(void *program, const struct settings *to)
{
	struct snmp *s = program;
	const struct settings *before = s->settings;
	static const struct notice cold_start = { .kind = NOTICE_COLD_START };

	log_set_level((enum log_level)settings_enum(to, SET_LOG_LEVEL));
	if (engine_apply(to, before) < 0)
		log_error("snmp.users.full", LOG_INT("most", ENGINE_USERS_MAX));
	door_apply(s->door, to);
	notify_apply(s->notify, to, before);
	s->settings = to;
	if (!before)
		notify_send(s->notify, &cold_start);
	s->is_stale = true;
}

static void listener(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	(void)name;
	door_listener(((struct snmp *)program)->door, addr, port, fd);
}

/* gh-log numbers its alarms anew, and tells of all that stand. */
static void up(void *program, struct chan *c)
{
	struct snmp *s = program;

	if (chan_prog(c) == PROG_LOG)
		s->n_alarms = 0;
}

static void stop(void *program, uint32_t grace_ms)
{
	struct snmp *s = program;

	(void)grace_ms;
	loop_timer_del(s->loop, &s->sample);
	door_free(s->door);
	notify_free(s->notify);
	gather_free(s->gather);
	box_close(s->box);
	for (size_t i = 0; i < 2; i++)
		view_fini(&s->views[i]);
	proc_exit(s->proc, 0);
}

int main(int argc, char **argv)
{
	static const struct bus_handler handlers[] = { { MSG_ALARM_STANDS, on_alarm } };
	static const struct proc_def def = {
		.prog = PROG_SNMP,
		.backend = LOOP_LIBEVENT,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.prepare = prepare,
		.init = init,
		.apply = apply,
		.listener = listener,
		.up = up,
		.stop = stop,
	};

	return proc_main(argc, argv, &def);
}
