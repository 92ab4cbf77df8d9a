/* gh-super with real processes on a virtual clock. The processes are this file again: started by the
 * name of a program, it does what its script in the state folder says and notes what it hears. */
#include "super.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"

/* ---- a program ---- */

struct actor {
	enum prog prog;
	unsigned instance;
	const char *state;
	struct bus *bus;
	char script[64];
	struct {
		uint16_t port;
		int fd;
	} listeners[8];
	unsigned n_listeners;
};

static void note(const struct actor *a, const char *fmt, ...)
{
	char path[256], line[256];
	va_list ap;

	(void)snprintf(path, sizeof path, "%s/notes", a->state);
	int n = snprintf(line, sizeof line, "%s/%u ", prog_name(a->prog), a->instance);
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 2, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		_exit(9);
	close(fd);
}

static int actor_channel(void *arg, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned peer = wire_u8(&w), instance = wire_u8(&w);

	(void)from;
	note(arg, "channel %s/%u", prog_name((enum prog)peer), instance);
	close(f->fd);
	return 0;
}

static int actor_listener(void *arg, struct chan *from, const struct frame *f)
{
	struct actor *a = arg;
	struct wire w = wire_of(f->body);
	struct bytes name = wire_str(&w), addr = wire_str(&w);
	uint16_t port = wire_u16(&w);

	(void)from;
	if (f->type == MSG_LISTENER) {
		a->listeners[a->n_listeners].port = port;
		a->listeners[a->n_listeners++].fd = f->fd;
	} else {
		for (unsigned i = 0; i < a->n_listeners; i++)
			if (a->listeners[i].port == port)
				close(a->listeners[i].fd);
	}
	note(a, "%s %.*s %.*s %u", f->type == MSG_LISTENER ? "listener" : "gone", BYTES_FMT(name), BYTES_FMT(addr), port);
	return 0;
}

static void say(struct actor *a, enum msg type, unsigned peer)
{
	struct chan *c = bus_chan(a->bus, PROG_SUPER, 0);
	struct buf *b = chan_begin(c, type, 0);

	if (type == MSG_BAD_PEER) {
		wire_put_u8(b, (uint8_t)peer);
		wire_put_u8(b, 0);
	}
	(void)chan_end(c);
}

static int actor_begin(void *arg, struct chan *from, const struct frame *f)
{
	struct actor *a = arg;

	(void)from;
	(void)f;
	note(a, "begin");
	if (strstr(a->script, "die"))
		_exit(3);
	if (!strstr(a->script, "hang"))
		say(a, MSG_READY, 0);
	if (strstr(a->script, "accuse-switch"))
		say(a, MSG_BAD_PEER, PROG_SWITCH);
	if (strstr(a->script, "accuse-stranger"))
		say(a, MSG_BAD_PEER, PROG_STORE); /* not a peer of its own */
	return 0;
}

static int actor_stop(void *arg, struct chan *from, const struct frame *f)
{
	struct actor *a = arg;

	(void)from;
	(void)f;
	note(a, "stop");
	if (!strstr(a->script, "deaf"))
		_exit(0);
	return 0;
}

static void actor_down(void *arg, struct chan *c)
{
	(void)arg;
	(void)c;
	_exit(0);
}

static const struct bus_handler actor_handlers[] = {
	{ MSG_CHANNEL, actor_channel },       { MSG_LISTENER, actor_listener }, { MSG_LISTENER_GONE, actor_listener },
	{ MSG_BEGIN, actor_begin },           { MSG_STOP, actor_stop },
};

static int play_program(enum prog prog, int argc, char **argv)
{
	struct actor a = { .prog = prog, .script = "ready" };
	const struct bus_hooks hooks = { .program = &a, .handlers = actor_handlers, .n_handlers = 5, .down = actor_down };
	char path[256];

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--instance"))
			a.instance = (unsigned)atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--state"))
			a.state = argv[i + 1];
	}
	(void)snprintf(path, sizeof path, "%s/script.%s", a.state, prog_name(prog));
	FILE *f = fopen(path, "r");
	if (f && !fgets(a.script, sizeof a.script, f))
		_exit(9);
	struct loop *loop = loop_new(LOOP_POLL);
	a.bus = bus_new(loop, prog, a.instance, &hooks);
	if (bus_attach(a.bus, PROG_SUPER, 0, 3))
		_exit(9);
	loop_run(loop);
	_exit(9);
}

