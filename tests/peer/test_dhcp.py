"""Addresses by DHCP: gh-dhcp and gh-priv against dnsmasq, Kea, and servers that mean harm. Root only."""
import json
import os
import socket
import subprocess

from harness.case import PeerCase
from harness.dhcp import ACK, DISCOVER, NAK, OFFER, REQUEST, Dnsmasq, Kea, Rogue, message, option
from harness.netns import Namespace, here, own_network
from harness.place import Failed, need, wait_for

MASK = option(1, b"\xff\xff\xff\0")


class DhcpCase(PeerCase):
    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("the network is tried as root only: it needs CAP_NET_ADMIN")
        own_network()
        cls.one, cls.two = Namespace(cls), Namespace(cls)
        cls.one.wire("port0", "far0", "10.78.1.2/24")
        cls.two.wire("port1", "far1", "10.78.2.2/24")
        cls.gh = cls.gatehouse("network.example")
        cls.gh.super_options = ["--appliance"]
        cls.gh.start(is_empty=True)
        wait_for("gh-priv answers", lambda: cls.gh.operator("show", "interfaces").returncode == 0, 10)
        cls.gh.commit(*cls.gh.script()[:2], "set interface a device port0", "set interface b device port1", "set interface b ipv4 static",
                      "set interface b ipv4-address 10.78.2.1/24", "set federation listen all 0.0.0.0 5269",
                      "set federation mode open")

    def setUp(self):
        self.servers = []

    def tearDown(self):
        self.gh.ghsh(["delete interface a ipv4", "commit"], check=False)
        for s in self.servers:
            s.close()
        self.wait_addresses("port0")

    def serve(self, kind, *options):
        self.servers.append(kind(self, self.one, "far0", *options))
        return self.servers[-1]

    @staticmethod
    def ip(*words):
        return json.loads(subprocess.run([need("ip"), "-j"] + list(words), check=True, stdout=subprocess.PIPE, text=True).stdout or "[]")

    def addresses(self, device):
        return sorted(a["local"] for l in self.ip("addr", "show", "dev", device) for a in l["addr_info"] if a["family"] == "inet")

    def wait_addresses(self, device, *wanted, seconds=15):
        wait_for("addresses %s on %s" % (wanted, device), lambda: self.addresses(device) == sorted(wanted), seconds)

    def row(self, name="a"):
        return next(r for r in self.gh.records("show", "interfaces") if r["interface"] == name)

    def has_alarm(self, name="DhcpNoLease"):
        return any(a["alarm"] == name for a in self.gh.records("show", "alarms"))

    def use(self):
        self.gh.commit("set interface a ipv4 dhcp")


