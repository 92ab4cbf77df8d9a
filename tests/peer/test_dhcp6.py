"""Addresses by DHCPv6: gh-dhcp and gh-priv against dnsmasq, Kea, and a server that means harm. Root only."""
import os
import re
import socket
import subprocess

from harness.dhcp import ADVERTISE6, REPLY6, SOLICIT6, Dnsmasq6, Kea6, Rogue6, ia6, message6, option6
from harness.place import need, wait_for
from test_dhcp import DhcpCase

NET = "2001:db8:78:1::"


class Dhcp6Case(DhcpCase):
    @classmethod
    def build(cls):
        super().build()
        cls.one.ip("addr", "add", NET + "2/64", "dev", "far0", "nodad")
        cls.gh.commit("set federation listen six :: 5269")

    def tearDown(self):
        self.gh.ghsh(["delete interface a ipv6", "commit"], check=False)
        for s in self.servers:
            s.close()
        self.wait_addresses("port0")

    def addresses(self, device):
        return sorted("%s/%d" % (a["local"], a["prefixlen"]) for l in self.ip("-6", "addr", "show", "dev", device) for a in l["addr_info"]
                      if a["scope"] == "global")

    def wait_lease(self, address, seconds=20):
        self.wait_addresses("port0", address + "/128", seconds=seconds)

    def use(self):
        self.gh.commit("set interface a ipv6 dhcp")

    def why(self):
        return self.row().get("dhcp6", "")


class TestDhcp6(Dhcp6Case):
    def test_a_lease_is_used_told_and_given_back(self):
        server = self.serve(Dnsmasq6, NET + "100", NET + "100", "--dhcp-option=option6:dns-server,[%s2]" % NET,
                            "--dhcp-option=option6:ntp-server,[%s7]" % NET)
        self.use()
        self.wait_lease(NET + "100")  # and none by SLAAC, which the network offers, too
        wait_for("the router is the way out", lambda: [r["protocol"] for r in self.ip("-6", "route", "show", "default")] == ["ra"], 60)
        row = self.row()
        self.assertEqual((row["dhcp6"], row["dhcp6_dns"], row["dhcp6_ntp"]), ("leased", NET + "2", NET + "7"))
        # what dnsmasq sends from: its global address as long as the other one is tentative
        self.assertTrue(row["dhcp6_server"].startswith("fe80::") or row["dhcp6_server"] == NET + "2", row["dhcp6_server"])
        self.assertTrue(100 < int(row["dhcp6_left_s"]) <= 120)
        self.assertFalse(self.has_alarm())
        self.assertNotIn("546", self.gh.operator("show", "firewall").stdout)
        wait_for("no tentative address", lambda: "tentative" not in str(self.ip("-6", "addr", "show", "dev", "port0")), 10)
        with self.one:
            socket.create_connection((NET + "100", 5269), 10).close()
        self.assertEqual(self.addresses("port0"), [NET + "100/128"])
        # A program that ends loses no lease.
        old = self.gh.pids()["gh-priv/0"]
        self.gh.kill("gh-priv")
        wait_for("gh-priv is back", lambda: self.gh.pids().get("gh-priv/0") not in (None, old), 20)
        wait_for("it knows the lease", lambda: self.gh.operator("show", "interfaces").returncode == 0 and self.why() == "leased", 20)
        self.assertEqual(self.addresses("port0"), [NET + "100/128"])
        self.gh.commit("delete interface a ipv6")
        self.wait_addresses("port0")
        wait_for("it is given back", lambda: "DHCPRELEASE" in server.said(), 10)
        wait_for("gh-dhcp is not needed any more", lambda: "gh-dhcp/0" not in self.gh.pids(), 20)

    def test_a_device_without_ipv6_is_told(self):
        def turn(value):
            subprocess.run([need("sysctl"), "-qw", "net.ipv6.conf.port0.disable_ipv6=" + value], check=True)
        self.serve(Kea6, NET + "/64", NET + "90", NET + "90", 3600)
        turn("1")
        try:
            self.use()
            wait_for("an alarm", self.has_alarm, 30)
            self.assertIn("link-local", self.why())
        finally:
            turn("0")
        self.wait_lease(NET + "90", seconds=30)
        wait_for("no alarm", lambda: not self.has_alarm(), 10)

    def test_an_address_that_another_machine_has_is_declined(self):
        self.one.ip("addr", "add", NET + "60/64", "dev", "far0", "nodad")
        try:
            server = self.serve(Kea6, NET + "/64", NET + "60", NET + "61", 3600)
            self.use()
            wait_for("it is declined", lambda: "DHCP6_DECLINE" in server.said(), 30)
            wait_for("an alarm, or the next address", lambda: "another machine" in self.why() or self.why() == "leased", 10)
            self.wait_lease(NET + "61", seconds=60)
            wait_for("no alarm", lambda: not self.has_alarm(), 10)
        finally:
            self.one.ip("addr", "del", NET + "60/64", "dev", "far0")


