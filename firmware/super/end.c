/* The whole box stops in order, and then: starts again, is wiped and starts again, or ends. */
#include "super.h"

#include "base/err.h"
#include "base/log.h"
#include "run/box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the state folder while a reset is not complete: who finds it at the start goes on. */
static const char marker[] = "reset";
enum { DEPTH_MAX = 8 };

static int sync_folder(int folder)
{
	return fsync(folder) < 0 ? ERR_SYS : 0;
}

static int open_state(const struct super *s)
{
	return open(s->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int mark(const struct super *s)
{
	int folder = open_state(s);
	int fd = folder < 0 ? -1 : openat(folder, marker, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 || fsync(fd) < 0 ? ERR_SYS : sync_folder(folder);

	if (fd >= 0)
		(void)close(fd); /* synced */
	if (folder >= 0)
		(void)close(folder); /* synced */
	return rc;
}

static int wipe_in(int folder, unsigned depth);

/* Another file system is mounted there: it is none of the program's. */
static bool is_elsewhere(int folder, int inner)
{
	struct stat a, b;

	return fstat(folder, &a) == 0 && fstat(inner, &b) == 0 && a.st_dev != b.st_dev;
}

static int wipe_entry(int folder, const char *name, unsigned depth)
{
	if (unlinkat(folder, name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return ERR_SYS;
	int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool is_kept = inner >= 0 && is_elsewhere(folder, inner);
	int rc = inner < 0 || depth == 0 ? ERR_SYS : is_kept ? 0 : wipe_in(inner, depth - 1);
	if (inner >= 0)
		(void)close(inner); /* it goes */
	return rc || is_kept ? rc : unlinkat(folder, name, AT_REMOVEDIR) < 0 ? ERR_SYS : 0;
}

/* Everything in the folder, not the folder. */
static int wipe_in(int folder, unsigned depth)
{
	int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	int rc = d ? 0 : ERR_SYS;

	for (struct dirent *e; d && !rc && (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = wipe_entry(folder, e->d_name, depth);
	if (d)
		(void)closedir(d); /* read only */
	return rc ? rc : sync_folder(folder);
}

/* gh-update's folder says which versions are in the slots, which one failed here, and the security floor: facts about the machine, no
 * settings. A reset that forgot the floor would be the way to put an older, unsafe version in. */
static bool is_of_machine(const struct service *row)
{
	return row->prog == PROG_UPDATE;
}

static int wipe_program(int state, const struct service *row)
{
	int folder = row->folder[0] && !is_of_machine(row) ? openat(state, row->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	int rc = folder < 0 ? 0 : wipe_in(folder, DEPTH_MAX); /* no folder: nothing was ever kept, or it stays */

	if (folder >= 0)
		(void)close(folder); /* synced */
	return rc;
}

/* On the appliance the host keys of SSH and the operators' files lie beside the state folder; gh-sshd makes them anew. */
static int wipe_beside(int state)
{
	static const char *const names[] = { "../ssh", "../operators" };
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof names / sizeof names[0]; i++) {
		int folder = openat(state, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (folder < 0)
			continue; /* nothing was ever kept */
		rc = wipe_in(folder, DEPTH_MAX);
		(void)close(folder); /* synced */
	}
	return rc;
}

int end_finish_reset(struct super *s)
{
	int state = open_state(s), rc = 0;

	if (state < 0)
		return ERR_SYS;
	if (faccessat(state, marker, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		for (unsigned p = 0; !rc && p < PROG_COUNT; p++)
			rc = wipe_program(state, service_of((enum prog)p));
		if (!rc && s->is_appliance)
			rc = wipe_beside(state);
		if (!rc && (unlinkat(state, marker, 0) < 0 || sync_folder(state)))
			rc = ERR_SYS;
		log_write(rc ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, rc ? "super.reset.failed" : "super.reset", NULL, 0);
	}
	(void)close(state); /* synced */
	return rc;
}

int end_on_ask(void *super, struct chan *from, const struct frame *f)
{
	static const char *const names[BOX_END_COUNT] = { "restart", "reset", "shutdown", "reboot" };
	struct super *s = super;
	struct wire w = wire_of(f->body);
	unsigned what = wire_u8(&w);

	(void)from;
	if (wire_end(&w) || what >= BOX_END_COUNT)
		return ERR_PROTOCOL;
	if (s->is_stopping)
		return 0;
	if (what == BOX_RESET && mark(s)) {
		log_error("super.reset.failed", LOG_STR("reason", "the state folder cannot be written"));
		return 0;
	}
	s->end = (uint8_t)what;
	s->is_asked = true;
	log_info("super.stopping", LOG_STR("for", names[what]));
	super_stop(s);
	return 0;
}

/* What an operator asked for is the machine's end where the machine is ours: systemd(1) as process 1 takes these signals
 * for the targets reboot and poweroff, and stops the rest in order. A wiped machine starts again, too: nothing of before is left in its
 * memory, and gh-provision, which runs once a start, finds a fresh box. */
static bool end_machine(const struct super *s, uint8_t end)
{
	if (!s->is_appliance || !s->is_asked || end == BOX_RESTART)
		return false;
	return kill(1, SIGRTMIN + (end == BOX_SHUTDOWN ? 4 : 5)) == 0;
}

void end_reached(struct super *s)
{
	uint8_t end = s->end;

	if (end == BOX_RESET && end_finish_reset(s)) { /* half of it must not run */
		s->has_failed = true;
		loop_stop(s->loop);
		return;
	}
	bool is_machine = end_machine(s, end);
	s->end = BOX_SHUTDOWN;
	s->is_asked = false;
	if (end == BOX_SHUTDOWN || is_machine) {
		loop_stop(s->loop);
		return;
	}
	s->is_stopping = false;
	s->stop_phase = 0;
	for (unsigned p = 0; end == BOX_RESET && p < PROG_COUNT; p++)
		s->wanted[p] = super_first_instances(s, (enum prog)p);
	children_adjust(s);
}
