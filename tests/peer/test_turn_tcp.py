"""TCP to the peers of the relay (RFC 6062)."""
import hashlib
import os
import signal
import socket
import threading
import time

from harness.place import wait_for
from harness.relay import CLIENT, PASSWORD, PEER, REALM, SERVER, StreamRelay, USER
from harness.turnclient import Refused, StreamClient, exactly, keys


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
        before = self.gh.pid("gh-turn", 1)
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
