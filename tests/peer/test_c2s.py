"""The client door by hand: streams, logins, bindings of TLS, stream management, inactivity."""
import base64
import hashlib
import hmac
import socket
import struct

from OpenSSL import SSL

from harness import raw
from harness.case import PeerCase
from harness.people import CARBONS, DOMAIN, Box, arrived
from harness.place import port_open, wait_for


class Streams(Box):
    """RFC 6120 and what comes before a session."""

    @classmethod
    def build(cls):
        cls.count = 0
        cls.gh = cls.gatehouse(DOMAIN, domains=[("gone.example", cls.pki.make("good", "gone.example"))]).start()

    def test_header_is_answered_with_the_name(self):
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN, from_="juliet@near.example/home")
        s.features()
        self.assertEqual(s.header.get("to"), "juliet@near.example")
        self.assertEqual(s.header.get("from"), DOMAIN)
        self.assertTrue(s.header.get("id"))

    def test_refused_before_login(self):
        for what, error in (("<message to='a@near.example'><body>x</body></message>", "not-authorized"),
                            ("<x>" + "y" * 70000, "policy-violation"),
                            ("<!-- hidden -->", "restricted-xml"),
                            ("<a><b></a>", "not-well-formed")):
            s = raw.Stream(self.gh.addr, 5222)
            self.streams.append(s)
            s.open(DOMAIN)
            s.features()
            try:
                s.send(what)
            except OSError:
                pass
            self.assertEqual(s.until_closed(), error, what[:40])

    def test_stanza_before_bind(self):
        s = self.authenticated(self.people("u"))
        s.send("<message to='a@near.example'><body>x</body></message>")
        self.assertEqual(s.until_closed(), "not-authorized")

    def test_wrong_from(self):
        s = self.client(self.people("u"))
        s.send("<message from='somebody@near.example' to='a@near.example'/>")
        self.assertEqual(s.until_closed(), "invalid-from")

    def test_malformed(self):
        s = self.client(self.people("u"))
        s.send("<iq type='get' id='none'/>")
        self.assertError(s.wait_error("none"), "bad-request")
        s.send("<message to='@@' id='bad'><body>x</body></message>")
        self.assertError(s.wait_error("bad"), "jid-malformed")

    def test_bind_wrong_resource(self):
        s = self.authenticated(self.people("u"))
        s.send("<iq type='set' id='b'><bind xmlns='%s'><resource>\u200b</resource></bind></iq>" % raw.NS["bind"])
        self.assertError(s.wait(lambda e: e.get("id") == "b"), "bad-request")
        self.assertTrue(s.bind("fine").endswith("/fine"))

    def test_domain_that_goes_ends_its_sessions(self):
        self.gh.ghsh("user add u@gone.example secret\n")
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open("gone.example")
        s.features()
        s.starttls(raw.client_context(self.pki.ca), "gone.example")
        s.open("gone.example")
        s.features()
        s.sasl_plain("u", "secret")
        s.open("gone.example")
        s.features()
        s.bind()
        self.gh.commit("delete domain gone.example certificate")
        self.assertEqual(s.until_closed(), "host-gone")


class OpenSslSocket:
    """A TLS socket whose exporter can be used, which Python's own cannot."""

    def __init__(self, sock, name):
        sock.setblocking(True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 10, 0))
        self.tls = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), sock)
        self.tls.set_tlsext_host_name(name.encode())
        self.tls.set_connect_state()
        self.tls.do_handshake()

    def exporter(self):
        return self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")  # RFC 9266

    def settimeout(self, seconds):
        pass  # the descriptor has one

    def sendall(self, data):
        self.tls.sendall(data)

    def recv(self, n):
        return self.tls.recv(n)

    def close(self):
        self.tls.close()


