"""The box's own validating resolver: gh-dns with unbound, which asks a server that validates nothing (nsd), in a network of their
own. Everything that test_proofs asks of DANE with somebody's validating name server holds with it, too. Root only."""
import os
import socket
import subprocess
import threading
import time

from dnslib import DNSRecord

from harness.netns import own_network
from harness.nsd import Nsd
from harness.place import PATIENCE, Failed, need, wait_for
import test_proofs

OWN = ("127.0.0.1", 1053)


class Resolver(test_proofs.Dane):
    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("the resolver is tried as root only: unbound has a user of its own")
        own_network("10.78.9.1/32")
        super().build()

    @classmethod
    def prepare(cls):
        """As there; but who answers is nsd, and validates nothing."""
        theirs, test_proofs.SignedDns = test_proofs.SignedDns, Nsd
        try:
            super().prepare()
        finally:
            test_proofs.SignedDns = theirs
        cls.settings = ("set dns resolver auto",) + tuple(
            "set dns trust-anchor a%d %s" % (i, ds) for i, ds in enumerate(cls.dns.anchors_ds))

    def shown(self):
        return self.gh.records("show", "dns")[0]

    def look(self, kind, name):
        return [(r["value"], r["validated"]) for r in self.gh.records("dns", "lookup", kind, name)]

    def standing(self):
        return {r["alarm"] for r in self.gh.records("show", "alarms") if r["program"] == "gh-dns"}

    @staticmethod
    def ask(addr, name, seconds=3):
        """The whole answer of a resolver to a question with AD set (RFC 6840 5.7)."""
        q = DNSRecord.question(name, "A")
        q.header.ad = 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(seconds * PATIENCE)
            s.connect(addr)
            s.send(q.pack())
            return DNSRecord.parse(s.recv(4096))

    def unbound(self):
        """Processes of unbound whose file is this box's."""
        out = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if words[0] == b"/usr/sbin/unbound" and words[-2].startswith(self.gh.state.encode()):
                out.append(int(pid))
        return out

    # ---- answers
    def test_signed_unsigned_and_bogus(self):
        self.assertEqual(self.look("a", "xmpp.ok.signed.example"), [(self.far_addr, "yes")])
        self.assertEqual(self.look("a", "xmpp.liar.plain.example"), [(self.far_addr, "no")])
        self.assertEqual(len(self.look("tlsa", "_5269._tcp.xmpp.ok.signed.example")), 1)
        self.assertNotEqual(self.gh.operator("dns", "lookup", "tlsa", "_5269._tcp.xmpp.bogus.signed.example").returncode, 0)
        self.assertEqual(self.ask(OWN, "xmpp.ok.signed.example").header.ad, 1)
        self.assertEqual(self.ask(OWN, "xmpp.liar.plain.example").header.ad, 0)
        shown = self.shown()
        self.assertEqual((shown["resolver"], shown["state"], shown["trouble"]), ("forwards", "answers", ""))
        self.assertGreater(int(shown["validated"]), 0)
        self.assertGreater(int(shown["bogus"]), 0)

    def test_nobody_else_is_answered(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            s.connect(("10.78.9.1", OWN[1]))
            with self.assertRaises(OSError):  # no socket there
                s.send(DNSRecord.question("xmpp.ok.signed.example").pack())
                s.recv(512)

    def test_a_forward_zone_is_believed_unsigned_unless_it_validates(self):
        """Through the same server; bogus.signed.example would fail its proof."""
        name = "_5269._tcp.xmpp.bogus.signed.example"

        def believed():  # an answer from before unbound read its new file would be remembered for as long as it says
            self.gh.operator("dns", "flush", "bogus.signed.example")
            return self.look("a", "xmpp.bogus.signed.example") == [(self.far_addr, "no")]
        self.gh.commit("set dns forward-zone bogus.signed.example server %s:%d" % (self.validating.addr, self.validating.port))
        try:
            wait_for("it is believed", believed, 5)
            self.assertEqual(self.gh.operator("dns", "lookup", "tlsa", name).returncode != 0, True)  # not secure: no TLSA
        finally:
            self.gh.commit("delete dns forward-zone bogus.signed.example")

    # ---- life
    def test_a_commit_loses_no_question(self):
        failed, done = [], threading.Event()

        def keep_asking():
            while not done.is_set():
                try:
                    if self.ask(OWN, "xmpp.ok.signed.example").header.rcode != 0:
                        failed.append("rcode")
                except OSError as e:
                    failed.append(str(e))
        before = self.unbound()
        t = threading.Thread(target=keep_asking)
        t.start()
        try:
            for i in range(5):
                self.gh.commit("set dns forward-zone z%d.example server 127.0.0.9" % i)
                time.sleep(0.3)
        finally:
            done.set()
            t.join()
            self.gh.commit("delete dns forward-zone")
        self.assertEqual(failed, [])
        self.assertEqual(self.unbound(), before)
        self.assertEqual(len(before), 1)

    def test_a_killed_unbound_and_a_killed_gh_dns_come_back(self):
        for kill in (lambda: os.kill(self.unbound()[0], 9), lambda: self.gh.kill("gh-dns")):
            before = self.unbound()
            kill()
            wait_for("another unbound", lambda: self.unbound() not in ([], before), 20)
            wait_for("it answers", lambda: self.gh.operator("dns", "lookup", "a", "xmpp.ok.signed.example").returncode == 0, 20)
            self.assertEqual(len(self.unbound()), 1)
            self.is_well()  # before the next: what a killed gh-dns had raised stands for a minute (firmware/log/book.h)

    def test_off_and_on(self):
        self.gh.commit("set dns resolver off")
        wait_for("no unbound", lambda: self.unbound() == [], 15)
        self.gh.ghsh("dns flush\n")
        self.assertEqual(self.look("a", "xmpp.ok.signed.example"), [(self.far_addr, "no")])  # nsd's word
        self.gh.commit("set dns resolver auto")
        wait_for("validated again", lambda: self.gh.operator("dns", "flush").returncode == 0 and
                 self.gh.operator("dns", "lookup", "a", "xmpp.ok.signed.example").returncode == 0 and
                 self.look("a", "xmpp.ok.signed.example") == [(self.far_addr, "yes")], 20, 0.5)

    def test_flush_reaches_unbound(self):
        self.ask(OWN, "xmpp.ok.signed.example")
        self.ask(OWN, "xmpp.ok.signed.example")
        hits = int(self.shown()["from_cache"])
        self.gh.ghsh("dns flush signed.example\n")
        self.ask(OWN, "xmpp.ok.signed.example")
        self.assertEqual(int(self.shown()["from_cache"]), hits)
        self.ask(OWN, "xmpp.ok.signed.example")
        self.assertEqual(int(self.shown()["from_cache"]), hits + 1)

    def poke(self, *names):
        """Asked, whether somebody answers or not."""
        for n in names:
            try:
                self.ask(OWN, n, 0.3)
            except OSError:
                pass

    def stands(self, alarm, first):
        def look():
            self.poke(*["%s%d.plain.example" % (first, i) for i in range(3)])
            return alarm in self.standing()
        wait_for(alarm, look, 60, 1)

    def is_well(self):
        try:
            wait_for("no alarm", lambda: self.poke("xmpp.ok.signed.example") or not self.standing(), 40, 1)
        except Failed as e:
            raise Failed("%s: %s %s" % (e, self.shown(), self.gh.records("show", "alarms")))

    def test_servers_that_are_silent(self):
        self.gh.commit("set dns server 1 10.78.9.1 9")
        try:
            self.stands("DnsUnreachable", "n")
            self.assertEqual(self.shown()["state"], "the name servers do not answer")
        finally:
            self.gh.commit("set dns server 1 %s %d" % (self.validating.addr, self.validating.port))
        self.is_well()

    def test_a_wrong_anchor(self):
        """The root's, so that everything fails which has no anchor of its own."""
        last, right = len(self.validating.anchors_ds) - 1, self.validating.anchors_ds[-1]
        self.gh.commit("set dns trust-anchor a%d %s" % (last, " ".join(right.split()[:4] + ["00" * 32])))
        try:
            self.stands("DnsValidationFails", "m")
        finally:
            self.gh.commit("set dns trust-anchor a%d %s" % (last, right))
        self.is_well()

    # ---- the fence
    def test_unbound_has_no_right(self):
        pid = self.unbound()[0]
        with open("/proc/%d/status" % pid) as f:
            status = dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)
        self.assertEqual({status[c] for c in ("CapEff", "CapPrm", "CapInh", "CapAmb")}, {"0" * 16})
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertNotEqual(status["Uid"].split()[0], "0")
        sockets = subprocess.run([need("ss"), "-Hlntup"], stdout=subprocess.PIPE, text=True, check=True).stdout
        places = {l.split()[4] for l in sockets.splitlines() if "pid=%d," % pid in l}
        self.assertEqual(places, {"127.0.0.1:1053"})
