"""The relay's path in the kernel: a client's network, a peer's, the box between them, native XDP on veth pairs. What
the counters say passed in the kernel did; what a client and a peer see is the same without it."""
import os
import re
import signal
import socket
import threading
import time

from harness.case import PeerCase
from harness.netns import Namespace, here, own_network
from harness.place import Failed, wait_for
from harness.relay import PASSWORD, REALM, USER
from harness.turnclient import TurnClient, keys

SERVER, CLIENT, RELAY, PEER, PEER_PORT = "10.78.0.1", "10.78.0.2", "10.79.0.1", "10.79.0.2", 3480
WORKERS, CHANNEL = 2, 0x4001


class Echo(threading.Thread):
    """The peer: sends back what comes, and counts it."""

    def __init__(self, addr=PEER, port=PEER_PORT):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((addr, port))
        self.sock.settimeout(0.2)
        self.came = self.bytes = 0
        self.ends = False

    def run(self):
        while not self.ends:
            try:
                data, at = self.sock.recvfrom(65536)
            except socket.timeout:
                continue
            self.came += 1
            self.bytes += len(data)
            self.sock.sendto(data, at)


class KernelCase(PeerCase):
    """The box between the two networks, its workers in the kernel's path, the peer echoing."""

    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("the kernel's path is tried as root only: it needs CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN")
        own_network()
        cls.clients, cls.peers = cls.far("near0", SERVER, CLIENT), cls.far("near1", RELAY, PEER)
        cls.gh = cls.gatehouse("near.example", settings=(
            "set turn listen-udp v4 %s 3478" % SERVER, "set turn realm " + REALM,
            "set turn relay-address v4 " + RELAY, "set turn port-min 50000", "set turn port-max 50999",
            "set turn workers %d" % WORKERS, 'set turn user %s key "%s"' % (USER, keys(USER, PASSWORD, REALM)),
            "set turn allow-peer test %s/32" % PEER))
        cls.gh.start()
        with cls.peers:
            cls.echo = Echo()
        cls.echo.start()
        cls.kernel_is_there()

    @classmethod
    def far(cls, near, near_address, far_address):
        """A network behind an interface of ours."""
        far = Namespace(cls)
        far.wire(near, "far", far_address + "/24", far=[near_address + "/24"])
        far.takes_frames("far")
        return far

    @classmethod
    def rows(cls):
        return cls.gh.records("show", "turn")

    @classmethod
    def states(cls):
        """None while a worker that ends does not answer."""
        try:
            return [r["fast-path"] for r in cls.rows()]
        except Failed:
            return None

    @classmethod
    def kernel_is_there(cls, state="on", workers=WORKERS):
        wait_for("the fast path is %s: %s" % (state, [l for l in cls.gh.log().splitlines() if "turn.kernel." in l][-5:]),
                 lambda: cls.states() == [state] * workers, 15)

    def total(self, key):
        return sum(int(r[key]) for r in self.rows())

    def in_kernel(self):
        return self.total("kernel-packets")

    def allocation(self, c):
        at = "%s:%d" % c.sock.getsockname()
        return [r for r in self.gh.records("show", "turn", "allocations") if r["client"] == at][0]