class Login(Box):
    """SASL2, bind2 and the bindings of TLS 1.3."""

    def over_openssl(self):
        s = raw.Stream(self.gh.addr, 5222)
        self.streams.append(s)
        s.open(DOMAIN)
        s.features()
        s.send("<starttls xmlns='%s'/>" % raw.NS["tls"])
        s.next()
        s.sock = OpenSslSocket(s.sock, DOMAIN)
        s._restart()
        s.open(DOMAIN)
        return s, s.features()

    def test_tls_exporter(self):
        u = self.people("u")
        for m in ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"):
            s, f = self.over_openssl()
            self.assertIn("tls-exporter", [c.get("type") for c in f.iter("{urn:xmpp:sasl-cb:0}channel-binding")])
            s.sasl_scram(m, u, "secret", binding=("tls-exporter", s.sock.exporter()))
            s.open(DOMAIN)
            s.features()
            self.assertTrue(s.bind().startswith(u))

    def test_tls_exporter_of_another_connection(self):
        u = self.people("u")
        s, _ = self.over_openssl()
        other, _ = self.over_openssl()
        with self.assertRaises(raw.SaslFailed):
            s.sasl_scram("SCRAM-SHA-256-PLUS", u, "secret", binding=("tls-exporter", other.sock.exporter()))

    def over_direct_tls(self):
        s = raw.Stream(self.gh.addr, 5223)
        self.streams.append(s)
        s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), DOMAIN)
        s.open(DOMAIN)
        s.features()
        return s

    def sasl2(self, user, inside):
        s = self.secured()
        secret = base64.b64encode(("\0%s\0secret" % user).encode()).decode()
        s.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%s</initial-response>%s"
               "</authenticate>" % (secret, inside))
        return s, s.next()

    def test_plain_without_initial_response(self):
        # RFC 6120 6.4.2: an empty challenge asks for it; and a client may think better of it (6.4.4).
        u = self.people("u")
        s = self.over_direct_tls()
        s.send("<auth xmlns='%s' mechanism='PLAIN'/>" % raw.NS["sasl"])
        self.assertEqual(raw.local(s.next().tag), "challenge")
        s.send("<abort xmlns='%s'/>" % raw.NS["sasl"])
        self.assertEqual(raw.condition(s.next()), "aborted")
        s.send("<auth xmlns='%s' mechanism='PLAIN'/>" % raw.NS["sasl"])
        s.next()
        s.send("<response xmlns='%s'>%s</response>" % (raw.NS["sasl"], base64.b64encode(
            ("\0%s\0secret" % u).encode()).decode()))
        self.assertEqual(raw.local(s.next().tag), "success")

    def test_sasl_bad_input(self):
        u = self.people("u")
        good = "\0%s\0secret" % u
        for text, condition in (("!!!", "incorrect-encoding"), (base64.b64encode(b"no zeros").decode(), "malformed-request"),
                                (base64.b64encode(("other@near.example" + good).encode()).decode(), "invalid-authzid"),
                                (base64.b64encode(("%s@near.example" % u + good).encode()).decode(), None)):
            s = self.over_direct_tls()
            s.send("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (raw.NS["sasl"], text))
            got = s.next()
            self.assertEqual(raw.local(got.tag), "failure" if condition else "success")
            if condition:
                self.assertEqual(raw.condition(got), condition)

    def test_sasl2_scram(self):
        # XEP-0388 with a challenge; the proof of the server comes as additional data.
        u = self.people("u")
        s = self.over_direct_tls()
        first = "n=%s,r=abcdefgh" % u
        encode = lambda t: base64.b64encode(t if isinstance(t, bytes) else t.encode()).decode()
        s.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>%s</initial-response>"
               "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>t</software></user-agent>"
               "<bind xmlns='urn:xmpp:bind:0'/></authenticate>" % encode("n,," + first))
        server_first = base64.b64decode(s.next().text).decode()
        f = dict(x.split("=", 1) for x in server_first.split(","))
        final = "c=biws,r=" + f["r"]
        salted = hashlib.pbkdf2_hmac("sha256", b"secret", base64.b64decode(f["s"]), int(f["i"]))
        auth = ",".join((first, server_first, final)).encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), auth, "sha256")
        s.send("<response xmlns='urn:xmpp:sasl:2'>%s</response>" % encode(
            "%s,p=%s" % (final, encode(bytes(a ^ b for a, b in zip(key, signature))))))
        got = s.next()
        self.assertEqual(raw.local(got.tag), "success")
        proof = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), auth, "sha256")
        self.assertEqual(base64.b64decode(got.findtext("{*}additional-data")), b"v=" + encode(proof).encode())
        self.assertIsNotNone(got.find("{urn:xmpp:bind:0}bound"))

    def test_bind2_with_carbons_csi_and_management(self):
        u = self.people("u")
        s, got = self.sasl2(u, "<bind xmlns='urn:xmpp:bind:0'><tag>App</tag><enable xmlns='%s'/><inactive "
                               "xmlns='urn:xmpp:csi:0'/><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>" % CARBONS)
        self.assertEqual(raw.local(got.tag), "success")
        s.jid = got.findtext("{*}authorization-identifier")
        self.assertTrue(s.jid.startswith("%s@near.example/App" % u))
        enabled = got.find(".//{urn:xmpp:sm:3}enabled")
        self.assertTrue(enabled.get("id"))
        f = s.features()
        self.assertIsNone(f.find("{%s}bind" % raw.NS["bind"]))
        self.assertIsNone(f.find("{urn:xmpp:sm:3}sm"))
        self.assertIsNotNone(f.find("{urn:xmpp:features:rosterver}ver"))
        s.send("<presence/>")
        s.send("<active xmlns='urn:xmpp:csi:0'/>")
        other, third = self.client(u, "other"), self.client(self.people("v"))
        third.message(other.jid, "a copy, please")
        s.wait(lambda e: e.find("{%s}received" % CARBONS) is not None, what="carbon")
        # and the way back, in one step
        s.kill()
        again, got = self.sasl2(u, "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='0'/>" % enabled.get("id"))
        self.assertIsNotNone(got.find("{urn:xmpp:sm:3}resumed"))
        self.assertEqual(got.findtext("{*}authorization-identifier"), s.jid)

    def test_failed_resumption_goes_on_to_bind(self):
        u = self.people("u")
        _, got = self.sasl2(u, "<resume xmlns='urn:xmpp:sm:3' previd='none-of-ours' h='0'/>"
                               "<bind xmlns='urn:xmpp:bind:0'/>")
        self.assertEqual(raw.condition(got.find("{urn:xmpp:sm:3}failed")), "item-not-found")
        self.assertIsNotNone(got.find("{urn:xmpp:bind:0}bound"))


