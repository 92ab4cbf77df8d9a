"""Bad input on the wire, and what other relays have been caught at (docs/architecture/turn-rows.md)."""
import os
import re
import socket
import struct
import zlib

from harness.case import PeerCase
from harness.netns import own_network
from harness.place import wait_for
from harness.relay import PASSWORD, USER
from harness.turnclient import (ALLOCATE, CHANNEL, CHANNEL_BIND, COOKIE, CREATE_PERMISSION, ERROR, FAMILY, LIFETIME, PEER, REFRESH,
                                Refused, TRANSPORT, TurnClient, attribute, keys, parse)

SERVER, CLIENT, SERVER6 = "10.80.0.1", "10.80.0.2", "fd80::1"
REALM, BINDING = "relay.test", 1  # a challenge grows with the realm
EVEN_PORT, TOKEN, FINGERPRINT, SOFTWARE = 0x18, 0x22, 0x8028, 0x8022
UDP = (TRANSPORT, b"\x11\0\0\0")
ID = b"twelve bytes"


def message(method, body=b"", kind=0, length=None):
    return struct.pack("!HHI", method | kind, len(body) if length is None else length, COOKIE) + ID + body


def with_fingerprint(method, error=0):
    head = message(method, length=8)
    return head + attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(head) ^ 0x5354554E ^ error))


def code_of(answer):
    found = parse(answer)
    return found[ERROR][2] * 100 + found[ERROR][3] if ERROR in found else 0