class TestDhcp(DhcpCase):
    def test_a_lease_is_used_told_and_given_back(self):
        server = self.serve(Dnsmasq, "10.78.1.100", "10.78.1.100", "--dhcp-option=option:router,10.78.1.2",
                            "--dhcp-option=option:dns-server,10.78.1.2", "--dhcp-option=option:ntp-server,10.78.1.7")
        self.use()
        self.wait_addresses("port0", "10.78.1.100")
        wait_for("a default route", lambda: [r["gateway"] for r in self.ip("-4", "route", "show", "default")] == ["10.78.1.2"], 5)
        wait_for("a rule", lambda: any(r.get("src") == "10.78.1.100" and r.get("table") == "1000" for r in self.ip("rule", "show")), 5)
        row = self.row()
        self.assertEqual((row["dhcp"], row["dhcp_server"], row["dhcp_dns"], row["dhcp_ntp"]), ("leased", "10.78.1.2", "10.78.1.2", "10.78.1.7"))
        self.assertTrue(100 < int(row["dhcp_left_s"]) <= 120)
        self.assertFalse(self.has_alarm())
        self.assertEqual([(l[2], l[3]) for l in server.leased()], [("10.78.1.100", "gatehouse")])  # system name
        # The packet filter has no hole for it.
        self.assertNotIn("dport 68", self.gh.operator("show", "firewall").stdout)
        self.gh.commit("delete interface a ipv4")
        self.wait_addresses("port0")
        wait_for("it is given back", lambda: server.leased() == [], 5)
        wait_for("gh-dhcp is not needed any more", lambda: "gh-dhcp/0" not in self.gh.pids(), 10)

    def test_name_servers_of_the_lease_are_asked_until_there_is_a_setting(self):
        server = self.serve(Dnsmasq, "10.78.1.101", "10.78.1.101", "--dhcp-option=option:dns-server,10.78.1.2")
        self.use()
        self.wait_addresses("port0", "10.78.1.101")

        def asks(domain):
            self.gh.operator("federation", "check", domain)
            return "_xmpp-server._tcp." + domain in server.said()
        wait_for("a query at the lease's server", lambda: asks("one.example"), 20)
        self.gh.commit("set dns server 1 127.0.0.1 9")
        self.assertFalse(asks("two.example"))
        self.gh.commit("delete dns server 1")
        wait_for("a query there again", lambda: asks("three.example"), 20)
        self.gh.commit("set interface a dhcp-dns off")
        wait_for("no query there", lambda: not asks("four%d.example" % len(server.said())), 20)
        self.gh.commit("delete interface a dhcp-dns")

    def test_a_resolver_that_asks_servers_of_a_lease_alone(self):
        refused = self.gh.ghsh(["set dns resolver forward", "commit"], check=False)
        self.assertIn("no name would resolve", refused)
        said = self.gh.ghsh(["set interface a ipv4 dhcp", "set dns resolver forward", "commit"])
        self.assertIn("without a lease no name resolves", said)
        try:
            wait_for("an alarm", lambda: self.has_alarm("DnsUnreachable"), 30)
            wait_for("it says so", lambda: "no name server" in self.gh.records("show", "dns")[0]["resolver"], 30)
            self.serve(Dnsmasq, "10.78.1.105", "10.78.1.105", "--dhcp-option=option:dns-server,10.78.1.2")
            self.wait_addresses("port0", "10.78.1.105", seconds=90)
            wait_for("no alarm", lambda: not self.has_alarm("DnsUnreachable"), 30)
            wait_for("it asks that one", lambda: self.gh.records("show", "dns")[0]["servers"] == "10.78.1.2:53", 30)
        finally:
            self.gh.commit("delete dns resolver")

    def test_programs_that_end_lose_no_lease(self):
        self.serve(Dnsmasq, "10.78.1.102", "10.78.1.102")
        self.use()
        self.wait_addresses("port0", "10.78.1.102")
        for name in ("gh-dhcp", "gh-priv"):
            old = self.gh.pid(name)
            self.gh.kill(name)
            wait_for("%s is back" % name, lambda: self.gh.pids().get(name + "/0") not in (None, old), 20)
            wait_for("%s knows its lease" % name, lambda: self.gh.operator("show", "interfaces").returncode == 0 and
                     self.row().get("dhcp") == "leased", 20)
            self.assertEqual(self.addresses("port0"), ["10.78.1.102"])

    def test_another_network_at_the_same_cable(self):
        """The old address is refused there (NAK): a new one comes. A stream by another interface does not notice."""
        first = self.serve(Dnsmasq, "10.78.1.103", "10.78.1.103")
        self.use()
        self.wait_addresses("port0", "10.78.1.103")
        with self.two:
            stream = socket.create_connection(("10.78.2.1", 5269), 5)
        first.close()
        self.one.ip("addr", "replace", "10.78.9.2/24", "dev", "far0")
        self.one.ip("addr", "del", "10.78.1.2/24", "dev", "far0")
        try:
            self.serve(Dnsmasq, "10.78.9.50", "10.78.9.50")
            self.one.ip("link", "set", "far0", "down")
            wait_for("no carrier", lambda: self.row()["link"] == "no carrier", 10)
            self.assertEqual(self.addresses("port0"), ["10.78.1.103"])  # the lease stands without a cable
            self.one.ip("link", "set", "far0", "up")
            self.wait_addresses("port0", "10.78.9.50", seconds=30)
        finally:
            self.one.ip("addr", "replace", "10.78.1.2/24", "dev", "far0")
            self.one.ip("addr", "del", "10.78.9.2/24", "dev", "far0")
        stream.settimeout(20)
        stream.sendall(b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
                       b" to='network.example' from='far.example' version='1.0'>")
        self.assertIn(b"stream", stream.recv(1000))
        stream.close()

    def test_a_lease_in_anothers_subnet_is_not_taken(self):
        self.one.ip("addr", "add", "10.78.2.9/24", "dev", "far0")
        self.serve(Dnsmasq, "10.78.2.50", "10.78.2.50")
        self.use()
        wait_for("an alarm", self.has_alarm, 15)
        self.assertIn("G-NET-04", self.row()["dhcp"])
        self.assertEqual(self.addresses("port0"), [])
        self.one.ip("addr", "del", "10.78.2.9/24", "dev", "far0")

    def test_no_server_is_an_alarm_and_commit_confirm_goes_back(self):
        self.gh.commit("set interface a ipv4 static", "set interface a ipv4-address 10.78.1.1/24")
        self.wait_addresses("port0", "10.78.1.1")
        self.gh.ghsh(["set interface a ipv4 dhcp", "commit confirm 1"])
        self.wait_addresses("port0")
        wait_for("an alarm", self.has_alarm, 30)
        self.assertIn("no server", self.row()["dhcp"])
        self.wait_addresses("port0", "10.78.1.1", seconds=90)
        wait_for("no alarm", lambda: not self.has_alarm(), 5)
        self.gh.commit("delete interface a ipv4-address", "delete interface a ipv4")