/* ---- the world ---- */

enum { PATIENCE_MS = 20000 }; /* real ones, for real processes */

struct world {
	struct loop *loop;
	struct super s;
	char top[64], bin[80], state[80], run[80];
	struct bus *conf; /* gh-conf is the test itself */
	char said[PROG_COUNT][INSTANCES_MAX][16]; /* the last state of each that it heard */
	int listen_rc;
	unsigned n_listen_done;
	char failed[64];
};

static int conf_process(void *arg, struct chan *from, const struct frame *f)
{
	struct world *w = arg;
	struct wire b = wire_of(f->body);
	unsigned prog = wire_u8(&b), instance = wire_u8(&b);

	(void)from;
	(void)wire_u32(&b);
	(void)wire_u32(&b);
	struct bytes state = wire_str(&b);
	(void)snprintf(w->said[prog][instance], 16, "%.*s", BYTES_FMT(state));
	return wire_end(&b);
}

static int conf_listeners(void *arg, struct chan *from, const struct frame *f)
{
	struct world *w = arg;
	struct wire b = wire_of(f->body);

	(void)from;
	w->listen_rc = (int32_t)wire_u32(&b);
	struct bytes name = wire_str(&b);
	(void)snprintf(w->failed, sizeof w->failed, "%.*s", BYTES_FMT(name));
	w->n_listen_done++;
	return 0;
}

static const struct bus_handler conf_handlers[] = {
	{ MSG_PROCESS, conf_process },
	{ MSG_LISTENERS_DONE, conf_listeners },
};

static void turn(struct world *w)
{
	const struct timespec a_little = { 0, 1000000 };

	loop_turn(w->loop, 0);
	nanosleep(&a_little, NULL);
}

static void conf_join(struct world *w)
{
	const struct bus_hooks hooks = { .program = w, .handlers = conf_handlers, .n_handlers = 2 };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	w->conf = bus_new(w->loop, PROG_CONF, 0, &hooks);
	assert_int_equal(bus_attach(w->conf, PROG_SUPER, 0, fds[0]), 0);
	assert_int_equal(bus_attach(w->s.bus, PROG_CONF, 0, fds[1]), 0);
}

static void script(struct world *w, enum prog prog, const char *text)
{
	char path[160];

	(void)snprintf(path, sizeof path, "%s/script.%s", w->state, prog_name(prog));
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static char self[4096];

/* progs: which of them run; the others are not wanted here. */
static void world_open(struct world *w, unsigned progs)
{
	char path[256];

	*w = (struct world){ .loop = loop_new(LOOP_FAKE), .top = "/tmp/super_test.XXXXXX" };
	assert_non_null(mkdtemp(w->top));
	(void)snprintf(w->bin, sizeof w->bin, "%s/bin", w->top);
	(void)snprintf(w->state, sizeof w->state, "%s/state", w->top);
	(void)snprintf(w->run, sizeof w->run, "%s/run", w->top);
	assert_int_equal(mkdir(w->bin, 0700), 0);
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		(void)snprintf(path, sizeof path, "%s/%s", w->bin, prog_name((enum prog)p));
		assert_int_equal(symlink(self, path), 0);
	}
	w->s = (struct super){ .bin = w->bin, .state = w->state, .run = w->run };
	assert_int_equal(super_open(&w->s, w->loop), 0);
	for (unsigned p = 0; p < PROG_COUNT; p++)
		w->s.wanted[p] = progs >> p & 1;
	conf_join(w);
}

static struct child *child(struct world *w, enum prog prog, unsigned instance)
{
	return &w->s.children[prog][instance];
}

static void world_close(struct world *w)
{
	char command[128];

	for (unsigned p = 0; p < PROG_COUNT; p++) {
		for (unsigned i = 0; i < INSTANCES_MAX; i++) {
			struct child *c = child(w, (enum prog)p, i);
			loop_timer_del(w->loop, &c->timer);
			if (c->pid) {
				kill(c->pid, SIGKILL);
				(void)waitpid(c->pid, NULL, 0);
			}
		}
	}
	bus_free(w->conf);
	super_close(&w->s);
	loop_free(w->loop);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", w->top);
	assert_int_equal(system(command), 0);
}

/* ---- waiting for what real processes do ---- */

