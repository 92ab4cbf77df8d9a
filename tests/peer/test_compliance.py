"""The compliance archive: clients by hand and slixmpp, a room, Prosody, a SIP partner; gh-comply that is killed, that hangs; what is on
record against what was heard."""
import email
import email.policy
import json
import os
import signal
import subprocess
import tarfile
import tempfile

from harness import raw
from harness.client import SlixClient
from harness.fed import Fed
from harness.gatehouse import BIN
from harness.people import DOMAIN, Box, arrived, bodies
from harness.place import wait_for
from harness.sm import SmClient
from test_sip_messages import PARTNER, SipMessages as SipBox, status

BLOCKING = "set compliance mode blocking"
CONF = "rooms." + DOMAIN


class Archive:
    """What a test asks of the archive of self.gh."""

    def ready(self):
        wait_for("gh-comply runs", lambda: (self.gh.records("show", "compliance", check=False) or [{}])[0].get("state") == "ready", 20, 0.1)

    def fetch(self, kind, who, *times, name):
        with tempfile.TemporaryDirectory() as folder:
            got = subprocess.run([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket, "compliance", "export", kind, who, *times], cwd=folder,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual(got.returncode, 0, got.stdout + got.stderr)
            path = os.path.join(folder, name)
            if kind == "json":
                with open(path, encoding="utf-8") as f:
                    return [json.loads(line) for line in f]
            with tarfile.open(path) as t:
                return [(m.name, t.extractfile(m).read()) for m in t]

    def export(self, who="all", *times):
        return self.fetch("json", who, *times, name="compliance.jsonl")

    def on_record(self, who="all"):
        return [r["body"] for r in self.export(who) if r.get("body")]

    def verify(self):
        got = self.gh.records("compliance", "verify", check=False)
        return got[0]


class Blocking(Archive, Box):
    settings = (BLOCKING, "set compliance wait 2", "set im rooms %s service %s" % (DOMAIN, CONF))

    @classmethod
    def build(cls):
        super().build()
        cls.ready(cls)

    def test_what_is_said_is_on_record(self):
        u, v = self.people("u", "v")
        a, s = self.client(u), SlixClient(self.gh, v, ca=self.pki.ca)
        self.addCleanup(s.close)
        for i in range(20):
            a.message(s.bare, "one %d" % i)
            s.wait_body("one %d" % i)
            s.say(a.bare, "two %d" % i)
            a.wait_body("two %d" % i)
        room = "talk%s@%s" % (u, CONF)
        a.send("<presence to='%s/me'><x xmlns='http://jabber.org/protocol/muc'/></presence>" % room)
        a.wait(lambda e: e.get("from") == room + "/me", 10, "own presence")
        a.message(room, "to the room", kind="groupchat")
        a.wait_body("to the room")
        rows = self.export("%s@%s" % (u, DOMAIN))
        said = [r for r in rows if r["kind"] == "message" and r.get("body")]
        self.assertEqual([r["body"] for r in said], [x % i for i in range(20) for x in ("one %d", "two %d")] + ["to the room"])
        self.assertEqual((said[0]["from"], said[0]["to"], said[0]["door"]), (a.jid, s.bare, "client"))
        self.assertEqual((said[-1]["to"], said[-1]["type"]), (room, "groupchat"))
        self.assertIn("<body>one 0</body>", said[0]["stanza"])
        numbers = [r["number"] for r in self.export()]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        mails = self.fetch("eml", "%s@%s" % (u, DOMAIN), name="compliance-eml.tar")
        self.assertEqual(len(mails), len(rows))
        first = email.message_from_bytes(next(m for n, m in mails if n == "%020d.eml" % said[0]["number"]), policy=email.policy.default)
        self.assertEqual((first["from"].addresses[0].addr_spec, first["to"].addresses[0].addr_spec), (a.bare, s.bare))
        self.assertEqual(first.get_body().get_content().strip(), "one 0")
        self.assertEqual([p.get_content().decode() for p in first.iter_attachments()], [said[0]["stanza"]])
        self.assertEqual(self.gh.operator("compliance", "export", "json", "all", "2001-01-01", "2001-01-02").returncode, 1)
        events = {r["event"]: r["text"] for r in self.export() if r["kind"] == "event"}
        self.assertIn("by=", events["export"])
        self.assertIn("records=", events["exported"])
        self.assertIn("mode=blocking", events["settings"])

    def test_who_may_read(self):
        for role in ("auditor", "operator", "crypto", "api"):
            got = self.gh.operator("--role", role, "compliance", "export", "json", "all")
            self.assertEqual(got.returncode, 1, role)
        for words in (("xml", "all"), ("json", "a@b/c"), ("json", "all", "yesterday")):
            self.assertEqual(self.gh.operator("compliance", "export", *words).returncode, 1, words)
        self.assertEqual(self.gh.operator("--role", "auditor", "compliance", "verify").returncode, 0)

    def test_a_gh_comply_that_hangs(self):
        """Messages wait, and are refused; nobody gets them, and other things go on."""
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        a.message(b.bare, "before")
        b.wait_body("before")
        pid = self.gh.pid("gh-comply")
        os.kill(pid, signal.SIGSTOP)
        try:
            a.message(b.bare, "meanwhile", id_="m1")
            self.assertEqual(arrived(b), [])
            self.assertError(a.wait_error("m1", 10), "resource-constraint")
            self.assertEqual(bodies(arrived(b)), [])
            self.assertIn("ComplianceRefusing", [r["alarm"] for r in self.gh.records("show", "alarms")])
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for("it is taken again", lambda: self.passes(a, b), 15, 0.2)
        self.assertEqual([t for t in bodies(b.got) if t == "meanwhile"], [])
        wait_for("the alarm ends", lambda: "ComplianceRefusing" not in [r["alarm"] for r in self.gh.records("show", "alarms")], 10, 0.2)

    def passes(self, a, b):
        self.n = getattr(self, "n", 0) + 1
        a.message(b.bare, "again %d" % self.n)
        try:
            return b.wait_body("again %d" % self.n, 1)
        except Exception:
            return False

    def test_killed_again_and_again(self):
        """What anybody heard is on record; what was acknowledged and not refused was heard."""
        u, v = self.people("u", "v")
        a, b = SmClient(self.gh, u, ca=self.pki.ca), SmClient(self.gh, v, ca=self.pki.ca)
        self.addCleanup(a.close)
        self.addCleanup(b.close)
        n = 0
        for _ in range(5):
            for _ in range(40):
                a.say(b.bare, "k%s-%d" % (u, n))
                n += 1
            self.gh.kill("gh-comply")
        a.settle(30)
        ids = ["k%s-%d" % (u, i) for i in range(n)]
        heard = lambda: {i for i, _ in list(b.received)}
        wait_for("all that was not refused is heard", lambda: set(ids) - set(a.errors) <= heard(), 20)
        self.ready()
        got = set(self.on_record("%s@%s" % (u, DOMAIN)))
        self.assertEqual(heard() - got, set())
        self.assertEqual(a.broken + b.broken, [])
        is_whole = self.verify()
        self.assertEqual((is_whole["state"], is_whole["reason"]), ("whole", ""))

    def test_a_changed_byte_is_named(self):
        a = self.client(self.people("u"))
        a.message(a.bare, "the one to be changed")
        a.wait_body("the one to be changed")
        row = next(r for r in self.export(a.bare) if r.get("body") == "the one to be changed")
        folder = os.path.join(self.gh.state, "comply")
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".rec"):
                continue
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                at = f.read().find(b"the one to be changed")
            if at < 0:
                continue
            for byte, state in ((b"T", "broken"), (b"t", "whole")):
                with open(path, "r+b") as f:
                    f.seek(at)
                    f.write(byte)
                got = self.verify()
                self.assertEqual(got["state"], state, got)
                if state == "broken":
                    self.assertEqual(got["bad-record"], str(row["number"]))
            return
        self.fail("no file has it")


