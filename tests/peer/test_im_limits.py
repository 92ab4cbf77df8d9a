"""What the core does for its operator: accounts, switches, shares, and partners that die."""
import os
import signal

from harness import raw
from harness.case import PeerCase
from harness.people import DOMAIN, Box, arrived, bodies, presences
from harness.place import wait_for
from harness.prosody import Prosody


class Accounts(Box):
    def test_deletion(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        name = b.bare.split("@")[0]
        self.gh.ghsh("user delete %s\n" % b.bare)
        self.assertEqual(b.until_closed(), "not-authorized")
        a.wait(lambda e: e.get("from") == b.jid and e.get("type") == "unavailable", what="unavailable")
        a.message(b.bare, "x", id_="x")
        self.assertError(a.wait_error("x"), "service-unavailable")
        with self.assertRaises(raw.SaslFailed):
            self.authenticated(name)
        self.gh.user(name)  # a new person of that name begins with nothing
        c = self.client(name)
        self.assertEqual(len(c.iq("get", "<query xmlns='jabber:iq:roster'/>").find("{*}query")), 0)

    def test_plain_is_for_tls(self):
        u = self.people("u")
        self.gh.commit("set access tls optional")
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN)
        self.assertEqual([m for m in s.mechanisms(s.features()) if m == "PLAIN" or m.endswith("-PLUS")], [])
        with self.assertRaises(raw.SaslFailed):
            s.sasl_plain(u, "secret")
        s.sasl_scram("SCRAM-SHA-256", u, "secret")
        self.gh.commit("delete access tls")

    def test_addresses_with_an_at_sign(self):
        # with XEP-0106: a mail address as the name.
        self.gh.user("amy\\40sales.example")
        s = self.authenticated("amy@sales.example")
        self.assertTrue(s.bind().startswith("amy\\40sales.example@near.example/"))

    def test_sessions_of_one_person_are_counted(self):
        self.gh.commit("set im sessions-per-user 2")
        u = self.people("u")
        self.client(u, "a"), self.client(u, "b")
        s = self.authenticated(u)
        s.send("<iq type='set' id='b'><bind xmlns='%s'/></iq>" % raw.NS["bind"])
        self.assertError(s.wait(lambda e: e.get("id") == "b"), "resource-constraint")
        self.gh.commit("delete im sessions-per-user")


class Switches(Box):
    """A-06.02: messages and availability can be switched off for everybody, while all are signed in."""

    def test_messages(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.gh.commit("set im messages off")
        a.message(b.jid, "x", id_="x")
        self.assertError(a.wait_error("x"), "not-allowed")
        self.assertEqual(bodies(arrived(b)), [])
        self.gh.commit("delete im messages")
        a.message(b.jid, "y")
        b.wait_body("y")

    def test_presence(self):
        a, b, c = (self.client(u) for u in self.people("a", "b", "c"))
        self.befriend(a, b)
        a.send("<presence><show>dnd</show></presence>")
        b.wait(lambda e: e.findtext("{*}show") == "dnd", what="presence")
        self.gh.commit("set im presence off")
        for x, y in ((a, b), (b, a)):
            x.wait(lambda e: e.get("from") == y.jid and e.get("type") == "unavailable", what="good-bye")
        a.send("<presence><show>xa</show></presence>")
        a.send("<presence to='%s'/>" % c.jid)
        second = self.client(a.bare.split("@")[0], "second")
        arrived(a)
        self.assertEqual((presences(arrived(b), a.bare), presences(arrived(c), a.bare)), ([], []))
        self.assertEqual({e.get("from") for e in arrived(second) if raw.local(e.tag) == "presence"},
                         {a.jid, second.jid})  # one's own clients go on seeing each other
        b.message(a.jid, "still spoken to")
        a.wait_body("still spoken to")
        self.gh.commit("delete im presence")
        b.wait(lambda e: e.get("from") == a.jid and e.findtext("{*}show") == "xa", what="presence again")
        a.wait(lambda e: e.get("from") == b.jid and not e.get("type"), what="presence again")


class Backlog(Box):
    """Lesson 19: a burst costs nobody the session, and nothing is lost or stuck."""
    settings = ("set im unacknowledged 100", "set im offline-per-user 500")

    def test_burst_to_a_client_that_does_not_acknowledge(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        b.sm_enable()
        for i in range(250):
            a.message(b.bare, "n%d" % i)
        arrived(a)
        h, seen = 0, []
        while len(seen) < 250:
            e = b.next()
            if raw.local(e.tag) == "message":
                seen.append(e.findtext("{*}body"))
            if raw.local(e.tag) in ("message", "presence", "iq"):
                h += 1
                if h % 50 == 0 or h > 240:
                    b.send("<a xmlns='urn:xmpp:sm:3' h='%d'/>" % h)
        self.assertEqual(seen, ["n%d" % i for i in range(250)])


class Ghosts(PeerCase):
    """Lesson 21: people of a dead partner do not stay."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse(DOMAIN, peers={"far.example": {"action": "allow"}},
                               settings=("set im partner-silence 1",)).publish()
        cls.gh.user("juliet")
        cls.gh.start()
        cls.far = Prosody(cls.place, "far.example", cls.pki.make("good", "far.example"), cls.pki.ca, cls.dns,
                          dialback=False)
        cls.far.user("romeo")
        cls.far.start()
        cls.dns.a("xmpp.far.example", cls.far.addr)
        cls.dns.srv("far.example", "xmpp.far.example", cls.far.port)

    def test_partner_hangs_and_comes_back(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        j.send("<presence to='%s' type='subscribe'/>" % r.bare)
        r.wait(lambda e: e.get("type") == "subscribe", 10, "subscribe")
        r.send("<presence to='%s' type='subscribed'/>" % j.bare)
        seen = lambda e: raw.local(e.tag) == "presence" and e.get("from") == r.jid and not e.get("type")
        gone = lambda e: raw.local(e.tag) == "presence" and (e.get("from") or "").startswith(r.bare) and \
            e.get("type") == "unavailable"
        j.wait(seen, 10, "romeo")
        self.assertTrue(j.quiet(3, gone), "a living partner's people stay")
        os.kill(self.far.program.pid, signal.SIGSTOP)
        try:
            j.wait(gone, 15, "withdrawal after silence")
            wait_for("a log line", lambda: "im.partner.lost" in self.gh.log(), 5)
        finally:
            os.kill(self.far.program.pid, signal.SIGCONT)
        j.wait(seen, 20, "romeo again")
        self.gh.commit("set federation peer far.example action deny")
        j.wait(gone, 10, "withdrawal of those not allowed any more")
        self.gh.commit("set federation peer far.example action allow")
        j.wait(seen, 20, "romeo, allowed again")
        os.kill(self.far.program.pid, signal.SIGKILL)
        j.message(r.bare, "are you there", id_="m")
        j.wait(gone, 15, "withdrawal of the unreachable")