static void await_state(struct world *w, enum prog prog, unsigned instance, enum child_state state)
{
	for (int i = 0; i < PATIENCE_MS && child(w, prog, instance)->state != state; i++)
		turn(w);
	assert_int_equal(child(w, prog, instance)->state, state);
}

static const char *notes(struct world *w)
{
	static char text[1 << 16];
	char path[160];

	(void)snprintf(path, sizeof path, "%s/notes", w->state);
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

static unsigned times(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

/* Until a line stands in the notes so many times. */
static void await_note(struct world *w, const char *line, unsigned n)
{
	for (int i = 0; i < PATIENCE_MS && times(notes(w), line) < n; i++)
		turn(w);
	if (times(notes(w), line) != n)
		fail_msg("%s: %u times, not %u, in:\n%s", line, times(notes(w), line), n, notes(w));
}

static void await_said(struct world *w, enum prog prog, unsigned instance, const char *state)
{
	for (int i = 0; i < PATIENCE_MS && strcmp(w->said[prog][instance], state); i++)
		turn(w);
	assert_string_equal(w->said[prog][instance], state);
}

/* ---- what gh-conf says ---- */

static struct chan *to_super(struct world *w)
{
	return bus_chan(w->conf, PROG_SUPER, 0);
}

static void want_instances(struct world *w, enum prog prog, uint8_t n)
{
	struct buf *b = chan_begin(to_super(w), MSG_INSTANCES_SET, 0);

	wire_put_u16(b, 1);
	wire_put_u8(b, (uint8_t)prog);
	wire_put_u8(b, n);
	assert_int_equal(chan_end(to_super(w)), 0);
	for (int i = 0; i < 4; i++)
		turn(w);
}

struct want {
	enum prog prog;
	const char *name;
	uint16_t port;
};

#define ADDRESS "127.0.71.3"

static void ask_listeners(struct world *w, const struct want *wants, unsigned n)
{
	struct buf *b = chan_begin(to_super(w), MSG_LISTENERS_SET, 1);

	wire_put_u16(b, (uint16_t)n);
	for (unsigned i = 0; i < n; i++) {
		wire_put_u8(b, (uint8_t)wants[i].prog);
		wire_put_str(b, bytes_of(wants[i].name));
		wire_put_str(b, BYTES(ADDRESS));
		wire_put_u16(b, wants[i].port);
	}
	assert_int_equal(chan_end(to_super(w)), 0);
}

static int want_listeners(struct world *w, const struct want *wants, unsigned n)
{
	unsigned before = w->n_listen_done;

	ask_listeners(w, wants, n);
	for (int i = 0; i < PATIENCE_MS && w->n_listen_done == before; i++)
		turn(w);
	assert_int_equal(w->n_listen_done, before + 1);
	return w->listen_rc;
}

static struct sockaddr_in address_of(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, ADDRESS, &a.sin_addr), 1);
	return a;
}

/* A free port; fd: kept busy there, or -1. */
static uint16_t free_port(int *busy)
{
	struct sockaddr_in a = address_of(0);
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	if (busy) {
		assert_int_equal(listen(fd, 1), 0);
		*busy = fd;
	} else {
		close(fd);
	}
	return ntohs(a.sin_port);
}

static bool can_connect(uint16_t port)
{
	struct sockaddr_in a = address_of(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool can = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;

	close(fd);
	return can;
}

/* ---- the tests ---- */

/* Restarted after 200 ms, twice as long each time, half a minute at most. */
static void restarts_slower_each_time(void **state)
{
	static const uint32_t delays[] = { 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000 };
	struct world w;

	(void)state;
	world_open(&w, P(PROG_KEYS));
	script(&w, PROG_KEYS, "die");
	children_adjust(&w.s);
	struct child *c = child(&w, PROG_KEYS, 0);
	for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
		await_state(&w, PROG_KEYS, 0, CHILD_WAITING);
		assert_int_equal(c->delay_ms, delays[i]);
		assert_int_equal(c->restarts, i + 1);
		loop_fake_advance(w.loop, delays[i] - 1);
		assert_int_equal(c->state, CHILD_WAITING);
		loop_fake_advance(w.loop, 1);
		assert_int_not_equal(c->pid, 0);
	}
	await_said(&w, PROG_KEYS, 0, "waiting");
	world_close(&w);
}

