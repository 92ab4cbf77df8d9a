"""TCP between two clients of one relay (RFC 6062), and what else of the box they cannot connect to."""
import os
import socket
import subprocess
import threading

from harness.case import PeerCase
from harness.netns import own_network
from harness.place import need, wait_for
from harness.relay import PASSWORD, REALM, USER
from harness.turnclient import Refused, StreamClient, exactly, keys

LOCAL, CLIENT, OTHER = "10.83.0.1", "10.83.0.2", "10.83.0.3"


class TcpOwnRelays(PeerCase):
    WORKERS = 2
    PUBLIC = LOCAL  # what clients are told
    SETTINGS = ()

    @classmethod
    def build(cls):
        own_network(*(a + "/24" for a in (LOCAL, CLIENT, OTHER)))
        cls.gh = cls.gatehouse("near.example", settings=(
            "set turn listen-tcp v4 %s 3478" % LOCAL, "set turn realm " + REALM, "set turn relay-address v4 " + LOCAL,
            "set turn port-min 50000", "set turn port-max 50999", "set turn tcp-relay on",
            "set turn workers %d" % cls.WORKERS, 'set turn user %s key "%s"' % (USER, keys(USER, PASSWORD, REALM))) + cls.SETTINGS)
        cls.gh.start()
        wait_for("all workers listen", lambda: [int(r["doors"]) for r in cls.gh.records("show", "turn")] == [1] * cls.WORKERS, 10)

    def stream(self, local):
        c = StreamClient(LOCAL, local, USER, PASSWORD)
        self.addCleanup(c.close)
        return c

    def opened(self, local=CLIENT):
        c = self.stream(local)
        c.port = c.allocate(6)
        rows = self.gh.records("show", "turn", "allocations")
        number, = (int(r["number"]) for r in rows if r["relayed"] == "%s:%d" % (self.PUBLIC, c.port))
        c.worker = number >> 48
        return c

    def pair(self, is_same_worker):
        """Two clients; by which worker the kernel's hash has them served is found out by trying."""
        a = self.opened()
        for _ in range(40):
            b = self.opened(OTHER)
            if (a.worker == b.worker) == is_same_worker:
                return a, b
            b.close()
        self.fail("the kernel gave all clients to one worker")

    def pairs(self):
        for is_same_worker in (True, False)[:self.WORKERS]:
            yield self.pair(is_same_worker)

    def joined(self, a, b, where):
        """The data connections of both, when a has connected to b."""
        connection = a.connect_peer(where, b.port)
        theirs, peer = b.attempt()
        self.assertEqual(peer, (self.PUBLIC, a.port))
        return self.stream(CLIENT).bind(connection), self.stream(OTHER).bind(theirs)

    def both_ways(self, one, other):
        for size in (1, 1200, 300000):
            for x, y in ((one, other), (other, one)):
                sent = os.urandom(size)
                x.sendall(sent)
                self.assertEqual(exactly(y, size), sent)

    def refused(self, code, call, *args):
        with self.assertRaises(Refused) as e:
            call(*args)
        self.assertEqual(e.exception.code, code)

    def no_connection_is_left(self):
        wait_for("no connection is left", lambda: sum(int(r["peer-connections"]) for r in self.gh.records("show", "turn")) == 0, 10)

    def test_two_clients(self):
        """By either form of the address; who closes ends both sides, and the allocation's end all."""
        for a, b in self.pairs():
            b.permit(self.PUBLIC)
            one, other = self.joined(a, b, self.PUBLIC)
            self.both_ways(one, other)
            self.refused(446, a.connect_peer, LOCAL, b.port)
            self.refused(446, b.connect_peer, self.PUBLIC, a.port)
            other.close()
            self.assertEqual(one.recv(1), b"")
            one.close()
            self.no_connection_is_left()
            b.permit(LOCAL)
            c = self.opened()
            one, other = self.joined(c, b, LOCAL)
            self.both_ways(one, other)
            b.close()
            self.assertEqual(other.recv(1), b"")
            self.assertEqual(one.recv(1), b"")
            one.close()
            self.no_connection_is_left()

    def test_half_of_a_connection(self):
        """Who has said all hears the answer, through two pairs of connections; then all of it is over."""
        for a, b in self.pairs():
            b.permit(self.PUBLIC)
            for asks, answers in (self.joined(a, b, self.PUBLIC), self.joined(self.opened(), b, self.PUBLIC)[::-1]):
                asks.sendall(b"question")
                asks.shutdown(socket.SHUT_WR)
                self.assertEqual(exactly(answers, 8), b"question")
                self.assertEqual(answers.recv(1), b"")
                sent = os.urandom(3000000)
                writer = threading.Thread(target=lambda s=answers, m=sent: (s.sendall(m), s.shutdown(socket.SHUT_WR)))
                writer.start()
                self.assertEqual(exactly(asks, len(sent)), sent)
                self.assertEqual(asks.recv(1), b"")
                writer.join()
            self.no_connection_is_left()  # though nobody has closed

    def test_coturns_clients(self):
        """-T: the tool's two clients have each other's relayed addresses for peers. (With more of them it answers a
        stale nonce by a Connect to another peer than was meant, and waits for connections that it never asked for.)"""
        tools = [subprocess.Popen([need("turnutils_uclient"), "-T", "-n", "20", "-m", "2", "-u", USER, "-w", PASSWORD, "-L", CLIENT, LOCAL],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(6)]
        for t in tools:
            self.addCleanup(t.kill)
        for t in tools:
            out = t.communicate(timeout=60)[0]
            self.assertEqual(t.returncode, 0, out[-2000:])
            self.assertIn("2 connections are completed", out)
            self.assertIn("tot_send_msgs=40, tot_recv_msgs=40", out)

    def test_without_permission(self):
        """Who connects is closed, and the other hears nothing of it."""
        for a, b in self.pairs():
            data = self.stream(CLIENT).bind(a.connect_peer(self.PUBLIC, b.port))
            self.assertEqual(data.recv(1), b"")
            b.sock.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                b.attempt()

    def test_nobody_there(self):
        a = self.opened()
        self.refused(447, a.connect_peer, self.PUBLIC, next(p for p in range(50000, 51000) if p != a.port))

    def test_oneself(self):
        """Nobody's harm: what the client says comes back to it, as far as it reads."""
        a = self.opened()
        s = self.stream(CLIENT).bind(a.connect_peer(self.PUBLIC, a.port))
        self.both_ways(s, s)
        a.close()
        self.assertEqual(s.recv(1), b"")
        self.no_connection_is_left()

    def test_nothing_else_of_the_box(self):
        """Services beside the range are not connected to, and do not connect, by any form of the address."""
        a = self.opened()
        for addr in {self.PUBLIC, LOCAL}:
            a.permit(addr)
        for port in (22, 53, 5060, 8443, 49999, 51000):
            with self.subTest(port=port), socket.create_server((LOCAL, port)) as door, socket.socket() as s:
                for addr in {self.PUBLIC, LOCAL}:
                    self.refused(403, a.connect_peer, addr, port)
                door.settimeout(0.1)
                with self.assertRaises(TimeoutError):
                    door.accept()
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((LOCAL, port - 1 if port == 49999 else port + 1))
                s.settimeout(5)
                s.connect((LOCAL, a.port))
                self.assertEqual(s.recv(1), b"")
        for port in (3478, 49998):
            self.refused(403, a.connect_peer, self.PUBLIC, port)
        a.sock.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            a.attempt()

    def test_disguises(self):
        a = self.opened()
        for peer in ("2002:a53:1::1", "64:ff9b::a53:1", "::10.83.0.1", "::1", "2001:0:a53:1::1"):
            with self.subTest(peer=peer):
                self.refused(403, a.connect_peer, peer, a.port)

    def test_rules_that_change(self):
        """deny-peer ends what there is, at either side."""
        for a, b in self.pairs():
            b.permit(self.PUBLIC)
            one, other = self.joined(a, b, self.PUBLIC)
            self.both_ways(one, other)
            self.gh.commit("set turn deny-peer own %s/32" % self.PUBLIC)
            try:
                self.assertEqual(one.recv(1), b"")
                self.assertEqual(other.recv(1), b"")
                self.no_connection_is_left()
                self.refused(403, a.connect_peer, self.PUBLIC, b.port)
            finally:
                self.gh.commit("delete turn deny-peer own")


class TcpOwnRelaysOfOneWorker(TcpOwnRelays):
    WORKERS = 1


class TcpOwnRelaysBehindStaticNat(TcpOwnRelays):
    """Nothing routes the public address back: the relay finds itself by the local one."""
    PUBLIC = "198.51.100.9"
    SETTINGS = ("set turn public-address v4 198.51.100.9",)
