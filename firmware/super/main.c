#include "super.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UID_BASE = 61000 };

/* Doors go first, so that nothing new comes in; the store and the keys last. */
static const enum prog stop_order[][3] = {
	{ PROG_ACCESS, PROG_S2S, PROG_COUNT },
	{ PROG_IM, PROG_SWITCH, PROG_COUNT },
	{ PROG_STORE, PROG_KEYS, PROG_CONF },
};
enum { STOP_PHASES = sizeof stop_order / sizeof stop_order[0] };

static void start_again(void *arg)
{
	struct child *c = arg;

	if (!c->super->is_stopping && child_start(c))
		(void)loop_timer_set(c->super->loop, &c->again, service_of(c->prog)->restart_delay_max_ms);
}

static int on_ready(void *arg, struct chan *from, const struct frame *f)
{
	struct super *s = arg;
	struct child *c = &s->children[chan_prog(from)][chan_instance(from)];

	(void)f;
	if (c->state == CHILD_STARTING)
		c->state = CHILD_RUNNING;
	child_tell_conf(c);
	/* gh-conf has just come (back): it hears of everybody. */
	for (unsigned p = 0; c->prog == PROG_CONF && p < PROG_COUNT; p++)
		for (unsigned i = 0; i < INSTANCES_MAX; i++)
			if (s->children[p][i].state != CHILD_NONE)
				child_tell_conf(&s->children[p][i]);
	return 0;
}

static int on_bad_peer(void *arg, struct chan *from, const struct frame *f)
{
	struct super *s = arg;
	struct wire w = wire_of(f->body);
	unsigned peer = wire_u8(&w), instance = wire_u8(&w);

	if (wire_end(&w) || peer >= PROG_COUNT || instance >= INSTANCES_MAX || !msg_are_peers(chan_prog(from), (enum prog)peer))
		return ERR_PROTOCOL;
	struct child *c = &s->children[peer][instance];
	log_error("super.bad_peer", LOG_STR("program", prog_name(c->prog)), LOG_INT("instance", instance),
		  LOG_STR("said", prog_name(chan_prog(from))));
	if (c->pid)
		kill(c->pid, SIGKILL);
	return 0;
}

static int on_instances(void *arg, struct chan *from, const struct frame *f)
{
	struct super *s = arg;
	struct wire w = wire_of(f->body);
	uint8_t wanted[PROG_COUNT];
	unsigned n = wire_u16(&w);

	(void)from;
	memcpy(wanted, s->wanted, sizeof wanted);
	for (unsigned i = 0; i < n && !wire_failed(&w); i++) {
		unsigned prog = wire_u8(&w), instances = wire_u8(&w);
		if (prog >= PROG_COUNT || prog == PROG_SUPER || prog == PROG_CONF || instances > service_of((enum prog)prog)->instances_max)
			return ERR_DENIED;
		wanted[prog] = (uint8_t)instances;
	}
	if (wire_end(&w))
		return ERR_PROTOCOL;
	memcpy(s->wanted, wanted, sizeof wanted);
	listen_trim(s);
	if (!s->is_stopping)
		children_adjust(s);
	return 0;
}

static const struct bus_handler handlers[] = {
	{ MSG_READY, on_ready },
	{ MSG_BAD_PEER, on_bad_peer },
	{ MSG_LISTENERS_SET, listen_on_set },
	{ MSG_INSTANCES_SET, on_instances },
};

/* A program whose own channel to us is broken is of no use. The word kept with a channel is the
 * process that had it: its successor is not meant. */
static void on_down(void *arg, struct chan *from)
{
	struct super *s = arg;
	struct child *c = &s->children[chan_prog(from)][chan_instance(from)];

	if (c->pid && chan_user(from) == (void *)(intptr_t)c->pid)
		kill(c->pid, SIGKILL);
}

/* We hold little for a program that does not read. */
static void on_pressure(void *arg, struct chan *to, bool is_full)
{
	struct super *s = arg;
	struct child *c = &s->children[chan_prog(to)][chan_instance(to)];

	if (!is_full || !c->pid)
		return;
	log_error("super.deaf", LOG_STR("program", prog_name(c->prog)), LOG_INT("instance", c->instance));
	kill(c->pid, SIGKILL);
}

static bool is_phase_over(const struct super *s)
{
	for (unsigned i = 0; i < 3; i++) {
		unsigned p = stop_order[s->stop_phase][i];
		for (unsigned n = 0; p < PROG_COUNT && n < INSTANCES_MAX; n++)
			if (s->children[p][n].pid)
				return false;
	}
	return true;
}

static void stop_phase(struct super *s)
{
	while (s->stop_phase < STOP_PHASES && is_phase_over(s))
		s->stop_phase++;
	if (s->stop_phase == STOP_PHASES) {
		loop_stop(s->loop);
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		unsigned p = stop_order[s->stop_phase][i];
		for (unsigned n = 0; p < PROG_COUNT && n < INSTANCES_MAX; n++)
			if (s->children[p][n].state != CHILD_STOPPING)
				child_stop(&s->children[p][n], STOP_GRACE_MS);
	}
	(void)loop_timer_set(s->loop, &s->stop_timer, STOP_GRACE_MS + 1000);
}

