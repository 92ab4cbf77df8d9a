"""kill -9 of gh-sip, gh-xlate and the hub under SIP traffic: nothing acknowledged is lost.

A SIP party and XMPP users send numbered messages both ways. At the end each MESSAGE that was answered
2xx has been delivered or is in offline storage, and each XMPP message that the server acknowledged has
come to the SIP side or back as an error.
"""
import itertools
import threading
import time

from harness.case import PeerCase
from harness.place import Failed, wait_for
from harness.sipbox import PARTNER, SipBox
from harness.sipclient import Dialog, Party
from harness.sm import SmClient

PAUSE = 0.02


class Flow:
    """Messages of the SIP side, each a transaction of its own, until stop()."""

    def __init__(self, party, run, targets):
        self.party, self.run, self.targets = party, run, targets
        self.sent = []  # (body, target)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._main, daemon=True)
        self.thread.start()

    def _main(self):
        for n, to in enumerate(itertools.cycle(self.targets)):
            if self.over.wait(PAUSE):
                return
            body = "%s-sip-%d" % (self.run, n)
            try:
                self.party.send(self.party.compose("MESSAGE", "sip:" + to, user="romeo", body=body,
                                                   branch="z9hG4bK" + body))
            except (OSError, Failed):
                self.party.out = None  # the connection has gone: this one was not said
                continue
            self.sent.append((body, to))

    def stop(self):
        self.over.set()
        self.thread.join()

    def answers(self):
        """{body: final status}; what has none was never acknowledged."""
        with self.party.new:
            return {m.branch[len("z9hG4bK"):]: m.status for m in self.party.got
                    if not m.is_request and m.status >= 200 and m.branch and m.method == "MESSAGE"}

    def came(self):
        with self.party.new:
            return {m.body for m in self.party.got if m.is_request and m.method == "MESSAGE"}


class SipCrash(SipBox):
    settings = ("set im offline-per-user 100000",)

    def storm(self, program, rounds=2):
        run = program[3:]
        for name in ("friar", "juliet"):
            self.gh.user(name + run)
        absent = "friar%s@%s" % (run, self.gh.domain)
        u = SmClient(self.gh, "juliet" + run, ca=self.pki.ca)
        self.addCleanup(u.close)
        self.sip.auto["MESSAGE"] = 200
        flow = Flow(self.sip, run, (u.bare, absent))
        try:
            for n in range(100 * rounds):
                u.say("romeo@" + PARTNER, "%s-xmpp-%d" % (run, n))
                time.sleep(PAUSE)
                if n % 100 == 50:
                    self.gh.kill(program)
        finally:
            flow.stop()
        u.settle(30)
        return u, flow, absent

    def judge(self, u, flow, absent):
        said = {i for i, _ in u.said}
        wait_for("each XMPP message has come or is an error", lambda: said <= flow.came() | set(u.errors), 40, 0.3)
        answers = flow.answers()
        taken = [(b, to) for b, to in flow.sent if 200 <= answers.get(b, 0) < 300]
        self.assertGreater(len(taken), len(flow.sent) // 4, "few were answered 2xx: %r" % answers)
        mine = {b for b, to in taken if to == u.bare}
        try:
            wait_for("all that was answered is there", lambda: mine <= set(u.got()), 10, 0.3)
        except Failed:
            pass  # the rest must be in storage
        got = set(u.got())
        u.close()
        stored = self.offline(u.bare)
        self.assertFalse(mine - got - stored, "answered 2xx and lost")
        waiting = {b for b, to in taken if to == absent}
        self.assertGreater(len(waiting), 0)
        self.assertFalse(waiting - self.offline(absent), "answered 2xx and lost")
        self.assertEqual(u.broken, [])
        self.assertGreater(len(said & flow.came()), len(said) // 4)

    def offline(self, bare):
        s, out = self.login(self.gh, bare.split("@")[0]), set()
        try:
            while True:
                out.add(s.wait(lambda e: e.find("{*}body") is not None, 1.0).findtext("{*}body"))
        except Failed:
            return out

    def test_sip(self):
        self.judge(*self.storm("gh-sip"))

    def test_xlate(self):
        self.judge(*self.storm("gh-xlate"))

    def test_switch(self):
        self.judge(*self.storm("gh-switch"))


class RelayedDialog(PeerCase):
    """A dialog between two partners goes on when gh-sip, which has only its Record-Route in it, was killed."""

    @classmethod
    def build(cls):
        cls.a, cls.b = (Party(cls.place, d, "udp", port=port) for d, port in (("a.example", 7001), ("b.example", 7000)))
        cls.gh = cls.gatehouse("near.example", sip_peers={
            p.domain: {"action": "allow", "tls": "optional", "addresses": p.addr} for p in (cls.a, cls.b)}, sip_routes={
            "to": {"pattern": "b.example", "type": "domain", "next-hop": cls.b.addr, "port": 7000, "protocol": "udp"}})
        cls.gh.start()
        cls.a.server = cls.b.server = (cls.gh.addr, 5060)

    def call(self):
        """(caller's end, called's end) of a dialog; its targets are addresses that no row names."""
        invite = self.a.compose("INVITE", "sip:called@b.example", user="caller", headers=[self.a.contact("caller")])
        self.a.send(invite)
        m = self.b.wait_request("INVITE")
        self.b.answer(m, 200, headers=[self.b.contact("called")])
        r = self.a.final(invite)
        self.assertEqual(r.status, 200)
        r.request = type(r)(invite)
        caller, called = Dialog.called(self.a, "caller", r), Dialog.taken(self.b, "called", m)
        self.assertIn(";gh=", caller.route[0])
        self.a.send(caller.compose("ACK"))
        self.b.wait_request("ACK")
        return caller, called

    def test_goes_on(self):
        caller, called = self.call()
        self.a.auto = self.b.auto = {"MESSAGE": 200, "BYE": 200}
        self.gh.kill("gh-sip")
        wait_for("gh-sip answers again", lambda: self.a.ask("OPTIONS", "sip:near.example", 2).status == 200, 15)
        self.assertEqual(caller.ask("MESSAGE", body="one").status, 200)
        self.assertEqual(self.b.wait_request("MESSAGE").body, "one")
        self.assertEqual(called.ask("MESSAGE", body="two").status, 200)
        self.assertEqual(self.a.wait_request("MESSAGE").body, "two")
        self.gh.kill("gh-sip")
        wait_for("gh-sip answers again", lambda: self.a.ask("OPTIONS", "sip:near.example", 2).status == 200, 15)
        self.assertEqual(called.ask("BYE").status, 200)
        self.a.wait_request("BYE")

    def test_forged_proof(self):
        caller, _ = self.call()
        caller.route = [r.replace(";gh=", ";gh=0") for r in caller.route]
        self.assertEqual(caller.ask("MESSAGE", body="no").status, 404)
        self.assertTrue(self.b.quiet(0.5, lambda m: m.is_request and m.method == "MESSAGE"))
