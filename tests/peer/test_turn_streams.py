"""Clients of the relay over TCP and TLS."""
import socket
import ssl
import struct
import time

from harness.place import wait_for
from harness.relay import BINDING, CLIENT, CLIENT6, PEER, PEER6, SERVER, SERVER6, StreamRelay
from harness.turnclient import COOKIE


class TurnStreams(StreamRelay):
    """Clients over TCP and TLS."""
    IS_LONG = True

    # ---- coturn's client
    def test_tcp(self):
        self.passed(self.client("-t", "-c", "-s", "-n", "20", "-m", "10"), 200)

    def test_tls(self):
        self.passed_tls(("-n", "20", "-m", "10"), 200)

    def test_even_ports(self):
        self.passed(self.client("-t", "-s", "-n", "20", "-m", "8"), 160)

    def test_large(self):
        self.passed_tls(("-n", "20", "-m", "2", "-l", "1400"), 40)

    def test_ipv6(self):
        self.passed(self.client("-t", "-c", "-s", "-x", "-n", "20", "-m", "4", local=CLIENT6, peer=PEER6, server=SERVER6), 80)

    def test_tls_ipv6(self):
        self.passed_tls(("-x", "-n", "20", "-m", "4"), 80, local=CLIENT6, peer=PEER6, server=SERVER6)

    # ---- ours
    def relays(self, c):
        c.allocate()
        c.bind_channel(0x4001, PEER, 3480)
        for size in (0, 1, 2, 3, 4, 160, 1201, 4001):
            c.send(0x4001, bytes([size & 255]) * size)
            self.assertEqual(c.receive(), (0x4001, bytes([size & 255]) * size))

    def test_channels(self):
        doors = [("tcp", dict()), ("tcp", dict(server=SERVER6, local=CLIENT6)), ("tls", dict(context=self.tls(), port=5349)),
                 ("tls", dict(context=self.tls(), port=443)), ("tls", dict(context=self.tls(), port=5349, server=SERVER6, local=CLIENT6)),
                 ("tls", dict(context=self.tls()))]  # the last: TLS on the door of TCP (RFC 7983)
        for transport, words in doors:
            with self.subTest(transport=transport, **{k: str(v) for k, v in words.items()}):
                before = self.ports()
                c = self.stream(**words)
                self.relays(c)
                mine = "%s:%d" % (("[%s]" % CLIENT6 if "server" in words else CLIENT), c.sock.getsockname()[1])
                rows = [r for r in self.gh.records("show", "turn", "allocations") if r["client"] == mine]
                self.assertEqual([r["transport"] for r in rows], [transport])
                c.close()  # the allocation ends with its connection (RFC 8656 2.1)
                wait_for("the port is free", lambda: self.ports() == before, 5)

    def test_framing_in_pieces(self):
        c = self.stream()
        c.allocate()
        c.bind_channel(0x4001, PEER, 3480)
        wire = b"".join(struct.pack("!HH", 0x4001, n) + bytes(n + -n % 4) for n in (5, 6, 7)) + BINDING
        for i in range(len(wire)):
            c.sock.sendall(wire[i:i + 1])
        got = [c._message() for _ in range(4)]
        self.assertEqual(sorted(len(m) - 4 for m in got if m[0] == 0x40), [5, 6, 7])
        self.assertEqual([m[8:20] for m in got if m[0] == 1], [b"gatehouse-12"])

    def test_garbage_closes_at_once(self):
        for first in (b"POST / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"GET / HTTP/1.1\r\n\r\n", struct.pack("!HH", 1, 3),
                      struct.pack("!HHI", 1, 0, 7) + bytes(12), struct.pack("!HHI", 1, 0xfffc, COOKIE), struct.pack("!HH", 0x4001, 0xffff)):
            with self.subTest(first=first):
                s = self.raw()
                s.sendall(first)
                self.closes(s, 2)
        self.assertIn("neither STUN nor ChannelData", self.gh.log())
        s = self.raw(5349)
        s.sendall(BINDING)
        self.closes(s, 2)
        self.assertIn("TLS is spoken here", self.gh.log())

    def test_alpn(self):
        self.assertNotEqual(self.alpn()("-tls1_1")[0], 0)

    def test_another_certificate(self):
        """It is shown from the commit on; who is there stays (turn.md 5: reload without a drop)."""
        c = self.stream(context=self.tls(), port=5349)
        self.relays(c)
        before = ssl.get_server_certificate((SERVER, 5349))
        cert = self.pki.make("good", "near.example", ("next.example",))
        pem = self.place.write("next.pem", cert.text() + cert.key_text())
        self.gh.commit("certificate import next " + pem, "set domain near.example certificate next")
        wait_for("the new one is shown", lambda: ssl.get_server_certificate((SERVER, 5349)) != before, 5)
        self.assertIn(ssl.get_server_certificate((SERVER, 443)).strip().replace("\n", ""), cert.text().replace("\n", ""))
        c.send(0x4001, b"still here")
        self.assertEqual(c.receive(), (0x4001, b"still here"))
        c.free()

    def test_slow_handshakes(self):
        """Nobody waits for more than ten seconds for TLS: not for its first byte, not for its end."""
        silent, slow, half = self.raw(5349), self.raw(5349), self.raw()
        slow.sendall(b"\x16")
        half.sendall(b"\x16\x03\x01\x02\x00\x01")
        began = time.monotonic()
        for s in (silent, slow, half):
            self.closes(s, 14)
            self.assertGreater(time.monotonic() - began, 8)

    def test_most_connections(self):
        self.gh.commit("set turn connections-address 8", "set turn connections-max 40")
        try:
            before = self.counter("turn.stream.refused-address")
            many = [self.raw() for _ in range(20)]
            wait_for("some are refused", lambda: self.counter("turn.stream.refused-address") >= before + 12, 5)
            self.assertLessEqual(sum(int(r["connections"]) for r in self.gh.records("show", "turn")), 8 + 1)
            other = self.raw(local=PEER)
            other.sendall(BINDING)
            self.assertEqual(other.recv(100)[:2], b"\x01\x01")
            self.assertIn("turn connections-address", self.gh.log())
            for s in many:
                s.close()
        finally:
            self.gh.commit("delete turn connections-address", "delete turn connections-max")

    def test_slow_reader(self):
        """Datagrams for a client that does not read are dropped and counted; then it is served again."""
        c = self.stream()
        c.allocate()
        c.bind_channel(0x4001, PEER, 3480)
        before = self.counter("turn.stream.dropped")
        end = time.monotonic() + 30
        while self.counter("turn.stream.dropped") == before and time.monotonic() < end:
            for _ in range(500):
                c.send(0x4001, bytes(4000))
        self.assertGreater(self.counter("turn.stream.dropped"), before)
        c.sock.settimeout(5)
        c.send(0x4001, b"the end")
        while True:
            if c.receive()[1] == b"the end":
                break
            if not self.readable(c.sock):
                c.send(0x4001, b"the end")

    @staticmethod
    def readable(s):
        s.setblocking(False)
        try:
            return bool(s.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        finally:
            s.settimeout(5)
