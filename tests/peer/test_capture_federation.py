"""Decrypted federation as operators may see it: how it is built and between whom, not what people wrote."""
import json
import os
import signal
import subprocess
import time

from harness.fed import Fed
from harness.people import DOMAIN, Box as SipBox
from harness.place import BIN, wait_for

import test_sip_messages
from test_sip_messages import PARTNER


def watch(gh, *words, json_out=True):
    """A capture under way: it has begun when this returns."""
    before = gh.log().count("capture federation")
    p = subprocess.Popen([os.path.join(BIN, "ghsh"), "--socket", gh.socket] + (["--json"] if json_out else []) +
                         ["capture", "federation"] + list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    wait_for("the capture is asked for", lambda: gh.log().count("capture federation") > before, 10)
    time.sleep(0.2)  # from gh-conf to the doors
    return p


def stopped(p):
    p.send_signal(signal.SIGINT)  # as Ctrl-C
    out, err = p.communicate(timeout=10)
    return p.returncode, out, err


class FederationCapture(Fed):
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)

    def test_stanzas_both_ways_without_their_text(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "first")
        p = watch(self.gh, "far.example", "30")
        other = watch(self.gh, "other.example", "30")
        self.chat(j, r, "SeCrEt words out")
        self.chat(r, j, "SeCrEt words back")
        j.send("<message to='%s' type='normal'><subject>SeCrEt</subject><x xmlns='urn:any' how='SeCrEt'>SeCrEt</x></message>" % r.jid)
        r.wait(lambda e: e.find("{*}subject") is not None, 10, "the last one")
        rc, out, err = stopped(p)
        self.assertEqual(rc, 0, err)
        self.assertNotIn("SeCrEt", out)
        rows = [row for row in json.loads(out) if row["masked"].startswith("<message")]
        self.assertEqual([row["direction"] for row in rows], ["out", "in", "out"])
        self.assertIn("<body>[16]</body>", rows[0]["masked"])
        self.assertIn("from='%s'" % r.jid, rows[1]["masked"])
        self.assertIn("<subject>[6]</subject>", rows[2]["masked"])
        for row in rows:
            self.assertRegex(row["time"], r"^20\d\d-\d\d-\d\dT")
            self.assertRegex(row["stream"], r"^[0-9a-f]{16}$")
        rc, out, err = stopped(other)
        self.assertEqual(json.loads(out), [])
        self.assertNotIn("SeCrEt", self.gh.log())
        self.assertIn('command="capture federation', self.gh.log())

    def test_addresses_hashed(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "first")
        p = watch(self.gh, "far.example", "30", "hashed")
        self.chat(j, r, "again")
        self.chat(r, j, "and back")
        rc, out, err = stopped(p)
        self.assertEqual(rc, 0, err)
        rows = [row["masked"] for row in json.loads(out) if row["masked"].startswith("<message")]
        self.assertEqual(len(rows), 2)
        self.assertNotIn("romeo@", out)
        self.assertNotIn("juliet@", out)
        to = rows[0].partition("to='")[2].partition("'")[0]
        self.assertRegex(to, r"^[0-9a-f]{8}@far\.example$")
        self.assertIn("from='%s'" % to, rows[1])

    def test_ends_by_itself_and_refusals(self):
        p = watch(self.gh, "far.example", "1", json_out=False)
        out, err = p.communicate(timeout=10)
        self.assertEqual((p.returncode, out.strip()), (0, "time is over"), err)
        for words in (("far.example", "0"), ("far.example", "3601"), ("far.example", "5", "all"), ("not a domain",)):
            self.assertEqual(self.gh.operator("capture", "federation", *words).returncode, 1, words)
        self.assertEqual(self.gh.operator("--role", "auditor", "capture", "federation", "far.example").returncode, 1)


class SipCapture(SipBox):
    build = classmethod(test_sip_messages.SipMessages.build.__func__)
    wait_message = test_sip_messages.SipMessages.wait_message

    def test_messages_both_ways_without_their_text(self):
        u = self.people("juliet")
        j = self.client(u, "balcony")
        j.send("<presence/>")
        p = watch(self.gh, PARTNER, "30")
        j.send("<message type='chat' id='m1' to='romeo@%s'><body>SeCrEt words</body></message>" % PARTNER)
        self.wait_message("SeCrEt words")
        self.partner.send("%s@%s" % (u, DOMAIN), "SeCrEt answer", extra=["Subject: SeCrEt", "Authorization: Digest response=SeCrEt"])
        j.wait(lambda e: e.findtext("{*}body") == "SeCrEt answer", what="the answer")
        rc, out, err = stopped(p)
        self.assertEqual(rc, 0, err)
        self.assertNotIn("SeCrEt", out)
        rows = [(r["direction"], r["masked"]) for r in json.loads(out)]
        heads = [(d, m.split()[0]) for d, m in rows if m.startswith(("MESSAGE", "SIP/2.0"))]
        self.assertEqual([h for h in heads if h[1] == "MESSAGE"], [("out", "MESSAGE"), ("in", "MESSAGE")])
        self.assertEqual([h for h in heads if h[1] == "SIP/2.0"], [("in", "SIP/2.0"), ("out", "SIP/2.0")])
        came = [m for d, m in rows if d == "in" and m.startswith("MESSAGE")][0]
        self.assertIn("Subject: [6]", came)
        self.assertIn("Authorization: [", came)
        self.assertIn("Content-Type: text/plain", came)
        self.assertTrue(came.endswith("\n[13]\n"), came)
