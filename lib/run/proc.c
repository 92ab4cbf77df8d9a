#include "run/proc.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "run/alarm.h"
#include "run/fence.h"
#include "run/proc_impl.h"

#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONTROL_FD = 3, TRIM_BYTES = 128 << 10 };

/* ---- life cycle messages of gh-super ---- */

static int on_channel(void *arg, struct chan *from, const struct frame *f)
{
	struct proc *p = arg;
	struct wire w = wire_of(f->body);
	unsigned peer = wire_u8(&w), instance = wire_u8(&w);

	(void)from;
	if (wire_end(&w) || peer >= PROG_COUNT || !msg_are_peers(p->def->prog, (enum prog)peer)) {
		close(f->fd);
		return ERR_PROTOCOL;
	}
	int rc = bus_attach(p->bus, (enum prog)peer, instance, f->fd);
	/* Without settings nobody's words can be judged: peers wait, but gh-conf, who brings them. */
	if (!rc && !p->is_applied && peer != PROG_CONF && p->def->prog != PROG_CONF)
		chan_pause(bus_chan(p->bus, (enum prog)peer, instance), true);
	return rc;
}

static void text_of(struct bytes v, char *out, size_t room)
{
	snprintf(out, room, "%.*s", BYTES_FMT(v));
}

static int on_listener(void *arg, struct chan *from, const struct frame *f)
{
	struct proc *p = arg;
	struct wire w = wire_of(f->body);
	struct proc_listener l = { .fd = f->fd };

	(void)from;
	text_of(wire_str(&w), l.name, sizeof l.name);
	text_of(wire_str(&w), l.addr, sizeof l.addr);
	l.port = wire_u16(&w);
	if (wire_end(&w) || !p->def->listener || (f->fd >= 0 && fcntl(f->fd, F_SETFL, O_NONBLOCK) < 0)) {
		if (f->fd >= 0)
			close(f->fd);
		return ERR_PROTOCOL;
	}
	if (p->is_applied) {
		p->def->listener(p->program, l.name, l.addr, l.port, l.fd);
		return 0;
	}
	if (f->fd < 0)
		return 0;
	if (p->n_waiting == PROC_LISTENERS_MAX) {
		close(f->fd);
		return ERR_FULL;
	}
	p->waiting[p->n_waiting++] = l;
	return 0;
}

static void start(struct proc *p);

static int on_begin(void *arg, struct chan *from, const struct frame *f)
{
	struct proc *p = arg;

	(void)from;
	(void)f;
	if (p->has_begun)
		return ERR_PROTOCOL;
	p->has_begun = true;
	start(p);
	return 0;
}

static void stop(struct proc *p, uint32_t grace_ms)
{
	if (p->is_stopping)
		return;
	p->is_stopping = true;
	if (!p->def->stop || !p->program) {
		proc_exit(p, 0);
		return;
	}
	loop_timer_set(p->loop, &p->grace, grace_ms);
	p->def->stop(p->program, grace_ms);
}

static void grace_is_over(void *arg)
{
	proc_exit(arg, 0);
}

