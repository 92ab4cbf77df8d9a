"""Several cores behind one edge (mra test 22): who is with one that dies comes again, to the others; who is with those does not notice."""
import os
import signal
import time

from harness import raw
from harness.linked import EDGE_INNER, EDGE_OUTSIDE, FIREWALL, FRONT, LINK, LinkedCase
from harness.netns import Namespace
from harness.people import DOMAIN
from harness.phone import Phone, status
from harness.place import wait_for

CUT = """
table inet cut {
	chain in { type filter hook input priority 0
	iif != lo drop
	}
	chain out { type filter hook output priority 0
	oif != lo drop
	}
}
"""


class TwoCores(LinkedCase):
    """Each core has accounts of its own (M-08 is open), so people are made on both."""
    OTHER, OTHER_GATE = "10.79.3.2", "10.79.3.1"

    @classmethod
    def build(cls):
        super().build()
        cls.room = Namespace(cls)
        cls.room.wire("inner2", "up0", cls.OTHER + "/24", to=cls.dmz, far=(cls.OTHER_GATE + "/24",))
        cls.room.ip("route", "add", EDGE_INNER, "via", cls.OTHER_GATE)
        cls.room.nft(FIREWALL)
        cls.second = cls.box(cls.room, "core2", cls.OTHER, cls.certificate(
            "core2", cls.link_pki.make("good", "second.core.link.invalid", ("core.link.invalid",))) + [
            "set link edge one address %s %d" % (EDGE_INNER, LINK), "set link authority own " + cls.link_pki.ca])
        cls.both()

    @classmethod
    def both(cls):
        wait_for("eight links at the edge", lambda: len(cls.links(cls.edge)) == 8, 30, 0.2)
        wait_for("the second's", lambda: len(cls.links(cls.second)) == 4, 5, 0.2)

    def people(self, *names):
        made = super().people(*names)
        for m in [made] if isinstance(made, str) else made:
            self.second.user(m)
        return made

    def of(self, gh):
        """Whose streams a core has: their full addresses."""
        return {r["user"] for r in gh.records("show", "clients")}

    def shared(self):
        """Four streams, when nobody else is there any more, of which each core has two: [those of the first], [those of the second]."""
        self.close()
        streams = [self.outside(u) for u in self.people("a", "b", "c", "d")]
        first, second = self.of(self.core), self.of(self.second)
        split = [s for s in streams if s.jid in first], [s for s in streams if s.jid in second]
        self.assertEqual([len(x) for x in split], [2, 2])
        return split

    def login(self, user):
        """The stream, or the error that the client is told; either comes soon."""
        began = time.monotonic()
        try:
            return self.outside(user)
        except raw.Closed as e:
            return e.error
        finally:
            self.assertLess(time.monotonic() - began, 7)

    def lives(self, streams):
        for s in streams:
            self.assertEqual(s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", DOMAIN).get("type"), "result")
        self.chat(streams[0], streams[1], "undisturbed")

    def used_again(self):
        """The fewest sessions are with the one that has come back."""
        def is_taken():
            got = self.login(self.people("n"))
            if isinstance(got, str):
                return False
            is_there = got.jid in self.of(self.second)
            got.close()
            return is_there
        wait_for("the second has newcomers", is_taken, 10, 0.2)

    def close(self, *streams):
        for s in streams:
            s.close()
        wait_for("all have left", lambda: not [r for r in self.edge.records("show", "links") if r["sessions"] != "0"], 20, 0.2)

    def test_killed(self):
        stay, go = self.shared()
        for pid in [self.second.program.pid] + list(self.second.pids().values()):
            os.kill(pid, signal.SIGKILL)
        for s in go:
            s.until_closed(5)
        self.lives(stay)
        again = [self.login(s.jid.split("@")[0]) for s in go]
        self.assertTrue({s.jid for s in again} <= self.of(self.core))
        self.lives(stay + again)
        self.second.stop()
        self.second.users.clear()  # they are there
        with self.room:
            self.second.start()
        self.both()
        self.used_again()
        self.lives(stay)
        self.close(*stay, *again)

    def test_drained(self):
        """client drain at one core: its people stay, and newcomers are given to the other without being told to come again."""
        stay, go = self.shared()
        self.addCleanup(self.second.operator, "client", "drain", "off")
        self.assertEqual(self.second.operator("client", "drain").returncode, 0)
        wait_for("the edge knows", lambda: len([r for r in self.edge.records("show", "links") if r["reason"] == "client drain"]) == 4, 5, 0.1)
        came = [self.login(u) for u in self.people("a", "b", "c", "d")]
        self.assertTrue({s.jid for s in came} <= self.of(self.core))
        self.lives(stay + came)
        self.lives(go)
        self.assertEqual(self.second.operator("client", "drain", "off").returncode, 0)
        wait_for("the edge knows", lambda: not [r for r in self.edge.records("show", "links") if r["reason"] == "client drain"], 5, 0.1)
        self.used_again()
        self.close(*stay, *go, *came)

    def test_silent(self):
        """Its line is dead without a word: newcomers find the other long before the connection is given up (15 s)."""
        stay, go = self.shared()
        self.room.nft(CUT)
        cut = time.monotonic()
        came, told = [], []
        while len(told) == 0 and time.monotonic() - cut < 10:
            got = self.login(self.people("n"))
            (told if isinstance(got, str) else came).append(got)
        self.assertEqual(told, ["remote-connection-failed"])
        came += [self.login(self.people("n")) for _ in range(3)]
        self.assertTrue({s.jid for s in came} <= self.of(self.core))
        self.assertLess(time.monotonic() - cut, 14)  # all that while the edge still has the connections
        self.assertEqual(len(self.links(self.edge)), 8)
        self.lives(stay)
        for s in go:
            s.until_closed(20)
        self.lives(stay + came)
        self.room.nft("delete table inet cut\n")
        self.both()
        self.used_again()
        self.close(*stay, *came)

    def test_phones(self):
        """SIP clients of the one that goes lose their connections, and register anew at once; the others' stay."""
        def phone(user):
            p = Phone(EDGE_OUTSIDE, FRONT, user, DOMAIN, transport="tls", ca=self.pki.ca, alpn="sip/2")
            self.streams.append(p)
            self.assertEqual(status(p.register()), 200)
            return p
        phones = [phone(u) for u in self.people("p", "q", "r", "s")]
        go = [p for p in phones if self.second.records("show", "line", "%s@%s" % (p.user, DOMAIN))]
        self.assertEqual(len(go), 2)
        self.second.kill("gh-link")
        for p in go:
            self.assertLess(p.closed_after(5), 5)
            phone(p.user)
        for p in phones:
            if p not in go:
                self.assertLess(p.ping(5), 5)
                self.assertEqual(status(p.register(authenticate=False)), 200)  # the connection has proved its user
        self.both()

    def test_one_program_of_a_core(self):
        """The links stay, but nobody is behind two of them: who comes is told at once, and the next goes elsewhere."""
        stay, go = self.shared()
        pid = self.second.pid("gh-access")
        os.kill(pid, signal.SIGKILL)
        for s in go:
            s.until_closed(5)
        got = [self.login(self.people("n")) for _ in range(6)]
        self.assertTrue({x for x in got if isinstance(x, str)} <= {"remote-connection-failed"}, got)
        self.assertGreaterEqual(len([x for x in got if not isinstance(x, str)]), 4, got)  # each of its two connections says no once
        self.lives(stay)
        self.assertEqual(len(self.links(self.edge)), 8)
        self.used_again()
        self.close(*stay, *[x for x in got if not isinstance(x, str)])
