"""A box whose clock is somewhere else: all of its programs load a library that shifts the time of day, by what a file says that they
share; so it can be set while they run. gh-super hands no environment on, so the library is named in an /etc/ld.so.preload of the box's own (a
namespace of mounts). Root only."""
import os
import shlex
import struct
import subprocess
import time

from .place import need

SHIFT_C = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *shift;

/* Before the program fences itself: later nothing can be opened. */
__attribute__((constructor)) static void open_shift(void)
{
	int fd = open(SHIFT_FILE, O_RDONLY | O_CLOEXEC);
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);

	if (at != MAP_FAILED)
		shift = at;
	if (fd >= 0)
		(void)close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (rc == 0 && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += *shift;
	return rc;
}

int gettimeofday(struct timeval *restrict v, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	v->tv_sec = t.tv_sec;
	v->tv_usec = t.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *out)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}
"""


class WrongClock:
    def __init__(self, place):
        self.place, self.file = place, place.path("clock-shift")
        with open(self.file, "wb") as f:
            f.write(struct.pack("@l", 0))
        os.chmod(self.file, 0o644)
        source = place.write("shift.c", SHIFT_C)
        self.library = place.path("shift.so")
        subprocess.run([need("cc"), "-shared", "-fPIC", "-O1", '-DSHIFT_FILE="%s"' % self.file, "-o", self.library, source], check=True)
        os.chmod(self.library, 0o755)

    def set(self, at_s):
        """It is at_s (since 1970) now; None: the right time."""
        with open(self.file, "r+b") as f:
            f.write(struct.pack("@l", 0 if at_s is None else int(at_s - time.time())))

    def words(self):
        """Before a command that shall live by that clock."""
        upper, work = self.place.path("etc-upper"), self.place.path("etc-work")
        for d in (upper, work):
            os.makedirs(d, exist_ok=True)
        with open(os.path.join(upper, "ld.so.preload"), "w", encoding="ascii") as f:
            f.write(self.library + "\n")
        mount = "mount -t overlay overlay -o lowerdir=/etc,upperdir=%s,workdir=%s /etc" % (shlex.quote(upper), shlex.quote(work))
        return [need("unshare"), "--mount", need("sh"), "-c", mount + ' && exec "$@"', "sh"]