class Management(Box):
    """XEP-0198 at its edges, XEP-0352."""

    def test_acknowledging_too_much(self):
        s = self.client(self.people("u"))
        s.sm_enable()
        s.send("<a xmlns='urn:xmpp:sm:3' h='99'/>")
        with self.assertRaises(raw.Closed) as e:
            while True:
                s.next()
        self.assertEqual(e.exception.error, "undefined-condition")
        self.assertIn("handled-count-too-high", e.exception.details)

    def test_resuming_with_too_much(self):
        u = self.people("u")
        s = self.client(u)
        id_ = s.sm_enable().get("id")
        s.kill()
        t = self.authenticated(u)
        t.send("<resume xmlns='urn:xmpp:sm:3' h='99' previd='%s'/>" % id_)
        t.wait(lambda e: e.tag == "{urn:xmpp:sm:3}failed", what="failed")
        self.assertTrue(t.bind())

    def test_resumed_elsewhere(self):
        u, v = self.people("u", "v")
        s, w = self.client(u, "here"), self.client(v)
        id_ = s.sm_enable().get("id")
        t = self.authenticated(u)
        t.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % id_)
        t.wait(lambda e: e.tag == "{urn:xmpp:sm:3}resumed", what="resumed")
        self.assertEqual(s.until_closed(), "conflict")
        w.message(s.jid, "to the new stream")
        t.wait_body("to the new stream")

    def test_session_outlives_its_worker(self):
        u, v = self.people("u", "v")
        s = self.client(u, "here")
        id_ = s.sm_enable().get("id")
        self.gh.kill("gh-access")
        s.until_closed()
        wait_for("a new worker listens", lambda: port_open(self.gh.addr, 5222), 10)
        w = self.client(v)
        w.message(s.jid, "while you were cut off")
        t = self.authenticated(u)
        t.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % id_)
        t.wait(lambda e: e.tag == "{urn:xmpp:sm:3}resumed", what="resumed")
        t.wait_body("while you were cut off")

    def test_hibernation_ends(self):
        u, v = self.people("u", "v")
        s, w = self.client(u, "here"), self.client(v)
        self.befriend(s, w)
        s.send("<enable xmlns='urn:xmpp:sm:3' resume='true' max='1'/>")
        enabled = s.wait(lambda e: e.tag == "{urn:xmpp:sm:3}enabled", what="enabled")
        self.assertEqual(enabled.get("max"), "1")
        s.kill()
        w.wait(lambda e: e.get("from") == s.jid and e.get("type") == "unavailable", 5, "unavailable at the end")
        t = self.authenticated(u)
        t.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % enabled.get("id"))
        got = t.wait(lambda e: e.tag == "{urn:xmpp:sm:3}failed", what="failed")
        self.assertEqual(raw.condition(got), "item-not-found")

    def test_inactive_client_is_woken_by_words_only(self):
        a, b = (self.client(u) for u in self.people("a", "b"))
        self.befriend(a, b)
        quiet = ("<presence><show>away</show></presence>",
                 "<message to='%s' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>" % b.jid,
                 "<message to='%s' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>" % b.jid)
        for wake in (lambda: a.message(b.jid, "wake up"), lambda: b.send("<active xmlns='urn:xmpp:csi:0'/>")):
            b.send("<inactive xmlns='urn:xmpp:csi:0'/>")
            for q in quiet:
                a.send(q)
            arrived(a)
            self.assertTrue(b.quiet(0.4))
            wake()
            # what was held comes first, in its order
            self.assertIsNotNone(b.next().find("{*}show"))
            self.assertIsNotNone(b.next().find("{*}composing"))
            self.assertIsNotNone(b.next().find("{*}event"))
            arrived(a, b)


class Certificates(PeerCase):
    """Lesson 6: each domain shows its own certificate, by the stream's `to` and by SNI."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse(DOMAIN, domains=[("other.example", cls.pki.make("good", "other.example"))]).start()

    def names(self, sock):
        return [v for _, v in sock.getpeercert()["subjectAltName"]]

    def test_starttls_by_domain(self):
        for domain in (DOMAIN, "other.example"):
            s = raw.Stream(self.gh.addr, 5222)
            self.streams.append(s)
            s.open(domain)
            s.features()
            s.starttls(raw.client_context(self.pki.ca), domain)
            self.assertIn(domain, self.names(s.sock))

    def test_direct_tls_by_sni(self):
        for domain in (DOMAIN, "other.example"):
            s = raw.Stream(self.gh.addr, 5223)
            self.streams.append(s)
            s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), domain)
            self.assertIn(domain, self.names(s.sock))
