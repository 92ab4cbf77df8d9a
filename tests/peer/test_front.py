"""The front for clients outside: gh-proxy with Debian's websockets library, Python's TLS and HTTP, and by hand."""
import http.client
import json
import socket
import ssl
import time
import xml.etree.ElementTree as ET

import websockets

from harness import raw
from harness.people import DOMAIN, Box, arrived, bodies
from harness.place import port_open, wait_for
from harness.wsclient import FRAMING, WsClient
from test_c2s import OpenSslSocket

PORT, FILES = 443, 200
HANDSHAKE = ("GET /xmpp-websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n" % DOMAIN)


class FrontCase(Box):
    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set proxy listen all %s %d" % (cls.gh.addr, PORT), "set proxy message-size 16384")
        wait_for("the front listens", lambda: port_open(cls.gh.addr, PORT), 10)

    def ws(self, **options):
        c = WsClient(self.gh.addr, PORT, raw.client_context(self.pki.ca), DOMAIN, **options)
        self.addCleanup(c.close)
        return c

    def tls(self, alpn=None):
        s = socket.create_connection((self.gh.addr, PORT), 10)
        t = raw.client_context(self.pki.ca, alpn=alpn).wrap_socket(s, server_hostname=DOMAIN)
        self.addCleanup(t.close)
        return t

    def ask(self, text):
        """Status, fields and body of the answer to these bytes."""
        t = self.tls("http/1.1")
        t.sendall(text.encode() if isinstance(text, str) else text)
        r = http.client.HTTPResponse(t)
        r.begin()
        return r.status, dict(r.getheaders()), r.read().decode()


