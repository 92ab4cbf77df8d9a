"""Revocation: lists that are fetched, and our own certificates' OCSP responses in handshakes, seen by foreign software."""
import os
import re
import select
import subprocess

from harness import raw
from harness.authority import Responder, Web
from harness.case import PeerCase
from harness.fed import Fed
from harness.place import Failed, need, wait_for
from harness.rsyslog import Rsyslog
from harness.sipbox import PARTNER, SipBox
from test_sip_sessions import msrp


def read(path):
    with open(path, "rb") as f:
        return f.read()


def row(gh, what, key, name):
    rows = [r for r in gh.records("show", what) if r[key] == name]
    return rows[0] if rows else {}


class Lists(Fed):
    """A partner whose authority publishes a list."""
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)
        cls.web = Web(cls.place.addr()).start()
        cls.place.on_close(cls.web.stop)
        cls.publish()
        cls.gh.commit("set fetch allow lo 127.0.0.0/8", "set trust revocation-url test " + cls.web.url("/ca.crl"))
        cls.wait_list(lambda r: r.get("state") == "in-force")

    @classmethod
    def publish(cls, *revoked, **options):
        cls.web.files["/ca.crl"] = read(cls.pki.revoke(*revoked, **options))

    @classmethod
    def wait_list(cls, is_so, name="test", seconds=15):
        return wait_for("the list is as it should be", lambda: (lambda r: r if is_so(r) else None)(row(cls.gh, "revocation", "name", name)), seconds)

    def fetch(self, is_so):
        self.gh.ghsh("revocation fetch\n")
        return self.wait_list(is_so)

    def tearDown(self):
        super().tearDown()
        self.publish()
        self.gh.ghsh("set trust revocation-url test %s\ncommit\n" % self.web.url("/ca.crl"), check=False)
        self.fetch(lambda r: r.get("state") == "in-force" and r.get("revoked") == "0")

    def alarms(self):
        return {(a["alarm"], a["key"]) for a in self.gh.records("show", "alarms")}

    def test_a_stream_ends_when_its_certificate_is_revoked_and_no_other_comes(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "before")
        self.chat(r, j, "and back")
        before, seen = len(self.gh.log()), len(self.far.program.text())
        self.publish(self.far.cert)
        got = self.fetch(lambda x: x.get("revoked") == "1")
        self.assertIn("Gatehouse test authority", got["issuer"])
        line = wait_for("the stream is ended", lambda: re.search(r".*s2s\.revoked.*", self.gh.log()[before:]), 10).group()
        self.assertIn("domain=far.example", line)
        wait_for("Prosody is told why", lambda: "reset" in self.far.program.text()[seen:], 10)
        condition, text = self.bounce("far.example")
        self.assertEqual(condition, "remote-server-timeout")
        wait_for("the refusal says why", lambda: "reason=cert-revoked" in self.gh.log()[before:], 10)
        # the other direction
        r.message(j.jid, "let me in", id_="in1")
        self.assertEqual(raw.local(r.wait_error("in1", 30).tag), "message")
        # the authority takes it back: the next stream is proved again
        self.publish()
        self.fetch(lambda x: x.get("revoked") == "0")
        self.gh.ghsh("federation retry far.example\n", check=False)
        self.chat(j, r, "after")

    def test_other_streams_stay(self):
        other = self.pki.make("good", "somebody.example")
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "one")
        before = len(self.gh.log())
        self.publish(other)
        self.fetch(lambda x: x.get("revoked") == "1")
        self.chat(j, r, "two")
        self.assertNotIn("s2s.closed", self.gh.log()[before:])
        self.assertNotIn("s2s.revoked", self.gh.log()[before:])

    def test_bad_files_change_nothing(self):
        self.publish(self.pki.make("good", "somebody.example"))
        self.fetch(lambda x: x.get("revoked") == "1")
        good = self.web.files["/ca.crl"]
        for body, trouble in (
                (b"<html>gone</html>", "no revocation list"),
                (good[:-60], "no revocation list"),
                (read(self.pki.revoke(by="other-ca")), "not trusted"),
                (b"x" * (17 << 20), ""),
                (None, "404")):
            self.web.files["/ca.crl"] = body
            if body is None:
                del self.web.files["/ca.crl"]
            got = self.fetch(lambda x: trouble in x["trouble"] and x["trouble"] != "")
            self.assertEqual((got["state"], got["revoked"]), ("in-force", "1"))
            self.web.files["/ca.crl"] = good
            self.fetch(lambda x: x["trouble"] == "")

    def test_the_list_outlives_a_restart_without_the_network(self):
        self.publish(self.far.cert)
        self.fetch(lambda x: x.get("revoked") == "1")
        self.web.stop()
        try:
            self.gh.kill("gh-pki")
            self.gh.kill("gh-s2s")
            got = self.wait_list(lambda x: x.get("revoked") == "1" and x.get("trouble"))
            self.assertEqual((got["state"], got["fetched"]), ("in-force", ""))
            before = len(self.gh.log())
            self.bounce("far.example")
            wait_for("it is still refused", lambda: "reason=cert-revoked" in self.gh.log()[before:], 10)
        finally:
            self.web.start()

    def test_an_old_list_still_revokes_and_is_an_alarm(self):
        self.publish(self.far.cert, days=-1)
        self.fetch(lambda x: x.get("state") == "out-of-date" and x.get("revoked") == "1")
        wait_for("the alarm", lambda: ("RevocationListStale", "test") in self.alarms(), 10)
        before = len(self.gh.log())
        self.bounce("far.example")
        wait_for("it is refused", lambda: "reason=cert-revoked" in self.gh.log()[before:], 10)
        self.publish()
        self.fetch(lambda x: x.get("state") == "in-force")
        wait_for("the alarm is over", lambda: ("RevocationListStale", "test") not in self.alarms(), 10)

    def test_a_list_can_be_required(self):
        self.gh.commit("set trust revocation-required on")
        try:
            j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
            self.chat(j, r, "there is a list")
            self.gh.commit("delete trust revocation-url test")
            self.gh.ghsh("federation close far.example\n")
            before = len(self.gh.log())
            self.bounce("far.example")
            wait_for("it is refused", lambda: "reason=cert-crl" in self.gh.log()[before:], 10)
        finally:
            self.gh.commit("delete trust revocation-required")

    def test_urls_are_checked(self):
        for url in ("ftp://x/ca.crl", "file:///etc/passwd", "nothing"):
            with self.assertRaises(Failed) as e:
                self.gh.commit("set trust revocation-url bad " + url)
            self.assertIn("trust revocation-url bad", str(e.exception))
            self.gh.ghsh("discard\n")