static int on_stop(void *arg, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint32_t grace_ms = wire_u32(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	stop(arg, grace_ms);
	return 0;
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	stop(arg, 2000);
}

/* ---- alarms: what stands is said to gh-log whenever it comes ---- */

static void tell_alarm(void *arg, const struct alarm_news *n)
{
	struct chan *c = bus_chan(((struct proc *)arg)->bus, PROG_LOG, 0);

	alarm_put(chan_begin(c, MSG_ALARM, 0), n);
	(void)chan_end(c); /* a gh-log that has gone hears what stands when it is back */
}

/* ---- bus hooks: the program's, with gh-super's channel kept to ourselves ---- */

static void up(void *arg, struct chan *c)
{
	struct proc *p = arg;

	if (chan_prog(c) == PROG_LOG)
		alarm_set_sink(tell_alarm, p);
	if (chan_prog(c) != PROG_SUPER && p->def->up && p->program)
		p->def->up(p->program, c);
}

static void down(void *arg, struct chan *c)
{
	struct proc *p = arg;

	if (chan_prog(c) == PROG_SUPER)
		proc_exit(p, 0); /* gh-super has gone, and we go with it */
	if (chan_prog(c) == PROG_CONF)
		proc_settings_down(p);
	if (chan_prog(c) != PROG_SUPER && p->def->down && p->program)
		p->def->down(p->program, c);
}

static void pressure(void *arg, struct chan *c, bool is_full)
{
	struct proc *p = arg;

	if (p->def->pressure && p->program)
		p->def->pressure(p->program, c, is_full);
}

static void bad_peer(void *arg, enum prog peer, unsigned instance)
{
	struct proc *p = arg;
	struct chan *c = bus_chan(p->bus, PROG_SUPER, 0);

	if (peer == PROG_SUPER)
		return;
	struct buf *b = chan_begin(c, MSG_BAD_PEER, 0);
	wire_put_u8(b, (uint8_t)peer);
	wire_put_u8(b, (uint8_t)instance);
	(void)chan_end(c); /* without gh-super we are ending anyway */
}

/* Messages of the skeleton come to us with `proc`; the program's own with its struct. */
static int forward(void *arg, struct chan *from, const struct frame *f)
{
	struct proc *p = arg;

	return p->fns[f->type](p->program, from, f);
}

static const struct bus_handler own_handlers[] = {
	{ MSG_CHANNEL, on_channel },
	{ MSG_LISTENER, on_listener },
	{ MSG_LISTENER_GONE, on_listener },
	{ MSG_BEGIN, on_begin },
	{ MSG_STOP, on_stop },
	{ MSG_SNAPSHOT, proc_on_snapshot },
	{ MSG_SNAPSHOT_SWITCH, proc_on_switch },
	{ MSG_SNAPSHOT_DROP, proc_on_drop },
	{ MSG_COMMAND, proc_on_command },
};
enum { N_OWN = sizeof own_handlers / sizeof own_handlers[0] };

static int make_bus(struct proc *p)
{
	struct bus_handler all[MSG_COUNT];
	size_t n = 0;

	for (size_t i = 0; i < N_OWN; i++)
		all[n++] = own_handlers[i];
	for (size_t i = 0; i < p->def->n_handlers && n < MSG_COUNT; i++) {
		p->fns[p->def->handlers[i].type] = p->def->handlers[i].fn;
		all[n++] = (struct bus_handler){ p->def->handlers[i].type, forward };
	}
	struct bus_hooks hooks = { .program = p, .handlers = all, .n_handlers = n, .up = up, .down = down,
				   .pressure = pressure, .bad_peer = bad_peer };
	p->bus = bus_new(p->loop, p->def->prog, p->instance, &hooks);
	return p->bus ? 0 : ERR_NOMEM;
}

/* ---- start ---- */

static void say_ready(struct proc *p)
{
	struct chan *c = bus_chan(p->bus, PROG_SUPER, 0);

	chan_begin(c, MSG_READY, 0);
	(void)chan_end(c);
}

static void start(struct proc *p)
{
	const char *step = "";
	int rc = p->def->prepare ? p->def->prepare(p, &p->program) : 0;

	if (rc)
		die("proc.prepare", err_text(rc));
	rc = fence_apply(service_of(p->def->prog), &p->place, &step);
	if (rc)
		die("proc.fence", step);
	if (!p->program)
		p->program = p;
	rc = p->def->init ? p->def->init(p->program) : 0;
	if (rc)
		die("proc.init", err_text(rc));
	say_ready(p);
	for (unsigned peer = 0; p->def->up && peer < PROG_COUNT; peer++)
		for (struct chan *c = NULL; peer != PROG_SUPER && (c = bus_next(p->bus, (enum prog)peer, c));)
			p->def->up(p->program, c);
	/* gh-conf reads its settings itself: nobody sends it a snapshot. */
	if (p->def->prog == PROG_CONF)
		proc_applied(p);
}

void proc_applied(struct proc *p)
{
	if (p->is_applied)
		return;
	p->is_applied = true;
	for (unsigned peer = 0; peer < PROG_COUNT; peer++)
		for (struct chan *c = NULL; (c = bus_next(p->bus, (enum prog)peer, c));)
			chan_pause(c, false);
	for (unsigned i = 0; i < p->n_waiting; i++) {
		struct proc_listener *l = &p->waiting[i];
		p->def->listener(p->program, l->name, l->addr, l->port, l->fd);
	}
	p->n_waiting = 0;
}

static int probe(struct proc *p)
{
	const char *step = "";
	struct buf report;

	if (p->def->prepare && p->def->prepare(p, &p->program))
		return 255;
	if (fence_apply(service_of(p->def->prog), &p->place, &step)) {
		fprintf(stderr, "not fenced: %s\n", step);
		return 255;
	}
	buf_init(&report, 16384);
	unsigned open = fence_probe(service_of(p->def->prog), &report);
	(void)!write(STDOUT_FILENO, buf_bytes(&report).p, buf_len(&report));
	buf_fini(&report);
	return (int)open;
}

static const struct option options[] = {
	{ "instance", required_argument, NULL, 'i' }, { "state", required_argument, NULL, 's' },
	{ "empty", required_argument, NULL, 'e' },    { "uid", required_argument, NULL, 'u' },
	{ "fence-probe", no_argument, NULL, 'p' },   { "appliance", no_argument, NULL, 'a' },
	{ "no-appliance", no_argument, NULL, 'n' },
	{ "log", required_argument, NULL, 'l' },    { 0 },
};

static int parse(struct proc *p, int argc, char **argv, bool *is_probe)
{
	uint64_t v;

	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (o) {
		case 'i':
			if (bytes_to_u64(bytes_of(optarg), 255, &v))
				return ERR_RANGE;
			p->instance = (unsigned)v;
			break;
		case 's':
			p->place.state = optarg;
			break;
		case 'e':
			p->place.empty = optarg;
			break;
		case 'u':
			if (bytes_to_u64(bytes_of(optarg), UINT32_MAX, &v))
				return ERR_RANGE;
			p->place.uid = (unsigned)v;
			break;
		case 'l': /* a pipe to gh-log */
			if (bytes_to_u64(bytes_of(optarg), 255, &v))
				return ERR_RANGE;
			log_set_pipe((int)v);
			break;
		case 'a':
		case 'n':
			p->is_appliance = o == 'a';
			break;
		case 'p':
			*is_probe = true;
			break;
		default:
			return ERR_UNKNOWN;
		}
	}
	return p->place.state && p->place.empty ? 0 : ERR_NOT_FOUND;
}

