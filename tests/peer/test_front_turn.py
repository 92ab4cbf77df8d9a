"""Clients of the relay at the front's port: gh-proxy looks at what they offer (ALPN stun.turn, RFC 7443) and hands them to gh-turn as they are."""
import ssl
import urllib.request

from harness.place import port_open, wait_for
from harness.relay import CLIENT, PEER, SERVER, StreamRelay

FRONT = 8443


class FrontTurn(StreamRelay):
    SETTINGS = StreamRelay.SETTINGS + ("set proxy listen v4 %s %d" % (SERVER, FRONT), "set proxy turn on")

    @classmethod
    def build(cls):
        super().build()
        wait_for("the front listens", lambda: port_open(SERVER, FRONT), 10)

    def front(self, *alpn):
        return self.stream(port=FRONT, context=self.tls(*alpn))

    def status(self):
        with urllib.request.urlopen("https://%s:%d/nothing" % (SERVER, FRONT), context=self.tls("http/1.1"), timeout=10) as r:
            return r.status

    def test_relays(self):
        """An allocation by the front's port relays; it is one of TLS, of who the kernel says it is, and a request beside it has its answer."""
        before = self.counter("turn.stream.front")
        c = self.front("stun.turn")
        c.allocate()
        c.bind_channel(0x4001, PEER, 3480)
        for size in (0, 1, 160, 4001):
            c.send(0x4001, bytes([size & 255]) * size)
            self.assertEqual(c.receive(), (0x4001, bytes([size & 255]) * size))
        self.assertEqual(c.sock.selected_alpn_protocol(), "stun.turn")
        rows = self.gh.records("show", "turn", "allocations")
        self.assertEqual([r["transport"] for r in rows if r["client"] == "%s:%d" % (CLIENT, c.sock.getsockname()[1])], ["tls"])
        self.assertEqual(self.counter("turn.stream.front"), before + 1)
        with self.assertRaises(urllib.error.HTTPError) as e:
            self.status()
        self.assertEqual(e.exception.code, 421)
        e.exception.close()

    def test_all_workers(self):
        """Connections go to the workers in turn."""
        clients = [self.front("stun.turn") for _ in range(4)]
        for c in clients:
            c.allocate()
        got = {r["worker"]: int(r["connections"]) for r in self.gh.records("show", "turn")}
        self.assertTrue(all(n > 0 for n in got.values()), got)

    def refused(self):
        with self.assertRaises(ssl.SSLError) as e:
            self.front("stun.turn")
        self.assertIn("no application protocol", str(e.exception).lower().replace("_", " "))

    def test_off(self):
        """Off, or without a listener for TLS, the front knows no such protocol."""
        self.gh.commit("delete proxy turn")
        self.addCleanup(self.gh.commit, "set proxy turn on")
        self.refused()
        self.gh.commit("set proxy turn on")
        doors = [s for s in self.SETTINGS if "listen-tls" in s]
        self.gh.commit(*["delete " + " ".join(s.split()[1:4]) for s in doors])
        self.addCleanup(self.gh.commit, *doors)
        self.refused()

    def test_limit_of_the_receiver(self):
        """Whoever comes by the front counts as at the relay's own port."""
        self.gh.commit("set turn connections-address 2")  # one of each worker
        self.addCleanup(self.gh.commit, "delete turn connections-address")
        held = [self.front("stun.turn") for _ in range(2)]
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.front("stun.turn")
        for c in held:
            c.allocate()
