"""A box with a relay in a network of its own: one server and one peer address; coturn's tools beside it."""
import re
import socket
import ssl
import struct
import subprocess
import time

from .case import PeerCase
from .netns import own_network
from .place import Program, need, wait_for
from .turnclient import COOKIE, StreamClient, TurnClient, keys

SERVER, PEER, CLIENT = "10.77.0.1", "10.77.0.2", "10.77.0.3"
SERVER6, PEER6, CLIENT6 = "fd77::1", "fd77::2", "fd77::3"
REALM, USER, PASSWORD = "relay.example", "u1", "correct horse"
BINDING = struct.pack("!HHI", 1, 0, COOKIE) + b"gatehouse-12"


def echo_peer(place, at=PEER):
    """coturn's own echo of datagrams, at the peer's address."""
    p = Program(place, "echo-peer-" + at.replace(":", ""), [need("turnutils_peer"), "-L", at, "-p", "3480"])
    with socket.socket(socket.AF_INET6 if ":" in at else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((at, 3480))
        s.settimeout(0.2)

        def echoes():
            try:
                return s.send(b"?") and s.recv(10)
            except OSError:
                return False
        wait_for("the peer echoes", echoes, 10)
    return p


class Relay(PeerCase):
    """A box that relays, a peer that echoes, and what clients of all kinds need."""
    WORKERS = 2
    SETTINGS = ()

    @classmethod
    def build(cls):
        own_network(*(a + "/24" for a in (SERVER, PEER, CLIENT)), *(a + "/64" for a in (SERVER6, PEER6, CLIENT6)))
        cls.gh = cls.gatehouse("near.example", settings=cls.SETTINGS + (
            "set turn listen-udp v4 %s 3478" % SERVER, "set turn realm " + REALM,
            "set turn relay-address v4 " + SERVER, "set turn port-min 50000", "set turn port-max 50999",
            "set turn workers %d" % cls.WORKERS, 'set turn user %s key "%s"' % (USER, keys(USER, PASSWORD, REALM)),
            "set turn allow-peer test %s/32" % PEER, "set turn allow-peer client %s/32" % CLIENT))
        cls.gh.start()
        wait_for("all workers listen", lambda: len(set(re.findall(r"gh-turn\[(\d+)\] turn.listening", cls.gh.log()))) == cls.WORKERS, 10)
        cls.echo = echo_peer(cls.place)

    def client(self, *words, seconds=60, local=CLIENT, peer=PEER, server=SERVER):
        got = subprocess.run([need("turnutils_uclient"), "-u", USER, "-w", PASSWORD, "-L", local, "-e", peer] + list(words) + [server],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds)
        self.assertEqual(got.returncode, 0, got.stdout[-2000:])
        return got.stdout

    def came_back(self, out):
        found = re.findall(r"tot_recv_msgs=(\d+)", out)
        self.assertTrue(found, out[-2000:])
        return int(found[-1])

    def passed(self, out, sent):
        """Every message came back."""
        self.assertEqual(self.came_back(out), sent, out[-2000:])

    def ports(self):
        """Ports in use; the two counts of each worker agree (turn.md 5: ports lost over time)."""
        rows = self.gh.records("show", "turn")
        self.assertEqual(len(rows), self.WORKERS)
        for r in rows:
            self.assertEqual(int(r["ports-used"]), int(r["ports-held"]), r)
        return sum(int(r["ports-used"]) for r in rows)

    def counter(self, name):
        return sum(int(r["value"]) for r in self.gh.records("show", "counters") if r["counter"] == name)

    def alpn(self, *options):
        """RFC 7443, as OpenSSL's own client sees it on port 5349. Returns what asks: words in, exit code and text out."""
        def answer(*words):
            got = subprocess.run([need("openssl"), "s_client", "-connect", SERVER + ":5349", "-CAfile", self.pki.ca, "-verify_return_error"] +
                                 list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
            return got.returncode, got.stdout
        for alpn in ("stun.turn", "stun.nat-discovery", "h2,stun.turn"):
            rc, text = answer(*options, "-alpn", alpn)
            self.assertEqual(rc, 0, text)
            self.assertIn("ALPN protocol: stun.", text)
        rc, text = answer(*options)
        self.assertEqual(rc, 0, text)
        self.assertIn("No ALPN negotiated", text)
        rc, text = answer(*options, "-alpn", "h2,http/1.1")
        self.assertNotEqual(rc, 0, text)
        self.assertIn("no application protocol", text)
        return answer

    def own(self, password=PASSWORD):
        c = TurnClient(SERVER, CLIENT, USER, password)
        self.addCleanup(c.close)
        return c


class StreamRelay(Relay):
    """With doors for TCP and TLS, IPv4 and IPv6."""
    DOORS = 7
    SETTINGS = ("set turn listen-tcp v4 %s 3478" % SERVER, "set turn listen-tcp v6 %s 3478" % SERVER6,
                "set turn listen-tls v4 %s 5349" % SERVER, "set turn listen-tls v6 %s 5349" % SERVER6,
                "set turn listen-tls https %s 443" % SERVER, "set turn listen-udp v6 %s 3478" % SERVER6,
                "set turn relay-address v6 " + SERVER6, "set turn allow-peer peer6 %s/128" % PEER6)

    @classmethod
    def build(cls):
        super().build()
        cls.echo6 = echo_peer(cls.place, PEER6)
        wait_for("all doors are open", lambda: {int(r["doors"]) for r in cls.gh.records("show", "turn")} == {cls.DOORS}, 10)

    @classmethod
    def tls(cls, *alpn):
        c = ssl.create_default_context(cafile=cls.pki.ca)
        c.check_hostname = False
        c.set_alpn_protocols(list(alpn))
        return c

    def stream(self, server=SERVER, local=CLIENT, port=3478, context=None):
        c = StreamClient(server, local, USER, PASSWORD, port=port, context=context)
        self.addCleanup(c.close)
        return c

    def raw(self, port=3478, local=CLIENT):
        s = socket.create_connection((SERVER, port), timeout=20, source_address=(local, 0))
        self.addCleanup(s.close)
        return s

    def closes(self, s, most_seconds):
        """It is closed before long, and nothing was said on it."""
        began = time.monotonic()
        try:
            self.assertEqual(s.recv(100), b"")
        except ConnectionResetError:
            pass
        self.assertLess(time.monotonic() - began, most_seconds)
        return time.monotonic() - began

    def passed_tls(self, words, sent, **places):
        """All went both ways; coturn's client sees only the first of several messages in one TLS record."""
        names = ("turn.to-peer", "turn.to-client", "turn.stream.dropped")
        before = [self.counter(n) for n in names]
        self.assertGreaterEqual(self.came_back(self.client("-t", "-S", "-c", "-s", *words, **places)), sent // 2)
        self.assertEqual([self.counter(n) - b for n, b in zip(names, before)], [sent, sent, 0])
