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
from harness.place import Failed, need, wait_for

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
    from harness.place import Program
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

    def used(self):
        return [(int(r["ports-used"]), int(r["ports-held"])) for r in self.gh.records("show", "turn")]

    def all_closed(self):
        wait_for("no port is held", lambda: self.used() == [(0, 0)] * self.WORKERS, 10)

    def test_channels(self):
        self.passed(self.client("-c", "-n", "50", "-m", "10"), 500)
        self.all_closed()

    def test_send_indications(self):
        self.passed(self.client("-c", "-s", "-n", "50", "-m", "10"), 500)
        self.all_closed()

    def test_even_ports_and_reservations(self):
        """Without -c the tool asks for a pair; the second may meet another worker."""
        self.passed(self.client("-n", "20", "-m", "4"), 80)
        self.all_closed()

    def test_large_datagrams(self):
        self.passed(self.client("-c", "-n", "20", "-m", "2", "-l", "1400"), 40)
        self.all_closed()

    def test_wrong_password(self):
        got = subprocess.run([need("turnutils_uclient"), "-u", USER, "-w", "wrong", "-L", CLIENT, "-e", PEER, "-c", "-n", "1", SERVER],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        self.assertIn("401", got.stdout)
        self.all_closed()

    def test_binding(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((CLIENT, 0))
            s.settimeout(3)
            s.sendto(struct.pack("!HHI", 1, 0, 0x2112A442) + b"gatehouse-12", (SERVER, 3478))
            got = s.recv(2000)
        self.assertEqual(struct.unpack("!H", got[:2])[0], 0x0101)
        self.assertEqual(got[8:20], b"gatehouse-12")
