"""The port of STARTTLS at an edge (RFC 6120 5): clients that know no direct TLS come in by it, and what is said in clear ends there."""
import base64
import socket
import subprocess
import time

from harness import raw
from harness.client import SlixClient
from harness.linked import EDGE_OUTSIDE, FRONT, LinkedCase
from harness.people import DOMAIN
from harness.place import need, port_open, wait_for
from harness.profanity import Profanity
from test_c2s import OpenSslSocket

PORT = 5222
HEADER = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='%s' version='1.0'>"
STARTTLS = "<starttls xmlns='%s'/>" % raw.NS["tls"]
AUTH = "<auth xmlns='%s' mechanism='PLAIN'>AHUAc2VjcmV0</auth>" % raw.NS["sasl"]


class Starttls(LinkedCase):
    edge_settings = ("delete access listen v4", "set proxy listen-starttls v4 %s %d" % (EDGE_OUTSIDE, PORT))

    @classmethod
    def edge_lines(cls):
        second = cls.pki.make("good", "second.example")
        return super().edge_lines() + ["certificate import second " + cls.place.write("second.pem", second.text() + second.key_text()),
                                       "set domain second.example certificate second"]

    def clear(self):
        s = raw.Stream(EDGE_OUTSIDE, PORT)
        self.streams.append(s)
        return s

    def row(self, user):
        return next(r for r in self.core.records("show", "clients") if r["user"].startswith(user))

    # ---- other people's clients
    def test_slixmpp(self):
        u, v = self.people("u", "v")
        self.core.users.setdefault(u, "secret")
        server = type("Edge", (), {"addr": EDGE_OUTSIDE, "domain": DOMAIN, "users": self.core.users})
        c = SlixClient(server, u, ca=self.pki.ca, port=PORT)
        self.addCleanup(c.close)
        s = self.outside(v)
        s.message(c.jid, "to slixmpp")
        self.assertEqual(c.messages.get(timeout=10)["body"], "to slixmpp")
        c.say(s.jid, "and back")
        s.wait_body("and back")
        row = self.row(u)
        self.assertEqual((row["tls"], row["transport"], row["edge"]), ("TLSv1.3", "starttls", "one"))

    def test_profanity(self):
        """Mra test 3."""
        u, v = self.people("u", "v")
        p = Profanity(self.place, "%s@%s" % (u, DOMAIN), "secret", EDGE_OUTSIDE, PORT, self.pki.ca)
        self.addCleanup(p.close)
        wait_for("profanity is in", lambda: any(r["user"] == "%s@%s/profanity" % (u, DOMAIN) for r in self.core.records("show", "clients")), 20, 0.3)
        s = self.outside(v)
        s.send("<presence/>")
        p.type("/msg %s@%s hello-from-it" % (v, DOMAIN))
        self.assertEqual(s.wait_body("hello-from-it", 20).get("from"), "%s@%s/profanity" % (u, DOMAIN))
        s.message("%s@%s/profanity" % (u, DOMAIN), "answer-to-it")
        p.wait_shown("answer-to-it")

    def test_openssl(self):
        got = subprocess.run([need("openssl"), "s_client", "-connect", "%s:%d" % (EDGE_OUTSIDE, PORT), "-starttls", "xmpp", "-xmpphost", DOMAIN,
                              "-servername", DOMAIN, "-CAfile", self.pki.ca, "-verify_return_error", "-verify_hostname", DOMAIN],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        self.assertIn("Verification: OK", got.stdout, got.stderr)
        self.assertIn("TLSv1.3", got.stdout)

    def test_channel_binding(self):
        """M-06: what TLS gives holds for a stream that began in clear too."""
        self.binds_to_its_own_tls(self.people("u"))

    def bound(self):
        s = self.clear()
        s.open(DOMAIN)
        s.features()
        s.send(STARTTLS)
        s.next()
        s.sock = OpenSslSocket(s.sock, DOMAIN)
        s._restart()
        s.open(DOMAIN)
        s.features()
        return s

    def test_certificate_of_the_streams_domain(self):
        """A client that names no server in TLS (SNI) gets the certificate of the domain that it has asked for in clear."""
        for domain in (DOMAIN, "second.example"):
            with self.subTest(domain):
                s = self.clear()
                s.open(domain)
                s.features()
                s.starttls(raw.client_context(self.pki.ca), None)
                self.assertIn(("DNS", domain), s.sock.getpeercert()["subjectAltName"])

    # ---- what is refused
    def test_refusals(self):
        """Mra test 7: each ends at the edge with RFC 6120's error; the core sees no stream."""
        before = self.counter(self.core, "gh-access:c2s.accepted")
        ours = HEADER % DOMAIN
        for text, error in (
                (ours + "<message to='a@b'><body>x</body></message>", "not-authorized"),
                (ours + "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", "not-authorized"),
                (ours + AUTH, "not-authorized"),
                (ours + "<a>" + "x" * 5000, "policy-violation"),
                (HEADER % ("x" * 5000), "policy-violation"),
                (HEADER % "other.example", "host-unknown"),
                (ours.replace("jabber:client", "jabber:server"), "invalid-namespace"),
                (ours.replace(" version='1.0'>", ">"), "unsupported-version"),
                ("<!DOCTYPE x>" + ours, "restricted-xml"),
                (ours + "<?x y?>", "restricted-xml"),
                (ours + "<!-- -->", "restricted-xml"),
                ("GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % DOMAIN, "not-well-formed"),
                (ours + STARTTLS + AUTH, "policy-violation"),
                (ours + STARTTLS + ours, "policy-violation")):
            with self.subTest(text[-50:]):
                s = self.clear()
                s.send(text)
                self.assertEqual(s.until_closed(), error)
        self.assertEqual(self.counter(self.core, "gh-access:c2s.accepted"), before)
        self.assertGreaterEqual(int(self.counter(self.edge, "gh-proxy:proxy.greeting.refused")), 14)

    def test_refusals_inside_tls(self):
        """The same for headers inside TLS, by ALPN and without (M-04): no core is asked before it is known for whom."""
        before = self.counter(self.core, "gh-access:c2s.accepted")
        ours = HEADER % DOMAIN
        for alpn in ("xmpp-client", None):
            for text, error in (
                    (HEADER % ("x" * 5000), "policy-violation"),
                    (HEADER % "other.example", "host-unknown"),
                    (ours.replace("jabber:client", "jabber:server"), "invalid-namespace"),
                    (ours.replace(" version='1.0'>", ">"), "unsupported-version"),
                    ("<!DOCTYPE x>" + ours, "restricted-xml"),
                    ("<!-- -->" + ours, "restricted-xml")):
                with self.subTest("%s %s" % (alpn, text[-50:])):
                    s = raw.Stream(EDGE_OUTSIDE, FRONT)
                    self.streams.append(s)
                    s.wrap(raw.client_context(self.pki.ca, alpn=alpn), DOMAIN)
                    s.send(text)
                    self.assertEqual(s.until_closed(), error)
        self.assertEqual(self.counter(self.core, "gh-access:c2s.accepted"), before)

    def test_pipelined(self):
        """What comes behind a header in one piece is the core's, in full."""
        u = self.people("u")
        s = raw.Stream(EDGE_OUTSIDE, FRONT)
        self.streams.append(s)
        s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), DOMAIN)
        token = base64.b64encode(("\0%s\0secret" % u).encode()).decode()
        s.send(HEADER % DOMAIN + "<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (raw.NS["sasl"], token))
        s.features()
        s.sasl_done(s.next())

    def test_clear_bytes_after_proceed(self):
        """What comes in clear where TLS is due is no part of the stream: the handshake fails."""
        s = self.clear()
        s.send(HEADER % DOMAIN + STARTTLS)
        s.features()
        self.assertEqual(raw.local(s.next().tag), "proceed")
        s.send(AUTH)
        s.sock.settimeout(10)
        try:
            left = s.sock.recv(4096)
        except ConnectionResetError:
            left = b""
        self.assertNotIn(b"success", left)
        self.assertNotIn(b"<", left)  # a TLS alert, or nothing

    def test_places_and_time(self):
        """Connections of one address that only sit there: so many, and so long (RFC 6120 4.9.3.4)."""
        self.edge.commit("set proxy strangers-address 3")
        self.addCleanup(self.edge.commit, "delete proxy strangers-address")
        began = time.monotonic()
        sitting = [self.clear() for _ in range(3)]
        sitting[0].open(DOMAIN)
        sitting[0].features()
        with socket.create_connection((EDGE_OUTSIDE, PORT), 10) as more:
            self.assertEqual(more.recv(100), b"")
        for s in sitting:
            self.assertEqual(s.until_closed(40), "connection-timeout")
        self.assertGreater(time.monotonic() - began, 9)
        wait_for("there is room again", self.is_greeted, 10)

    def is_greeted(self):
        s = self.clear()
        s.send(HEADER % DOMAIN)
        try:
            return s.features() is not None
        except raw.Closed:
            return False

    def test_off(self):
        """Off means closed; who is there goes on."""
        s = self.clear()
        s.open(DOMAIN)
        s.features()
        self.edge.commit("delete proxy listen-starttls v4")
        wait_for("the port is closed", lambda: not port_open(EDGE_OUTSIDE, PORT), 10)
        s.starttls(raw.client_context(self.pki.ca), DOMAIN)
        s.open(DOMAIN)
        s.features()
        self.edge.commit("set proxy listen-starttls v4 %s %d" % (EDGE_OUTSIDE, PORT))
        wait_for("the port is open", lambda: port_open(EDGE_OUTSIDE, PORT), 10)
