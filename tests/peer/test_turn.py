"""The relay over UDP, with the client tools of coturn in a network of its own."""
import socket
import struct

from harness.relay import CLIENT, PEER, Relay, SERVER
from harness.turnclient import Refused


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