/* Who was ready for a minute begins anew; who only lived so long does not. */
static void the_delay_is_reset_by_a_good_run(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, P(PROG_KEYS));
	script(&w, PROG_KEYS, "die");
	children_adjust(&w.s);
	struct child *c = child(&w, PROG_KEYS, 0);
	for (uint32_t delay = 200; delay <= 400; delay *= 2) {
		await_state(&w, PROG_KEYS, 0, CHILD_WAITING);
		if (delay == 400)
			script(&w, PROG_KEYS, "ready");
		loop_fake_advance(w.loop, delay);
	}
	await_state(&w, PROG_KEYS, 0, CHILD_RUNNING);
	loop_fake_advance(w.loop, RUN_WELL_MS - 1);
	kill(c->pid, SIGKILL);
	await_state(&w, PROG_KEYS, 0, CHILD_WAITING);
	assert_int_equal(c->delay_ms, 800);
	loop_fake_advance(w.loop, 800);
	await_state(&w, PROG_KEYS, 0, CHILD_RUNNING);
	loop_fake_advance(w.loop, RUN_WELL_MS);
	kill(c->pid, SIGKILL);
	await_state(&w, PROG_KEYS, 0, CHILD_WAITING);
	assert_int_equal(c->delay_ms, 200);
	world_close(&w);
}

/* Keys and settings first, then the way of a partner's stanza, then all others. */
static void starts_in_stages(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, P(PROG_KEYS) | P(PROG_S2S) | P(PROG_IM));
	script(&w, PROG_KEYS, "ready");
	script(&w, PROG_S2S, "ready");
	script(&w, PROG_IM, "ready");
	assert_int_equal(stage_begin(&w.s), 0);
	children_adjust(&w.s);
	assert_int_equal(child(&w, PROG_KEYS, 0)->state, CHILD_STARTING);
	assert_int_equal(child(&w, PROG_S2S, 0)->state, CHILD_NONE);
	await_state(&w, PROG_KEYS, 0, CHILD_RUNNING);
	assert_int_equal(child(&w, PROG_S2S, 0)->state, CHILD_STARTING);
	assert_int_equal(child(&w, PROG_IM, 0)->state, CHILD_NONE);
	await_state(&w, PROG_S2S, 0, CHILD_RUNNING);
	await_state(&w, PROG_IM, 0, CHILD_RUNNING);
	world_close(&w);
}

/* One that hangs in an early stage, or ends again and again, keeps the others waiting for no longer than that. */
static void a_stage_ends_by_time(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, P(PROG_KEYS) | P(PROG_IM));
	script(&w, PROG_KEYS, "hang");
	script(&w, PROG_IM, "ready");
	assert_int_equal(stage_begin(&w.s), 0);
	children_adjust(&w.s);
	loop_fake_advance(w.loop, STAGES_MS - 1);
	assert_int_equal(child(&w, PROG_IM, 0)->state, CHILD_NONE);
	loop_fake_advance(w.loop, 1);
	await_state(&w, PROG_IM, 0, CHILD_RUNNING);
	assert_int_equal(child(&w, PROG_KEYS, 0)->state, CHILD_STARTING);
	world_close(&w);
}

/* One that hangs before it is ready is ended, and waited for longer each time. */
static void who_never_gets_ready(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, P(PROG_STORE));
	script(&w, PROG_STORE, "hang");
	children_adjust(&w.s);
	struct child *c = child(&w, PROG_STORE, 0);
	for (uint32_t delay = 200; delay <= 800; delay *= 2) {
		await_state(&w, PROG_STORE, 0, CHILD_STARTING);
		pid_t pid = c->pid;
		loop_fake_advance(w.loop, READY_MS - 1);
		assert_int_equal(c->pid, pid);
		loop_fake_advance(w.loop, 1);
		await_state(&w, PROG_STORE, 0, CHILD_WAITING);
		assert_int_equal(c->delay_ms, delay);
		loop_fake_advance(w.loop, delay);
	}
	world_close(&w);
}

static long place(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	assert_non_null(at);
	return at - text;
}

