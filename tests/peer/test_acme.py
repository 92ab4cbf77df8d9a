"""Certificates by ACME (RFC 8555): against Pebble, which others wrote, and against an authority of our own that can misbehave."""
import datetime
import hashlib
import socket
import ssl
import time
import unittest

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness import acmeserver
from harness.acmeserver import AcmeServer, problem
from harness.case import PeerCase
from harness.fed import Fed
from harness.pebble import Pebble
from harness.place import Failed, wait_for

HTTP, TLS = 5002, 5001


def settings(box, directory, *more):
    return ["set fetch allow local 127.0.0.0/8", "set acme directory " + directory, "set acme contact admin@%s" % box,
            "set acme terms-agreed on"] + list(more)


class Box:
    """What is asked of a box again and again."""

    def show(self, name):
        return self.gh.records("show", "acme", name)[0]

    def chain(self, name):
        got = self.gh.records("certificate", "show", name, check=False)
        return got[0] if got else None

    def await_state(self, name, state, seconds=40):
        try:
            return wait_for("%s is %s" % (name, state), lambda: self.show(name)["state"] == state and self.show(name), seconds, 0.2)
        except Failed as e:
            raise Failed("%s; %r" % (e, self.show(name))) from None

    def issued(self, name, seconds=40):
        return self.await_state(name, "good", seconds)

    def history(self):
        return self.gh.records("history")


