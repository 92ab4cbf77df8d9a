"""Messages between people here and a SIP partner, read from both sides' wires (RFC 7572)."""
import os
import socket
import threading
import time

from harness import raw
from harness.people import DOMAIN, Box, bodies
from harness.phone import body, header, method, status

PARTNER = "phones.example"
PORT, PARTNER_PORT = 5060, 5080


class Partner:
    """A SIP server by hand: takes connections, answers each MESSAGE with `status`, sends its own over one."""

    def __init__(self, addr, gateway):
        self.addr, self.gateway, self.status, self.extra = addr, gateway, 200, []
        self.got, self.lock = [], threading.Lock()
        self.listener = socket.create_server((addr, PARTNER_PORT))
        self.out = None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    @staticmethod
    def read(sock, rest=b""):
        while True:
            head, sep, tail = rest.lstrip(b"\r\n").partition(b"\r\n\r\n")
            n = int(header((head + b"\r\n").decode(), "Content-Length") or 0) if sep else 0
            if sep and len(tail) >= n:
                return (head + sep + tail[:n]).decode(), tail[n:]
            data = sock.recv(65536)
            if not data:
                raise OSError("closed")
            rest += data

    def serve(self, sock):
        rest = b""
        try:
            while True:
                text, rest = self.read(sock, rest)
                with self.lock:
                    self.got.append(text)
                if method(text) not in ("", "ACK"):
                    sock.sendall(self.answer(text).encode())
        except OSError:
            sock.close()

    def answer(self, text):
        code = self.status if method(text) == "MESSAGE" else 200
        keep = [l for l in text.split("\r\n\r\n")[0].split("\r\n") if l.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
        to = "To: %s;tag=far" % header(text, "To")
        return "\r\n".join(["SIP/2.0 %d Far" % code] + keep + [to] + self.extra + ["Content-Length: 0", "", ""])

    def messages(self):
        with self.lock:
            return [t for t in self.got if method(t) == "MESSAGE"]

    def send(self, to, text, kind="text/plain", extra=()):
        """A MESSAGE to somebody here; the final answer."""
        sock = socket.create_connection((self.gateway, PORT), 5, source_address=(self.addr, 0))
        sock.settimeout(10)
        lines = ["MESSAGE sip:%s SIP/2.0" % to, "Via: SIP/2.0/TCP %s:%d;branch=z9hG4bK%s" % (self.addr, PARTNER_PORT, os.urandom(6).hex()),
                 "Max-Forwards: 70", "From: <sip:romeo@%s;gr=dr4>;tag=%s" % (PARTNER, os.urandom(4).hex()), "To: <sip:%s>" % to,
                 "Call-ID: %s" % os.urandom(8).hex(), "CSeq: 1 MESSAGE", "Content-Type: " + kind] + list(extra)
        sock.sendall("\r\n".join(lines + ["Content-Length: %d" % len(text.encode()), "", text]).encode())
        rest = b""
        while True:
            got, rest = self.read(sock, rest)
            if status(got) >= 200:
                sock.close()
                return got


class SipMessages(Box):
    @classmethod
    def build(cls):
        cls.count = 0
        cls.gh = cls.gatehouse(DOMAIN)
        far = cls.place.addr()
        cls.gh.settings = [
            "set sip listen-tcp v4 %s %d" % (cls.gh.addr, PORT), "set sip peer %s action allow" % PARTNER,
            "set sip peer %s tls optional" % PARTNER, "set sip peer %s hold-answer on" % PARTNER, "set sip peer %s addresses %s" % (PARTNER, far),
            "set sip route r pattern " + PARTNER, "set sip route r type domain", "set sip route r next-hop " + far,
            "set sip route r port %d" % PARTNER_PORT, "set sip route r protocol tcp"]
        cls.partner = Partner(far, cls.gh.addr)
        cls.gh.start()

    def setUp(self):
        super().setUp()
        self.partner.status, self.partner.extra = 200, []

    def wait_message(self, text):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for got in self.partner.messages():
                if text in got:
                    return got
            time.sleep(0.05)
        self.fail("no MESSAGE with %r; the partner has %r" % (text, self.partner.got))

    def test_both_ways(self):
        u = self.people("juliet")
        j = self.client(u, "balcony")
        j.send("<presence/>")
        j.send("<message type='chat' id='m1' to='romeo@%s'><body>Art thou not &lt;Romeo&gt;?</body><thread>t1</thread></message>" % PARTNER)
        got = self.wait_message("Art thou")
        self.assertEqual(body(got), "Art thou not <Romeo>?")
        self.assertTrue(header(got, "From").startswith("<sip:%s@%s;gr=balcony>;tag=" % (u, DOMAIN)), got)
        self.assertTrue(header(got, "Call-ID").startswith("t1@"), got)
        answer = self.partner.send("%s@%s" % (u, DOMAIN), "Neither, fair saint")
        self.assertEqual(status(answer), 200, answer)
        e = j.wait(lambda e: raw.local(e.tag) == "message", what="message from SIP")
        self.assertEqual((e.get("from"), e.findtext("{*}body")), ("romeo@%s/dr4" % PARTNER, "Neither, fair saint"))
        rows = self.gh.records("show", "gateway")
        self.assertIn(("%s@%s" % (u, DOMAIN), "romeo@" + PARTNER), [(r.get("xmpp"), r.get("sip")) for r in rows])

    def test_refusals(self):
        u = self.people("juliet")
        j = self.client(u, "balcony")
        j.send("<presence/>")
        self.partner.status = 486
        j.send("<message type='chat' id='m2' to='romeo@%s'><body>busy?</body></message>" % PARTNER)
        e = j.wait(lambda e: e.get("id") == "m2", what="the error")
        self.assertError(e, "recipient-unavailable")
        for to, text, kind, code in (("%s@%s" % (u, DOMAIN), "x", "image/png", 415), ("ghost@" + DOMAIN, "x", "text/plain", 403),
                                     ("%s@elsewhere.example" % u, "x", "text/plain", None)):
            got = status(self.partner.send(to, text, kind))
            self.assertGreaterEqual(got, 400, to)
            if code:
                self.assertEqual(got, code, to)
        self.assertEqual(bodies(j.got), [])

    def test_a_translator_that_dies(self):
        u = self.people("juliet")
        j = self.client(u, "balcony")
        j.send("<presence/>")
        self.gh.kill("gh-xlate")
        j.send("<message type='chat' id='m3' to='romeo@%s'><body>after the fall</body></message>" % PARTNER)
        self.wait_message("after the fall")
        deadline = time.monotonic() + 10
        while status(self.partner.send("%s@%s" % (u, DOMAIN), "still here")) != 200:
            self.assertLess(time.monotonic(), deadline)
        j.wait(lambda e: e.findtext("{*}body") == "still here", what="message from SIP")


class SipElsewhere(Box):
    """ADR-27: a domain without a row that has no XMPP server is tried by SIP."""

    @classmethod
    def build(cls):
        cls.count = 0
        cls.gh = cls.gatehouse(DOMAIN, mode="open")
        far = cls.place.addr()
        cls.gh.settings = [
            "set sip listen-tcp v4 %s %d" % (cls.gh.addr, PORT), "set sip mode open",
            "set sip route r pattern " + PARTNER, "set sip route r type domain", "set sip route r next-hop " + far,
            "set sip route r port %d" % PARTNER_PORT, "set sip route r protocol tcp"]
        cls.partner = Partner(far, cls.gh.addr)
        cls.gh.start()

    wait_message = SipMessages.wait_message

    def test_found_by_sip(self):
        u = self.people("juliet")
        j = self.client(u, "balcony")
        j.send("<presence/>")
        j.send("<message type='chat' id='m1' to='romeo@%s'><body>where art thou</body></message>" % PARTNER)
        self.wait_message("where art thou")
        j.send("<message type='chat' id='m2' to='romeo@nowhere.example'><body>lost</body></message>")
        e = j.wait(lambda e: e.get("id") == "m2", what="the error")
        self.assertError(e, "remote-server-not-found")