class Rows(PeerCase):
    @classmethod
    def build(cls):
        own_network(SERVER + "/24", CLIENT + "/24", SERVER6 + "/64")
        cls.gh = cls.gatehouse("near.example", settings=(
            "set turn listen-udp v4 %s 3478" % SERVER, "set turn realm " + REALM, "set turn relay-address v4 " + SERVER,
            "set turn relay-address v6 " + SERVER6, "set turn port-min 50000", "set turn port-max 50049", "set turn workers 2",
            "set turn allocations-user 3", "set turn answers 0", 'set turn user %s key "%s"' % (USER, keys(USER, PASSWORD, REALM)),
            'set turn user u2 key "%s"' % keys("u2", PASSWORD, REALM)))
        cls.gh.start()
        wait_for("all workers listen", lambda: len(set(re.findall(r"gh-turn\[(\d+)\] turn.listening", cls.gh.log()))) == 2, 10)
        cls.relays = {k: v for k, v in cls.gh.pids().items() if "turn" in str(k)}

    def setUp(self):
        super().setUp()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.sock.close)
        self.sock.bind((CLIENT, 0))
        self.sock.connect((SERVER, 3478))

    def tearDown(self):
        """Nobody died of it, and no port is lost."""
        self.assertEqual({k: v for k, v in self.gh.pids().items() if "turn" in str(k)}, self.relays)
        self.assertEqual(code_of(self.exchange(message(BINDING))), 0)
        super().tearDown()

    def exchange(self, datagram, seconds=3):
        self.sock.settimeout(seconds)
        self.sock.send(datagram)
        return self.sock.recv(4096)

    def silence(self, *datagrams):
        """None is answered; the Binding behind them is."""
        for d in datagrams:
            self.sock.send(d)
        answer = self.exchange(message(BINDING, attribute(SOFTWARE, b"last")))
        self.assertEqual((answer[:2], code_of(answer)), (b"\x01\x01", 0))
        self.sock.settimeout(0.05)
        with self.assertRaises(TimeoutError):
            self.sock.recv(4096)

    def client(self, user=USER):
        c = TurnClient(SERVER, CLIENT, user, PASSWORD)
        self.addCleanup(c.close)
        return c

    def allocated(self, *more, user=USER):
        c = self.client(user)
        c.found = c.request(ALLOCATE, UDP, *more)
        self.addCleanup(c.free)
        return c

    def refused(self, code, fn, *args):
        with self.assertRaises(Refused) as e:
            fn(*args)
        self.assertEqual(e.exception.code, code)

    def test_what_is_no_message(self):
        request = message(ALLOCATE, attribute(*UDP))
        self.silence(*(request[:n] for n in range(len(request))),
                     *(request[:2] + struct.pack("!H", n) + request[4:] for n in (0, 4, 7, 9, 12, 0x7FFF, 0xFFF8, 0xFFFF)),
                     b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x80" * 40, b"\xff" * 1400,
                     b"\x40\x00\x00\x04abcd", b"\x40\x00\xff\xffabcd", b"\x5f\xff\0\0", message(0x3FFF)[:20],
                     message(BINDING, attribute(SOFTWARE, b"abc")[:-1], length=7), with_fingerprint(BINDING, error=1),
                     *(message(m, attribute(*UDP), kind=k) for m in range(1, 16) for k in (0x010, 0x100, 0x110) if m | k != 0x11))

    def test_messages_that_are_bad(self):
        rows = ((message(ALLOCATE, struct.pack("!HH", SOFTWARE, 0xFFFF) + b"abcd"), 400), (message(ALLOCATE, struct.pack("!HH", SOFTWARE, 5) + b"abcd"), 400),
                (message(BINDING, attribute(LIFETIME, b"\0")), 400), (message(ALLOCATE, attribute(*UDP) + attribute(PEER, b"\0\3\0\0")), 400),
                (message(BINDING, attribute(0x7777, b"")), 420), (message(0xE0, attribute(*UDP)), 400), (message(ALLOCATE), 400),
                (message(ALLOCATE, attribute(*UDP) + attribute(0x6, b"x" * 509)), 400), (message(ALLOCATE, attribute(*UDP) + attribute(0x8, bytes(20))), 400),
                (message(BINDING, attribute(0x3, b"\0\0\0\6")), 420), (message(BINDING, attribute(0x27, b"\x20\0\0\0")), 420),
                (message(BINDING, attribute(0x26, bytes(400))), 420), (message(ALLOCATE, attribute(*UDP)), 401),
                (with_fingerprint(BINDING), 0))
        for request, code in rows:
            with self.subTest(request=request.hex()):
                self.assertEqual(code_of(self.exchange(request)), code)

    def test_answers_are_small(self):
        for request, most in ((message(BINDING), 1.6), (with_fingerprint(BINDING), 1.6), (message(BINDING, attribute(SOFTWARE, b"abcd")), 1.6),
                              (message(BINDING, attribute(0x7777, b"")), 3), (message(ALLOCATE), 3), (message(ALLOCATE, attribute(*UDP)), 3),
                              (message(REFRESH), 3), (message(CREATE_PERMISSION), 3), (message(CHANNEL_BIND), 3)):
            with self.subTest(request=request.hex()):
                self.assertLessEqual(len(self.exchange(request)), most * len(request))

    def test_behind_the_signature(self):
        c = self.client()
        c.tail = attribute(LIFETIME, struct.pack("!I", 3000)) + attribute(FAMILY, b"\2\0\0\0")
        found = c.request(ALLOCATE, UDP, (LIFETIME, struct.pack("!I", 700)))
        self.addCleanup(c.free)
        self.assertEqual(struct.unpack("!I", found[LIFETIME])[0], 700)
        c.tail = attribute(LIFETIME, bytes(4))
        c.request(REFRESH)
        c.tail = b""
        c.request(REFRESH)  # it is there still

    def test_codes(self):
        c = self.client()
        self.refused(400, c.request, ALLOCATE)
        self.refused(442, c.request, ALLOCATE, (TRANSPORT, b"\x21\0\0\0"))
        self.refused(420, c.request, ALLOCATE, UDP, (0x7777, b""))
        self.refused(440, c.request, ALLOCATE, UDP, (FAMILY, b"\3\0\0\0"))
        for worker in range(4):  # of this worker, of the other, of none
            self.refused(508, c.request, ALLOCATE, UDP, (TOKEN, bytes([worker]) + b"unknown"))
        self.refused(437, c.permit, "8.8.8.8")
        three = [self.allocated() for _ in range(3)]
        self.refused(437, three[0].request, ALLOCATE, UDP)
        self.refused(486, c.request, ALLOCATE, UDP)
        self.allocated(user="u2")  # a quota is one user's (coturn#243)
        c = three[0]
        c.bind_channel(0x4001, "8.8.8.8", 9)
        c.bind_channel(0x4001, "8.8.8.8", 9)
        self.refused(400, c.bind_channel, 0x4001, "8.8.4.4", 9)
        self.refused(400, c.bind_channel, 0x4002, "8.8.8.8", 9)
        self.refused(400, c.bind_channel, 0x3FFF, "8.8.4.4", 9)
        self.refused(400, c.bind_channel, 0x7FFF, "8.8.4.4", 9)
        self.refused(443, c.permit, "2a00::1")
        self.refused(400, c.request, CHANNEL_BIND, (CHANNEL, b"\x40\5\0\0"))
        c.nonce = c.nonce[:-1] + bytes([c.nonce[-1] ^ 1])
        self.assertEqual(code_of(c._ask(REFRESH, ())), 438)

    def test_disguises(self):
        """Refused on each way, and nothing arrives where they lead."""
        c = self.allocated((FAMILY, b"\2\0\0\0"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
            four.bind(("127.0.0.1", 9))
            six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            six.bind(("::", 9))
            c.permit("2a00::1")
            for peer in ("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1",
                         "64:ff9b:1::7f00:1", "2001:0:7f00:1::1", "2001:0:808:808::80ff:fffe", "2a00::5efe:7f00:1", "fe80::1", "fd80::9",
                         "ff02::1", "fec0::1", "::ffff:169.254.169.254", "::ffff:10.80.0.9"):
                with self.subTest(peer=peer):
                    self.refused(403, c.permit, peer)
                    self.refused(403, c.bind_channel, 0x4001, peer, 9)
                    c.send_indication(peer, 9, b"knock")
            c.request(REFRESH)
            for s in (four, six):
                s.settimeout(0.2)
                with self.assertRaises(TimeoutError):
                    s.recv(100)

    def test_even_ports_come_back(self):
        """More times than there are ports."""
        c = self.client()
        for _ in range(120):
            c.request(ALLOCATE, UDP, (EVEN_PORT, b"\0"))
            c.free()
        rows = self.gh.records("show", "turn")
        self.assertEqual([(int(r["ports-used"]), int(r["ports-held"])) for r in rows], [(0, 0)] * 2)

    def resident_kib(self):
        total = 0
        for pid in self.relays.values():
            with open("/proc/%d/status" % pid) as f:
                total += int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
        return total

    def test_strangers_cost_nothing(self):
        """coturn#1641: 18 kB each. Here 4000 of them, challenged and gone."""
        def flood():
            for _ in range(4000):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.bind((CLIENT, 0))
                    s.settimeout(3)
                    s.sendto(message(ALLOCATE, attribute(*UDP)), (SERVER, 3478))
                    self.assertEqual(code_of(s.recv(2000)), 401)
        flood()  # first: what the buffers take once
        before = self.resident_kib()
        flood()
        self.assertLess(self.resident_kib() - before, 256)

    def test_no_other_port(self):
        """No web, no telnet, no admin port beside the door: only what is set listens on the box's address."""
        found = set()
        for proto in ("tcp", "udp"):
            with open("/proc/%d/net/%s" % (os.getpid(), proto)) as f:
                for line in f.readlines()[1:]:
                    addr, port = line.split()[1].split(":")
                    ip = socket.inet_ntoa(bytes.fromhex(addr)[::-1])
                    if ip in (SERVER, "0.0.0.0"):
                        found.add((proto, ip, int(port, 16)))
        self.assertEqual(found, {("udp", SERVER, 3478)})
