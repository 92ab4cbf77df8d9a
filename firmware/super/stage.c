/* The programs share few processors when a box starts: what a partner's first stanza waits for comes first, the others as soon as that
 * is ready. Nothing depends on this order (docs/architecture/processes.md): time alone ends a stage, too. */
#include "super.h"

#include "base/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const unsigned stages[STAGES] = {
	P(PROG_CONF) | P(PROG_KEYS) | P(PROG_PRIV), /* settings, keys, the box's network and its filter */
	P(PROG_SWITCH) | P(PROG_S2S) | P(PROG_LOG), /* gh-log: it tells only of the ends of programs that it saw begin */
	~0u,
};

bool stage_holds(const struct super *s, enum prog p)
{
	for (unsigned i = 0; i < STAGES - s->n_held; i++)
		if (stages[i] & P(p))
			return false;
	return true;
}

/* sd_notify(3): a datagram to the socket that the service manager names; '@' stands for the zero byte of an abstract one. It is opened
 * before there are many descriptors. */
static int open_manager(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof to.sun_path)
		return -1; /* nobody asked */
	memcpy(to.sun_path, path, n);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, size) == 0)
		return fd;
	log_error("super.notify", LOG_STR("why", strerror(errno)), LOG_STR("do", "the consoles wait: restart the box"));
	if (fd >= 0)
		(void)close(fd); /* nothing was sent */
	return -1;
}

static void tell_manager(struct super *s)
{
	static const char ready[] = "READY=1";

	if (s->manager < 0)
		return;
	if (send(s->manager, ready, sizeof ready - 1, MSG_NOSIGNAL) < 0)
		log_error("super.notify", LOG_STR("why", strerror(errno)), LOG_STR("do", "the consoles wait: restart the box"));
	(void)close(s->manager); /* a datagram */
	s->manager = -1;
}

void stage_end(struct super *s)
{
	if (s->is_beginning)
		loop_timer_del(s->loop, &s->stage_timer);
	s->is_beginning = false;
	s->n_held = 0;
}

static void on_timer(void *arg)
{
	struct super *s = arg;

	stage_end(s);
	children_adjust(s);
	tell_manager(s);
}

int stage_begin(struct super *s)
{
	s->n_held = STAGES - 1;
	s->is_beginning = true;
	s->manager = open_manager();
	loop_timer_init(&s->stage_timer, on_timer, s);
	return loop_timer_set(s->loop, &s->stage_timer, STAGES_MS);
}

static bool is_ready(const struct super *s)
{
	for (enum prog p = 0; p < PROG_COUNT; p++)
		for (unsigned i = 0; i < s->wanted[p] && i < INSTANCES_MAX; i++)
			if (!stage_holds(s, p) && s->children[p][i].state == CHILD_STARTING)
				return false;
	return true;
}

void stage_go_on(struct super *s)
{
	while (s->n_held && is_ready(s)) {
		s->n_held--;
		children_adjust(s);
	}
	if (s->is_beginning && s->n_held == 0 && is_ready(s)) {
		stage_end(s);
		tell_manager(s);
	}
}
