"""Partners at the front's port: gh-proxy looks at what they offer (ALPN xmpp-server, XEP-0368) and hands them to gh-s2s as they are."""
import socket
import ssl
import time

from harness import raw
from harness.fed import Fed
from harness.place import port_open, wait_for

PORT, D = 443, "near.example"
ON, OFF = "set proxy federation on", "delete proxy federation"


class Partners(Fed):
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)
        cls.gh.commit("set proxy listen all %s %d" % (cls.gh.addr, PORT), ON)
        wait_for("the front listens", lambda: port_open(cls.gh.addr, PORT), 10)

    def count(self, program, name):
        return sum(int(r["value"]) for r in self.gh.records("show", "counters", program) if r["counter"] == name)

    def tls(self, alpn, cert=None):
        s = socket.create_connection((self.gh.addr, PORT), 10)
        t = raw.client_context(self.pki.ca, cert, alpn=alpn).wrap_socket(s, server_hostname=D)
        self.addCleanup(t.close)
        return t

    def status(self):
        t = self.tls("http/1.1")
        t.sendall(("GET /.well-known/host-meta HTTP/1.1\r\nHost: %s\r\n\r\n" % D).encode())
        return t.recv(100).split(b" ")[1]

    def refused(self, alpn):
        with self.assertRaises(ssl.SSLError) as e:
            self.tls(alpn)
        self.assertIn("no application protocol", str(e.exception).lower().replace("_", " "))

    def hello(self, alpn):
        """What a client says first."""
        out = ssl.MemoryBIO()
        c = raw.client_context(self.pki.ca, alpn=alpn).wrap_bio(ssl.MemoryBIO(), out, server_hostname=D)
        with self.assertRaises(ssl.SSLWantReadError):
            c.do_handshake()
        return out.read()

    def test_prosody_by_443(self):
        """A partner that finds port 443 alone chats both ways, and a request on the same port has its answer meanwhile."""
        self.dns.clear(D)
        self.addCleanup(self.gh.publish)
        self.dns.a("x." + D, self.gh.addr)
        self.dns.srv(D, "x." + D, PORT, service="_xmpps-server")
        self.dns.srv(D, ".", 0)
        self.gh.ghsh("federation close far.example\n")
        self.far.stop()
        self.far.start()
        before = self.count("gh-s2s", "s2s.in.front"), self.count("gh-proxy", "proxy.federation")
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(r, j, "by the front")
        self.assertEqual(self.status(), b"200")
        self.chat(j, r, "and back")
        self.assertEqual((self.count("gh-s2s", "s2s.in.front"), self.count("gh-proxy", "proxy.federation")), (before[0] + 1, before[1] + 1))
        stream = [s for s in self.gh.records("show", "federation", "far.example") if s.get("direction") in ("in", "both")]
        self.assertEqual({s["address"] for s in stream}, {"127.0.0.1"})  # what the kernel says of it

    def test_others_stay(self):
        before = self.count("gh-s2s", "s2s.in.accepted")
        self.assertEqual(self.status(), b"200")
        self.assertEqual(self.tls("xmpp-client").selected_alpn_protocol(), "xmpp-client")
        self.assertEqual(self.tls(None).selected_alpn_protocol(), None)
        self.refused("stun.turn")
        self.assertEqual(self.count("gh-s2s", "s2s.in.accepted"), before)

    def test_off(self):
        """Off, or without federation, the front knows no such protocol."""
        for off, on in ((OFF, ON), ("set federation mode off", "set federation mode allow-list")):
            self.gh.commit(off)
            self.addCleanup(self.gh.commit, on)
            self.refused("xmpp-server")
            self.gh.commit(on)
            self.assertEqual(self.tls("xmpp-server").selected_alpn_protocol(), "xmpp-server")

    def test_slow(self):
        """A ClientHello in pieces goes where it should, without a loop that goes in circles; in too many, or cut off, it stays here."""
        hello, before = self.hello("xmpp-server"), self.count("gh-proxy", "proxy.federation")
        s = socket.create_connection((self.gh.addr, PORT), 10)
        self.addCleanup(s.close)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        used = self.cpu()
        for piece in (hello[:3], hello[3:100]):
            s.sendall(piece)
            time.sleep(0.5)  # in which a loop in circles would show
        self.assertLess(self.cpu() - used, 0.3)
        s.sendall(hello[100:])
        self.assertEqual(s.recv(1), b"\x16")
        self.assertEqual(self.count("gh-proxy", "proxy.federation"), before + 1)
        with socket.create_connection((self.gh.addr, PORT), 10) as cut:
            cut.sendall(hello[:100])
            cut.shutdown(socket.SHUT_WR)
            while cut.recv(100):
                pass
        with socket.create_connection((self.gh.addr, PORT), 10) as clear:
            clear.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while clear.recv(100):
                pass
        self.assertEqual(self.count("gh-proxy", "proxy.federation"), before + 1)
        self.assertEqual(self.status(), b"200")

    def cpu(self):
        with open("/proc/%d/stat" % self.gh.pid("gh-proxy")) as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / 100

    def test_limit_of_the_receiver(self):
        """Whoever comes by the front counts as at gh-s2s' own port."""
        self.gh.commit("set federation unauthenticated-max 2")
        self.addCleanup(self.gh.commit, "delete federation unauthenticated-max")
        limited = self.count("gh-s2s", "s2s.in.limited")
        held = [self.tls("xmpp-server") for _ in range(2)]
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.tls("xmpp-server")
        self.assertEqual(self.count("gh-s2s", "s2s.in.limited"), limited + 1)
        self.assertEqual(len(held), 2)