class TurnKernel(KernelCase):
    def bound(self):
        with self.clients:
            c = TurnClient(SERVER, CLIENT, USER, PASSWORD)
        self.addCleanup(c.close)
        c.allocate()
        c.bind_channel(CHANNEL, PEER, PEER_PORT)
        self.there_and_back(c, 3)  # the first ones go by user space: neighbours are looked up
        time.sleep(0.1)
        return c

    def there_and_back(self, c, n):
        for i in range(n):
            data = bytes([i & 0xff]) * (20 + i)
            c.send(CHANNEL, data)
            self.assertEqual(c.receive(), (CHANNEL, data))

    def comes_back(self, c, seconds=1.0):
        c.sock.settimeout(seconds)
        c.send(CHANNEL, b"anybody?")
        try:
            return c.receive() == (CHANNEL, b"anybody?")
        except (socket.timeout, ConnectionRefusedError):
            return False
        finally:
            c.sock.settimeout(3)

    # ---- what passes
    def test_passes_in_the_kernel(self):
        flows = self.total("kernel-flows")
        c = self.bound()
        self.assertEqual(self.total("kernel-flows"), flows + 1)
        before, seen = self.in_kernel(), self.allocation(c)
        self.there_and_back(c, 200)
        self.assertEqual(self.in_kernel(), before + 400)
        now = self.allocation(c)
        for key in ("to-peer-bytes", "to-client-bytes"):
            self.assertEqual(int(now[key]) - int(seen[key]), sum(20 + i for i in range(200)))
        c.free()
        self.assertEqual(self.total("kernel-flows"), flows)

    def test_ends_with_the_allocation(self):
        c = self.bound()
        c.free()
        before = self.echo.came
        for _ in range(5):
            c.send(CHANNEL, b"late")
        self.assertFalse(self.comes_back(c))
        self.assertEqual(self.echo.came, before)

    def test_bandwidth(self):
        limit, seconds, size = 200000, 3, 500
        self.gh.commit("set turn bandwidth-user %d" % limit)
        self.addCleanup(self.gh.commit, "delete turn bandwidth-user")
        c = self.bound()
        before = self.in_kernel()
        c.sock.setblocking(False)
        passed, until = self.echo.bytes, time.monotonic() + seconds
        while time.monotonic() < until:
            c.send(CHANNEL, bytes(size))
            time.sleep(0.0002)
        passed = self.echo.bytes - passed
        # the echo's way back is under the limit too: the peer sees about half of it, and a burst
        self.assertLess(passed, limit * seconds * 1.2)
        self.assertGreater(passed, limit * seconds * 0.3)
        self.assertGreater(self.in_kernel(), before + passed // size // 2)
        self.assertGreater(int(self.allocation(c)["dropped"]), 100)
        c.sock.settimeout(3)

    # ---- without it
    def test_off_and_on(self):
        c = self.bound()
        self.gh.commit("set turn fast-path off")
        self.kernel_is_there("gh-xdp is not there")
        before = self.in_kernel()
        self.there_and_back(c, 20)
        self.assertEqual(self.in_kernel(), before)
        self.gh.commit("set turn fast-path generic")
        self.kernel_is_there()
        wait_for("it passes in the kernel in generic mode", lambda: self.there_and_back(c, 5) or self.in_kernel() > before, 5)
        self.assertIn("mode=generic", self.gh.log())
        self.gh.commit("delete turn fast-path")
        self.kernel_is_there()
        before = self.in_kernel()
        wait_for("it passes in the kernel again", lambda: self.there_and_back(c, 5) or self.in_kernel() > before, 5)

    def test_more_workers_and_fewer(self):
        """Each gets another part of the flows: all come out, and go in again."""
        for workers in (4, WORKERS):
            self.gh.commit("set turn workers %d" % workers)
            self.kernel_is_there(workers=workers)
            clients = [self.bound() for _ in range(4)]
            for c in clients:
                before = self.in_kernel()
                self.there_and_back(c, 5)
                self.assertEqual(self.in_kernel(), before + 10)
                c.free()

    def test_addresses_come_and_go(self):
        c = self.bound()
        for word in ("detached", "attached"):
            mark = len(self.gh.log())
            here("addr", "add" if word == "attached" else "del", RELAY + "/24", "dev", "near1")
            wait_for(word, lambda: re.search(r"turn\.kernel\.%s .*near1" % word, self.gh.log()[mark:]), 10)
        before = self.in_kernel()
        wait_for("it passes in the kernel again", lambda: self.there_and_back(c, 5) or self.in_kernel() > before, 5)

    def test_gh_xdp_dies(self):
        c = self.bound()
        before = self.in_kernel()
        old = self.gh.pid("gh-xdp")
        os.kill(old, signal.SIGKILL)
        self.there_and_back(c, 50)  # nothing is lost on the way to user space
        wait_for("it is started again", lambda: self.gh.pids().get("gh-xdp/0") not in (None, old), 10)
        self.kernel_is_there()
        wait_for("it passes in the kernel again", lambda: self.there_and_back(c, 5) or self.in_kernel() > before + 10, 5)

    def test_a_worker_dies(self):
        c = self.bound()
        worker = int(self.allocation(c)["number"]) >> 48
        before = self.in_kernel()
        self.there_and_back(c, 5)
        self.assertGreater(self.in_kernel(), before)
        os.kill(self.gh.pid("gh-turn", worker), signal.SIGKILL)
        time.sleep(0.3)
        came = self.echo.came
        self.assertFalse(self.comes_back(c))
        self.assertEqual(self.echo.came, came)
        self.kernel_is_there()
        self.bound()  # a new one has a worker and the kernel

    def test_says_why_not(self):
        """Addresses of no interface, then those of loopback, which has no driver."""
        mark = len(self.gh.log())
        self.gh.commit("set turn listen-udp v4 127.0.0.1 3478", "set turn relay-address v4 127.0.0.1")
        self.addCleanup(self.kernel_is_there)
        self.addCleanup(self.gh.commit, "set turn listen-udp v4 %s 3478" % SERVER, "set turn relay-address v4 " + RELAY)
        wait_for("the reason is shown", lambda: all("XDP" in state for state in self.states() or [""]), 10)
        lines = [l for l in self.gh.log()[mark:].splitlines() if "turn.kernel.off" in l]
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(re.search(r"step=attach .*why=.*do=", lines[0]), lines)
