"""kill -9 of gh-sip, gh-xlate and the hub under SIP traffic: nothing acknowledged is lost.

A SIP party and XMPP users send numbered messages both ways. At the end each MESSAGE that was answered
2xx has been delivered or is in offline storage, and each XMPP message that the server acknowledged has
come to the SIP side or back as an error.
"""
import itertools
import threading
import time

from harness.place import Failed, wait_for
from harness.sipbox import PARTNER, SipBox
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
