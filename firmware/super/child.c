#include "super.h"

#include "base/err.h"
#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL_FD = 3, LOG_FD = 4, HIGH_FD = 10 };

static const char *const state_names[] = { "none", "starting", "running", "waiting", "stopping" };

struct chan *child_chan(const struct child *c)
{
	return c->pid ? bus_chan(c->super->bus, c->prog, c->instance) : NULL;
}

void child_tell_of(const struct child *c, enum prog listener)
{
	struct chan *to = bus_chan(c->super->bus, listener, 0);
	struct buf *b = chan_begin(to, MSG_PROCESS, 0);

	wire_put_u8(b, (uint8_t)c->prog);
	wire_put_u8(b, (uint8_t)c->instance);
	wire_put_u32(b, (uint32_t)c->pid);
	wire_put_u32(b, c->restarts);
	wire_put_str(b, bytes_of(c->state == CHILD_WAITING && c->ended_well ? "restarting" : state_names[c->state]));
	(void)chan_end(to); /* it hears all states when it is back */
}

static void tell_all(const struct child *c)
{
	child_tell_of(c, PROG_CONF);
	child_tell_of(c, PROG_LOG);
}

/* Only what the sanitizers of a test build read passes on from our environment. */
static void clean_environment(void)
{
	static const char *const kept[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };
	char *values[3];

	for (size_t i = 0; i < 3; i++) {
		const char *v = getenv(kept[i]);
		values[i] = v ? strdup(v) : NULL;
	}
	clearenv();
	for (size_t i = 0; i < 3; i++)
		if (values[i])
			setenv(kept[i], values[i], 1);
}

_Noreturn static void become(struct child *c, int control)
{
	struct super *s = c->super;
	char path[4096], instance[8], uid[16];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != s->pid)
		_exit(0); /* gh-super went before the line above */
	setpgid(0, 0);
	/* From where neither is in the other's way. */
	control = fcntl(control, F_DUPFD_CLOEXEC, HIGH_FD);
	int lines = fcntl(c->log[1], F_DUPFD_CLOEXEC, HIGH_FD);
	dup2(control, CONTROL_FD);
	if (lines >= 0)
		dup2(lines, LOG_FD);
	clean_environment();
	snprintf(path, sizeof path, "%s/%s", s->bin, prog_name(c->prog));
	snprintf(instance, sizeof instance, "%u", c->instance);
	const char *kind = s->is_appliance ? "--appliance" : "--no-appliance";
	snprintf(uid, sizeof uid, "%u", s->uid_base ? s->uid_base + c->prog : 0);
	execl(path, prog_name(c->prog), "--instance", instance, "--state", s->state, "--empty", s->empty,
	      "--uid", uid, kind, lines >= 0 ? "--log" : (char *)NULL, "4", (char *)NULL);
	log_error("super.exec.failed", LOG_STR("program", prog_name(c->prog)), LOG_STR("path", path));
	_exit(127);
}

