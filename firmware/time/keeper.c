#include "keeper.h"

#include "base/err.h"
#include "base/secret.h"
#include "daemon.h"
#include "wanted.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct keeper {
	struct daemon daemon;
	int host_name; /* the kernel's; -1: it cannot be set here */
	uint8_t in[FOREIGN_FRAME_MAX];
};

/* ---- the clock ---- */

/* This program is not older than the day on which it was made: a clock before that is a dead battery's. */
static uint64_t raise_clock(bool may_set)
{
	struct timespec now;
	struct stat st;

	if (!may_set || clock_gettime(CLOCK_REALTIME, &now) || stat("/proc/self/exe", &st) || now.tv_sec >= st.st_mtim.tv_sec)
		return 0;
	const struct timespec made = { .tv_sec = st.st_mtim.tv_sec };
	return clock_settime(CLOCK_REALTIME, &made) == 0 ? (uint64_t)now.tv_sec : 0;
}

/* The clock that runs without power, so that what was set by hand is there after the next start. A machine without one has none. */
static void set_rtc(time_t s)
{
	struct rtc_time to = { 0 };
	struct tm tm;
	int fd = open("/dev/rtc0", O_RDWR | O_CLOEXEC);

	if (fd < 0 || !gmtime_r(&s, &tm)) {
		if (fd >= 0)
			(void)close(fd); /* nothing was done with it */
		return;
	}
	to.tm_sec = tm.tm_sec, to.tm_min = tm.tm_min, to.tm_hour = tm.tm_hour;
	to.tm_mday = tm.tm_mday, to.tm_mon = tm.tm_mon, to.tm_year = tm.tm_year;
	(void)ioctl(fd, RTC_SET_TIME, &to); /* the clock of the kernel is set in any case */
	(void)close(fd); /* an ioctl leaves nothing to write */
}

static void set_clock(struct wire *w)
{
	uint64_t ms = wire_u64(w);
	const struct timespec to = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	if (wire_end(w))
		_exit(1);
	bool is_set = clock_settime(CLOCK_REALTIME, &to) == 0;
	if (is_set)
		set_rtc(to.tv_sec);
	foreign_tell_done(KEEPER_SET, is_set ? 0 : ERR_SYS, is_set ? "" : strerror(errno));
}

/* Who is root may write it; no capability is kept for it. */
static void set_name(struct keeper *k, struct wire *w)
{
	struct bytes name = wire_str(w);

	if (wire_end(w) || !setting_is_host_name(name))
		_exit(1);
	bool is_set = pwrite(k->host_name, name.p, name.n, 0) == (ssize_t)name.n;
	foreign_tell_done(KEEPER_NAME, is_set ? 0 : ERR_SYS, is_set ? "" : strerror(errno));
}

/* ---- verbs ---- */

static void run(struct keeper *k, struct wire *w)
{
	static struct time_wanted wanted;
	static struct time_hosts hosts;
	const char *why = "";

	int rc = wanted_get(w, &wanted);
	rc = rc ? rc : hosts_get(w, &hosts);
	unsigned has_system = wire_u8(w);
	struct bytes anchors = wire_bytes(w);
	if (rc || wire_end(w) || has_system > 1 || anchors.n > KEEPER_ANCHORS_MAX)
		_exit(1); /* gh-time does not send such */
	rc = daemon_write(&k->daemon, &wanted, &hosts, anchors, has_system, &why);
	secret_wipe(&wanted, sizeof wanted);
	if (rc == 0)
		rc = daemon_restart(&k->daemon, &why);
	foreign_tell_done(KEEPER_RUN, rc, why);
}

static void change_hosts(struct keeper *k, struct wire *w)
{
	static struct time_hosts hosts;
	const char *why = "";

	if (hosts_get(w, &hosts) || wire_end(w))
		_exit(1);
	foreign_tell_done(KEEPER_HOSTS, daemon_write_hosts(&k->daemon, &hosts, &why), why);
}

static void report(struct keeper *k)
{
	static char tracking[KEEPER_ANSWER_MAX], sources[KEEPER_ANSWER_MAX];
	size_t n_tracking = 0, n_sources = 0;
	struct buf b;

	bool is_good = daemon_ask(&k->daemon, (const char *[]){ "-n", "tracking" }, tracking, &n_tracking) == 0 &&
		       daemon_ask(&k->daemon, (const char *[]){ "-N", "sources" }, sources, &n_sources) == 0;
	foreign_begin(&b, KEEPER_REPORT);
	wire_put_u8(&b, is_good);
	wire_put_bytes(&b, bytes_make(tracking, is_good ? n_tracking : 0));
	wire_put_bytes(&b, bytes_make(sources, is_good ? n_sources : 0));
	foreign_send(&b);
}

static void on_frame(struct keeper *k, struct bytes frame)
{
	struct wire w = wire_of(frame);
	unsigned op = wire_u8(&w);

	if (op == KEEPER_RUN)
		run(k, &w);
	else if (op == KEEPER_HOSTS)
		change_hosts(k, &w);
	else if (op == KEEPER_STOP)
		foreign_stop(&k->daemon.foreign);
	else if (op == KEEPER_ASK)
		report(k);
	else if (op == KEEPER_NAME)
		set_name(k, &w);
	else if (op == KEEPER_SET)
		set_clock(&w);
	else
		_exit(1);
	secret_wipe(k->in, frame.n);
}

/* ---- life ---- */

static void work(const char *folder)
{
	struct keeper *k = calloc(1, sizeof *k);
	const char *why = "";
	struct buf b;
	size_t n;

	if (!k)
		_exit(1);
	k->host_name = open("/proc/sys/kernel/hostname", O_WRONLY | O_CLOEXEC); /* before Landlock */
	if (daemon_open(&k->daemon, folder, &why)) {
		foreign_tell_done(KEEPER_READY, ERR_SYS, why);
		_exit(1);
	}
	uint64_t raised_from_s = raise_clock(k->daemon.may_set);
	foreign_begin(&b, KEEPER_READY);
	wire_put_u8(&b, k->daemon.may_set);
	wire_put_u64(&b, raised_from_s);
	foreign_send(&b);
	for (;;)
		if ((n = foreign_turn(&k->daemon.foreign, k->in)) > 0)
			on_frame(k, bytes_make(k->in, n));
}

int keeper_fork(const char *folder, int *fd)
{
	return foreign_fork(work, folder, fd);
}