static void stop_is_late(void *arg)
{
	struct super *s = arg;

	for (unsigned i = 0; i < 3; i++) {
		unsigned p = stop_order[s->stop_phase][i];
		for (unsigned n = 0; p < PROG_COUNT && n < INSTANCES_MAX; n++)
			if (s->children[p][n].pid)
				kill(s->children[p][n].pid, SIGKILL);
	}
	(void)loop_timer_set(s->loop, &s->stop_timer, 1000);
}

static void on_signal(void *arg, int signo)
{
	struct super *s = arg;
	int status;

	if (signo != SIGCHLD) {
		if (s->is_stopping)
			return;
		s->is_stopping = true;
		log_info("super.stopping", LOG_INT("signal", signo));
		stop_phase(s);
		return;
	}
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		struct child *c = child_of_pid(s, pid);
		if (c)
			child_exited(c, status);
	}
	if (s->is_stopping && is_phase_over(s))
		stop_phase(s);
}

static const struct option options[] = {
	{ "bin", required_argument, NULL, 'b' },
	{ "state", required_argument, NULL, 's' },
	{ "run", required_argument, NULL, 'r' },
	{ "uid-base", required_argument, NULL, 'u' },
	{ 0 },
};

static int parse(struct super *s, int argc, char **argv)
{
	uint64_t v;

	s->uid_base = geteuid() == 0 ? UID_BASE : 0;
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (o == 'b')
			s->bin = optarg;
		else if (o == 's')
			s->state = optarg;
		else if (o == 'r')
			s->run = optarg;
		else if (o == 'u' && geteuid() == 0 && !bytes_to_u64(bytes_of(optarg), 1u << 31, &v) && v > 0)
			s->uid_base = (unsigned)v;
		else
			return ERR_UNKNOWN;
	}
	return s->bin && s->state && s->run ? 0 : ERR_NOT_FOUND;
}

static void init_children(struct super *s)
{
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		s->wanted[p] = p == PROG_SUPER ? 0 : service_of((enum prog)p)->instances_min;
		for (unsigned i = 0; i < INSTANCES_MAX; i++) {
			struct child *c = &s->children[p][i];
			*c = (struct child){ .super = s, .prog = (enum prog)p, .instance = i };
			loop_timer_init(&c->again, start_again, c);
		}
	}
}

/* Each program limits itself further by its row; here only the ceiling is raised. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files); /* programs say what they got */
	}
}

static int begin(struct super *s)
{
	struct bus_hooks hooks = { .program = s, .handlers = handlers,
				   .n_handlers = sizeof handlers / sizeof handlers[0], .down = on_down,
				   .pressure = on_pressure };
	const char *what = "";

	s->loop = loop_new(LOOP_POLL);
	s->bus = s->loop ? bus_new(s->loop, PROG_SUPER, 0, &hooks) : NULL;
	if (!s->bus)
		return ERR_NOMEM;
	loop_timer_init(&s->stop_timer, stop_is_late, s);
	init_children(s);
	raise_limits();
	if (super_make_folders(s, &what)) {
		fprintf(stderr, "gh-super: cannot make folder %s: %s\n", what, strerror(errno));
		return ERR_SYS;
	}
	if (listen_open_console(s)) {
		fprintf(stderr, "gh-super: cannot open %s/ghsh.sock: %s\n", s->run, strerror(errno));
		return ERR_SYS;
	}
	if (loop_signal(s->loop, SIGCHLD, on_signal, s) || loop_signal(s->loop, SIGTERM, on_signal, s) ||
	    loop_signal(s->loop, SIGINT, on_signal, s))
		return ERR_SYS;
	children_adjust(s);
	return 0;
}

/* Whatever we were started with: no socket of ours may become a program's standard descriptor, and
 * programs read nothing from a terminal. */
static void fill_standard_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = dup(fd);
	if (fd < 0)
		return; /* no /dev/null: then they stay as they are */
	(void)dup2(fd, STDIN_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
	close(fd);
}

int main(int argc, char **argv)
{
	struct super *s = calloc(1, sizeof *s);

	if (!s)
		return 1;
	log_open(prog_name(PROG_SUPER), 0, LOG_LEVEL_INFO);
	if (parse(s, argc, argv)) {
		fprintf(stderr, "usage: gh-super --bin DIR --state DIR --run DIR [--uid-base N]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	s->pid = getpid();
	fill_standard_descriptors();
	int rc = begin(s);
	if (!rc)
		loop_run(s->loop);
	listen_close_all(s);
	bus_free(s->bus);
	loop_free(s->loop);
	free(s->empty);
	free(s);
	return rc ? 1 : 0;
}