class TestShortLeases(DhcpCase):
    def test_renewed_and_ended(self):
        server = self.serve(Kea, "10.78.1.0/24", "10.78.1.60", "10.78.1.60", 12)
        self.use()
        self.wait_addresses("port0", "10.78.1.60")
        wait_for("two renewals", lambda: server.said().count("DHCP4_LEASE_ALLOC") + server.said().count("DHCP4_LEASE_REUSE") >= 3, 30)
        self.assertEqual(self.addresses("port0"), ["10.78.1.60"])
        self.assertFalse(self.has_alarm())
        server.close()
        self.wait_addresses("port0", seconds=20)
        wait_for("an alarm", self.has_alarm, 5)
        self.assertIn("lease has ended", self.row()["dhcp"])
        self.serve(Kea, "10.78.1.0/24", "10.78.1.61", "10.78.1.61", 60)
        self.wait_addresses("port0", "10.78.1.61", seconds=40)
        wait_for("no alarm", lambda: not self.has_alarm(), 5)

    def test_a_lease_ends_without_gh_dhcp(self):
        self.serve(Kea, "10.78.1.0/24", "10.78.1.62", "10.78.1.62", 12)
        self.use()
        self.wait_addresses("port0", "10.78.1.62")
        os.kill(self.gh.pid("gh-dhcp"), 19)  # SIGSTOP
        self.wait_addresses("port0", seconds=20)
        os.kill(self.gh.pid("gh-dhcp"), 18)


class TestRogue(DhcpCase):
    def test_a_server_that_refuses_is_asked_less_and_less(self):
        def answers(ask, kind):
            lease = (MASK, option(51, b"\0\0\1\0"))
            return [message(ask, OFFER, "10.78.1.200", "10.78.1.2", *lease) if kind == DISCOVER else message(ask, NAK, "0.0.0.0", "10.78.1.2")]
        rogue = self.serve(Rogue, answers)
        self.use()
        wait_for("an alarm", self.has_alarm, 15)
        self.assertIn("refused", self.row()["dhcp"])
        wait_for("another try", lambda: rogue.heard.count(REQUEST) >= 2, 20)
        self.assertLess(len(rogue.heard), 10)
        self.assertEqual(self.addresses("port0"), [])

    def test_what_makes_no_sense_is_skipped(self):
        def answers(ask, kind):
            if kind != DISCOVER:
                return []
            good = (MASK, option(51, b"\0\0\1\0"))
            whole = message(ask, OFFER, "10.78.1.201", "10.78.1.2", *good)
            return [b"", b"\0", whole[:236], whole[:239], whole[:244], bytes(4000), whole[:240] + b"\1\xff" + bytes(100),
                    message(ask, OFFER, "10.78.1.201", "10.78.1.2", option(1, b"\xff\xff"), good[1]),
                    message(ask, OFFER, "10.78.1.201", "10.78.1.2", option(1, b"\xff\0\xff\0"), good[1]),
                    message(ask, OFFER, "127.0.0.1", "10.78.1.2", *good), message(ask, OFFER, "224.0.0.9", "10.78.1.2", *good),
                    message(ask, OFFER, "10.78.1.255", "10.78.1.2", *good), message(ask, OFFER, "0.0.0.0", "10.78.1.2", *good),
                    message(ask, OFFER, "10.78.1.201", "10.78.1.2", MASK), message(ask, OFFER, "10.78.1.201", "10.78.1.2", MASK, option(51, b"\0\0\0\1")),
                    message(ask, OFFER, "10.78.1.201", "10.78.1.2", *good, op=1), message(ask, OFFER, "10.78.1.201", "10.78.1.2", *good, xid=b"\1\2\3\4"),
                    message(ask, ACK, "10.78.1.201", "10.78.1.2", *good)] * 3 + [os.urandom(n) for n in range(1, 600, 7)]
        rogue = self.serve(Rogue, answers)
        self.use()
        wait_for("it is heard", lambda: rogue.heard.count(DISCOVER) >= 2, 15)
        pid = self.gh.pid("gh-dhcp")
        self.assertEqual(set(rogue.heard), {DISCOVER})  # nothing of it was taken for an offer
        self.assertEqual(self.addresses("port0"), [])
        rogue.close()
        self.serve(Dnsmasq, "10.78.1.104", "10.78.1.104")
        self.wait_addresses("port0", "10.78.1.104", seconds=90)
        self.assertEqual(self.gh.pid("gh-dhcp"), pid)

