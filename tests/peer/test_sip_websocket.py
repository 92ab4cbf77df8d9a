"""SIP over WebSocket (RFC 7118; mra.md M-10): JsSIP of npm, and messages by hand."""
import os

import websockets

from harness import raw
from harness.linked import EDGE_OUTSIDE, FRONT, LinkedCase
from harness.people import DOMAIN
from harness.phone import header, status
from harness.place import Failed, Program, need, wait_for
from harness.wsclient import WsClient
from test_front import PORT, FrontCase
from test_front_h2 import H2Client, WebSocket

AGENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "agents")
PATH, ON, OFF = "/sip-websocket", "set proxy sip-websocket on", "delete proxy sip-websocket"
INVALID = "x7k3m2.invalid"  # what a client that has no name of its own says (RFC 7118 8.2)


def register(length="", user="u", host=DOMAIN, tag="1"):
    return ("REGISTER sip:{host} SIP/2.0\r\nVia: SIP/2.0/WSS {invalid};branch=z9hG4bK{tag}\r\nMax-Forwards: 70\r\nFrom: <sip:{user}@{host}>;tag=f{tag}\r\n"
            "To: <sip:{user}@{host}>\r\nCall-ID: {tag}@{invalid}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{user}@{invalid};transport=ws>\r\n{length}\r\n").format(
                host=host, invalid=INVALID, user=user, tag=tag, length=length)


class Sip(WsClient):
    """send(text or bytes), next(): a message."""

    def __init__(self, *args, **options):
        super().__init__(*args, path=PATH, subprotocols=("sip",), **options)

    def next(self):
        got = self.wait(self.ws.recv())
        return got if isinstance(got, str) else got.decode()

    def closed(self):
        """The status that the front closes with."""
        with self.case.assertRaises(websockets.ConnectionClosed) as e:
            self.next()
        return e.exception.code


class ByHand(FrontCase):
    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set line listen-tcp v4 %s 5060" % cls.gh.addr, ON)

    def sip(self, **options):
        c = Sip(self.gh.addr, PORT, raw.client_context(self.pki.ca), DOMAIN, **options)
        c.case = self
        self.addCleanup(c.close)
        return c

    def challenged(self, c, message):
        c.send(message)
        got = c.next()
        self.assertEqual(status(got), 401, got)
        self.assertIn("Content-Length: 0", got)
        return got

    def test_messages(self):
        """With a length and without, as text and as bytes; a keep-alive between them (RFC 7118 6; RFC 5626 3.5.1)."""
        c = self.sip()
        self.assertEqual(c.ws.subprotocol, "sip")
        got = self.challenged(c, register())
        self.assertRegex(header(got, "Via"), r"^SIP/2.0/WSS %s;branch=z9hG4bK1;received=" % INVALID)
        c.send("\r\n\r\n")
        self.assertEqual(c.next(), "\r\n")
        self.challenged(c, register("Content-Length: 0\r\n", tag="2").encode())
        self.challenged(c, register("l: 0\r\n", tag="3"))

    def test_refusals(self):
        for message, code in ((register("Content-Length: 5\r\n"), 1008), (register() + "xContent-Length: 0\r\n\r\n", None), ("hello", 1008),
                              ("\r\n" + register(), 1008), ("GET / HTTP/1.1\r\n\r\n", 1008), (register().replace("\r\n", "\n"), 1008),
                              (register() + "x" * 20000, 1009)):
            with self.subTest(message[:60]):
                c = self.sip()
                c.send(message)
                if code:
                    self.assertEqual(c.closed(), code)
                else:  # a body, whatever it looks like: it is not another message
                    self.assertEqual(status(c.next()), 401)
        # later ones, too
        c = self.sip()
        self.challenged(c, register())
        c.send(register("Content-Length: 1\r\n", tag="2"))
        self.assertEqual(c.closed(), 1008)

    def test_another_host(self):
        c = self.sip()
        c.send(register(host="elsewhere.example"))
        self.assertEqual(status(c.next()), 404)
        self.assertEqual(c.closed(), 1008)
        self.assertIn("proxy.greeting.refused", self.gh.log())

    def test_handshakes(self):
        ctx = raw.client_context(self.pki.ca)
        for options in ({"path": PATH, "subprotocols": ("xmpp",)}, {"path": "/xmpp-websocket", "subprotocols": ("sip",)}):
            with self.assertRaises(websockets.InvalidStatusCode) as e:
                WsClient(self.gh.addr, PORT, ctx, DOMAIN, **options)
            self.assertEqual(e.exception.status_code, 400)
        self.gh.commit("set proxy origin chat https://chat.example")
        self.addCleanup(self.gh.commit, "delete proxy origin chat")
        with self.assertRaises(websockets.InvalidStatusCode) as e:
            self.sip(origin="https://evil.example")
        self.assertEqual(e.exception.status_code, 403)
        self.sip(origin="https://chat.example")

    def test_off(self):
        self.gh.commit(OFF)
        self.addCleanup(self.gh.commit, ON)
        with self.assertRaises(websockets.InvalidStatusCode) as e:
            self.sip()
        self.assertEqual(e.exception.status_code, 404)

    def test_by_http2(self):
        """RFC 8441: two clients on one connection."""
        h2 = H2Client(self)
        fields = (("sec-websocket-protocol", "sip"), ("sec-websocket-version", "13"))
        one, two = WebSocket(h2, fields, path=PATH), WebSocket(h2, fields, path=PATH)
        self.assertEqual((one.status, two.status), (200, 200))
        for c, tag in ((one, "1"), (two, "2"), (one, "3")):
            c.send(register(tag=tag))
            self.assertEqual(status(c.next()[1]), 401)


