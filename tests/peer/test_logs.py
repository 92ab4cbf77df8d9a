"""The log of the box: lines of all programs, kept over every death, filtered, followed, never forged."""
import json
import os
import subprocess
import threading
import time

from harness.case import PeerCase
from harness.place import BIN, wait_for


class Logs(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        cls.gh.user("a")
        cls.gh.start()

    def lines(self, *words):
        return self.gh.records("show", "log", *words)

    def test_lines_of_all_programs(self):
        who = {r["program"] for r in self.lines("last=10000")}
        self.assertLessEqual({"gh-super[0]", "gh-conf[0]", "gh-access[0]", "gh-s2s[0]", "gh-turn[0]"}, who)
        first = self.lines("last=10000", "program=gh-super")[0]
        self.assertEqual(first["event"], "super.started")

    def test_filters(self):
        s = self.login(self.gh, "a")
        got = wait_for("the session's line", lambda: self.lines("event=c2s.session.opened"), 5)[-1]
        self.assertIn(s.jid, got["text"])
        trace = [w for w in got["text"].split() if w.startswith("id=")][0][3:]
        self.assertTrue(all(trace in r["text"] for r in self.lines("trace=" + trace)))
        self.assertEqual(self.lines("level=error", "program=gh-access"), [])
        self.assertEqual(len(self.lines("last=3")), 3)
        self.assertTrue(self.lines("domain=near.example", "since=1h"))
        self.assertEqual(self.lines("since=0s", "until=1h"), [])
        for bad in ("level=loud", "colour=red", "last=0", "program=gh-none"):
            got = self.gh.operator("show", "log", bad)
            self.assertNotEqual(got.returncode, 0, bad)
            self.assertIn("=", got.stdout + got.stderr)

    def test_nothing_is_lost_while_gh_log_is_away(self):
        before = self.gh.pid("gh-log")
        os.kill(before, 9)
        for i in range(5):  # lines of gh-conf while nobody reads them
            self.gh.ghsh("set log level info\ndiscard\n")
        self.gh.kill("gh-xlate")
        wait_for("gh-log runs again", lambda: self.gh.pids().get("gh-log/0") not in (None, before), 15)
        got = wait_for("the line of that time", lambda: [r for r in self.gh.records("show", "log", "event=super.ended", check=False)
                                                         if "gh-xlate" in r["text"]], 15)
        self.assertTrue(got)
        self.assertTrue([r for r in self.lines("event=super.ended") if "gh-log" in r["text"]])

    def test_follow(self):
        got = []
        p = subprocess.Popen([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket, "--json", "show", "log", "follow=3", "event=c2s."],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        reader = threading.Thread(target=lambda: got.extend(json.loads(p.stdout.read())))
        reader.start()
        time.sleep(1)
        self.login(self.gh, "a")
        reader.join(15)
        self.assertEqual(p.wait(5), 0)
        self.assertIn("c2s.session.opened", [r["event"] for r in got])

    def test_names_of_strangers_are_readable_text_in_one_line(self):
        with self.assertRaises(Exception):
            self.login(self.gh, "gu\u00e9st")
        wait_for("the line", lambda: [r for r in self.lines("event=im.login.failed") if "gu\u00e9st@near.example" in r["text"]], 5)
        for r in self.lines("last=10000"):
            for v in r.values():
                self.assertFalse([c for c in v if ord(c) < 32 or 0x7f <= ord(c) < 0xa0 or c in "\u2028\u2029\u202e"], r)

    def test_standard_error_can_be_left_out(self):
        self.gh.commit("set log standard-error off")
        try:
            before = len(self.gh.log())
            self.login(self.gh, "a")
            wait_for("the line in show log", lambda: self.lines("event=c2s.session.opened", "since=3s"), 5)
            self.assertNotIn("c2s.session.opened", self.gh.log()[before:])
        finally:
            self.gh.commit("delete log standard-error")


class Bounds(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        cls.gh.user("a")
        cls.gh.start()

    def test_files_are_bounded(self):
        self.gh.commit("set log file-size 64", "set log files 2", "set log level debug")
        folder = os.path.join(self.gh.state, "log")

        def removed():
            for _ in range(5):
                self.login(self.gh, "a").close()
            return [r for r in self.gh.records("show", "counters", "gh-log")
                    if r["counter"] == "log.files.removed" and int(r["value"]) > 0]
        wait_for("old files have gone", removed, 60, 0)
        files = [f for f in os.listdir(folder) if f.startswith("lines-")]
        self.assertLessEqual(len(files), 2)
        for f in files:
            self.assertLess(os.path.getsize(os.path.join(folder, f)), 200 << 10)


class Debug(PeerCase):
    """log debug for a while: of one name, then not any more."""
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        cls.gh.user("a")
        cls.gh.user("b")
        cls.gh.start()

    def lines(self):
        return [r["text"] for r in self.gh.records("show", "log", "event=im.stanza.sent", "last=10000")]

    def watched(self):
        return {(r["kind"], r["name"], r["program"]): int(r["seconds_left"]) for r in self.gh.records("show", "log", "debug")}

    def test_a_user_until_it_ends_by_itself(self):
        a, b = self.login(self.gh, "a"), self.login(self.gh, "b")
        a.message("x@near.example", "before")
        self.assertEqual((self.lines(), self.watched()), ([], {}))
        self.gh.ghsh("log debug user A@NEAR.example 4\n")
        left = self.watched()
        self.assertTrue(0 < left[("user", "a@near.example", "gh-im")] <= 4, left)
        self.assertIn(("user", "a@near.example", "gh-s2s"), left)
        b.message("x@near.example", "not his")
        a.message("x@near.example", "planted-words")
        got = wait_for("his line", self.lines, 5)
        self.assertTrue(all("from=a@near.example/" in t for t in got), got)
        self.assertNotIn("planted-words", "".join(got))
        wait_for("it ends", lambda: not self.watched(), 10)
        n = len(self.lines())
        a.message("x@near.example", "after")
        self.login(self.gh, "a")
        self.assertEqual(len(self.lines()), n)
        self.assertTrue(self.gh.records("show", "log", "event=log.debug.ended", "program=gh-im"))

    def test_it_survives_nothing_and_can_be_ended(self):
        self.gh.ghsh("log debug domain Far.Example 3600\n")
        self.assertIn(("domain", "far.example", "gh-xlate"), self.watched())
        self.gh.kill("gh-xlate")
        wait_for("the new one answers", lambda: [r for r in self.gh.records("show", "counters", "gh-xlate", check=False)], 10)
        self.assertNotIn(("domain", "far.example", "gh-xlate"), self.watched())
        self.assertIn(("domain", "far.example", "gh-s2s"), self.watched())
        self.gh.ghsh("log debug off\n")
        self.assertEqual(self.watched(), {})
        for bad in (("domain", "far.example", "0"), ("domain", "far.example", "3601"), ("domain", "not a domain"), ("user", "near.example")):
            self.assertNotEqual(self.gh.operator("log", "debug", *bad).returncode, 0, bad)
        self.assertEqual(self.watched(), {})
