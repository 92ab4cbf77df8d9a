"""Send and Data indications of permissions in the relay's kernel path: as test_turn_kernel for channels."""
import os
import socket
import struct
import time

from harness.netns import here
from harness.place import wait_for
from harness.relay import PASSWORD, USER
from harness.turnclient import COOKIE, DATA, PEER as PEER_ADDRESS, SEND_INDICATION, TurnClient, attribute, xor_address
from test_turn_kernel import CLIENT, PEER, PEER_PORT, SERVER, Echo, KernelCase

RELAY6, PEER6, CHANNEL = "2001:db8:79::1", "2001:db8:79::2", 0x4001
DONT_FRAGMENT, SOFTWARE = 0x1A, 0x8022


class TurnKernelSend(KernelCase):
    @classmethod
    def build(cls):
        super().build()
        here("-6", "addr", "add", RELAY6 + "/64", "dev", "near1", "nodad")
        cls.peers.ip("-6", "addr", "add", PEER6 + "/64", "dev", "far", "nodad")
        with cls.peers:
            cls.echo6 = Echo(PEER6)
        cls.echo6.start()
        cls.gh.commit("set turn relay-address v6 " + RELAY6, "set turn allow-peer test6 %s/128" % PEER6)
        cls.kernel_is_there()

    def permitted(self, peer=PEER):
        with self.clients:
            c = TurnClient(SERVER, CLIENT, USER, PASSWORD)
        self.addCleanup(c.close)
        c.allocate_at(":" in peer)
        c.permit(peer)
        self.there_and_back(c, 3, peer)  # the first ones go by user space: neighbours are looked up
        time.sleep(0.1)
        return c

    def there_and_back(self, c, n, peer=PEER, port=PEER_PORT, step=1):
        for i in range(n):
            data = bytes([i & 0xff]) * (20 + i * step)
            c.send_indication(peer, port, data)
            self.assertEqual(c.receive_indication(), (peer, port, data))

    def comes_back(self, c, peer=PEER):
        c.sock.settimeout(1)
        c.send_indication(peer, PEER_PORT, b"anybody?")
        try:
            return c.receive_indication() == (peer, PEER_PORT, b"anybody?")
        except (socket.timeout, ConnectionRefusedError):
            return False
        finally:
            c.sock.settimeout(3)

    def assert_passes_in_the_kernel(self, c, peer):
        """A veth copies some frames into buffers without room for padding: their Data indications are gh-turn's."""
        for step, least in ((4, 200), (1, 180)):
            before, seen = self.in_kernel(), self.allocation(c)
            self.there_and_back(c, 200, peer, step=step)
            self.assertIn(self.in_kernel() - before, range(200 + least, 401))
            now = self.allocation(c)
            for key in ("to-peer-bytes", "to-client-bytes"):
                self.assertEqual(int(now[key]) - int(seen[key]), sum(20 + i * step for i in range(200)))

    def test_passes_in_the_kernel(self):
        flows = self.total("kernel-flows")
        c = self.permitted()
        self.assertEqual(self.total("kernel-flows"), flows + 1)
        self.assert_passes_in_the_kernel(c, PEER)
        c.free()
        self.assertEqual(self.total("kernel-flows"), flows)

    def test_to_ipv6(self):
        self.assert_passes_in_the_kernel(self.permitted(PEER6), PEER6)

    def test_other_messages_pass_in_user_space(self):
        """More attributes than the two, and the two in the other order."""
        c = self.permitted()
        before = self.in_kernel()
        to, data = attribute(PEER_ADDRESS, xor_address(PEER, PEER_PORT)), attribute(DATA, b"hello")
        for body in (to + attribute(DONT_FRAGMENT, b"") + data, to + data + attribute(SOFTWARE, b"name"), data + to):
            c.sock.send(struct.pack("!HHI", SEND_INDICATION, len(body), COOKIE) + os.urandom(12) + body)
            self.assertEqual(c.receive_indication(), (PEER, PEER_PORT, b"hello"))
        self.assertEqual(self.in_kernel(), before + 3)  # the answers

    def test_a_channel_takes_over(self):
        c = self.permitted()
        flows = self.total("kernel-flows")
        c.bind_channel(CHANNEL, PEER, PEER_PORT)
        self.assertEqual(self.total("kernel-flows"), flows)
        before = self.in_kernel()
        for _ in range(10):
            c.send(CHANNEL, b"by channel")
            self.assertEqual(c.receive(), (CHANNEL, b"by channel"))
        c.send_indication(PEER, PEER_PORT, b"by indication")
        self.assertEqual(c.receive(), (CHANNEL, b"by indication"))
        self.assertEqual(self.in_kernel(), before + 21)

    def test_few_peers_of_a_client(self):
        """More than the kernel takes: nothing is lost."""
        c = self.permitted()
        flows = self.total("kernel-flows")
        with self.peers:
            echoes = [Echo(PEER, PEER_PORT + i) for i in range(1, 12)]
        for e in echoes:
            e.start()
        for _ in range(3):
            for e in echoes:
                self.there_and_back(c, 2, port=e.sock.getsockname()[1])
        for e in echoes:
            e.ends = True
            e.join()
            e.sock.close()
        self.assertEqual(self.total("kernel-flows"), flows + 7)

    def test_ends_with_the_allocation(self):
        c = self.permitted()
        c.free()
        before = self.echo.came
        for _ in range(5):
            c.send_indication(PEER, PEER_PORT, b"late")
        self.assertFalse(self.comes_back(c))
        self.assertEqual(self.echo.came, before)

    def test_ends_with_the_rule(self):
        c = self.permitted()
        self.gh.commit("delete turn allow-peer test")
        self.addCleanup(self.gh.commit, "set turn allow-peer test %s/32" % PEER)
        wait_for("the worker has heard of it", lambda: not self.comes_back(c), 5)
        before = self.echo.came
        self.assertFalse(self.comes_back(c))
        self.assertEqual(self.echo.came, before)

    def test_bandwidth(self):
        limit, seconds, size = 200000, 3, 500
        self.gh.commit("set turn bandwidth-user %d" % limit)
        self.addCleanup(self.gh.commit, "delete turn bandwidth-user")
        c = self.permitted()
        before = self.in_kernel()
        passed, until = self.echo.bytes, time.monotonic() + seconds
        while time.monotonic() < until:
            c.send_indication(PEER, PEER_PORT, bytes(size))
            time.sleep(0.0002)
        passed = self.echo.bytes - passed
        # the echo's way back is under the limit too: the peer sees about half of it, and a burst
        self.assertLess(passed, limit * seconds * 1.2)
        self.assertGreater(passed, limit * seconds * 0.3)
        self.assertGreater(self.in_kernel(), before + passed // size // 2)
        self.assertGreater(int(self.allocation(c)["dropped"]), 100)
