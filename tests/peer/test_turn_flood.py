"""Forged packets as fast as this machine makes them, from addresses that nobody has: a call beside them does not notice."""
import os
import socket
import struct
import subprocess
import sys
import time

from harness.relay import CLIENT, PEER, SERVER, Relay
from harness.turnclient import ALLOCATE, COOKIE, TRANSPORT, attribute

SECONDS = 5
# Its own process: the call's replies are not kept waiting by this one. Datagrams of 198.18.0.0/24, one network for `turn answers`;
# without a checksum.
FLOOD = """
import os, socket, struct, sys, time
to, seconds, body = socket.inet_aton(sys.argv[1]), float(sys.argv[2]), bytes.fromhex(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack("!HHHH", 4000, 3478, 8 + len(body), 0) + body
end, n = time.monotonic() + seconds, 0
while time.monotonic() < end:
    for _ in range(64):
        n += 1
        from_ = struct.pack("!I", 0xC6120000 | n & 0xFF)
        try:
            s.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n & 0xFFFF, 0, 64, 17, 0, from_, to) + udp, (sys.argv[1], 0))
        except OSError:
            pass
print(n)
"""


class Flood(Relay):
    def flood(self, body):
        p = subprocess.Popen([sys.executable, "-c", FLOOD, SERVER, str(SECONDS), body.hex()], stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait)
        return p

    def beside(self, body):
        """50 packets a second, as a call has. Returns how many were forged."""
        pids = self.gh.pids()
        c = self.own()
        c.allocate()
        c.bind_channel(0x4001, PEER, 3480)
        p, lost, sent = self.flood(body), 0, 0
        while p.poll() is None:
            text = os.urandom(160)
            c.send(0x4001, text)
            sent += 1
            lost += c.receive() != (0x4001, text)
            time.sleep(0.02)
        self.assertGreater(sent, SECONDS * 20)
        self.assertEqual(lost, 0)
        c.refresh()  # and it is still served
        c.free()
        self.assertEqual(self.ports(), 0)
        self.assertEqual(self.gh.pids(), pids)
        return int(p.stdout.read())

    def test_requests_of_strangers(self):
        """Each would like an allocation; few are answered (`turn answers`), none is remembered."""
        body = attribute(TRANSPORT, b"\x11\0\0\0")
        names = ("turn.challenged", "turn.answers-saved")
        were = [self.counter(n) for n in names]
        forged = self.beside(struct.pack("!HHI", ALLOCATE, len(body), COOKIE) + b"twelve bytes" + body)
        self.assertGreater(forged, 10000)
        challenged, saved = (  # challenged: or would have been
            self.counter(n) - was for n, was in zip(names, were))
        # `turn answers` is 200 a second for each of two workers, and twice that at once
        self.assertLess(challenged - saved, 2 * 200 * (SECONDS + 4))
        self.assertGreater(saved, 10000)

    def test_garbage(self):
        self.assertGreater(self.beside(os.urandom(200)), 10000)

    def test_channel_data_of_nobody(self):
        self.assertGreater(self.beside(struct.pack("!HH", 0x4001, 160) + bytes(160)), 10000)
