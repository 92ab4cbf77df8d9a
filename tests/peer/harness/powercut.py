"""kill -9 of one program at each of its calls that touch files, while it does one thing; then the box as it comes back."""
import os
import shutil
import subprocess

from .place import Failed, Program, need, wait_for

# Whatever makes, fills, syncs, names or removes a file. write and its relatives are also what lines of the log go by: those
# rounds find nothing on the disk changed, which is a case, too.
CALLS = ("openat,write,writev,pwrite64,pwritev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,"
         "mkdir,mkdirat")


class Cut:
    """gh: a box that was made ready and stopped; every round begins from the state that the first Cut of it found.
    program: "gh-keys/0". act(n): what it shall do in round n; true: it was acknowledged. look(): what is there, or None while
    the box does not answer yet."""

    def __init__(self, place, gh, program, act, look, ready=None, calls=CALLS):
        self.place, self.gh, self.program, self.act, self.look, self.calls = place, gh, program, act, look, calls
        self.ready = ready or (lambda: True)
        self.kept = place.path("kept-" + gh.name)
        if not os.path.exists(self.kept):
            subprocess.run(["cp", "-a", gh.state, self.kept], check=True)

    def rounds(self, most=80):
        """(n, was it killed, was it acknowledged, what is there after gh-super started the program again, and after all was
        started again) for each, until a round in which the program made fewer calls than that."""
        for n in range(1, most + 1):
            shutil.rmtree(self.gh.state)
            subprocess.run(["cp", "-a", self.kept, self.gh.state], check=True)
            self._start()
            old = self.gh.pids()[self.program]
            tracer = self._tracer(old, n)
            acknowledged = bool(self.act(n))
            killed = self._is_dead(old) if acknowledged else self._dies(old)
            tracer.stop()
            killed = killed or self._is_dead(old)
            if killed:
                wait_for("%s is started again" % self.program, lambda: self.gh.pids().get(self.program) not in (None, old), 15)
            there = wait_for("%s answers, after the call %d" % (self.program, n), self.look, 20, 0.1)
            self.gh.stop()
            self._start()
            again = wait_for("all answers, after the call %d" % n, self.look, 20, 0.1)
            self.gh.stop()
            yield n, killed, acknowledged, there, again
            if not killed:
                return
        raise Failed("%s was still killed at its call %d" % (self.program, most))

    def _start(self):
        self.gh.start(is_empty=True)
        wait_for("the box is ready", self.ready, 20, 0.1)
        wait_for("%s runs" % self.program, lambda: self.program in self.gh.pids(), 10)

    def _tracer(self, pid, n):
        t = Program(self.place, "strace", [need("strace"), "-qq", "-f", "-p", str(pid), "-e", "trace=" + self.calls, "-e",
                                           "inject=%s:signal=SIGKILL:when=%d" % (self.calls, n)])
        wait_for("strace is there", lambda: self._is_watched(pid), 10)
        return t

    @staticmethod
    def _is_watched(pid):
        """Or dead already: a line of the log was its first call."""
        try:
            with open("/proc/%d/status" % pid, encoding="ascii") as f:
                return "TracerPid:\t0\n" not in f.read()
        except OSError:
            return True

    def _dies(self, pid):
        """Who asked may see the end of the connection before the process is gone."""
        try:
            return wait_for("it is gone", lambda: self._is_dead(pid), 1)
        except Failed:
            return False

    @staticmethod
    def _is_dead(pid):
        try:
            with open("/proc/%d/stat" % pid, encoding="ascii") as f:
                return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            return True
