"""kill -9 of each program under traffic: nothing acknowledged is lost (issue "Prove", RFC 6120 10.1,
XEP-0198 5).

Two gatehouses; clients with stream management send numbered messages within one and across, both
ways. At the end each message that the server acknowledged to its sender has been delivered, is in
offline storage, or came back as an error.

None comes twice, but where XEP-0198 lets it:
- the sender's session could not be resumed (gh-im died) and it sent again what was unacknowledged;
- the recipient's session could not be resumed, so that nobody knows what it had got;
- a stream between servers ended without resumption (gh-s2s died, TCP was cut), so that what was
  unacknowledged there was sent again on the next one.
"""
import collections
import itertools
import random
import threading
import time

from harness import raw
from harness.case import PeerCase
from harness.place import Failed, wait_for
from harness.sm import SmClient
from harness.wire import Wire

ABSENT = "friar@alpha.example"  # never there while it lasts: what he is told must be on disk
JIDS = {"juliet": "juliet@alpha.example", "nurse": "nurse@alpha.example", "romeo": "romeo@beta.example", "friar": ABSENT}
PAIRS = (("juliet", "nurse"), ("nurse", "juliet"), ("juliet", "friar"), ("juliet", "romeo"), ("romeo", "juliet"),
         ("romeo", "friar"), ("romeo", "nurse"))
BURST, PAUSE = 5, 0.02  # 5 messages each 20 ms: 250 a second over all pairs


class Traffic:
    """Messages between all pairs until stop(); users: {name: SmClient}."""

    def __init__(self, users, run):
        self.users, self.run, self.n = users, run, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._main, daemon=True)
        self.thread.start()

    def _main(self):
        for a, b in itertools.cycle(PAIRS):
            if self.over.wait(PAUSE):
                return
            for _ in range(BURST):
                self.n += 1
                self.users[a].say(JIDS[b], "%s-%s-%s-%d" % (self.run, a, b, self.n))

    def stop(self):
        self.over.set()
        self.thread.join()


class Two(PeerCase):
    """alpha.example and beta.example, known to each other."""
    settings = ("set im offline-per-user 100000",)

    @classmethod
    def build(cls):
        cls.alpha = cls.box("alpha.example", "beta.example", ("juliet", "nurse", "friar"))
        cls.beta = cls.box("beta.example", "alpha.example", ("romeo",))
        for gh in (cls.alpha, cls.beta):
            gh.start()

    @classmethod
    def box(cls, domain, peer, users):
        gh = cls.gatehouse(domain, peers={peer: {"action": "allow"}}, settings=cls.settings).publish()
        for u in users:
            gh.user(u)
        return gh

    def come(self, **options):
        users = {}
        # nurse and romeo are slow to acknowledge, so that much is under way at any instant
        for gh, name, ack_s in ((self.alpha, "juliet", 0), (self.alpha, "nurse", 0.3), (self.beta, "romeo", 0.3)):
            users[name] = SmClient(gh, name, ca=self.pki.ca, ack_s=ack_s, **options)
            self.addCleanup(users[name].close)
        return users

    # ---- one run
    def storm(self, blow, seconds=1.0, **options):
        """Traffic, and in the midst of it blow(users); the users with their ledgers."""
        users = self.come(**options)
        traffic = Traffic(users, self.id().rsplit(".", 1)[1])
        try:
            time.sleep(seconds)
            blow(users)
            time.sleep(seconds)
        finally:
            traffic.stop()
        for u in users.values():
            u.settle(30)
        self.wait_quiet(users)
        return users

    def wait_quiet(self, users):
        """Until all has come that is on its way, or 10 s."""
        try:
            wait_for("everything delivered", lambda: not self.missing(users), 10, 0.2)
        except Failed:
            pass  # the rest must be in offline storage

    @staticmethod
    def missing(users):
        got = {u.bare: set(u.got()) for u in users.values()}
        got[ABSENT] = {i for u in users.values() for i, _ in u.said}  # seen to at the end
        return [i for u in users.values() for i, to in u.said
                if i in u.acked and i not in u.errors and i not in got[to]]

    def collect_offline(self, users):
        """Everybody leaves, and looks once more what is in storage: {bare: [ids]}."""
        out = {}
        for u in users.values():
            u.close()
        for gh, name in [(u.server, u.user) for u in users.values()] + [(self.alpha, "friar")]:
            s = self.login(gh, name)
            ids = out[s.bare] = []
            try:
                while True:
                    ids.append(s.wait(lambda e: e.find("{*}body") is not None, 0.7).findtext("{*}body"))
            except Failed:
                s.close()
        return out

    def judge(self, users, twice_across=False):
        """twice_across: messages between the domains may come twice."""
        stored = self.collect_offline(users)
        for u in users.values():
            self.assertEqual(u.broken, [])
            self.assertTrue(all(i in u.acked for i, _ in u.said))
            for i, to in u.said:
                self.judge_one(i, u, next((x for x in users.values() if x.bare == to), None), stored[to], twice_across)

    def judge_one(self, i, sender, recipient, stored, twice_across):
        got = recipient.received if recipient else []
        sessions = [n for x, n in got if x == i]
        n = len(sessions) + stored.count(i)
        if i not in sender.errors:
            self.assertGreaterEqual(n, 1, "lost: %s (%s)" % (i, self.tell([sender, recipient])))
        if n < 2 or i in sender.maybe_twice or recipient and set(sessions) & recipient.dead_sessions:
            return
        is_across = sender.server is not (recipient.server if recipient else self.alpha)
        self.assertTrue(twice_across and is_across, "twice: %s (%s)" % (i, self.tell([sender, recipient])))

    @staticmethod
    def tell(users):
        return ", ".join("%s: said %d, acked %d, got %d, errors %r, resumed %d, sessions %d" % (
            u.user, len(u.said), len(u.acked), len(u.received), collections.Counter(u.errors.values()),
            u.n_resumed, u.session) for u in users if u)


