"""Two clients of one relay that speak with each other through it, and what else of the box they cannot reach."""
import re
import socket
import subprocess

from harness.case import PeerCase
from harness.netns import own_network
from harness.place import need, wait_for
from harness.relay import PASSWORD, REALM, USER
from harness.turnclient import Refused, TurnClient, keys

CLIENT, OTHER = "10.79.0.2", "10.79.0.3"
LOCAL, LOCAL6 = "10.79.0.1", "fd79::1"


class OwnRelays(PeerCase):
    WORKERS = 2
    PUBLIC, PUBLIC6 = LOCAL, LOCAL6  # what clients are told
    SETTINGS = ()

    @classmethod
    def build(cls):
        own_network(*(a + "/24" for a in (LOCAL, CLIENT, OTHER)), LOCAL6 + "/64")
        cls.gh = cls.gatehouse("near.example", settings=(
            "set turn listen-udp v4 %s 3478" % LOCAL, "set turn realm " + REALM, "set turn relay-address v4 " + LOCAL,
            "set turn relay-address v6 " + LOCAL6, "set turn port-min 50000", "set turn port-max 50999",
            "set turn workers %d" % cls.WORKERS, 'set turn user %s key "%s"' % (USER, keys(USER, PASSWORD, REALM))) + cls.SETTINGS)
        cls.gh.start()
        wait_for("all workers listen", lambda: len(set(re.findall(r"gh-turn\[(\d+)\] turn.listening", cls.gh.log()))) == cls.WORKERS, 10)

    def worker_of(self, at):
        rows = self.gh.records("show", "turn", "allocations")
        numbers = [int(r["number"]) for r in rows if at[0] in r["relayed"] and r["relayed"].endswith(":%d" % at[1])]
        self.assertEqual(len(numbers), 1, rows)
        return numbers[0] >> 48

    def opened(self, local, is_v6):
        c = TurnClient(LOCAL, local, USER, PASSWORD)
        self.addCleanup(c.close)
        c.at = c.allocate_at(is_v6)
        self.addCleanup(c.free)
        c.worker = self.worker_of(c.at)
        return c

    def pair(self, is_same_worker, is_v6=False):
        """Two clients; by which worker the kernel's hash has them served is found out by trying."""
        a = self.opened(CLIENT, is_v6)
        for _ in range(40):
            b = self.opened(OTHER, is_v6)
            if (a.worker == b.worker) == is_same_worker:
                return a, b
        self.fail("the kernel gave all clients to one worker")

    def both_ways(self, a, b):
        a.permit(b.at[0])
        b.permit(a.at[0])
        for size in (0, 1, 160, 1200):
            a.send_indication(*b.at, b"x" * size)
            self.assertEqual(b.receive_indication(), a.at + (b"x" * size,))
            b.send_indication(*a.at, b"y" * size)
            self.assertEqual(a.receive_indication(), b.at + (b"y" * size,))
        a.bind_channel(0x4001, *b.at)
        b.bind_channel(0x4002, *a.at)
        for i in range(20):
            a.send(0x4001, b"a%d" % i)
            b.send(0x4002, b"b%d" % i)
        self.assertEqual([b.receive() for _ in range(20)], [(0x4002, b"a%d" % i) for i in range(20)])
        self.assertEqual([a.receive() for _ in range(20)], [(0x4001, b"b%d" % i) for i in range(20)])

    def test_two_clients(self):
        for is_v6, public in ((False, self.PUBLIC), (True, self.PUBLIC6)):
            for is_same_worker in (True, False):
                with self.subTest(v6=is_v6, same_worker=is_same_worker):
                    a, b = self.pair(is_same_worker, is_v6)
                    self.assertEqual(a.at[0], public)
                    self.both_ways(a, b)

    def test_coturns_clients(self):
        """-y: the tool's clients have each other's relayed addresses for peers."""
        got = subprocess.run([need("turnutils_uclient"), "-y", "-s", "-c", "-n", "20", "-m", "6", "-u", USER, "-w", PASSWORD, "-L", CLIENT, LOCAL],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(got.returncode, 0, got.stdout[-2000:])
        self.assertIn("tot_send_msgs=120, tot_recv_msgs=120", got.stdout)

    def test_without_permission(self):
        for is_same_worker in (True, False):
            with self.subTest(same_worker=is_same_worker):
                a, b = self.pair(is_same_worker)
                b.sock.settimeout(0.5)
                a.send_indication(*b.at, b"no permission here")
                a.permit(b.at[0])
                a.send_indication(*b.at, b"nor there")
                with self.assertRaises(TimeoutError):
                    b.receive_indication()

    def test_nothing_else_of_the_box(self):
        """Other ports of the same address, open ones, are not reached, and reach nobody, by any form of the address."""
        a = self.opened(CLIENT, False)
        for addr in {self.PUBLIC, LOCAL}:
            a.permit(addr)
        a.sock.settimeout(0.3)
        for port in (22, 53, 3478, 5060, 8443, 49999, 51000):
            with self.subTest(port=port), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                s.bind((LOCAL, port) if port != 3478 else (LOCAL, 3477))
                s.settimeout(0.3)
                for addr in {self.PUBLIC, LOCAL}:
                    with self.assertRaises(Refused) as e:
                        a.bind_channel(0x4001, addr, port)
                    self.assertEqual(e.exception.code, 403)
                    a.send_indication(addr, port, b"knock")
                with self.assertRaises(TimeoutError):
                    s.recv(100)
                s.sendto(b"from a service", (LOCAL, a.at[1]))
                with self.assertRaises(TimeoutError):
                    a.receive_indication()
        # proof that the way is there: the same from a port of the range, which is what another worker's looks like
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((LOCAL, next(p for p in range(50000, 51000) if p != a.at[1])))
            s.settimeout(3)
            s.sendto(b"from a relayed address", (LOCAL, a.at[1]))
            self.assertEqual(a.receive_indication(), (self.PUBLIC, s.getsockname()[1], b"from a relayed address"))
            a.send_indication(self.PUBLIC, s.getsockname()[1], b"and back")
            self.assertEqual(s.recvfrom(100), (b"and back", (LOCAL, a.at[1])))

    def test_disguises(self):
        a = self.opened(CLIENT, True)
        for peer in ("2002:a4f:1::1", "64:ff9b::a4f:1", "::10.79.0.1", "::1", "2001:0:a4f:1::1"):
            with self.subTest(peer=peer), self.assertRaises(Refused) as e:
                a.permit(peer)
            self.assertEqual(e.exception.code, 403)

    def test_no_service_among_the_ports(self):
        got = self.gh.ghsh(("set access listen x %s 50500" % LOCAL, "commit"), check=False)
        self.assertIn("a port that turn port-min and turn port-max give to the relay", got)


class BehindStaticNat(OwnRelays):
    """Nothing routes the public addresses back: the relay finds itself by the local ones."""
    PUBLIC, PUBLIC6 = "198.51.100.9", "2a00::9"
    SETTINGS = ("set turn public-address v4 198.51.100.9", "set turn public-address v6 2a00::9")