class WithPebble(Box, PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("a.example")
        cls.pebble = Pebble(cls.place, cls.pki, cls.dns, HTTP, TLS).start()
        cls.gh.settings = settings("a.example", cls.pebble.directory,
                                   "set acme listen v4 %s %d" % (cls.gh.addr, HTTP), "set acme listen-tls v4 %s %d" % (cls.gh.addr, TLS))
        cls.gh.publish().start()
        for name in ("one.a.example", "two.a.example", "three.a.example"):
            cls.dns.a(name, cls.gh.addr)

    def test_http(self):
        before = self.history()
        self.gh.commit("set certificate one names \"one.a.example two.a.example\"", "set certificate one acme on")
        got = self.issued("one")
        self.assertEqual(got["names"], "one.a.example two.a.example")
        chain = self.chain("one")
        self.assertEqual(sorted(chain["names"].split()), ["dns:one.a.example", "dns:two.a.example"])
        self.assertIn("Pebble", chain["issuer"])
        self.assertGreater(int(chain["chain"]), 1)
        new = self.history()
        self.assertEqual(len(new), len(before) + 2)
        self.assertIn("acme", [(g["by"]) for g in new])
        self.assertIn("certificate one", [g["note"] for g in new])

    def test_tls(self):
        self.gh.commit("set acme challenge tls-alpn-01", "set certificate three names three.a.example",
                       "set certificate three key-type rsa-2048", "set certificate three acme on")
        try:
            self.issued("three")
        finally:
            self.gh.commit("set acme challenge http-01")
        self.assertEqual(self.chain("three")["names"], "dns:three.a.example")

    def test_refused_names(self):
        """What can never be had is refused at once, in the operator's words."""
        for line, why in (("set certificate bad names *.a.example", "proof by DNS"), ("set certificate bad names a..b", "domain names"),
                          ("set acme directory http://pebble.authority.example/dir", "https"), ("set acme contact two@a.example,b@c", "mail address"),
                          ("set acme external-account id x", "both"), ("delete acme directory", "acme directory")):
            with self.subTest(line=line):
                got = self.gh.operator(text=line + "\nset certificate bad acme on\n%s\ndiscard\n" % ("check" if "*" in line else "commit"))
                self.assertIn(why, got.stdout + got.stderr)
        self.assertEqual(self.gh.records("show", "acme", "bad", check=False), [])
        got = self.gh.operator("acme", "renew", "nothing")
        self.assertIn("acme on", got.stderr)
        got = self.gh.operator("certificate", "generate", "acme-account", "ecdsa-p256")
        self.assertIn("gh-pki", got.stderr)

    def test_the_web_redirect_answers(self):
        """One port 80 for both: gh-admin answers the authority, and sends everybody else on."""
        self.gh.commit("set web listen v4 %s 8443" % self.gh.addr, "set web certificate own", "delete acme listen")
        self.gh.commit("set web listen-redirect v4 %s %d" % (self.gh.addr, HTTP))
        self.gh.commit("set certificate web names two.a.example", "set certificate web acme on")
        try:
            self.issued("web")
            with socket.create_connection((self.gh.addr, HTTP), timeout=5) as s:
                s.sendall(b"GET /.well-known/acme-challenge/" + b"x" * 43 + b" HTTP/1.1\r\nHost: two.a.example\r\n\r\n")
                self.assertIn(b" 308 ", s.recv(4096))
        finally:
            self.gh.commit("delete web listen-redirect")
            self.gh.commit("set acme listen v4 %s %d" % (self.gh.addr, HTTP))


class ExternalAccount(Box, PeerCase):
    """An authority that gives accounts only to its customers (RFC 8555 7.3.4)."""

    @classmethod
    def build(cls):
        cls.secret = acmeserver.secret()
        cls.gh = cls.gatehouse("a.example")
        cls.pebble = Pebble(cls.place, cls.pki, cls.dns, HTTP, TLS, external={"customer-7": cls.secret}).start()
        cls.gh.settings = settings("a.example", cls.pebble.directory, "set acme listen v4 %s %d" % (cls.gh.addr, HTTP))
        cls.gh.publish().start()
        cls.dns.a("one.a.example", cls.gh.addr)

    def test_external_account(self):
        self.gh.commit("set certificate one names one.a.example", "set certificate one acme on")
        self.assertIn("external-account", self.await_state("one", "failed")["why"])
        self.gh.commit("set acme external-account id customer-7", "set acme external-account key " + acmeserver.secret())
        wait_for("another refusal", lambda: "wants acme external" not in self.show("one")["why"] and self.show("one")["state"] == "failed", 20)
        self.gh.commit("set acme external-account key " + self.secret)
        self.gh.ghsh("acme renew one\n")
        self.issued("one")
        self.assertNotIn(self.secret, self.gh.ghsh("show settings\n"))
        self.assertNotIn(self.secret, self.gh.log())


class Scripted(Box, PeerCase):
    """An authority that misbehaves, and a box that says plainly what it made of it."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("a.example")
        cls.server = AcmeServer(cls.place, cls.pki, cls.dns, HTTP, TLS)
        cls.gh.settings = settings("a.example", cls.server.directory, "set acme listen v4 %s %d" % (cls.gh.addr, HTTP),
                                   "set acme listen-tls v4 %s %d" % (cls.gh.addr, TLS))
        cls.gh.publish().start()
        cls.n = 0

    def setUp(self):
        super().setUp()
        self.server.faults.clear()
        self.server.on.clear()
        self.server.processing = 0
        self.server.authority.life = (3600, 90 * 86400)
        self.server.asked.clear()
        self.name = "none"

    def tearDown(self):
        self.gh.ghsh("delete certificate %s acme\ncommit\n" % self.name, check=False)
        self.assertEqual(self.server.troubles, [])
        super().tearDown()

    def order(self, *more, host=None):
        """A new certificate of a new name that leads here; its name."""
        type(self).n += 1
        self.name = "c%d" % self.n
        self.domain = "%s.a.example" % self.name
        self.dns.a(self.domain, host or self.gh.addr)
        self.gh.commit("set certificate %s names %s" % (self.name, self.domain), "set certificate %s acme on" % self.name, *more)
        return self.name

    def refused(self, why, *more, **options):
        """It fails, says why, and an alarm stands; what comes back is what is shown."""
        name = self.order(*more, **options)
        got = self.await_state(name, "failed")
        self.assertIn(why, got["why"])
        self.assertIsNone(self.chain(name))
        self.assertIn(name, [a["key"] for a in self.gh.records("show", "alarms") if a["alarm"] == "CertificateOrderFailed"])
        return got

    def recovers(self):
        """The cause is gone: the operator asks, and all is well."""
        self.server.faults.clear()
        self.gh.ghsh("acme renew %s\n" % self.name)
        self.issued(self.name)
        wait_for("the alarm ends", lambda: self.name not in [a["key"] for a in self.gh.records("show", "alarms")], 5)

    def test_issued(self):
        self.server.processing = 2
        self.issued(self.order())
        self.assertEqual(self.chain(self.name)["names"], "dns:" + self.domain)
        account = list(self.server.accounts.values())[0]
        self.assertEqual(account["contact"], ["mailto:admin@a.example"])

    def test_tls_alpn(self):
        try:
            self.issued(self.order("set acme challenge tls-alpn-01"))
        finally:
            self.gh.commit("set acme challenge http-01")

    def test_bad_nonces(self):
        self.server.fault("new-order", problem("badNonce"), times=3)
        self.issued(self.order())
        self.assertEqual(self.server.count("new-order"), 4)

    def test_bad_nonces_without_end(self):
        self.server.fault("new-order", problem("badNonce"), times=None)
        self.refused("badNonce")
        self.assertLess(self.server.count("new-order"), 10)
        self.recovers()

    def test_rate_limited(self):
        self.server.fault("new-order", problem("rateLimited", 429, "too many certificates already issued", retry=7200))
        before = datetime.datetime.utcnow()
        got = self.refused("too many certificates already issued")
        self.assertIn("limits", got["why"])
        again = datetime.datetime.strptime(got["again"], "%Y-%m-%dT%H:%M:%SZ")
        self.assertGreaterEqual((again - before).total_seconds(), 7199)
        self.assertEqual(self.server.count("new-order"), 1)
        self.recovers()

    def test_unreachable(self):
        self.server.stop()
        try:
            self.refused("acme.authority.example")
        finally:
            self.server.start()
        self.recovers()

    def test_answers_that_are_none(self):
        for step, answer in (("directory", (200, "application/json", b"[" * 5000, {})), ("new-order", (201, "application/json", b"{}", {})),
                             ("order", (200, "application/json", b"\xff\xfe", {})), ("authorization", (200, "text/html", b"<html>", {})),
                             ("certificate", (200, "application/pem-certificate-chain", b"-----BEGIN CERTIFICATE-----\nAAAA\n", {})),
                             ("certificate", (200, "application/pem-certificate-chain", b"x" * 100000, {})),
                             ("new-order", (503, "text/html", b"", {})), ("finalize", "close")):
            with self.subTest(step=step, answer=str(answer)[:40]):
                self.server.fault(step, answer)
                self.refused("")
                self.gh.ghsh("delete certificate %s acme\ncommit\n" % self.name)

    def test_wrong_challenge(self):
        """The name leads to another host: the authority says no, and that is told."""
        elsewhere = self.place.addr()
        got = self.refused("cannot reach this box", host=elsewhere)
        self.assertIn(self.domain, got["why"])

    def test_challenge_that_is_not_offered(self):
        self.server.kinds = ("tls-alpn-01",)
        try:
            self.refused("does not offer http-01")
        finally:
            self.server.kinds = ("http-01", "tls-alpn-01")

    def test_terms(self):
        self.server.terms = "https://acme.authority.example/terms"
        self.server.accounts.clear()
        self.gh.commit("set acme terms-agreed off")
        try:
            self.assertIn(self.server.terms, self.refused("terms-agreed")["why"])
            self.assertEqual(self.server.count("new-account"), 0)
            self.gh.commit("set acme terms-agreed on")
            self.issued(self.name)
        finally:
            self.server.terms = None
            self.gh.commit("set acme terms-agreed on")

    def test_forgotten_account(self):
        self.issued(self.order())
        self.server.accounts.clear()
        self.gh.ghsh("acme renew %s\n" % self.name)
        wait_for("the account is there again", lambda: self.server.accounts, 20)
        self.issued(self.name)

    def test_revoked_account(self):
        self.issued(self.order())
        for account in self.server.accounts.values():
            account["status"] = "deactivated"
        self.refused("account")
        self.gh.ghsh("key delete acme-account\n")
        self.recovers()
        self.assertEqual(len(self.server.accounts), 2)
        self.server.accounts = {u: a for u, a in self.server.accounts.items() if a["status"] == "valid"}

    def test_chain_of_another_key(self):
        """gh-keys, not gh-pki, says whether a chain is this key's."""
        self.server.on["certificate"] = lambda: self.server.certificates.update(
            {k: acmeserver.foreign_chain(self.server.authority, [self.domain]) for k in self.server.certificates})
        self.refused("private key")
        self.recovers()

    def test_chain_of_other_names(self):
        self.server.on["certificate"] = lambda: self.server.certificates.update(
            {k: acmeserver.foreign_chain(self.server.authority, ["other.a.example"]) for k in self.server.certificates})
        self.refused("does not have all names")
        self.recovers()

    def test_a_key_in_the_chain(self):
        """A key that comes with a chain is not taken in."""
        key = ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                                    serialization.NoEncryption())
        self.server.on["certificate"] = lambda: self.server.certificates.update(
            {k: v + key for k, v in self.server.certificates.items()})
        self.refused("")
        self.recovers()

    def test_pending_confirmation(self):
        """A commit that waits for its confirmation is not stepped on: the chain waits, and comes after it."""
        self.server.on["finalize"] = lambda: self.gh.ghsh("set log level info\nset im resume 601\ncommit confirm 5\n")
        self.order()
        self.await_state(self.name, "waits for a commit")
        self.assertIsNone(self.chain(self.name))
        self.gh.ghsh("confirm\n")
        self.issued(self.name, 30)
        self.gh.commit("delete im resume")

    def test_strangers_at_the_door(self):
        """Nothing but the token under way, and nothing for long."""
        for line, status in ((b"GET / HTTP/1.1", b"404"), (b"GET /.well-known/acme-challenge/" + b"x" * 43 + b" HTTP/1.1", b"404"),
                             (b"POST / HTTP/1.1", b"405"), (b"GET /../x HTTP/1.1", b"404"), (b"nonsense", b"400"),
                             (b"GET /" + b"x" * 5000 + b" HTTP/1.1", b"414")):
            with socket.create_connection((self.gh.addr, HTTP), timeout=5) as s:
                s.sendall(line + b"\r\nHost: a.example\r\n\r\n")
                self.assertIn(b" " + status + b" ", s.recv(4096).split(b"\r\n")[0])
        many = [socket.create_connection((self.gh.addr, HTTP), timeout=5) for _ in range(20)]
        try:
            many[-1].settimeout(2)
            self.assertEqual(many[-1].recv(10), b"")  # one address has eight places
        finally:
            for s in many:
                s.close()
        with self.assertRaises(OSError), socket.create_connection((self.gh.addr, TLS), timeout=5) as raw:
            ssl._create_unverified_context().wrap_socket(raw, server_hostname="a.example")
        self.name = "none"

    def test_renewal(self):
        """At two thirds of its life, by itself, with the same key."""
        self.server.authority.life = (35, 25)
        self.issued(self.order())
        before, pin = self.chain(self.name), self.pin()
        self.server.authority.life = (3600, 90 * 86400)
        wait_for("the renewal", lambda: self.chain(self.name)["sha256"] != before["sha256"], 40)
        self.assertEqual(self.pin(), pin)
        self.issued(self.name)

    def pin(self):
        return [k["pin"] for k in self.gh.records("show", "keys") if k["key"] == self.name][0]