class TestShortLeases6(Dhcp6Case):
    def test_renewed_confirmed_and_ended(self):
        server = self.serve(Kea6, NET + "/64", NET + "70", NET + "70", 12)
        self.use()
        self.wait_lease(NET + "70")
        wait_for("two renewals", lambda: len(set(re.findall(r"tid=(\w+): RENEW", server.said()))) >= 2, 30)
        self.one.ip("link", "set", "far0", "down")
        wait_for("no carrier", lambda: self.row()["link"] == "no carrier", 10)
        self.one.ip("link", "set", "far0", "up")
        self.one.ip("addr", "replace", NET + "2/64", "dev", "far0", "nodad")
        wait_for("it is confirmed", lambda: "CONFIRM" in server.said(), 20)
        self.assertEqual(self.addresses("port0"), [NET + "70/128"])
        self.assertFalse(self.has_alarm())
        server.close()
        self.wait_addresses("port0", seconds=30)
        wait_for("an alarm", self.has_alarm, 5)
        self.assertIn("lease has ended", self.why())
        self.serve(Kea6, NET + "/64", NET + "71", NET + "71", 60)
        self.wait_lease(NET + "71", seconds=60)
        wait_for("no alarm", lambda: not self.has_alarm(), 5)

    def test_another_network_at_the_same_cable(self):
        first = self.serve(Kea6, NET + "/64", NET + "72", NET + "72", 3600)
        self.use()
        self.wait_lease(NET + "72")
        first.close()
        self.serve(Kea6, "2001:db8:78:9::/64", "2001:db8:78:9::5", "2001:db8:78:9::5", 3600)
        self.one.ip("link", "set", "far0", "down")
        wait_for("no carrier", lambda: self.row()["link"] == "no carrier", 10)
        self.one.ip("link", "set", "far0", "up")
        self.wait_lease("2001:db8:78:9::5", seconds=60)
        self.one.ip("addr", "replace", NET + "2/64", "dev", "far0", "nodad")


class TestRogue6(Dhcp6Case):
    def test_what_makes_no_sense_is_skipped(self):
        def answers(ask, kind):
            if kind != SOLICIT6:
                return []
            bad = [ia6(a, 100, 200) for a in ("::", "::1", "ff02::1", "fe80::9", "::ffff:10.78.1.9")] + [
                ia6(NET + "66", 300, 200), ia6(NET + "66", 1, 2), ia6(NET + "66", 100, 200, times=(9, 5)), ia6(NET + "66", 100, 200, iaid=b"\0\0\0b"),
                ia6(NET + "66", 100, 200, option6(13, b"\0\2no"))]
            good = ia6(NET + "66", 100, 200)
            whole = message6(ask, ADVERTISE6, good, option6(7, b"\xff"))
            return [message6(ask, ADVERTISE6, b, option6(7, b"\xff")) for b in bad] + [
                b"", b"\2", whole[:3], whole[:-1], whole[:40], whole + b"\0", message6(ask, REPLY6, good),
                message6(ask, ADVERTISE6, good, xid=b"\1\2\3"), message6(ask, ADVERTISE6, good, server=b"\0"), message6(ask, 10, good),
                message6(ask, ADVERTISE6, good, option6(13, b"\0\1no")), whole.replace(option6(1, b"")[:2], b"\0\x63", 1),
            ] * 3 + [b"\2" + ask[1:4] + os.urandom(n) for n in range(0, 1300, 13)]
        rogue = self.serve(Rogue6, answers)
        self.use()
        wait_for("it is heard", lambda: rogue.heard.count(SOLICIT6) >= 2, 30)
        pid = self.gh.pids()["gh-dhcp/0"]
        self.assertEqual(set(rogue.heard), {SOLICIT6})  # nothing of it was taken for an offer
        self.assertEqual(self.addresses("port0"), [])
        rogue.close()
        self.serve(Dnsmasq6, NET + "104", NET + "104")
        self.wait_lease(NET + "104", seconds=90)
        self.assertEqual(self.gh.pids()["gh-dhcp/0"], pid)

    def test_a_lease_in_anothers_subnet_is_not_taken(self):
        self.gh.commit("set interface b ipv6 static", "set interface b ipv6-address 2001:db8:78:2::1/64")
        try:
            self.serve(Kea6, "2001:db8:78:2::/64", "2001:db8:78:2::50", "2001:db8:78:2::50", 3600)
            self.use()
            wait_for("an alarm", self.has_alarm, 30)
            self.assertIn("G-NET-04", self.why())
            self.assertEqual(self.addresses("port0"), [])
        finally:
            self.gh.commit("delete interface b ipv6", "delete interface b ipv6-address")
