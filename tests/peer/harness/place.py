"""A place for one test: a folder, loopback addresses of its own, programs that end with it.

Tests run side by side: each place owns a block 127.B.C.0/24 (held by a bound socket, so it is free
again whatever happens), and IPv6 ports that the kernel chose.
"""
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BIN = os.environ.get("GATEHOUSE_BIN", os.path.join(TOP, "build", "release", "bin"))


# Limits are those of a quiet machine; times this on others.
PATIENCE = float(os.environ.get("PATIENCE", "1"))


class Failed(Exception):
    """Something that a test waited for did not come."""


def wait_for(what, predicate, seconds=10.0, step=0.05):
    """Waits until predicate() gives something true and returns it; Failed names what was missing."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        got = predicate()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed("%s: not within %.1f s" % (what, seconds))
        time.sleep(step)


def port_open(addr, port):
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(1)
        return s.connect_ex((addr, port)) == 0


def free_port6():
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.bind(("::1", 0))
        return s.getsockname()[1]


def need(program):
    """A foreign program that must be there: a test fails, and does not skip, without it."""
    for folder in ("/usr/bin", "/usr/sbin", "/sbin", "/bin"):
        path = os.path.join(folder, program)
        if os.path.exists(path):
            return path
    raise Failed("program missing: %s (packages/test lists what to install)" % program)


class Program:
    """A child in its own session, with a log file; stop() ends it and all of its children."""

    def __init__(self, place, name, argv, env=None, cwd=None):
        self.place, self.name = place, name
        self.log = os.path.join(place.folder, name + ".log")
        full = dict(os.environ)
        full.update(env or {})
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          env=full, cwd=cwd or place.folder, start_new_session=True)
        place.programs.append(self)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def wait_log(self, needle, seconds=10.0, after=0):
        def look():
            at = self.text().find(needle, after)
            return at + 1 if at >= 0 else 0
        return wait_for("%s says '%s'" % (self.name, needle), look, seconds)

    def stop(self, grace=5.0):
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(grace)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.child.wait()


class Place:
    def __init__(self, name="t"):
        self.folder = tempfile.mkdtemp(prefix="gh-%s-" % name[:40])
        os.chmod(self.folder, 0o755)
        self.programs = []
        self.closers = []
        self._host = 0
        self._claim()

    def _claim(self):
        for _ in range(500):
            self.net = "127.%d.%d" % (random.randint(40, 250), random.randint(0, 250))
            self._lock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._lock.bind((self.net + ".254", 9999))
                return
            except OSError:
                self._lock.close()
        raise Failed("no free block of loopback addresses")

    def addr(self):
        """The next address of this place that nobody uses."""
        self._host += 1
        return "%s.%d" % (self.net, self._host)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def on_close(self, fn):
        self.closers.append(fn)

    def logs(self, lines=60):
        out = []
        for p in self.programs:
            try:
                tail = p.text().splitlines()[-lines:]
            except OSError:
                continue
            out.append("---- %s (%s)" % (p.name, p.log))
            out += tail
        return "\n".join(out)

    def close(self, keep=False):
        for fn in reversed(self.closers):
            try:
                fn()
            except Exception as e:  # a broken closer must not keep the others from running
                print("closing: %r" % e)
        for p in reversed(self.programs):
            p.stop()
        self._lock.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
