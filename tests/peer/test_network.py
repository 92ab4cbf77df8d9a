"""The appliance's network: gh-priv in a network of its own, with Ethernet pairs to two neighbours. Root only."""
import json
import os
import socket
import subprocess

from harness.case import PeerCase
from harness.netns import Namespace, here, own_network
from harness.place import Failed, need, wait_for


class TestNetwork(PeerCase):
    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("the network is tried as root only: it needs CAP_NET_ADMIN")
        own_network()
        cls.one, cls.two = Namespace(cls), Namespace(cls)
        cls.one.wire("port0", "far0", "10.78.1.2/24")
        cls.two.wire("port1", "far1", "10.78.2.2/24")
        here("link", "set", "port0", "down")
        cls.gh = cls.gatehouse("network.example")
        cls.gh.super_options = ["--appliance"]
        cls.gh.start(is_empty=True)
        wait_for("gh-priv answers", lambda: cls.gh.operator("show", "interfaces").returncode == 0, 10)
        cls.gh.commit(
            "set interface a device port0", "set interface a ipv4 static",
            "set interface a ipv4-address 10.78.1.1/24 10.78.1.3/24", "set interface a ipv4-gateway 10.78.1.2",
            "set interface b device port1", "set interface b ipv4 static",
            "set interface b ipv4-address 10.78.2.1/24", "set interface b ipv4-gateway 10.78.2.2", "set interface b mtu 1400",
            "set federation listen all 0.0.0.0 5269")

    @staticmethod
    def ip(*words):
        return json.loads(subprocess.run([need("ip"), "-j"] + list(words), check=True, stdout=subprocess.PIPE, text=True).stdout or "[]")

    def addresses(self, device):
        return sorted(a["local"] for l in self.ip("addr", "show", "dev", device) for a in l["addr_info"] if a["family"] == "inet")

    def wait_addresses(self, device, *wanted):
        wait_for("addresses %s on %s" % (wanted, device), lambda: self.addresses(device) == sorted(wanted), 10)

    def test_addresses_links_and_routes_are_as_set(self):
        self.wait_addresses("port0", "10.78.1.1", "10.78.1.3")
        self.wait_addresses("port1", "10.78.2.1")
        self.assertIn("UP", self.ip("link", "show", "dev", "port0")[0]["flags"])
        self.assertEqual(self.ip("link", "show", "dev", "port1")[0]["mtu"], 1400)
        self.assertEqual([r["gateway"] for r in self.ip("-4", "route", "show", "default")], ["10.78.1.2", "10.78.2.2"])
        rows = {r["interface"]: r for r in self.gh.records("show", "interfaces")}
        self.assertEqual(rows["a"]["link"], "up")
        self.assertIn("10.78.1.3/24", rows["a"]["addresses"])
        self.assertEqual(rows["b"]["device"], "port1")

    def test_answers_leave_where_they_came_in(self):
        """A stranger behind b asks b's address: without b's own table the answer would go to a's gateway."""
        self.two.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
        self.two.ip("route", "replace", "10.78.2.1/32", "dev", "far1", "src", "192.0.2.9")
        self.reach(self.two, "10.78.2.1")
        self.two.ip("route", "del", "10.78.2.1/32", "dev", "far1")

    def reach(self, who, address, port=5269, seconds=5):
        with who:
            s = socket.socket()
            s.settimeout(seconds)
            s.connect((address, port))
        return s

    def test_only_listeners_let_in(self):
        self.reach(self.one, "10.78.1.1").close()
        with socket.create_server(("10.78.1.1", 7003)):
            self.assertRaises(TimeoutError, self.reach, self.one, "10.78.1.1", 7003, 1)
        self.gh.commit("set federation listen more 10.78.1.1 7004")
        self.reach(self.one, "10.78.1.1", 7004).close()
        self.gh.commit("delete federation listen more")
        self.assertRaises(TimeoutError, self.reach, self.one, "10.78.1.1", 7004, 1)

    def test_what_others_change_is_put_right(self):
        self.wait_addresses("port0", "10.78.1.1", "10.78.1.3")
        here("addr", "add", "203.0.113.7/24", "dev", "port0")
        here("addr", "del", "10.78.1.1/24", "dev", "port0")
        self.wait_addresses("port0", "10.78.1.1", "10.78.1.3")
        here("link", "set", "port0", "down")
        wait_for("the link is up", lambda: "UP" in self.ip("link", "show", "dev", "port0")[0]["flags"], 10)
        wait_for("the routes are back", lambda: len(self.ip("-4", "route", "show", "default")) == 2, 10)

    def wait_rule(self):
        wait_for("the rule of b's address", lambda: any(r.get("table") == "1001" for r in self.ip("rule", "show")), 10)

    def test_a_killed_program_converges(self):
        self.wait_addresses("port1", "10.78.2.1")
        self.wait_rule()
        old = self.gh.pid("gh-priv")
        os.kill(old, 19)  # SIGSTOP: it does not see what comes
        here("addr", "add", "203.0.113.8/24", "dev", "port1")
        here("rule", "del", "from", "10.78.2.1", "table", "1001")
        self.gh.kill("gh-priv")
        self.wait_addresses("port1", "10.78.2.1")
        self.wait_rule()

    def test_commit_confirm_reverts_a_cut(self):
        self.wait_addresses("port0", "10.78.1.1", "10.78.1.3")
        far = self.reach(self.one, "10.78.1.3")
        self.gh.ghsh(["set interface a ipv4-address 10.78.1.1/24", "commit confirm 1"])
        self.wait_addresses("port0", "10.78.1.1")
        far.sendall(b"<?xml version='1.0'?>")
        self.assertRaises(OSError, self.reach, self.one, "10.78.1.3", 5269, 1)
        self.gh.ghsh(["revert"])
        self.wait_addresses("port0", "10.78.1.1", "10.78.1.3")
        far.settimeout(30)
        far.sendall(b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='network.example'"
                    b" from='far.example' version='1.0'>")
        self.assertIn(b"stream", far.recv(1000))
        far.close()

    def test_advertisements_count_only_with_slaac(self):
        knob = "/proc/sys/net/ipv6/conf/port1/accept_ra"

        def accepts():
            return subprocess.run([need("cat"), knob], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        wait_for("no advertisements", lambda: accepts() == "0", 5)
        self.gh.commit("set interface b ipv6 slaac")
        wait_for("advertisements", lambda: accepts() == "1", 5)
        self.gh.commit("delete interface b ipv6")
        wait_for("no advertisements", lambda: accepts() == "0", 5)

    def test_static_routes_are_for_the_box_and_for_answers(self):
        self.gh.commit("set interface b routes \"10.99.0.0/16 via 10.78.2.9\"")
        for table in ("main", "1001"):
            wait_for("the route in %s" % table, lambda: [r.get("gateway") for r in self.ip("route", "show", "10.99.0.0/16", "table", table)] == ["10.78.2.9"], 5)
        here("route", "del", "10.99.0.0/16", "table", "1001")
        wait_for("it is back", lambda: self.ip("route", "show", "10.99.0.0/16", "table", "1001"), 10)
        self.assertIn("not in a subnet", self.gh.ghsh(["set interface b routes \"10.99.0.0/16 via 10.78.1.9\"", "commit"], check=False))
        self.gh.commit("delete interface b routes")
        wait_for("it is gone", lambda: not self.ip("route", "show", "10.99.0.0/16", "table", "main"), 5)

    def test_without_the_image_there_are_no_slots(self):
        """This machine is none of the image: gh-update runs, and says so."""
        pid = self.gh.pids()["gh-update/0"]
        got = self.gh.operator("upgrade", "status")
        self.assertEqual(got.returncode, 0)
        self.assertIn("no slots", got.stdout + got.stderr)
        for words in (("upgrade", "confirm"), ("upgrade", "rollback")):
            got = self.gh.operator(*words)
            self.assertNotEqual(got.returncode, 0)
            self.assertIn("no slots", got.stdout + got.stderr)
        upgrade = self.place.path("upgrade.img")
        with open(upgrade, "wb") as f:
            f.write(bytes(4096))
        self.assertIn("no slots", self.gh.ghsh(["upgrade install " + upgrade], check=False))
        self.assertEqual(self.gh.pids()["gh-update/0"], pid)
        self.assertFalse(any(a["key"] == "gh-update/0" for a in self.gh.records("show", "alarms")))

    def test_a_missing_device_is_an_alarm(self):
        self.gh.commit("set interface c device port7")
        wait_for("an alarm", lambda: any(a["alarm"] == "NetworkDeviceMissing" for a in self.gh.records("show", "alarms")), 10)
        self.gh.commit("delete interface c")

    def test_what_is_no_network_is_refused(self):
        for line, why in (("set interface e ipv4 off", "a, b, c and d"),
                          ("set interface c ipv4-address 10.78.1", "prefix"),
                          ("set interface b ipv4-address 10.78.1.9/16", "G-NET-04")):
            got = self.gh.ghsh([line, "commit"], check=False)
            self.assertIn(why, got)
        self.wait_addresses("port1", "10.78.2.1")


class TestPlanes(PeerCase):
    """Federation on a, management on b: whoever is at the wrong cable reaches nothing, whatever address the port is on."""

    @classmethod
    def build(cls):
        own_network()
        cls.one, cls.two = Namespace(cls), Namespace(cls)
        cls.one.wire("port0", "far0", "10.78.1.2/24")
        cls.two.wire("port1", "far1", "10.78.2.2/24")
        cls.gh = cls.gatehouse("network.example")
        cls.gh.super_options = ["--appliance"]
        cls.gh.start(is_empty=True)
        wait_for("gh-priv answers", lambda: cls.gh.operator("show", "interfaces").returncode == 0, 10)
        cls.gh.commit(*cls.gh.script()[:2], "set interface a device port0", "set interface a ipv4 static",
                      "set interface a ipv4-address 10.78.1.1/24", "set interface b device port1", "set interface b ipv4 static",
                      "set interface b ipv4-address 10.78.2.1/24", "set federation listen all 0.0.0.0 5269",
                      "set web certificate own", "set web listen all 0.0.0.0 443")
        # Strangers may try the other interface's address, too.
        cls.one.ip("route", "add", "10.78.2.0/24", "via", "10.78.1.1")
        cls.two.ip("route", "add", "10.78.1.0/24", "via", "10.78.2.1")

    def reaches(self, who, address, port):
        with who, socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex((address, port)) == 0

    def reached(self):
        """Who reaches which port of which address."""
        return {(name, address[6], port) for name, who in (("one", self.one), ("two", self.two))
                for address in ("10.78.1.1", "10.78.2.1") for port in (443, 5269) if self.reaches(who, address, port)}

    def test_services_are_reached_by_their_plane_alone(self):
        everything = {(w, n, p) for w in ("one", "two") for n in "12" for p in (443, 5269)}
        wait_for("every service from everywhere", lambda: self.reached() == everything, 20)
        self.gh.commit("set interface a plane dmz", "set interface b plane management")
        apart = {("one", "1", 5269), ("one", "2", 5269), ("two", "1", 443), ("two", "2", 443)}
        wait_for("services by their plane alone", lambda: self.reached() == apart, 20)
        self.assertIn("meta iifgroup { 101 } meta nfproto ipv4 tcp dport 443", self.gh.operator("show", "firewall").stdout)
        # A cut is taken back by itself.
        self.gh.ghsh(["set interface b plane dmz", "set interface a plane management", "commit confirm 1"])
        wait_for("the cut", lambda: not self.reaches(self.two, "10.78.2.1", 443), 10)
        wait_for("the web is back", lambda: self.reaches(self.two, "10.78.2.1", 443), 90)
        self.assertFalse(self.reaches(self.one, "10.78.1.1", 443))
        got = self.gh.ghsh(["set web listen all 10.78.1.1 443", "commit"], check=False)
        self.assertIn("interface a has this address, and is of plane dmz", got)
        self.gh.commit("delete interface a plane", "delete interface b plane")
        wait_for("everything by everything", lambda: self.reached() == everything, 20)


class TestNotOurs(PeerCase):
    """Without --appliance the host's network is not touched."""

    @classmethod
    def build(cls):
        own_network()
        cls.gh = cls.gatehouse("plain.example").start(is_empty=True)

    def test_interfaces_are_refused(self):
        got = self.gh.ghsh(["set interface a ipv4 off", "commit"], check=False)
        self.assertIn("--appliance", got)
        self.assertNotIn("gh-priv/0", self.gh.pids())
