"""Alarms: raised, cleared, remembered; over the death of gh-log and of who raised them."""
import os
import signal
import subprocess

from harness.case import PeerCase
from harness.place import need, wait_for
from harness.prosody import Prosody


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
        """Not even for gh-s2s, which ends in order when the first source address is set."""
        self.assertEqual([r for r in self.gh.records("show", "alarms") if (r["alarm"], r["key"]) not in
                          [("ProgramRestarts", p + "/0") for p in ("gh-xlate", "gh-line", "gh-log")]], [])


class Conditions(PeerCase):
    """What gh-log itself sees."""
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        cls.gh.start()

    def standing(self):
        return [(r["alarm"], r["key"]) for r in self.gh.records("show", "alarms")]

    def test_room_on_the_disk(self):
        self.assertNotIn(("DiskNearlyFull", ""), self.standing())
        self.gh.commit("set system disk-free 99")
        wait_for("the alarm", lambda: ("DiskNearlyFull", "") in self.standing(), 10)
        self.gh.commit("delete system disk-free")
        wait_for("it is over", lambda: ("DiskNearlyFull", "") not in self.standing(), 10)


class Partner(PeerCase):
    """A partner with a row that cannot be reached; one that is only somebody's address raises nothing."""
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example", peers={"gone.example": {"action": "allow"}}, mode="open",
                               settings=("set federation queue age 1", "set federation queue stanzas 3",
                                         "set federation connect-timeout 500"))
        cls.gh.user("a")
        cls.addr = cls.place.addr()
        cls.dns.a("xmpp.gone.example", cls.addr)
        cls.dns.srv("gone.example", "xmpp.gone.example", 5269)
        cls.dns.a("xmpp.stranger.example", cls.addr)
        cls.dns.srv("stranger.example", "xmpp.stranger.example", 5269)
        cls.gh.start()

    def standing(self, name):
        return [r["key"] for r in self.gh.records("show", "alarms") if r["alarm"] == name]

    def test_unreachable_until_it_is_there(self):
        s = self.login(self.gh, "a")
        for i in range(8):
            s.message("b@gone.example", "m%d" % i)
            s.message("b@stranger.example", "m%d" % i)
        wait_for("the alarm", lambda: self.standing("PartnerUnreachable") == ["gone.example"], 20, 0.3)
        self.assertTrue([r for r in self.gh.records("show", "alarms", "history")
                         if r["alarm"] == "QueueFull" and r["key"] == "gone.example"])
        wait_for("the queue is empty", lambda: not self.standing("QueueFull"), 15, 0.3)
        there = Prosody(self.place, "gone.example", self.pki.make("good", "gone.example"), self.pki.ca, self.dns, addr=self.addr)
        self.gh.publish()
        there.start()

        def over():
            s.message("b@gone.example", "again")
            return not self.standing("PartnerUnreachable")
        wait_for("the alarm is over", over, 30, 1)


class Certificate(PeerCase):
    def test_until_it_is_renewed(self):
        gh = self.gatehouse("near.example", "expired").start()

        def standing():
            return [(r["alarm"], r["key"]) for r in gh.records("show", "alarms")]
        wait_for("the alarm", lambda: standing() == [("CertificateEnded", "near.example")], 10)
        good = self.pki.make("good", "near.example")
        gh.ghsh("certificate import new %s\nset domain near.example certificate new\ncommit\n" % self.place.write("good.pem", good.text() + good.key_text()))
        wait_for("it is over", lambda: standing() == [], 10)
        gh.stop()


class Metrics(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example")
        cls.gh.user("a")
        cls.gh.start()

    def test_promtool_has_no_complaint(self):
        self.login(self.gh, "a")
        text = self.gh.operator("show", "metrics").stdout
        got = subprocess.run([need("promtool"), "check", "metrics"], input=text, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        self.assertEqual((got.returncode, got.stdout), (0, ""), text[:2000])
        self.assertRegex(text, r'(?m)^gatehouse_certificate_expiry_timestamp_seconds\{certificate="own"\} \d{10}$')
        self.assertRegex(text, r'(?m)^gatehouse_alarms_major\{program="gh-log",instance="0"\} \d+$')
        shown = {(r["program"], r["instance"], r["counter"]) for r in self.gh.records("show", "counters")}
        series = [l for l in text.splitlines() if not l.startswith("#")]
        self.assertGreaterEqual(len(series), len(shown))
        self.assertEqual(len(series), len({l.rpartition(" ")[0] for l in series}))
        self.assertNotIn("a@near", text)

    def test_openmetrics(self):
        text = self.gh.operator("show", "metrics", "openmetrics").stdout
        self.assertTrue(text.rstrip().endswith("# EOF"))
        self.assertNotEqual(self.gh.operator("show", "metrics", "xml").returncode, 0)


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