class JsSip(LinkedCase):
    """Through an edge, to gh-line and gh-xlate of the core."""
    edge_settings = (ON,)
    core_settings = ("set line digest both", "set line flow-timer 20")

    def start(self, user, to):
        if not os.path.isdir(os.path.join(AGENTS, "node_modules", "jssip")):
            raise Failed("clients of npm are missing: make peer-deps")
        hosts = self.place.write("hosts", "127.0.0.1 localhost\n%s %s\n" % (EDGE_OUTSIDE, DOMAIN))
        words = [need("unshare"), "--mount", need("sh"), "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts, need("node"),
                 "--experimental-websocket", "sip_websocket.mjs", "wss://%s:%d%s" % (DOMAIN, FRONT, PATH), DOMAIN, user, "secret", to]
        p = Program(self.place, "jssip-" + user, words, env={"NODE_EXTRA_CA_CERTS": self.pki.ca, "HOME": self.place.path("home"), "DEBUG": "JsSIP:*"},
                    cwd=AGENTS)
        self.addCleanup(p.stop)
        return p

    def test_chat(self):
        u, v = self.people("u", "v")
        x = self.outside(v)
        x.send("<presence/>")
        p = self.start(u, "sip:%s@%s" % (v, DOMAIN))
        got = x.wait_body("hello by WebSocket", 20)
        who = "%s@%s" % (u, DOMAIN)
        row = wait_for("it is registered", lambda: [r for r in self.core.records("show", "clients", who) if r["transport"] == "sip-ws"], 5)[0]
        self.assertEqual((row["edge"], row["tls"], row["agent"][:5]), ("one", "TLSv1.3", "JsSIP"))
        self.assertEqual([r["transport"] for r in self.edge.records("show", "clients") if r["transport"].startswith("sip")], ["sip-ws"])
        self.assertIn(";transport=ws", self.core.records("show", "line", who)[0]["contact"])
        x.message(got.get("from"), "an answer")
        x.wait_body("and back", 20)
        self.assertEqual(p.child.wait(20), 0)
        self.assertIn('{"heard":["an answer"]', p.text())
        wait_for("it has left", lambda: not self.core.records("show", "line", who), 5)