/* Doors first, then the hub and the core, then store and keys; one phase is over before the next. */
static void stops_in_order(void **state)
{
	static const enum prog late[][2] = {
		{ PROG_ACCESS, PROG_IM }, { PROG_S2S, PROG_SWITCH }, { PROG_S2S, PROG_IM },
		{ PROG_IM, PROG_STORE },  { PROG_SWITCH, PROG_KEYS },
	};
	struct world w;
	char a[32], b[32];

	(void)state;
	world_open(&w, P_WORK);
	script(&w, PROG_IM, "ready deaf");
	children_adjust(&w.s);
	for (unsigned p = PROG_KEYS; p < PROG_COUNT; p++)
		await_state(&w, (enum prog)p, 0, CHILD_RUNNING);
	kill(getpid(), SIGTERM);
	await_note(&w, "gh-im/0 stop", 1);
	for (int i = 0; i < 50; i++)
		turn(&w);
	assert_null(strstr(notes(&w), "gh-store/0 stop")); /* gh-im is still there */
	assert_int_equal(child(&w, PROG_ACCESS, 0)->state, CHILD_NONE); /* and is not started again */
	loop_fake_advance(w.loop, STOP_GRACE_MS + STOP_KILL_MS);
	await_note(&w, "gh-store/0 stop", 1);
	await_note(&w, "gh-keys/0 stop", 1);
	for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
		(void)snprintf(a, sizeof a, "%s/0 stop", prog_name(late[i][0]));
		(void)snprintf(b, sizeof b, "%s/0 stop", prog_name(late[i][1]));
		assert_true(place(notes(&w), a) < place(notes(&w), b));
	}
	for (unsigned p = PROG_KEYS; p < PROG_COUNT; p++)
		await_state(&w, (enum prog)p, 0, CHILD_NONE);
	world_close(&w);
}

static void more_and_fewer_instances(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, P(PROG_ACCESS));
	children_adjust(&w.s);
	await_state(&w, PROG_ACCESS, 0, CHILD_RUNNING);
	want_instances(&w, PROG_ACCESS, 3);
	await_state(&w, PROG_ACCESS, 2, CHILD_RUNNING);
	await_state(&w, PROG_ACCESS, 1, CHILD_RUNNING);
	script(&w, PROG_ACCESS, "ready deaf"); /* the next ones do not obey */
	pid_t first = child(&w, PROG_ACCESS, 0)->pid;
	want_instances(&w, PROG_ACCESS, 1);
	await_note(&w, "gh-access/1 stop", 1);
	await_note(&w, "gh-access/2 stop", 1);
	await_state(&w, PROG_ACCESS, 2, CHILD_NONE);
	await_state(&w, PROG_ACCESS, 1, CHILD_NONE);
	assert_int_equal(child(&w, PROG_ACCESS, 0)->pid, first);
	/* one that does not stop is ended, also when nothing else stops */
	want_instances(&w, PROG_ACCESS, 2);
	await_state(&w, PROG_ACCESS, 1, CHILD_RUNNING);
	want_instances(&w, PROG_ACCESS, 1);
	await_note(&w, "gh-access/1 stop", 2);
	assert_int_equal(child(&w, PROG_ACCESS, 1)->state, CHILD_STOPPING);
	/* wanted again meanwhile: started as soon as the old one has gone */
	want_instances(&w, PROG_ACCESS, 2);
	assert_int_equal(child(&w, PROG_ACCESS, 1)->state, CHILD_STOPPING);
	loop_fake_advance(w.loop, STOP_GRACE_MS + STOP_KILL_MS);
	await_state(&w, PROG_ACCESS, 1, CHILD_RUNNING);
	/* more than the table allows ends who asked */
	want_instances(&w, PROG_ACCESS, 17);
	for (int i = 0; i < 20 && to_super(&w); i++)
		turn(&w);
	assert_null(to_super(&w));
	assert_int_equal(w.s.wanted[PROG_ACCESS], 2);
	world_close(&w);
}