class Renewal(Box, PeerCase):
    """The authority says when it wants a certificate renewed (RFC 9773)."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("a.example")
        cls.server = AcmeServer(cls.place, cls.pki, cls.dns, HTTP, TLS)
        cls.server.renewal = cls.window(20, 21)
        cls.gh.settings = settings("a.example", cls.server.directory, "set acme listen v4 %s %d" % (cls.gh.addr, HTTP))
        cls.gh.publish().start()
        cls.dns.a("one.a.example", cls.gh.addr)
        cls.gh.commit("set certificate one names one.a.example", "set certificate one acme on")

    @staticmethod
    def window(start_d, end_d, **more):
        """Days from now."""
        now = datetime.datetime.utcnow()
        return dict(more, suggestedWindow={k: (now + datetime.timedelta(days=d)).strftime("%Y-%m-%dT%H:%M:%SZ") for k, d in (("start", start_d), ("end", end_d))})

    def days(self):
        at = datetime.datetime.strptime(self.show("one")["renewal"], "%Y-%m-%dT%H:%M:%SZ")
        return (at - datetime.datetime.utcnow()).total_seconds() / 86400

    def asks_anew(self, window, kill=False):
        """As after a restart, or of another authority: it is asked at once."""
        self.server.renewal = window
        n = len(self.server.renewal_asked)
        if kill:
            self.gh.kill("gh-pki")
        else:
            self.gh.commit("set acme directory %s/%d" % (self.server.directory, n))
        wait_for("the authority is asked", lambda: len(self.server.renewal_asked) > n, 30, 0.2)
        wait_for("gh-pki answers", lambda: self.gh.operator("show", "acme").returncode == 0, 10)
        time.sleep(0.3)

    def test_windows(self):
        self.issued("one")
        wait_for("the window counts", lambda: self.show("one")["suggested"], 20)
        self.assertTrue(19.9 < self.days() < 21)
        for name, window in (("far", self.window(4000, 5000)), ("at the end", self.window(89, 90)), ("none", self.window(9, 8)), ("words", {"suggestedWindow": "soon"}),
                             ("garbage", b"\xff" * 2000), ("deep", b"[" * 9000), ("long", b"x" * 100000)):
            with self.subTest(name):
                self.asks_anew(window)
                self.assertTrue(58 < self.days() < 61, self.days())  # our own: two thirds
                self.assertEqual(self.show("one")["state"], "good")
        before = self.chain("one")["sha256"]
        old = self.server.renewal_asked[-1]
        self.asks_anew(self.window(-2, -1, explanationURL="https://authority.example/incident\x1b[2J"), kill=True)
        wait_for("it is renewed at once", lambda: self.chain("one")["sha256"] != before, 30)
        self.issued("one")
        self.assertEqual(self.server.replaced[:1], [old])  # the order says which one it replaces
        self.assertIn("https://authority.example/incident", self.gh.log())
        # the new one shall be renewed at once, too: not without end
        wait_for("it is asked about the new one", lambda: self.server.renewal_asked[-1] != old, 20)
        wait_for("that is shown", lambda: self.show("one")["explanation"].startswith("https://authority.example/incident"), 10)
        orders = self.server.count("new-order")
        time.sleep(12)
        self.assertEqual(self.server.count("new-order"), orders)
        self.gh.ghsh("acme renew one\n")  # an operator may
        wait_for("it is ordered", lambda: self.server.count("new-order") > orders, 10)
        self.issued("one")
        # an authority that takes no replacement gives the certificate all the same
        self.server.renewal, n = None, self.server.count("new-order")
        self.gh.ghsh("acme renew one\n")
        wait_for("both orders", lambda: self.server.count("new-order") >= n + 1, 10)
        self.issued("one")
        self.assertEqual(self.server.troubles, [])


class Killed(Box, PeerCase):
    """kill -9 at each step of an order: it is begun anew and ends well; what ran until then runs on."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("a.example")
        cls.server = AcmeServer(cls.place, cls.pki, cls.dns, HTTP, TLS)
        cls.gh.settings = settings("a.example", cls.server.directory, "set acme listen v4 %s %d" % (cls.gh.addr, HTTP))
        cls.gh.publish().start()
        cls.dns.a("one.a.example", cls.gh.addr)

    STEPS = (("directory", "gh-pki"), ("new-nonce", "gh-pki"), ("new-account", "gh-pki"), ("new-order", "gh-pki"), ("authorization", "gh-pki"),
             ("challenge", "gh-pki"))

    def test_each_step(self):
        self.server.processing = 1
        self.gh.commit("set certificate one names one.a.example", "set certificate one acme on")
        self.issued("one")
        for step, victim in self.STEPS:
            with self.subTest(step=step, victim=victim):
                self.one(step, victim)

    def state(self):
        """None while gh-pki or gh-conf is starting."""
        got = self.gh.records("show", "acme", "one", check=False)
        return got[0]["state"] if got else None

    def renew(self):
        return self.gh.operator("acme", "renew", "one").returncode == 0

    def one(self, step, victim):
        before, killed = self.chain("one"), []
        if step == "new-account":
            self.server.accounts.clear()

        def kill():
            seen = self.chain("one")["sha256"]
            self.gh.kill(victim)
            killed.append(seen)
        self.server.on[step] = kill
        wait_for("gh-pki answers", self.renew, 40, 0.3)
        wait_for("%s is killed at %s" % (victim, step), lambda: killed, 20)
        self.assertEqual(killed[0], before["sha256"])
        if victim == "gh-pki":  # with the others an order may end well at once
            self.assertEqual(wait_for("the box answers", lambda: self.chain("one"), 20)["sha256"], before["sha256"])

        def is_new():
            now = self.chain("one")
            if now and now["sha256"] == before["sha256"] and self.state() in ("good", "failed"):
                self.renew()  # what an operator asked of a program that ended is not done
            return now and now["sha256"] != before["sha256"]
        wait_for("a new chain", is_new, 60, 0.3)
        wait_for("all is good", lambda: self.state() == "good", 30)