class Federated(Archive, Fed):
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)
        cls.gh.commit(BLOCKING)
        cls.ready(cls)

    def test_both_ways(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "out of here")
        self.chat(r, j, "into here")
        rows = {x["body"]: x for x in self.export("far.example") if x.get("body")}
        self.assertEqual((rows["out of here"]["door"], rows["into here"]["door"]), ("client", "xmpp-federation"))
        self.assertEqual(rows["into here"]["from"], r.jid)


class Sip(Archive, SipBox):
    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit(BLOCKING)
        cls.ready(cls)

    def test_both_ways(self):
        j = self.client(self.people("juliet"), "balcony")
        j.send("<presence/>")
        j.message("romeo@" + PARTNER, "to a phone")
        self.wait_message("to a phone")
        self.assertEqual(status(self.partner.send(j.bare, "from a phone")), 200)
        j.wait_body("from a phone")
        rows = {x["body"]: x for x in self.export(PARTNER) if x.get("body")}
        self.assertEqual((rows["to a phone"]["door"], rows["from a phone"]["door"]), ("client", "sip"))

    def test_refused_while_it_cannot_be_archived(self):
        j = self.client(self.people("juliet"), "balcony")
        j.send("<presence/>")
        self.gh.commit("set compliance wait 1")
        pid = self.gh.pid("gh-comply")
        os.kill(pid, signal.SIGSTOP)
        try:
            self.assertIn(status(self.partner.send(j.bare, "not archived")), (480, 500, 503))
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(bodies(arrived(j)), [])


# Of the class that is built upon, only what it is built with.
for name in [n for n in dir(SipBox) if n.startswith("test_") and n not in vars(Sip)]:
    setattr(Sip, name, None)
del SipBox


class Fast(Archive, Box):
    settings = ("set compliance mode fast",)

    @classmethod
    def build(cls):
        super().build()
        cls.ready(cls)

    def test_nothing_waits_and_nothing_is_lost(self):
        u, v = self.people("u", "v")
        a, b = self.client(u), self.client(v)
        pid = self.gh.pid("gh-comply")
        os.kill(pid, signal.SIGSTOP)
        for i in range(200):
            a.message(b.bare, "fast %d" % i)
        b.wait_body("fast 199")
        os.kill(pid, signal.SIGKILL)
        wait_for("another runs", lambda: self.gh.pids().get("gh-comply/0") not in (None, pid), 15)
        self.ready()
        wait_for("all are on record", lambda: set(self.on_record(a.bare)) >= {"fast %d" % i for i in range(200)}, 15, 0.3)
        self.assertEqual(self.verify()["state"], "whole")
        self.gh.commit("set compliance mode off")
        wait_for("it ends", lambda: "gh-comply" not in self.gh.running(), 10)
        a.message(b.bare, "unarchived")
        b.wait_body("unarchived")
