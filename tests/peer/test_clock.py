"""A wrong clock, decades behind or ahead: the box stays manageable, and says everywhere that it is the clock. Root only."""
import calendar
import hashlib
import os
import time

from harness.case import PeerCase
from harness.gatehouse import Gatehouse
from harness.netns import own_network
from harness.opersock import Oper
from harness.place import Failed, wait_for
from harness.webadmin import FIRST, OWN, Web
from harness.wrongclock import WrongClock

ALARM = "ClockImplausible"


def second(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%d"))


class Shifted(Gatehouse):
    """It lives by the clock of its own."""
    clock = None

    def _guard(self):
        return self.clock.words() + super()._guard()


class Wrong:
    DATE, WHY, JUDGED = "", "", ""

    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("a clock of its own needs a namespace of mounts: root only")
        own_network()
        cls.addr = cls.place.addr()
        cls.gh = Shifted(cls.place, "near.example", cls.pki.make("good", "near.example"), cls.pki.ca, cls.dns, settings=(
            "set web certificate own", "set web listen v4 %s 443" % cls.addr))
        cls.gh.super_options = ["--appliance"]
        cls.gh.clock = WrongClock(cls.place)
        # set up at the right time, as a box is; then its battery is empty
        cls.gh.start()
        cls.gh.ghsh("operator add anna admin %s\n" % FIRST)
        cls.log_in_first()
        cls.gh.stop()
        cls.gh.clock.set(second(cls.DATE) + 43200)
        cls.gh.start(is_empty=True)
        wait_for("the alarm", lambda: cls.alarms().get((ALARM, "")), 15)

    @classmethod
    def log_in_first(cls):
        w = Web(cls.addr)
        wait_for("the web serves", lambda: cls.reach(w), 15)
        assert w.login("anna", FIRST, new_password=OWN).status == 201

    @staticmethod
    def reach(web):
        try:
            return web.ask("GET", "openapi.json").status == 200
        except OSError:
            return False

    @classmethod
    def alarms(cls):
        return {(r["alarm"], r["key"]): r for r in cls.gh.records("show", "alarms", check=False) or []}

    def test_the_alarm_and_the_log_say_so(self):
        a = self.alarms()[(ALARM, "")]
        self.assertEqual(a["severity"], "critical")
        self.assertIn(self.WHY, a["text"])
        self.assertIn(self.DATE[:4], a["text"])
        self.assertIn("conf.clock.wrong", self.gh.log())
        history = [r for r in self.gh.records("show", "alarms", "history") if r["alarm"] == ALARM]
        self.assertEqual([r["event"] for r in history], ["raised"], history)

    def test_show_time_says_so(self):
        r = wait_for("gh-time answers", lambda: (self.gh.records("show", "time", check=False) or [None])[0], 15)
        self.assertEqual(r["utc"][:4], self.DATE[:4])
        self.assertIn("the clock is wrong: it says a time " + self.WHY, r["trouble"])

    def test_the_console_works(self):
        self.gh.commit("set log level debug", "set log level info")
        self.assertEqual(self.gh.operator("audit", "verify").returncode, 0)
        o = Oper(self.gh.socket)
        self.addCleanup(o.close)
        # a password that the clock believes to be old is changed on the way in, and is no reason to stay out
        got = o.login("anna", OWN) if self.JUDGED != "has expired" else o.login("anna", self.password())
        self.assertEqual(got.rc, 0, got.text)

    def password(self):
        """Anna's, after the change that 2060 demands of her."""
        if not getattr(type(self), "is_changed", False):
            w = Web(self.addr)
            w.login("anna", OWN, new_password="Other-lamp-river-91")
            type(self).is_changed = True
        return "Other-lamp-river-91"

    def test_codes_are_waived_at_the_console_alone(self):
        """Nobody's authenticator fits a wrong clock: who stands before the box gets in to set it, and the trail says so."""
        self.gh.ghsh("operator add vera admin %s\n" % FIRST)
        first = Oper(self.gh.socket)
        self.addCleanup(first.close)
        self.assertEqual(first.login("vera", FIRST, new=OWN).rc, 0)
        path = os.path.join(self.gh.state, "conf", "accounts")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        body = text[:text.rindex("sha256 ")]
        body += "totp on %s 0\n" % ("ab" * 20) if body.rindex("account vera") == body.rindex("account ") else ""
        self.assertIn("totp on", body)
        with open(path, "w", encoding="utf-8") as f:
            f.write(body + "sha256 " + hashlib.sha256(body.encode()).hexdigest() + "\n")
        self.gh.kill("gh-conf")
        wait_for("gh-conf is back", lambda: self.gh.operator("show", "version").returncode == 0, 15)
        o = Oper(self.gh.socket)
        self.addCleanup(o.close)
        self.assertEqual(o.login("vera", OWN).rc, 0)
        self.assertIn("not asked for at the console: the clock is wrong", str(self.gh.records("show", "audit")))
        w = Web(self.addr)
        wait_for("the web serves", lambda: self.reach(w), 15)
        self.assertEqual(w.login("vera", OWN).code, "need-code")
        self.gh.ghsh("operator delete vera\n")

    def test_the_web_works(self):
        w = Web(self.addr)
        wait_for("the web serves", lambda: self.reach(w), 15)
        r = w.login("anna", OWN if self.JUDGED != "has expired" else self.password())
        self.assertEqual(r.status, 201, r.body)
        shown = w.ask("GET", "show/alarms").json()["records"]
        self.assertIn(ALARM, [a["alarm"] for a in shown])
        self.assertEqual(w.ask("PUT", "settings/log/level", {"value": "info"}).status, 200)
        self.assertEqual(w.ask("POST", "commit").status, 200)
        self.assertEqual(w.ask("GET", "show/version").status, 200)  # the session lives: it hangs on no clock

    def test_certificates_are_judged_with_a_word_about_the_clock(self):
        got = self.gh.operator(text="set log level debug\ncheck\ndiscard\n")
        self.assertEqual(got.returncode, 0, got.stderr)
        said = [l for l in got.stderr.splitlines() if "certificate own chain" in l]
        self.assertEqual(len(said), 1, got.stderr)
        self.assertIn("the certificate %s (by the clock of this box, which is wrong: it says %s" % (self.JUDGED, self.DATE[:4]), said[0])

    def test_z_set_right_under_way(self):
        """The last one: a time server is found, and the clock steps by decades."""
        pids, at = self.gh.pids(), len(self.gh.log())
        w = Web(self.addr)
        self.assertEqual(w.login("anna", OWN if self.JUDGED != "has expired" else self.password()).status, 201)
        self.gh.clock.set(None)
        wait_for("the alarms end", lambda: not [k for k in self.alarms() if k[0] in (ALARM, "CertificateEnded")], 15)
        self.assertIn("conf.clock.right", self.gh.log()[at:])
        self.assertEqual(w.ask("GET", "show/version").status, 200)  # nobody is thrown out by it
        self.assertEqual(self.gh.operator("audit", "verify").returncode, 0)
        self.assertEqual(self.gh.pids(), pids)
        got = self.gh.operator(text="set log level debug\ncheck\ndiscard\n")
        self.assertNotIn("certificate own chain", got.stderr)


class Behind(Wrong, PeerCase):
    DATE, WHY, JUDGED = "1970-01-02", "before this version was made", "is not valid yet"


class Ahead(Wrong, PeerCase):
    DATE, WHY, JUDGED = "2060-06-01", "more than 20 years after this version was made", "has expired"

    def test_expired_certificates_have_alarms_that_name_the_clock(self):
        a = wait_for("the certificate's alarm", lambda: self.alarms().get(("CertificateEnded", "near.example")), 15)
        self.assertIn("the clock of this box is wrong: see the alarm ClockImplausible", a["text"])