class Discovery(FrontCase):
    def test_host_meta(self):
        """Mra test 4: wss from host-meta alone; XEP-0156 4 wants any page to be able to read it."""
        status, fields, body = self.ask("GET /.well-known/host-meta HTTP/1.1\r\nHost: %s\r\n\r\n" % DOMAIN)
        self.assertEqual((status, fields["Access-Control-Allow-Origin"]), (200, "*"))
        link = ET.fromstring(body)[0]
        self.assertEqual((link.get("rel"), link.get("href")),
                         ("urn:xmpp:alt-connections:websocket", "wss://%s/xmpp-websocket" % DOMAIN))
        status, fields, body = self.ask("GET /.well-known/host-meta.json HTTP/1.1\r\nHost: %s\r\n\r\n" % DOMAIN)
        self.assertEqual((status, fields["Content-Type"]), (200, "application/json"))
        self.assertEqual(json.loads(body)["links"][0]["href"], "wss://%s/xmpp-websocket" % DOMAIN)

    def test_public_name(self):
        self.gh.commit("set proxy host chat.%s" % DOMAIN, "set proxy port 8443")
        self.addCleanup(self.gh.commit, "delete proxy host", "delete proxy port")
        _, _, body = self.ask("GET /.well-known/host-meta.json HTTP/1.1\r\nHost: %s\r\n\r\n" % DOMAIN)
        self.assertEqual(json.loads(body)["links"][0]["href"], "wss://chat.%s:8443/xmpp-websocket" % DOMAIN)

    def test_refusals(self):
        """Mra test 17: the tricks end here, with an answer, and gh-access sees nothing of them."""
        before = self.accepted()
        host = "Host: %s\r\n" % DOMAIN
        for text, status in (
                ("GET / HTTP/1.1\r\n" + host, 404),
                ("GET /.well-known/..%2fxmpp-websocket HTTP/1.1\r\n" + host, 404),
                ("GET //xmpp-websocket HTTP/1.1\r\n" + host, 404),
                ("GET /.well-known/host-meta;x HTTP/1.1\r\n" + host, 404),
                ("POST /.well-known/host-meta HTTP/1.1\r\nContent-Length: 1\r\n" + host, 405),
                ("CONNECT inside.example:443 HTTP/1.1\r\n" + host, 400),
                ("GET http://inside.example/ HTTP/1.1\r\n" + host, 400),
                ("GET /.well-known/host-meta HTTP/1.1\r\nHost: inside.example\r\n", 421),
                ("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + host, 400),
                ("GET / HTTP/1.1\r\n" + host + host, 400),
                ("GET /xmpp-websocket HTTP/1.1\r\n" + host, 400),
                ("PUT / HTTP/1.1\r\nContent-Length: 999999\r\n" + host, 413),
                ("GET / HTTP/1.1\r\nX: %s\r\n" % ("y" * 9000) + host, 431)):
            with self.subTest(text[:40]):
                self.assertEqual(self.ask(text + "\r\n")[0], status)
        self.assertEqual(self.accepted(), before)

    def accepted(self):
        return [r["value"] for r in self.gh.records("show", "counters", "gh-access") if r["counter"] == "c2s.accepted"]

    def test_handshake_of_another_kind(self):
        for old, new, status in (("Version: 13", "Version: 8", 426), ("Protocol: xmpp", "Protocol: chat", 400),
                                 ("Key: dGhl", "Key: dGh", 400), ("GET", "POST", 405), ("HTTP/1.1", "HTTP/1.0", 400)):
            with self.subTest(new):
                self.assertEqual(self.ask(HANDSHAKE.replace(old, new, 1))[0], status)

    def test_origins(self):
        self.gh.commit("set proxy origin chat https://chat.example")
        self.addCleanup(self.gh.commit, "delete proxy origin chat")
        with self.assertRaises(websockets.InvalidStatusCode) as e:
            self.ws(origin="https://evil.example")
        self.assertEqual(e.exception.status_code, 403)
        self.assertEqual(self.ws(origin="https://chat.example").open()[0].get("from"), DOMAIN)
        self.assertEqual(self.ws().open()[0].get("from"), DOMAIN)  # no browser, no origin


class Streams(FrontCase):
    def test_stream_by_alpn(self):
        """Mra test 5: a stream and a web page on one port, with one certificate."""
        u, v = self.people("u", "v")
        w = self.client(v)
        s = raw.Stream(self.gh.addr, PORT)
        self.streams.append(s)
        s.wrap(raw.client_context(self.pki.ca, alpn="xmpp-client"), DOMAIN)
        self.log_in(s, u)
        self.chat(s, w, "through the front")
        self.chat(w, s, "and back")

    def test_stream_without_alpn(self):
        u = self.people("u")
        s = raw.Stream(self.gh.addr, PORT)
        self.streams.append(s)
        s.wrap(raw.client_context(self.pki.ca), DOMAIN)
        self.log_in(s, u)

    def log_in(self, s, user):
        s.open(DOMAIN)
        s.features()
        s.sasl_plain(user, "secret")
        s.open(DOMAIN)
        s.features()
        s.jid = s.bind("front")

    def test_channel_binding_over_the_front(self):
        """M-06: SCRAM-PLUS holds although TLS ends at the front."""
        u = self.people("u")
        s, other = self.bound(), self.bound()
        with self.assertRaises(raw.SaslFailed):
            other.sasl_scram("SCRAM-SHA-256-PLUS", u, "secret", binding=("tls-exporter", s.sock.exporter()))
        s.sasl_scram("SCRAM-SHA-256-PLUS", u, "secret", binding=("tls-exporter", s.sock.exporter()))

    def test_application_passwords_only(self):
        """docs/admin/users.md: the account's own password is good inside alone."""
        u = self.people("u")
        made = self.gh.records("user", "app-password", "add", "%s@%s" % (u, DOMAIN), "phone")[0]["password"]
        self.gh.commit("set im login-outside app-password")
        self.addCleanup(self.gh.commit, "delete im login-outside")
        with self.assertRaises(raw.SaslFailed):
            self.bound().sasl_scram("SCRAM-SHA-256", u, "secret")
        s = self.bound()
        s.sasl_scram("SCRAM-SHA-256-PLUS", u, made, binding=("tls-exporter", s.sock.exporter()))
        self.client(u)  # at the inner door

    def bound(self):
        s = raw.Stream(self.gh.addr, PORT)
        self.streams.append(s)
        s.sock = OpenSslSocket(s.sock, DOMAIN)
        s._restart()
        s.open(DOMAIN)
        s.features()
        return s


class WebSockets(FrontCase):
    def test_chat(self):
        u, v = self.people("u", "v")
        w = self.client(v)
        c = self.ws()
        _, features = c.login(u, "secret")
        self.assertEqual(features.tag, "{http://etherx.jabber.org/streams}features")
        jid = c.bind("web")
        c.send("<message xmlns='jabber:client' to='%s' type='chat'><body>\u96ea & <![CDATA[<]]></body></message>".replace("& ", "&amp; ") % w.jid)
        self.assertEqual(w.wait_body("\u96ea & <").get("from"), jid)
        w.message(jid, "and back")
        got = c.until("message")
        self.assertEqual((got.tag, got.get("from")), ("{jabber:client}message", w.jid))
        c.send("<close xmlns='%s'/>" % FRAMING)
        self.assertEqual(c.next().tag, "{%s}close" % FRAMING)
        self.assertEqual(c.close_code(), 1000)
        wait_for("the session is over", lambda: u not in self.gh.ghsh("show sessions\n"), 5)

    def test_wrong_password(self):
        c = self.ws()
        with self.assertRaisesRegex(ValueError, "failure"):
            c.login(self.people("u"), "wrong")

    def test_address_of_the_client(self):
        """Penalties and logs are about the client, not about the front."""
        u = self.people("u")
        c = self.ws()
        c.login(u, "secret")
        c.bind("web")
        row = next(r for r in self.gh.records("show", "clients") if r["user"].startswith(u))
        self.assertEqual(row["address"], c.ws.local_address[0])
        self.assertEqual(row["tls"], "TLSv1.3")

    def test_kicked(self):
        """On one box a client is shown once, by the program that knows who it is; its session ends with it."""
        u = self.people("u")
        c = self.ws()
        c.login(u, "secret")
        jid = c.bind("web")
        rows = [r for r in self.gh.records("show", "clients") if r["address"] == c.ws.local_address[0] and r["state"] in ("stream", "session")]
        self.assertEqual([(r["user"], r["transport"]) for r in rows], [(jid, "websocket")])
        self.assertNotEqual(self.gh.operator("client", "kick", "nobody").returncode, 0)
        got = self.gh.operator("client", "kick", "ghost@" + DOMAIN)
        self.assertIn("there is no such client", got.stdout + got.stderr)
        self.assertEqual(self.gh.operator("client", "kick", rows[0]["client"]).returncode, 0)
        self.assertEqual(c.until("error")[0].tag, "{urn:ietf:params:xml:ns:xmpp-streams}policy-violation")
        wait_for("the session is over", lambda: not self.gh.records("show", "sessions", jid.split("/")[0]), 10)

    def test_drained(self):
        """A page is told at the handshake."""
        self.assertEqual(self.gh.operator("client", "drain").returncode, 0)
        self.addCleanup(self.gh.operator, "client", "drain", "off")
        with self.assertRaises(websockets.InvalidStatusCode) as e:
            self.ws()
        self.assertEqual(e.exception.status_code, 503)
        self.gh.operator("client", "drain", "off")
        self.assertEqual(self.ws().open()[0].get("from"), DOMAIN)

    def test_what_is_no_stream(self):
        for data, code in ((b"<open/>", 1003), ("hello", 1008), ("<stream:stream>", 1008), ("<presence/>", 1008),
                           ("<open xmlns='%s' to='%s'" % (FRAMING, DOMAIN), 1008), ("x" * 20000, 1009)):
            with self.subTest(data[:20]):
                c = self.ws()
                c.send(data)
                self.assertEqual(c.close_code(), code)

    def test_message_is_one_element(self):
        """RFC 7395 3.3.3, 3.5: neither two stanzas nor a part of one; the stream ends with an error, and no stanza of it went on."""
        u, v = self.people("u", "v")
        w = self.client(v)
        stanza = "<message xmlns='jabber:client' to='%s' type='chat'><body>%%s</body></message>" % w.jid
        for text in (stanza % "one" + stanza % "two", (stanza % "one").replace("</message>", ""), stanza % "one" + "</stream:stream>"):
            with self.subTest(text[-30:]):
                c = self.ws()
                c.login(u, "secret")
                c.bind("web")
                c.send(text)
                self.assertEqual(c.until("error")[0].tag, "{urn:ietf:params:xml:ns:xmpp-streams}not-well-formed")
                self.assertEqual(c.next().tag, "{%s}close" % FRAMING)
                self.assertEqual(c.close_code(), 1008)
        self.assertEqual(bodies(arrived(w)), [])

    def test_domain_that_is_not_ours(self):
        c = self.ws()
        c.send("<open xmlns='%s' to='other.example' version='1.0'/>" % FRAMING)
        self.assertEqual(c.next().tag, "{%s}open" % FRAMING)
        self.assertEqual(c.next()[0].tag, "{urn:ietf:params:xml:ns:xmpp-streams}host-unknown")
        self.assertEqual(c.next().tag, "{%s}close" % FRAMING)

    def test_resumed_over_a_restart_of_the_front(self):
        """Mra test 21: the front is killed; clients come back to what they had (XEP-0198)."""
        u, v = self.people("u", "v")
        w, c = self.client(v), self.ws()
        c.login(u, "secret")
        jid = c.bind("web")
        c.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        id_ = c.until("enabled").get("id")
        self.gh.kill("gh-proxy")
        self.assertNotEqual(c.close_code(), 1000)
        w.message(jid, "while the front was away")
        wait_for("the front is back", lambda: port_open(self.gh.addr, PORT), 10)
        d = self.ws()
        d.login(u, "secret")
        d.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='%s'/>" % id_)
        self.assertEqual(d.until("resumed").get("previd"), id_)
        self.assertIn("while the front was away", ET.tostring(d.until("message"), encoding="unicode"))

    def test_orderly_stop_of_the_server_behind(self):
        u = self.people("u")
        c = self.ws()
        c.login(u, "secret")
        c.bind("web")
        self.gh.kill("gh-access")
        self.assertIn(c.close_code(), (1001, 1011))
        wait_for("a new gh-access", lambda: port_open(self.gh.addr, 5222), 10)
        self.assertEqual(self.ws().open()[0].get("from"), DOMAIN)

    def test_silent_ones_are_asked(self):
        """A client that answers pings stays; one whose line is dead goes."""
        self.gh.commit("set proxy ping 10")
        self.addCleanup(self.gh.commit, "delete proxy ping")
        lives, t = self.ws(), self.tls("http/1.1")
        lives.open()
        t.sendall(HANDSHAKE.encode())
        t.settimeout(40)
        got = b""
        began = time.monotonic()
        while b"\x89\x00" not in got:
            got += t.recv(4096)
        while t.recv(4096):  # it does not answer
            pass
        self.assertLess(time.monotonic() - began, 35)
        self.assertTrue(lives.ws.open)


class FewDescriptors(FrontCase):
    @classmethod
    def gatehouse(cls, domain, **options):
        return super().gatehouse(domain, files=FILES, **options)

    def test_more_than_there_is_room_for(self):
        """Who finds no descriptor waits with the kernel; the log says so a few times, not at each of the pauses. It has said before that this is to come."""
        self.assertRegex(self.gh.log(), 'files.limit setting="?proxy connections-max"? wanted=36064 limit=%d' % FILES)
        crowd = [socket.create_connection((self.gh.addr, PORT), 10) for _ in range(FILES + 20)]
        self.addCleanup(lambda: [s.close() for s in crowd])
        wait_for("ten pauses", lambda: self.pauses() >= 10, 20)
        self.assertIn("proxy.accept.paused errno=24", self.gh.log())
        self.assertLessEqual(self.gh.log().count("proxy.accept.paused"), 5)
        for s in crowd:
            s.close()
        u = self.people("u")
        c = wait_for("there is room again", lambda: self.ws(), 20)
        c.login(u, "secret")

    def pauses(self):
        return next(int(r["value"]) for r in self.gh.records("show", "counters", "gh-proxy") if r["counter"] == "proxy.accept.paused")
