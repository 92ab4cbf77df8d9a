"""Several processes at the client door: sessions are spread, messages find each other, and one that
dies takes only its own along."""
import itertools
import re

from harness import raw
from harness.case import PeerCase
from harness.place import wait_for

WORKERS, PEOPLE = 3, 15


class Workers(PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example", settings=("set access workers %d" % WORKERS,))
        for i in range(PEOPLE):
            cls.gh.user("u%d" % i)
        cls.gh.start()
        wait_for("all workers listen", lambda: cls.listening() == WORKERS, 10)

    @classmethod
    def listening(cls):
        return len(set(re.findall(r"gh-access\[(\d+)\] c2s.listening name=c2s ", cls.gh.log())))

    def worker_of(self, s):
        """Which one let it in; its log line says so."""
        found = re.findall(r"gh-access\[(\d+)\] c2s.session.opened id=\w+ user=%s\b" % re.escape(s.jid), self.gh.log())
        return int(found[-1])

    def people(self):
        people = [self.login(self.gh, "u%d" % i, resource="r%d" % i) for i in range(PEOPLE)]
        wait_for("all are in the log", lambda: all("user=" + s.jid in self.gh.log() for s in people), 5)
        of = {}
        for s in people:
            of.setdefault(self.worker_of(s), []).append(s)
        return people, of

    def test_messages_between_all_of_them(self):
        _, of = self.people()
        self.assertGreater(len(of), 1, "all with one worker")
        for a, b in itertools.product(of, of):
            self.chat(of[a][0], of[b][-1], "from worker %d to worker %d" % (a, b))

    def test_one_that_dies_takes_only_its_own_along(self):
        _, of = self.people()
        victim = max(of, key=lambda w: len(of[w]))
        self.gh.kill("gh-access", victim)
        for s in of[victim]:
            self.assertIsNone(s.until_closed(3))
        for w in of:
            for s in of[w] if w != victim else ():
                self.assertEqual(s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", "near.example").get("type"), "result")
        survivors = [s for w in of if w != victim for s in of[w]]
        self.chat(survivors[0], survivors[-1], "still here")

    def test_a_session_is_resumed_at_another_worker(self):
        people, of = self.people()
        s = of[max(of)][0]
        id_ = s.sm_enable().get("id")
        self.gh.kill("gh-access", max(of))
        friend = next(p for w in of if w != max(of) for p in of[w])
        friend.message(s.jid, "while you moved")
        again = raw.Stream(self.gh.addr, 5222)
        self.streams.append(again)
        again.open("near.example")
        again.features()
        again.starttls(raw.client_context(self.pki.ca), "near.example")
        again.open("near.example")
        again.features()
        again.sasl_plain(s.bare.split("@")[0], "secret")
        again.open("near.example")
        again.features()
        again.send("<resume xmlns='%s' h='0' previd='%s'/>" % (raw.NS["sm"], id_))
        again.wait(lambda e: e.tag == "{%s}resumed" % raw.NS["sm"], 10, "resumed")
        again.wait_body("while you moved")
