"""ICE agents of libnice that reach each other through the relay, each in a private network behind NAT."""
import base64
import os
import subprocess
import threading

from harness.case import PeerCase
from harness.netns import own_network
from harness.outsider import HOUSES, room
from harness.place import BIN, Failed, need, wait_for
from harness.turnclient import keys

SERVER, REALM, USER, PASSWORD = "203.0.113.1", "relay.example", "u1", "correct horse"
MESSAGES = 100


class Agent:
    def __init__(self, case, room, transport, policy, role):
        self.lines = []
        argv = room.words(os.path.join(BIN, "gh-nice-agent"), SERVER, "3478", USER, PASSWORD, transport, policy, role, str(MESSAGES))
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        case.addCleanup(self.close)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line.split())

    def close(self):
        self.child.kill()
        self.child.wait()
        self.reader.join()
        self.child.stdin.close()
        self.child.stdout.close()

    def says(self, word, seconds=30):
        def look():
            for line in self.lines:
                if line[0] == "failed":
                    raise Failed(" ".join(line))
                if line[0] == word:
                    return line
            return None
        return wait_for("the agent says " + word, look, seconds)

    def hears(self, other):
        self.child.stdin.write(other.says("description")[1] + "\n")
        self.child.stdin.flush()

    def candidates(self):
        """Types of its own candidates."""
        text = base64.b64decode(self.says("description")[1]).decode()
        return [line.split()[7] for line in text.splitlines() if line.startswith("a=candidate")]


class TurnIce(PeerCase):
    @classmethod
    def build(cls):
        own_network(SERVER + "/32")
        cls.rooms = [room(cls, n) for n in (1, 2)]
        cls.gh = cls.gatehouse("near.example", settings=(
            "set turn listen-udp v4 %s 3478" % SERVER, "set turn realm " + REALM, "set turn relay-address v4 " + SERVER,
            'set turn user %s key "%s"' % (USER, keys(USER, PASSWORD, REALM)),
            "set turn allow-peer houses " + HOUSES))
        cls.gh.start()
        wait_for("the relay listens", lambda: "turn.listening" in cls.gh.log(), 10)

    def meet(self, first, second, transports=("udp", "udp")):
        a = Agent(self, self.rooms[0], transports[0], first, "controlling")
        b = Agent(self, self.rooms[1], transports[1], second, "controlled")
        a.hears(b)
        b.hears(a)
        pair = a.says("connected")[1:]
        self.assertEqual(a.says("echoed"), ["echoed", str(MESSAGES)])
        return a, b, pair

    def test_one_forced_to_relay(self):
        a, b, pair = self.meet("relay", "any")
        self.assertEqual(set(a.candidates()), {"relay"})
        self.assertEqual(pair[0], "relay")
        self.assertTrue(self.gh.records("show", "turn", "allocations"))

    def test_both_forced_to_relay(self):
        a, b, pair = self.meet("relay", "relay")
        self.assertEqual(set(a.candidates() + b.candidates()), {"relay"})
        self.assertEqual(pair[0], "relay")

    def test_the_inside_is_not_for_them(self):
        """Their private addresses are told as candidates, and refused by the relay with a line that says why."""
        self.meet("relay", "any")
        self.assertRegex(self.gh.log(), r"turn\.refused.*192\.168\.1\.10")
