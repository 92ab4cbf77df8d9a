"""What comes and goes leaves nothing behind: memory of the workers over rounds of the same load (turn.md 5: coturn#1898)."""
import os
import re
import socket

from harness.place import wait_for
from harness.relay import BINDING, CLIENT, PASSWORD, PEER, SERVER, USER, StreamRelay
from harness.turnclient import Refused, StreamClient, TurnClient

ROUNDS, DATAGRAMS, STREAMS, STRANGERS = 5, 800, 100, 400
GROWTH = 256 << 10  # of three rounds: less than 100 bytes a client


class TurnSoak(StreamRelay):
    SETTINGS = StreamRelay.SETTINGS + ("set turn usage-log off", "set turn answers 0")

    def memory(self):
        total = 0
        for name, pid in self.gh.pids().items():
            if name.startswith("gh-turn/"):
                with open("/proc/%d/smaps_rollup" % pid) as f:
                    total += int(re.search(r"^Pss_Anon:\s+(\d+)", f.read(), re.M).group(1)) << 10
        return total

    def call(self, c):
        c.allocate()
        c.bind_channel(0x4001, PEER, 3480)
        sent = os.urandom(160)
        c.send(0x4001, sent)
        self.assertEqual(c.receive(), (0x4001, sent))
        c.free()
        c.close()

    def warm_up(self):
        """The rooms that packets of streams lie in are used in turn: each page comes when it is touched first."""
        clients = [StreamClient(SERVER, CLIENT, USER, PASSWORD) for _ in range(16)]
        for c in clients:
            c.allocate()
            c.bind_channel(0x4001, PEER, 3480)
        for _ in range(60):
            for c in clients:
                c.send(0x4001, bytes(4000))
                c.receive()
        for c in clients:
            c.free()
            c.close()

    def strangers(self):
        for _ in range(STRANGERS):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind((CLIENT, 0))
                s.sendto(BINDING, (SERVER, 3478))
        with self.assertRaises(Refused):
            TurnClient(SERVER, CLIENT, "nobody", "x").allocate()

    def round(self):
        for _ in range(DATAGRAMS):
            self.call(TurnClient(SERVER, CLIENT, USER, PASSWORD))
        for i in range(STREAMS):
            tls = dict(port=5349, context=self.tls("stun.turn")) if i % 2 else {}
            self.call(StreamClient(SERVER, CLIENT, USER, PASSWORD, **tls))
        self.strangers()
        wait_for("all is given back", lambda: self.ports() == 0 and
                 sum(int(r["connections"]) for r in self.gh.records("show", "turn")) == 0, 10)
        return self.memory()

    def test_rounds(self):
        self.warm_up()
        seen = [self.round() for _ in range(ROUNDS)]
        self.assertLess(seen[-1] - seen[1], GROWTH, seen)
        self.assertGreaterEqual(self.counter("turn.allocated"), ROUNDS * (DATAGRAMS + STREAMS))