class Cut:
    """Of a box whose authority publishes a list: connections that stand on a certificate end with it, others stay."""

    @classmethod
    def publish(cls, *revoked):
        cls.web.files["/ca.crl"] = read(cls.pki.revoke(*revoked))

    @classmethod
    def begin(cls):
        cls.web = Web(cls.place.addr()).start()
        cls.place.on_close(cls.web.stop)
        cls.publish()
        cls.gh.commit("set fetch allow lo 127.0.0.0/8", "set trust revocation-url test " + cls.web.url("/ca.crl"))
        cls.known(0)

    @classmethod
    def known(cls, n):
        cls.gh.ghsh("revocation fetch\n")
        wait_for("%d are revoked" % n, lambda: (lambda r: r.get("state") == "in-force" and r.get("revoked") == str(n))(row(cls.gh, "revocation", "name", "test")), 15)

    def revoke(self, *certs):
        self.addCleanup(self.known, 0)
        self.addCleanup(self.publish)
        self.publish(*certs)
        self.known(len(certs))


class SipTrunk(Cut, SipBox):
    """openssl s_client as a partner's trunk over TLS."""

    @classmethod
    def build(cls):
        super().build()
        cls.begin()

    def trunk(self, cert):
        p = subprocess.Popen([need("openssl"), "s_client", "-quiet", "-connect", "%s:5061" % self.gh.addr, "-servername", "near.example", "-CAfile", self.pki.ca,
                              "-cert", cert.crt, "-key", cert.key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.stdin.close)
        self.addCleanup(lambda: (p.kill(), p.wait(5)))
        return p

    def ask(self, p):
        """One request on it; the status line of the answer."""
        mark = os.urandom(5).hex()
        p.stdin.write(("OPTIONS sip:near.example SIP/2.0\r\nVia: SIP/2.0/TLS %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:trunk@%s>;tag=%s\r\n"
                       "To: <sip:near.example>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n" % (PARTNER, mark, PARTNER, mark, mark)).encode())
        p.stdin.flush()
        ready = select.select([p.stdout], [], [], 10)[0]
        self.assertTrue(ready, "neither an answer nor an end")
        return os.read(p.stdout.fileno(), 65536).split(b"\r\n")[0].decode()

    def test_a_trunk_ends_and_another_stays(self):
        stolen, good = self.pki.make("rsa", PARTNER), self.pki.make("good", PARTNER)
        bad, other = self.trunk(stolen), self.trunk(good)
        self.assertRegex(self.ask(bad), r"SIP/2\.0 2\d\d")
        self.assertRegex(self.ask(other), r"SIP/2\.0 2\d\d")
        before = len(self.gh.log())
        self.revoke(stolen)
        bad.wait(10)  # s_client ends when its peer does
        self.assertIn("revoked", self.gh.log()[before:])
        self.assertRegex(self.ask(other), r"SIP/2\.0 2\d\d")
        again = self.trunk(stolen)
        try:
            got = self.ask(again)
        except BrokenPipeError:
            got = ""
        self.assertNotRegex(got, r"SIP/2\.0 2\d\d")

    def test_what_we_opened_ends(self):
        """Our own connection to the partner: what it shows there is revoked."""
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "before")
        self.sip.answer(self.reaches(r), 200)
        before = len(self.gh.log())
        self.revoke(self.sip.cert)
        wait_for("it is said", lambda: "revoked" in self.gh.log()[before:], 10)
        j.message("%s@%s" % (r, PARTNER), "after", id_="m2")
        j.wait_error("m2", 40)
        self.assertTrue(self.nothing_reaches(r, 0.5))


