"""The relay, with the client tools of coturn in a network of its own: this class's process has its own
network namespace, with one server and one peer address."""
import ctypes
import hashlib
import os
import re
import socket
import struct
import subprocess

from harness.case import PeerCase
from harness.place import Failed, Program, need, wait_for
from harness.turnclient import Refused, TurnClient

SERVER, PEER, CLIENT = "10.77.0.1", "10.77.0.2", "10.77.0.3"
REALM, USER, PASSWORD = "relay.example", "u1", "correct horse"
CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000


def own_network():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | (0 if os.getuid() == 0 else CLONE_NEWUSER)):
        raise Failed("no network namespace: errno %d" % ctypes.get_errno())
    ip = need("ip")
    for words in (("link", "set", "lo", "up"), *(("addr", "add", a + "/24", "dev", "lo") for a in (SERVER, PEER, CLIENT))):
        subprocess.run((ip,) + words, check=True)


def keys(user, password, realm=REALM):
    text = ("%s:%s:%s" % (user, realm, password)).encode()
    return "md5=%s sha256=%s" % (hashlib.md5(text).hexdigest(), hashlib.sha256(text).hexdigest())


def echo_peer(place):
    """coturn's own echo of datagrams, at the peer's address."""
    return Program(place, "echo-peer", [need("turnutils_peer"), "-L", PEER, "-p", "3480"])


class Turn(PeerCase):
    WORKERS = 2

    @classmethod
    def build(cls):
        own_network()
        cls.gh = cls.gatehouse("near.example", settings=(
            "set turn listen-udp v4 %s 3478" % SERVER, "set turn realm " + REALM,
            "set turn relay-address v4 " + SERVER, "set turn port-min 50000", "set turn port-max 50999",
            "set turn workers %d" % cls.WORKERS, 'set turn user %s key "%s"' % (USER, keys(USER, PASSWORD)),
            "set turn allow-peer test %s/32" % PEER, "set turn allow-peer client %s/32" % CLIENT))
        cls.gh.start()
        wait_for("all workers listen", lambda: len(set(re.findall(r"gh-turn\[(\d+)\] turn.listening", cls.gh.log()))) == cls.WORKERS, 10)
        cls.echo = echo_peer(cls.place)

    def client(self, *words, seconds=60):
        got = subprocess.run([need("turnutils_uclient"), "-u", USER, "-w", PASSWORD, "-L", CLIENT, "-e", PEER] + list(words) + [SERVER],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds)
        self.assertEqual(got.returncode, 0, got.stdout[-2000:])
        return got.stdout

    def passed(self, out, sent):
        """Every message came back."""
        found = re.findall(r"tot_recv_msgs=(\d+)", out)
        self.assertTrue(found, out[-2000:])
        self.assertEqual(int(found[-1]), sent, out[-2000:])

    def ports(self):
        """Ports in use; the two counts of each worker agree (turn.md 5: ports lost over time)."""
        rows = self.gh.records("show", "turn")
        self.assertEqual(len(rows), self.WORKERS)
        for r in rows:
            self.assertEqual(int(r["ports-used"]), int(r["ports-held"]), r)
        return sum(int(r["ports-used"]) for r in rows)

    def own(self, password=PASSWORD):
        c = TurnClient(SERVER, CLIENT, USER, password)
        self.addCleanup(c.close)
        return c

    # ---- coturn's client
    def test_send_indications(self):
        self.passed(self.client("-c", "-s", "-n", "50", "-m", "10"), 500)

    def test_even_ports_and_reservations(self):
        """Without -c the tool asks for pairs of ports; the second request may meet another worker."""
        self.passed(self.client("-s", "-n", "20", "-m", "8"), 160)

    def test_large_datagrams(self):
        self.passed(self.client("-c", "-s", "-n", "20", "-m", "2", "-l", "1400"), 40)

    # ---- ours: coturn's client uses channel numbers that RFC 8656 12 reserves
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