class KilledLate(Killed):
    STEPS = (("order", "gh-pki"), ("finalize", "gh-pki"), ("finalize", "gh-keys"), ("certificate", "gh-pki"), ("certificate", "gh-keys"),
             ("certificate", "gh-conf"))


class Held(Box, Fed):
    """A renewal under traffic: the stream with a partner stays, and newcomers see the new certificate."""
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)
        cls.server = AcmeServer(cls.place, cls.pki, cls.dns, HTTP, TLS)
        cls.dns.a("near.example", cls.gh.addr)
        cls.gh.commit(*settings("near.example", cls.server.directory, "set acme listen v4 %s %d" % (cls.gh.addr, HTTP)))

    def shown(self):
        context = ssl._create_unverified_context()
        with socket.create_connection((self.gh.addr, 5270), timeout=5) as raw, context.wrap_socket(raw, server_hostname="near.example") as s:
            return hashlib.sha256(s.getpeercert(True)).hexdigest()

    def streams(self):
        return [r for r in self.gh.records("show", "federation", "far.example")]

    def test_renewal_with_open_streams(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "before")
        self.chat(r, j, "before, too")
        opened, before = self.gh.log().count("s2s.out.ready") + self.gh.log().count("s2s.in.ready"), self.shown()
        self.gh.commit("set certificate own acme on")  # its names: the domains that it proves
        self.assertEqual(self.show("own")["names"], "near.example")
        self.gh.ghsh("acme renew own\n")
        for i in range(100):
            j.message(r.jid, "under way %d" % i)
            r.wait_body("under way %d" % i, 10)
            if self.shown() != before:
                break
            time.sleep(0.1)
        after = self.shown()
        self.assertNotEqual(after, before)
        self.assertEqual(after, self.chain("own")["sha256"])
        self.chat(j, r, "after")
        self.chat(r, j, "after, too")
        self.assertEqual(self.gh.log().count("s2s.out.ready") + self.gh.log().count("s2s.in.ready"), opened)
        self.assertNotIn("s2s.out.closed", self.gh.log())


if __name__ == "__main__":
    unittest.main()