class MsrpConnection(Cut, SipBox):
    """openssl s_server as the MSRP host of a partner."""

    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set gateway msrp on", "set sip listen-msrp-tls a %s 2855" % cls.gh.addr, "set sip msrp-host near.example 2855")
        cls.begin()

    def test_it_ends(self):
        j, r, cert = self.juliet(), self.romeo(), self.pki.make("rsa", PARTNER)
        p = subprocess.Popen([need("openssl"), "s_server", "-quiet", "-accept", "%s:7777" % self.sip.addr, "-cert", cert.crt, "-key", cert.key, "-naccept", "1"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.stdin.close)
        self.addCleanup(lambda: (p.kill(), p.wait(5)))
        wait_for("s_server listens", lambda: b":1E61 " in subprocess.run(["cat", "/proc/net/tcp"], stdout=subprocess.PIPE).stdout, 10)
        ours = "msrps://%s:7777/%s;tcp" % (PARTNER, r)
        j.send("<message to='%s@%s' type='chat'><body>first</body><thread>T9</thread></message>" % (r, PARTNER))
        invite = self.reaches(r, "INVITE")
        self.sip.answer(invite, 200, body=msrp(ours).replace(" TCP/MSRP ", " TCP/TLS/MSRP "), content_type="application/sdp", headers=[self.sip.contact(r)])
        self.reaches(r, "ACK")
        self.assertTrue(select.select([p.stdout], [], [], 10)[0], "nothing came by MSRP")
        self.assertIn(b"first", os.read(p.stdout.fileno(), 65536))
        before = len(self.gh.log())
        self.revoke(cert)
        wait_for("it is said", lambda: "msrp.revoked" in self.gh.log()[before:], 10)
        p.wait(10)  # its one connection has ended
        self.sip.answer(self.reaches(r, "BYE"), 200)  # and so does the session
        self.assertEqual([x for x in self.gh.log()[before:].splitlines() if "super.ended" in x], [])


class SyslogServer(Cut, PeerCase):
    """rsyslog whose certificate is revoked: nothing more goes there, nothing is lost, and it is told why."""

    @classmethod
    def build(cls):
        cls.cert, cls.addr = cls.pki.make("good", "logs.example"), cls.place.addr()
        cls.dns.a("logs.example", cls.addr)
        cls.server = Rsyslog(cls.place, "tls", 16514, cls.addr, cls.cert, cls.pki.ca, peer="near.example").start()
        cls.gh = cls.gatehouse("near.example", settings=("set log remote tls server logs.example 16514", "set log remote tls certificate own",
                                                         "set log remote tls authority test"))
        cls.gh.start()
        cls.begin()
        wait_for("it is connected", lambda: cls.state()["state"] == "connected", 20)

    @classmethod
    def state(cls):
        return row(cls.gh, "syslog", "name", "tls")

    def mark(self, word):
        self.gh.commit("set domain near.example contact mailto:%s@near.example" % word)

    def test_it_gets_no_more(self):
        self.mark("before")
        wait_for("it is there", lambda: self.server.has("before@"), 10)
        self.revoke(self.cert)
        wait_for("it is no more connected", lambda: self.state()["state"] != "connected" and "revoked" in self.state()["trouble"], 15)
        self.mark("secret")
        wait_for("the alarm", lambda: ("SyslogServerUnreachable", "tls") in {(a["alarm"], a["key"]) for a in self.gh.records("show", "alarms")}, 20)
        self.assertFalse(self.server.has("secret@"))
        self.publish()
        self.known(0)
        wait_for("what waited comes", lambda: self.server.has("secret@"), 60, 0.3)
        self.assertEqual(self.state()["lost"], "0")


class Stapling(PeerCase):
    """Every door shows the response; openssl, gnutls-cli and sslscan look."""

    @classmethod
    def build(cls):
        cls.ocsp = Responder(cls.place, cls.pki, cls.place.addr())
        cls.place.on_close(cls.ocsp.stop)
        cls.pki.ocsp_url = cls.ocsp.url
        cls.addr = cls.place.addr()
        cls.gh = cls.gatehouse("near.example", "must-staple", addr=cls.addr, sip_peers={}, line=True, settings=(
            "set fetch allow lo 127.0.0.0/8", "set web certificate own", "set web listen v4 %s 8443" % cls.addr,
            "set turn listen-tls v4 %s 5349" % cls.addr, "set turn listen-dtls v4 %s 5349" % cls.addr,
            "set turn relay-address v4 " + cls.addr, "set turn realm near.example")).publish()
        cls.ocsp.start(good=[cls.gh.cert])
        cls.gh.start()
        cls.wait(lambda r: r.get("state") == "shown")

    @classmethod
    def wait(cls, is_so, seconds=20):
        return wait_for("the certificate's state", lambda: (lambda r: r if is_so(r) else None)(row(cls.gh, "stapling", "certificate", "own")), seconds)

    def shown_again(self):
        self.ocsp.start(good=[self.gh.cert])
        self.gh.ghsh("revocation fetch\n")
        self.wait(lambda r: r.get("state") == "shown" and not r.get("trouble"))

    def alarms(self):
        return {(a["alarm"], a["severity"]) for a in self.gh.records("show", "alarms") if a["key"] == "own"}

    DOORS = (
        ("s2s", 5269, ("-starttls", "xmpp-server", "-xmpphost", "near.example")),
        ("s2s-tls", 5270, ("-alpn", "xmpp-server")),
        ("c2s", 5222, ("-starttls", "xmpp", "-xmpphost", "near.example")),
        ("c2s-tls", 5223, ("-alpn", "xmpp-client")),
        ("sip-tls", 5061, ()),
        ("line-tls", 5071, ()),
        ("turn-tls", 5349, ()),
        ("turn-dtls", 5349, ("-dtls1_2",)),
        ("web", 8443, ()),
    )

    def status(self, port, options):
        got = subprocess.run([need("openssl"), "s_client", "-connect", "%s:%d" % (self.addr, port), "-servername", "near.example",
                              "-CAfile", self.pki.ca, "-status", *options], input=b"Q\n", stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=30)
        return got.stdout.decode(errors="replace")

    def test_every_door_staples(self):
        for name, port, options in self.DOORS:
            for more in ((), ("-tls1_2",)) if name != "turn-dtls" else ((),):
                with self.subTest(door=name, more=more):
                    got = self.status(port, options + more)
                    self.assertIn("OCSP Response Status: successful", got)
                    self.assertIn("Cert Status: good", got)
                    self.assertIn("Verify return code: 0", got)

    def test_gnutls_believes_it(self):
        saved = self.place.path("gnutls.ocsp")
        got = subprocess.run([need("gnutls-cli"), "--x509cafile", self.pki.ca, "--sni-hostname", "near.example", "--verify-hostname",
                              "near.example", "--alpn", "xmpp-client", "--save-ocsp", saved, "-p", "5223", self.addr], input=b"", stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=30)
        text = got.stdout.decode(errors="replace")
        self.assertIn("The certificate is trusted", text)
        self.assertIn("OCSP", text)
        self.assertTrue(read(saved))

    def test_sslscan_sees_it(self):
        got = subprocess.run([need("sslscan"), "--ocsp", "--no-colour", "--sni-name=near.example", "%s:8443" % self.addr],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        self.assertIn("OCSP Response Status: successful", got.stdout.decode(errors="replace"))

    def test_a_restart_without_the_responder(self):
        self.ocsp.stop()
        try:
            self.gh.kill("gh-pki")
            self.gh.kill("gh-access")
            self.wait(lambda r: r.get("state") == "shown" and r.get("trouble"))
            self.assertIn("Cert Status: good", wait_for("the door", lambda: self.try_status(5223, ("-alpn", "xmpp-client")), 15))
            self.assertEqual(self.alarms(), set())
        finally:
            self.shown_again()

    def try_status(self, port, options):
        got = self.status(port, options)
        return got if "Cert Status" in got else None

    def test_off_and_on(self):
        self.gh.commit("set tls stapling off")
        self.assertIn("OCSP response: no response sent", self.status(5223, ("-alpn", "xmpp-client")))
        wait_for("the alarm", lambda: ("StapleMissing", "critical") in self.alarms(), 10)
        self.gh.commit("delete tls stapling")
        wait_for("it is shown again", lambda: self.try_status(5223, ("-alpn", "xmpp-client")), 15)
        wait_for("the alarm is over", lambda: not self.alarms(), 10)

    def test_revoked_by_our_authority(self):
        self.ocsp.start(revoked=[self.gh.cert])
        try:
            self.gh.ghsh("revocation fetch\n")
            self.wait(lambda r: r.get("state") == "revoked")
            wait_for("the alarm", lambda: ("CertificateRevoked", "critical") in self.alarms(), 10)
            self.assertIn("OCSP response: no response sent", self.status(5223, ("-alpn", "xmpp-client")))
        finally:
            self.shown_again()
        wait_for("the alarm is over", lambda: not self.alarms(), 10)

    def test_an_answer_runs_out(self):
        """A responder that signs for a minute, then is gone: shown to the last second, an alarm before."""
        self.ocsp.start(good=[self.gh.cert], minutes=1)
        self.gh.ghsh("revocation fetch\n")
        self.wait(lambda r: r.get("state") == "shown" and r.get("next", "") < r.get("until", ""))
        self.ocsp.stop()
        try:
            wait_for("the alarm before the end", lambda: ("StapleMissing", "major") in self.alarms(), 75)
            self.assertIn("Cert Status: good", self.status(5223, ("-alpn", "xmpp-client")))
            wait_for("the alarm at the end", lambda: ("StapleMissing", "critical") in self.alarms(), 75)
            self.assertIn("OCSP response: no response sent", self.status(5223, ("-alpn", "xmpp-client")))
        finally:
            self.shown_again()
