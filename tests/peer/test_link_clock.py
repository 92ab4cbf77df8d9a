"""An edge whose clock is wrong (mra test 30): both boxes say so, and what fails for the time says that it is the time. Root only."""
import time

from harness.gatehouse import Gatehouse
from harness.linked import EDGE_OUTSIDE, LinkedCase
from harness.people import DOMAIN
from harness.place import wait_for
from harness.turnclient import Refused, TurnClient
from harness.wrongclock import WrongClock

OUTSIDE = "10.79.1.1"
ALARM = "LinkClocksDiffer"
MINUTE, HOUR = 60, 3600


class Shifted(Gatehouse):
    """It lives by the clock of its own."""

    def __init__(self, place, *args, **options):
        super().__init__(place, *args, **options)
        self.clock = WrongClock(place)

    def _guard(self):
        return self.clock.words() + super()._guard()


class EdgeClock(LinkedCase):
    SECRET = "a shared secret of both"
    DOOR = "set turn listen-udp v4 %s 3478" % EDGE_OUTSIDE
    edge_options, core_options = {"role": "edge"}, {"role": "core"}
    edge_settings = (DOOR, "set turn realm " + DOMAIN, "set turn relay-address v4 " + EDGE_OUTSIDE, 'set turn secret one "%s"' % SECRET,
                     "set turn fast-path off", "set turn allow-peer outside %s/32" % OUTSIDE)
    core_settings = (DOOR, "set turn service-host " + DOMAIN, 'set turn secret one "%s"' % SECRET)

    @classmethod
    def gatehouse(cls, domain, kind="good", **options):
        made = Shifted if options["name"] == "edge" else Gatehouse
        return made(cls.place, domain, cls.pki.make(kind, domain), cls.pki.ca, cls.dns, **options)

    def clock(self, ahead_s):
        self.edge.clock.set(time.time() + ahead_s if ahead_s else None)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.clock, 0)
        wait_for("the clocks agree", lambda: not self.alarm(self.core) and not self.alarm(self.edge), 15, 0.3)

    @staticmethod
    def alarm(gh):
        """(key, text) of the alarm, or None."""
        return next(((a["key"], a["text"]) for a in gh.records("show", "alarms") if a["alarm"] == ALARM), None)

    def test_ten_minutes(self):
        for ahead, at_core, at_edge in ((10 * MINUTE, "ahead of ours", "behind ours"), (-10 * MINUTE, "behind ours", "ahead of ours")):
            with self.subTest(ahead):
                self.clock(ahead)
                key, text = wait_for("the alarm at the core", lambda: self.alarm(self.core), 15, 0.3)
                self.assertEqual(key, "one")
                self.assertIn(at_core, text)
                self.assertIn(at_edge, wait_for("the alarm at the edge", lambda: self.alarm(self.edge), 15, 0.3)[1])
                self.assertIn(" link.clock with=one ", self.core.log())
                for gh, sign in ((self.core, 1), (self.edge, -1)):
                    wait_for("all connections know", lambda gh=gh, sign=sign: all(
                        abs(int(r["clock-ahead-s"]) - sign * ahead) < 5 for r in self.links(gh)), 10, 0.3)
                self.outside(self.people("u")).close()  # a chat goes on by a channel of its own
                self.clock(0)
                wait_for("it is over", lambda: not self.alarm(self.core) and not self.alarm(self.edge), 15, 0.3)

    def test_credentials_of_the_relay(self):
        """They are good by the core's clock, and by the edge's they have ended: refused, and the log says why."""
        s = self.outside(self.people("u"))
        got = next(s.iq("get", "<services xmlns='urn:xmpp:extdisco:2' type='turn'/>", DOMAIN).iter("{urn:xmpp:extdisco:2}service"))
        user, password = got.get("username"), got.get("password")
        good = TurnClient(EDGE_OUTSIDE, OUTSIDE, user, password)
        self.addCleanup(good.close)
        good.allocate()
        self.clock(int(user.partition(":")[0]) - time.time() + HOUR)
        wait_for("the alarm at the edge", lambda: self.alarm(self.edge), 15, 0.3)
        late = TurnClient(EDGE_OUTSIDE, OUTSIDE, user, password)
        self.addCleanup(late.close)
        with self.assertRaises(Refused) as e:
            late.allocate()
        self.assertEqual(e.exception.code, 401)
        self.assertIn('why="the time-limited name has expired"', wait_for("the log", lambda: [
            line for line in self.edge.log().splitlines() if " turn.refused " in line], 5)[-1])