/* New ports are opened before old ones close; nobody who stays hears of it. */
static void listeners_switch_over(void **state)
{
	struct world w;
	char line[64];
	uint16_t one = free_port(NULL), two = free_port(NULL);
	const struct want both[] = { { PROG_ACCESS, "c2s", one }, { PROG_ACCESS, "c2s-tls", two } };
	const struct want second[] = { { PROG_ACCESS, "c2s-tls", two } };

	(void)state;
	world_open(&w, P(PROG_ACCESS));
	children_adjust(&w.s);
	await_state(&w, PROG_ACCESS, 0, CHILD_RUNNING);
	assert_int_equal(want_listeners(&w, both, 1), 0);
	(void)snprintf(line, sizeof line, "gh-access/0 listener c2s " ADDRESS " %u", one);
	await_note(&w, line, 1);
	assert_true(can_connect(one));
	assert_int_equal(want_listeners(&w, both, 2), 0);
	await_note(&w, "gh-access/0 listener", 2);
	assert_true(can_connect(one) && can_connect(two));
	assert_int_equal(want_listeners(&w, second, 1), 0);
	(void)snprintf(line, sizeof line, "gh-access/0 gone c2s " ADDRESS " %u", one);
	await_note(&w, line, 1);
	assert_false(can_connect(one));
	assert_true(can_connect(two));
	assert_int_equal(times(notes(&w), "listener"), 2);
	/* the same again changes nothing */
	assert_int_equal(want_listeners(&w, second, 1), 0);
	assert_int_equal(times(notes(&w), "listener"), 2);
	world_close(&w);
}

/* One that cannot be opened: nothing changes, and the answer names it. */
static void a_busy_port_changes_nothing(void **state)
{
	struct world w;
	int busy;
	uint16_t one = free_port(NULL), two = free_port(NULL), taken = free_port(&busy);
	const struct want old[] = { { PROG_S2S, "s2s", one } };
	const struct want now[] = { { PROG_S2S, "s2s", two }, { PROG_S2S, "s2s-tls", taken } };

	(void)state;
	world_open(&w, P(PROG_S2S));
	children_adjust(&w.s);
	await_state(&w, PROG_S2S, 0, CHILD_RUNNING);
	assert_int_equal(want_listeners(&w, old, 1), 0);
	assert_int_equal(want_listeners(&w, now, 2), ERR_EXISTS);
	assert_string_equal(w.failed, "s2s-tls");
	assert_true(can_connect(one));
	assert_false(can_connect(two));
	await_note(&w, "listener", 1);
	assert_int_equal(times(notes(&w), "gone"), 0);
	close(busy);
	assert_int_equal(want_listeners(&w, now, 2), 0);
	await_note(&w, "gone", 1);
	await_note(&w, "listener", 3);
	world_close(&w);
}

/* Ports stay open while their program is away: who comes then waits for the next one. */
static void ports_outlive_their_program(void **state)
{
	struct world w;
	uint16_t one = free_port(NULL);
	const struct want wants[] = { { PROG_S2S, "s2s", one } };

	(void)state;
	world_open(&w, P(PROG_S2S));
	children_adjust(&w.s);
	await_state(&w, PROG_S2S, 0, CHILD_RUNNING);
	assert_int_equal(want_listeners(&w, wants, 1), 0);
	await_note(&w, "listener", 1);
	kill(child(&w, PROG_S2S, 0)->pid, SIGKILL);
	await_state(&w, PROG_S2S, 0, CHILD_WAITING);
	assert_true(can_connect(one));
	loop_fake_advance(w.loop, 200);
	await_state(&w, PROG_S2S, 0, CHILD_RUNNING);
	await_note(&w, "listener", 2);
	world_close(&w);
}

static void what_the_table_does_not_have_is_refused(void **state)
{
	static const struct want wants[] = {
		{ PROG_CONF, "ghsh", 7000 }, { PROG_S2S, "c2s", 7000 }, { PROG_S2S, "ssh", 22 }, { PROG_S2S, "s2s", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
		struct world w;
		world_open(&w, 0);
		ask_listeners(&w, &wants[i], 1);
		for (int n = 0; n < 20 && to_super(&w); n++)
			turn(&w);
		assert_null(to_super(&w)); /* a broken gh-conf; gh-super goes on */
		assert_int_equal(w.n_listen_done, 0);
		world_close(&w);
	}
}

/* A program that comes back is joined to its living peers by fresh channels. */
static void peers_are_joined_again(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, P(PROG_IM) | P(PROG_STORE) | P(PROG_KEYS));
	children_adjust(&w.s);
	await_note(&w, "gh-im/0 channel gh-store/0", 1);
	await_note(&w, "gh-store/0 channel gh-im/0", 1);
	assert_null(strstr(notes(&w), "gh-keys/0 channel")); /* no message passes between them */
	await_state(&w, PROG_STORE, 0, CHILD_RUNNING);
	kill(child(&w, PROG_STORE, 0)->pid, SIGKILL);
	await_state(&w, PROG_STORE, 0, CHILD_WAITING);
	loop_fake_advance(w.loop, 200);
	await_note(&w, "gh-im/0 channel gh-store/0", 2);
	await_note(&w, "gh-store/0 channel gh-im/0", 2);
	world_close(&w);
}

