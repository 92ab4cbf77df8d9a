"""NAT behaviour discovery (RFC 5780) with coturn's tools: client, NAT and relay each in a network of its own."""
import re
import subprocess

from harness.case import PeerCase
from harness.netns import Namespace, here, own_network
from harness.place import need, wait_for

FIRST, SECOND, OUTSIDE, INSIDE, CLIENT, OTHER = "10.78.1.1", "10.78.1.2", "10.78.1.254", "10.78.2.1", "10.78.2.2", "10.78.2.3"
DOORS = {"a": (FIRST, 3478), "b": (FIRST, 3479), "c": (SECOND, 3478), "d": (SECOND, 3479)}

NAT = """flush ruleset
table ip nat {
  chain in {
    type nat hook prerouting priority -100
    %s
  }
  chain out {
    type nat hook postrouting priority 100
    oifname outside %s
  }
}"""
PORT_PRESERVING = NAT % ("", "masquerade")
SYMMETRIC = NAT % ("", "masquerade fully-random")
OPEN = NAT % ("iifname outside dnat to " + CLIENT, "snat to " + OUTSIDE)
NONE = "flush ruleset"


class Discovery(PeerCase):
    @classmethod
    def build(cls):
        own_network()
        cls.nat, cls.client = Namespace(cls), Namespace(cls)
        cls.nat.wire("near", "outside", OUTSIDE + "/24", far=(FIRST + "/24", SECOND + "/24"))
        cls.client.wire("inside", "c", CLIENT + "/24", to=cls.nat, far=(INSIDE + "/24",))
        cls.client.ip("addr", "add", OTHER + "/24", "dev", "c")
        cls.client.ip("route", "add", "default", "via", INSIDE)
        cls.nat.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        here("route", "add", "10.78.2.0/24", "via", OUTSIDE)
        cls.gh = cls.gatehouse("near.example", settings=(
            *("set turn listen-udp %s %s %d" % ((k,) + v) for k, v in DOORS.items()), "set turn realm relay.example"))
        cls.gh.start()
        wait_for("the doors are open", lambda: cls.gh.log().count("turn.listening") == 2 * len(DOORS), 10)

    def ask(self, *words, rules=PORT_PRESERVING, tool="turnutils_natdiscovery"):
        self.nat.nft(rules)
        got = subprocess.run(self.client.words(need("timeout"), "20", need(tool), *words, "-L", CLIENT, FIRST),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        return got.stdout

    def test_1_off(self):
        """Until it is switched on, answers say nothing of it."""
        out = self.ask("-m")
        self.assertIn("UDP reflexive addr: %s:" % OUTSIDE, out)
        self.assertNotIn("RFC 5780", out)

    def test_2_a_door_is_missing(self):
        got = self.gh.ghsh(("delete turn listen-udp d", "set turn discovery on", "commit", "discard"), check=False)
        self.assertIn("turn discovery %s:3479: gh-turn: this turn listen-udp row is missing" % SECOND, got)

    def test_3_mapping_and_filtering(self):
        self.gh.commit("set turn discovery on")
        rows = (("port preserving", PORT_PRESERVING, "NAT with Endpoint Independent Mapping", "NAT with Address and Port Dependent Filtering"),
                ("symmetric", SYMMETRIC, "NAT with Address and Port Dependent Mapping", "NAT with Address and Port Dependent Filtering"),
                ("open", OPEN, "NAT with Endpoint Independent Mapping", "NAT with Endpoint Independent Filtering"),
                ("none", NONE, "No NAT!", "NAT with Endpoint Independent Filtering"))
        for name, rules, mapping, filtering in rows:
            with self.subTest(nat=name):
                self.assertIn(mapping, self.ask("-m", rules=rules))
                self.assertIn(filtering, self.ask("-f", rules=rules))

    def test_4_padding(self):
        """Requests and answers of 1500 bytes pass in fragments."""
        self.gh.commit("set turn discovery on")
        self.assertIn("NAT with Endpoint Independent Mapping", self.ask("-m", "-P"))

    def test_5_another_port(self):
        """RESPONSE-PORT: the tool's third answer comes to its second socket."""
        self.gh.commit("set turn discovery on")
        out = self.ask(rules=NONE, tool="turnutils_stunclient")
        ports = re.findall(r"UDP reflexive addr: %s:(\d+)" % CLIENT, out)
        self.assertEqual(len(ports), 3, out)
        self.assertEqual(int(ports[2]), int(ports[0]) + 1, out)

    def test_6_behind_static_nat(self):
        public = {FIRST: "198.51.100.1", SECOND: "198.51.100.2"}
        self.gh.commit("set turn discovery on", *("set turn discovery-address %s %s" % (k, public[v[0]]) for k, v in DOORS.items()))
        out = self.ask("-f")
        self.assertIn("Response origin: : 198.51.100.1:3478", out)
        self.assertIn("Other addr: : 198.51.100.2:3479", out)
