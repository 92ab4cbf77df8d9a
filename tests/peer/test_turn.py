"""The relay, with the client tools of coturn in a network of its own: this class's process has its own
network namespace, with one server and one peer address."""
import hashlib
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness.case import PeerCase
from harness.netns import own_network
from harness.place import Failed, Program, need, wait_for
from harness.turnclient import COOKIE, DtlsClient, Refused, StreamClient, TurnClient, exactly, keys

SERVER, PEER, CLIENT = "10.77.0.1", "10.77.0.2", "10.77.0.3"
SERVER6, PEER6, CLIENT6 = "fd77::1", "fd77::2", "fd77::3"
REALM, USER, PASSWORD = "relay.example", "u1", "correct horse"


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

    def own(self, password=PASSWORD):
        c = TurnClient(SERVER, CLIENT, USER, password)
        self.addCleanup(c.close)
        return c


class Turn(Relay):
    # ---- coturn's client
    def test_send_indications(self):
        self.passed(self.client("-c", "-s", "-n", "50", "-m", "10"), 500)

    def test_even_ports_and_reservations(self):
        """Without -c the tool asks for pairs of ports; the second request may meet another worker."""
        self.passed(self.client("-s", "-n", "20", "-m", "8"), 160)

    def test_large_datagrams(self):
        self.passed(self.client("-c", "-s", "-n", "20", "-m", "2", "-l", "1400"), 40)

    # ---- ours
    def test_channels(self):
        before = self.ports()
        clients = [self.own() for _ in range(10)]
        for c in clients:
            self.assertIn(c.allocate(), range(50000, 51000))
            c.bind_channel(0x4001, PEER, 3480)
        self.assertEqual(self.ports(), before + 10)
        for size in (0, 1, 160, 1200, 4000):
            for i, c in enumerate(clients):
                sent = [bytes([i + k]) * size for k in range(5)]
                for data in sent:
                    c.send(0x4001, data)
                self.assertEqual([c.receive() for _ in sent], [(0x4001, data) for data in sent])
        for c in clients:
            c.free()
        self.assertEqual(self.ports(), before)

    def test_peers_that_nobody_may_reach(self):
        c = self.own()
        c.allocate()
        for peer in ("127.0.0.1", "0.0.0.0", "10.77.0.9", "169.254.169.254", "224.0.0.1", "255.255.255.255"):
            with self.subTest(peer=peer), self.assertRaises(Refused) as e:
                c.permit(peer)
            self.assertEqual(e.exception.code, 403)
        c.free()

    def test_wrong_password(self):
        with self.assertRaises(Refused) as e:
            self.own("wrong").allocate()
        self.assertEqual(e.exception.code, 401)

    def test_operator_ends_one(self):
        before = self.ports()
        port = self.own().allocate()
        rows = self.gh.records("show", "turn", "allocations")
        number = [r["number"] for r in rows if r["relayed"] == "%s:%d" % (SERVER, port)]
        self.assertEqual(len(number), 1, rows)
        self.gh.records("turn", "end", str(number[0]))
        self.assertEqual(self.ports(), before)

    def test_binding(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((CLIENT, 0))
            s.settimeout(3)
            s.sendto(struct.pack("!HHI", 1, 0, 0x2112A442) + b"gatehouse-12", (SERVER, 3478))
            got = s.recv(2000)
        self.assertEqual(struct.unpack("!H", got[:2])[0], 0x0101)
        self.assertEqual(got[8:20], b"gatehouse-12")


BINDING = struct.pack("!HHI", 1, 0, COOKIE) + b"gatehouse-12"


class StreamRelay(Relay):
    """With doors for TCP and TLS, IPv4 and IPv6."""
    SETTINGS = ("set turn listen-tcp v4 %s 3478" % SERVER, "set turn listen-tcp v6 %s 3478" % SERVER6,
                "set turn listen-tls v4 %s 5349" % SERVER, "set turn listen-tls v6 %s 5349" % SERVER6,
                "set turn listen-tls https %s 443" % SERVER, "set turn listen-udp v6 %s 3478" % SERVER6,
                "set turn relay-address v6 " + SERVER6, "set turn allow-peer peer6 %s/128" % PEER6)

    @classmethod
    def build(cls):
        super().build()
        cls.echo6 = echo_peer(cls.place, PEER6)
        wait_for("all doors are open", lambda: {int(r["doors"]) for r in cls.gh.records("show", "turn")} == {7}, 10)

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

class TurnStreams(StreamRelay):
    """Clients over TCP and TLS."""

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
        """RFC 7443, with another program's TLS."""
        def answer(*words):
            got = subprocess.run([need("openssl"), "s_client", "-connect", SERVER + ":5349", "-CAfile", self.pki.ca, "-verify_return_error"] +
                                 list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
            return got.returncode, got.stdout
        for alpn in ("stun.turn", "stun.nat-discovery", "h2,stun.turn"):
            rc, text = answer("-alpn", alpn)
            self.assertEqual(rc, 0, text)
            self.assertIn("ALPN protocol: stun.", text)
        rc, text = answer()
        self.assertEqual(rc, 0, text)
        self.assertIn("No ALPN negotiated", text)
        rc, text = answer("-alpn", "h2,http/1.1")
        self.assertNotEqual(rc, 0, text)
        self.assertIn("no application protocol", text)
        self.assertNotEqual(answer("-tls1_1")[0], 0)

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


class TurnDtls(Relay):
    """Clients over DTLS, IPv4 and IPv6, on listeners of their own and on those of UDP."""
    SETTINGS = ("set turn listen-dtls v4 %s 5349" % SERVER, "set turn listen-dtls v6 %s 5349" % SERVER6,
                "set turn listen-udp v6 %s 3478" % SERVER6, "set turn relay-address v6 " + SERVER6,
                "set turn allow-peer peer6 %s/128" % PEER6)

    @classmethod
    def build(cls):
        super().build()
        cls.echo6 = echo_peer(cls.place, PEER6)
        wait_for("all doors are open", lambda: {int(r["doors"]) for r in cls.gh.records("show", "turn")} == {4}, 10)

    def dtls(self, **words):
        c = DtlsClient(need("openssl"), words.pop("server", SERVER), words.pop("local", CLIENT), USER, PASSWORD, **words)
        self.addCleanup(c.close)
        return c

    def associations(self):
        return sum(int(r["associations"]) for r in self.gh.records("show", "turn"))

    def relays(self, c):
        c.allocate()
        c.bind_channel(0x4001, PEER, 3480)
        for size in (0, 1, 160, 1201, 4001):
            c.send(0x4001, bytes([size & 255]) * size)
            self.assertEqual(c.receive(), (0x4001, bytes([size & 255]) * size))

    # ---- coturn's client
    def test_channels(self):
        self.passed(self.client("-S", "-c", "-s", "-n", "50", "-m", "10"), 500)

    def test_even_ports(self):
        self.passed(self.client("-S", "-s", "-n", "20", "-m", "8"), 160)

    def test_large(self):
        self.passed(self.client("-S", "-c", "-s", "-n", "20", "-m", "2", "-l", "1400"), 40)

    def test_on_the_port_of_udp(self):
        """RFC 7983, both at once."""
        before = self.counter("turn.dtls.secured")
        self.passed(self.client("-S", "-p", "3478", "-c", "-s", "-n", "20", "-m", "4"), 80)
        self.passed(self.client("-c", "-s", "-n", "20", "-m", "4"), 80)
        self.assertGreaterEqual(self.counter("turn.dtls.secured"), before + 4)

    def test_ipv6(self):
        for words in (("-S",), ("-S", "-p", "3478")):
            with self.subTest(words=words):
                self.passed(self.client(*words, "-c", "-s", "-x", "-n", "20", "-m", "4", local=CLIENT6, peer=PEER6, server=SERVER6), 80)

    def test_certificate_is_proved(self):
        self.passed(self.client("-S", "-E", self.pki.ca, "-c", "-s", "-n", "5", "-m", "2"), 10)

    # ---- ours, over OpenSSL's
    def test_relays(self):
        for words in (dict(), dict(port=3478), dict(server=SERVER6, local=CLIENT6), dict(server=SERVER6, local=CLIENT6, port=3478)):
            with self.subTest(**{k: str(v) for k, v in words.items()}):
                before = self.ports()
                c = self.dtls(words=("-CAfile", self.pki.ca, "-verify_return_error"), **words)
                self.relays(c)
                rows = self.gh.records("show", "turn", "allocations")
                self.assertIn("dtls", [r["transport"] for r in rows])
                c.shut()  # the allocation ends with its association
                wait_for("the port is free", lambda: self.ports() == before, 5)

    def test_begins_anew(self):
        """From the same address and port, without a word before (RFC 6347 4.2.8)."""
        before, restarted = self.ports(), self.counter("turn.dtls.restarted")
        for port in (5349, 3478):
            for _ in range(3):
                c = self.dtls(port=port, local_port=40404)
                self.relays(c)
                self.assertEqual(self.ports(), before + 1)
                c.vanish()
            self.assertGreaterEqual(self.counter("turn.dtls.restarted"), restarted + 2)
            restarted = self.counter("turn.dtls.restarted")
            last = self.dtls(port=port, local_port=40404)
            last.allocate()
            last.free()
            self.assertEqual(self.ports(), before)
            last.close()

    def test_alpn(self):
        """RFC 7443, and the versions of DTLS that are spoken."""
        def answer(*words, version="-dtls1_2"):
            got = subprocess.run([need("openssl"), "s_client", version, "-connect", SERVER + ":5349", "-CAfile", self.pki.ca, "-verify_return_error"] +
                                 list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
            return got.returncode, got.stdout
        for alpn in ("stun.turn", "stun.nat-discovery", "h2,stun.turn"):
            rc, text = answer("-alpn", alpn)
            self.assertEqual(rc, 0, text)
            self.assertIn("ALPN protocol: stun.", text)
        rc, text = answer()
        self.assertEqual(rc, 0, text)
        self.assertIn("No ALPN negotiated", text)
        rc, text = answer("-alpn", "h2,http/1.1")
        self.assertNotEqual(rc, 0, text)
        self.assertIn("no application protocol", text)
        self.assertNotEqual(answer("-cipher", "DEFAULT@SECLEVEL=0", version="-dtls1")[0], 0)
        self.assertIn("DTLS handshake", self.gh.log())

    def test_another_certificate(self):
        """It is shown from the commit on; who is there stays."""
        def shown():
            got = subprocess.run([need("openssl"), "s_client", "-dtls1_2", "-connect", SERVER + ":5349"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20).stdout
            return re.sub(r"\s", "", got[got.index("-----BEGIN CERT"):got.index("-----END CERT")])
        c = self.dtls()
        self.relays(c)
        before = shown()
        cert = self.pki.make("good", "near.example", ("next.example",))
        pem = self.place.write("next.pem", cert.text() + cert.key_text())
        self.gh.commit("certificate import next " + pem, "set domain near.example certificate next")
        wait_for("the new one is shown", lambda: shown() != before, 10)
        self.assertIn(shown(), re.sub(r"\s", "", cert.text()))
        c.send(0x4001, b"still here")
        self.assertEqual(c.receive(), (0x4001, b"still here"))
        c.free()

    def test_most_associations(self):
        self.gh.commit("set turn connections-address 4")
        try:
            before, others = self.counter("turn.dtls.refused-address"), self.associations()
            for _ in range(10):
                self.dtls(local=PEER)
            wait_for("some are refused", lambda: self.counter("turn.dtls.refused-address") > before, 5)
            self.assertLessEqual(self.associations(), others + 4)
            self.relays(self.dtls(local=SERVER))
            self.assertIn("turn connections-address", self.gh.log())
        finally:
            self.gh.commit("delete turn connections-address")

    def test_strangers(self):
        """Garbage, and ClientHellos that nobody follows up: an answer at most as long, and no memory of them."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as catcher, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            catcher.bind((PEER, 0))
            catcher.settimeout(5)
            self.dtls(server=PEER, port=catcher.getsockname()[1])
            hello = catcher.recv(2000)
            s.bind((CLIENT, 0))
            s.connect((SERVER, 5349))
            s.settimeout(2)
            before = self.associations()
            for first in (b"", b"\x16", BINDING, hello[:40], bytes([23]) + hello[1:], hello[:13] + b"\xff" * 40):
                s.send(first)
            with self.assertRaises(TimeoutError):
                s.recv(2000)
            for _ in range(100):
                s.send(hello)
                self.assertLessEqual(len(s.recv(2000)), len(hello))
            self.assertLessEqual(self.associations(), before)  # those of others may end

    def test_tls_13_alone_leaves_no_dtls(self):
        with self.assertRaises(Failed) as e:
            self.gh.commit("set tls minimum 1.3")
        self.assertIn("DTLS 1.3", str(e.exception))


class TurnTcp(StreamRelay):
    """TCP to the peers (RFC 6062), with two workers: what one of them holds is often asked of the other."""
    SETTINGS = StreamRelay.SETTINGS + ("set turn tcp-relay on", 'set turn user u2 key "%s"' % keys("u2", PASSWORD, REALM))

    def control(self, **words):
        c = self.stream(**words)
        c.port = c.allocate(6)
        return c

    def data(self, connection, user=USER, **words):
        c = StreamClient(SERVER, CLIENT, user, PASSWORD, **words)
        self.addCleanup(c.close)
        return c.bind(connection)

    def door(self):
        s = socket.create_server((PEER, 0))
        self.addCleanup(s.close)
        s.settimeout(10)
        return s, s.getsockname()[1]

    def peer_of(self, c):
        """The peer connects to the relayed address; both ends."""
        s = socket.create_connection((SERVER, c.port), timeout=10, source_address=(PEER, 0))
        self.addCleanup(s.close)
        connection, where = c.attempt()
        self.assertEqual(where, s.getsockname())
        return s, self.data(connection)

    def echoes(self, one, other, n=20):
        for i in range(n):
            for a, b in ((one, other), (other, one)):
                sent = os.urandom(1 + i * 997)
                a.sendall(sent)
                self.assertEqual(exactly(b, len(sent)), sent)

    def total(self, column):
        return sum(int(r[column]) for r in self.gh.records("show", "turn"))

    def refused(self, code, call, *args, **words):
        with self.assertRaises(Refused) as e:
            call(*args, **words)
        self.assertEqual(e.exception.code, code)

    def test_connect(self):
        """Several data connections of one allocation reach either worker; in clear and over TLS."""
        door, port = self.door()
        c = self.control()
        kinds = [dict(), dict(context=self.tls(), port=5349)] * 4
        doors = [door, *(self.door()[0] for _ in kinds[1:])]
        for words, d in zip(kinds, doors):
            connection = c.connect_peer(PEER, d.getsockname()[1])
            peer, where = d.accept()
            self.addCleanup(peer.close)
            peer.settimeout(10)
            self.assertEqual(where, (SERVER, c.port))
            peer.sendall(b"first")  # what a peer says at once waits
            s = self.data(connection, **words)
            self.assertEqual(exactly(s, 5), b"first")
            self.echoes(s, peer)
        rows = [r for r in self.gh.records("show", "turn", "allocations") if r["relayed"] == "%s:%d" % (SERVER, c.port)]
        self.assertEqual([int(r["connections"]) for r in rows], [len(kinds)])
        self.refused(446, c.connect_peer, PEER, port)
        c.close()  # the allocation ends, and each connection with it, at whichever worker
        wait_for("no connection is left", lambda: self.total("peer-connections") == 0, 5)
        self.assertEqual(peer.recv(1), b"")

    def test_peer_connects(self):
        c = self.control()
        c.permit(PEER)
        for _ in range(6):
            self.echoes(*self.peer_of(c), n=5)
        other = socket.create_connection((SERVER, c.port), timeout=10, source_address=(CLIENT, 0))
        self.addCleanup(other.close)
        self.closes(other, 5)  # no permission
        self.gh.commit("delete turn allow-peer test")  # the rules end what they forbid now
        try:
            wait_for("no connection is left", lambda: self.total("peer-connections") == 0, 5)
        finally:
            self.gh.commit("set turn allow-peer test %s/32" % PEER)

    def test_refusals(self):
        c = self.control()
        door, port = self.door()
        door.close()
        self.refused(447, c.connect_peer, PEER, port)
        for peer in ("127.0.0.1", SERVER, "10.77.0.9", "169.254.169.254", "224.0.0.1", "0.0.0.0"):
            with self.subTest(peer=peer):
                self.refused(403, c.connect_peer, peer, 25)
        door, port = self.door()
        connection = c.connect_peer(PEER, port)
        for _ in range(4):  # at either worker
            self.refused(441, self.data, connection, user="u2")
            self.refused(400, self.data, connection[:3] + bytes([connection[3] ^ 1]))
            self.refused(400, self.data, b"\xff" + connection[1:])
        peer = door.accept()[0]
        self.addCleanup(peer.close)
        self.echoes(self.data(connection), peer, n=2)
        for _ in range(4):  # once only
            self.refused(400, self.data, connection)

    def test_limits(self):
        self.gh.commit("set turn tcp-connections-allocation 2")
        try:
            c = self.control()
            doors = [self.door() for _ in range(3)]
            for _, port in doors[:2]:
                c.connect_peer(PEER, port)
            self.refused(508, c.connect_peer, PEER, doors[2][1])
            self.assertIn("turn tcp-connections-max", self.gh.log())
        finally:
            self.gh.commit("delete turn tcp-connections-allocation")

    def test_slow_reader_loses_nothing(self):
        c = self.control()
        c.permit(PEER)
        whole = os.urandom(1 << 20) * 24
        for _ in range(3):
            peer, s = self.peer_of(c)
            writer = threading.Thread(target=lambda p=peer: (p.sendall(whole), p.close()))
            writer.start()
            time.sleep(1)
            got = bytearray()
            while True:
                part = s.recv(1 << 20)
                if not part:
                    break
                got += part
            writer.join()
            self.assertEqual(len(got), len(whole))
            self.assertEqual(hashlib.sha256(got).digest(), hashlib.sha256(whole).digest())

    def test_bandwidth(self):
        self.gh.commit("set turn bandwidth-user 400000")
        try:
            c = self.control()
            c.permit(PEER)
            peer, s = self.peer_of(c)
            began = time.monotonic()
            writer = threading.Thread(target=lambda: peer.sendall(bytes(2000000)))
            writer.start()
            n = 0
            while n < 2000000:
                n += len(s.recv(1 << 20))
            self.assertGreater(time.monotonic() - began, 3)
            writer.join()
        finally:
            self.gh.commit("delete turn bandwidth-user")

    def test_off(self):
        self.gh.commit("delete turn tcp-relay")
        try:
            self.refused(442, self.stream().allocate, 6)
        finally:
            self.gh.commit("set turn tcp-relay on")

    def test_worker_killed(self):
        """Each connection ends that the worker had, or that belonged to an allocation of it; the others go on."""
        pairs = []
        for _ in range(8):
            c = self.control()
            c.permit(PEER)
            pairs.append((c, *self.peer_of(c)))
        for _, peer, s in pairs:
            self.echoes(peer, s, n=2)
        before = self.gh.pids()["gh-turn/1"]
        os.kill(before, signal.SIGKILL)
        wait_for("a new worker listens", lambda: self.gh.pids().get("gh-turn/1", before) != before and
                 len(self.gh.records("show", "turn")) == self.WORKERS and
                 {int(r["doors"]) for r in self.gh.records("show", "turn")} == {7}, 20)
        alive = 0
        for c, peer, s in pairs:
            try:
                self.echoes(peer, s, n=2)
                alive += 1
            except (OSError, EOFError):
                self.closes(peer, 5)
        wait_for("no connection hangs", lambda: self.total("peer-connections") == alive, 5)
        c = self.control()
        c.permit(PEER)
        self.echoes(*self.peer_of(c), n=2)