int child_start(struct child *c)
{
	int fds[2];

	loop_timer_del(c->super->loop, &c->timer);
	if (c->log[0] < 0) {
		lines_open(c->log);
		lines_hand_over(c->super, c->prog, c->instance, c->log);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return ERR_SYS;
	c->pid = fork();
	if (c->pid == 0)
		become(c, fds[1]);
	close(fds[1]);
	if (c->pid < 0) {
		c->pid = 0;
		close(fds[0]);
		return ERR_SYS;
	}
	c->state = CHILD_STARTING;
	c->ready_ms = 0;
	(void)loop_timer_set(c->super->loop, &c->timer, READY_MS); /* a heap has room for each child's */
	log_info("super.started", LOG_STR("program", prog_name(c->prog)), LOG_INT("instance", c->instance),
		 LOG_INT("pid", c->pid), LOG_INT("restarts", c->restarts));
	int rc = bus_attach(c->super->bus, c->prog, c->instance, fds[0]);
	if (rc) { /* without a channel it is no use; its end plans the next start */
		kill(c->pid, SIGKILL);
		return 0;
	}
	chan_set_user(child_chan(c), (void *)(intptr_t)c->pid);
	join_all(c);
	listen_hand_over(c->super, c);
	chan_begin(child_chan(c), MSG_BEGIN, 0);
	(void)chan_end(child_chan(c)); /* it has died already: see above */
	tell_all(c);
	return 0;
}

static void plan_again(struct child *c)
{
	const struct service *row = service_of(c->prog);
	bool ran_well = c->ready_ms && loop_now(c->super->loop) - c->ready_ms >= RUN_WELL_MS;

	if (ran_well || c->delay_ms == 0)
		c->delay_ms = row->restart_delay_ms;
	else if (c->delay_ms < row->restart_delay_max_ms)
		c->delay_ms = c->delay_ms * 2 < row->restart_delay_max_ms ? c->delay_ms * 2 : row->restart_delay_max_ms;
	c->state = CHILD_WAITING;
	c->restarts++;
	(void)loop_timer_set(c->super->loop, &c->timer, c->delay_ms); /* room was made by its first start */
}

static void on_timer(void *arg)
{
	struct child *c = arg;
	struct super *s = c->super;

	if (c->state == CHILD_WAITING) {
		if (!s->is_stopping && child_start(c))
			(void)loop_timer_set(s->loop, &c->timer, service_of(c->prog)->restart_delay_max_ms); /* it had one */
		return;
	}
	log_error(c->state == CHILD_STARTING ? "super.not_ready" : "super.does_not_stop",
		  LOG_STR("program", prog_name(c->prog)), LOG_INT("instance", c->instance));
	kill(c->pid, SIGKILL);
}

void child_init(struct child *c, struct super *s, enum prog prog, unsigned instance)
{
	*c = (struct child){ .super = s, .prog = prog, .instance = instance, .log = { -1, -1 } };
	loop_timer_init(&c->timer, on_timer, c);
}

void child_ready(struct child *c)
{
	if (c->state == CHILD_STARTING) {
		loop_timer_del(c->super->loop, &c->timer);
		c->state = CHILD_RUNNING;
		c->ready_ms = loop_now(c->super->loop);
	}
	tell_all(c);
}

void child_exited(struct child *c, int status)
{
	bool is_on_purpose = c->state == CHILD_STOPPING;

	log_write(is_on_purpose ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "super.ended",
		  (struct log_kv[]){ LOG_STR("program", prog_name(c->prog)), LOG_INT("instance", c->instance),
				     LOG_INT("pid", c->pid), LOG_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
				     LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0) },
		  5);
	c->pid = 0;
	c->ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	loop_timer_del(c->super->loop, &c->timer);
	if (is_on_purpose || c->super->is_stopping || c->instance >= c->super->wanted[c->prog])
		c->state = CHILD_NONE;
	else
		plan_again(c);
	tell_all(c);
	if (is_on_purpose && !c->super->is_stopping)
		children_adjust(c->super); /* it may have been wanted again meanwhile */
}

void child_stop(struct child *c, uint32_t grace_ms)
{
	loop_timer_del(c->super->loop, &c->timer);
	if (!c->pid) {
		c->state = CHILD_NONE;
		return;
	}
	c->state = CHILD_STOPPING;
	tell_all(c);
	(void)loop_timer_set(c->super->loop, &c->timer, grace_ms + STOP_KILL_MS); /* it had one */
	wire_put_u32(chan_begin(child_chan(c), MSG_STOP, 0), grace_ms);
	if (chan_end(child_chan(c)))
		kill(c->pid, SIGTERM);
}

struct child *child_of_pid(struct super *s, pid_t pid)
{
	for (unsigned p = 0; p < PROG_COUNT; p++)
		for (unsigned i = 0; i < INSTANCES_MAX; i++)
			if (s->children[p][i].pid == pid)
				return &s->children[p][i];
	return NULL;
}

void children_adjust(struct super *s)
{
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		for (unsigned i = 0; i < INSTANCES_MAX; i++) {
			struct child *c = &s->children[p][i];
			bool is_wanted = i < s->wanted[p];
			if (is_wanted && stage_holds(s, (enum prog)p))
				continue;
			if (is_wanted && c->state == CHILD_NONE && child_start(c))
				plan_again(c);
			else if (!is_wanted && c->state != CHILD_NONE && c->state != CHILD_STOPPING)
				child_stop(c, STOP_GRACE_MS);
		}
	}
}
