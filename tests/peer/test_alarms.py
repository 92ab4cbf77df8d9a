"""Alarms: raised, cleared, remembered; over the death of gh-log and of who raised them."""
import os
import signal

from harness.case import PeerCase
from harness.place import wait_for


class Alarms(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        cls.gh.user("a")
        cls.gh.start()

    def standing(self, name, key=None):
        return [r for r in self.gh.records("show", "alarms") if r["alarm"] == name and key in (None, r["key"])]

    def history(self, name, event):
        return [r for r in self.gh.records("show", "alarms", "history") if r["alarm"] == name and r["event"] == event]

    def test_a_program_that_ends_by_itself(self):
        self.gh.kill("gh-xlate")
        got = wait_for("the alarm", lambda: self.standing("ProgramRestarts", "gh-xlate/0"), 10)[0]
        self.assertEqual((got["severity"], got["program"]), ("major", "gh-log"))
        self.assertTrue(got["do"])
        self.assertTrue([r for r in self.history("ProgramRestarts", "raised") if r["key"] == "gh-xlate/0"])
        self.assertIn("log.alarm.raised alarm=ProgramRestarts key=gh-xlate/0", self.gh.log())

    def test_what_stands_and_what_was_survive_gh_log(self):
        self.gh.kill("gh-line")
        since = wait_for("the alarm", lambda: self.standing("ProgramRestarts", "gh-line/0"), 10)[0]["since"]
        self.gh.kill("gh-log")
        after = wait_for("gh-log's own end", lambda: self.standing("ProgramRestarts", "gh-log/0"), 15)
        self.assertTrue(after)
        self.assertEqual(self.standing("ProgramRestarts", "gh-line/0")[0]["since"], since)
        self.assertTrue([r for r in self.history("ProgramRestarts", "raised") if r["key"] == "gh-line/0"])

    def test_nothing_else_stands(self):
        self.assertEqual([r for r in self.gh.records("show", "alarms") if r["alarm"] not in
                          ("ProgramRestarts", "ClockNotSynchronised", "DiskNearlyFull")], [])


class Stop(PeerCase):
    def test_a_box_that_stops_and_starts_knows_its_alarms(self):
        gh = self.gatehouse("near.example").start()
        gh.kill("gh-line")
        wait_for("the alarm", lambda: any(r["key"] == "gh-line/0" for r in gh.records("show", "alarms")), 10)
        os.kill(gh.program.pid, signal.SIGKILL)
        gh.stop()
        gh.start(is_empty=True)
        self.assertTrue([r for r in gh.records("show", "alarms", "history") if r["key"] == "gh-line/0"])
        gh.stop()