/* One arena, and freed memory goes back early: programs live for years with uneven load. */
static void tame_malloc(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
}

int proc_main(int argc, char **argv, const struct proc_def *def)
{
	struct proc *p = calloc(1, sizeof *p);
	bool is_probe = false;

	if (!p)
		return 1;
	p->def = def;
	if (parse(p, argc, argv, &is_probe)) {
		fprintf(stderr, "%s is started by gh-super\n", prog_name(def->prog));
		return 2;
	}
	tame_malloc();
	log_open(prog_name(def->prog), p->instance, LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	p->loop = loop_new(def->backend);
	if (!p->loop || make_bus(p))
		die("proc.start", "no loop or bus");
	p->sequence = random_u64() & 0x7fffffffffff;
	proc_debug_init(p);
	loop_timer_init(&p->grace, grace_is_over, p);
	if (is_probe)
		return probe(p);
	if (loop_signal(p->loop, SIGTERM, on_signal, p) || loop_signal(p->loop, SIGINT, on_signal, p) ||
	    bus_attach(p->bus, PROG_SUPER, 0, CONTROL_FD))
		die("proc.start", "no control channel");
	loop_run(p->loop);
	return p->exit_code;
}

struct loop *proc_loop(struct proc *p)
{
	return p->loop;
}

struct bus *proc_bus(struct proc *p)
{
	return p->bus;
}

bool proc_is_appliance(const struct proc *p)
{
	return p->is_appliance;
}

unsigned proc_instance(const struct proc *p)
{
	return p->instance;
}

void proc_exit(struct proc *p, int code)
{
	p->exit_code = code;
	loop_stop(p->loop);
}

uint64_t proc_next_id(struct proc *p)
{
	p->sequence = (p->sequence + 1) & 0xffffffffffff;
	return (uint64_t)p->def->prog << 56 | (uint64_t)p->instance << 48 | p->sequence;
}
