"""ghsh as a login shell: nobody gets out of it, whatever the environment, the keys or the lines are."""
import json
import os
import signal
import subprocess
import time

from harness.case import PeerCase
from harness.console import Console, PROMPT
from harness.place import BIN, wait_for


class LoginShell(Console):
    """As sshd and login start it: with a dash before its name."""

    def start(self, gh, slave, options, environment):
        return subprocess.Popen(["-ghsh", "--socket", gh.socket] + list(options), executable=os.path.join(BIN, "ghsh"), stdin=slave,
                                stdout=slave, stderr=slave, start_new_session=True, env=dict(dict(os.environ, TERM="vt100"), **environment))


class Shell(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example").start(is_empty=True)

    def console(self, *options, **environment):
        c = LoginShell(self.gh, *options, environment=environment)
        self.addCleanup(c.close)
        return c

    def children(self, c):
        with open("/proc/%d/task/%d/children" % (c.child.pid, c.child.pid)) as f:
            return f.read().split()

    def test_no_key_starts_a_program(self):
        marker = self.place.path("out")
        editor = self.place.write("editor", "#!/bin/sh\ntouch %s\n" % marker)
        os.chmod(editor, 0o755)
        c = self.console(EDITOR=editor, VISUAL=editor, PAGER=editor, LESSOPEN="|" + editor, SHELL=editor, ENV=editor,
                         EDITRC=self.place.write("editrc", "bind ^X^E vi-histedit\nedit on\n"), HOME=self.place.path())
        for keys in ("\x18\x05", "\x1bx", "\x1bX", "\x1b!", "\x1bv", "\x1a", "\x1b:", "v"):
            c.type(keys)
            c.type("vi-histedit\n")
            c.wait(PROMPT)
            self.assertEqual(self.children(c), [], repr(keys))
        for line in ("!sh", "!touch " + marker, "|sh", "`sh`", "$(sh)", "shell", "sh", "bind ^X vi-histedit", "exec sh", "../../bin/sh", "help; sh", "show version | sh"):
            self.assertRegex(c.say(line), "error: ", line)
            self.assertEqual(self.children(c), [], line)
        self.assertFalse(os.path.exists(marker))

    def test_the_kernel_refuses_programs(self):
        c = self.console()
        with open("/proc/%d/status" % c.child.pid) as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        self.assertEqual(status["Seccomp"], "2")

    def test_files_outside_the_folder_have_no_name(self):
        c = self.console()
        for name in ("/etc/passwd", "../passwd", "./x", ".hidden", "a/../../etc/passwd", "-", "/dev/stdin", "a//b"):
            self.assertIn("cannot be read", c.say("load " + name), name)

    def test_hostile_lines(self):
        c = self.console()
        for line in ("\x00\x01\x02", "a" * 3000, '"' + "x" * 3500 + '"', " ".join(["w"] * 100), "\udcff\udcfe\udc80", "é" * 300, "set system name \x1b[2Jx"):
            os.write(c.fd, line.encode("utf-8", "surrogateescape") + b"\n")
            c.wait(PROMPT, 20)
        self.assertIn("version", c.say("show version"))

    def test_hostile_terminals(self):
        for term in ("../../../etc/passwd", "x" * 5000, "", "no-such-terminal", "%s%s%n", "a b"):
            c = self.console(TERM=term, TERMINFO="/tmp", TERMCAP="x:", LINES="-1", COLUMNS="99999999999")
            self.assertIn("version", c.say("show version"), term)
            c.close()

    def test_nobody_there_and_no_gh_conf(self):
        c = self.console("--idle", "1")
        self.assertIn("nobody typed", c.wait("nobody typed for too long", 10))
        c.child.wait(5)

    def test_hang_up(self):
        c = self.console()
        c.say("set system name other")
        c.child.send_signal(signal.SIGHUP)
        self.assertIn(c.child.wait(5), (-signal.SIGHUP, 0))  # by the signal, or at the end of its input
        self.assertEqual(self.gh.records("show", "settings", "system", "name"), [])
        wait_for("its session ends", lambda: len(self.gh.records("show", "operator-sessions")) == 1, 5)

    def test_classic_answers(self):
        c = self.console("--classic")
        self.assertRegex(c.say("set system name classic"), r"\nSUCCESS\n")
        self.assertRegex(c.say("set system name"), r"\nFAILURE: ")
        c.say("discard")

    def test_every_show_gives_json(self):
        rows = [r for r in self.gh.records("help") if next(iter(r.values())).startswith(("show ", "capture status", "capture list", "certificate show", "history", "diff"))]
        self.assertGreater(len(rows), 20)
        wait_for("all programs answer", lambda: self.gh.operator("show", "counters").returncode == 0, 10)
        for row in rows:
            words = [w for w in next(iter(row.values())).split() if not w.startswith("[")]
            words = ["near.example" if w == "<domain>" else "nobody" if w.startswith("<") else w for w in words]
            got = self.gh.operator("--json", *words)
            self.assertIn(got.returncode, (0, 1), words)
            self.assertIsInstance(json.loads(got.stdout), list, words)
