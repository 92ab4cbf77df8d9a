#include "super.h"

#include "base/err.h"
#include "base/log.h"
#include "run/box.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Doors go first, so that nothing new comes in; the store and the keys late; who writes the others' lines last. */
static const unsigned stop_last = P(PROG_LOG);
static const unsigned stop_late = P(PROG_STORE) | P(PROG_KEYS) | P(PROG_CONF);
static const unsigned stop_before = P(PROG_IM) | P(PROG_SWITCH) | P(PROG_XLATE);
enum { STOP_PHASES = 4 };

static bool is_of_phase(enum prog p, unsigned phase)
{
	unsigned own = P(p) & stop_last ? 3 : P(p) & stop_late ? 2 : P(p) & stop_before ? 1 : 0;

	return own == phase && p != PROG_SUPER;
}

static int on_ready(void *arg, struct chan *from, const struct frame *f)
{
	struct super *s = arg;
	struct child *c = &s->children[chan_prog(from)][chan_instance(from)];

	(void)f;
	child_ready(c);
	if (c->prog == PROG_LOG)
		lines_hand_over_all(s);
	/* gh-conf or gh-log has just come (back): it hears of everybody. */
	for (unsigned p = 0; (c->prog == PROG_CONF || c->prog == PROG_LOG) && p < PROG_COUNT; p++)
		for (unsigned i = 0; i < INSTANCES_MAX; i++)
			if (s->children[p][i].state != CHILD_NONE)
				child_tell_of(&s->children[p][i], c->prog);
	stage_go_on(s);
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
		bool is_told = prog != PROG_SUPER && prog != PROG_CONF && prog != PROG_PRIV && prog != PROG_TIME;
		if (prog >= PROG_COUNT || !is_told || instances > service_of((enum prog)prog)->instances_max)
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
	{ MSG_CAPTURE_OPEN, capture_on_open },
	{ MSG_DHCP_OPEN, dhcp_on_open },
	{ MSG_BOX_END, end_on_ask },
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
	for (enum prog p = 0; p < PROG_COUNT; p++)
		for (unsigned n = 0; n < INSTANCES_MAX; n++)
			if (is_of_phase(p, s->stop_phase) && s->children[p][n].pid)
				return false;
	return true;
}

static void stop_phase(struct super *s)
{
	while (s->stop_phase < STOP_PHASES && is_phase_over(s))
		s->stop_phase++;
	if (s->stop_phase == STOP_PHASES) {
		end_reached(s);
		return;
	}
	for (enum prog p = 0; p < PROG_COUNT; p++)
		for (unsigned n = 0; n < INSTANCES_MAX; n++)
			if (is_of_phase(p, s->stop_phase) && s->children[p][n].state != CHILD_STOPPING)
				child_stop(&s->children[p][n], STOP_GRACE_MS);
}

void super_stop(struct super *s)
{
	s->is_stopping = true;
	stage_end(s);
	stop_phase(s);
}

static void on_signal(void *arg, int signo)
{
	struct super *s = arg;
	int status;

	if (signo != SIGCHLD) {
		if (s->end != BOX_RESET) /* a reset that has begun is finished first; the next start would do it, too */
			s->end = BOX_SHUTDOWN;
		if (s->is_stopping)
			return;
		log_info("super.stopping", LOG_INT("signal", signo));
		super_stop(s);
		return;
	}
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		struct child *c = child_of_pid(s, pid);
		if (c)
			child_exited(c, status);
	}
	if (!s->is_stopping)
		stage_go_on(s);
	if (s->is_stopping && is_phase_over(s))
		stop_phase(s);
}

uint8_t super_first_instances(const struct super *s, enum prog p)
{
	if (p == PROG_PRIV || p == PROG_TIME)
		return s->is_appliance;
	const struct service *row = service_of(p);

	/* Which role this box has is a setting: gh-conf tells. Until then nothing runs that only some roles have. */
	return p == PROG_SUPER || row->roles != ROLE_BOTH ? 0 : row->instances_min;
}

static void init_children(struct super *s)
{
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		s->wanted[p] = super_first_instances(s, (enum prog)p);
		for (unsigned i = 0; i < INSTANCES_MAX; i++) {
			struct child *c = &s->children[p][i];
			child_init(c, s, (enum prog)p, i);
		}
	}
}

int super_open(struct super *s, struct loop *loop)
{
	const struct bus_hooks hooks = { .program = s, .handlers = handlers,
					 .n_handlers = sizeof handlers / sizeof handlers[0], .down = on_down,
					 .pressure = on_pressure };
	const char *what = "";

	s->loop = loop;
	s->pid = getpid();
	init_children(s);
	s->log[0] = s->log[1] = -1;
	lines_open(s->log);
	log_set_pipe(s->log[1]);
	s->end = BOX_SHUTDOWN;
	s->bus = bus_new(loop, PROG_SUPER, 0, &hooks);
	if (!s->bus)
		return ERR_NOMEM;
	if (super_make_folders(s, &what)) {
		fprintf(stderr, "gh-super: cannot make folder %s: %s\n", what, strerror(errno));
		return ERR_SYS;
	}
	if (end_finish_reset(s)) {
		fprintf(stderr, "gh-super: a factory reset could not be finished in %s: %s\n", s->state, strerror(errno));
		return ERR_SYS;
	}
	if (listen_open_console(s)) {
		fprintf(stderr, "gh-super: cannot open %s/ghsh.sock: %s\n", s->run, strerror(errno));
		return ERR_SYS;
	}
	if (loop_signal(loop, SIGCHLD, on_signal, s) || loop_signal(loop, SIGTERM, on_signal, s) ||
	    loop_signal(loop, SIGINT, on_signal, s))
		return ERR_SYS;
	return 0;
}

void super_close(struct super *s)
{
	listen_close_all(s);
	log_set_pipe(-1);
	lines_close(s->log);
	for (unsigned p = 0; p < PROG_COUNT; p++)
		for (unsigned i = 0; i < INSTANCES_MAX; i++)
			lines_close(s->children[p][i].log);
	if (s->bus)
		bus_free(s->bus);
	free(s->empty);
}
