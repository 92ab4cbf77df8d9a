"""ghsh as a login shell: nobody gets out of it, whatever the environment, the keys or the lines are."""
import json
import os
import re
import signal
import subprocess
import time

from harness.case import PeerCase
from harness.console import Console, PROMPT
from harness.place import BIN, PATIENCE, wait_for


class LoginShell(Console):
    """As sshd and login start it: with a dash before its name."""

    def start(self, gh, slave, options, environment):
        folder = environment.pop("GH_FOLDER", None)
        return subprocess.Popen(["-ghsh", "--socket", gh.socket] + list(options), executable=os.path.join(BIN, "ghsh"), stdin=slave,
                                stdout=slave, stderr=slave, start_new_session=True, cwd=folder, env=dict(dict(os.environ, TERM="vt100"), **environment))


def screen(text):
    """What a terminal shows of it: letters over letters where the cursor went back."""
    out, at = [], 0
    for letter in text:
        if letter == "\b":
            at -= 1
        elif letter == "\n":
            out.append(letter)
            at = len(out)
        elif letter != "\a":
            out[at:at + 1] = letter
            at += 1
    return "".join(out)


class Shell(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example").start(is_empty=True)

    def console(self, *options, folder=None, **environment):
        c = LoginShell(self.gh, *options, environment=dict(environment, **({"GH_FOLDER": folder} if folder else {})))
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
        self.assertIn(c.child.wait(5 * PATIENCE), (-signal.SIGHUP, 0))  # by the signal, or at the end of its input
        self.assertEqual(self.gh.records("show", "settings", "system", "name"), [])
        wait_for("its session ends", lambda: len(self.gh.records("show", "operator-sessions")) == 1, 5)

    def test_file_names_complete(self):
        """Where a command takes a file, Tab and ? know what lies in the person's folder, and nothing beside it."""
        home = self.place.path("home")
        for name, text in (("backups/old.txt", "set system name from-old\n"), ("backups/older.txt", "x"), ("images/gatehouse-2.img", "x"), ("spaced name.txt", "x"),
                           ("certificates/web.pem", "x"), ("certificates/web.key", "x"), ("certificates/g\u00e4ste.pem", "x"), (".hidden", "x"),
                           ("evil\x1b[2J.txt", "x"), ("logs/.keep", "x")):
            self.place.write("home/" + name, text)
        os.symlink("/etc/passwd", home + "/link")
        os.mkfifo(home + "/pipe")
        c = self.console(folder=home, TERM="dumb")

        def seen(c, typed, until):
            c.type(typed)
            text, end = "", time.monotonic() + 10
            while not re.search(until, screen(text)):
                self.assertLess(time.monotonic(), end, "no %s in %r" % (until, screen(text)[-500:]))
                text += c.wait("(?s).")
            return screen(text)

        def keys(typed, until):
            got = seen(c, typed, until)
            c.type("\x15\n")  # away with the line
            c.wait(PROMPT)
            return got
        listed = keys("load ?", r"(?s)<file>.*> load $")
        self.assertEqual(re.findall(r"(?m)^  (\S.*?)  +(.*)$", listed)[0][0], "<file>")
        self.assertEqual([w for w, _ in re.findall(r"(?m)^  (\S.*?)  +(.*)$", listed)][1:], ["backups/", "certificates/", "images/", "logs/", "spaced name.txt"])
        self.assertRegex(listed, r"spaced name\.txt +1 bytes, 20\d\d-\d\d-\d\d \d\d:\d\d UTC")
        self.assertNotIn("\x1b[2J", listed)
        keys("load ba\to\t", r"load backups/old$")  # as far as both go
        keys("load backups/old.\t", r"load backups/old\.txt $")
        keys("load sp\t", r'load "spaced name\.txt" $')
        keys("backup show b\tolder\t", r"backup show backups/older\.txt $")
        keys("backup restore backups/older\t", r"backup restore backups/older\.txt $")
        keys("upgrade install i\tg\t", r"upgrade install images/gatehouse-2\.img $")
        keys("certificate import web certificates/web.p\tcertificates/web.k\t", r"certificates/web\.pem certificates/web\.key $")  # each of several
        keys("certificate inspect certificates/g\t", "certificate inspect certificates/g\u00e4ste\\.pem $")
        keys("set certificate web chain certificates/web.p\t", r"chain certificates/web\.pem $")
        for typed in "load /et", "load ../", "load ./", "load li", "load .hi", "load backups/../../", "load pi", "load logs/", "load //":
            got = keys(typed + "\t", r"(?s)<file>.*> %s$" % re.escape(typed))
            self.assertEqual([w for w, _ in re.findall(r"(?m)^  (\S.*?)  +(.*)$", got)], ["<file>"], typed)
        c.type("merge ba\told.\t\n")
        c.wait(PROMPT)
        self.assertIn("from-old", c.say("diff"))
        c.say("discard")
        for i in range(450):
            self.place.write("home/logs/%03d" % i, "x")
        self.assertIn("<more>", keys("load logs/\t", r"(?s)<more>.*> load logs/$"))
        low = self.console("--role", "auditor", folder=home, TERM="dumb")
        low.type("load \t")  # he has no load: no names either
        got = seen(low, "\x15certificate inspect b\t", r"certificate inspect backups/$")
        self.assertNotIn("certificates/", got)

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