/* Whoever broke the rules of the bus is ended, if a peer says so; others cannot say so. */
static void a_bad_peer_is_ended(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, P(PROG_SWITCH) | P(PROG_S2S) | P(PROG_STORE));
	children_adjust(&w.s);
	await_state(&w, PROG_S2S, 0, CHILD_RUNNING);
	await_state(&w, PROG_SWITCH, 0, CHILD_RUNNING);
	await_state(&w, PROG_STORE, 0, CHILD_RUNNING);
	pid_t store = child(&w, PROG_STORE, 0)->pid;
	script(&w, PROG_S2S, "ready accuse-switch");
	kill(child(&w, PROG_S2S, 0)->pid, SIGKILL);
	await_state(&w, PROG_S2S, 0, CHILD_WAITING);
	loop_fake_advance(w.loop, 200);
	await_state(&w, PROG_SWITCH, 0, CHILD_WAITING);
	script(&w, PROG_S2S, "ready accuse-stranger");
	kill(child(&w, PROG_S2S, 0)->pid, SIGKILL);
	await_state(&w, PROG_S2S, 0, CHILD_WAITING);
	loop_fake_advance(w.loop, 400);
	await_state(&w, PROG_S2S, 0, CHILD_WAITING); /* its own channel ended, and so did it */
	assert_int_equal(child(&w, PROG_STORE, 0)->pid, store);
	world_close(&w);
}

/* gh-conf that comes back hears of everybody. */
static void gh_conf_hears_of_all(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, P(PROG_KEYS) | P(PROG_STORE));
	script(&w, PROG_STORE, "die");
	children_adjust(&w.s);
	await_said(&w, PROG_KEYS, 0, "running");
	await_said(&w, PROG_STORE, 0, "waiting");
	bus_free(w.conf);
	memset(w.said, 0, sizeof w.said);
	for (int i = 0; i < 4; i++)
		turn(&w);
	conf_join(&w);
	chan_begin(to_super(&w), MSG_READY, 0);
	assert_int_equal(chan_end(to_super(&w)), 0);
	await_said(&w, PROG_KEYS, 0, "running");
	await_said(&w, PROG_STORE, 0, "waiting");
	world_close(&w);
}

/* ---- reset ---- */

static void put(struct world *w, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", w->state, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool has(struct world *w, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", w->state, name);
	return access(path, F_OK) == 0;
}

/* Settings, keys and data go; the slots' table, which has the security floor of upgrades, stays. */
static void a_reset_keeps_the_floor(void **state)
{
	static const char *const gone[] = { "conf/accounts", "keys/storage.key", "store/data.db" };
	struct world w;

	(void)state;
	world_open(&w, 0);
	for (unsigned i = 0; i < 3; i++)
		put(&w, gone[i]);
	put(&w, "update/slots");
	assert_int_equal(end_finish_reset(&w.s), 0); /* nobody asked */
	assert_true(has(&w, gone[0]));
	put(&w, "reset");
	assert_int_equal(end_finish_reset(&w.s), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_false(has(&w, gone[i]));
	assert_true(has(&w, "update/slots"));
	assert_false(has(&w, "reset"));
	world_close(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restarts_slower_each_time),
		cmocka_unit_test(the_delay_is_reset_by_a_good_run),
		cmocka_unit_test(a_reset_keeps_the_floor),
		cmocka_unit_test(starts_in_stages),
		cmocka_unit_test(a_stage_ends_by_time),
		cmocka_unit_test(who_never_gets_ready),
		cmocka_unit_test(stops_in_order),
		cmocka_unit_test(more_and_fewer_instances),
		cmocka_unit_test(listeners_switch_over),
		cmocka_unit_test(a_busy_port_changes_nothing),
		cmocka_unit_test(ports_outlive_their_program),
		cmocka_unit_test(what_the_table_does_not_have_is_refused),
		cmocka_unit_test(peers_are_joined_again),
		cmocka_unit_test(a_bad_peer_is_ended),
		cmocka_unit_test(gh_conf_hears_of_all),
	};
	enum prog prog;

	if (prog_of(bytes_of(basename(argv[0])), &prog) == 0)
		return play_program(prog, argc, argv);
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	log_open("gh-super", 0, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
