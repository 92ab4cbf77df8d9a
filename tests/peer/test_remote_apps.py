"""Other people's applications outside, who know their domain and find the rest (mra.md 1.4; tests 2, 14, 15): an edge, and a core behind its
firewall."""
import array
import base64
import json
import math
import os
import subprocess

from harness.desktop import Dino, desktop
from harness.linked import EDGE_OUTSIDE, FRONT
from harness.linphone import Linphone, tone
from harness.outsider import HOUSES, room, strangers_to_each_other
from harness.people import DOMAIN
from harness.place import Program, need, wait_for
from harness.uploads import MB
from test_remote_clients import AGENTS, OUTSIDE, Relay, Remote

PERIOD = 20   # samples, at 8,000 a second
RATE = 8000   # of what Linphone records, as it comes


class TwoLinphones(Relay):
    """Registered over TLS at the edge, each behind a NAT of its own, with credentials that the core has given out: they talk by the relay."""
    test_credentials = None

    @classmethod
    def build(cls):
        super().build()
        cls.rooms = [room(cls, n) for n in (1, 2)]
        strangers_to_each_other()
        cls.dmz.ip("route", "add", HOUSES, "via", OUTSIDE)

    def setUp(self):
        super().setUp()
        self.world.dns.srv(DOMAIN, DOMAIN, FRONT, service="_sips")
        for service in ("_stun", "_turn"):
            self.world.dns.srv(DOMAIN, DOMAIN, 3478, service=service, proto="_udp")

    def linphone(self, n, user, **options):
        c = Linphone(self.place, lambda *argv: self.rooms[n].words(*self.world.words(*argv)), user, DOMAIN, "secret", self.pki.ca,
                     relay=self.credentials(), **options)
        self.addCleanup(c.close)
        wait_for("%s is registered" % user, lambda: self.core.records("show", "line", "%s@%s" % (user, DOMAIN)), 20, 0.2)
        return c

    def test_call(self):
        """Mra test 15: what the edge sees of it is no speech and no key."""
        u, v = self.people("u", "v")
        a, b = self.linphone(0, u), self.linphone(1, v, answers=True)
        said, heard, seen = (self.place.path(x) for x in ("said.wav", "heard.wav", "seen.pcap"))
        tone(said)
        tap = Program(self.place, "tap", self.dmz.words(need("tcpdump"), "-i", "outer", "-U", "-w", seen, "udp"))
        tap.wait_log("listening on", 10)
        a.type("play " + said)
        b.type("record " + heard)
        a.type("call sip:%s@%s" % (v, DOMAIN))
        b.logged("CallUpdatedByRemote to LinphoneCallStreamsRunning", 30)  # ICE has chosen, and both know
        self.assertGreaterEqual(len(self.edge.records("show", "turn", "allocations")), 2)
        before = os.path.getsize(heard)
        wait_for("two seconds of sound", lambda: os.path.getsize(heard) - before > 2 * RATE * 2, 20)
        a.type("terminate")
        b.logged("to LinphoneCallReleased")
        tap.stop()
        self.assertGreater(loudness(heard, 8000 / PERIOD), 10 * loudness(heard, 8000 / PERIOD * 1.37))
        keys = {k for c in (a, b) for k in c.logged_all(r"inline:([A-Za-z0-9+/]{40,})")}
        self.assertGreater(len(keys), 1)
        with open(seen, "rb") as f:
            capture = f.read()
        for k in keys:
            for form in (k.encode(), base64.b64decode(k + "=" * (-len(k) % 4))):
                self.assertNotIn(form, capture)
        media = [x for x in datagrams(capture) if len(x) > 170]
        self.assertGreater(len(media), 100)
        self.assertTrue(is_speech(bytes(12) + (b"\x80" * 10 + b"\x00" * 10) * 8))
        self.assertEqual(sum(map(is_speech, media)), 0)


class Desktop(Remote):
    """Mra test 2: by the record of XEP-0368 on 443, where 5222 is closed."""
    edge_settings = ("set upload enabled on",)
    core_settings = ("set upload enabled on", "set upload free 1")

    @classmethod
    def outside_world(cls):
        """They take long to start, as the boxes do."""
        super().outside_world()
        cls.dino = Dino(cls.place, cls.world.words, "dino", DOMAIN, "secret")
        cls.gajim_words = cls.place.path("gajim-words")
        cls.gajim = desktop(cls.place, "gajim", cls.world.words,
                            ["/usr/bin/python3", "-B", os.path.join(AGENTS, "gajim_client.py"), cls.gajim_words], cls.place.path("gajim-home"), "nobody")

    def setUp(self):
        super().setUp()
        self.direct()

    def row(self, user):
        return next((r for r in self.core.records("show", "clients") if r["user"].startswith(user + "@")), None)

    def test_dino(self):
        self.core.user("dino")
        v = self.people("v")
        t = self.outside(v)
        t.send("<presence/>")
        self.dino.prepare("%s@%s" % (v, DOMAIN), "hello")
        self.addCleanup(self.dino.run().stop)
        who, transport = self.answer(t, "dino", "hello")
        self.assertEqual((who, transport, self.row("dino")["tls"]), ("dino@%s/dino" % DOMAIN, ["tls"], "TLSv1.3"))
        wait_for("Dino has the answer", lambda: self.dino.heard() == ["and back"], 20, 0.2)
        self.assertGreater(self.world.dns.count("_xmpps-client._tcp." + DOMAIN, "SRV"), 0)

    def test_gajim(self):
        """It uploads a file, too, that another client gets: curl."""
        u, v = self.people("u", "v")
        t = self.outside(v)
        t.send("<presence/>")
        content = os.urandom(3 * MB)
        with open(self.place.path("picture.bin"), "wb") as f:
            f.write(content)
        self.place.write("gajim-words", json.dumps([DOMAIN, u, "secret", t.jid.partition("/")[0], self.place.path("picture.bin")]))
        who, transport = self.answer(t, u, "hello")
        self.assertEqual(transport, ["tls"])
        url = t.wait(lambda e: (e.findtext("{*}body") or "").startswith("https://"), 20, "a link").findtext("{*}body")
        self.assertEqual(self.fetched(url), content)
        wait_for("Gajim has ended", lambda: not self.gajim.alive(), 20)
        got = json.loads([line for line in self.gajim.text().splitlines() if line.startswith("{")][-1])
        self.assertEqual((got["heard"], got["file"]), ("and back", url))

    def fetched(self, url):
        return subprocess.run(self.world.words(need("curl"), "-sSf", url), capture_output=True, timeout=60, check=True).stdout


def datagrams(capture):
    """What UDP carried in a file of tcpdump from an Ethernet."""
    at = 24
    while at < len(capture):
        n = int.from_bytes(capture[at + 8:at + 12], "little")
        frame = capture[at + 16:at + 16 + n]
        yield frame[14 + 4 * (frame[14] & 15) + 8:]
        at += 16 + n


def is_speech(packet):
    """Does it hold the tone as PCMU says it, whatever stands before and behind?"""
    part = packet[-160:-20]
    return sum(x == y for x, y in zip(part, part[PERIOD:])) > 0.8 * (len(part) - PERIOD)


def loudness(path, hertz):
    """Of one frequency, in the last second of a file that is still being written (Goertzel)."""
    with open(path, "rb") as f:
        samples = array.array("h", f.read()[44:][-2 * RATE:])
    c, s1, s2 = 2 * math.cos(2 * math.pi * hertz / RATE), 0.0, 0.0
    for x in samples:
        s1, s2 = x + c * s1 - s2, s1
    return math.sqrt(s1 * s1 + s2 * s2 - c * s1 * s2)