class Crash(Two):
    settings = Two.settings + ("set access workers 2",)

    def kills(self, program, instance=0, rounds=2):
        def blow(users):
            for _ in range(rounds):
                time.sleep(random.random() * 0.2)
                self.alpha.kill(program, instance)
                time.sleep(0.5)
        return blow

    def test_conf(self):
        self.judge(self.storm(self.kills("gh-conf")))

    def test_keys(self):
        users = self.storm(self.kills("gh-keys"))
        for port in (5222, 5223):  # new handshakes are signed again
            self.login(self.alpha, "juliet", direct=port == 5223, port=port, resource="new")
        self.judge(users)

    def test_switch(self):
        self.judge(self.storm(self.kills("gh-switch")))

    def test_s2s(self):
        self.judge(self.storm(self.kills("gh-s2s")), twice_across=True)

    def test_access_workers(self):
        def blow(users):
            for instance in (0, 1):
                self.kills("gh-access", instance, 1)(users)
        users = self.storm(blow)
        self.assertGreater(users["juliet"].n_resumed + users["nurse"].n_resumed, 0)
        self.judge(users)

    def test_im(self):
        users = self.storm(self.kills("gh-im"))
        self.assertEqual([u.errors for u in users.values()], [{}, {}, {}])  # it will be back soon
        self.judge(users)

    def test_store(self):
        self.judge(self.storm(self.kills("gh-store")))


class Cut(Two):
    """TCP connections that are cut."""
    settings = Two.settings + ("set federation bidi off",)  # a stream of its own for each direction

    @classmethod
    def build(cls):
        super().build()
        # What alpha sends to beta goes through a wire that the test can cut.
        cls.wire = Wire(cls.place.addr(), 5269, cls.beta.addr, 5269)
        cls.place.on_close(cls.wire.close)
        cls.alpha.commit("set federation peer beta.example host %s 5269" % cls.wire.addr)

    def test_client_streams(self):
        """The client is back before the recipients have acknowledged: nothing comes twice even so."""
        def blow(users):
            for _ in range(6):
                for u in users.values():
                    u.cut()
                time.sleep(0.3)
        users = self.storm(blow, back_s=0)
        self.assertGreater(users["juliet"].n_resumed, 3)
        self.assertEqual(sum(u.session for u in users.values()), 3)
        self.judge(users)

    def test_server_streams(self):
        """Stream management between servers: what was unacknowledged goes out on the next stream."""
        def blow(users):
            for _ in range(4):
                self.assertGreater(self.wire.cut(), 0, "no stream passed the wire")
                time.sleep(0.7)
        users = self.storm(blow)
        self.assertEqual([u.errors for u in users.values()], [{}, {}, {}])
        self.judge(users, twice_across=True)

    def test_request_to_a_slow_partner_holds_up_no_acknowledgement(self):
        j = self.login(self.alpha, "juliet")
        j.sm_enable()
        self.wire.hold(True)
        try:
            j.send("<iq type='get' id='slow' to='romeo@beta.example/x'><ping xmlns='urn:xmpp:ping'/></iq>")
            j.message("nurse@alpha.example", "meanwhile")
            self.assertEqual(j.sm_request(3), 2)
        finally:
            self.wire.hold(False)
